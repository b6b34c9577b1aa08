"""Slots of segments become tables: once, the same each time, and every line accounted for."""

from collections import Counter
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssmd import venues
from ssmd.archive import layout
from ssmd.archive.store.local import LocalStore
from ssmd.archive.tables import build as building
from ssmd.archive.tables import reading
from ssmd.model.envelope import UNREAD, Envelope
from ssmd.model.row import Decoded, Reject, Row
from ssmd.venues.kraken.tables import TradeRow
from tests.archive.made import Talk as Stranger
from tests.archive.made import archive as archiving
from tests.archive.made import sent
from tests.archive.tables.made import (
    FEED,
    SLOT_NS,
    START,
    Talk,
    built,
    compact,
    content,
    record,
    rows,
    taken,
)  # fmt: skip


def day(slots: int = 3) -> list[Envelope]:
    """A connection that tells ten trades in every slot, and talks meanwhile."""
    talk = Talk()
    said = [talk.opened()]
    for slot in range(slots):
        talk.ts = START + slot * SLOT_NS
        for index in range(10):
            said += [talk.trades(100 * slot + index), talk.heartbeat()]
    return [*said, talk.closed()]


def book_talk() -> list[Envelope]:
    """A connection with a book whose levels come and go, quotes, and trades told again."""
    talk = Talk()
    said = [talk.opened()]
    for number in range(8):
        level = {"price": 100 + number, "qty": number % 3}
        data = [{"symbol": "BTC/USD", "bids": [level], "asks": [], "checksum": 0}]
        kind = "snapshot" if number in {0, 4} else "update"
        told = {"channel": "book", "type": kind, "data": data}
        said += [
            talk.frame("book", told, "BTC/USD"),
            talk.ticker(number, again=number == 0),
            talk.trades(number, number // 2, again=number == 5),
        ]
    return said


def late(root: Path, *envelopes: Envelope) -> None:
    """Archive something after everything else was sealed."""
    writer = archiving(root)
    position = writer.position
    writer.append(sent(envelopes, position.sequence if position else 0))
    writer.commit()
    writer.seal_all()
    writer.close()


def test_a_second_run_finds_nothing_to_do(tmp_path: Path) -> None:
    """What is as it should be is left alone, file by file."""
    record(tmp_path, day())
    first = compact(tmp_path)
    assert (len(first.built), first.failed, first.slots) == (3, [], 3)
    before = content(tmp_path)
    stamps = {name: (tmp_path / name).stat().st_mtime_ns for name in before}
    assert compact(tmp_path).built == []
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in content(tmp_path)} == stamps


def test_the_same_archive_gives_the_same_bytes(tmp_path: Path) -> None:
    """Nothing of the day or the run is in them, nor whether columns went through files."""
    record(tmp_path, day())
    compact(tmp_path)
    before = content(tmp_path)
    for path in (tmp_path / "tables").rglob("*.*"):
        path.unlink()
    compact(tmp_path, bound=1)
    assert content(tmp_path) == before


def test_rows_rest_by_instrument_and_time(tmp_path: Path) -> None:
    """A query of one instrument reads neighbours; the file says what it is made from."""
    talk = Talk()
    pairs = ("ETH/USD", "BTC/USD")
    record(tmp_path, [talk.opened(), *(talk.trades(i, symbol=pairs[i % 2]) for i in range(6))])
    compact(tmp_path)
    found = rows(tmp_path, "trades", "instrument_id", "ts_recv", "trade_id")
    assert found == sorted(found)
    assert [row[2] for row in found] == ["1", "3", "5", "0", "2", "4"]
    (file,) = reading.contents(LocalStore(tmp_path)).files("trades")
    told = pq.read_schema(tmp_path / file.name).metadata
    segment = built(tmp_path)[0].accounting[0]
    assert told[b"ssmd.schema"] == b"trades"
    assert told[b"ssmd.segment"].decode() == segment.segment == file.segment
    assert told[b"ssmd.sha256"].decode() == segment.sha256
    assert (told[b"ssmd.feed"], told[b"ssmd.venue"]) == (b"kraken", b"kraken")


