"""What a storm sees of the pipeline it strikes: metrics, logs, processes, and the venue's journal."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import msgspec

from ssmd.cli.stage import Stage
from ssmd.feeds.feed import FeedConfig
from ssmd.model.errors import SsmdError, Unavailable
from ssmd.runtime.clock import Clock
from ssmd.runtime.scrape import scrape
from ssmd.sim import control, journal
from ssmd.sim.storm.proxy import Proxy
from ssmd.sim.storm.switches import Orders, order

PATIENCE_S: Final = 30.0
"""How long an effect is waited for, in seconds; a fault without one is void."""
_LOOK_S: Final = 0.03
_SCRAPE_S: Final = 0.1
"""Pause between two looks at metrics: each costs all services some work."""
_AGAIN_S: Final = 0.5
_SHOWN: Final = 200

Line = dict[str, object]
"""One line of a service's log."""


class _Noted(msgspec.Struct):
    """A line of the venue's journal."""

    fault: str = ""
    sockets: list[int] = []


class Scene:
    """A running pipeline of one feed, and all that a storm may do to it.

    Attributes:
        stage: The venue and the pipeline.
        proxy: Stands between the bus and its clients, once the stage is started.
        feed: The feed's name.
        venue: Its venue's name.
        symbols: What it names; nothing when its instruments are discovered.
        connector: Name of the connector among the services.
        notes: What is worth knowing and no fault.
        guards: Held by whoever strikes a victim, so that strikes of one victim do not overlap.
    """

    proxy: Proxy

    def __init__(
        self,
        stage: Stage,
        feed: FeedConfig,
        controls: dict[str, Path],
        clock: Clock,
    ) -> None:
        self.stage = stage
        self.feed = feed.name
        self.venue = feed.venue
        self.symbols = feed.universe.symbols
        self.clock = clock
        self.connector = f"connector-{feed.name}"
        self.guards = {
            victim: asyncio.Lock() for victim in ("connector", "archiver", "bus", "venue", "disk")
        }
        self.notes: list[str] = []
        self._controls = controls
        self._orders = dict.fromkeys(controls, Orders())

    @property
    def ledger(self) -> Path:
        """Where the venue writes down what it says and what is done to it."""
        return self.stage.ledgers / self.feed

    def control(self, service: str) -> Path:
        """The file that orders what befalls a service's clock and disk."""
        return self._controls[service]

    def order(self, service: str, **changes: object) -> None:
        """Change what a service's clock and disk are ordered to do."""
        orders = msgspec.structs.replace(self._orders[service], **changes)
        self._orders[service] = orders
        order(self._controls[service], orders)

    async def metric(self, name: str, **labels: str) -> float:
        """A metric, summed over the services that answer."""
        found = 0.0
        for address in list(self.stage.pipeline.addresses.values()):
            try:
                found += (await scrape(address)).total(name, **labels)
            except Unavailable:
                continue
        return found

    async def until(
        self,
        true: Callable[[], Awaitable[bool]],
        patience_s: float = PATIENCE_S,
        *,
        look_s: float = _LOOK_S,
    ) -> bool:
        """Wait for a condition; False when it was waited for in vain."""
        deadline = self.clock.mono() + patience_s
        while not await true():
            if self.clock.mono() >= deadline:
                return False
            await self.clock.sleep(look_s)
        return True

    async def counter(self, name: str) -> "Counter":
        """A counter as it stands now."""
        return Counter(self, name, await self.metric(name))

    async def grows(self, name: str) -> bool:
        """Wait until a counter grows from what it is now."""
        return await (await self.counter(name)).grows()

    async def works(self) -> bool:
        """Wait until frames come in and are archived."""
        counters = ("ssmd_connector_frames_total", "ssmd_archiver_messages_total")
        return all(await asyncio.gather(*map(self.grows, counters)))

    def mark(self, service: str) -> int:
        """Where the log of a service ends now."""
        log = self.stage.pipeline.log(service)
        return log.stat().st_size if log.exists() else 0

    def said(self, service: str, event: str, since: int) -> list[Line]:
        """What a service logged of an event after a mark."""
        log = self.stage.pipeline.log(service)
        with log.open("rb") as file:
            file.seek(since if since <= log.stat().st_size else 0)
            found = []
            for text in file:
                if event.encode() in text and text.startswith(b"{") and text.endswith(b"\n"):
                    line = msgspec.json.decode(text, type=Line)
                    found += [line] if line.get("event") == event else []
        return found

    async def says(self, service: str, event: str, since: int) -> list[Line]:
        """Wait until a service logs an event; nothing when it does not."""

        async def came() -> bool:
            return bool(self.said(service, event, since))

        await self.until(came)
        return self.said(service, event, since)

    async def befall(self, spec: str) -> list[int]:
        """Tell the venue to misbehave until somebody is there; gives the sockets it befell."""
        hit: list[int] = []

        async def felt() -> bool:
            path = self.ledger / journal.FAULTS
            before = path.stat().st_size if path.exists() else 0
            control.send(self.ledger, spec)

            async def applied() -> bool:
                return _applied(spec, path, before, hit)

            await self.until(applied)
            return bool(hit)

        await self.until(felt)
        return hit

    async def behind(self) -> int | None:
        """How many messages are published and not archived; None while nobody can say."""
        try:
            return await self.stage.pipeline.behind()
        except SsmdError:  # the bus is away, or the stream is not there yet
            return None

    async def spawn(self, name: str) -> None:
        """Start a service again, as often as it takes while a disk fails under it.

        Raises:
            Unavailable: It does not start.
        """
        deadline = self.clock.mono() + PATIENCE_S
        while True:
            try:
                await self.stage.pipeline.spawn(name)
            except Unavailable as error:
                if self.clock.mono() >= deadline:
                    raise
                self.notes.append(f"{name} did not start at once: {error.message[:_SHOWN]}")
                await self.clock.sleep(_AGAIN_S)
            else:
                return

    async def stop(self, name: str) -> None:
        """Ask a service to end.

        Raises:
            Unavailable: It ended with a failure that no failing disk explains, or did not end.
        """
        try:
            await self.stage.pipeline.stop([name])
        except Unavailable as error:
            if not self.guards["disk"].locked():
                raise
            self.notes.append(f"while the disk failed: {error.message}")


class Counter:
    """A counter of the pipeline; it begins anew with its process."""

    def __init__(self, scene: Scene, name: str, before: float) -> None:
        self._scene = scene
        self._name = name
        self._before = before

    async def grows(self, patience_s: float = PATIENCE_S) -> bool:
        """Wait until it is greater than it was; False when that was in vain."""
        return await self._scene.until(self._grew, patience_s, look_s=_SCRAPE_S)

    async def _grew(self) -> bool:
        now = await self._scene.metric(self._name)
        self._before = min(self._before, now)
        return now > self._before


def state_of(pid: int) -> str:
    """What the kernel says a process does: `T` for stopped; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""


def _applied(spec: str, path: Path, since: int, hit: list[int]) -> bool:
    """Whether the venue notes a fault behind a place of its journal; tells whom it befell."""
    if not path.exists():
        return False
    name = f"{spec.partition(':')[0]}:"
    with path.open("rb") as file:
        file.seek(since)
        for text in file:
            entry = msgspec.json.decode(text, type=_Noted) if text.endswith(b"\n") else _Noted()
            if entry.fault.startswith(name):
                hit[:] = entry.sockets
                return True
    return False
