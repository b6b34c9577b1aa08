"""Tables made anew from raw are what they were, byte for byte; or the difference is told."""

from pathlib import Path

import msgspec
import pytest

from ssmd import venues
from ssmd.archive import layout
from ssmd.archive.layout import REJECTS
from ssmd.archive.tables import build as building
from ssmd.archive.tables.redecode import redecode
from ssmd.model.envelope import Envelope
from ssmd.model.row import Decoded, Reject
from ssmd.sim.manual_clock import ManualClock
from tests.archive.tables.made import FEED, SLOT_NS, START, compact, content, imported, record, rows
from tests.archive.tables.test_build import day
from tests.shared import shared

CLOCK = ManualClock(START)


def test_nothing_changes_where_nothing_changed(tmp_path: Path) -> None:
    """The proof that tables are a function of raw: every file is as it was."""
    record(tmp_path, day())
    compact(tmp_path)
    before = content(tmp_path)
    made = redecode(tmp_path, CLOCK)
    assert (len(made.slots), made.is_same, made.failed) == (3, True, [])
    trades = made.tables["trades"]
    assert (trades.before, trades.after, trades.files, trades.identical) == (30, 30, 3, 3)
    assert content(tmp_path) == before
    assert compact(tmp_path).built == []


@pytest.mark.parametrize(
    "capture",
    [
        "kraken_futures/capture-v1-20210722.jsonl.gz",
        "polymarket/capture-legacy-btc1h-20250703.jsonl.gz",
    ],
)
def test_recorded_data_decodes_to_the_same_bytes_again(tmp_path: Path, capture: str) -> None:
    """Books included, which need everything before."""
    venue = capture.partition("/")[0].replace("_", "-")
    imported(tmp_path, venue, shared(f"data/{capture}"))
    compact(tmp_path)
    before = content(tmp_path)
    assert redecode(tmp_path, CLOCK).is_same
    assert content(tmp_path) == before


def _patched(patch: pytest.MonkeyPatch) -> None:
    """A reader that gives one trade another side, drops one, and leaves the others."""
    kraken = venues.load(FEED)

    def reader(envelope: Envelope) -> Decoded:
        decoded = kraken.rows(envelope)
        (row,) = decoded.rows or (None,)
        if row is not None and row.native_id == "3":
            return Decoded((), (Reject(envelope.message_id, "", "no"),))
        if row is not None and row.native_id == "105":
            return Decoded((msgspec.structs.replace(row, side="sell"),))
        return decoded

    patch.setattr(building, "load", lambda _: msgspec.structs.replace(kraken, rows=reader))


def test_a_dry_run_tells_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a new reader would make of old frames can be seen before it is so."""
    record(tmp_path, day())
    compact(tmp_path)
    before = content(tmp_path)
    _patched(monkeypatch)
    made = redecode(tmp_path, CLOCK, dry_run=True)
    trades = made.tables["native/trade"]
    assert (trades.before, trades.after, trades.removed, trades.added) == (30, 29, 1, 0)
    assert (trades.changed, trades.files, trades.identical) == (1, 3, 1)
    assert made.tables[REJECTS].added == 1
    assert not made.is_same
    assert content(tmp_path) == before


def test_what_is_chosen_is_put_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the slots of the time asked for are made anew; the compactor has nothing to add."""
    record(tmp_path, day())
    compact(tmp_path)
    _patched(monkeypatch)
    made = redecode(tmp_path, CLOCK, FEED, since=START + SLOT_NS, until=START + 2 * SLOT_NS)
    assert [slot.time for slot in made.slots] == ["0815"]
    sides = dict(rows(tmp_path, "trades", "trade_id", "side"))
    assert (sides["105"], sides["104"], sides["3"]) == ("sell", "buy", "buy")
    assert compact(tmp_path).built == []


def test_lost_and_broken_tables_are_made_again(tmp_path: Path) -> None:
    """Whatever happened to the tables, raw has it all."""
    record(tmp_path, day())
    compact(tmp_path)
    before = content(tmp_path)
    files = sorted(name for name in before if name.endswith(".parquet"))
    (tmp_path / files[0]).unlink()
    (tmp_path / files[1]).write_bytes(b"no table")
    made = redecode(tmp_path, CLOCK)
    assert not made.is_same
    assert content(tmp_path) == before


def test_a_slot_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """The others are made all the same."""
    record(tmp_path, day())
    compact(tmp_path)
    before = content(tmp_path)
    path = min((tmp_path / layout.RAW).rglob("*.zst"))
    path.write_bytes(b"x")
    made = redecode(tmp_path, CLOCK)
    assert [failed.slot.time for failed in made.failed] == ["0800"]
    assert (len(made.slots), made.is_same) == (2, False)
    assert content(tmp_path) == before
