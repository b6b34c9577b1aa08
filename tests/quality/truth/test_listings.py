"""The grids that prices are held against are those of the archived security master, as of the day."""

from decimal import Decimal
from pathlib import Path

import pytest

from ssmd.quality.truth.grid import Steps, steps
from ssmd.quality.truth.measuring import measure
from ssmd.sim.manual_clock import ManualClock
from tests.quality.truth import master
from tests.quality.truth.made import DAY_NS, HOUR_NS, Line, day_of, lines, write

WINDOW = day_of("2027-01-13")


@pytest.mark.parametrize(
    ("told_at", "state", "off"), [(-HOUR_NS, "known", 2), (DAY_NS, "unknown", 0)]
)
def test_prices_are_held_against_the_listing_of_the_day(
    tmp_path: Path, told_at: int, state: str, off: int
) -> None:
    """A tick and ranges count if they were told by then; what was listed later says nothing."""
    line = Line("kraken", WINDOW.since + HOUR_NS, channels=("trade",)).open()
    for price in ("0.051", "0.051", "0.151", "0.15"):
        line.trade("BTC/USD", price)
    for price in ("100.5", "100.25"):
        line.trade("ETH/USD", price)
    line.close()
    grids: dict[str, dict[str, object]] = {
        "kraken:BTC/USD": {
            "tick_size": "0.001",
            "price_ranges": [
                {"start": "0", "end": "0.1", "step": "0.001"},
                {"start": "0.1", "end": "1", "step": "0.01"},
            ],
        },
        "kraken:ETH/USD": {"tick_size": "0.5"},
    }
    listed = master.told(WINDOW.since + told_at, grids)
    write(tmp_path, [*lines(line), *listed], build=False)
    clock = ManualClock(WINDOW.until + 2 * DAY_NS)
    told = measure(tmp_path, "kraken", "kraken", WINDOW, clock=clock)
    found = next(each for each in told if each.name == "off_grid")
    assert found.state == state
    if state == "known":
        assert found.value == off / 6
        assert f"{off} of 6 prices" in found.evidence


@pytest.mark.parametrize(
    ("tick", "ranges", "price", "on"),
    [
        ("0.01", "[]", "0.13", True),
        ("0.01", None, "0.135", False),
        (None, '[{"start":"0.1","end":"1","step":"0.05"}]', "0.15", True),
        (None, '[{"start":"0.1","end":"1","step":"0.05"}]', "0.05", False),
        (None, '[{"start":"0.1","end":"1","step":"0.05"}]', "1.05", False),
        ("0", "[]", "0.1234", True),
        ("1E-8", "[]", "123456789.00000001", True),
    ],
)
def test_a_grid_is_its_ranges_or_else_its_tick(
    tick: str | None, ranges: str | None, price: str, *, on: bool
) -> None:
    """Ranges win over the tick; outside of all of them no price is possible."""
    grid = steps(None if tick is None else Decimal(tick), ranges)
    assert any(each.has(Decimal(price)) for each in grid) is on


def test_a_listing_that_states_nothing_is_no_grid() -> None:
    """Without tick and ranges nothing can be held against it."""
    assert steps(None, "[]") == ()
    assert steps(Decimal("0.1"), "[]") == (Steps(Decimal("0.1")),)
