"""Each view in a real browser: what it shows, in both colours, by keyboard, and on a phone."""

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped] # it ships no types
from playwright.sync_api import Page, expect

from tests.api.page.fake import HOSTILE, PRICE, Fake, Told

Opened = Callable[..., Page]
Shot = Callable[[Page, str], Path]
VIEWS = {
    "overview": ("/#/", "1\u202f234\u202f567"),
    "feed": ("/#/feed?feed=sim", "sequence"),
    "instruments": ("/#/instruments?feed=sim", "sim:I00005/USD"),
    "instrument": ("/#/instrument?feed=sim&instrument=sim%3ABTC%2FUSD", PRICE),
    "quality": ("/#/quality", "coverage (97)"),
    "archive": ("/#/archive", "4.8 MiB"),
    "search": ("/#/search?q=btc", "spot"),
}
"""Where each view is, and what proves that its data came."""
_GRAVE = {"serious", "critical"}


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_shows_its_data_to_everybody(
    fake: Fake, opened: Opened, shot: Shot, name: str
) -> None:
    """It shows what it is for, without a serious finding of axe, in light and in dark."""
    path, proof = VIEWS[name]
    page = opened(f"{fake.url}{path}")
    expect(page.locator("main")).to_contain_text(proof)
    expect(page.locator("main [aria-busy]")).to_have_count(0)
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        found = Axe().run(page).response["violations"]
        grave = [
            (each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in _GRAVE
        ]
        assert grave == []
        shot(page, f"{name}-{theme}")
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    shot(page, f"{name}-phone")
    assert page.evaluate("window.stolen") is None


def test_names_from_venues_are_text(fake: Fake, opened: Opened) -> None:
    """A venue's markup is shown as it was sent, in lists, in links and in live messages."""
    page = opened(f"{fake.url}/#/instruments?feed=sim")
    expect(page.get_by_role("grid")).to_contain_text(HOSTILE)
    page.get_by_text(f"sim:{HOSTILE}").click()
    expect(page.locator("h1")).to_have_text(f"sim:{HOSTILE}")
    expect(page.locator("td.raw").first).to_contain_text("onerror")
    assert page.locator("main img").count() == 0
    assert page.evaluate("window.stolen") is None


def test_twenty_thousand_instruments(fake: Fake, told: Told, opened: Opened, shot: Shot) -> None:
    """They are all there, a few as elements; End, a filter and Enter find each."""
    told.instruments = 20_000
    page = opened(f"{fake.url}/#/instruments?feed=sim")
    grid = page.get_by_role("grid")
    expect(grid).to_have_attribute("aria-rowcount", "20001", timeout=30_000)
    assert page.locator(".canvas .row").count() < 100
    page.locator(".canvas .row[tabindex='0']").focus()
    page.keyboard.press("End")
    last = page.locator(".row:focus")
    expect(last).to_have_attribute("aria-rowindex", "20001")
    expect(last).to_contain_text("I19999/USD")
    page.keyboard.press("ArrowUp")
    expect(page.locator(".row:focus")).to_contain_text("I19998/USD")
    assert page.locator(".row[tabindex='0']").count() == 1
    shot(page, "instruments-20000")
    page.get_by_label("Filter").fill("i12345")
    expect(grid).to_have_attribute("aria-rowcount", "2")
    page.locator(".canvas .row").focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("sim:I12345/USD")


def test_why_something_is_missing(fake: Fake, opened: Opened) -> None:
    """A gap's button is replaced by the ledger's sentence."""
    page = opened(f"{fake.url}/#/feed?feed=sim")
    page.get_by_role("button", name="Why?").click()
    expect(page.locator("td", has_text="The venue skipped three numbers.")).to_be_visible()


def test_unknown_is_not_nothing(fake: Fake, opened: Opened) -> None:
    """What nobody knows of a feed is said to be unknown; a share is never rounded up to all."""
    page = opened(f"{fake.url}/#/")
    row = page.locator("tr", has_text="unheard")
    expect(row).to_contain_text("unknown")
    expect(row).not_to_contain_text("0 s")
    expect(page.locator("tr", has_text="200.4")).to_contain_text("99.99 %")


def test_an_empty_archive(fake: Fake, told: Told, opened: Opened) -> None:
    """Every view says that there is nothing yet."""
    told.is_empty = True
    page = opened(f"{fake.url}/#/")
    for name, said in {
        "Overview": "nothing is recorded here yet",
        "Instruments": "Nothing is recorded here yet",
        "Quality": "No day was judged yet",
        "Archive": "nothing is recorded here yet",
    }.items():
        page.get_by_role("link", name=name, exact=True).click()
        expect(page.locator("main")).to_contain_text(said)


def test_the_keyboard_reaches_everything(fake: Fake, opened: Opened) -> None:
    """The first stop skips the head; then each link of it, in order; a view's heading is read out."""
    page = opened(f"{fake.url}/#/")
    expect(page.locator("main")).to_contain_text("sim")
    page.keyboard.press("Tab")
    expect(page.locator("#skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.locator("#skip").focus()
    for name in ("SSMD", "Overview", "Instruments", "Quality"):
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name=name, exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    expect(page.get_by_role("heading", level=1)).to_have_text("Quality")


def test_colours_are_kept(fake: Fake, opened: Opened) -> None:
    """The switch goes through the three, and the choice outlasts the page."""
    page = opened(f"{fake.url}/#/")
    page.locator("#theme").click()
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("#theme")).to_have_text("Colours: dark")
