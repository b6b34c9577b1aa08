"""What nobody can know is neither good nor bad: it is unknown, and the evidence says why."""

import json
from pathlib import Path

import pytest

from ssmd import venues
from ssmd.archive import layout
from ssmd.archive.importer import import_capture
from ssmd.archive.settings import ArchiveSettings
from ssmd.feeds.policy import load_policy
from ssmd.model.timestamp import SECOND_NS, format_rfc3339
from ssmd.quality.checks.truth import NAMES, measured
from ssmd.quality.checks.truth_facts import DayFacts
from ssmd.quality.finding import Measured
from ssmd.quality.scoring import judge
from ssmd.quality.truth.measuring import measure, wanted_share
from ssmd.quality.window import Window, day
from ssmd.sim.manual_clock import ManualClock
from tests.archive.made import START
from tests.quality.truth.made import (
    DAY_NS,
    HOUR_NS,
    LISTINGS,
    Line,
    day_of,
    lines,
    write,
)

POLICY = load_policy(None)
WINDOW = day_of("2027-01-13")


def told(root: Path, window: Window = WINDOW, feed: str = "kraken") -> dict[str, Measured]:
    """Every check over a day."""
    clock = ManualClock(window.until)
    found = measure(root, feed, "kraken", window, clock=clock, listings=LISTINGS)
    return {each.name: each for each in found}


def known(found: dict[str, Measured]) -> set[str]:
    """The checks that have a value; the others say why they have none, and count nothing."""
    for each in found.values():
        assert each.evidence
        assert (each.value is None) == (each.state != "known")
    report, issues = judge("kraken", found.values(), POLICY.checks, POLICY.families)
    assert not issues
    assert {check.name for check in report.checks if check.weight} <= set(NAMES)
    names = {name for name, each in found.items() if each.value is not None}
    assert {check.name for check in report.checks if check.weight} == names
    assert (report.score is None) == (not names)
    return names


def test_no_archive_at_all(tmp_path: Path) -> None:
    """A folder without an archive: nothing is known, and no score is made up."""
    assert known(told(tmp_path)) == set()
    assert wanted_share(tmp_path, "kraken", WINDOW) is None


def test_a_feed_that_was_never_archived(tmp_path: Path) -> None:
    """Of another feed there may be a lot: this one stays unknown."""
    write(tmp_path, lines(Line("kraken", WINDOW.since).open().live(WINDOW.since + HOUR_NS)))
    found = told(tmp_path, feed="kraken-eu")
    assert known(found) == set()
    assert "Nothing of the feed is archived" in found["coverage"].evidence
    assert wanted_share(tmp_path, "kraken-eu", WINDOW) is None


def test_a_day_before_the_feed_began(tmp_path: Path) -> None:
    """It did not exist then, and was not wanted: not a single check has a value."""
    write(
        tmp_path, lines(Line("kraken", WINDOW.until + HOUR_NS).open().live(WINDOW.until + DAY_NS))
    )
    assert known(told(tmp_path)) == set()
    assert wanted_share(tmp_path, "kraken", WINDOW) == 0.0


def test_a_day_after_everything_was_unwanted(tmp_path: Path) -> None:
    """What was wanted had ended before: the day is none of it."""
    line = Line("kraken", WINDOW.since - 5 * HOUR_NS).open().live(WINDOW.since - HOUR_NS)
    for symbol in line.symbols:
        line.unwant(symbol)
    line.close()
    write(tmp_path, lines(line))
    assert known(told(tmp_path)) == set()
    assert wanted_share(tmp_path, "kraken", WINDOW) == 0.0


def test_a_day_after_the_last_that_is_archived(tmp_path: Path) -> None:
    """It was wanted, and nothing came since: whether it was lost, the archive cannot say yet."""
    line = Line("kraken", WINDOW.since - 5 * HOUR_NS).open().live(WINDOW.since - HOUR_NS)
    write(tmp_path, lines(line))
    assert known(told(tmp_path)) == set()
    assert wanted_share(tmp_path, "kraken", WINDOW) == 1.0


def test_the_share_of_a_day_that_a_feed_was_wanted(tmp_path: Path) -> None:
    """From six in the morning to six in the evening is half a day."""
    line = Line("kraken", WINDOW.since + 6 * HOUR_NS).open().live(WINDOW.since + 18 * HOUR_NS)
    for symbol in line.symbols:
        line.unwant(symbol)
    line.close()
    write(tmp_path, lines(line))
    assert wanted_share(tmp_path, "kraken", WINDOW) == pytest.approx(0.5)