def test_a_late_segment_is_built_and_what_follows_from_it(tmp_path: Path) -> None:
    """Its slot and the next are made again; the one after is not, for nothing changed there."""
    said = day(4)
    missing = said[9]
    assert missing.type == "trade"
    record(tmp_path, [each for each in said if each is not missing])
    compact(tmp_path)
    assert len(rows(tmp_path, "trades", "trade_id")) == 39
    late(tmp_path, missing)
    contents = reading.contents(LocalStore(tmp_path), [FEED])
    assert {layout.slot_of(each.place).time for each in contents.unbuilt} == {"0800"}
    again = compact(tmp_path)
    assert [slot.time for slot in again.built] == ["0800", "0815"]
    assert len(set(rows(tmp_path, "trades", "trade_id"))) == 40
    assert compact(tmp_path).built == []


def test_a_late_segment_without_facts_disturbs_only_its_slot(tmp_path: Path) -> None:
    """Where the next slot begins with the same, it is left as it is."""
    said = day(3)
    missing = said[10]
    assert missing.type == "_control"
    record(tmp_path, [each for each in said if each is not missing])
    compact(tmp_path)
    late(tmp_path, missing)
    assert [slot.time for slot in compact(tmp_path).built] == ["0800"]


def test_every_kind_of_line_is_counted(tmp_path: Path) -> None:
    """Rows, talk, records, unread frames and rejected ones add up to the manifest's count."""
    talk = Talk()
    bad = {"channel": "trade", "type": "update", "data": [{"symbol": "BTC/USD"}]}
    half = {"channel": "ticker", "type": "update", "data": [{"symbol": "BTC/USD", "bid": 1}, 7]}
    record(
        tmp_path,
        [
            talk.opened(),
            talk.trades(1, 2),
            talk.heartbeat(),
            talk.frame(UNREAD, b"\xff"),
            talk.frame("trade", bad, "BTC/USD"),
            talk.frame("ticker", half, "BTC/USD"),
            talk.closed(),
        ],
    )
    compact(tmp_path)
    (account,) = built(tmp_path)[0].accounting
    assert account.lines == 7
    assert (account.with_rows, account.control, account.records) == (2, 1, 2)
    assert (account.unread, account.rejected, account.rejects) == (1, 1, 2)
    rejected = rows(tmp_path, layout.REJECTS, "ordinal", "type", "where", "reason")
    assert [row[:3] for row in rejected] == [(3, "trade", "data[0]"), (4, "ticker", "data[1]")]
    assert all(row[3] for row in rejected)
    assert len(rows(tmp_path, "native/ticker", "bid")) == 1, "a reject's neighbours stand"


def test_a_hole_in_the_accounting_fails_the_slot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message that gives neither rows nor a reject would vanish: the build refuses to go on."""
    record(tmp_path, day(2))
    kraken = venues.load(FEED)

    def silent(envelope: Envelope) -> Decoded:
        return Decoded() if envelope.ordinal == 4 else kraken.rows(envelope)

    broken = msgspec.structs.replace(kraken, rows=silent)
    monkeypatch.setattr(building, "load", lambda _: broken)
    outcome = compact(tmp_path)
    assert [failed.slot.time for failed in outcome.failed] == ["0800"]
    assert "neither a row nor a reject" in outcome.failed[0].reason
    assert [slot.time for slot in outcome.built] == ["0815"], "the others go on"


@pytest.mark.parametrize("what", ["lines", "_ledger", "_unread"])
def test_a_manifest_that_counts_otherwise_fails_the_slot(tmp_path: Path, what: str) -> None:
    """Lines are counted twice, by the archiver and by the build, and both must agree."""
    record(tmp_path, day(1))
    path = next((tmp_path / "raw").rglob("*.manifest.json"))
    told = msgspec.json.decode(path.read_bytes())
    if what == "lines":
        told["contents"]["lines"] += 1
    else:
        told["contents"]["types"][what] = 3
    path.write_bytes(msgspec.json.encode(told))
    (failed,) = compact(tmp_path).failed
    assert "its manifest counts" in failed.reason


def test_a_changed_segment_fails_the_slot(tmp_path: Path) -> None:
    """Tables are made of bytes that are proved, or not at all."""
    record(tmp_path, day(1))
    path = next((tmp_path / "raw").rglob("*.zst"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    (failed,) = compact(tmp_path).failed
    assert "is not what its manifest tells" in failed.reason


def test_a_row_that_no_column_holds_is_a_reject(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A surrogate no file can hold, a reader that raises: each costs its own row, and is counted."""
    talk = Talk()
    record(tmp_path, [talk.opened(), talk.trades(1, 2), talk.trades(3), talk.trades(4)])
    kraken = venues.load(FEED)

    def odd(row: Row) -> Row:
        assert isinstance(row, TradeRow)
        bad = row.native_id in {"2", "3"}
        return msgspec.structs.replace(row, side="\ud800") if bad else row

    def reader(envelope: Envelope) -> Decoded:
        decoded = kraken.rows(envelope)
        if any(row.native_id == "4" for row in decoded.rows):
            raise RecursionError("deep")
        return Decoded(tuple(map(odd, decoded.rows)), (Reject("x", "data[9]", "\ud800"),)[:0])

    broken = msgspec.structs.replace(kraken, rows=reader)
    monkeypatch.setattr(building, "load", lambda _: broken)
    assert compact(tmp_path).failed == []
    assert rows(tmp_path, "native/trade", "native_id") == [("1",)]
    assert rows(tmp_path, "trades", "trade_id") == [("1",)]
    (account,) = built(tmp_path)[0].accounting
    assert (account.with_rows, account.rejected, account.told) == (1, 2, account.lines)
    found = rows(tmp_path, layout.REJECTS, "ordinal", "type", "where")
    assert sorted(found) == [
        (0, "native/trade", "native/trade[1]"),
        (0, "trades", "trades[1]"),
        (1, "native/trade", "native/trade[0]"),
        (1, "trades", "trades[0]"),
        (2, "trade", ""),
    ]


