"""Each check of truth turns red over a day with its defect, and stays green over one without."""

from pathlib import Path

import pytest

from ssmd.model.timestamp import SECOND_NS
from tests.quality.truth.judging import (
    FEED,
    FULL,
    RED,
    SYMBOL,
    WINDOW,
    Findings,
    alone,
    measured,
    score,
    slowly,
    spoilt,
)
from tests.quality.truth.made import HOUR_NS, Line, lines, write


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """The findings over a day with nothing wrong; of two symbols, quiet most of the time."""
    root = tmp_path_factory.mktemp("sound")
    told = spoilt(root)
    assert {each.state for each in told.values()} == {"known"}
    return told


def test_a_sound_day_is_perfect(sound: Findings) -> None:
    """Nothing is held against a day with nothing wrong, however quiet it was."""
    alone(sound)


def test_conservation_green(sound: Findings) -> None:
    """Every frame is archived; the evidence counts them, and says what was proved."""
    assert score(sound["conservation"]) == FULL
    assert (
        "279 received = 279 archived + 0 declared lost + 0 missing"
        in sound["conservation"].evidence
    )
    assert "by the manifests of 3 segments" in sound["conservation"].evidence


def test_conservation_red(tmp_path: Path) -> None:
    """A frame that was numbered and is nowhere breaks it, whatever else is right."""
    found = spoilt(tmp_path, lambda line: line.vanish(1))
    assert found["conservation"].value == 1
    assert score(found["conservation"]) == 0


def test_declared_loss_green(sound: Findings) -> None:
    """Nothing was declared lost."""
    assert score(sound["declared_loss"]) == FULL


def test_declared_loss_red(tmp_path: Path) -> None:
    """What was received and declared lost is counted, with the reason; nothing is missing for it."""
    found = spoilt(tmp_path, lambda line: line.lose(30))
    assert found["declared_loss"].value == pytest.approx(30 / 309)
    assert score(found["declared_loss"]) < RED
    assert "1 spool_full" in found["declared_loss"].evidence
    assert found["conservation"].value == 0


def test_coverage_green(sound: Findings) -> None:
    """Wanted and held all day: complete, or quiet."""
    assert score(sound["coverage"]) == FULL
    assert "2878 of 2878 minutes" in sound["coverage"].evidence


def outage(root: Path, hours: float) -> Findings:
    """The findings over a day in which nobody was there for some hours."""
    before = Line(FEED, WINDOW.since + SECOND_NS).open().live(WINDOW.since + 6 * HOUR_NS)
    before.close("reset")
    after = Line(FEED, before.ts + int(hours * HOUR_NS), previous=before).open("reconnect")
    after.live(WINDOW.until - SECOND_NS).close()
    write(root, lines(before, after))
    return measured(root)


def test_coverage_red(tmp_path: Path) -> None:
    """Six hours without a connection are a quarter of the day that nobody covered."""
    found = outage(tmp_path, 6)
    assert found["coverage"].value == pytest.approx(0.75, abs=0.001)
    assert score(found["coverage"]) < RED
    assert found["conservation"].value == 0


def test_gaps_green(sound: Findings) -> None:
    """No minute is lost or degraded."""
    assert score(sound["gaps"]) == FULL


def test_gaps_red(tmp_path: Path) -> None:
    """A book that is wrong for an hour and not made good degrades the minutes of its instrument."""
    found = spoilt(tmp_path, lambda line: line.checksum_failure(SYMBOL))
    assert found["gaps"].value is not None
    assert found["gaps"].value > 200
    assert score(found["gaps"]) == 0
    assert "1 gaps (checksum)" in found["gaps"].evidence


def test_checksum_failures_green(sound: Findings) -> None:
    """Every book added up; the evidence says of how many messages."""
    assert score(sound["checksum_failures"]) == FULL
    assert "in 92 book messages" in sound["checksum_failures"].evidence


def test_checksum_failures_red(tmp_path: Path) -> None:
    """Books that did not add up count, though each was made good."""

    def twice(line: Line) -> None:
        line.checksum_failure(SYMBOL, SECOND_NS)
        line.checksum_failure(SYMBOL, SECOND_NS)

    found = spoilt(tmp_path, twice)
    assert found["checksum_failures"].value == pytest.approx(2 / 94 * 1e6)
    assert score(found["checksum_failures"]) < RED


