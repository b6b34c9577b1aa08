"""What is seen of commits: their age, what cannot be true, and whether everything arrived."""

from pathlib import Path

import msgspec
import pytest

from ssmd.archive import committed, telemetry
from ssmd.archive.seen import Seen
from ssmd.archive.writer import Archive
from ssmd.model.envelope import Envelope
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime import metrics, passage_metrics
from ssmd.sim.manual_clock import ManualClock
from tests.archive.made import START, Talk, sent

MINUTE_NS = 60 * SECOND_NS
LATE_S = 600.0
"""Longer than any grace of the archive's settings."""


def flawed(**changes: object) -> Envelope:
    (frame,) = Talk().frames(1)
    return msgspec.structs.replace(frame, **changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"record": 0}, "both"),
        ({"ordinal": None}, "neither"),
        ({"part": 1}, "part 1 of 1"),
        ({"part": -1}, "part -1 of 1"),
        ({"parts": 0}, "part 0 of 0"),
        ({"ts_recv": START + MINUTE_NS + 1}, "after it was archived"),
        ({"connection": "krakens-0-x"}, "not one of the feed kraken"),
    ],
)
def test_an_envelope_that_contradicts_itself_is_found(
    changes: dict[str, object], words: str
) -> None:
    """Somebody publishes who should not; it is kept, and said."""
    wrong = flawed(**changes)
    ((identity, said),) = committed.flaws("kraken", [*Talk().frames(2), wrong], START)
    assert identity == wrong.message_id
    assert words in said


def test_what_a_connector_makes_is_without_flaw() -> None:
    """Frames, parts, records, clocks that differ by less than a minute, imports without a time."""
    talk = Talk()
    whole = talk.life(5)
    parts = [talk.envelope("trade", b"", ordinal=9, part=at, parts=2) for at in (0, 1)]
    ahead, untimed = flawed(ts_recv=START + MINUTE_NS), flawed(ts_recv=None)
    assert committed.flaws("kraken", [*whole, *parts, ahead, untimed], START) == []


class Counts:
    """The series of one stream."""

    def __init__(self, stream: str) -> None:
        telemetry.touch("kraken", stream)
        self.stream = stream

    @property
    def difference(self) -> float:
        """Received less archived less declared."""
        return float(passage_metrics.DIFFERENCE.labels("kraken", self.stream)._value.get())

    @property
    def invalid(self) -> float:
        """Envelopes that contradict themselves."""
        return float(passage_metrics.INVALID.labels("kraken", self.stream)._value.get())

    @property
    def waits(self) -> tuple[float, float]:
        """How many latencies there are, and their sum, in seconds."""
        found = passage_metrics.ARCHIVED_SECONDS.labels("kraken", self.stream)
        return sum(bucket.get() for bucket in found._buckets), found._sum.get()


async def test_a_commit_counts_age_types_and_flaws(tmp_path: Path) -> None:
    """From receipt to rest, once per envelope, when it is durable and not before."""
    clock, counts = ManualClock(START), Counts("AGE")
    made = Archive(tmp_path, "AGE", clock=clock)
    life = Talk().frames(10, step_ns=0)
    await clock.advance(3)
    made.append(sent([*life, flawed(part=3, ordinal=77, parts=2)]))
    assert counts.waits == (0, 0.0)
    made.commit()
    assert counts.waits == (11, 33.0)
    assert counts.invalid == 1
    assert metrics.ARCHIVED.labels("kraken", "AGE", "trade")._value.get() == 11
    made.commit()
    assert counts.waits[0] == 11, "nothing is counted twice"
    made.close()


async def test_a_frame_that_never_came_is_a_difference_until_it_comes(tmp_path: Path) -> None:
    """Not while the connection lives, nor in the grace after it; back to 0 when it is made good."""
    clock, counts = ManualClock(START), Counts("LATE")
    made = Archive(tmp_path, "LATE", clock=clock)
    life = Talk().life(10)
    held_back = life.pop(4)
    made.append(sent(life))
    made.commit()
    made.tick(clock.wall())
    assert counts.difference == 0, "it may still be on its way"
    await clock.advance(LATE_S)
    made.tick(clock.wall())
    assert counts.difference == 1
    made.append(sent([held_back], after=20))
    made.commit()
    made.tick(clock.wall())
    assert counts.difference == 0
    made.close()


async def test_what_is_declared_lost_is_no_difference(tmp_path: Path) -> None:
    """The promise is: received = archived + declared lost."""
    clock, counts = ManualClock(START), Counts("DECLARED")
    made = Archive(tmp_path, "DECLARED", clock=clock)
    talk = Talk()
    frames = talk.frames(10)
    life = [talk.opened(), *frames[:5], *frames[7:], talk.lost((5, 6)), talk.closed()]
    made.append(sent(life))
    made.commit()
    await clock.advance(LATE_S)
    made.tick(clock.wall())
    assert counts.difference == 0
    made.close()


async def test_more_than_was_received_is_a_difference_too(tmp_path: Path) -> None:
    """A closing record that says too little proves nothing; and no two wrongs make a right."""
    clock, counts = ManualClock(START), Counts("MORE")
    made = Archive(tmp_path, "MORE", clock=clock)
    talk = Talk()
    made.append(sent([talk.opened(), *talk.frames(10), talk.closed(last=6)]))
    made.commit()
    await clock.advance(LATE_S)
    made.tick(clock.wall())
    assert counts.difference == -3
    made.close()
    again = Archive(tmp_path, "MORE", clock=clock)
    passage_metrics.DIFFERENCE.labels("kraken", "MORE").set(0)
    again.tick(clock.wall())
    assert counts.difference == -3, "another process finds the same in the files"
    again.close()


def test_a_connection_that_is_forgotten_is_no_difference() -> None:
    """Memory is bounded; what is not complete is never forgotten."""
    seen = Seen()
    talk = Talk()
    for envelope in [talk.opened(), *talk.frames(3), talk.closed(last=1)]:
        assert seen.add(envelope)
    seen.commit()
    assert list(seen.holes(START + MINUTE_NS)) == []
    assert seen.differences() == {"kraken": -1}
    seen.forget(START + MINUTE_NS)
    assert seen.differences() == {"kraken": 0}
