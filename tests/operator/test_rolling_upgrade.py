"""A rolling upgrade under load, from an operator's decision to real processes and a judged archive."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ssmd.archive.ledger import store
from ssmd.archive.ledger.entries import Ledger, Outage
from ssmd.model.timestamp import SECOND_NS
from ssmd.operator.names import API_VERSION, REPLICA, SLOT
from ssmd.runtime.children import Child
from tests.operator.cluster import CLOCK, Lab, lab
from tests.operator.market import ENVIRONMENT, FEED, Market, market

pytestmark = [pytest.mark.e2e, pytest.mark.full, pytest.mark.timeout(400)]
NAME = "north"
SHARES = 2


@asynccontextmanager
async def operator(it: Lab, root: Path) -> AsyncIterator[Child]:
    """The operator, as a process of its own."""
    argv = [sys.executable, "-m", "ssmd", "operator", "run", "--kubeconfig", str(it.kubeconfig)]
    argv += ["--namespace", it.namespace, "--lease-namespace", it.namespace, "--image", "none"]
    argv += ["--listen", "127.0.0.1:0"]
    child = Child.spawn("operator", argv, log=root / "operator.log")
    it.told.append(child.last_words)
    try:
        yield child
        assert child.returncode is None, child.last_words()
    finally:
        await child.end(20.0)


class Witness:
    """Looks at the pods, again and again, for a share that nobody records."""

    def __init__(self, it: Lab) -> None:
        self._it = it
        self.looks = 0
        self.alone: list[str] = []
        self.most: dict[str, int] = {}

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            found = await self._it.ready_pods()
            for replica in map(str, range(SHARES)):
                slots = [
                    pod["metadata"]["labels"][SLOT]
                    for pod in found
                    if pod["metadata"]["labels"].get(REPLICA) == replica
                ]
                self.most[replica] = max(self.most.get(replica, 0), len(slots))
                if not slots:
                    self.alone.append(f"share {replica} at look {self.looks}")
            self.looks += 1
            await CLOCK.sleep(0.05)


async def begun(it: Lab) -> None:
    """Make an archiver and two connectors, and wait until they work."""
    spec: dict[str, Any] = {"environment": ENVIRONMENT, "sources": [{"feed": FEED}]}
    await it.resource("Archiver", NAME, spec)
    spec = {"environment": ENVIRONMENT, "feed": FEED, "replicas": SHARES}
    await it.resource("Connector", NAME, {**spec, "rollout": {"readyS": 1}})

    async def record() -> bool:
        status = await it.status("Connector", NAME)
        return status.get("readyReplicas") == SHARES and len(await it.ready_pods()) == SHARES + 1

    await it.until(record, "two connectors and an archiver")


async def slots(it: Lab) -> list[str]:
    """The slots in which pods are ready, of connectors."""
    labels = [pod["metadata"]["labels"] for pod in await it.ready_pods()]
    return sorted(each[SLOT] for each in labels if SLOT in each)


async def upgraded(it: Lab, made: Market) -> Witness:
    """Change the feed, and wait until every share is recorded by a new pod alone."""
    witness = Witness(it)
    watching = asyncio.create_task(witness.watch())
    try:
        changed = msgspec.structs.replace(made.feed, display_name="Changed")
        await it.config_map(f"feed-{FEED}", {"feed.yaml": made.feed_yaml(changed)})

        async def swapped() -> bool:
            pods = await it.api.list("pods")
            return await slots(it) == ["b"] * SHARES and len(pods) == SHARES + 1

        await it.until(swapped, "both shares in their other slot", patience_s=120.0)
    finally:
        watching.cancel()
        await asyncio.wait([watching])
    return witness


async def deleted(it: Lab, kind: str) -> None:
    """Delete one of our resources, and wait until it has gone."""
    await it.cluster.delete(API_VERSION, kind, NAME)

    async def gone() -> bool:
        return await it.cluster.find(API_VERSION, kind, NAME) is None

    await it.until(gone, f"the {kind} to go", patience_s=120.0)


async def test_an_upgrade_under_load_loses_nothing(tmp_path: Path) -> None:
    """A changed feed rolls two shares by twins: no ordinal missing, no moment uncovered.

    Then the Archiver is deleted: what is open is sealed and proved, and its disk stays.
    """
    async with market(tmp_path) as made, lab(tmp_path) as it, operator(it, tmp_path):
        await it.configure(made)
        await begun(it)
        root = it.node.claim(f"{NAME}-archiver-data")
        began = CLOCK.wall()
        witness = await upgraded(it, made)
        swapped = CLOCK.wall()

        async def went_on() -> bool:
            return store.load(root, FEED).until > swapped + SECOND_NS

        await it.until(went_on, "a second of the new pods alone")
        made.quiet()
        await deleted(it, "Connector")
        await deleted(it, "Archiver")
        assert await it.cluster.find("v1", "PersistentVolumeClaim", f"{NAME}-archiver-data")
    assert witness.alone == []
    assert witness.looks > SHARES
    assert witness.most == {str(replica): 2 for replica in range(SHARES)}
    verdict = made.judge(root)
    assert verdict.sockets >= 2 * SHARES
    assert outages_within(store.load(root, FEED), began, swapped) == []


def outages_within(ledger: Ledger, since: int, until: int) -> list[Outage]:
    """What the archive says was not covered at some moment between two times (ns)."""
    outages = [entry for entry in ledger.entries if isinstance(entry, Outage)]
    assert outages, "a first connection has nothing before it"
    return [
        each
        for each in outages
        if each.since < until and (each.until is None or each.until > since)
    ]