def test_freeze_minutes_green(sound: Findings) -> None:
    """Nothing stood still."""
    assert score(sound["freeze_minutes"]) == FULL


def test_freeze_minutes_red(tmp_path: Path) -> None:
    """An instrument that a witness called frozen counts with all the time it stood still."""
    found = spoilt(tmp_path, lambda line: line.frozen(SYMBOL, 45))
    assert found["freeze_minutes"].value == pytest.approx(45)
    assert score(found["freeze_minutes"]) < RED
    assert SYMBOL in found["freeze_minutes"].evidence
    alone(found, "freeze_minutes", "coverage", "gaps")


def test_lateness_green(sound: Findings) -> None:
    """50 ms from the venue's time to ours."""
    assert sound["lateness"].value == pytest.approx(0.05, abs=0.002)
    assert score(sound["lateness"]) == FULL


def test_lateness_red(tmp_path: Path) -> None:
    """Trades that come eight seconds after they happened are told by the 99th percentile."""
    found = spoilt(tmp_path, lambda line: slowly(line, 8 * SECOND_NS))
    assert found["lateness"].value == pytest.approx(8, abs=0.002)
    assert score(found["lateness"]) < RED
    assert "trades: p99 7.999 s" in found["lateness"].evidence


def test_crossed_books_green(sound: Findings) -> None:
    """Every bid is below its ask, in quotes and in proved books at the ends of slots."""
    assert score(sound["crossed_books"]) == FULL
    assert "0 of 92 quotes, 0 of 4 proved books" in sound["crossed_books"].evidence


def test_crossed_books_red(tmp_path: Path) -> None:
    """Quotes whose bid is the ask or above it are no market."""

    def cross(line: Line) -> None:
        line.quote(SYMBOL, "100.3", "100.2")
        line.quote(SYMBOL, "100.2", "100.2")

    found = spoilt(tmp_path, cross)
    assert score(found["crossed_books"]) == 0
    assert "2 of 94 quotes" in found["crossed_books"].evidence
    assert "One: kraken:BTC/USD at " in found["crossed_books"].evidence


def test_off_grid_green(sound: Findings) -> None:
    """Every price is a multiple of its instrument's tick."""
    assert score(sound["off_grid"]) == FULL
    assert "0 of 276 prices" in sound["off_grid"].evidence


def test_off_grid_red(tmp_path: Path) -> None:
    """Prices between two ticks are none that the venue can have had."""

    def between(line: Line) -> None:
        for _ in range(5):
            line.trade(SYMBOL, "100.13")

    found = spoilt(tmp_path, between)
    assert score(found["off_grid"]) < RED
    assert "5 of 281 prices" in found["off_grid"].evidence
    assert "One: 100.13 of kraken:BTC/USD" in found["off_grid"].evidence


def test_rejects_green(sound: Findings) -> None:
    """Every message was read, and every number fits."""
    assert score(sound["rejects"]) == FULL


def test_rejects_red(tmp_path: Path) -> None:
    """A frame nobody understood, a message without rows, a number that does not fit: all count."""

    def spoil(line: Line) -> None:
        line.unread()
        line.frame("trade", '{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD"}]}')
        line.trade(SYMBOL, "100.123456789012345")

    found = spoilt(tmp_path, spoil)
    assert found["rejects"].value == pytest.approx(3 / 279)
    assert score(found["rejects"]) < RED
    assert "1 are `_unread`, 1 were rejected; 1 rows are inexact" in found["rejects"].evidence


def test_duplicates_green(sound: Findings) -> None:
    """Every trade was told once."""
    assert score(sound["duplicates"]) == FULL


def test_duplicates_red(tmp_path: Path) -> None:
    """Trades that the same connection told again are the venue's repetitions."""

    def again(line: Line) -> None:
        for _ in range(3):
            number = line.trade(SYMBOL)
            line.trade(SYMBOL, number=number)

    found = spoilt(tmp_path, again)
    assert found["duplicates"].value == pytest.approx(3 / 98)
    assert score(found["duplicates"]) < RED
