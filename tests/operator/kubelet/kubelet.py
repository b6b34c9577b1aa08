"""The node: one loop that plays the controllers and the kubelet of a namespace."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from ssmd.runtime.clock import Clock, SystemClock
from tests.operator.kubelet.api import Api, Object
from tests.operator.kubelet.controllers import Controllers
from tests.operator.kubelet.pod import Pod

_TICK_S = 0.1


class Kubelet:
    """Plays Deployment controller, Job controller and kubelet for one namespace.

    It asks anew rather than watches: an API server may go away and come back. Use it as an
    `async with`; at the end all its processes are killed.

    Args:
        api: The namespace.
        root: Where pods and claims lie.
        clock: The time.
        environ: Variables that every process is given besides its own.

    Attributes:
        pods: What runs here, by name.
        controllers: What makes pods; `controllers.trigger` runs a CronJob now.
        faults: Answers of the API server that were errors: it was away, say.
    """

    def __init__(
        self,
        api: Api,
        root: Path,
        *,
        clock: Clock | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.pods: dict[str, Pod] = {}
        self.faults: list[str] = []
        self._api = api
        self._root = root
        self._clock = SystemClock() if clock is None else clock
        self.controllers = Controllers(api, self._clock)
        self._base = _base() | dict(environ or {})
        self._addresses = 0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._go_on(), name="test-kubelet")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._task is not None
        died = self._task.done() and not self._task.cancelled()
        self._task.cancel()
        await asyncio.wait([self._task])
        for pod in self.pods.values():
            pod.signal(signal.SIGKILL)
        async with aiohttp.ClientSession() as session:
            while not all(pod.stopped for pod in self.pods.values()):
                for pod in self.pods.values():
                    for container in pod.containers:
                        await container.look(session)
                await self._clock.sleep(0.02)
        if died and error is None:
            self._task.result()

    def kill_pod(
        self, name: str, number: signal.Signals = signal.SIGKILL, container: str | None = None
    ) -> None:
        """Send a pod's processes a signal; its containers are started again as their policy says."""
        self.pods[name].signal(number, container)

    def log(self, name: str, container: str | None = None) -> str:
        """What a pod's container wrote in its present life."""
        return self.pods[name].log(container)

    def logs(self) -> str:
        """The end of what every pod wrote: for a test that failed."""
        return "\n".join(
            f"--- {pod.name} {container.spec['name']}: {pod.log(container.spec['name'])[-2000:]}"
            for pod in self.pods.values()
            for container in pod.containers
        )

    def claim(self, name: str) -> Path:
        """The folder of a claim."""
        return self._root / "claims" / name

    async def _go_on(self) -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            while True:
                try:
                    await self._step(session)
                except (aiohttp.ClientError, TimeoutError, AssertionError) as error:
                    self.faults.append(str(error))
                await self._clock.sleep(_TICK_S)

    async def _step(self, session: aiohttp.ClientSession) -> None:
        found = await self._api.list("pods")
        await self.controllers.step(found)
        known = {body["metadata"]["uid"]: body for body in found}
        for pod in list(self.pods.values()):
            if pod.uid not in known:  # somebody removed it by force
                pod.signal(signal.SIGKILL)
                await asyncio.gather(*(each.look(session) for each in pod.containers))
                if pod.stopped:
                    del self.pods[pod.name]
        for body in found:
            if body["metadata"]["name"] not in self.pods:
                self._admit(body)
        await asyncio.gather(
            *(
                self._look(pod, known[pod.uid], session)
                for pod in self.pods.values()
                if pod.uid in known
            )
        )

    def _admit(self, body: Object) -> None:
        self._addresses += 1
        ip = f"127.{64 + os.getpid() % 128}.{os.getpid() // 128 % 200}.{self._addresses}"
        pod = Pod(body, ip, self._root, self._api, self._clock, self._base)
        self.pods[pod.name] = pod

    async def _look(self, pod: Pod, body: Object, session: aiohttp.ClientSession) -> None:
        pod.body = body
        await pod.look(session)
        if body["metadata"].get("deletionTimestamp") and pod.stopped:
            await self._api.delete("pods", pod.name, grace_s=0)
            self.pods.pop(pod.name, None)


def _base() -> dict[str, str]:
    """What a process needs to start at all, and nothing that would tell it where it is."""
    kept = ("PATH", "LANG", "LD_LIBRARY_PATH", "PYTHONPATH", "COVERAGE_PROCESS_START")
    found = {name: os.environ[name] for name in kept if name in os.environ}
    folder = str(Path(sys.executable).parent)
    return found | {"PATH": f"{folder}:{found.get('PATH', '/usr/bin:/bin')}"}
