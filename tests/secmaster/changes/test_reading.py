"""From the stream back to changes and tables."""

import itertools
from typing import Any, Final

import msgspec
import pytest

from ssmd.model.envelope import CONNECTION, Envelope
from ssmd.model.frame import Opcode
from ssmd.secmaster.changes.frames import POSITION, SNAPSHOT
from ssmd.secmaster.changes.reading import Reading, Tables

ONE: Final = "secmaster-cdc-019ac0de-0000-7000-8000-000000000000"
TWO: Final = "secmaster-cdc-019ac0de-0001-7000-8000-000000000000"


class Stream:
    """Messages of one connection after the other."""

    def __init__(self) -> None:
        self.messages: list[Envelope] = []
        self._connection = ""
        self._ordinals = itertools.count()

    def open(self, connection: str) -> None:
        """A connection begins."""
        self._connection, self._ordinals = connection, itertools.count()
        self.messages.append(self._message(CONNECTION, b"{}", None, 0))

    def tell(self, table: str, op: str, commit: int, n: int = 0, **more: Any) -> None:  # noqa: ANN401 - JSON
        """A frame."""
        fields = {
            "v": 1,
            "table": table,
            "op": op,
            "lsn": "0/0",
            "commit_lsn": f"0/{commit:X}",
            "commit_ts": "2026-11-23T10:13:51.262929Z",
            "xid": 1,
            "n": n,
            "last": True,
            "generation": 1,
            "system": "77",
            "key": {},
            "old": None,
            "new": None,
        }
        payload = msgspec.json.encode({**fields, **more})
        self.messages.append(self._message(table, payload, next(self._ordinals), None))

    def rows(self, commit: int, rows: dict[int, str], **more: Any) -> None:  # noqa: ANN401 - JSON
        """A whole snapshot."""
        self.tell(SNAPSHOT, "begin", commit, new={"reason": "first", "tables": []}, **more)
        for n, (number, name) in enumerate(rows.items(), 1):
            self.tell("series", "snapshot", commit, n, new={"id": number, "title": name}, **more)
        counts = {"counts": {"series": len(rows)}}
        self.tell(SNAPSHOT, "end", commit, len(rows) + 1, new=counts, **more)

    def _message(
        self, kind: str, payload: bytes, ordinal: int | None, record: int | None
    ) -> Envelope:
        return Envelope(
            *("secmaster", None, kind, (), self._connection, ordinal, record),
            *(0, 1, Opcode.TEXT, None, 1, 1, payload),
        )


@pytest.fixture
def stream() -> Stream:
    """A stream with a snapshot of one row."""
    made = Stream()
    made.open(ONE)
    made.rows(9, {1: "a"})
    return made


def replayed(stream: Stream) -> tuple[Reading, Tables]:
    """What a reader of the whole stream has."""
    reading, tables = Reading(), Tables()
    for each in stream.messages:
        change = reading.take(each)
        if change is not None:
            tables.take(change)
    return reading, tables


def titles(tables: Tables) -> dict[int, str]:
    """What is left in the table."""
    return {number: row["title"] for number, row in tables.rows.get("series", {}).items()}


def test_a_snapshot_and_what_follows_make_the_tables(stream: Stream) -> None:
    """Insert, update, delete, in their order."""
    stream.tell("series", "insert", 20, new={"id": 2, "title": "b"})
    stream.tell("series", "insert", 20, 1, new={"id": 3, "title": "c"})
    stream.tell("series", "update", 30, old={"id": 2, "title": "b"}, new={"id": 2, "title": "B"})
    stream.tell("series", "delete", 40, old={"id": 3, "title": "c"})
    reading, tables = replayed(stream)
    assert titles(tables) == {1: "a", 2: "B"}
    assert tables.whole
    assert (reading.generation, reading.system, reading.place) == (1, "77", (0x40 - 0x18, 0))
    assert list(tables.by_key("series", "title")) == [
        (("a",), {"id": 1, "title": "a"}),
        (("B",), {"id": 2, "title": "B"}),
    ]


def test_what_comes_again_is_taken_once(stream: Stream) -> None:
    """At least once is what a bus promises; places tell."""
    stream.tell("series", "update", 20, old={"id": 1, "title": "a"}, new={"id": 1, "title": "x"})
    stream.tell("series", "update", 30, old={"id": 1, "title": "x"}, new={"id": 1, "title": "y"})
    stream.tell("series", "update", 20, old={"id": 1, "title": "a"}, new={"id": 1, "title": "x"})
    _, tables = replayed(stream)
    assert titles(tables) == {1: "y"}


def test_a_new_generation_replaces_everything(stream: Stream) -> None:
    """Places begin anew with another database: only the generation says so."""
    stream.open(TWO)
    stream.rows(3, {5: "e"}, generation=2, system="78")
    reading, tables = replayed(stream)
    assert titles(tables) == {5: "e"}
    assert (reading.generation, reading.system, reading.snapshot) == (2, "78", False)


def test_a_snapshot_that_was_interrupted_changes_nothing_until_another_ends(
    stream: Stream,
) -> None:
    """Half a snapshot is no state to act upon."""
    stream.open(TWO)
    stream.tell(SNAPSHOT, "begin", 50, generation=2)
    stream.tell("series", "snapshot", 50, 1, new={"id": 7, "title": "half"}, generation=2)
    reading, tables = replayed(stream)
    assert titles(tables) == {1: "a"}
    assert reading.snapshot
    stream.rows(60, {8: "whole"}, generation=3)
    reading, tables = replayed(stream)
    assert titles(tables) == {8: "whole"}
    assert tables.whole


def test_a_snapshot_that_lost_rows_is_not_whole(stream: Stream) -> None:
    """The end counts what should have come."""
    stream.tell(SNAPSHOT, "begin", 50, generation=2)
    stream.tell(SNAPSHOT, "end", 50, 1, new={"counts": {"series": 3}}, generation=2)
    _, tables = replayed(stream)
    assert not tables.whole
    assert tables.wrong == {"series": (3, 0)}


def test_an_emptied_table_is_empty(stream: Stream) -> None:
    """Our tables refuse it; a table of somebody's may not."""
    stream.tell("series", "truncate", 50)
    assert titles(replayed(stream)[1]) == {}


def test_what_is_void_and_what_only_marks_a_place_is_no_change(stream: Stream) -> None:
    """A dead publisher's late words; the news that nothing happened; records."""
    stream.tell(POSITION, "idle", 50)
    late = stream.messages[-1]
    stream.open(TWO)
    stream.messages.append(msgspec.structs.replace(late, ordinal=99))
    reading = Reading()
    found = [reading.take(each) for each in stream.messages]
    assert [each.op for each in found if each is not None] == ["begin", "snapshot", "end"]
    assert reading.void == 1
    assert reading.place == (50, 0)


def test_a_reader_may_begin_anywhere(stream: Stream) -> None:
    """Whoever has a state of its own follows from its place on."""
    stream.tell("series", "insert", 20, new={"id": 2, "title": "b"})
    reading = Reading()
    (found,) = [reading.take(each) for each in stream.messages[-1:]]
    assert found is not None
    assert found.new == {"id": 2, "title": "b"}
