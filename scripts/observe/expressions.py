"""What an expression of PromQL names, and whether there is such a thing.

Prometheus answers a misspelt name with nothing at all, which looks like peace.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
from scripts.observe.catalog import Series

_TEXT: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_GROUPING: Final = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_RANGE: Final = re.compile(r"\[[^\]]*\]|\boffset\s+-?\w+|\$\w+")
_USE: Final = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\s*\{([^}]*)\})?")
_MATCHER: Final = re.compile(r'\s*([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*,?')
_NUMBER: Final = re.compile(r"(?<![\w:])\d[\w.]*")
_WORDS: Final = frozenset(
    {"and", "or", "unless", "bool", "by", "without", "on", "ignoring", "inf", "nan"}
    | {"group_left", "group_right", "offset"}
)
_PLAIN: Final = re.compile(r"[\w ,./|-]+")


class Matcher(msgspec.Struct, frozen=True):
    """One condition between braces.

    Attributes:
        label: Which label.
        operator: `=`, `!=`, `=~` or `!~`.
        value: What it is compared with.
    """

    label: str
    operator: str
    value: str

    @property
    def words(self) -> tuple[str, ...]:
        """The words it names; none when it is a pattern that names no words."""
        if self.operator in {"=", "!="}:
            return (self.value,) if self.value else ()
        plain = _PLAIN.fullmatch(self.value) is not None
        return tuple(self.value.split("|")) if plain else ()


class Use(msgspec.Struct, frozen=True):
    """One metric in an expression.

    Attributes:
        name: Its name.
        matchers: What its labels must be.
    """

    name: str
    matchers: tuple[Matcher, ...]


def uses(expression: str) -> Iterator[Use]:
    """Every metric an expression names, in its order."""
    for match in _USE.finditer(_bare(expression)):
        name, braces = match.groups()
        after = expression_after(_bare(expression), match.end())
        if name in _WORDS or after.startswith("("):
            continue
        found = _MATCHER.finditer(braces or "")
        yield Use(name, tuple(Matcher(*each.groups()) for each in found))


def groupings(expression: str) -> set[str]:
    """Every label that is grouped by, or matched on."""
    names: set[str] = set()
    for match in _GROUPING.finditer(_TEXT.sub('""', expression)):
        names |= set(_NAME.findall(match[2]))
    return names


def complaints(expression: str, known: Mapping[str, Series]) -> list[str]:
    """What an expression names that there is not, a sentence each."""
    found: list[str] = []
    labels: set[str] = set()
    for use in uses(expression):
        series = known.get(use.name)
        if series is None:
            found.append(f"there is no metric {use.name}")
            continue
        labels |= set(series.labels)
        for matcher in use.matchers:
            found += _of_matcher(series, matcher)
    return found + [f"no metric here has a label {name}" for name in groupings(expression) - labels]


def _of_matcher(series: Series, matcher: Matcher) -> list[str]:
    if matcher.label not in series.labels:
        return [f"{series.name} has no label {matcher.label}"]
    words = series.words.get(matcher.label)
    strange = [] if words is None else [word for word in matcher.words if word not in words]
    return [f"{matcher.label} of {series.name} is never {word}" for word in strange]


def expression_after(expression: str, at: int) -> str:
    """What follows a place, blanks aside."""
    return expression[at:].lstrip()


def _bare(expression: str) -> str:
    """The expression without groupings, ranges, offsets and numbers: names are left."""
    kept = re.split(r'("(?:[^"\\]|\\.)*")', expression)
    code = [part if at % 2 else _stripped(part) for at, part in enumerate(kept)]
    return "".join(code)


def _stripped(code: str) -> str:
    for each in (_GROUPING, _RANGE, _NUMBER):
        code = each.sub(" ", code)
    return code