def test_a_ledger_without_wishes(tmp_path: Path) -> None:
    """Nobody said what was to be captured: what is there is proved, what should be is unknown."""
    line = Line("kraken", WINDOW.since + SECOND_NS, symbols=()).open()
    line.symbols = ("BTC/USD",)
    line.confirm("BTC/USD")
    line.live(WINDOW.until - SECOND_NS).close()
    write(tmp_path, lines(line))
    found = told(tmp_path)
    assert set(NAMES) - known(found) == {"coverage", "gaps", "freeze_minutes"}
    assert "no wish" in found["coverage"].evidence
    assert wanted_share(tmp_path, "kraken", WINDOW) is None


@pytest.mark.parametrize("timed", [True, False])
def test_an_import(tmp_path: Path, *, timed: bool) -> None:
    """A capture tells what came. Without times even that cannot be put into a day's minutes."""
    raw = (
        '{{"channel":"trade","type":"update","data":[{{"symbol":"BTC/USD","side":"buy","price":100.1,'
        '"qty":1.5,"ord_type":"limit","trade_id":{},"timestamp":"{}"}}]}}'
    )
    at = [START + n * SECOND_NS for n in range(5)]
    capture = tmp_path / "capture.jsonl"
    capture.write_text(
        "\n".join(
            json.dumps({"ts_recv": ts if timed else None, "raw": raw.format(n, format_rfc3339(ts))})
            for n, ts in enumerate(at)
        ),
        encoding="utf-8",
    )
    root, clock = tmp_path / "data", ManualClock(START + HOUR_NS)
    venue = venues.load("kraken")
    import_capture(capture, "kraken", venue, root, clock=clock, settings=ArchiveSettings())
    (date,) = {path.name.removeprefix("date=") for path in (root / "raw/feed=kraken").iterdir()}
    found = told(root, day(date, START + DAY_NS))
    of_files = {"conservation", "declared_loss", "rejects"}
    of_rows = {"lateness", "off_grid", "duplicates"}
    assert known(found) == (of_files | of_rows if timed else of_files)
    assert wanted_share(root, "kraken", WINDOW) is None


def test_rows_that_cannot_be_read(tmp_path: Path) -> None:
    """A segment whose bytes rotted, of the right length: its rows are unknown, and nothing is raised."""
    line = Line("kraken", WINDOW.since + SECOND_NS).open().live(WINDOW.until - SECOND_NS).close()
    write(tmp_path, lines(line), build=False)
    segment = min((tmp_path / layout.date_folder("kraken", "2027-01-13")).glob("*.zst"))
    whole = segment.read_bytes()
    segment.write_bytes(whole[:200] + bytes(len(whole) - 200))
    found = told(tmp_path)
    assert known(found) >= {"conservation", "coverage", "gaps"}
    assert found["duplicates"].value is None
    assert "ssmd verify" in found["duplicates"].evidence


def test_rows_that_nobody_was_to_read(tmp_path: Path) -> None:
    """Whoever is in a hurry leaves the rows out: what only they tell is unknown, and said to be."""
    line = Line("kraken", WINDOW.since + SECOND_NS).open().live(WINDOW.until - 60 * SECOND_NS)
    line.checksum_failure("BTC/USD", SECOND_NS)
    write(tmp_path, lines(line.close()), build=False)
    clock = ManualClock(WINDOW.until)
    told_ = measure(tmp_path, "kraken", "kraken", WINDOW, clock=clock, reads_rows=False)
    found = {each.name: each for each in told_}
    from_ledger = {"coverage", "gaps", "freeze_minutes"}
    assert known(found) == {"conservation", "declared_loss", "rejects"} | from_ledger
    assert "Nobody was to read its rows." in found["rejects"].evidence


def test_what_cannot_be_is_not_unknown() -> None:
    """Where a venue has no checksums there is nothing to wait for."""
    facts = DayFacts(where="a day", checksummed=False)
    states = {each.name: each.state for each in measured(facts)}
    assert states.pop("checksum_failures") == "not_applicable"
    assert set(states.values()) == {"unknown"}
