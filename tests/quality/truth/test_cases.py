"""What is no fault, and whose day a fault counts on; what else the checks of truth notice."""

from pathlib import Path

import msgspec
import pytest

from ssmd.archive import layout
from ssmd.model.records import ClockState
from ssmd.model.timestamp import SECOND_NS
from ssmd.quality.truth.grid import Steps
from ssmd.quality.truth.measuring import measure
from ssmd.sim.manual_clock import ManualClock
from tests.quality.truth.judging import (
    DATE,
    FEED,
    SYMBOL,
    VENUE,
    WINDOW,
    alone,
    measured,
    slowly,
    spoilt,
)
from tests.quality.truth.made import DAY_NS, HOUR_NS, LISTINGS, MINUTE_NS, Line, lines, write


def test_conservation_of_a_segment_that_is_gone(tmp_path: Path) -> None:
    """A sealed segment that was taken away, or cut, is noticed by what its manifest says."""
    spoilt(tmp_path)
    folder = tmp_path / layout.date_folder(FEED, DATE)
    gone, cut, *_ = sorted(folder.glob("*.zst"))
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:-1])
    found = measured(tmp_path)["conservation"]
    assert found.value == 2
    assert f"{gone.name} is gone." in found.evidence
    assert "bytes; its manifest tells of" in found.evidence


@pytest.mark.parametrize(("which", "least"), [(1, 90), (2, 1)])
def test_conservation_of_a_manifest_that_is_gone(tmp_path: Path, which: int, least: int) -> None:
    """A segment that vanished with its manifest leaves frames missing, or at least who names it.

    In the middle its frames are missed between their neighbours; at the end only the writer's head
    still knows of it.
    """
    spoilt(tmp_path)
    folder = tmp_path / layout.date_folder(FEED, DATE)
    segment = sorted(folder.glob("*.zst"))[which]
    segment.unlink()
    (folder / segment.name.replace(".jsonl.zst", ".manifest.json")).unlink()
    found = measured(tmp_path)["conservation"]
    assert found.value is not None
    assert found.value >= least
    assert f"{segment.name} and its manifest are gone" in found.evidence


def test_conservation_counts_each_day_for_itself(tmp_path: Path) -> None:
    """A connection of three days with a hole on the second breaks the second alone."""
    line = Line(FEED, WINDOW.since - HOUR_NS).open().live(WINDOW.since + HOUR_NS)
    line.vanish(3)
    line.live(WINDOW.until + HOUR_NS).close()
    write(tmp_path, lines(line))
    values = [
        measured(tmp_path, date=date)["conservation"].value
        for date in ("2027-01-12", DATE, "2027-01-14")
    ]
    assert values == [0, 3, 0]


def test_an_open_connection_is_not_broken(tmp_path: Path) -> None:
    """What a connection that has not ended still owes may be on its way: nothing is broken yet."""
    line = Line(FEED, WINDOW.since + SECOND_NS).open().live(WINDOW.since + 3 * HOUR_NS)
    line.vanish(1)
    line.live(WINDOW.since + 4 * HOUR_NS)
    write(tmp_path, lines(line), seal=False, build=False)
    found = measured(tmp_path)["conservation"]
    assert found.value == 0
    assert "(1 not ended" in found.evidence


def test_a_repaired_gap_is_counted_and_forgiven(tmp_path: Path) -> None:
    """A snapshot made it good: no minute is missed, the evidence counts the repair."""
    found = spoilt(tmp_path, lambda line: line.checksum_failure(SYMBOL, SECOND_NS))
    alone(found, "checksum_failures")
    assert "made good: 1 snapshot" in found["gaps"].evidence


def test_lateness_below_zero_is_clock_trouble(tmp_path: Path) -> None:
    """What arrives before it happened tells of a wrong clock, and whose clock ours was is said."""
    line = Line(FEED, WINDOW.since + SECOND_NS)
    line.open(clock=ClockState(source="kernel", offset_s=0.004)).live(WINDOW.since + 12 * HOUR_NS)
    slowly(line, -7 * SECOND_NS)
    line.live(WINDOW.until - SECOND_NS).close()
    write(tmp_path, lines(line))
    found = measured(tmp_path)["lateness"]
    assert found.value == pytest.approx(7, abs=0.002)
    assert "CLOCK TROUBLE: rows of trades" in found.evidence
    assert "Our clock: kernel, +0.004 s off." in found.evidence


