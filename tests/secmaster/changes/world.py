"""A database, a bus and a publisher, each a real process that may be killed at any moment."""

import asyncio
import contextlib
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from ssmd.bus.api import StreamState
from ssmd.bus.embedded import EmbeddedServer
from ssmd.bus.errors import BusAway
from ssmd.bus.follow import Behind, Follower
from ssmd.bus.settings import BusSettings
from ssmd.bus.streams import Streams
from ssmd.model.envelope import Envelope
from ssmd.model.errors import SsmdError
from ssmd.runtime.clock import SystemClock
from ssmd.secmaster.address import OPTIONS, Address
from ssmd.secmaster.changes.reading import Change, Reading, Tables, decode_change
from ssmd.secmaster.database import prepare
from ssmd.secmaster.embedded import EmbeddedPostgres

CLOCK = SystemClock()
ENVIRONMENT = "test"
STREAM = "TEST_SECMASTER"
SLOT = "ssmd_cdc"
GENEROUS_S = 90.0
TABLES = ("series", "alias")
"""The tables that the writer changes."""
COLUMNS = {"series": ("symbol", "title", "payload"), "alias": ("scheme", "value", "symbol")}


class Never(AssertionError):
    """Something did not come to be."""


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait until something is so."""
    deadline = CLOCK.mono() + GENEROUS_S
    while not await condition():
        if CLOCK.mono() > deadline:
            raise Never(what)
        await CLOCK.sleep(0.02)


class World:
    """One of each.

    Attributes:
        nats: The bus.
        postgres: The database's server.
        publishers: Publishers that were started and not ended.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nats = EmbeddedServer(folder / "nats", CLOCK)
        self.postgres = EmbeddedPostgres(folder / "postgres", CLOCK)
        self.publishers: list[asyncio.subprocess.Process] = []
        self._log = (folder / "publisher.log").open("ab")

    @property
    def bus(self) -> BusSettings:
        """How to reach the bus."""
        return BusSettings(self.nats.url)

    @property
    def address(self) -> Address:
        """Where the database is."""
        return self.postgres.address

    @property
    def log(self) -> str:
        """What the publishers had to say."""
        return (self.folder / "publisher.log").read_text(encoding="utf-8")

    async def start(self) -> None:
        """Start bus and database, and give it our schema."""
        await self.nats.start()
        await self.postgres.start()
        await prepare(self.address)

    async def close(self) -> None:
        """End everything."""
        for each in list(self.publishers):
            await self.kill(each)
        await self.postgres.stop()
        await self.nats.stop()
        self._log.close()

    async def publish(self, *program: str) -> asyncio.subprocess.Process:
        """Start a publisher."""
        argv = program or (sys.executable, "-m", "ssmd")
        made = await asyncio.create_subprocess_exec(
            *argv,
            *("cdc", "run", "--database", self.address.url, "--nats-url", self.nats.url),
            *("--env-name", ENVIRONMENT, "--run-dir", str(self.folder / "run")),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            env=dict(os.environ),
        )
        self.publishers.append(made)
        return made

    async def kill(self, publisher: asyncio.subprocess.Process) -> None:
        """End a publisher at once, as a crash would."""
        self.publishers.remove(publisher)
        with contextlib.suppress(ProcessLookupError):
            publisher.kill()
        await publisher.wait()

    async def end(self, publisher: asyncio.subprocess.Process) -> int:
        """Ask a publisher to end, and give its exit code."""
        self.publishers.remove(publisher)
        publisher.terminate()
        return await publisher.wait()

    async def restart_postgres(self) -> None:
        """Kill the database, and start it again."""
        self.postgres.kill()

        async def starts() -> bool:
            try:
                await self.postgres.restart()
            except SsmdError:
                return False  # what it left behind is not gone yet
            return True

        await until(starts, "the database starts again")

    async def session(self) -> psycopg.AsyncConnection[tuple[Any, ...]]:
        """A connection to the database, whenever it is there."""
        while True:
            try:
                return await psycopg.AsyncConnection.connect(
                    self.address.url, options=OPTIONS, autocommit=True, connect_timeout=5
                )
            except psycopg.Error:
                await CLOCK.sleep(0.05)

    async def execute(self, query: str) -> list[tuple[Any, ...]]:
        """Run one statement, again until it can be."""
        while True:
            try:
                async with await self.session() as session:
                    cursor = await session.execute(query.encode())
                    return await cursor.fetchall() if cursor.description else []
            except psycopg.OperationalError:
                await CLOCK.sleep(0.05)

    async def drop_slot(self) -> None:
        """Drop the slot as soon as nobody reads from it."""

        async def dropped() -> bool:
            try:
                await self.execute(
                    "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
                )
            except psycopg.Error:
                return False
            return True

        await until(dropped, "the slot is dropped")

    async def delete_stream(self) -> None:
        """Delete the stream with all it holds."""
        async with await Streams.connect(self.bus, CLOCK, timeout_s=GENEROUS_S) as streams:
            await streams.delete(STREAM)

    async def truth(self) -> dict[str, dict[int, tuple[Any, ...]]]:
        """The tables as the database has them, by number."""
        found = {}
        for table, columns in COLUMNS.items():
            names = ", ".join(f"{name}::text" for name in columns)
            rows = await self.execute(f"SELECT id, {names} FROM {table}")  # noqa: S608 - ours
            found[table] = {row[0]: row[1:] for row in rows}
        return found

    async def drained(self) -> "Replay":
        """Wait until the stream says what the database holds; nobody may write meanwhile."""
        expected = await self.truth()
        replay = Replay()

        async def same() -> bool:
            nonlocal replay
            with contextlib.suppress(SsmdError, Behind):
                replay = Replay()
                for envelope in await everything(self.bus):
                    replay.take(envelope)
            return replay.state() == expected and not replay.reading.snapshot

        try:
            await until(same, "the stream says what the database holds")
        except Never:
            raise Never(f"{replay.state()} is not {expected}\n{self.log[-4000:]}") from None
        return replay


