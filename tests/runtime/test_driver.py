"""Generators are driven to their end, or fail: a listing is never cut off in silence."""

import asyncio
import gc
import threading
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.instrument import Instrument
from ssmd.model.listing import Reject, RejectKind
from ssmd.model.rest import Catalog, Page, Request, Witness
from ssmd.runtime.clock import SystemClock
from ssmd.runtime.driver import Fetch, TooLong, drive, list_all, sift
from ssmd.runtime.http import Unanswered
from tests.model.listed import listed


def paged(pages: int, size: int = 2, ended: Callable[[], None] = lambda: None) -> Catalog:
    """A listing whose pages are fetched one by one; each body is the next page's number."""
    try:
        for number in range(pages):
            body = yield Request("/list", (("page", str(number)),))
            assert body == b"%d" % number
            yield Page(
                tuple(listed(f"{number}-{each}") for each in range(size)),
                (Reject(reason=f"r{number}"),),
            )
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


async def test_what_is_only_doubted_is_no_loss() -> None:
    """It stands among the instruments; what is set aside, or of a status nobody knows, is told."""

    def catalog() -> Catalog:
        kinds: tuple[RejectKind, ...] = ("doubtful", "unknown_status", "duplicate")
        yield Page((listed("a"),), tuple(Reject(reason=kind, kind=kind) for kind in kinds))

    listing = await list_all(catalog(), fetching(), 1, 1)
    assert listing.rejects == ("unknown_status", "duplicate")


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


BIG = b"x" * (1 << 20)
PATIENCE_S = 20.0


def always(body: bytes) -> Fetch:
    """Every answer is this one."""

    async def fetch(request: Request) -> bytes:
        return body

    return fetch


class Heavy:
    """Generators whose step after an answer takes until it is let go on, or forbidden to.

    Attributes:
        entered: A step is being executed.
        released: It may go on.
        ends: What became of the generators.
    """

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.released = threading.Event()
        self.ends: list[str] = []

    def catalog(self, error: Exception | None = None) -> Catalog:
        try:
            yield Request("/list")
            self._work(error)
            yield Page((listed("a"),), (Reject(reason="r"),))
            yield Page((listed("b"),))
        finally:
            self.ends.append("ended")

    def witness(self, error: Exception | None = None) -> Witness:
        try:
            body = yield Request("/list")
            self._work(error)
            return body[:1]
        finally:
            self.ends.append("ended")

    def _work(self, error: Exception | None) -> None:
        self.entered.set()
        assert self.released.wait(PATIENCE_S)
        if error is not None:
            raise error

    async def begun(self) -> None:
        while not self.entered.is_set():
            await SystemClock().sleep(0.001)


async def test_a_large_answer_is_read_while_everything_else_goes_on() -> None:
    """A page that takes a fifth of a second to read must not hold up the sockets so long."""
    for work in ("catalog", "witness"):
        heavy = Heavy()
        running = asyncio.ensure_future(
            list_all(heavy.catalog(), always(BIG), 9, 9)
            if work == "catalog"
            else drive(heavy.witness(), always(BIG))
        )
        await heavy.begun()  # in vain, if it were read here
        assert not running.done()
        heavy.released.set()
        result = await running
        assert result == b"x" or getattr(result, "rejects", None) == ("r",)
        assert heavy.ends == ["ended"]


class Noting:
    """A sieve that notes who lets it look."""

    def __init__(self) -> None:
        self.threads: list[int] = []

    def add(self, instruments: Iterable[Instrument]) -> None:
        self.threads.append(threading.get_ident())

    @property
    def kept(self) -> int:
        return 0


async def test_a_large_page_is_sifted_where_it_is_read_and_a_small_one_here() -> None:
    """Looking at ten thousand instruments takes its time, too; a thread for a few is waste."""
    for body, here in ((BIG, False), (b"small", True)):
        heavy, sieve = Heavy(), Noting()
        heavy.released.set()
        await sift(heavy.catalog(), always(body), sieve, 9, 9)
        assert len(sieve.threads) == 2
        assert all((each == threading.get_ident()) is here for each in sieve.threads)


@pytest.mark.parametrize("failing", [False, True])
@pytest.mark.parametrize("work", ["catalog", "witness"])
async def test_who_is_cancelled_in_the_middle_of_a_step_ends_after_it(
    work: str, failing: bool
) -> None:
    """A step cannot be stopped, and a generator not be closed in it; then it is, and at once."""
    error = ValueError("not as documented") if failing else None
    heavy, unheard = Heavy(), list[dict[str, object]]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))
    running = asyncio.ensure_future(
        list_all(heavy.catalog(error), always(BIG), 9, 9)
        if work == "catalog"
        else drive(heavy.witness(error), always(BIG))
    )
    await heavy.begun()
    for _ in range(3):
        running.cancel()
        await SystemClock().sleep(0.01)
        assert not running.done()
    heavy.released.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    del running, error
    await SystemClock().sleep(0.05)  # the thread lets go of it, too
    gc.collect()
    assert heavy.ends == ["ended"]
    assert unheard == []


async def test_what_goes_wrong_in_a_large_answer_is_told_as_ever() -> None:
    """A bound, or a body that is not as documented."""
    heavy = Heavy()
    heavy.released.set()
    with pytest.raises(ValueError, match="not as documented"):
        await list_all(heavy.catalog(ValueError("not as documented")), always(BIG), 9, 9)
    with pytest.raises(TooLong, match="max_instruments"):
        await list_all(heavy.catalog(), always(BIG), 9, 1)
    with pytest.raises(ValueError, match="not as documented"):
        await drive(heavy.witness(ValueError("not as documented")), always(BIG))
    assert heavy.ends == ["ended"] * 3
