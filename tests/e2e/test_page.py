"""The status page on a running installation: live figures, and a connector that is killed before one's eyes."""

import os
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright, expect

from tests.api.page.conftest import CHROMIUM, FLAGS
from tests.e2e.acts import CLOCK, FEED
from tests.e2e.command import running
from tests.e2e.test_up import connector_pid, venue

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
SEEN_MS = 60_000
"""Longest wait for what a busy machine may be slow with, in milliseconds."""
KILLED_MS = 10_000
"""Within this time a killed connector is seen; two looks and a repaint are three seconds."""
_ADDRESS = re.compile(r"Page: +(http://127\.0\.0\.1:\d+)")


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """A page of Debian's Chromium."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium here: `make tools` installs it")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield await browser.new_page()
        await browser.close()


async def test_a_connector_that_is_killed_is_seen_and_seen_again(
    tmp_path: Path, page: Page
) -> None:
    """`ssmd up` prints where the page is; it shows what comes, who is gone, and who is back."""
    root = tmp_path / "data"
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    async with venue(tmp_path) as (_ledger, feed):
        with running(tmp_path / "up", "up", "--feed", str(feed), "--dir", str(root)) as up:
            await up.until(lambda: _ADDRESS.search(up.out), "the address of the page")
            found = _ADDRESS.search(up.out)
            assert found is not None
            url = found[1]
            await page.goto(f"{url}/")
            row = page.locator("tbody tr", has=page.get_by_role("link", name=FEED, exact=True))
            await expect(row).to_be_visible(timeout=SEEN_MS)
            await expect(row).not_to_contain_text("down", timeout=SEEN_MS)
            victim = connector_pid(root)
            os.kill(up.pid, signal.SIGSTOP)  # so that nobody starts it again while one looks
            try:
                os.kill(victim, signal.SIGKILL)
                began = CLOCK.mono()
                await expect(row).to_contain_text("down", timeout=KILLED_MS)
                assert CLOCK.mono() - began < KILLED_MS / 1000
                await expect(page.locator("#news")).to_contain_text(f"{FEED} is down.")
            finally:
                os.kill(up.pid, signal.SIGCONT)
            await expect(row).not_to_contain_text("down", timeout=SEEN_MS)
            await page.goto(f"{url}/#/feed?feed={FEED}")
            await expect(page.locator("main")).to_contain_text("BTC/USD", timeout=SEEN_MS)
            assert complaints == []
            up.signal(signal.SIGINT)
            assert await up.ended(120.0) == 0, up.err
