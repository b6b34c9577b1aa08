"""Tasks under supervision: one that dies is an incident, never a silence."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self

from ssmd.model.errors import SsmdError
from ssmd.runtime import backoff, telemetry
from ssmd.runtime.clock import Clock, SystemClock

Factory = Callable[[], Coroutine[Any, Any, None]]
"""Makes the coroutine of a task, anew for every life."""


class Stop:
    """The wish that a service end, and whether something broke.

    Attributes:
        requested: Set once somebody asked.
        reason: Who or what asked first; empty until then.
        error: What broke, when something did: the service ends non-zero.
    """

    def __init__(self) -> None:
        self.requested = asyncio.Event()
        self.reason = ""
        self.error: BaseException | None = None

    def request(self, reason: str) -> None:
        """Ask the service to drain and end; the first reason stays."""
        self.reason = self.reason or reason
        self.requested.set()

    def fail(self, error: BaseException) -> None:
        """Ask the service to drain and end non-zero because of this; the first error stays."""
        self.error = self.error or error
        self.request(f"{type(error).__name__}: {error}")

    async def wait(self) -> None:
        """Wait until somebody asks."""
        await self.requested.wait()


class TaskDied(SsmdError):
    """A supervised task that is not restarted ended."""

    def __init__(self, name: str, error: BaseException | None) -> None:
        self.name = name
        why = "it returned" if error is None else f"{type(error).__name__}: {error}"
        super().__init__(
            f"The task {name!r} ended without being asked: {why}.",
            remedy="The log holds its last words; start the service again.",
        )


class Tasks:
    """A group of tasks that live as long as their service.

    Used as `async with Tasks(stop) as tasks:`; leaving it ends them all, last started first.
    """

    def __init__(
        self,
        stop: Stop,
        clock: Clock | None = None,
        *,
        base_s: float = 0.5,
        cap_s: float = 30.0,
        healthy_s: float = 60.0,
    ) -> None:
        """Make an empty group.

        Args:
            stop: Told when a task that is not restarted dies.
            clock: Times the restarts; the machine's own when None.
            base_s: Ceiling of the first pause before a restart, in seconds; it doubles.
            cap_s: Ceiling of every later pause, in seconds.
            healthy_s: A life longer than this makes the pauses begin anew, in seconds.
        """
        self._stop = stop
        self._clock: Clock = SystemClock() if clock is None else clock
        self._base_s = base_s
        self._cap_s = cap_s
        self._healthy_s = healthy_s
        self._running: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def names(self) -> list[str]:
        """The tasks under supervision, restarts pending included, in the order of their start."""
        return list(self._running)

    def start(
        self, name: str, factory: Factory, restart: bool = True, *, may_end: bool = False
    ) -> None:
        """Run a task under supervision.

        An exception, a return, or a cancellation that nobody here asked for is a death: an
        incident. Errors that trying again cannot cure (`SsmdError` that is not `retryable`) are
        not restarted.

        Args:
            name: Unique among those running; a metric label, so from a small set.
            factory: Makes the coroutine, anew for every life.
            restart: Start it again, after a backoff; False ends the service instead, non-zero.
            may_end: A return is the normal end of it, not a death.

        Raises:
            ValueError: A task of this name is running.
        """
        if name in self._running:
            message = f"a task {name!r} is running already"
            raise ValueError(message)
        task = asyncio.get_running_loop().create_task(
            self._supervise(name, factory, restart, may_end), name=name
        )
        self._running[name] = task
        task.add_done_callback(lambda done: self._forget(name, done))

    async def end(self, name: str) -> None:
        """End one task and wait for it; nothing happens when there is none of that name."""
        if (task := self._running.get(name)) is not None:
            task.cancel()
            await asyncio.wait((task,))

    async def close(self) -> None:
        """End all tasks, last started first, waiting for each."""
        for name in reversed(self.names):
            await self.end(name)

    def _forget(self, name: str, task: asyncio.Task[None]) -> None:
        if self._running.get(name) is task:
            del self._running[name]
        if not task.cancelled():
            task.exception()  # it was reported when it happened

    async def _supervise(self, name: str, factory: Factory, restart: bool, may_end: bool) -> None:
        attempt = 0
        while True:
            began = self._clock.mono()
            error = await _life(factory)
            if error is None and may_end:
                return
            if not restart or (isinstance(error, SsmdError) and not error.retryable):
                telemetry.task_died(name, error=error, restart_s=None)
                self._stop.fail(error if isinstance(error, SsmdError) else TaskDied(name, error))
                return
            if self._clock.mono() - began > self._healthy_s:
                attempt = 0
            pause = backoff.delay(attempt, self._base_s, self._cap_s, random.random())  # noqa: S311 - jitter keeps no secret
            attempt += 1
            telemetry.task_died(name, error=error, restart_s=pause)
            await self._clock.sleep(pause)
            telemetry.task_restarted(name)


async def _life(factory: Factory) -> BaseException | None:
    """One life of a task: what it died of, None when it returned.

    A `CancelledError` that nobody addressed to this task leaked out of something it awaited: for
    asyncio that would be a normal end, for us it is a death.
    """
    try:
        await factory()
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return error
    except Exception as error:  # noqa: BLE001 - whatever a task dies of is the supervisor's to report
        return error
    return None
