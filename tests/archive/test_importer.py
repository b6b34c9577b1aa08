"""Recorded frames of others become an archive like any other."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from ssmd.archive import reader, verify
from ssmd.archive.errors import WriterBusy
from ssmd.archive.importer import ImportResult, import_capture
from ssmd.archive.writer import Archive
from ssmd.model.envelope import CONTROL, UNREAD
from ssmd.model.errors import ConfigError
from ssmd.model.event import Control, Data, Event, Gap, Reconnect, Repaired, Send, Unread
from ssmd.model.frame import Frame, Now
from ssmd.model.row import Decoded
from ssmd.model.subscription import Limits, Shard, Subscription
from ssmd.model.timestamp import SECOND_NS
from ssmd.model.venue import Handshake, SessionOptions, Venue
from ssmd.sim.manual_clock import ManualClock
from tests.archive.made import START
from tests.venues.made import no_rest


class Echo:
    """A venue's session whose frames say what it should answer."""

    acknowledged: frozenset[Subscription] = frozenset()
    ready = True
    pong_mono = None

    def __init__(self, shard: Shard, options: SessionOptions) -> None:
        assert options.passive
        self._heard = 0

    def open(self, now: Now) -> Sequence[Event]:
        return [Send(b"subscribe")]

    def want(self, subscriptions: frozenset[Subscription], now: Now) -> Sequence[Event]:
        raise AssertionError

    def renew(self, subscriptions: frozenset[Subscription], now: Now) -> Sequence[Event]:
        raise AssertionError

    def tick(self, now: Now) -> Sequence[Event]:
        raise AssertionError

    def close(self, now: Now, code: int | None, reason: str) -> Sequence[Event]:
        return []

    def receive(self, frame: Frame) -> Sequence[Event]:
        word, _, rest = frame.payload.decode().partition(" ")
        self._heard += 1
        if word == "deep":
            raise RecursionError
        again = [Reconnect("discontinuity")] if self._heard > 1 else []
        answers: dict[str, Sequence[Event]] = {
            "hello": [*again, Control("status")],
            "trade": [
                Data("trade", ("A", "B"), self._heard, int(rest) if rest.isdigit() else None)
            ],
            "split": [Data("book", payload=b"split "), Data("book", payload=rest.encode())],
            "gap": [
                Data("book"),
                Gap("book", ("A",), "checksum", 1, 2),
                Repaired("book", ("A",), "snapshot"),
            ],
            "nothing": [],
        }
        return answers.get(word, [Unread("malformed")])


VENUE = Venue(
    id="echo",
    title="Echo",
    channels=frozenset({"trade"}),
    types=frozenset({"trade", "book"}),
    limits=Limits(subscriptions_per_connection=1, sends_per_second=1),
    handshake=lambda *_: Handshake("ws://"),
    session=Echo,
    subscriptions=lambda *_: frozenset(),
    check=lambda _: [],
    rest=no_rest(),
    rows=lambda _: Decoded(),
    tables=(),
    facts=lambda _: (),
    pause=lambda _: None,
)  # fmt: skip


def imported(path: Path, root: Path, **more: object) -> ImportResult:
    """Import with the clock at the tests' beginning."""
    return import_capture(path, "kraken", VENUE, root, clock=ManualClock(START), **more)  # type: ignore[arg-type]


def capture(path: Path, *frames: str | tuple[int | None, str]) -> Path:
    """A capture file."""
    pairs = [frame if isinstance(frame, tuple) else (START, frame) for frame in frames]
    lines = [json.dumps({"ts_recv": ts, "raw": raw}) + "\n" for ts, raw in pairs]
    path.write_text("".join(lines))
    return path


def test_every_frame_is_archived_byte_for_byte_and_labelled(tmp_path: Path) -> None:
    """A parser's bug, or a session that says nothing, costs a label and never a frame."""
    texts = ["hello", "trade", "deep \x00 ü", "nothing", "what\n", "split x", "gap"]
    root = tmp_path / "a"
    result = imported(capture(tmp_path / "c.jsonl", *texts), root)
    assert (result.frames, result.envelopes, result.unread) == (7, 8, 3)
    assert result.by_type == {CONTROL: 1, "trade": 1, UNREAD: 3, "book": 3}
    frames: dict[int, bytes] = {}
    for line in reader.read(root):
        if line.envelope.ordinal is not None:
            ordinal = line.envelope.ordinal
            frames[ordinal] = frames.get(ordinal, b"") + line.envelope.payload
    assert [payload.decode() for _, payload in sorted(frames.items())] == texts
    assert [(g.ordinal, g.symbols, g.kind) for g in result.gaps] == [(6, ("A",), "checksum")]
    report = verify.verify(root)
    assert report.ok, report.problems
    (connection,) = report.connections
    assert (connection.state, connection.closed_by, connection.received) == ("ok", "import", 7)


