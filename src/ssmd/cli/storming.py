"""One schedule of a storm: the real processes, its strikes, the healing, and the verdict."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from ssmd.cli.pipeline import ARCHIVER, spool_folder
from ssmd.cli.scene import Scene
from ssmd.cli.stage import Stage
from ssmd.cli.strikes import Strikes
from ssmd.cli.venue_strikes import Effect
from ssmd.feeds.archiver import Commit
from ssmd.feeds.capture import ConnectorSettings
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.machine import ArchiveSettings, FeedChoice, MachineConfig
from ssmd.feeds.version import LimitOverrides
from ssmd.model.errors import SsmdError
from ssmd.runtime.clock import Clock
from ssmd.sim.storm import judge, switches
from ssmd.sim.storm.judge import Verdict
from ssmd.sim.storm.plan import Strike
from ssmd.sim.storm.proxy import Proxy
from ssmd.sim.storm.reasons import Struck

_RATE: Final = 800.0
_BOOKS_S: Final = 0.5
_DRAIN_S: Final = 150.0
_WATCH_S: Final = 0.2
_HURRY: Final = LimitOverrides(
    connect_interval_s=0.2, ping_interval_s=2.0, pong_intervals=10.0, ack_timeout_s=5.0
)
"""What a venue of ours does not mind: no pause between two attempts, and pings by which a socket is
found soon that ended without a word. No pong is missed before 20 s: machines are busy. What was not
answered is given up while whoever waits for its effect still does."""
_DISK: Final = "300m"
_ENTRY: Final = "ssmd.sim.storm.entry"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one schedule.

    Attributes:
        seed: Its integer.
        struck: Every strike, and what was seen of it.
        drained: When everything was asked to end, ns.
        void: Faults without an observed effect: the schedule proves nothing then.
        notes: What is worth knowing and no fault.
        verdict: What the judge says.
        seconds: How long it took.
    """

    seed: int
    struck: Sequence[Struck]
    drained: int
    void: Sequence[str]
    notes: Sequence[str]
    verdict: Verdict
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether everything was as promised, and every fault was felt."""
        return self.verdict.ok and not self.void


class Storm:
    """Performs one schedule in a directory of its own.

    Args:
        feed: What is recorded.
        directory: Where; new or empty.
        seed: The integer of markets and strikes.
        strikes: What happens when.
        seconds: How long traffic flows at least.
        say: Told what happens, a line each.
        clock: What time it is.
    """

    def __init__(
        self,
        feed: FeedConfig,
        directory: Path,
        *,
        seed: int,
        strikes: Sequence[Strike],
        seconds: float,
        say: Callable[[str], None],
        clock: Clock,
    ) -> None:
        self._feed = _impatient(feed)
        self._root = directory
        self._seed = seed
        self._strikes = strikes
        self._seconds = seconds
        self._say = say
        self._clock = clock
        self._struck: list[Struck] = []
        self._again: dict[int, Struck] = {}
        self._problems: list[str] = []
        self._drained = 0

    async def run(self) -> Outcome:
        """Start, strike, heal, drain, judge.

        Raises:
            SsmdError: The pipeline did not start.
        """
        began = self._clock.mono()
        is_small = "disk_full" in {strike.fault for strike in self._strikes}
        async with contextlib.AsyncExitStack() as stack:
            mounted = is_small and stack.enter_context(_small_disk(self._root))
            ballast = self._root / "ballast" if mounted else None
            stage, scene = await self._scene(stack)
            try:
                await stage.start()
                await scene.works()
                await self._storm(Strikes(scene, self._seed, ballast), scene)
                await self._drain(scene)
            except SsmdError as error:
                self._problems.append(str(error))
            finally:
                await stage.close()
            verdict = judge.judge(
                self._root,
                scene.ledger,
                self._feed,
                [*self._struck, *self._again.values()],
                drained=self._drained,
                problems=self._problems,
            )
            if mounted and not verdict.ok:
                shutil.copytree(self._root, self._root.with_name(f"{self._root.name}.kept"))
        struck = [self._again.get(at, first) for at, first in enumerate(self._struck)]
        return Outcome(
            seed=self._seed,
            struck=struck,
            drained=self._drained,
            void=[each.fault for each in struck if not each.seen],
            notes=scene.notes,
            verdict=verdict,
            seconds=round(self._clock.mono() - began, 1),
        )

    async def _scene(self, stack: contextlib.AsyncExitStack) -> tuple[Stage, Scene]:
        """The stage, with everything between its parts that a storm needs."""
        root = self._root
        machine = MachineConfig(
            dir=str(root),
            environment="storm",
            feeds=(FeedChoice(feed=self._feed.name),),
            connector=ConnectorSettings(backoff_base_s=0.1, backoff_cap_s=1.0, stagger_s=0.05),
            archive=ArchiveSettings(commit=Commit(interval_s=0.5)),
        )

        async def through(url: str) -> str:
            proxy = Proxy(int(url.rpartition(":")[2]), self._clock)
            scene.proxy = await stack.enter_async_context(proxy)
            return f"nats://127.0.0.1:{proxy.port}"

        connector = f"connector-{self._feed.name}"
        controls = switches.files(root / "control", (connector, ARCHIVER))
        entry = [sys.executable, "-m", _ENTRY, "--control", str(root / "control")]
        entry += ["--spools", str(spool_folder(root, self._feed.name).parent)]
        stage = Stage(
            machine,
            [self._feed],
            clock=self._clock,
            rate=_RATE,
            seed=self._seed,
            books_s=_BOOKS_S,
            program=entry,
            through=through,
            # A process that a strike stopped acts on nothing else, and nobody would wake it.
            death_signal=signal.SIGKILL,
        )
        scene = Scene(stage, self._feed, controls, self._clock)
        return stage, scene

    async def _storm(self, strikes: Strikes, scene: Scene) -> None:
        """All strikes at their offsets; what had no effect among the others strikes again, alone."""
        began = self._clock.mono()
        watching = asyncio.create_task(self._revive(scene))
        try:
            tasks = [
                asyncio.create_task(self._strike(strikes, strike, began))
                for strike in self._strikes
            ]
            await asyncio.gather(*tasks)
            await self._clock.sleep(began + self._seconds - self._clock.mono())
            await strikes.heal()
            for at, first in enumerate(self._struck):
                if not first.seen and await scene.works():
                    await self._strike_again(strikes, at)
            await strikes.heal()
            if not await scene.works():
                self._problems.append("After everything was healed nothing was archived any more.")
        finally:
            await strikes.heal()
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _strike_again(self, strikes: Strikes, at: int) -> None:
        """Strike once more, while nothing else happens; the first time counts if this is seen."""
        first = self._struck[at]
        strike = next(each for each in self._strikes if each.fault == first.fault)
        second = await self._perform(strikes, strike, "again, alone")
        self._again[at] = second
        await strikes.heal()

    async def _strike(self, strikes: Strikes, strike: Strike, began: float) -> None:
        await self._clock.sleep(began + strike.at_s - self._clock.mono())
        self._struck.append(await self._perform(strikes, strike, f"{strike.at_s:6.2f} s"))

    async def _perform(self, strikes: Strikes, strike: Strike, when: str) -> Struck:
        """One strike, and what was seen of it."""
        since = self._clock.wall()
        try:
            effect = await strikes.perform(strike)
        except SsmdError as error:
            effect = Effect(seen=True, text=f"FAILED: {error}")
            self._problems.append(f"{strike.fault}: {error}")
        mark = "seen" if effect.seen else "VOID"
        self._say(f"  {when} {strike.fault}: {mark}: {effect.text}")
        return Struck(
            fault=strike.fault,
            since=since,
            until=self._clock.wall(),
            seen=effect.seen,
            effect=effect.text,
        )

    async def _revive(self, scene: Scene) -> None:
        """Start again what ends by itself, as `ssmd up` does; never returns."""
        pipeline = scene.stage.pipeline
        while True:
            for name, victim in ((scene.connector, "connector"), (ARCHIVER, "archiver")):
                if scene.guards[victim].locked():
                    continue
                async with scene.guards[victim]:
                    code = pipeline.child(name).returncode
                    if code is not None:
                        scene.notes.append(f"{name} ended by itself with {code}")
                        with contextlib.suppress(SsmdError):
                            await scene.spawn(name)
            await self._clock.sleep(_WATCH_S)

    async def _drain(self, scene: Scene) -> None:
        """No more traffic, close the connections, archive and seal everything.

        Raises:
            Unavailable: Something did not end in order, or the archive did not catch up.
        """
        pipeline = scene.stage.pipeline

        async def published() -> bool:
            return await scene.metric("ssmd_spool_unpublished") == 0

        async def archived() -> bool:
            return await scene.behind() == 0

        self._drained = self._clock.wall()
        await scene.stage.quiet()
        if not await scene.until(published, _DRAIN_S):
            self._problems.append("The spool did not become empty after everything was healed.")
        await pipeline.stop(pipeline.connectors)
        if not await scene.until(archived, _DRAIN_S):
            self._problems.append("The archive did not catch up after everything was healed.")
        await pipeline.stop([ARCHIVER])


def _impatient(feed: FeedConfig) -> FeedConfig:
    """The feed at a venue that is ours."""
    return feed.with_limits(_HURRY)


@contextlib.contextmanager
def _small_disk(place: Path) -> Iterator[bool]:
    """A file system so small that it fills, where we may mount one; gives whether we may."""
    place.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(place)]
    done = None if os.geteuid() else subprocess.run(mount, capture_output=True, check=False)  # noqa: S603 - no shell; the words are ours
    may = done is not None and not done.returncode
    try:
        yield may
    finally:
        if may:
            subprocess.run(["umount", "-l", str(place)], check=True)  # noqa: S603, S607 - as above
