"""What `ssmd demo` performs: traffic, faults in the middle of it, and the drain that ends it."""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from ssmd.cli.output import Output
from ssmd.cli.pipeline import ARCHIVER
from ssmd.cli.stage import Stage
from ssmd.cli.watch import Reading, Watch, read
from ssmd.model.errors import Unavailable
from ssmd.runtime.clock import Clock

_LOOK_S: Final = 0.5
_DRAIN_S: Final = 120.0
_IDLE_S: Final = 20.0
"""A pipeline that is idle this long after a fault is no reason to put off the next one."""


class Fault(msgspec.Struct, frozen=True):
    """Something that goes wrong on purpose.

    Attributes:
        share: When, as a share of the running time.
        name: What, for people.
        inject: What does it.
    """

    share: float
    name: str
    inject: Callable[[], Awaitable[None]]


class Performance:
    """One run of traffic through a pipeline, with faults.

    Attributes:
        injected: The faults that were injected, in order.
    """

    def __init__(self, stage: Stage, clock: Clock, output: Output, seconds: float) -> None:
        self._stage = stage
        self._clock = clock
        self._output = output
        self._seconds = seconds
        self._act = "starting"
        self.injected: list[str] = []

    async def run(self) -> None:
        """Start everything, inject the faults, stop the traffic, drain, seal.

        Raises:
            Unavailable: The pipeline did not start or did not drain.
        """
        with Watch(self._output, lambda: self._act) as watch:
            await self._stage.start()
            started = self._clock.mono()
            self._act = "recording"
            faults = self._faults()
            before: Reading | None = None
            while (spent := self._clock.mono() - started) < self._seconds or faults:
                reading = await read(self._stage.pipeline.addresses, self._clock)
                watch.show(reading)
                late_s = spent - faults[0].share * self._seconds if faults else -1.0
                # A fault that hits what stands idle after the one before it would show nothing.
                works = before is not None and _work(before, reading)
                if late_s >= _IDLE_S or (late_s >= 0 and works):
                    await self._strike(faults.pop(0))
                before = reading
                await self._clock.sleep(_LOOK_S)
            self._act = "stopping the traffic"
            await self._stage.quiet()
            await self._drain(watch)

    def _faults(self) -> list[Fault]:
        pipeline = self._stage.pipeline
        connector = pipeline.connectors[0]
        return [
            Fault(0.25, "connection lost", self._stage.lose_connection),
            Fault(0.45, f"kill -9 of {connector}", lambda: pipeline.crash(connector)),
            Fault(0.70, f"kill -9 of {ARCHIVER}", lambda: pipeline.crash(ARCHIVER)),
        ]

    async def _strike(self, fault: Fault) -> None:
        self._act = f"recording, after: {fault.name}"
        self._output.note(f"-> {fault.name}")
        await fault.inject()
        self.injected.append(fault.name)

    async def _drain(self, watch: Watch) -> None:
        """Close the connections, publish and archive everything, seal."""
        pipeline = self._stage.pipeline
        self._act = "closing the connections"
        await pipeline.stop(pipeline.connectors)
        self._act = "archiving the rest"
        deadline = self._clock.mono() + _DRAIN_S
        while await pipeline.behind():
            if self._clock.mono() > deadline:
                message = f"The archive did not catch up within {_DRAIN_S:.0f} s."
                raise Unavailable(message, remedy=f"Read the logs in {pipeline.run_dir}.")
            watch.show(await read(pipeline.addresses, self._clock))
            await self._clock.sleep(_LOOK_S / 5)
        self._act = "sealing"
        await pipeline.stop([ARCHIVER])


def _work(before: Reading, now: Reading) -> bool:
    """Whether the whole pipeline worked from one look to the next."""
    return _is_whole(before) and _is_whole(now) and now.frames > before.frames


def _is_whole(reading: Reading) -> bool:
    """Whether every service is ready and every planned shard has its socket.

    A feed that is still looking for its instruments has planned nothing: it says it is not ready.
    """
    waits = bool(reading.away or reading.complaints)
    return not waits and 0 < reading.planned <= reading.shards
