"""The registry is the only place that knows feeds: nothing else reads their files or their versions."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import ssmd

SOURCE = Path(ssmd.__file__).parent
READERS = frozenset({"load", "parse", "convert", "decode"})
"""What makes a typed configuration of plain values or text."""
OURS = frozenset({"FeedConfig", "EnvironmentConfig", "Version"})
"""What only `feeds` may make so."""
FILE = "feed.yaml"
WORDS = (*OURS, "versions", "parser_config", FILE, "registry")
"""Without any of these there is nothing to find."""
MAY_NAME_IT = frozenset({"operator/names.py"})
"""The operator mounts a ConfigMap whose key has that name; it opens no such file."""


def trespasses(tree: ast.AST, place: str) -> Iterator[str]:
    """Where a module reads feeds by itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _reads(node, place)
        elif isinstance(node, ast.Attribute) and node.attr in {"versions", "parser_config"}:
            owner = ast.unparse(node.value)
            if "feed" in owner.lower():
                yield f"{place}:{node.lineno} looks into {owner}.{node.attr}"
        elif isinstance(node, ast.Constant) and node.value == FILE and place not in MAY_NAME_IT:
            yield f"{place}:{node.lineno} names the file"


def _reads(node: ast.Call, place: str) -> Iterator[str]:
    called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    given = [*node.args, *(keyword.value for keyword in node.keywords)]
    named = {ast.unparse(each).rpartition(".")[2] for each in given}
    if called in READERS and named & OURS:
        yield f"{place}:{node.lineno} makes a {', '.join(named & OURS)}"


@functools.cache
def modules() -> tuple[tuple[str, ast.AST], ...]:
    """Every module outside of `feeds` that has a word of theirs."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        place, text = path.relative_to(SOURCE).as_posix(), path.read_text(encoding="utf-8")
        if not place.startswith("feeds/") and any(word in text for word in WORDS):
            found.append((place, ast.parse(text)))
    return tuple(found)


def test_nobody_else_reads_feeds() -> None:
    """Two readers of one file differ one day: the operator once took `versions[0]`, whatever the date."""
    found = [each for place, tree in modules() for each in trespasses(tree, place)]
    assert found == []


def test_those_who_need_feeds_ask_the_registry() -> None:
    """Commands, the connector and quality: by its own module, or what is made of it."""
    askers = {
        place.partition("/")[0]
        for place, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and (
            node.module == "ssmd.feeds.registry"
            or (node.module == "ssmd.feeds" and "registry" in {name.name for name in node.names})
        )
    }
    assert {"cli", "connector"} <= askers
    assert not {"bus", "runtime", "model", "venues"} & askers


def test_the_check_bites() -> None:
    """Each way of reading a feed by oneself is seen."""
    bad = {
        "settings.load(path, FeedConfig)": "makes a FeedConfig",
        "msgspec.convert(tree, type=feeds.FeedConfig)": "makes a FeedConfig",
        "settings.parse(text, EnvironmentConfig, where='x')": "makes a EnvironmentConfig",
        "endpoint = feed.versions[0].endpoint": "looks into feed.versions",
        "self.feed.versions": "looks into self.feed.versions",
        "(folder / 'feed.yaml').read_text()": "names the file",
    }
    for text, expected in bad.items():
        (found,) = trespasses(ast.parse(text), "cli/x.py")
        assert expected in found
    good = "registry.load_feed(name)\nhistory.versions\nsettings.load(path, MachineConfig)\n"
    assert list(trespasses(ast.parse(good), "cli/x.py")) == []
