"""What is missing is told once per instrument, with what shows it and what made it good."""

import msgspec
import pytest

from ssmd.archive.ledger.absences import absences, is_stop, stopped
from ssmd.archive.ledger.entries import Entry
from tests.archive.entries import FILE, NEW, OLD, S, gap, hole, ledger, loss, outage, repair


def test_channels_that_were_away_together_are_one_outage() -> None:
    """A connection's end is one trouble of an instrument, whichever channel came back first."""
    found = absences(ledger(outage(10, 11), outage(10, 12, channel="book"), outage(20, 21)))
    assert [(each.since, each.until) for each in found] == [(10 * S, 12 * S), (20 * S, 21 * S)]
    assert [each.evidence.channels for each in found] == [("book", "trade"), ("trade",)]
    assert found[0].instrument == "v:X"


def test_troubles_with_different_causes_stay_apart() -> None:
    """Another connection, another reason, another instrument: another entry."""
    entries = [outage(10, 12), outage(10, 12, reason="died"), outage(10, 12, connection=NEW)]
    assert len(absences(ledger(*entries, outage(10, 12, "Y")))) == 4


def test_an_outage_that_is_not_over_has_no_end() -> None:
    """As long as one channel is away the instrument is."""
    (found,) = absences(ledger(outage(10, None), outage(10, 12, channel="book")))
    assert found.until is None
    assert found.told["to"] is None


def test_a_recording_that_was_stopped_is_told_from_one_that_fails() -> None:
    """Whoever stops a recorder knows it; but as soon as anything goes on, something is missed."""
    ends = outage(10, None, reason="shutdown")
    still = ledger(ends, outage(10, None, "Y", reason="shutdown"), until=12)
    assert [is_stop(each, still) for each in absences(still)] == [True, True]
    assert stopped(still) == 10 * S
    assert stopped(ledger(outage(10, 20, reason="shutdown"), until=22)) is None
    assert stopped(ledger(outage(10, None, reason="died"), until=12)) is None
    goes_on = ledger(ends, until=1000)  # something else of the feed is recorded still
    assert stopped(goes_on) is None
    assert len(absences(goes_on)) == 1


def test_what_made_it_good_may_lie_outside_of_the_time_asked_about() -> None:
    """Half an outage is asked about; its history was fetched whole."""
    asked = ledger(outage(10, 20), repair(12, 20), since=15)
    assert absences(asked)[0].evidence.repaired == "partly"
    wider = ledger(outage(10, 20), repair(9, 12), repair(12, 20))
    assert absences(asked, None, wider)[0].evidence.repaired == "backfill"


def test_a_gap_is_told_for_each_of_its_instruments() -> None:
    """A counter that several share lost something of each; one that names nobody, of all."""
    found = absences(ledger(gap(10, 12, "X", "Y"), gap(20, 21)))
    assert [each.instrument for each in found] == ["v:X", "v:Y", None]
    assert found[0].evidence.ordinals == (9, 9)


def test_frames_that_are_gone_concern_all_of_their_connection() -> None:
    """What was in them nobody knows; a connection of one instrument leaves no doubt."""
    found = absences(ledger(hole(10, 12, "X", "Y"), loss(20, 21, "X")))
    assert [(each.kind, each.instrument) for each in found] == [("hole", None), ("loss", "v:X")]
    assert found[0].evidence.ordinals == (3, 5)


def test_an_instrument_is_asked_for() -> None:
    """Its own entries, and those of connections that carried it."""
    entries = [outage(1, 2), outage(1, 2, "Y"), gap(3, 4, "Y"), gap(5, 6), hole(7, 8, "X", "Y")]
    of_x = absences(ledger(*entries, hole(9, 10, "Y", "Z")), "X")
    assert [(each.kind, each.since // S) for each in of_x] == [
        ("outage", 1),
        ("gap", 5),
        ("hole", 7),
    ]


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], "no"),
        ([repair(9, 13)], "backfill"),
        ([repair(9, 11), repair(11, 13)], "backfill"),
        ([repair(9, 11)], "partly"),
        ([repair(9, 11), repair(9, 11), repair(9, 11)], "partly"),
        ([repair(9, 13, "Y")], "no"),
        ([repair(9, 13, channel="book")], "no"),
        ([repair(11, 11.5, reason="snapshot")], "no"),
        ([repair(30, 40)], "no"),
        ([repair(9, 13, reason="partial")], "partly"),
        ([msgspec.structs.replace(repair(9, 13), ordinal=None)], "no"),
    ],
)
def test_an_outage_is_made_good_by_history_alone(entries: list[Entry], expected: str) -> None:
    """All of it, on its own channel, for its own instrument; a snapshot brings nothing back."""
    (found,) = absences(ledger(outage(10, 12), *entries))
    assert found.evidence.repaired == expected


def test_an_outage_of_two_channels_is_made_good_in_part() -> None:
    """Trades have a history, the book has none."""
    (found,) = absences(ledger(outage(10, 12), outage(10, 12, channel="book"), repair(9, 13)))
    assert found.evidence.repaired == "partly"


def test_frames_that_are_gone_are_made_good_in_part_at_most() -> None:
    """Whatever they were about: a history tells of trades."""
    (found,) = absences(ledger(loss(10, 12, "X"), repair(9, 13)))
    assert found.evidence.repaired == "partly"


def test_a_gap_is_closed_by_a_snapshot_of_its_own_connection() -> None:
    """The state is right again, and that is what is said: not that nothing is missing."""
    snapshot = repair(10, 12, channel="book", reason="snapshot")
    (found,) = absences(ledger(gap(10, 12, "X"), snapshot))
    assert found.evidence.repaired == "snapshot"
    elsewhere = msgspec.structs.replace(snapshot, connection=NEW)
    assert absences(ledger(gap(10, 12, "X"), elsewhere))[0].evidence.repaired == "no"


def test_a_program_is_told_everything() -> None:
    """The shape that `ssmd gaps --json` promises."""
    (found,) = absences(ledger(outage(10, 12)))
    assert msgspec.json.decode(msgspec.json.encode(found.told)) == {
        "feed": "f",
        "instrument": "v:X",
        "kind": "outage",
        "from": "1970-01-01T00:00:10.000000000Z",
        "to": "1970-01-01T00:00:12.000000000Z",
        "reason": "reset",
        "evidence": {
            "connection": OLD,
            "record": 7,
            "ordinals": None,
            "file": FILE,
            "channels": ["trade"],
            "repaired": "no",
        },
    }
