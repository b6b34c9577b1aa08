"""One pod: its volumes, its containers, and what the node says about it."""

import signal
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from ssmd.model.timestamp import format_rfc3339
from ssmd.runtime.clock import Clock
from tests.operator.kubelet.api import Api, Object
from tests.operator.kubelet.container import Container
from tests.operator.kubelet.files import Mounts, NotThere, Volumes
from tests.operator.kubelet.variables import environment

_DEFAULT_GRACE_S = 30


class Pod:
    """One pod on the node.

    Args:
        body: The pod, as the API has it.
        ip: Its own address.
        node: The node's folder.
        api: Where its status goes.
        clock: The time.
        base: Variables that every process of this machine needs.
    """

    def __init__(
        self, body: Object, ip: str, node: Path, api: Api, clock: Clock, base: Mapping[str, str]
    ) -> None:
        self.body = body
        self.name: str = body["metadata"]["name"]
        self.uid: str = body["metadata"]["uid"]
        self.ip = ip
        self._folder = node / "pods" / f"{self.name}-{self.uid[:8]}"
        self._volumes = Volumes(api, node)
        self._api = api
        self._clock = clock
        self._base = base
        self._said: Object = {}
        self._why: NotThere | None = None
        self._since = format_rfc3339(clock.wall())
        self._stop_at: float | None = None
        self._transitions: dict[str, tuple[str, str]] = {}
        always = body["spec"].get("restartPolicy", "Always") == "Always"
        self.containers = [
            Container(
                each,
                f"{self.name}/{each['name']}",
                ip,
                self._folder / each["name"],
                clock,
                always=always,
            )
            for each in body["spec"]["containers"]
        ]

    @property
    def phase(self) -> str:
        """The pod in one word."""
        codes = [each.exit_code for each in self.containers]
        if all(code is not None for code in codes):
            return "Succeeded" if not any(codes) else "Failed"
        return (
            "Running" if any(each.pid or each.restarts for each in self.containers) else "Pending"
        )

    @property
    def ready(self) -> bool:
        """Whether all its probes say so."""
        return all(each.ready for each in self.containers) and self._stop_at is None

    @property
    def stopped(self) -> bool:
        """Whether no process of it is left."""
        return all(each.pid is None for each in self.containers)

    async def look(self, session: aiohttp.ClientSession) -> None:
        """Bring it on: start what is to run, see how it is, stop what is to go."""
        for each in self.containers:
            await each.look(session)
        if self.body["metadata"].get("deletionTimestamp"):
            self._stop()
        else:
            await self._start()
        await self._tell()

    async def _start(self) -> None:
        waiting = [each for each in self.containers if each.wants_start()]
        if not waiting:
            return
        try:
            folders = await self._volumes.make(self.body, self._folder)
            all_mounts = [self._mounts(each.spec, folders) for each in self.containers]
            everywhere = Mounts({k: v for each in all_mounts for k, v in each.folders.items()})
            await self._volumes.fill(self.body, folders, everywhere)
            for each in waiting:
                env = await environment(self.body, each.spec, self.ip, self._volumes)
                each.again()
                each.start(env, self._mounts(each.spec, folders), self._base)
            self._why = None
        except NotThere as missing:
            self._why = missing

    def _mounts(self, container: Object, folders: Mapping[str, Path]) -> Mounts:
        return Mounts({m["mountPath"]: folders[m["name"]] for m in container["volumeMounts"]})

    def _stop(self) -> None:
        now = self._clock.mono()
        if self._stop_at is None:
            grace = self.body["metadata"].get("deletionGracePeriodSeconds", _DEFAULT_GRACE_S)
            self._stop_at = now + grace
            self.signal(signal.SIGTERM)
        elif now >= self._stop_at:
            self.signal(signal.SIGKILL)

    def signal(self, number: signal.Signals, container: str | None = None) -> None:
        """Send its processes a signal, or those of one container."""
        for each in self.containers:
            if container in {None, each.spec["name"]}:
                each.signal(number)

    def log(self, container: str | None = None) -> str:
        """What a container wrote in its present life."""
        each = next(c for c in self.containers if container in {None, c.spec["name"]})
        return each.log.read_text(errors="replace") if each.log.exists() else ""

    async def _tell(self) -> None:
        status = self._status()
        if status != self._said and await self._api.status("pods", self.name, status) is not None:
            self._said = status

    def _status(self) -> Object:
        ready = self.ready
        holds = {
            "PodScheduled": True,
            "Initialized": True,
            "ContainersReady": ready,
            "Ready": ready,
        }
        states = [each.status() for each in self.containers]
        if self._why is not None:
            for state in states:
                reason = {"reason": "CreateContainerConfigError", "message": str(self._why)}
                state["state"] = {"waiting": reason}
        return {
            "phase": self.phase,
            "podIP": self.ip,
            "podIPs": [{"ip": self.ip}],
            "hostIP": "127.0.0.1",
            "hostIPs": [{"ip": "127.0.0.1"}],
            "startTime": self._since,
            "conditions": [self._condition(kind, ok) for kind, ok in holds.items()],
            "containerStatuses": states,
        }

    def _condition(self, kind: str, ok: bool) -> Object:
        word = "True" if ok else "False"
        if self._transitions.get(kind, ("", ""))[0] != word:
            self._transitions[kind] = (word, format_rfc3339(self._clock.wall()))
        return {"type": kind, "status": word, "lastTransitionTime": self._transitions[kind][1]}
