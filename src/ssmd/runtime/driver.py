"""Drives a venue's REST generators: they ask, we fetch, and nothing is cut off in silence."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Protocol, TypeVar

import msgspec

from ssmd.model.errors import SsmdError
from ssmd.model.instrument import Instrument
from ssmd.model.rest import Catalog, History, Page, Request, Span, Witness

T = TypeVar("T")

_LARGE_BYTES: Final = 16 << 10
"""From here on an answer takes longer than a millisecond to read: 60 ns a byte were measured."""

Fetch = Callable[[Request], Awaitable[bytes]]
"""Gives the body of a request's successful answer: a `runtime.http.Fetcher`, say."""


class TooLong(SsmdError):
    """A listing is longer than we were told it may be."""

    def __init__(self, bound: str, most: int) -> None:
        super().__init__(
            f"The listing goes beyond `{bound}` ({most}): the round failed, nothing was cut off.",
            remedy=f"Raise `{bound}` under `universe.discovery` of feed.yaml, or narrow its"
            " filters.",
        )


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a catalog listed.

    Attributes:
        instruments: What was kept of it, in the order of the listing.
        rejects: Why an entry could not be read, one sentence each.
        pages: How many requests it took.
    """

    instruments: tuple[Instrument, ...]
    rejects: tuple[str, ...]
    pages: int


class Sieve(Protocol):
    """Keeps what is wanted of a listing that is too long to be held."""

    def add(self, instruments: Iterable[Instrument]) -> None:
        """Look at some more."""
        ...

    @property
    def kept(self) -> int:
        """How many it holds."""
        ...


class _All:
    """Keeps everything."""

    def __init__(self) -> None:
        self.held: list[Instrument] = []

    def add(self, instruments: Iterable[Instrument]) -> None:
        self.held += instruments

    @property
    def kept(self) -> int:
        return len(self.held)


async def drive(witness: Witness, fetch: Fetch) -> bytes:
    """Answer a generator's requests until it returns; gives what it returns.

    Raises:
        SsmdError: A request failed.
        ValueError: A body is not what the venue documents.
    """

    def answered(body: bytes | None) -> Request | bytes:
        try:
            return next(witness) if body is None else witness.send(body)
        except StopIteration as done:
            digest: bytes = done.value
            return digest

    try:
        step = answered(None)
        while isinstance(step, Request):
            step = await off_loop(answered, await fetch(step))
        return step
    finally:
        witness.close()


async def relate(
    history: History, fetch: Fetch, settled: Callable[[Span], None], max_requests: int
) -> bool:
    """Ask for what happened, page by page; gives whether all of it is settled.

    What is settled stays so, whenever this is cancelled or fails: asked again for the rest, the
    history goes on from there.

    Args:
        history: What asks for it.
        fetch: What fetches.
        settled: Told every span, in this thread, as soon as its page is read.
        max_requests: Most requests it may take.

    Raises:
        SsmdError: A request failed.
        ValueError: A body is not what the venue documents.
    """
    relating = _Relating(history)
    asked = 0
    try:
        request = relating.answered(None)
        while request is not None and asked < max_requests:
            asked += 1
            body = await fetch(request)
            try:
                request = await off_loop(relating.answered, body)
            finally:  # also of the page that a cancellation came upon
                relating.tell(settled)
        relating.tell(settled)
        return request is None
    finally:
        history.close()


async def list_all(catalog: Catalog, fetch: Fetch, max_pages: int, max_instruments: int) -> Listing:
    """Fetch a whole listing, or fail.

    Args:
        catalog: What asks for it.
        fetch: What fetches.
        max_pages: Most requests it may take.
        max_instruments: Most instruments there may be.

    Raises:
        TooLong: A bound was reached.
        SsmdError: A request failed.
        ValueError: A body is not what the venue documents.
    """
    everything = _All()
    pages, rejects = await sift(catalog, fetch, everything, max_pages, max_instruments)
    return Listing(instruments=tuple(everything.held), rejects=rejects, pages=pages)


async def sift(
    catalog: Catalog, fetch: Fetch, sieve: Sieve, max_pages: int, max_kept: int
) -> tuple[int, tuple[str, ...]]:
    """Fetch a whole listing through a sieve, or fail; gives how many requests, and the rejects.

    Args:
        catalog: What asks for it.
        fetch: What fetches.
        sieve: Keeps what is wanted.
        max_pages: Most requests it may take, and most pages it may give.
        max_kept: Most instruments the sieve may hold.

    Raises:
        TooLong: A bound was reached.
        SsmdError: A request failed.
        ValueError: A body is not what the venue documents.
    """
    sifting = _Sifting(catalog, sieve, max_pages, max_kept)
    try:
        request = sifting.answered(None)
        while request is not None:
            request = await off_loop(sifting.answered, await fetch(request))
    finally:
        catalog.close()
    return sifting.asked, tuple(sifting.rejects)


class _Sifting:
    """A listing on its way through a sieve."""

    def __init__(self, catalog: Catalog, sieve: Sieve, max_pages: int, max_kept: int) -> None:
        self.asked = 0
        self.rejects: list[str] = []
        self._given = 0
        self._catalog = catalog
        self._sieve = sieve
        self._max_pages = max_pages
        self._max_kept = max_kept

    def answered(self, body: bytes | None) -> Request | None:
        """Take what an answer holds; gives what is asked next, None when all is listed."""
        try:
            step = next(self._catalog) if body is None else self._catalog.send(body)
            while isinstance(step, Page):
                self._take(step)
                step = self._catalog.send(b"")
        except StopIteration:
            return None
        self.asked += 1
        self._bound()
        return step

    def _take(self, page: Page) -> None:
        self._given += 1
        self._sieve.add(page.instruments)
        # What is only doubted stands among the instruments: nothing is missing for it.
        self.rejects += [str(each) for each in page.rejects if each.kind != "doubtful"]
        if self._sieve.kept > self._max_kept:
            raise TooLong("max_instruments", self._max_kept)
        self._bound()

    def _bound(self) -> None:
        if max(self.asked, self._given) > self._max_pages:
            raise TooLong("max_pages", self._max_pages)


class _Relating:
    """A history on its way, and what of it is settled and not told yet."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._settled: list[Span] = []

    def answered(self, body: bytes | None) -> Request | None:
        """Take what an answer settles; gives what is asked next, None when all is told."""
        try:
            step = next(self._history) if body is None else self._history.send(body)
            while isinstance(step, Span):
                self._settled.append(step)
                step = self._history.send(b"")
        except StopIteration:
            return None
        return step

    def tell(self, settled: Callable[[Span], None]) -> None:
        """Hand on what is settled, each span once."""
        spans, self._settled = self._settled, []
        for span in spans:
            settled(span)


async def off_loop(work: Callable[[bytes], T], body: bytes) -> T:
    """Work on an answer; in a thread when it is large, so that sockets are read meanwhile.

    A thread cannot be stopped: whoever is cancelled is so when the work is done, since a generator
    cannot be closed while it runs.
    """
    if len(body) < _LARGE_BYTES:
        return work(body)
    running = asyncio.get_running_loop().run_in_executor(None, work, body)
    cancelled: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait((running,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        running.exception()  # nobody is to miss it
        raise cancelled
    return running.result()
