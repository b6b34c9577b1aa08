"""The page on the API itself, over an archive of known trades."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import ssmd
from tests.api.page.fake import Fake
from tests.api.world import app_of

Opened = Callable[..., Page]


@pytest.fixture
def real(root: Path) -> Iterator[Fake]:
    """The API over ten minutes of known trades."""
    serving = Fake(lambda: app_of(root))
    yield serving
    serving.stop()


def test_an_instrument_is_found_and_shown(
    real: Fake, root: Path, opened: Opened, errors: list[str]
) -> None:
    """From the list of a feed's instruments to one's trades, exact; what one part is refused harms no other."""
    page = opened(f"{real.url}/#/instruments")
    page.locator(".canvas .row a").first.click()
    trades = page.locator("section", has=page.get_by_role("heading", name="Trades"))
    expect(trades.locator("tbody tr")).to_have_count(30)
    expect(page.locator("svg.chart")).to_be_visible()
    expect(page.locator("table.marks")).to_have_count(1)
    name = page.locator("h1").inner_text()
    newest = ssmd.open(root).trades(instrument=name).sort("ts_recv").collect().row(-1, named=True)
    shown = trades.locator("tbody tr").first.locator("th, td").all_inner_texts()
    assert shown[1:] == [str(newest["price"]), str(newest["size"]), newest["side"]]
    errors[:] = [each for each in errors if "Failed to load resource" not in each]