def test_a_feed_of_two_venues_is_refused(tmp_path: Path) -> None:
    """Symbols of two venues in one table would be taken for one another."""
    talk, other = Talk(), Talk(1)
    record(tmp_path, [talk.opened(), talk.trades(1), Stranger(2).opened(), other.opened()])
    (failed,) = compact(tmp_path).failed
    assert "Give every venue a feed of its own" in failed.reason


def test_the_venue_is_known_when_no_segment_tells_it(tmp_path: Path) -> None:
    """A connection opens once and is in many slots; its venue is what it was, or the feed's."""
    said = day(2)
    record(tmp_path, said[1:])
    assert compact(tmp_path).failed == []
    assert {each.venue for each in built(tmp_path)} == {"kraken"}


def test_tables_outlive_what_retention_takes(tmp_path: Path) -> None:
    """Where raw bytes are gone the tables that were made stay, and are told of once."""
    record(tmp_path, day(2))
    compact(tmp_path)
    path = min((tmp_path / "raw").rglob("*.zst"))
    path.unlink()
    assert compact(tmp_path).built == []
    (tmp_path / layout.built(built(tmp_path)[0].slot)).unlink()
    outcome = compact(tmp_path)
    assert [slot.time for slot in outcome.gone] == ["0800"]
    assert [slot.time for slot in outcome.built] == ["0815"], "it follows nothing any more"


def test_a_table_that_is_no_more_is_taken_away(tmp_path: Path) -> None:
    """What an old reader made and the new one does not must not be read on."""
    record(tmp_path, day(1))
    compact(tmp_path)
    slot = built(tmp_path)[0]
    path = tmp_path / layout.built(slot.slot)
    stale = msgspec.structs.replace(slot.files[0], name="tables/all/type=old/x.parquet")
    (tmp_path / stale.name).parent.mkdir(parents=True)
    (tmp_path / stale.name).write_bytes(b"")
    changed = msgspec.structs.replace(slot, key="", files=(*slot.files, stale))
    path.write_bytes(msgspec.json.encode(changed))
    compact(tmp_path)
    assert not (tmp_path / stale.name).exists()
    assert taken(rows(tmp_path, "trades", "trade_id", "is_repeat"))


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_redelivery_changes_no_table(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Lines may lie in any order, over several segments of a slot: the rows are the same."""
    said = book_talk()
    base = tmp_path_factory.mktemp("base")
    record(base, said)
    compact(base)
    root = tmp_path_factory.mktemp("shuffled")
    shuffled = data.draw(st.permutations(said))
    cut = data.draw(st.integers(0, len(said)))
    for part in (shuffled[:cut], shuffled[cut:]):
        if part:
            record(root, part)
    assert compact(root).failed == []
    for name in ("trades", "quotes", "book", "native/book", "native/trade"):
        names = ("symbol", "ordinal", "row", "is_repeat", "ts_recv")
        told = (*names, "book_ok", "side", "price", "size") if name == "book" else names
        found = rows(root, name, *told)
        assert Counter(found) == Counter(rows(base, name, *told)), name
        assert len(found) >= 8
    assert built(root)[0].carry == built(base)[0].carry
