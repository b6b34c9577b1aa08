"""A browser for each module, and pages that must say nothing on their console."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.api.page.fake import Fake, Told, made
from tests.shared import REPOSITORY

CHROMIUM = shutil.which("chromium")
SHOTS = REPOSITORY / ".state" / "screenshots"
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
_LOST = "net::ERR_"
"""How the browser tells of a server that is gone; a page cannot keep it from saying so."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, that reaches nothing but loopback."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium here: `make tools` installs it")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def told() -> Told:
    """What the server is to say; a test may change it."""
    return Told()


@pytest.fixture
def fake(told: Told) -> Iterator[Fake]:
    """The server."""
    serving = Fake(lambda: made(told))
    yield serving
    serving.stop()


@pytest.fixture
def errors() -> list[str]:
    """What pages complained of; a test that provokes refusals clears it."""
    return []


@pytest.fixture
def opened(browser: Browser, errors: list[str]) -> Iterator[Callable[..., Page]]:
    """Opens pages in contexts of their own; none may complain, of anything."""
    contexts = []

    def complained(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and _LOST not in message.text:
            errors.append(message.text)

    def make(url: str, *, width: int = 1200, dark: bool = False) -> Page:
        scheme = "dark" if dark else "light"
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,  # type: ignore[arg-type] # it is one of the two
        )
        contexts.append(context)
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.on("console", complained)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        return page

    yield make
    for each in contexts:
        each.close()
    assert errors == []


@pytest.fixture
def shot() -> Callable[[Page, str], Path]:
    """Keeps a picture of a page."""

    def take(page: Page, name: str) -> Path:
        path = SHOTS / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=path, full_page=True)
        return path

    return take
