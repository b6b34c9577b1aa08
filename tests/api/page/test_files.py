"""The page's files: what they are served as, and what they may not hold."""

import re
from pathlib import Path

import pytest

import ssmd.api
from tests.api.page.fake import Told, made
from tests.api.world import asked

PAGE = Path(ssmd.api.__file__).parent / "page"
FILES = sorted(str(each.relative_to(PAGE)) for each in PAGE.rglob("*.*"))
KINDS = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}


@pytest.mark.parametrize("name", FILES)
async def test_a_file_is_served(name: str) -> None:
    """With its media type, a tag that answers 304, and nothing that a strict policy refuses."""
    async with asked(made(Told())) as client:
        told = await client.get(f"/static/{name}")
        again = await client.get(f"/static/{name}", headers={"If-None-Match": told.headers["etag"]})
    assert told.status_code == 200
    assert told.content == (PAGE / name).read_bytes()
    assert told.headers["content-type"].partition(";")[0] == KINDS[Path(name).suffix]
    assert "default-src 'none'" in told.headers["content-security-policy"]
    assert again.status_code == 304


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static//etc/passwd",
        "/static/views",
    ],
)
async def test_nothing_else_is_served(path: str) -> None:
    """Neither code nor the machine's files, by whatever path."""
    async with asked(made(Told())) as client:
        told = await client.get(path)
    assert told.status_code == 404
    assert told.json()["status"] == 404


@pytest.mark.parametrize("name", FILES)
def test_a_file_keeps_the_house_rules(name: str) -> None:
    """No markup from data, no code from text, nobody else's server, and no file too long to read."""
    text = (PAGE / name).read_text(encoding="utf-8")
    assert len(text.splitlines()) < 400
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text
    )
    assert not re.search(r"""https?://(?!www\.w3\.org/)|\son\w+="|<style|\sstyle=""", text)


def test_prices_are_never_numbers_where_they_are_shown() -> None:
    """Only the chart's coordinate makes a number of a price."""
    text = (PAGE / "views" / "instrument.js").read_text(encoding="utf-8")
    assert re.findall(r"Number\([^)]*\)|parseFloat\([^)]*\)", text) == ["Number(each.close)"]
