"""Writes `docs/reference/tables.md` from the classes of rows and facts; a test sees it is current.

python scripts/tables_page.py
"""

import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from ssmd import venues
from ssmd.archive.tables import schema
from ssmd.model.fact import COMMON_TABLES, Fact
from ssmd.model.row import Row

PAGE: Final = Path(__file__).parent.parent / "docs" / "reference" / "tables.md"
_TYPES: Final[Mapping[str, str]] = {
    "text": "text",
    "texts": "list of text",
    "int": "int64",
    "small": "int32",
    "bool": "bool",
    "number": "decimal(38,10)",
    "rate": "decimal(38,24)",
    "time": "timestamp(ns, UTC)",
}
_COMMON: Final[Mapping[str, str]] = {
    "feed": "The feed's name.",
    "instrument_id": "`venue:symbol`; null for what is about none.",
    "ts_event": "The venue's time of it; null when it states none.",
    "ts_recv": "When we received it; null only in imports of captures without times.",
    "symbol": "The venue's own string for the instrument.",
    "source": "`live`, or `rest` for what was fetched afterwards from the venue's history.",
    "connection": "On which connection it came.",
    "ordinal": "In which frame of the connection, from 0.",
    "part": "In which piece of the frame, from 0.",
    "row": "Which row of the piece it is, from 0.",
    "sequence": "The venue's own counter, if it has one.",
    "is_snapshot": "Whether it came with a (re)subscription or a re-sent state, instead of as news.",
    "is_repeat": "Whether another row tells the same; take those where it is false.",
    "inexact": "JSON object: exact text of what a column cannot hold; that column is null then.",
    "native_id": "The venue's own id of the fact, unique per symbol.",
    "extra": "JSON object of the fields that nobody reads yet.",
}
_INTRODUCTION: Final = """\
# Tables

Made from the classes of rows and facts by `python scripts/tables_page.py`; do not edit by hand.

In SQL (`ssmd data query`, `a.sql(...)`) the tables of all venues are `trades`, `quotes`, ...; those in a venue's own
words are `{feed}_{type}`, `-` being `_`. On disk they are Parquet under `D/tables/`
([layout](archive-format.md)). Prices and sizes are exact decimals, times are ns since 1970, UTC. A row stands in the
file of the segment that holds its frame, sorted by symbol and time of receipt; `connection`, `ordinal` and `part` lead
from it to the frame's bytes. Why they are made as they are: [0020](../decisions/0020-tables.md).

## What every row has
"""


def page() -> str:
    """The whole page."""
    lines = [_INTRODUCTION, *_rows(_COMMON, _COMMON), ""]
    lines += ["## Words of all venues", ""]
    for fact in COMMON_TABLES:
        lines += list(_section(fact, Fact, schema.common(fact).columns, f"### `{fact.table}`"))
    for name in venues.names():
        venue = venues.load(name)
        lines += [f"## Words of {venue.title}", ""]
        for row in venue.tables:
            columns = schema.native(row).columns
            lines += list(_section(row, Row, columns, f"### `{row.table}`"))
    return "\n".join(lines).rstrip() + "\n"


def _section(
    kind: type[Row] | type[Fact],
    base: type[Row] | type[Fact],
    columns: Mapping[str, schema.Type],
    title: str,
) -> Iterator[str]:
    """A table's heading, what it holds, and the columns that others have not."""
    said = inspect.cleandoc(kind.__doc__ or "")
    text = " ".join(said.partition("\n\nAttributes:")[0].split())
    yield from (title, *textwrap.wrap(text, 118), "")
    told = _told(kind)
    own = [name for name in columns if name not in set(base.__struct_fields__) | set(_COMMON)]
    meanings = {name: told.get(name, "") for name in own}
    yield from _rows(meanings, meanings, {name: _TYPES[columns[name]] for name in own})
    yield ""


def _rows(
    names: Mapping[str, str], meanings: Mapping[str, str], types: Mapping[str, str] | None = None
) -> Iterator[str]:
    if types is None:
        yield from ("| column | meaning |", "|---|---|")
        yield from (f"| `{name}` | {meanings[name]} |" for name in names)
    else:
        yield from ("| column | type | meaning |", "|---|---|---|")
        yield from (f"| `{name}` | {types[name]} | {meanings[name]} |" for name in names)


def _told(kind: type) -> dict[str, str]:
    """What the docstrings of a class and its parents say of its attributes."""
    found: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        said = inspect.cleandoc(each.__doc__ or "").partition("Attributes:\n")[2]
        for match in re.finditer(r"^    (\w+): (.*(?:\n {8,}.*)*)", said, re.MULTILINE):
            found[match[1]] = re.sub(r"\s+", " ", match[2]).replace("|", "\\|")
    return found


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
