"""One sentence that a person can act on, and the evidence for it."""

import pytest

from ssmd.archive.ledger.entries import Condition, Entry
from ssmd.archive.ledger.explain import Heard, explain
from tests.archive.entries import (
    FILE,
    NEW,
    OLD,
    S,
    coverage,
    gap,
    hole,
    intent,
    ledger,
    loss,
    outage,
    repair,
)

HEARD = Heard(connection=OLD, ordinals=(3, 9), frames=4, file=FILE, source="live")


def said(ts: float, condition: Condition, *entries: Entry, heard: tuple[Heard, ...] = ()) -> str:
    found = explain(ledger(*entries), "X", round(ts * S), condition, heard)
    return "\n".join((found.sentence, *found.evidence))


def test_an_outage_names_its_times_its_cause_and_who_ended_it() -> None:
    """Who reads it knows how long, why, and where to look."""
    text = said(
        11,
        "lost",
        intent(0, None),
        coverage(12, None, connection=NEW),
        outage(10, 12, reason="died"),
    )
    assert "v:X at 1970-01-01T00:00:11.000Z is lost: no connection held it from" in text
    assert "00:00:10.000Z to 1970-01-01T00:00:12.000Z (2.000 s)" in text
    assert "because its process died (`died`)" in text
    assert f"{NEW} brought it back" in text
    assert f"outage (died): {OLD} record 7, in {FILE}" in text


def test_what_was_fetched_afterwards_is_said() -> None:
    """Repaired is not the same as captured."""
    assert "source=rest" in said(11, "repaired", outage(10, 12), repair(9, 13))


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (gap(10, 12, "X"), "the venue's own messages on book have a gap"),
        (hole(10, 12, "X"), "frames 3..5, received from"),
        (loss(10, 12, "X"), "frame 4, received from"),
        (outage(10, None), "on, to this moment"),
    ],
)
def test_every_kind_of_absence_has_its_words(entry: Entry, words: str) -> None:
    """Whose loss it is must be plain."""
    assert words in said(11, "lost", intent(0, None), entry)


def test_a_moment_that_was_captured_says_what_is_there() -> None:
    """Connection, ordinals, file."""
    text = said(50, "complete", intent(0, None), coverage(1, None), heard=(HEARD,))
    assert f"{OLD} held it, and 4 frames about it were archived in that minute" in text
    assert f"4 frames (live): {OLD} ordinals 3..9, in {FILE}" in text
    assert "acknowledged in frame 1" in text


def test_a_captured_moment_of_a_bad_minute_says_both() -> None:
    """The minute is judged by its worst; the moment asked about may be fine."""
    text = said(
        50,
        "lost",
        intent(0, None),
        coverage(1, 20),
        outage(20, 22),
        coverage(22, None),
        heard=(HEARD,),
    )
    assert "was captured, in a minute that is lost" in text
    assert "In the same minute, no connection held it from 1970-01-01T00:00:20.000Z" in text
    assert "outage (reset)" in text


def test_quiet_is_not_lost() -> None:
    """Somebody was there, and nothing was said."""
    text = said(50, "quiet", intent(0, None), coverage(1, None))
    assert "the venue said nothing about it in that minute" in text


def test_what_nobody_held_is_not_said_to_be_held() -> None:
    """A sentence may not say more than the ledger does."""
    text = said(50, "unknown", intent(0, None), heard=(HEARD,))
    assert "no connection is known to have held it then; 4 frames about it" in text


def test_an_instrument_among_all_others_was_held_with_them() -> None:
    """A subscription to everything covers what it does not name."""
    everything = coverage(1, None, symbol=None)
    text = said(50, "quiet", intent(0, None, symbol=None), everything)
    assert f"{OLD} held it" in text


def test_what_could_not_be_read_is_said() -> None:
    """Broken bytes do not keep the ledger from speaking."""
    entries = ledger(intent(0, None), coverage(1, None))
    found = explain(entries, "X", 50 * S, "quiet", (), unread="segment 7 cannot be read")
    assert found.evidence[-1] == "segment 7 cannot be read"


def test_what_nobody_wanted_says_when_it_was() -> None:
    """So that who looks at the wrong day sees it."""
    text = said(50, "not_wanted", intent(0, 10), intent(70, None))
    assert "nobody had asked for it then" in text
    assert "it had been until 1970-01-01T00:00:10" in text
    assert "it was from 1970-01-01T00:01:10" in text


def test_beyond_the_newest_archived_time_nothing_is_known() -> None:
    """Not lost, not quiet: unknown."""
    assert "the archive knows nothing after 1970-01-01T00:16:40" in said(
        2000, "unknown", intent(0, None)
    )
