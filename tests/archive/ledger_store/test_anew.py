"""Where books are stated anew: gathered by the archiver, told again by raw, known for each venue."""

import gzip
import itertools
from pathlib import Path

import msgspec
import pytest

from ssmd import venues
from ssmd.archive import files
from ssmd.archive.importer import import_capture
from ssmd.archive.ledger import parquet, store
from ssmd.archive.ledger.anew import signs
from ssmd.archive.ledger.condition import conditions
from ssmd.archive.ledger.entries import Unproved
from ssmd.archive.ledger.facts import VERSION
from ssmd.archive.scan import scan
from ssmd.model.envelope import LEDGER, Envelope
from ssmd.model.records import Acknowledged, Wanted
from ssmd.model.timestamp import SECOND_NS
from ssmd.sim.manual_clock import ManualClock
from tests.archive.ledger_store.made import FEED, HOUR_NS, from_raw, live, loaded, proved, stored
from tests.archive.ledger_store.test_rebuild import CAPTURES
from tests.archive.made import START, Talk
from tests.shared import shared

SYMBOL = "BTC/USD"
LOST_AT = START + 2 * HOUR_NS + 50 * 60 * SECOND_NS
"""Ten minutes before the end of a segment."""


def books() -> list[Envelope]:
    """A connection that loses a frame of a book, and gets a snapshot in the next segment."""
    talk = Talk(0, START)
    opened = talk.opened()
    said = [msgspec.structs.replace(opened, payload=opened.payload.replace(b'"test"', b'"kraken"'))]
    said.append(talk.said(LEDGER, Wanted(channel="book", symbol=SYMBOL, reason="start")))
    said += talk.frames(1, step_ns=20 * SECOND_NS)
    said.append(talk.said(LEDGER, Acknowledged(channel="book", symbol=SYMBOL, ordinal=0)))
    while talk.ts < START + 4 * HOUR_NS:
        at = talk.ts
        said += talk.frames(1, step_ns=20 * SECOND_NS)
        kind = b"snapshot" if at == LOST_AT + 30 * 60 * SECOND_NS else b"update"
        said[-1] = msgspec.structs.replace(said[-1], type="book", payload=b'{"type":"%s"}' % kind)
    gone = next(e for e in said if e.ordinal is not None and (e.ts_recv or 0) == LOST_AT)
    said.remove(gone)
    return said


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """An archive of it, in segments of an hour, with its ledger."""
    live(tmp_path / "a", books(), interval_s=3600)
    return tmp_path / "a"


def test_the_kept_ledger_knows_when_a_book_was_proved_again(kept: Path, tmp_path: Path) -> None:
    """As raw does; and whoever asks about a later time is told of it as well."""
    (entry,) = [each for each in loaded(kept).entries if isinstance(each, Unproved)]
    until = LOST_AT + 30 * 60 * SECOND_NS
    assert (entry.since, entry.until) == (LOST_AT - 20 * SECOND_NS, until)
    assert stored(kept) == from_raw(kept, tmp_path / "b")
    begin = START + 3 * HOUR_NS
    part = loaded(kept, since=begin, until=begin + HOUR_NS)
    (found,) = conditions(part, begin, begin + HOUR_NS, lambda _: None, [SYMBOL])
    worst = [stretch.condition for stretch in found.stretches()]
    assert worst[:2] == ["degraded", "complete"]
    assert next(found.stretches()).until == until


def _older(path: Path) -> None:
    """Make a facts file one of before states were noted."""
    facts, counts = parquet.decode_facts(path.read_bytes(), "x", {})
    activity = {(each.symbol, each.minute): each.messages for each in counts.rows()}
    old = msgspec.structs.replace(facts, anew=(), version=VERSION - 1, activity=activity)
    path.write_bytes(parquet.encode_facts(old))


@pytest.mark.parametrize("by", ["update", "rebuild"])
def test_facts_of_an_older_version_are_made_again(by: str, kept: Path) -> None:
    """By whoever writes the ledger, and without complaint."""
    good = stored(kept)
    for path in kept.rglob("*.facts.parquet"):
        _older(path)
    for path in kept.rglob("day.json"):
        path.unlink()
    (entry,) = [each for each in loaded(kept).entries if isinstance(each, Unproved)]
    assert entry.until is None
    if by == "update":
        store.update(kept, FEED)
    else:
        assert proved(kept).ledger.problems == []
    assert stored(kept) == good


def test_facts_of_an_older_version_are_better_than_none(kept: Path) -> None:
    """Where retention took the bytes, they are all there is."""
    for path in kept.rglob("*.facts.parquet"):
        _older(path)
    for path in kept.rglob("day.json"):
        path.unlink()
    for path in kept.rglob("*.jsonl.zst"):
        path.unlink()
    store.update(kept, FEED)
    (entry,) = [each for each in loaded(kept).entries if isinstance(each, Unproved)]
    assert (entry.since, entry.until) == (LOST_AT - 20 * SECOND_NS, None)


@pytest.mark.parametrize("capture", CAPTURES)
def test_the_signs_of_every_venue_are_those_of_its_rows(capture: str, tmp_path: Path) -> None:
    """On recorded frames: a message has the sign where its rows are a snapshot of a book."""
    path = shared(capture)
    raw = tmp_path / "capture.jsonl"
    with gzip.open(path) as lines:
        raw.write_bytes(b"".join(itertools.islice(lines, 6000)))
    venue = venues.load(Path(capture).parent.name.replace("_", "-"))
    import_capture(raw, "books", venue, tmp_path / "a", clock=ManualClock(START))
    found = 0

    def watch(envelope: Envelope) -> None:
        nonlocal found
        marks = [sign for sign, _ in signs().get(envelope.type, ())]
        signed = any(sign in envelope.payload for sign in marks)
        rows = [row for row in venue.rows(envelope).rows if "book" in type(row).table.lower()]
        if rows and envelope.type[0] != "_":
            assert signed == any(row.is_snapshot for row in rows), envelope
            found += signed

    for place, kind in files.walk(tmp_path / "a"):
        if kind == "sealed":
            scan(tmp_path / "a" / place.name(), place.feed, watch)
    assert found
