"""How each fault of a storm strikes processes, bus, disk and clock, and by what that is seen."""

import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Final

from ssmd.archive import files
from ssmd.bus.api import StreamState
from ssmd.bus.streams import Streams
from ssmd.cli.pipeline import ARCHIVER, spool_folder
from ssmd.cli.scene import Scene, state_of
from ssmd.cli.venue_strikes import Effect, VenueStrikes
from ssmd.model.errors import SsmdError
from ssmd.model.timestamp import SECOND_NS
from ssmd.sim.storm.plan import Strike
from ssmd.sim.storm.switches import synced
from ssmd.sim.storm.tearing import newest, tear, tear_segment

_THROTTLE_BYTES: Final = 40_000
_FLOOR_BYTES: Final = 127 << 20
"""A little less than the free space at which spool and archive stop."""
_ASLEEP_S: Final = 60.0
_SPOOLS: Final = "*.wal"


class Strikes:
    """Strikes one scene.

    Args:
        scene: Whom.
        seed: Decides what a torn file looks like.
        ballast: A file that fills the disk under the archive; None when that cannot be done.
    """

    def __init__(self, scene: Scene, seed: int, ballast: Path | None) -> None:
        self._scene = scene
        self._ballast = ballast
        self._asleep_s = 0.0
        self._chance = Random(seed)  # noqa: S311 - a simulation, not a secret
        self._root = Path(scene.stage.pipeline.machine.dir)
        self._ways: dict[str, Callable[[Strike], Awaitable[Effect]]] = {
            "kill_connector": self._kill_connector,
            "torn_spool": self._kill_connector,
            "kill_archiver": self._kill_archiver,
            "torn_segment": self._kill_archiver,
            "kill_bus": self._end_bus,
            "restart_bus": self._end_bus,
            "stop_connector": self._stop,
            "stop_archiver": self._stop,
            "freeze_connector": self._freeze_service,
            "freeze_archiver": self._freeze_service,
            "freeze_bus": self._freeze_bus,
            "delete_stream": self._delete_stream,
            "bus_stall": self._bus_stall,
            "bus_reset": self._bus_reset,
            "bus_throttle": self._bus_throttle,
            "disk_full": self._disk_full,
            "spool_enospc": lambda s: self._bad_disk(s, "spool.failed", write="ENOSPC"),
            "spool_fsync_error": lambda s: self._bad_disk(s, "spool.sync_failed", sync="EIO"),
            "archive_enospc": lambda s: self._bad_archive(s, write="ENOSPC"),
            "archive_fsync_error": lambda s: self._bad_archive(s, sync="EIO"),
            "suspend": self._suspend,
            "clock_forward": self._connector_clock,
            "clock_back": self._connector_clock,
            "archiver_clock": self._archiver_clock,
        }
        self._ways |= VenueStrikes(scene).ways

    async def perform(self, strike: Strike) -> Effect:
        """Strike, heal, and tell what was seen.

        Raises:
            SsmdError: Something that must come back did not.
        """
        async with contextlib.AsyncExitStack() as stack:
            for victim in sorted(strike.kind.victims):  # in one order: nobody waits in a circle
                await stack.enter_async_context(self._scene.guards[victim])
            return await self._ways[strike.fault](strike)

    async def heal(self) -> None:
        """Whatever a strike left as it should not be is as usual again."""
        scene = self._scene
        scene.proxy.heal()
        for service in (scene.connector, ARCHIVER):
            scene.order(service, step_s=0.0, write="", sync="", full=False)
        if self._ballast is not None:
            self._ballast.unlink(missing_ok=True)

    # --- processes

    def _pid(self, service: str) -> int:
        return self._scene.stage.pipeline.child(service).pid

    async def _kill_connector(self, strike: Strike) -> Effect:
        torn = strike.fault == "torn_spool"
        scene, pipeline = self._scene, self._scene.stage.pipeline
        await scene.grows("ssmd_connector_frames_total")
        name = scene.connector
        mark, child = scene.mark(name), pipeline.child(name)
        folder = spool_folder(self._root, scene.feed)
        await pipeline.kill(name)
        done = ""
        if torn and (last := newest(folder, _SPOOLS)) is not None:
            done = tear(last, self._chance, synced=synced(scene.control(name), last))
        await scene.spawn(name)
        told = await scene.says(name, "spool.recovered", mark)
        found = told[0] if told else {}
        seen = child.returncode == -signal.SIGKILL and bool(found.get("dead_connections"))
        text = (
            f"exit {child.returncode}; {found.get('records')} records and"
            f" {found.get('dead_connections')} dead connections recovered"
        )
        return Effect(seen, f"{text}; {done}, {found.get('torn_bytes')} cut" if torn else text)

    async def _kill_archiver(self, strike: Strike) -> Effect:
        torn = strike.fault == "torn_segment"
        scene, pipeline = self._scene, self._scene.stage.pipeline
        await scene.grows("ssmd_archiver_messages_total")
        behind = 0

        async def busy() -> bool:
            nonlocal behind
            behind = await scene.behind() or 0
            return behind > 0

        await scene.until(busy)
        mark, child = scene.mark(ARCHIVER), pipeline.child(ARCHIVER)
        await pipeline.kill(ARCHIVER)
        done = ""
        if torn:
            opened = [place.name(kind) for place, kind in files.walk(self._root) if kind == "open"]
            done = "; ".join(tear_segment(self._root / name, self._chance) for name in opened)
        await scene.spawn(ARCHIVER)
        seen = child.returncode == -signal.SIGKILL and behind > 0
        text = f"exit {child.returncode}; {behind} messages were not archived"
        if not torn:
            return Effect(seen, text)
        cut = await scene.says(ARCHIVER, "archive.segment_damaged", mark)
        return Effect(seen and bool(cut and done), f"{text}; {done}, {len(cut)} recovered")

    async def _stop(self, strike: Strike) -> Effect:
        scene = self._scene
        name = ARCHIVER if strike.fault == "stop_archiver" else scene.connector
        mark = scene.mark(name)
        await scene.stop(name)
        await scene.spawn(name)
        told = scene.said(name, "service.stopping", mark)
        return Effect(bool(told), "asked to end, ended with 0, started again")

    async def _end_bus(self, strike: Strike) -> Effect:
        scene = self._scene
        server = scene.stage.pipeline.server
        assert server is not None  # noqa: S101 - a storm has a bus of its own
        mark, before = scene.mark(scene.connector), server.pid
        await scene.grows("ssmd_publisher_published_total")
        if strike.fault == "kill_bus":
            server.kill()
        await server.restart()
        told = await scene.says(scene.connector, "bus.disconnected", mark)
        back = await scene.grows("ssmd_publisher_acks_total")
        seen = server.pid != before and bool(told) and back
        return Effect(seen, f"process {before} gone, {len(told)} links lost, publishing again")

    async def _freeze_service(self, strike: Strike) -> Effect:
        name = ARCHIVER if strike.fault == "freeze_archiver" else self._scene.connector
        return await self._freeze(strike, self._pid(name))

    async def _freeze(self, strike: Strike, pid: int) -> Effect:
        """SIGSTOP, SIGCONT: the kernel says that it stands."""
        os.kill(pid, signal.SIGSTOP)
        try:
            await self._scene.clock.sleep(strike.for_s)
            state = state_of(pid)
        finally:
            os.kill(pid, signal.SIGCONT)
        works = await self._scene.grows("ssmd_connector_frames_total")
        return Effect(state == "T" and works, f"process state {state} for {strike.for_s:g} s")

    async def _suspend(self, strike: Strike) -> Effect:
        """Stopped, and on waking its clock tells that the machine slept."""
        scene, name = self._scene, self._scene.connector
        mark = scene.mark(name)
        self._asleep_s += _ASLEEP_S
        os.kill(pid := self._pid(name), signal.SIGSTOP)
        try:
            scene.order(name, asleep_s=self._asleep_s)
            await scene.clock.sleep(strike.for_s)
        finally:
            os.kill(pid, signal.SIGCONT)
        told = await scene.says(name, "connector.ended", mark)
        await scene.says(name, "connector.opened", mark)
        reasons = sorted({str(line.get("reason")) for line in told})
        return Effect("host_suspended" in reasons, f"connections ended: {', '.join(reasons)}")

    async def _freeze_bus(self, strike: Strike) -> Effect:
        server = self._scene.stage.pipeline.server
        assert server is not None  # noqa: S101 - a storm has a bus of its own
        return await self._freeze(strike, server.pid)

    # --- the bus

    async def _delete_stream(self, strike: Strike) -> Effect:
        pipeline = self._scene.stage.pipeline
        name = pipeline.streams[0]

        async def now() -> StreamState | None:
            try:
                async with await Streams.connect(pipeline.bus, self._scene.clock) as streams:
                    return await streams.state(name)
            except SsmdError:
                return None

        before = await now()
        async with await Streams.connect(pipeline.bus, self._scene.clock) as streams:
            await streams.delete(name)

        async def again() -> bool:
            after = await now()
            return before is not None and after is not None and after.created != before.created

        made = await self._scene.until(again)
        held = 0 if before is None else before.last
        return Effect(made and held > 0, f"{held} messages gone, stream made again: {made}")

    async def _bus_stall(self, strike: Strike) -> Effect:
        proxy = self._scene.proxy
        before = proxy.held_bytes
        proxy.stall()
        await self._scene.clock.sleep(strike.for_s)
        proxy.heal()
        held = proxy.held_bytes - before
        return Effect(held > 0, f"{held} bytes held back for {strike.for_s:g} s")

    async def _bus_reset(self, strike: Strike) -> Effect:
        proxy, mark = self._scene.proxy, self._scene.mark(self._scene.connector)
        before = proxy.resets
        proxy.bar()
        await self._scene.clock.sleep(strike.for_s)
        proxy.heal()
        told = await self._scene.says(self._scene.connector, "bus.disconnected", mark)
        resets = proxy.resets - before
        return Effect(resets > 0 and bool(told), f"{resets} connections reset")

    async def _bus_throttle(self, strike: Strike) -> Effect:
        proxy = self._scene.proxy
        before = proxy.delayed_bytes
        proxy.throttle(_THROTTLE_BYTES)
        await self._scene.clock.sleep(strike.for_s)
        proxy.heal()
        late = proxy.delayed_bytes - before
        return Effect(late > 0, f"{late} bytes at {_THROTTLE_BYTES} bytes/s")

    # --- disk and clock

    async def _disk_full(self, strike: Strike) -> Effect:
        """A ballast takes the room, or, where no small disk may be mounted, the port says so."""
        if self._ballast is None:
            return await self._bad_disk(strike, "spool.failed", full=True)
        mark = self._scene.mark(self._scene.connector)
        found = os.statvfs(self._ballast.parent)
        room = found.f_bavail * found.f_frsize - _FLOOR_BYTES
        with self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, room))
        told = await self._scene.says(self._scene.connector, "spool.failed", mark)
        await self._scene.clock.sleep(strike.for_s)
        self._ballast.unlink()
        back = await self._scene.says(self._scene.connector, "spool.writes_again", mark)
        return Effect(
            bool(told and back), f"{room >> 20} MiB taken; spool full, then writing again"
        )

    async def _bad_archive(self, strike: Strike, **orders: str) -> Effect:
        scene = self._scene
        mark = scene.mark(ARCHIVER)
        scene.order(ARCHIVER, **orders)
        told = await scene.says(ARCHIVER, "archive.disk_refused", mark)
        await scene.clock.sleep(strike.for_s)
        scene.order(ARCHIVER, **dict.fromkeys(orders, ""))
        works = await scene.grows("ssmd_archiver_messages_total")
        why = told[0].get("reason") if told else ""
        return Effect(bool(told) and works, f"refused ({why}), and archiving again")

    async def _bad_disk(self, strike: Strike, event: str, **orders: object) -> Effect:
        scene, name = self._scene, self._scene.connector
        mark = scene.mark(name)
        scene.order(name, **orders)
        await scene.clock.sleep(strike.for_s)
        told = await scene.says(name, event, mark)
        scene.order(name, **{key: type(value)() for key, value in orders.items()})
        works = await scene.works()
        return Effect(bool(told) and works, f"{event}, and writing again")

    async def _connector_clock(self, strike: Strike) -> Effect:
        """The venue's clock is the machine's: the connector says when its last frame came."""
        scene = self._scene
        scene.order(scene.connector, step_s=strike.step_s)

        async def stepped() -> bool:
            last = await scene.metric("ssmd_connector_last_activity_timestamp")
            off = last - scene.clock.wall() / SECOND_NS
            return last > 0 and abs(off - strike.step_s) < abs(strike.step_s) / 2

        seen = await scene.until(stepped)
        return Effect(seen, f"its frames are {strike.step_s:+g} s off")

    async def _archiver_clock(self, strike: Strike) -> Effect:
        scene = self._scene
        scene.order(ARCHIVER, step_s=strike.step_s)

        async def stepped() -> bool:
            last = await scene.metric("ssmd_archiver_last_commit_timestamp")
            return last - scene.clock.wall() / SECOND_NS > strike.step_s / 2

        seen = await scene.until(stepped)
        await scene.clock.sleep(strike.for_s)
        scene.order(ARCHIVER, step_s=0.0)
        return Effect(seen, f"its commits are {strike.step_s:+g} s off")
