"""Values and frames: every digit kept, and the same words whatever table."""

import json
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.secmaster.changes import frames, values
from ssmd.secmaster.changes.frames import Mark, Place, Shape, Source, read_mark
from ssmd.secmaster.changes.pgoutput import Column
from ssmd.secmaster.changes.reading import decode_change
from ssmd.secmaster.columns import TABLES

TIMESTAMPTZ: Final = 1184
SOURCE: Final = Source("77", 3)
PLACE: Final = Place(0x1_0000_0001, 0x1_0000_00FF, 1_795_428_831_262_929_000, 9, 2, True)


@pytest.mark.parametrize(
    ("name", "oid", "given_", "wanted"),
    [
        ("listed", 16, b"t", True),
        ("listed", 16, b"f", False),
        ("id", 20, b"9007199254740993", 9007199254740993),
        ("tick_size", 1700, b"0.00010", "0.00010"),
        ("tick_size", 1700, b"NaN", "NaN"),
        ("details", 3802, b'{"a": [1, "b"]}', {"a": [1, "b"]}),
        ("title", 25, 'a "quoted"\n\u00e9'.encode(), 'a "quoted"\n\u00e9'),
        ("open_at", TIMESTAMPTZ, b"2026-11-23 10:13:51+00", "2026-11-23T10:13:51.000000Z"),
        ("open_at", TIMESTAMPTZ, b"2026-11-23 10:13:51.26+00", "2026-11-23T10:13:51.260000Z"),
        ("open_at", TIMESTAMPTZ, b"infinity", "infinity"),
        ("starts_at", TIMESTAMPTZ, b"-infinity", "-infinity"),
        ("effective_to", TIMESTAMPTZ, b"infinity", None),
        ("valid_to", TIMESTAMPTZ, b"2026-11-23 10:13:51.262929+00", "2026-11-23T10:13:51.262929Z"),
        ("open_at", TIMESTAMPTZ, b"10000-01-01 00:00:00+00", "10000-01-01 00:00:00+00"),
        ("open_at", TIMESTAMPTZ, b"0044-03-15 00:00:00+00 BC", "0044-03-15 00:00:00+00 BC"),
        ("tags", 1009, b"{}", []),
        ("tags", 1009, b'{a,"b c","d,\\"e\\\\",NULL,"NULL"}', ["a", "b c", 'd,"e\\', None, "NULL"]),
        ("xid", 5069, b"758", "758"),
    ],
)
def test_a_value_as_json(name: str, oid: int, given_: bytes, wanted: object) -> None:
    """What PostgreSQL writes, in words every reader of JSON has."""
    assert json.loads(values.encoder(name, oid)(given_)) == wanted


def literal(texts: list[str | None]) -> bytes:
    """PostgreSQL's own text of an array of texts."""
    parts = []
    for text in texts:
        if text is None:
            parts.append("NULL")
        else:
            escaped = text.replace("\\", "\\\\").replace('"', '\\"')
            parts.append(f'"{escaped}"')
    return ("{" + ",".join(parts) + "}").encode()


@given(
    st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=6)
)
def test_any_list_of_texts_comes_back(texts: list[str | None]) -> None:
    """Commas, braces, quotes and line breaks are texts as well."""
    assert json.loads(values.texts(literal(texts))) == texts


def test_a_frame_says_what_when_and_where() -> None:
    """The format others read: its version, place, key, and both rows."""
    shape = Shape("alias", [Column(name, 25) for name in ("venue", "scheme", "value", "symbol")])
    old, new = (b"v", b"s", b"x", b"A"), (b"v", b"s", b"x", b"B")
    found = frames.frame(
        SOURCE, "alias", "update", PLACE, shape.key(new), shape.row(old), shape.row(new)
    )
    assert json.loads(found) == {
        "v": 1,
        "table": "alias",
        "op": "update",
        "lsn": "1/1",
        "commit_lsn": "1/FF",
        "commit_ts": "2026-11-23T10:13:51.262929Z",
        "xid": 9,
        "n": 2,
        "last": True,
        "generation": 3,
        "system": "77",
        "key": {"venue": "v", "scheme": "s", "value": "x", "symbol": "B"},
        "old": {"venue": "v", "scheme": "s", "value": "x", "symbol": "A"},
        "new": {"venue": "v", "scheme": "s", "value": "x", "symbol": "B"},
    }
    change = decode_change(found)
    assert change.place == (0x1_0000_00FF, 2)
    assert shape.symbols(new) == ("v:B",)


def test_a_writers_word_to_the_database_is_not_told() -> None:
    """`told_from` is never kept; a row that differs in it alone is the same row."""
    shape = Shape("alias", [Column("symbol", 25), Column("told_from", TIMESTAMPTZ)])
    assert shape.row((b"A", b"2026-11-23 10:13:51+00")) == b'{"symbol":"A"}'
    assert not shape.differ((b"A", None), (b"A", b"2026-11-23 10:13:51+00"))
    assert shape.differ((b"A", None), (b"B", None))


def test_a_link_speaks_of_both_its_sides() -> None:
    """A reader of one venue's instrument finds it as well."""
    names = ("left_venue", "left_symbol", "right_venue", "right_symbol")
    shape = Shape("link", [Column(name, 25) for name in names])
    assert shape.symbols((b"a", b"X", b"b", b"Y")) == ("a:X", "b:Y")


def test_history_is_told_apart_by_its_own_number() -> None:
    """Every version of a row has the row's own key."""
    columns = [Column("venue", 25), Column("symbol", 25), Column("version_id", 20)]
    assert json.loads(Shape("series_version", columns).key((b"v", b"s", b"4"))) == {
        "venue": "v",
        "symbol": "s",
        "version_id": 4,
    }


def test_every_table_has_a_key() -> None:
    """A frame without one would name no row."""
    for name, table in TABLES.items():
        shape = Shape(name, [Column(column, 25) for column in table.columns])
        row = tuple(b"x" for _ in table.columns)
        assert set(json.loads(shape.key(row))) == set(table.key)


def test_a_mark_comes_back_and_nonsense_is_none() -> None:
    """What the next publisher reads decides whether it goes on."""
    mark = Mark("77", 3, 255, 2, 300, snapshot=True)
    assert read_mark(mark.text()) == mark
    assert b"\r" not in mark.text()
    assert read_mark(b"{}") is None
    assert read_mark(b"") is None


@given(st.integers(0, 2**64 - 1))
def test_a_place_in_the_log_comes_back(lsn: int) -> None:
    """Text for people, a number for comparing."""
    assert frames.lsn_of(frames.lsn_text(lsn)) == lsn


def test_a_frame_of_a_later_format_is_refused() -> None:
    """Half understood is worse than not at all."""
    shape = Shape("alias", [Column("symbol", 25)])
    found = frames.frame(SOURCE, "alias", "insert", PLACE, b"{}", b"null", shape.row((b"A",)))
    with pytest.raises(msgspec.ValidationError, match="version 2"):
        decode_change(found.replace(b'{"v":1', b'{"v":2'))
