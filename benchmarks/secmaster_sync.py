"""What synchronising costs: rows a second and memory, of a made-up listing of many instruments.

Run with `python benchmarks/secmaster_sync.py [INSTRUMENTS]`. Memory is this process's greatest resident set
before the round and after it; the listing is made page by page, as a venue would answer it.
"""

import asyncio
import resource
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from ssmd.model.instrument import Instrument
from ssmd.model.listing import ListedEvent, Series
from ssmd.model.rest import Catalog, Page, ReferenceQuery, Request
from ssmd.model.venue import Venue
from ssmd.runtime import logging
from ssmd.runtime.clock import SystemClock
from ssmd.secmaster.database import Database, open_database
from ssmd.secmaster.rounds import Synchroniser
from ssmd.secmaster.statement import Order
from ssmd.venues import load, names

INSTRUMENTS = 100_000
PAGE = 1_000
_RULES = "If the price is above the strike at the time of expiry, the market resolves to Yes. " * 12


def listing(number: int, title: str) -> Venue:
    """A venue that lists so many instruments, with a payload of about a kilobyte each."""
    base = load(names()[0])

    def reference(_: ReferenceQuery) -> Catalog:
        yield Page(series=(Series(venue=base.id, symbol="S"),))
        for begin in range(0, number, PAGE):
            yield Request("/list", (("at", str(begin)),))
            made = [_one(base.id, n, title) for n in range(begin, min(number, begin + PAGE))]
            event = ListedEvent(venue=base.id, symbol=f"E{begin}", series="S")
            yield Page(tuple(made), events=(event,))

    rest = msgspec.structs.replace(base.rest, reference=reference, lookup=None)
    return msgspec.structs.replace(base, rest=rest)


def _one(venue: str, n: int, title: str) -> Instrument:
    payload = msgspec.json.encode({"ticker": f"M{n}", "title": title, "rules": _RULES})
    return Instrument(
        venue=venue,
        symbol=f"M{n}",
        kind="event",
        status="active",
        raw_status="active",
        title=title,
        event=f"E{n // PAGE * PAGE}",
        series="S",
        aliases={"slug": f"market-{n}"},
        payload=payload,
    )


def resident() -> float:
    """Greatest resident set so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def fetch(_: Request) -> bytes:
    """An answer of a page's size."""
    return b" " * 1_000_000


async def round_of(database: Database, number: int, title: str, what: str) -> None:
    """One round, and what it cost."""
    before, began = resident(), time.monotonic()
    order = Order(venue=listing(number, title))
    done = await Synchroniser(database, SystemClock()).run(order, fetch)
    took = time.monotonic() - began
    print(
        f"{what:10} {took:7.1f} s {number / took:9.0f} instruments/s"
        f"   resident {before:5.0f} -> {resident():5.0f} MB"
        f"   {done.inserted} inserted, {done.changed} changed, {done.unchanged} unchanged"
    )


async def main() -> None:
    """All rounds."""
    logging.configure(quiet=True)
    number = int(sys.argv[1]) if len(sys.argv) > 1 else INSTRUMENTS
    with tempfile.TemporaryDirectory() as folder:
        async with open_database(None, Path(folder) / "postgres", SystemClock(), {}) as database:
            await round_of(database, number // 10, "a", "a tenth")
            await round_of(database, number, "a", "insert")
            await round_of(database, number, "a", "the same")
            await round_of(database, number, "b", "change all")


if __name__ == "__main__":
    asyncio.run(main())
