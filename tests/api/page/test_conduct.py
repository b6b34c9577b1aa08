"""How the page behaves when the server refuses, ends, or says nothing new."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.api.page.fake import Fake, Told
from tests.api.page.looking import sees_down

Opened = Callable[..., Page]


def test_a_server_that_ends_and_comes_back(fake: Fake, opened: Opened) -> None:
    """Within four seconds the page says since when it is gone; when it is back, it goes on."""
    page = opened(f"{fake.url}/#/")
    expect(page.locator("main")).to_contain_text("200.4")
    fake.stop()
    expect(page.locator("#banner")).to_contain_text("The server is gone since", timeout=4_000)
    expect(page.locator("main")).to_contain_text("200.4")
    fake.start()
    expect(page.locator("#banner")).to_be_hidden()
    expect(page.locator("#word")).to_contain_text("Connected")


def test_a_connector_that_ends(fake: Fake, told: Told, opened: Opened) -> None:
    """Its feed is shown as down, with the reason, and a screen reader hears of it once."""
    page = opened(f"{fake.url}/#/")
    expect(page.locator("main")).to_contain_text("green")
    told.is_up = False
    sees_down(page, "sim", within_ms=3_000)
    expect(page.locator("main")).to_contain_text("The connector does not answer.")
    told.is_up = True
    expect(page.locator("#news")).to_contain_text("sim is up again.")


def test_what_is_stale_is_said(fake: Fake, told: Told, opened: Opened) -> None:
    """A server that has itself not heard of the services for long says so, and the page too."""
    page = opened(f"{fake.url}/#/")
    expect(page.locator("#banner")).to_be_hidden()
    told.stale_s = 30.0
    expect(page.locator("#banner")).to_contain_text("What is shown is stale")
    told.stale_s = 0.0
    expect(page.locator("#banner")).to_be_hidden()


def test_a_key_is_asked_for(fake: Fake, told: Told, opened: Opened, errors: list[str]) -> None:
    """A wrong key is asked for again; the right one stays in this tab's memory alone."""
    told.key = "good"
    page = opened(f"{fake.url}/#/")
    box = page.get_by_label("API key")
    box.fill("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#ask-why")).to_contain_text("This key is not known.")
    box.fill("good")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("200.4")
    assert page.evaluate("sessionStorage.getItem('ssmd.key')") == "good"
    assert "good" not in page.evaluate("JSON.stringify(localStorage) + document.cookie + location")
    assert all("401" in each for each in errors)
    errors.clear()
    page.get_by_role("button", name="Forget the key").click()
    expect(page.get_by_label("API key")).to_be_visible()
    assert page.evaluate("sessionStorage.getItem('ssmd.key')") is None
    errors.clear()


def test_without_keys_none_is_asked_for(fake: Fake, opened: Opened) -> None:
    """On a machine of one's own there is no dialog."""
    page = opened(f"{fake.url}/#/")
    expect(page.locator("main")).to_contain_text("200.4")
    expect(page.locator("#ask")).to_be_hidden()


def test_a_key_without_the_scope(fake: Fake, told: Told, opened: Opened, errors: list[str]) -> None:
    """Each part says which scope it takes, and the other parts are there."""
    told.refused = {"data/trades", "live/sim", "operations/watch"}
    page = opened(f"{fake.url}/#/instrument?feed=sim&instrument=sim%3ABTC%2FUSD")
    expect(page.locator("section", has_text="Trades")).to_contain_text("datasets:read")
    expect(page.locator("section", has_text="Messages")).to_contain_text("live:read")
    expect(page.locator("section", has_text="Book")).to_contain_text("64124.5")
    expect(page.locator("#word")).to_contain_text("quality:read")
    expect(page.locator("main [aria-busy]")).to_have_count(0)
    page.close()
    assert all("403" in each for each in errors)
    errors.clear()


def test_what_is_not_there(fake: Fake, opened: Opened, errors: list[str]) -> None:
    """A view and a feed that there are not are said to be missing."""
    page = opened(f"{fake.url}/#/nothing")
    expect(page.locator("main")).to_contain_text("There is no such view.")
    page.goto(f"{fake.url}/#/feed?feed=nobody")
    expect(page.locator("main")).to_contain_text("There is nothing here.")
    expect(page.get_by_role("button", name="Try again").first).to_be_visible()
    expect(page.locator("main [aria-busy]")).to_have_count(0)
    page.close()
    assert all("404" in each for each in errors)
    errors.clear()


def test_a_view_that_is_left_asks_no_more(fake: Fake, told: Told, opened: Opened) -> None:
    """Its questions and its stream end with it."""
    page = opened(f"{fake.url}/#/instrument?feed=sim&instrument=sim%3ABTC%2FUSD")
    expect(page.locator("td.raw").first).to_contain_text("onerror")
    page.get_by_role("link", name="Archive", exact=True).click()
    expect(page.locator("main")).to_contain_text("4.8 MiB")
    told.asked.clear()
    page.wait_for_timeout(2_500)  # longer than a book is shown
    assert {each for each in told.asked if each.startswith(("data/", "live/"))} == set()
