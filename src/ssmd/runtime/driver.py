"""Drives a venue's REST generators: they ask, we fetch, and nothing is cut off in silence."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

import msgspec

from ssmd.model.errors import SsmdError
from ssmd.model.instrument import Instrument
from ssmd.model.rest import Catalog, Page, Request, Witness

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
    try:
        request = next(witness)
        while True:
            request = witness.send(await fetch(request))
    except StopIteration as done:
        digest: bytes = done.value
        return digest
    finally:
        witness.close()


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
    asked = given = 0
    rejects: list[str] = []
    try:
        step = next(catalog)
        while True:
            if isinstance(step, Page):
                given += 1
                sieve.add(step.instruments)
                rejects += step.rejects
                if sieve.kept > max_kept:
                    raise TooLong("max_instruments", max_kept)
            else:
                asked += 1
            if max(asked, given) > max_pages:
                raise TooLong("max_pages", max_pages)
            step = catalog.send(b"" if isinstance(step, Page) else await fetch(step))
    except StopIteration:
        return asked, tuple(rejects)
    finally:
        catalog.close()
