"""What a person sees of a feed whose connector ended: for the fake server, and for a real one."""

from playwright.sync_api import Page, expect


def sees_down(page: Page, feed: str, *, within_ms: int) -> None:
    """The open overview shows a feed as down, and tells a screen reader so.

    Args:
        page: It shows the overview.
        feed: Whose connector has just ended.
        within_ms: How soon it must be seen, in milliseconds.
    """
    row = page.locator("tbody tr", has=page.get_by_role("link", name=feed, exact=True))
    expect(row).to_contain_text("red - down", timeout=within_ms)
    expect(page.locator("#news")).to_contain_text(f"{feed} is down.")
