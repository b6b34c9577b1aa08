"""When the stream can be gone on with, and when everything must be told anew."""

from typing import Final

import msgspec
import pytest

from ssmd.secmaster.changes.frames import Mark
from ssmd.secmaster.changes.standing import (
    Known,
    Slot,
    beyond,
    describe,
    reason_to_begin_anew,
)

SLOT: Final = Slot(
    plugin="pgoutput",
    here=True,
    active=False,
    wal_status="reserved",
    confirmed=100,
    behind_bytes=0,
    safe_bytes=None,
)
KNOWN: Final = Known(system="77", generation=3, slot=SLOT, flushed=500)
MARK: Final = Mark("77", 3, 90, 4, 100)


def slot(**changes: object) -> Known:
    """What the database says when its slot is another."""
    return msgspec.structs.replace(KNOWN, slot=msgspec.structs.replace(SLOT, **changes))


def test_an_undisturbed_stream_is_gone_on_with() -> None:
    """Also after a crash of the database, which forgets some of what was confirmed."""
    assert reason_to_begin_anew(KNOWN, MARK) == ""
    assert reason_to_begin_anew(slot(confirmed=40), MARK) == ""
    assert reason_to_begin_anew(slot(wal_status="unreserved"), MARK) == ""
    half = msgspec.structs.replace(MARK, end=0)
    assert reason_to_begin_anew(slot(confirmed=90), half) == "", "the rest of it comes again"


@pytest.mark.parametrize(
    ("known", "mark", "reason"),
    [
        (msgspec.structs.replace(KNOWN, generation=0), None, "first"),
        (KNOWN, None, "stream_lost"),
        (msgspec.structs.replace(KNOWN, slot=None), MARK, "slot_missing"),
        (slot(wal_status="lost"), MARK, "slot_lost"),
        (slot(plugin="wal2json"), MARK, "slot_foreign"),
        (slot(here=False), MARK, "slot_foreign"),
        (msgspec.structs.replace(KNOWN, system="78"), MARK, "other_system"),
        (msgspec.structs.replace(KNOWN, generation=4), MARK, "other_generation"),
        (msgspec.structs.replace(KNOWN, generation=0), MARK, "other_generation"),
        (KNOWN, msgspec.structs.replace(MARK, snapshot=True), "interrupted"),
        (msgspec.structs.replace(KNOWN, flushed=99), MARK, "went_back"),
        (slot(confirmed=101), MARK, "hole"),
        (slot(confirmed=91), msgspec.structs.replace(MARK, end=0), "hole"),
    ],
)
def test_why_everything_is_told_anew(known: Known, mark: Mark | None, reason: str) -> None:
    """Each is something missing between the stream's end and what the slot will tell."""
    assert reason_to_begin_anew(known, mark) == reason


@pytest.mark.parametrize(
    ("mark", "commit", "n", "comes_after"),
    [
        (MARK, 89, 9, False),
        (MARK, 90, 9, False),
        (MARK, 91, 0, True),
        (msgspec.structs.replace(MARK, end=0), 90, 4, False),
        (msgspec.structs.replace(MARK, end=0), 90, 5, True),
        (msgspec.structs.replace(MARK, end=0), 89, 5, False),
    ],
)
def test_what_the_stream_holds_is_not_published_again(
    mark: Mark, commit: int, n: int, comes_after: bool
) -> None:
    """A transaction may be half there: it is gone on with where it stopped."""
    assert beyond(mark, commit, n) is comes_after


def test_a_place_in_words() -> None:
    """For whoever reads the log."""
    assert describe(None) == "none"
    assert describe(MARK) == "generation 3, 0/5A change 4"
