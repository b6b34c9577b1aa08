"""Names resolved a second: in one process, and in one call of the database; and words searched.

    python benchmarks/resolve.py [--instruments 100000]

Makes a security master of its own in a temporary folder, embedded, and takes it away again. Every
instrument has five names, of which one moved from another instrument and one ended.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from ssmd.runtime.clock import SystemClock
from ssmd.secmaster.database import Database, open_database
from ssmd.secmaster.resolve import Resolver, resolve_many
from ssmd.secmaster.search import search

INSERT = """
INSERT INTO instrument (venue, symbol, kind, status, raw_status, status_source, restricted, title, base,
                        quote, price_ranges, aliases, details, payload)
SELECT 'v', 'S' || n, 'spot', 'active', '', 'rest', false, 'Instrument of number ' || n || ' against it',
       'B' || n, 'USD', '[]', jsonb_build_object('one', 'A' || n, 'two', 'X' || n), '{}', '{}'
FROM generate_series(1, %(count)s::integer) n
"""
NAMES = """
INSERT INTO alias (venue, scheme, value, symbol)
SELECT 'v', s, left(s, 1) || n, 'S' || n FROM generate_series(1, %(count)s::integer) n,
       unnest(ARRAY['Symbol', 'Altname', 'Xkey', 'Moved', 'Ended']) s
"""
MOVE = """
WITH gone AS (DELETE FROM alias WHERE scheme IN ('Moved', 'Ended') RETURNING *)
INSERT INTO alias (venue, scheme, value, symbol)
SELECT venue, scheme, value, 'S' || (substr(symbol, 2)::integer %% %(count)s::integer + 1) FROM gone
WHERE scheme = 'Moved'
"""


def rate(count: int, work: Callable[[], object]) -> str:
    """How many a second, the best of three; beside it, of the CPU's own, on a busy machine."""
    best = cpu = 0.0
    for _ in range(3):
        began, busy = time.perf_counter(), time.process_time()
        work()
        best = max(best, count / (time.perf_counter() - began))
        cpu = max(cpu, count / (time.process_time() - busy))
    return f"{best:,.0f} names a second ({cpu:,.0f} a second of CPU)"


async def in_database(database: Database, count: int) -> None:
    """Batches of 2,000 names, and a misspelt search."""
    names = [f"A{n}" for n in range(1, 2001)]
    async with database.session() as session:
        for to in (None, "Xkey"):
            times = []
            for _ in range(5):
                began = time.perf_counter()
                answers = await resolve_many(session, names, to=to)
                times.append(time.perf_counter() - began)
            assert all(each.state == "found" for each in answers)
            print(f"2,000 names in one call, to={to}: {min(times) * 1000:.0f} ms")
        for words in ("instrumnet 777", f"S{count}", "against"):
            began = time.perf_counter()
            hits = await search(session, words)
            took = time.perf_counter() - began
            print(f"search {words!r} among {count}: {took * 1000:.0f} ms, first {hits[0].id}")


async def main(count: int) -> None:
    """Make, measure, tell."""
    with tempfile.TemporaryDirectory(prefix="ssmd-resolve-") as folder:
        async with open_database(None, Path(folder) / "postgres", SystemClock(), {}) as database:
            for statement in (INSERT, NAMES, MOVE):
                async with database.writing("benchmark") as session:
                    await session.execute(statement, {"count": count})
            async with database.session() as session:
                await session.execute("ANALYZE")
                began = time.perf_counter()
                resolver = await Resolver.load(session)
                print(f"loaded the names of {count} in {time.perf_counter() - began:.1f} s")
            await in_database(database, count)
    at = datetime.now(UTC)
    asked = [f"{letter}{n}" for n in range(1, count // 5 + 1) for letter in "SAXME"]
    found = rate(len(asked), lambda: [resolver.resolve(name) for name in asked])
    print(f"in one process: {found}")
    dated = rate(
        len(asked), lambda: [resolver.resolve(name, at=at, to="Altname") for name in asked]
    )
    print(f"with a date, to another scheme: {dated}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--instruments", type=int, default=100_000)
    asyncio.run(main(parser.parse_args().instruments))
