"""A feed over several connectors, and one that takes over from another: nothing is missing."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from ssmd.archive import reader
from ssmd.archive.ledger import store
from ssmd.archive.ledger.entries import Coverage, Entry, Outage
from ssmd.cli.pipeline import ANY_PORT, ARCHIVER
from ssmd.cli.stage import Stage
from ssmd.feeds.environment import Transport
from ssmd.feeds.share import SHARDS
from ssmd.model.envelope import CONNECTION
from ssmd.model.records import Opened, decode_connection
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime import metrics
from ssmd.runtime.children import Child
from ssmd.runtime.scrape import complaints_of, scrape
from ssmd.sim import ledger
from tests.e2e.acts import CLOCK, FEED, judged, stage, until

pytestmark = pytest.mark.e2e

Key = tuple[str, str | None]


class Recorder:
    """A connector of one share: another process, with a spool of its own, as in another pod."""

    def __init__(self, child: Child, address: str) -> None:
        self.child = child
        self.address = address

    async def complaints(self) -> list[str]:
        """Why it is not ready."""
        return await complaints_of(self.address)

    async def ready(self) -> None:
        """Wait until another may end for it."""

        async def is_ready() -> bool:
            return not await self.complaints()

        await until(is_ready, f"{self.child.name} to be ready")

    async def drained(self) -> None:
        """SIGTERM; it gives everything to the bus and ends well."""
        assert await self.child.end(30.0) == 0


@asynccontextmanager
async def a_recorder(made: Stage, folder: Path, share: str) -> AsyncIterator[Recorder]:
    """A connector that records a share until it is asked to stop."""
    configuration = made.pipeline.run_dir / "config"
    words = ["connector", "run", "--feed", str(configuration / f"connector-{FEED}.yaml")]
    words += ["--env", str(configuration / "environment.yaml"), "--dir", str(folder), *ANY_PORT]
    words += ["--share", share, "--run-dir", str(folder / "run")]
    argv = [sys.executable, "-m", "ssmd", *words]
    child = Child.spawn(folder.name, argv, log=folder / "log")
    try:
        index = share.partition("/")[0]
        name = f"connector-{FEED}" + (f"@{index}" if index != "0" else "")
        told = await child.ready(folder / "run" / f"{name}.json", clock=CLOCK)
        assert told is not None
        yield Recorder(child, told.health)
    finally:
        await child.end()


async def test_three_shares_take_over_from_one_and_one_from_another(tmp_path: Path) -> None:
    """Under load, by processes that know nothing of each other: 0 missing, coverage unbroken.

    Whoever ends does so only when its successor is ready, as a rolling upgrade does it.
    """
    root = tmp_path / "data"
    async with stage(root, rate=300) as made, AsyncExitStack() as others:
        whole = made.pipeline.connectors[0]
        await until(lambda: _is_well(made.pipeline.addresses[whole]), "the first to be ready")
        shares = await asyncio.gather(
            *(
                others.enter_async_context(a_recorder(made, tmp_path / f"pod-{i}", f"{i}/3"))
                for i in range(3)
            )
        )
        await asyncio.gather(*(share.ready() for share in shares))
        await made.pipeline.stop([whole])
        _is_divided(asked(made))
        for index, share in enumerate(shares):
            told = await scrape(share.address)
            assert set(told.by("shard", metrics.CONNECTED._name)) == {str(SHARDS * index)}
            assert told.total(metrics.WINDOW._name) == Transport().window // 3
        twin = await others.enter_async_context(a_recorder(made, tmp_path / "pod-1b", "1/3"))
        await twin.ready()
        await shares[1].drained()
        swapped = CLOCK.wall()

        async def went_on() -> bool:
            return store.load(root, FEED).until > swapped + SECOND_NS

        await until(went_on, "a second of the new one alone")
        await made.quiet()
        await asyncio.gather(*(one.drained() for one in (shares[0], shares[2], twin)))

        async def caught_up() -> bool:
            return not await made.pipeline.behind()

        await until(caught_up, "the archive to catch up", patience_s=120.0)
        await made.pipeline.stop([ARCHIVER])
        await judged(made, root)
    _each_names_the_one_before(root)
    _coverage_is_unbroken(root, swapped)


async def _is_well(address: str) -> bool:
    return not await complaints_of(address)


def asked(made: Stage) -> list[set[Key]]:
    """What the venue confirmed on each socket, in the order in which they were opened."""
    found = []
    for socket in ledger.read(made.ledgers / FEED):
        told = [json.loads(each.payload) for each in socket.emitted() if b"success" in each.payload]
        results = [each["result"] for each in told if each.get("method") == "subscribe"]
        found.append({(each["channel"], each.get("symbol")) for each in results})
    return found


def _is_divided(sockets: list[set[Key]]) -> None:
    """The first had everything; the others have it once, each some, and instruments whole."""
    first, *shares = sockets
    assert len(shares) == 3
    assert first == set.union(*shares)
    assert sum(map(len, shares)) == len(first)
    symbols = [{symbol for _, symbol in share if symbol is not None} for share in shares]
    assert all(symbols)
    assert sum(map(len, symbols)) == len(set.union(*symbols)) > 10
    assert sum((channel, None) in share for share in shares for channel in ("instrument",)) == 1


def _each_names_the_one_before(root: Path) -> None:
    """Also across processes, learned from the bus: the ones that another had are handovers."""
    opened = {
        line.envelope.connection: record
        for line in reader.read(root, FEED)
        if line.envelope.type == CONNECTION
        and isinstance(record := decode_connection(line.envelope.payload), Opened)
    }
    shards = {who: record.shard for who, record in opened.items()}
    assert sorted(shards.values(), key=str) == [0, 0, 1000, 1000, 2000]
    reasons = sorted((str(r.shard), r.reason) for r in opened.values())
    assert reasons == [
        ("0", "handover"), ("0", "start"), ("1000", "handover"), ("1000", "start"),
        ("2000", "start"),
    ]  # fmt: skip
    for record in opened.values():
        assert (record.previous is None) == (record.reason == "start")
        assert record.previous is None or shards[record.previous] == record.shard


def _coverage_is_unbroken(root: Path, swapped: int) -> None:
    """No outage but the beginning of all and the end of all; both twins held their share."""
    told = store.load(root, FEED)
    outages = [e for e in told.entries if isinstance(e, Outage)]
    held = {e.connection for e in told.entries if isinstance(e, Coverage)}
    assert len(held) == 5
    assert {e.reason for e in outages} == {"start", "shutdown"}
    assert all(e.until is None and e.since > swapped for e in outages if e.reason == "shutdown")
    first = min(e.since for e in told.entries if isinstance(e, Coverage))
    assert all(_began_with(e, first) for e in outages if e.reason == "start"), outages


def _began_with(outage: Entry, first: int) -> bool:
    """Whether it is from before anything was held at all."""
    return outage.since <= first
