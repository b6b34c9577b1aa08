"""Simulated venues in front of a real pipeline: what the demo and the acceptance tests play on."""

import sys
from collections.abc import Sequence
from pathlib import Path

from ssmd.archive import layout
from ssmd.cli.pipeline import ANY_PORT, Pipeline
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.machine import MachineConfig
from ssmd.runtime.children import Child
from ssmd.runtime.clock import Clock
from ssmd.sim import control


class Stage:
    """One simulated venue a feed, each a process of its own, and the pipeline that records them.

    Attributes:
        pipeline: The pipeline; there once `start` returned.
    """

    pipeline: Pipeline

    def __init__(
        self,
        machine: MachineConfig,
        feeds: Sequence[FeedConfig],
        *,
        clock: Clock,
        rate: float,
        seed: int,
    ) -> None:
        self._machine = machine
        self._run_dir = layout.run_folder(Path(machine.dir))
        self._feeds = list(feeds)
        self._clock = clock
        self._rate = rate / len(self._feeds)
        self._seed = seed
        self._sims: list[Child] = []

    @property
    def ledgers(self) -> Path:
        """Where the simulated venues write down what they say, one folder each."""
        return self._run_dir / "ledger"

    async def start(self) -> None:
        """Open the venues, then start the pipeline against them.

        Raises:
            Unavailable: A process did not become ready.
        """
        feeds = [
            feed.with_endpoint(await self._open(index, feed))
            for index, feed in enumerate(self._feeds)
        ]
        self.pipeline = Pipeline(self._machine, feeds, clock=self._clock)
        await self.pipeline.start()

    def fault(self, spec: str) -> None:
        """Let every venue misbehave; see `ssmd sim run --help`."""
        for feed in self._feeds:
            control.send(self.ledgers / feed.name, spec)

    async def lose_connection(self) -> None:
        """Every venue resets its connections without a word."""
        self.fault("abort")

    async def quiet(self) -> None:
        """No more market data: what is under way may arrive."""
        self.fault("pause")

    async def close(self) -> None:
        """End everything that still runs."""
        if hasattr(self, "pipeline"):
            await self.pipeline.close()
        for sim in self._sims:
            await sim.end()
        self._sims.clear()

    async def _open(self, index: int, feed: FeedConfig) -> str:
        name = f"sim-{feed.venue}"
        argv = [sys.executable, "-m", "ssmd", "sim", "run", "--venue", feed.venue]
        argv += [
            "--ledger",
            str(self.ledgers / feed.name),
            "--run-dir",
            str(self._run_dir),
            *ANY_PORT,
        ]
        argv += ["--rate", str(self._rate), "--seed", str(self._seed + index)]
        for symbol in feed.universe.symbols:
            argv += ["--symbol", symbol]
        child = Child.spawn(name, argv, log=self._run_dir / "logs" / f"{name}.log")
        self._sims.append(child)
        told = await child.ready(self._run_dir / f"{name}.json", clock=self._clock)
        assert told is not None  # noqa: S101 - a run file was waited for
        return str(told.details["url"])
