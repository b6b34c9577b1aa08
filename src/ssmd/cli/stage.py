"""Simulated venues in front of a real pipeline: what the demo and the acceptance tests play on."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec

from ssmd import venues
from ssmd.archive import layout
from ssmd.cli import practice
from ssmd.cli.pipeline import ANY_PORT, PROGRAM, Pipeline
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.machine import MachineConfig
from ssmd.runtime.children import Child
from ssmd.runtime.clock import Clock
from ssmd.sim import control


class Stage:
    """One simulated venue a feed, each a process of its own, and the pipeline that records them.

    Venues that let in nobody without an account get one that was made up for practice.

    Args:
        machine: What the pipeline is to do.
        feeds: What is recorded.
        clock: What time it is.
        rate: Data messages per second, over all venues together.
        seed: The same seed gives the same markets.
        books_s: Pause between two checkpoints of the books in the venues' ledgers, in seconds;
            None writes none.
        program: What runs as connector and archiver: see `Pipeline`.
        through: What the services are told instead of the bus's address: see `Pipeline`.
        death_signal: What the kernel sends all of them when we die: see `Child`.
        keeps: Whether a security master of these venues is kept.

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
        books_s: float | None = None,
        program: Sequence[str] = PROGRAM,
        through: Callable[[str], Awaitable[str]] | None = None,
        death_signal: signal.Signals = signal.SIGTERM,
        keeps: bool = False,
    ) -> None:
        self._death_signal = death_signal
        self._keeps = keeps
        self._books_s = books_s
        self._program = program
        self._through = through
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
        accounts = {feed.venue: self._account(feed.venue) for feed in self._feeds}
        for index, feed in enumerate(self._feeds):
            self._launch(index, feed, accounts[feed.venue])
        feeds = await asyncio.gather(
            *(self._opened(feed, sim) for feed, sim in zip(self._feeds, self._sims, strict=True))
        )
        keys = self._machine.keys | {  # named for its feed, a key is for that feed alone
            feed.name: practice.key_config(feed.venue, files)
            for feed in feeds
            if (files := accounts[feed.venue])
        }
        machine = msgspec.structs.replace(self._machine, keys=keys)
        self.pipeline = Pipeline(
            machine,
            feeds,
            clock=self._clock,
            program=self._program,
            through=self._through,
            death_signal=self._death_signal,
            keeps=self._keeps,
        )
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
        await asyncio.gather(*(sim.end() for sim in self._sims))
        self._sims.clear()

    def _account(self, venue: str) -> dict[str, Path]:
        """Files of a made-up account's fields; none when the venue is open to all."""
        account = venues.load(venue).account
        if account is None:
            return {}
        return practice.open_account(account, self._run_dir / "practice" / venue)

    def _launch(self, index: int, feed: FeedConfig, account: dict[str, Path]) -> None:
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
        argv += [] if self._books_s is None else ["--books", str(self._books_s)]
        # What is discovered must be among what is listed anyway: then nobody names it.
        for symbol in feed.universe.symbols if feed.universe.source == "static" else ():
            argv += ["--symbol", symbol]
        for field, file in account.items():
            argv += ["--secret", f"{field}={file}"]
        log = self._run_dir / "logs" / f"{name}.log"
        self._sims.append(Child.spawn(name, argv, log=log, death_signal=self._death_signal))

    async def _opened(self, feed: FeedConfig, sim: Child) -> FeedConfig:
        """The feed at its simulated venue, which is ready then."""
        told = await sim.ready(self._run_dir / f"{sim.name}.json", clock=self._clock)
        assert told is not None  # noqa: S101 - a run file was waited for
        rest = told.details["rest"]
        services = venues.load(feed.venue).rest.services
        return feed.with_endpoint(
            str(told.details["url"]), {service: f"{rest}/{service}" for service in services}
        )
