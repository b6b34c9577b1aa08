"""One container: a real process, its probes, and what becomes of it."""

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from ssmd.model.timestamp import format_rfc3339
from ssmd.runtime.children import Child
from ssmd.runtime.clock import Clock
from tests.operator.kubelet.api import Object
from tests.operator.kubelet.files import Mounts
from tests.operator.kubelet.variables import expanded

_WORDS_BYTES = 2048
_BACKOFF_CAP_S = 10.0


class Container:
    """One container of a pod.

    Args:
        spec: As the pod has it.
        name: What its process and its logs are called.
        ip: The pod's address.
        folder: What is its alone.
        clock: The time.
        always: Whether it is started again whenever it ends.

    Attributes:
        ready: Whether its readiness probe says so.
        restarts: So often it was started again.
    """

    def __init__(
        self, spec: Object, name: str, ip: str, folder: Path, clock: Clock, *, always: bool
    ) -> None:
        self.spec = spec
        self.name = name
        self.ready = False
        self.restarts = 0
        self._ip = ip
        self._folder = folder
        self._clock = clock
        self._always = always
        self._child: Child | None = None
        self._started = False
        self._since = ""
        self._ended: Object | None = None
        self._last: Object | None = None
        self._again_at = 0.0
        self._killing: float | None = None
        self._probes = {kind: Probe(spec.get(kind), clock) for kind in _PROBES}

    @property
    def log(self) -> Path:
        """Where this life of it writes."""
        return self._folder / f"{self.restarts}.log"

    @property
    def pid(self) -> int | None:
        """Its process; None when there is none."""
        return None if self._child is None else self._child.pid

    @property
    def exit_code(self) -> int | None:
        """What it ended with for good; None while it runs, or will again."""
        return None if self._ended is None or self._always else int(self._ended["exitCode"])

    def start(self, env: Mapping[str, str], mounts: Mounts, base: Mapping[str, str]) -> None:
        """Start the process, as the container's command and arguments say."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._message.write_text("")
        whole = {key: mounts.translate(value) for key, value in env.items()}
        words = [*self.spec["command"], *self.spec.get("args", [])]
        argv = [mounts.translate(expanded(word, env)) for word in words]
        argv = [str(self._message) if word == "/dev/termination-log" else word for word in argv]
        if argv[0] == "ssmd":
            argv[:1] = [sys.executable, "-m", "ssmd"]
        self._child = Child.spawn(
            self.name,
            argv,
            log=self.log,
            env={**base, **whole},
            cwd=self._folder,
            death_signal=signal.SIGKILL,
        )
        self._since = format_rfc3339(self._clock.wall())
        self._ended = None
        self._started = self._probes["startupProbe"].absent
        self.ready = self._started and self._probes["readinessProbe"].absent
        for probe in self._probes.values():
            probe.reset()

    def wants_start(self) -> bool:
        """Whether it has no process and is to have one now."""
        if self._child is not None:
            return False
        return self._ended is None or (self._always and self._clock.mono() >= self._again_at)

    def signal(self, number: signal.Signals) -> None:
        """Send its process a signal."""
        if self._child is not None:
            self._child.terminate(number)

    async def look(self, session: aiohttp.ClientSession) -> None:
        """See whether it lives, and what its probes say."""
        if self._child is None:
            return
        if (code := self._child.returncode) is not None:
            self._over(code)
            return
        if self._killing is not None:
            if self._clock.mono() >= self._killing:
                self._child.kill()
            return
        await self._probe(session)

    async def _probe(self, session: aiohttp.ClientSession) -> None:
        port = self.spec["ports"][0]["containerPort"] if self.spec.get("ports") else 0
        where = f"http://{self._ip}:{port}"
        if not self._started:
            verdict = await self._probes["startupProbe"].ask(session, where)
            self._started = verdict is True
            if verdict is False:
                self._give_up()
            return
        if await self._probes["livenessProbe"].ask(session, where) is False:
            self._give_up()
            return
        ready = await self._probes["readinessProbe"].ask(session, where)
        if ready is not None:
            self.ready = ready

    def _give_up(self) -> None:
        self._killing = self._clock.mono() + 30.0
        self.signal(signal.SIGTERM)

    def _over(self, code: int) -> None:
        assert self._child is not None
        self._ended = {
            "exitCode": code if code >= 0 else 128 - code,
            "reason": "Completed" if code == 0 else "Error",
            "startedAt": self._since,
            "finishedAt": format_rfc3339(self._clock.wall()),
            "message": self._words(code),
        }
        self._child = None
        self._killing = None
        self.ready = self._started = False
        if self._always:
            self._last = self._ended
            self._again_at = self._clock.mono() + min(0.5 * 2**self.restarts, _BACKOFF_CAP_S)

    def again(self) -> None:
        """Count a new life; to be called before it is started again."""
        if self._ended is not None:
            self.restarts += 1

    @property
    def _message(self) -> Path:
        return self._folder / "termination-log"

    def _words(self, code: int) -> str:
        said = self._message.read_bytes()[:_WORDS_BYTES].decode(errors="replace")
        if (
            said
            or code == 0
            or self.spec.get("terminationMessagePolicy") != "FallbackToLogsOnError"
        ):
            return said
        with self.log.open("rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - _WORDS_BYTES))
            return log.read().decode(errors="replace")

    def status(self) -> Object:
        """The entry under `containerStatuses`."""
        found: Object = {
            "name": self.spec["name"],
            "image": self.spec["image"],
            "imageID": "",
            "ready": self.ready,
            "started": self._started,
            "restartCount": self.restarts,
            "state": self._state(),
            "lastState": {} if self._last is None else {"terminated": self._last},
        }
        return found

    def _state(self) -> Object:
        if self._child is not None:
            return {"running": {"startedAt": self._since}}
        if self._ended is None:
            return {"waiting": {"reason": "ContainerCreating"}}
        if self._always:
            return {"waiting": {"reason": "CrashLoopBackOff"}}
        return {"terminated": self._ended}


_PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


class Probe:
    """One probe of a container, asked over HTTP as often as it says."""

    def __init__(self, spec: Mapping[str, Any] | None, clock: Clock) -> None:
        self._spec = spec
        self._clock = clock
        self.reset()

    @property
    def absent(self) -> bool:
        """Whether there is none: then all is well."""
        return self._spec is None

    def reset(self) -> None:
        """Forget what was heard: the process is another."""
        self._failures = 0
        self._due = 0.0

    async def ask(self, session: aiohttp.ClientSession, where: str) -> bool | None:
        """Whether all is well; None when it was not asked, or did not fail often enough."""
        if self._spec is None:
            return True
        now = self._clock.mono()
        if now < self._due:
            return None
        self._due = now + self._spec.get("periodSeconds", 10)
        if await self._well(session, where):
            self._failures = 0
            return True
        self._failures += 1
        return False if self._failures >= self._spec.get("failureThreshold", 3) else None

    async def _well(self, session: aiohttp.ClientSession, where: str) -> bool:
        assert self._spec is not None
        timeout = aiohttp.ClientTimeout(total=self._spec.get("timeoutSeconds", 1))
        try:
            async with session.get(
                where + self._spec["httpGet"]["path"], timeout=timeout
            ) as answer:
                return answer.status < 400
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False
