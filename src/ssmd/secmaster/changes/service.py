"""The publisher of changes: one life after the other, until asked to stop."""

import asyncio
import contextlib
import random
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, Final

from ssmd.bus.chained import ChainedPublisher, End
from ssmd.bus.errors import ApiRefused, BusAway, Displaced, Rebuilt, StreamUnfit
from ssmd.bus.settings import BusSettings
from ssmd.bus.streams import Streams
from ssmd.model.errors import SsmdError
from ssmd.runtime import backoff, service
from ssmd.runtime.clock import Clock, SystemClock, turn
from ssmd.runtime.health import Health
from ssmd.runtime.tasks import Stop
from ssmd.secmaster.address import Address
from ssmd.secmaster.changes import snapshot, telemetry
from ssmd.secmaster.changes.desk import Desk, Picture
from ssmd.secmaster.changes.errors import SlotTaken, StreamTaken
from ssmd.secmaster.changes.flow import Flow
from ssmd.secmaster.changes.frames import Mark, Source, read_mark
from ssmd.secmaster.changes.pgoutput import Unreadable
from ssmd.secmaster.changes.replication import Slotted
from ssmd.secmaster.changes.settings import FEED, ChangesSettings
from ssmd.secmaster.changes.standing import Known, reason_to_begin_anew
from ssmd.secmaster.changes.writer import Writer
from ssmd.secmaster.database import prepare

_TELL_S: Final = 5.0
_TURN: Final = 64
_BASE_S: Final = 0.2
_STEADY_S: Final = 30.0
_AT_RISK: Final = frozenset({"unreserved", "lost"})


async def run(
    address: Address,
    bus: BusSettings,
    settings: ChangesSettings,
    *,
    run_dir: Path | None = None,
    listen: tuple[str, int] = ("127.0.0.1", 0),
    name: str = "cdc",
    details: Mapping[str, object] | None = None,
    clock: Clock | None = None,
) -> int:
    """Publish every committed change until asked to stop.

    Args:
        address: Where the database is; it need not answer yet.
        bus: Where the bus is; likewise.
        settings: How changes are published.
        run_dir: Where the run file goes; None writes none.
        listen: Host and port of the health server; port 0 takes a free one.
        name: The service's name, also of its run file.
        details: More for the run file.
        clock: The time; the machine's own when None.

    Returns:
        The exit code: 0 after a clean end.

    Raises:
        ConfigError: Database or stream are not fit, or another database writes to the stream.
    """
    settings.check()
    times: Clock = SystemClock() if clock is None else clock
    capture = Capture(address, bus, settings, clock=times)
    shown = {"feed": FEED, "stream": settings.stream, "database": address.public, **(details or {})}
    return await service.run(
        name,
        capture.main,
        health=capture.health,
        run_dir=run_dir,
        listen=listen,
        details=shown,
        clock=times,
        announce="listening",
    )


