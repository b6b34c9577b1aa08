"""What a segment tells, gathered as it passes."""

import random
from pathlib import Path

from ssmd.archive.importer import import_capture
from ssmd.archive.ledger.collector import Collector
from ssmd.archive.ledger.entries import Coverage, Gap, Intent, Outage
from ssmd.archive.ledger.facts import MINUTE_NS, Facts, Mark
from ssmd.archive.ledger.fold import fold
from ssmd.archive.scan import scan
from ssmd.model.envelope import UNREAD
from ssmd.sim.manual_clock import ManualClock
from ssmd.venues.kraken import VENUE
from tests.archive.ledger.made import BTC, FEED, Scene, s


def only(scene: Scene) -> Facts:
    """The facts of the one segment there is."""
    (facts,) = scene.facts()
    return facts


def test_messages_are_counted_by_instrument_and_minute() -> None:
    """One about several counts for each, ours for nobody, one about nobody for the empty name."""
    scene = Scene()
    wire = scene.connect(s(0), BTC)
    wire.frame(s(1), "A", "B")
    wire.frame(s(2), "A")
    wire.frame(s(3), "A", kind=UNREAD)
    wire.frame(s(61), "A")
    wire.frame(s(62))
    noon = s(0) // MINUTE_NS
    assert only(scene).activity == {
        ("", noon + 1): 1, ("A", noon): 2, ("A", noon + 1): 1, ("B", noon): 1,
    }  # fmt: skip


def test_frames_are_marked_where_their_neighbours_are_not_there() -> None:
    """First, last, and both sides of every jump; a record is no frame."""
    scene = Scene()
    wire = scene.connect(s(0), BTC)
    wire.frame(s(1), "A")
    wire.frame(s(2), "A")
    wire.frame(s(3), "A")
    wire.skip(4)
    wire.frame(s(4), "A")
    wire.frame(s(5), "A")
    wire.close(s(9))
    facts = only(scene)
    assert facts.frames == {wire.id: (s(1), s(5))}
    assert facts.marks == (
        Mark(wire.id, 0, s(1)),
        Mark(wire.id, 2, s(3)),
        Mark(wire.id, 7, s(4)),
        Mark(wire.id, 8, s(5)),
    )
    assert [note.record for note in facts.notes] == [0, 1, 2]


def test_frames_that_come_late_are_marked_where_they_belong() -> None:
    """The bus repeats itself out of order; what is there in the end is what counts."""
    scene = Scene()
    wire = scene.connect(s(0), BTC)
    for at in range(6):
        wire.frame(s(at), "A")
    late = scene.kept.pop(4)
    scene.kept.append(late)
    facts = only(scene)
    assert {mark.ordinal: mark.ts for mark in facts.marks} == {
        ordinal: s(ordinal) for ordinal in (0, 1, 2, 3, 5)
    }
    assert facts.frames == {wire.id: (s(0), s(5))}


def test_the_last_right_message_before_a_gap_is_marked() -> None:
    """Of the same channel and instrument: a backfill has to begin there."""
    scene = Scene()
    wire = scene.connect(s(0), BTC)
    for at, symbol, kind in (
        (1, "A", "book"),
        (2, "A", "trade"),
        (3, "B", "book"),
        (4, "A", "book"),
    ):
        wire.frame(s(at), symbol, kind=kind)
    wire.gap(s(4), "book", "A", ordinal=3)
    wire.frame(s(5), "A", kind="book")
    assert [mark.ordinal for mark in only(scene).marks] == [0, 3, 4]
    wire.frame(s(6), "A", kind="trade")
    wire.gap(s(7), "trade", ordinal=5)
    assert [mark.ordinal for mark in only(scene).marks] == [0, 1, 3, 5]


def test_the_first_snapshot_after_every_jump_is_noted() -> None:
    """Of each instrument; none is asked for while nothing is missing, nor of facts."""
    scene = Scene()
    wire = scene.connect(s(0), BTC)
    wire.snapshot(s(1), "A")
    wire.snapshot(s(2), "A")
    wire.snapshot(s(3), "B")
    wire.frame(s(4), "A", kind="book")
    wire.skip(2)
    wire.frame(s(5), "A", kind="book")
    wire.snapshot(s(6), "A")
    wire.snapshot(s(7), "A")
    wire.frame(s(8), "B", kind="trade")
    noted = [(each.ordinal, each.ts, each.channel, each.symbol) for each in only(scene).anew]
    assert noted == [
        (0, s(1), "book", "A"),
        (2, s(3), "book", "B"),
        (7, s(6), "book", "A"),
    ]


def test_whatever_comes_late_the_first_snapshot_after_a_hole_is_noted() -> None:
    """In any order: of each hole that is left, the one with the least number."""
    for seed in range(300):
        chance = random.Random(seed)
        scene = Scene()
        wire = scene.connect(s(0), BTC)
        for at in range(12):
            if chance.random() < 0.4:
                wire.snapshot(s(at), "A")
            else:
                wire.frame(s(at), "A", kind="book")
        frames = scene.kept[-12:]
        came = [each for each in frames if chance.random() < 0.7]
        snapshots = [e.ordinal for _, e in came if b"snapshot" in e.payload]
        there = {e.ordinal for _, e in came}
        chance.shuffle(came)
        scene.kept[-12:] = came
        noted = {each.ordinal for each in only(scene).anew}
        for ordinal in set(range(12)) - there:
            after = [each for each in snapshots if each is not None and each > ordinal]
            assert not after or min(after) in noted


def imported(root: Path) -> list[Facts]:
    """A recording of Kraken with its own acknowledgement, through the importer, read again."""
    lines = [
        '{"channel":"status","type":"update","data":[{"system":"online","connection_id":1}]}',
        '{"method":"subscribe","result":{"channel":"trade","symbol":"BTC/USD"},"success":true}',
        '{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","price":1.0,"qty":1.0}]}',
    ]
    capture = root / "capture.jsonl"
    capture.write_text(
        "".join(
            f'{{"ts_recv":{s(at)},"raw":{_quoted(text)}}}\n' for at, text in enumerate(lines, 1)
        )
    )
    import_capture(capture, FEED, VENUE, root / "archive", clock=ManualClock(s(100)))
    found = []
    for path in sorted((root / "archive" / "raw").rglob("*.jsonl.zst")):
        name = str(path.relative_to(root / "archive"))
        collector = Collector()
        held = scan(path, FEED, collector.add).tally.contents().connections
        found.append(collector.facts(feed=FEED, segment=name, sha256="", held=held))
    return found


def _quoted(text: str) -> str:
    escaped = text.replace('"', '\\"')
    return f'"{escaped}"'


def test_a_recording_is_covered_where_it_was_acknowledged(tmp_path: Path) -> None:
    """Through the importer and the files: no wants, and yet neither unknown nor an outage."""
    facts = imported(tmp_path)
    ledger, _ = fold(FEED, facts, carry=None, since=s(0), until=s(1000))
    (intent,) = (entry for entry in ledger.entries if isinstance(entry, Intent))
    (cover,) = (entry for entry in ledger.entries if isinstance(entry, Coverage))
    assert (intent.reason, intent.channel, intent.symbol) == ("import", *BTC)
    assert (intent.since, intent.until) == (cover.since, cover.until) == (s(2), s(3))
    assert not [entry for entry in ledger.entries if isinstance(entry, (Outage, Gap))]
    assert [(each.symbol, each.messages) for each in ledger.activity] == [("BTC/USD", 1)]
