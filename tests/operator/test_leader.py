"""Who leads, whether the watch sees, and what is asked when."""

import asyncio
import itertools
from typing import Any

import pytest

from ssmd.model.errors import Unavailable
from ssmd.operator.errors import Conflict, LeaderLost
from ssmd.operator.index import Index, Key
from ssmd.operator.leader import Leader
from ssmd.operator.liveness import Liveness
from ssmd.operator.queue import Queue
from ssmd.sim.manual_clock import ManualClock

KEY = Key("Connector", "lab", "north")


class Leases:
    """One Lease, as an API server keeps it; it can be away."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.version = 0
        self.away = self.hangs = False

    async def find(self, *_: object) -> dict[str, Any] | None:
        """As `Cluster.find`."""
        self._asked()
        return None if self.lease is None else {**self.lease, "spec": dict(self.lease["spec"])}

    async def create(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """As `Cluster.create`."""
        self._asked()
        if self.lease is not None:
            raise Conflict("it is there", remedy="")
        return self._put(manifest)

    async def replace(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """As `Cluster.replace`."""
        self._asked()
        if self.hangs:
            await asyncio.get_running_loop().create_future()
        assert self.lease is not None
        if manifest["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            raise Conflict("somebody was faster", remedy="")
        return self._put(manifest)

    def _put(self, manifest: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        metadata = {**manifest["metadata"], "resourceVersion": str(self.version)}
        self.lease = {**manifest, "metadata": metadata, "spec": dict(manifest["spec"])}
        return {**self.lease, "spec": dict(self.lease["spec"])}

    def _asked(self) -> None:
        if self.away:
            raise Unavailable("away", remedy="")


def candidate(leases: Any, clock: ManualClock, name: str) -> Leader:  # noqa: ANN401 - a stand-in
    """A candidate for the Lease."""
    return Leader(leases, clock, namespace="lab", name="ssmd-operator", identity=name, lease_s=30)


async def test_a_follower_takes_over_when_renewals_stop() -> None:
    """By its own clock, and not before the whole duration has gone by without a renewal."""
    leases, clock = Leases(), ManualClock()
    first, second = candidate(leases, clock, "one"), candidate(leases, clock, "two")
    await first.acquire()
    waits = asyncio.create_task(second.acquire())
    await clock.advance(29)
    assert not waits.done()
    assert not second.may_work.is_set()
    await clock.advance(10)
    await waits
    assert second.may_work.is_set()


async def test_a_leader_that_cannot_renew_stops_working_before_another_can_begin() -> None:
    """And begins again when the API server is back, if nobody took over meanwhile."""
    leases, clock = Leases(), ManualClock()
    leader = candidate(leases, clock, "one")
    await leader.acquire()
    renewals: list[int] = []
    keeps = asyncio.create_task(leader.keep(lambda: renewals.append(1)))
    await clock.advance(11)
    assert len(renewals) == 1
    leases.away = True
    await clock.advance(29)
    assert not leader.may_work.is_set(), "another may lead any moment now"
    leases.away = False
    await clock.advance(11)
    assert leader.may_work.is_set()
    keeps.cancel()


async def test_a_renewal_that_hangs_is_none() -> None:
    """Whoever waits for an answer works no more by the time at which another may lead."""
    leases, clock = Leases(), ManualClock()
    first = candidate(leases, clock, "one")
    await first.acquire()
    keeps = asyncio.create_task(first.keep(lambda: None))
    leases.hangs = True
    await clock.advance(29)
    assert not first.may_work.is_set()
    leases.hangs = False
    await clock.advance(20)
    assert first.may_work.is_set()
    keeps.cancel()
    await asyncio.wait((keeps,))


async def test_a_leader_that_was_replaced_ends() -> None:
    """It says who leads now; it never works beside another."""
    leases, clock = Leases(), ManualClock()
    leader = candidate(leases, clock, "one")
    await leader.acquire()
    keeps = asyncio.create_task(leader.keep(lambda: None))
    await asyncio.sleep(0)
    assert leases.lease is not None
    leases._put({**leases.lease, "spec": {**leases.lease["spec"], "holderIdentity": "two"}})
    await clock.advance(11)
    with pytest.raises(LeaderLost, match="held by two"):
        await keeps
    assert not leader.may_work.is_set()


async def test_a_lease_that_is_released_is_free_at_once() -> None:
    """A clean end makes nobody wait."""
    leases, clock = Leases(), ManualClock()
    first, second = candidate(leases, clock, "one"), candidate(leases, clock, "two")
    await first.acquire()
    await first.release()
    await asyncio.wait_for(second.acquire(), 5)
    assert second.may_work.is_set()


async def test_a_blind_watch_is_told_from_an_api_server_that_is_away() -> None:
    """Renewals that succeed and do not come back: blind. No renewals: nothing to see."""
    clock = ManualClock()
    liveness = Liveness(clock, limit_s=60)
    liveness.renewed()
    liveness.seen()
    await clock.advance(1000)
    assert liveness.alive, "nothing was renewed, so nothing was missed"
    liveness.renewed()
    for _ in range(7):
        await clock.advance(10)
        liveness.renewed()
    assert not liveness.alive
    liveness.seen()
    assert liveness.alive
    liveness.renewed()
    await clock.advance(1000)  # the API server was away, and so was the watch
    liveness.renewed()
    assert liveness.alive, "it begins anew"


async def test_the_queue_looks_once_and_never_twice_at_a_time() -> None:
    """What is added many times is looked at once; what changes meanwhile once more."""
    clock, looks = ManualClock(), []
    gate = asyncio.Event()

    async def look(key: Key) -> float | None:
        looks.append(key)
        await gate.wait()
        return None

    index = Index()
    index.know(KEY)
    queue = Queue(look, index, clock, resync_s=1000, random01=lambda: 0.5)
    workers = [asyncio.create_task(queue.work()) for _ in range(3)]
    for _ in range(5):
        queue.add(KEY)
    await clock.advance(0)
    assert looks == [KEY]
    queue.add(KEY)
    queue.add(KEY)
    await clock.advance(0)
    assert looks == [KEY], "two looks at one resource at a time"
    gate.set()
    await clock.advance(0)
    assert looks == [KEY, KEY]
    for each in workers:
        each.cancel()


async def test_the_queue_backs_off_and_comes_back() -> None:
    """Failures are tried again, ever later, up to a cap; success begins anew; resync is for ever."""
    clock = ManualClock()
    at: list[float] = []
    fails = 8

    async def look(key: Key) -> float | None:
        at.append(clock.mono())
        if len(at) <= fails:
            raise Unavailable("away", remedy="")
        return None

    index = Index()
    index.know(KEY)
    queue = Queue(look, index, clock, resync_s=100, random01=lambda: 1.0)
    worker = asyncio.create_task(queue.work())
    queue.add(KEY)
    for _ in range(1000):
        await clock.advance(0.5)
    pauses = [round(later - earlier) for earlier, later in itertools.pairwise(at)]
    assert pauses[1:7] == [1, 2, 4, 8, 16, 32]
    assert max(pauses[:fails]) <= 60
    assert len(at) > fails + 2, "a resource that is well is looked at again"
    worker.cancel()