def test_a_second_import_adds_nothing(tmp_path: Path) -> None:
    """Identities come from the file, not from the clock."""
    path = capture(tmp_path / "c.jsonl", "hello", "trade", "hello", "trade")
    first = imported(path, tmp_path / "a")
    before = sorted(p for p in (tmp_path / "a").rglob("*") if p.is_file())
    second = imported(path, tmp_path / "a")
    assert sorted(p for p in (tmp_path / "a").rglob("*") if p.is_file()) == before
    assert (first.added, second.added) == (8, 0)
    assert (second.frames, second.envelopes, second.by_type) == (
        first.frames,
        first.envelopes,
        first.by_type,
    )


def test_a_capture_may_hold_several_connections(tmp_path: Path) -> None:
    """A discontinuity begins a new one; ids sort in the order of the file."""
    path = capture(tmp_path / "c.jsonl", "trade", "hello", "trade", "hello", "hello", "trade")
    result = imported(path, tmp_path / "a")
    assert result.connections == 4
    report = verify.verify(tmp_path / "a")
    assert report.ok, report.problems
    assert [c.received for c in report.connections] == [1, 2, 1, 2]
    assert [c.reason for c in report.connections] == ["discontinuity"] * 3 + ["import"]
    chain = [None, *(c.connection for c in report.connections[:-1])]
    assert [c.previous for c in report.connections] == chain


def test_gzip_is_read_too(tmp_path: Path) -> None:
    """Captures are kept packed."""
    plain = capture(tmp_path / "c.jsonl", "hello", "trade")
    packed = tmp_path / "c.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert imported(packed, tmp_path / "a").frames == 2


def test_a_time_that_nobody_noted_is_not_invented(tmp_path: Path) -> None:
    """Slot and date: the venue's time, else the last known, else the import's."""
    venue_time = START - 10 * 86_400 * SECOND_NS
    path = capture(
        tmp_path / "c.jsonl", (None, "hello"), (None, f"trade {venue_time}"), (None, "what")
    )
    imported(path, tmp_path / "a")
    found = [
        (line.file.split("/")[2], line.envelope.payload)
        for line in reader.read(tmp_path / "a")
        if line.envelope.ordinal is not None
    ]
    assert found == [
        ("date=2027-01-05", f"trade {venue_time}".encode()),
        ("date=2027-01-05", b"what"),
        ("date=2027-01-15", b"hello"),
    ]
    assert {line.envelope.ts_recv for line in reader.read(tmp_path / "a")} == {None}
    assert verify.verify(tmp_path / "a").ok


@pytest.mark.parametrize(
    "bad",
    [b"x\n", b"[]\n", b'{"ts_recv":1}\n', b'{"ts_recv":"1","raw":""}\n', b'{"ts_recv":1,"raw":{}}\n',
     b"\xff\n", b'{"ts_recv":1,"raw":"\xff"}\n', b'{"ts_recv":1.5,"raw":""}\n'],
)  # fmt: skip
def test_a_broken_line_is_named_and_nothing_is_imported(bad: bytes, tmp_path: Path) -> None:
    """Half an import that looks like a whole one would be worse than none."""
    path = capture(tmp_path / "c.jsonl", "hello", "trade")
    path.write_bytes(path.read_bytes() + bad)
    with pytest.raises(ConfigError, match="line 3"):
        imported(path, tmp_path / "a")
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_an_empty_capture_is_empty(content: bytes, tmp_path: Path) -> None:
    """Nothing recorded is nothing archived, and no error."""
    path = tmp_path / "c.jsonl"
    path.write_bytes(content)
    assert imported(path, tmp_path / "a").frames == 0


def test_a_torn_gzip_or_a_missing_file_is_said_so(tmp_path: Path) -> None:
    """The reason is the file, and the remedy is for its owner."""
    packed = tmp_path / "c.jsonl.gz"
    packed.write_bytes(gzip.compress(b'{"ts_recv":1,"raw":"x"}\n' * 1000)[:-9])
    for path in (packed, tmp_path / "none", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read"):
            imported(path, tmp_path / "a")


def test_an_interrupted_import_is_completed_by_the_next(tmp_path: Path) -> None:
    """What a killed import left is recovered, and the rest added."""
    path = capture(tmp_path / "c.jsonl", *["hello", *["trade"] * 5000])

    class Killed(BaseException):
        pass

    def kill(done: int, total: int) -> None:
        assert total == 5001
        if done >= 3000:
            raise Killed

    with pytest.raises(Killed):
        imported(path, tmp_path / "a", progress=kill)
    assert imported(path, tmp_path / "a").frames == 5001
    report = verify.verify(tmp_path / "a")
    assert report.ok, report.problems
    assert report.frames == 5001


def test_two_imports_at_once_do_not_mix(tmp_path: Path) -> None:
    """The second is told who is at work."""
    running = Archive(tmp_path / "a", "import-kraken", clock=ManualClock(START))
    with pytest.raises(WriterBusy):
        imported(capture(tmp_path / "c.jsonl", "hello"), tmp_path / "a")
    running.close()
