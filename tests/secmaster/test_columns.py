"""The one list of columns is the schema's, and so is the page that people write SQL from."""

import re

from ssmd.secmaster.address import Address
from ssmd.secmaster.columns import BOOKKEEPING, TABLES
from tests.secmaster.server import connect
from tests.shared import REPOSITORY

PAGE = REPOSITORY / "docs/reference/secmaster-schema.md"
OURS = {"id", "told_from", *BOOKKEEPING}
ENDS = {"version_id", "valid_to", "known_to"}


def schema(address: Address) -> dict[str, dict[str, str]]:
    """Every table and view of ours, with PostgreSQL's type of each column."""
    query = (
        "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod)"
        " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.relnamespace = 'ssmd'::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0"
        " AND NOT a.attisdropped ORDER BY c.relname, a.attnum"
    )
    found: dict[str, dict[str, str]] = {}
    with connect(address) as session:
        for table, column, kind in session.execute(query):
            short = kind.replace("timestamp with time zone", "timestamptz")
            found.setdefault(table, {})[column] = short
    return found


def test_no_column_is_forgotten(address: Address) -> None:
    """A column that a comparison does not know of changes unseen."""
    tables = schema(address)
    versioned = {name.removesuffix("_version") for name in tables if name.endswith("_version")}
    assert versioned == set(TABLES)
    for name, table in TABLES.items():
        stated = {column: kind for column, kind in tables[name].items() if column not in OURS}
        stated.pop("venue") if name == "link" else None  # always `*`
        assert stated == table.types, name
        assert set(table.key) <= set(table.types)
        versions = tables[f"{name}_version"]
        assert set(versions) == (set(tables[name]) - {"told_from"}) | ENDS
        assert {column: versions[column] for column in stated} == stated


def test_the_page_shows_the_schema(address: Address) -> None:
    """Every table that is asked about, each with all its columns, in their order."""
    shown = {
        name: re.findall(r"`([a-z0-9_]+)`", columns)
        for name, columns in re.findall(r"(?m)^\| `([a-z_]+)` \| (.*?) \|", PAGE.read_text("utf-8"))
    }
    tables = schema(address)
    hidden = {name for name in tables if name.startswith("stage_") or name.endswith("_version")}
    expected = {
        name: [column for column in columns if name not in TABLES or column not in OURS]
        for name, columns in tables.items()
        if name not in hidden | {"schema_revision"}
    }
    assert shown == expected


def test_the_page_shows_the_functions(address: Address) -> None:
    """What may be called is on the page, as it is called."""
    text = PAGE.read_text("utf-8")
    with connect(address) as session:
        query = "SELECT proname::text FROM pg_proc WHERE pronamespace = 'ssmd'::regnamespace AND prorettype <> 'trigger'::regtype"
        names = {name for (name,) in session.execute(query)}
    internal = {"each", "change", "lock_key", "keep_history", "textrange", "textmultirange"}
    generated = {f"{name}_as_of" for name in TABLES}
    public = {name for name in names - internal - generated if "range" not in name}
    assert {name for name in public if f"`{name}(" not in text} == set()
    assert "`<table>_as_of(" in text
    assert generated <= names
