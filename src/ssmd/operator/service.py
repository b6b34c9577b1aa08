"""The operator as a process: it leads, it watches, it looks; and it says so."""

from typing import Final

import msgspec

from ssmd.model.timestamp import SECOND_NS
from ssmd.operator import telemetry
from ssmd.operator.apply import Applier
from ssmd.operator.cluster import Cluster, Manifest
from ssmd.operator.events import Events
from ssmd.operator.index import Index, Key
from ssmd.operator.kubeconfig import Target
from ssmd.operator.leader import Leader
from ssmd.operator.liveness import Liveness
from ssmd.operator.memory import Memory
from ssmd.operator.names import API_VERSION, KINDS, MANAGED_BY, MANAGER
from ssmd.operator.observe import Observer
from ssmd.operator.queue import Queue
from ssmd.operator.reading import Reader
from ssmd.operator.reconcile.engine import Engine
from ssmd.operator.reconcile.hands import Hands
from ssmd.operator.settings import OperatorSettings
from ssmd.operator.spec.status import Condition
from ssmd.operator.watching import Watch
from ssmd.runtime import service
from ssmd.runtime.clock import Clock, SystemClock
from ssmd.runtime.health import Health
from ssmd.runtime.tasks import Stop, Tasks

NAME: Final = "operator"
_ANEW_S: Final = 10.0
"""What a watch brings as it begins anew comes within this, in seconds."""


class Operator:
    """One operator.

    Attributes:
        index: The resources it knows.
        queue: What it is to look at.
        health: What it says of itself.
    """

    def __init__(
        self,
        target: Target,
        settings: OperatorSettings,
        *,
        clock: Clock | None = None,
        observer: Observer | None = None,
    ) -> None:
        """Make it; nothing is asked yet.

        Args:
            target: The cluster.
            settings: How it runs.
            clock: The time; the machine's own when None.
            observer: Asks pods; over HTTP when None.
        """
        self._clock: Clock = clock or SystemClock()
        self._settings = settings
        self._target = target
        self.health = Health()
        self.index = Index()
        self._cluster = Cluster(target)
        self._memory = Memory()
        recheck_s = settings.recheck_s
        hands = Hands(
            self._cluster,
            Applier(self._cluster, self._memory, self._clock, recheck_s=recheck_s),
            Reader(self._cluster, self._clock, image=settings.image),
            observer or Observer(self._clock),
            Events(self._cluster, self._clock, identity=settings.identity),
            self._clock,
            recheck_s=recheck_s,
        )
        self._engine = Engine(hands, self.index)
        self.queue = Queue(self._look, self.index, self._clock, resync_s=settings.resync_s)
        self._leader = Leader(
            self._cluster,
            self._clock,
            namespace=settings.lease_namespace,
            name=settings.lease_name,
            identity=settings.identity,
            lease_s=settings.lease_s,
            alone=settings.alone,
        )
        self._began = float("-inf")
        self._liveness = Liveness(self._clock, limit_s=settings.blind_s)

    async def run(self, stop: Stop) -> None:
        """Lead, watch and look until asked to end.

        Raises:
            SsmdError: It lost the Lease, or its watch ended.
        """
        telemetry.touch()
        self.health.set("leader", ok=True)
        try:
            with self.health.looking(self._tell):
                async with Tasks(stop, self._clock) as tasks:
                    tasks.start("lead", lambda: self._lead(tasks), restart=False, may_end=True)
                    await stop.wait()
                if stop.error is None:
                    await self._leader.release()
        finally:
            await self._cluster.close()

    async def _lead(self, tasks: Tasks) -> None:
        """Work begins when we lead, and not before: what is watched may be old by then."""
        self.health.warn("leader", "another operator leads")
        await self._leader.acquire()
        self.health.warn("leader", "")
        tasks.start("renew", lambda: self._leader.keep(self._liveness.renewed), restart=False)
        watch = Watch(self._target, self._settings.namespaces, self._settings.lease_name, self.saw)
        tasks.start("watch", watch.run, restart=False)
        for number in range(self._settings.workers):
            tasks.start(f"worker-{number}", self.queue.work)

    async def _look(self, key: Key) -> float | None:
        await self._leader.may_work.wait()
        return await self._engine.look(key)

    def saw(self, event: str, found: Manifest) -> None:
        """The watch brought something: an object, and whether it is gone."""
        telemetry.watched(self._clock.wall() / SECOND_NS)
        gone = event == "DELETED"
        if not event:
            self._anew()
        if found["kind"] == "Lease":
            if found["metadata"]["name"] == self._settings.lease_name:
                self._liveness.seen()
            return
        labels = found["metadata"].get("labels") or {}
        if labels.get(MANAGED_BY) == MANAGER:
            self._memory.saw(found, gone=gone)
        if found["apiVersion"] == API_VERSION and found["kind"] in KINDS:
            key = Key(found["kind"], found["metadata"]["namespace"], found["metadata"]["name"])
            self.index.know(key)
            self.index.tells(key, () if gone else troubles(found))
            telemetry.troubled(key.kind, self.index.troubled(key.kind))
            telemetry.resources(key.kind, self.index.count(key.kind))
        for key in self.index.concerned(found):
            self.queue.add(key)

    def _anew(self) -> None:
        """A watch began anew, and does not say what went in between: nothing is taken for granted."""
        now = self._clock.mono()
        if now - self._began > _ANEW_S:
            self._began = now
            self._memory.clear()

    def _tell(self) -> None:
        if not self._liveness.alive and self.health.alive:
            telemetry.blind(self._liveness.blind_s)
            self.health.alive = False
        waits = (
            not self._leader.may_work.is_set() and self._leader.holder == self._settings.identity
        )
        self.health.set(
            "api", ok=not waits, reason="the Lease could not be renewed: the API server is away"
        )


def troubles(resource: Manifest) -> list[str]:
    """The conditions of a resource that are not as they should be."""
    told = (resource.get("status") or {}).get("conditions") or ()
    return [each.type for each in msgspec.convert(told, tuple[Condition, ...]) if each.is_trouble]


async def run(
    settings: OperatorSettings,
    target: Target,
    *,
    listen: tuple[str, int],
    clock: Clock | None = None,
) -> int:
    """Run an operator until SIGTERM.

    Args:
        settings: How it runs.
        target: The cluster.
        listen: Host and port of its health server.
        clock: The time; the machine's own when None.

    Returns:
        0 when it ended as asked; anything else, and Kubernetes starts it again.
    """
    operator = Operator(target, settings, clock=clock)
    return await service.run(NAME, operator.run, health=operator.health, listen=listen, clock=clock)