class Capture:
    """Publishes the changes of one database to one stream.

    Attributes:
        health: Its conditions: `database`, `bus`, `changes`.
    """

    def __init__(
        self, address: Address, bus: BusSettings, settings: ChangesSettings, *, clock: Clock
    ) -> None:
        self.health = Health()
        self._address = address
        self._bus = bus
        self._settings = settings
        self._clock = clock
        self._system = ""
        self._prepared = False
        self._at_risk = False
        telemetry.touch()
        for condition in ("database", "bus", "changes"):
            self.health.set(condition, ok=False, reason="starting")

    async def main(self, stop: Stop) -> None:
        """Publish through every loss of database and bus, until asked to stop."""
        attempt = 0
        while not stop.requested.is_set():
            began = self._clock.mono()
            try:
                await self._until(stop, self._life(stop))
            except (SsmdError, Unreadable, OSError) as error:
                if isinstance(error, SsmdError) and not error.retryable:
                    raise
                if self._clock.mono() - began > _STEADY_S:
                    attempt = 0
                pause = backoff.delay(attempt, _BASE_S, self._settings.retry_s, random.random())  # noqa: S311 - jitter keeps no secret
                attempt += 1
                telemetry.trouble(str(error), pause)
                self.health.set("changes", ok=False, reason=str(error))
                await self._until(stop, self._clock.sleep(pause))
        telemetry.ended(stop.reason)

    async def _until(self, stop: Stop, work: Coroutine[Any, Any, None]) -> None:
        """Do something; when asked to stop it has a moment to come to its end."""
        task = asyncio.ensure_future(work)
        asked = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait((task, asked), return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                limit = asyncio.ensure_future(self._clock.sleep(self._settings.drain_s))
                await asyncio.wait((task, limit), return_when=asyncio.FIRST_COMPLETED)
                limit.cancel()
            if task.done():
                await task
        finally:
            task.cancel()
            asked.cancel()
            with contextlib.suppress(asyncio.CancelledError, SsmdError, Unreadable, OSError):
                await task

    async def _life(self, stop: Stop) -> None:
        """One life: from the first connection to the first loss."""
        self.health.set("database", ok=False, reason="connecting")
        try:
            async with contextlib.AsyncExitStack() as stack:
                if not self._prepared:
                    await prepare(self._address)
                    self._prepared = True
                desk = await Desk.connect(self._address, self._settings.slot)
                stack.push_async_callback(desk.close)
                while not await desk.claim():
                    telemetry.standing_by(self._settings.slot)
                    self.health.set("changes", ok=False, reason="standby: another publishes")
                    self.health.set("database", ok=True)
                    if await self._paused(stop):
                        return
                watch = asyncio.create_task(self._watch(desk), name="cdc-slot")
                stack.push_async_callback(_ended, watch)
                await _first(watch, self._publish(stop, desk))
        except SsmdError as error:
            theirs = isinstance(error, BusAway | ApiRefused | Displaced | Rebuilt)
            self.health.set("bus" if theirs else "database", ok=False, reason=error.message)
            raise

    async def _publish(self, stop: Stop, desk: Desk) -> None:
        settings = self._settings
        await self._stream(stop)
        chain = ChainedPublisher(
            self._bus, self._clock, stream=settings.stream, window=settings.window
        )
        slotted = None
        try:
            end = await chain.open()
            self.health.set("bus", ok=True)
            slotted = await Slotted.connect(self._address, self._clock)
            await self._vacant(stop, desk)
            if not stop.requested.is_set():
                await self._run(stop, desk, chain, slotted, end)
        except Displaced:
            await self._see_who(chain)
            raise
        except StreamUnfit as error:  # it was fit a moment ago: somebody deleted it meanwhile
            raise BusAway(settings.stream, error.message) from error
        finally:
            if slotted is not None:
                await slotted.close()
            await chain.close()

    async def _run(
        self, stop: Stop, desk: Desk, chain: ChainedPublisher, slotted: Slotted, end: End
    ) -> None:
        """Go on where the stream ends, or begin anew; then publish until stopped."""
        known = await desk.known()
        mark = read_mark(end.mark) if end.mark else None
        reason = reason_to_begin_anew(known, mark)
        if known.slot is not None and not (known.slot.here and known.slot.plugin == "pgoutput"):
            raise SlotTaken(self._settings.slot, known.slot.plugin)
        writer = Writer(chain, self._clock, self._settings.prefix, self._address.public)
        try:
            if reason or mark is None:
                source, mark = await self._begin_anew(desk, writer, slotted, end, known, reason)
            else:
                source = Source(known.system, known.generation)
                await writer.begin(end, mark, "start")
            await self._go_on(stop, chain, slotted, writer, source, mark)
        finally:
            writer.abandon()

    async def _go_on(
        self,
        stop: Stop,
        chain: ChainedPublisher,
        slotted: Slotted,
        writer: Writer,
        source: Source,
        mark: Mark,
    ) -> None:
        """Publish what comes after a place, until stopped."""
        self._system = source.system
        telemetry.began(writer.connection, source.generation, mark)
        flow = Flow(writer, chain, self._clock, source, mark, idle_bytes=self._settings.idle_bytes)
        await slotted.begin(self._settings.slot, mark.end)
        self.health.set("changes", ok=True)
        feedback = asyncio.create_task(self._feed_back(flow, chain, slotted), name="cdc-feedback")
        try:
            with self.health.looking(lambda: self._look(chain)):
                await _first(feedback, self._follow(stop, flow, slotted))
        finally:
            await _ended(feedback)
        await writer.finish("stopped")
        await chain.flush()
        slotted.tell(flow.written, flow.confirm())

    async def _begin_anew(
        self, desk: Desk, writer: Writer, slotted: Slotted, end: End, known: Known, reason: str
    ) -> tuple[Source, Mark]:
        """Make a new slot, and tell everything as it is where that begins."""
        before = read_mark(end.mark) if end.mark else None
        generation = await desk.begin_generation(
            known.system, 0 if before is None else before.generation
        )
        source = Source(known.system, generation)
        await writer.begin(end, Mark(known.system, generation, 0, 0, 0, snapshot=True), reason)
        lsn, name = await slotted.make(self._settings.slot)
        telemetry.snapshot_began(reason, generation, lsn)
        self.health.set("changes", ok=False, reason=f"everything is told anew: {reason}")
        async with Picture(self._address, name) as picture:
            await desk.begun_at(lsn)
            mark, rows = await snapshot.publish(picture, writer, self._clock, source, lsn, reason)
        telemetry.snapshot_ended(generation, rows)
        return source, mark

    async def _follow(self, stop: Stop, flow: Flow, slotted: Slotted) -> None:
        taken = 0
        while not stop.requested.is_set():
            found = slotted.take()
            if found is None:
                await slotted.readable(stop.requested)
            elif await flow.take(found):
                slotted.tell(flow.written, flow.confirm())
            taken += 1
            if taken % _TURN == 0:
                await turn()  # what is skipped waits for nobody: let the others run

    async def _feed_back(self, flow: Flow, chain: ChainedPublisher, slotted: Slotted) -> None:
        """Confirm to the database what the bus has, and show that we live."""
        told = written = 0.0
        while True:
            await self._clock.sleep(self._settings.confirm_s)
            chain.check()
            confirmed = flow.confirm()
            telemetry.lag(chain.outstanding, flow.lag_s)
            self._look(chain)
            now = self._clock.mono()
            if confirmed or flow.written > written or now - told > _TELL_S:
                slotted.tell(flow.written, confirmed)
                told, written = now, flow.written

    def _look(self, chain: ChainedPublisher) -> None:
        self.health.set("bus", ok=chain.connected, reason=chain.problem)

    async def _stream(self, stop: Stop) -> None:
        """Have the stream, however long the bus is away."""
        settings = self._settings
        attempt = 0
        while not stop.requested.is_set():
            try:
                async with await Streams.connect(self._bus, self._clock) as streams:
                    await streams.ensure(
                        settings.stream,
                        settings.prefix,
                        max_bytes=settings.max_bytes,
                        replicas=settings.replicas,
                        subject=f"{settings.prefix}.>",
                    )
            except (BusAway, ApiRefused) as error:
                self.health.set("bus", ok=False, reason=error.message)
                pause = backoff.delay(attempt, _BASE_S, settings.retry_s, 1.0)
                attempt += 1
                await self._clock.sleep(pause)
            else:
                return

    async def _vacant(self, stop: Stop, desk: Desk) -> None:
        """Wait until nobody reads from the slot: the database may not know yet that one died."""
        while (slot := await desk.slot()) is not None and slot.active:
            telemetry.standing_by(self._settings.slot)
            self.health.set("changes", ok=False, reason="standby: the slot is in use")
            if await self._paused(stop):
                return

    async def _paused(self, stop: Stop) -> bool:
        """Wait a moment; True when asked to stop."""
        await self._clock.sleep(self._settings.standby_s)
        return stop.requested.is_set()

    async def _watch(self, desk: Desk) -> None:
        """Look after the slot: what the database keeps for it, and whether it is about to go."""
        while True:
            slot = await desk.slot()
            self.health.set("database", ok=True)
            if slot is not None:
                telemetry.slot(slot)
                little = slot.safe_bytes is not None and slot.safe_bytes < self._settings.safe_bytes
                at_risk = slot.wal_status in _AT_RISK or little
                if at_risk and not self._at_risk:
                    telemetry.slot_at_risk(slot)
                self._at_risk = at_risk
                text = f"the slot is {slot.wal_status}, {slot.behind_bytes} bytes behind"
                self.health.warn("changes", text if at_risk else "")
            await self._clock.sleep(self._settings.look_s)

    async def _see_who(self, chain: ChainedPublisher) -> None:
        """After we were displaced: another database would displace us again and again.

        Raises:
            StreamTaken: It is another database.
        """
        if not self._system:
            return
        look = ChainedPublisher(self._bus, self._clock, stream=chain.stream)
        try:
            end = await look.open()
        except (BusAway, ApiRefused, Rebuilt, SsmdError):
            return
        finally:
            await look.close()
        mark = read_mark(end.mark) if end.mark else None
        if mark is not None and mark.system != self._system:
            raise StreamTaken(chain.stream, self._system, mark.system)


async def _first(side: asyncio.Task[None], work: Coroutine[Any, Any, None]) -> None:
    """Do something as long as a task beside it lives; whatever either raises is raised."""
    main = asyncio.ensure_future(work)
    try:
        await asyncio.wait((main, side), return_when=asyncio.FIRST_COMPLETED)
        if not main.done():
            await side
        await main
    finally:
        await _ended(main)


async def _ended(task: "asyncio.Future[None]") -> None:
    """Cancel a task and wait for it; what it raised was raised before."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
