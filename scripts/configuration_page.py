"""Writes `docs/reference/configuration.md` from the types of our files; a test sees that it is current.

python scripts/configuration_page.py
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ssmd.feeds.schema import FILES, schema
from ssmd.runtime.unknown import RENAMED

PAGE: Final = Path(__file__).parent.parent / "docs" / "reference" / "configuration.md"
_TITLES: Final = {
    "feed": "feed.yaml: one named, configured capture of a venue",
    "env": "env.yaml: where feeds are recorded",
    "archiver": "archiver.yaml: what is archived",
    "api": "api.yaml: how the HTTP API serves an archive",
    "ssmd": "ssmd.yaml: everything on one machine",
}
_LONGEST: Final = 60
_INTRODUCTION: Final = """\
# Configuration

Made from the types in `src/ssmd/feeds` by `python scripts/configuration_page.py`; do not edit by hand.
How to work with feeds and environments: [feeds](../how-to/feeds.md).

Five kinds of files, all YAML (JSON is YAML too), all read by one strict reader. What is not understood is refused with
exit code 2: an unknown key, a key that stands twice, a value outside its bounds. The answer names the file, the path
inside it, and the nearest valid key:
`env.yaml: `transport.transport_type` is not a known key. Did you mean "type"?` Plain words stay words: `no` and `1:30`
are text, dates are `YYYY-MM-DD`. Everything else is checked as well before anything starts: addresses that are
placeholders, credentials where none belong, what the venue does not have.

A file's [JSON Schema](schemas) is for editors; `ssmd feed schema feed` prints it, and `ssmd feed add` and `ssmd env add`
put it beside what they write. It knows every key, kind and bound; what concerns several keys only the reader knows.

## What is effective when
A feed has `versions`, each with `effective_from` and perhaps `effective_to`, both included, in days of UTC. Of those
that hold on a day the newest is used, everywhere: endpoint, REST addresses, auth, limits, parser settings.
`ssmd feed validate FEED --date 2027-01-01` says which that is. A connector that runs when another version comes into effect
ends five minutes later, drained, with exit code 0, and whoever keeps it running starts it with the new one; the operator
replaces it with an overlap before. When none holds any more, a running connector goes on and warns; none is started.

## Which name wins
| what | first | then | else |
|---|---|---|---|
| stream, subject prefix | `transport` of env.yaml | `defaults` of feed.yaml | `ENV_FEED[_CATEGORY]`, `env.feed[.category]` |
| bus | `transport.url` | `NATS_URL` | - |
| a credential | `keys` of env.yaml (one with the feed's name alone, if there is one) | the variable `VENUE_FIELD` | refused |
| a feed's name | your configuration folder | shipped feeds | a file |
| an environment | `--env` | the one that `ssmd env use` chose | refused (or `local`, where only a name is needed) |
| the configuration folder | `SSMD_CONFIG` | `XDG_CONFIG_HOME/ssmd` | `~/.config/ssmd` |
"""


def page() -> str:
    """The whole page."""
    lines = [_INTRODUCTION]
    seen: dict[str, str] = {}
    for kind in FILES:
        lines += [f"## {_TITLES[kind]}", "", *_sections(kind, seen)]
    lines += ["## Keys of other systems", "", _OLD, "", "| written | meant |", "|---|---|"]
    lines += [f"| `{old}` | {_any(new)} |" for old, new in sorted(RENAMED.items())]
    return "\n".join(lines) + "\n"


_OLD: Final = """\
Keys are written with `_`; `subjectPrefix` is answered with `subject_prefix`. Where one of these stands and is not known, the
answer names what it is called here, the first that is valid in that place:"""


def _any(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _sections(kind: str, seen: dict[str, str]) -> Iterator[str]:
    """A table of each section, under the paths at which it may stand.

    Args:
        kind: The kind of file.
        seen: Which section was shown where; told of those that are shown.
    """
    definitions = schema(kind)["$defs"]
    for name, places in _places(definitions, FILES[kind].__name__).items():
        definition = definitions[name]
        shown = _any(places) if places != ("",) else f"{kind}.yaml"
        yield f"### {shown}"
        yield ""
        if name in seen:
            yield f"As {seen[name]}."
            yield ""
            continue
        seen[name] = f"{shown} of {kind}.yaml"
        yield definition["description"]
        yield ""
        yield "| key | value | default | meaning |"
        yield "|---|---|---|---|"
        required = definition.get("required", ())
        for key, field in definition["properties"].items():
            default = "required" if key in required else _default(field)
            yield f"| `{key}` | {_kind(field)} | {default} | {_cell(field['description'])} |"
        yield ""


def _places(definitions: dict[str, Any], top: str) -> dict[str, tuple[str, ...]]:
    """Where each section may stand, in the order in which a reader meets it."""
    found: dict[str, tuple[str, ...]] = {}

    def visit(name: str, path: str) -> None:
        found[name] = (*found.get(name, ()), path)
        for key, field in definitions[name]["properties"].items():
            for inner, suffix in _inside(field):
                visit(inner, f"{path}.{key}{suffix}".lstrip("."))

    visit(top, "")
    return found


def _inside(field: dict[str, Any], suffix: str = "") -> Iterator[tuple[str, str]]:
    """Sections that a field holds, and what stands behind its key then."""
    if "$ref" in field:
        yield field["$ref"].rpartition("/")[2], suffix
    for part in field.get("anyOf", ()):
        yield from _inside(part, suffix)
    if "items" in field and isinstance(field["items"], dict):
        yield from _inside(field["items"], f"{suffix}[]")
    if isinstance(field.get("additionalProperties"), dict):
        yield from _inside(field["additionalProperties"], f"{suffix}.NAME")


def _kind(field: dict[str, Any]) -> str:
    """What a field may hold, in a few words."""
    if "anyOf" in field:
        kinds = dict.fromkeys(_kind(part) for part in field["anyOf"] if part.get("type") != "null")
        return " or ".join(kinds)
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"] if value is not None)
    if "$ref" in field:
        return "section"
    if "items" in field and isinstance(field["items"], dict):
        return f"list of {_kind(field['items'])}"
    if isinstance(field.get("additionalProperties"), dict):
        return f"{_kind(field['additionalProperties'])} by name"
    return _plain(field)


def _plain(field: dict[str, Any]) -> str:
    kinds = field.get("type", "anything")
    name = " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
    name = {"string": "text", "object": "mapping", "boolean": "true or false"}.get(name, name)
    if field.get("format") == "date":
        return "date"
    least = field.get("minimum", field.get("exclusiveMinimum"))
    most = field.get("maximum")
    above = "more than " if "exclusiveMinimum" in field else ""
    if least is not None and most is not None:
        return f"{name}, {above}{least} to {most}"
    return f"{name}, at least {least}" if least is not None else name


def _default(field: dict[str, Any]) -> str:
    value = field.get("default")
    if value in (None, "", [], (), {}):
        return "-"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(value, (list, tuple)):
        text = f"[{', '.join(map(str, value))}]"
    return f"`{text}`" if len(text) <= _LONGEST else "see `--defaults`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
