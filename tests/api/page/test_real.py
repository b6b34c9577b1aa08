"""The page on the API itself: every view over real archives, a real security master, real verdicts."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, expect

import ssmd
from ssmd.quality import history, window
from ssmd.runtime.clock import SystemClock
from ssmd.secmaster.database import open_database
from tests.api.page.fake import Fake
from tests.api.world import app_of
from tests.quality.made import AT, report
from tests.secmaster.conftest import server
from tests.secmaster.filled import fill
from tests.secmaster.server import Server, finish

__all__ = ["server"]
Opened = Callable[..., Page]
GRAVE = {"serious", "critical"}


@pytest.fixture(scope="module")
def real(
    played: tuple[Path, object], server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fake]:
    """The API over an archive of all venues, with a security master and a judged day."""
    made = server.migrated()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", made.url)
        finish(_filled(tmp_path_factory.mktemp("database")))
        serving = Fake(lambda: app_of(played[0]))
        yield serving
        serving.stop()
    server.drop(made)


async def _filled(folder: Path) -> None:
    """Instruments, and the verdicts over a day."""
    async with open_database(None, folder, SystemClock()) as database:
        await fill(database)
        yesterday = window.of(SystemClock().wall()) - timedelta(days=1)
        await history.save(database, report(yesterday), at=AT)


def test_an_instrument_is_found_and_shown(
    real: Fake, played: tuple[Path, object], opened: Opened, errors: list[str]
) -> None:
    """From the list of a feed's instruments to one's trades, exact to the last digit."""
    page = opened(f"{real.url}/#/instruments?feed=kraken")
    page.locator(".canvas .row a").get_by_text("BTC/USD").first.click()
    trades = page.locator("section", has=page.get_by_role("heading", name="Trades"))
    expect(trades.locator("tbody tr").first).to_be_visible()
    expect(page.locator("svg.chart")).to_be_visible()
    expect(page.locator("table.marks")).to_have_count(1)
    name = page.locator("h1").inner_text()
    known = ssmd.open(played[0]).trades(instrument=name).sort("ts_recv").collect()
    newest = known.row(-1, named=True)
    shown = trades.locator("tbody tr").first.locator("th, td").all_inner_texts()
    assert shown[1:] == [str(newest["price"]), str(newest["size"]), newest["side"]]
    _live_was_refused(errors)


@pytest.mark.parametrize(
    ("path", "proof"),
    [
        ("/#/", "kraken-futures"),
        ("/#/feed?feed=kraken", "kraken"),
        ("/#/instruments?feed=kraken", "BTC/USD"),
        (f"/#/instrument?feed=kraken&instrument={quote('kraken:BTC/USD', safe='')}", "BTC/USD"),
        ("/#/quality", "alpha"),
        ("/#/archive", "polymarket"),
        ("/#/search?q=bitcoin", "KXBTC"),
    ],
)
def test_a_view_shows_what_is_really_there(
    real: Fake, opened: Opened, errors: list[str], path: str, proof: str
) -> None:
    """Every view on the routes themselves: its data, nothing waiting, nothing serious for a screen reader."""
    page = opened(f"{real.url}{path}")
    expect(page.locator("main")).to_contain_text(proof)
    expect(page.locator("main [aria-busy]")).to_have_count(0)
    expect(page.locator("main [role=alert], main .refused")).to_have_count(0)
    found = Axe().run(page).response["violations"]
    assert [each["id"] for each in found if each["impact"] in GRAVE] == []
    if "instrument?" in path:
        _live_was_refused(errors)


def _live_was_refused(errors: list[str]) -> None:
    """Nobody records here, so there is nothing live: the browser itself remarks upon the 503."""
    errors[:] = [each for each in errors if "503" not in each]