class Replay:
    """A stream replayed, each of its promises checked on the way.

    Attributes:
        reading: What reads it.
        tables: As they are at its end.
        changes: Every change, in order.
        seen: How often each place came, repetitions by the bus's own fault included.
    """

    def __init__(self) -> None:
        self.reading = Reading()
        self.tables = Tables()
        self.changes: list[Change] = []
        self.seen: Counter[tuple[str, int, str, int]] = Counter()

    def take(self, envelope: Envelope) -> None:
        """The next message."""
        if envelope.ordinal is not None:
            told = decode_change(envelope.payload)
            self.seen[told.system, told.generation, told.commit_lsn, told.n] += 1
        change = self.reading.take(envelope)
        if change is None:
            return
        if change.op in {"update", "delete"} and self.tables.whole:
            known = self.tables.rows[change.table][change.row["id"]]
            assert change.old == known, f"something is missing before {change}"
        self.tables.take(change)
        self.changes.append(change)

    def state(self) -> dict[str, dict[int, tuple[Any, ...]]]:
        """The tables the writer changes, as `World.truth` gives them."""
        return {
            table: {
                number: tuple(_text(row[name]) for name in columns)
                for number, row in self.tables.rows.get(table, {}).items()
            }
            for table, columns in COLUMNS.items()
        }

    @property
    def repeated(self) -> int:
        """Messages that stand in the stream more than once."""
        return sum(times - 1 for times in self.seen.values())


def _text(value: Any) -> str:  # noqa: ANN401 - what JSON holds
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


async def look(bus: BusSettings) -> StreamState:
    """The stream's counters."""
    async with await Streams.connect(bus, CLOCK, timeout_s=GENEROUS_S) as streams:
        return await streams.state(STREAM)


async def everything(bus: BusSettings) -> list[Envelope]:
    """All the stream holds now."""
    return [envelope async for envelope in _messages(bus)]


async def _messages(bus: BusSettings) -> AsyncIterator[Envelope]:
    async with Follower(bus, CLOCK, STREAM, timeout_s=GENEROUS_S) as follower:
        state = await follower.look()
        left = state.messages
        if not left:
            return
        try:
            async with asyncio.timeout(GENEROUS_S):
                async for envelope in follower.follow(state.first, state.created):
                    yield envelope
                    left -= 1
                    if left <= 0:
                        return
        except TimeoutError as error:
            raise BusAway(STREAM, f"{left} messages never came") from error