def test_a_venue_that_tells_whole_seconds_is_not_late_for_it(tmp_path: Path) -> None:
    """Times cut to the second look up to a second late: that is their step, not their delay."""
    line = Line(FEED, WINDOW.since + SECOND_NS, channels=("trade",)).open()
    for hour in range(1, 20):
        line.ts = WINDOW.since + hour * HOUR_NS + 900_000_000
        line.trade(SYMBOL, late_ns=900_000_000)
    line.close()
    write(tmp_path, lines(line))
    found = measured(tmp_path)["lateness"]
    assert found.value == 0
    assert "times in steps of 1 s" in found.evidence


def test_a_proved_book_that_is_crossed_at_the_end_of_a_slot(tmp_path: Path) -> None:
    """A book can add up and be crossed all the same: it is looked at where slots end."""
    line = Line(FEED, WINDOW.since + SECOND_NS, channels=("book",)).open()
    line.ts = WINDOW.since + 8 * HOUR_NS - MINUTE_NS
    line.book(SYMBOL, "100.5", "100.2")
    line.ts += 2 * MINUTE_NS
    line.book(SYMBOL)
    write(tmp_path, lines(line))
    found = measured(tmp_path)["crossed_books"]
    assert found.value == 1
    assert "1 of 1 proved books" in found.evidence
    assert "One: the book of kraken:BTC/USD: bid 100.5" in found.evidence


def test_the_grid_of_another_instrument_says_nothing(tmp_path: Path) -> None:
    """Prices of instruments that nobody listed are counted apart; without any listing: unknown."""
    line = Line(FEED, WINDOW.since + SECOND_NS).open().live(WINDOW.until - SECOND_NS).close()
    write(tmp_path, lines(line))
    some = measured(tmp_path, {"kraken:BTC/USD": LISTINGS["kraken:BTC/USD"]})["off_grid"]
    assert (some.state, some.value) == ("known", 0)
    assert "141 more are of instruments of unknown grid" in some.evidence
    none = measured(tmp_path, {"kraken:XRP/USD": (Steps(LISTINGS["kraken:BTC/USD"][0].step),)})
    assert none["off_grid"].state == "unknown"
    missing = measured(tmp_path, None)["off_grid"]
    assert missing.state == "unknown"
    assert "No listing is archived" in missing.evidence


def test_a_planned_reconnect_with_overlap_is_no_fault(tmp_path: Path) -> None:
    """Two connections that tell the same while one replaces the other: nothing is amiss."""
    noon = WINDOW.since + 12 * HOUR_NS
    old = Line(FEED, WINDOW.since + SECOND_NS).open().live(noon)
    new = Line(FEED, noon, previous=old).open("planned")
    for second in range(1, 20):
        old.ts = new.ts = noon + second * SECOND_NS
        new.trade(SYMBOL, number=old.trade(SYMBOL))
    old.close("planned")
    new.live(WINDOW.until - SECOND_NS).close()
    write(tmp_path, lines(old, new))
    found = measured(tmp_path)
    alone(found)
    assert "19 rows repeat another connection's" in found["duplicates"].evidence


def test_what_began_at_noon_was_not_wanted_before(tmp_path: Path) -> None:
    """A feed that began at noon is judged from noon on."""
    line = Line(FEED, WINDOW.since + 12 * HOUR_NS).open().live(WINDOW.until - SECOND_NS).close()
    write(tmp_path, lines(line))
    found = measured(tmp_path)
    alone(found)
    assert "1442 unknown" in found["coverage"].evidence


def test_a_running_day_is_judged_as_far_as_it_goes(tmp_path: Path) -> None:
    """Open segments count as sealed ones do; what is not there yet is nobody's fault."""
    now = WINDOW.since + 15 * HOUR_NS
    line = Line(FEED, WINDOW.since + SECOND_NS).open().live(now)
    write(tmp_path, lines(line), seal=False)
    window = msgspec.structs.replace(WINDOW, until=now + 30 * SECOND_NS, running=True)
    told = measure(tmp_path, FEED, VENUE, window, clock=ManualClock(now), listings=LISTINGS)
    alone({each.name: each for each in told})
    assert {each.state for each in told} == {"known"}


def test_an_outage_that_lasts_all_day_is_one(tmp_path: Path) -> None:
    """A day of which nothing is archived, between two that were recorded, was not covered."""
    before = Line(FEED, WINDOW.since - HOUR_NS).open().live(WINDOW.since - MINUTE_NS).close("reset")
    after = Line(FEED, WINDOW.since + DAY_NS + HOUR_NS, previous=before).open("reconnect")
    after.live(WINDOW.since + DAY_NS + 2 * HOUR_NS).close()
    write(tmp_path, lines(before, after))
    found = measured(tmp_path)
    assert found["coverage"].value == 0
    assert found["conservation"].state == "unknown"
