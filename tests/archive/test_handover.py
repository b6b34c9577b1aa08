"""A connection that another process takes over from: overlap while it lives, `unknown` when it died."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from ssmd.archive import verify
from ssmd.archive.overlap import SILENT_NS, Overlap
from ssmd.model.envelope import Envelope
from ssmd.model.timestamp import SECOND_NS
from tests.archive.made import START, Talk, archive, sent


def pair() -> tuple[Talk, Talk]:
    """One, and its successor a second later."""
    first = Talk(0)
    return first, Talk(0, ts=START + SECOND_NS, previous=first.id)


def kept(root: Path, stream: Iterable[Envelope], *, sealed: bool = True) -> verify.Report:
    """What is proved of an archive of it."""
    made = archive(root)
    made.append(sent(list(stream)))
    made.commit()
    if sealed:
        made.seal_all()
    report = verify.verify(root)
    made.close()
    return report


def test_what_both_hear_is_overlap_and_nothing_is_missing(tmp_path: Path) -> None:
    """Every frame of both is kept; those of the new one count as overlap until the old one ends."""
    first, second = pair()
    stream = [
        first.opened(), *first.frames(5), second.opened("handover"), *second.frames(3),
        *first.frames(2), first.closed(), *second.frames(4), second.closed(),
    ]  # fmt: skip
    report = kept(tmp_path, stream)
    assert report.ok, report.problems
    assert (report.frames, report.overlap, report.duplicates) == (14, 3, 0)
    assert [c.state for c in report.connections] == ["ok", "ok"]


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize(("silent_ns", "state"), [(0, "open"), (2 * SILENT_NS, "unknown")])
def test_who_lives_is_open_and_who_fell_silent_is_unknown(
    tmp_path: Path, silent_ns: int, state: str, sealed: bool
) -> None:
    """In a copy without open segments too: that all is sealed does not mean that all is over."""
    first, second = pair()
    stream = [first.opened(), *first.frames(5), second.opened("handover"), *second.frames(3)]
    second.ts += silent_ns
    report = kept(tmp_path, [*stream, *second.frames(1)], sealed=sealed)
    assert [c.state for c in report.connections] == [state, "open"]
    assert [problem.kind for problem in report.problems] == ["unknown"] * (state == "unknown")


def test_who_was_followed_by_a_plain_start_is_unknown_at_once(tmp_path: Path) -> None:
    """A handover that was followed by a start of its own process: nobody has it any more."""
    first, second = pair()
    third = Talk(0, ts=START + 2 * SECOND_NS, previous=first.id)
    stream = [first.opened(), *first.frames(5), second.opened("handover"), *second.frames(3)]
    stream += [third.opened("start"), *third.frames(1)]
    report = kept(tmp_path, stream)
    assert [c.state for c in report.connections] == ["unknown", "open", "open"]


def test_the_dead_make_no_overlap() -> None:
    """A predecessor that fell silent does not count as alive for ever; one that speaks does."""
    first, second = pair()
    closed: set[str] = set()
    overlap = Overlap(closed.__contains__)
    for envelope in (first.opened(), *first.frames(1), second.opened("handover")):
        assert not overlap.watch(envelope)
    assert overlap.watch(next(iter(second.frames(1))))
    second.ts += SILENT_NS - SECOND_NS
    first.ts = second.ts
    assert overlap.watch(next(iter(second.frames(1))))
    assert not overlap.watch(next(iter(first.frames(1))))
    second.ts += SILENT_NS - SECOND_NS
    assert overlap.watch(next(iter(second.frames(1))))
    second.ts += SILENT_NS
    assert not overlap.watch(next(iter(second.frames(1))))
    assert not overlap.watch(next(iter(second.frames(1))))
