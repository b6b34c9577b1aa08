"""Generators are driven to their end, or fail: a listing is never cut off in silence."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.rest import Catalog, Page, Request, Witness
from ssmd.runtime.driver import Fetch, TooLong, drive, list_all
from ssmd.runtime.http import Unanswered
from tests.model.listed import listed


def paged(pages: int, size: int = 2, ended: Callable[[], None] = lambda: None) -> Catalog:
    """A listing whose pages are fetched one by one; each body is the next page's number."""
    try:
        for number in range(pages):
            body = yield Request("/list", (("page", str(number)),))
            assert body == b"%d" % number
            yield Page(tuple(listed(f"{number}-{each}") for each in range(size)), (f"r{number}",))
    finally:
        ended()


def fetching(fails_at: int = -1) -> Fetch:
    """Answers with the page's number, until it fails."""

    async def fetch(request: Request) -> bytes:
        number = int(request.query[0][1])
        if number == fails_at:
            raise Unanswered("http://x", 6, "status 500")
        return b"%d" % number

    return fetch


async def test_a_whole_listing_is_collected() -> None:
    """In its order, with what could not be read."""
    listing = await list_all(paged(3), fetching(), 3, 6)
    assert [item.symbol for item in listing.instruments] == [
        "0-0",
        "0-1",
        "1-0",
        "1-1",
        "2-0",
        "2-1",
    ]
    assert (listing.rejects, listing.pages) == (("r0", "r1", "r2"), 3)
    assert await list_all(paged(0), fetching(), 1, 1) == type(listing)(
        instruments=(), rejects=(), pages=0
    )


@pytest.mark.parametrize(
    ("max_pages", "most", "bound"), [(2, 6, "max_pages"), (3, 5, "max_instruments")]
)
async def test_a_bound_fails_the_listing_and_says_which(
    max_pages: int, most: int, bound: str
) -> None:
    """Ten thousand was once the silent end of every list."""
    with pytest.raises(TooLong) as caught:
        await list_all(paged(3), fetching(), max_pages, most)
    assert bound in caught.value.message
    assert f"Raise `{bound}`" in caught.value.remedy


@given(
    pages=st.integers(0, 8),
    size=st.integers(0, 4),
    max_pages=st.integers(1, 8),
    most=st.integers(1, 20),
)
async def test_a_listing_is_whole_or_it_fails(
    pages: int, size: int, max_pages: int, most: int
) -> None:
    """There is nothing in between, whatever the bounds."""
    fits = pages <= max_pages and pages * size <= most
    try:
        listing = await list_all(paged(pages, size), fetching(), max_pages, most)
    except TooLong:
        assert not fits
    else:
        assert fits
        assert len(listing.instruments) == pages * size


async def test_a_failed_page_fails_the_listing() -> None:
    """And the generator is told that nobody asks it any more."""
    ends: list[str] = []
    with pytest.raises(Unanswered):
        await list_all(paged(3, ended=lambda: ends.append("ended")), fetching(1), 9, 99)
    assert ends == ["ended"]


async def test_an_endless_listing_ends() -> None:
    """Also one that asks nothing, or lists nothing."""

    def endless() -> Catalog:
        while True:
            yield Page(())

    def asking() -> Catalog:
        while True:
            yield Request("/list", (("page", "0"),))

    for catalog in (endless(), asking()):
        with pytest.raises(TooLong, match="max_pages"):
            await list_all(catalog, fetching(), 100, 100)


async def test_a_witness_gives_its_digest() -> None:
    """After as many requests as it likes."""

    def witness() -> Witness:
        first = yield Request("/a", (("n", "1"),))
        second = yield Request("/b", (("n", "2"),))
        return first + second

    def silent() -> Witness:
        yield from ()
        return b"nothing to ask"

    assert await drive(witness(), fetching()) == b"12"
    assert await drive(silent(), fetching()) == b"nothing to ask"
    with pytest.raises(Unanswered):
        await drive(witness(), fetching(2))
