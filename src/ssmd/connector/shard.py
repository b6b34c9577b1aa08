"""One shard: keeps one connection alive, for ever, whatever happens to it."""

import asyncio
import contextlib
import platform
import random
import ssl
from collections.abc import Callable, Mapping
from typing import Final, Literal

import msgspec

import ssmd
from ssmd.connector.connection import Connection
from ssmd.connector.errors import ConnectFailed
from ssmd.connector.gate import Gate
from ssmd.connector.settings import Tuning
from ssmd.connector.socket import Socket, connect
from ssmd.connector.spool.spool import Spool
from ssmd.connector.telemetry import ShardTelemetry
from ssmd.model import subscription
from ssmd.model.frame import Frame
from ssmd.model.records import Opened
from ssmd.model.subscription import Limits, Subscription
from ssmd.model.venue import SessionOptions, Venue
from ssmd.runtime import backoff
from ssmd.runtime.clock import Clock, within
from ssmd.runtime.identity import new_connection_id

_ABRUPT: Final = frozenset({"silence", "pong", "send_timeout", "oversize"})
"""The other side does not answer, or must not go on: no handshake."""
_REPORT_S: Final = 0.5


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """What every shard of a feed needs to know of it.

    Attributes:
        name: The feed's name.
        category: Its division, if any.
        venue: The exchange.
        endpoint: Where to connect.
        limits: The venue's limits with the feed's overrides.
        parameters: The feed's own parameters of the venue.
        secrets: Credentials by name.
    """

    name: str
    category: str | None
    venue: Venue
    endpoint: str
    limits: Limits
    parameters: Mapping[str, object] = {}
    secrets: Mapping[str, str] = {}


class Live:
    """A connection with its socket."""

    def __init__(self, connection: Connection, socket: Socket) -> None:
        self.connection = connection
        self.socket = socket

    @property
    def is_over(self) -> bool:
        """Whether the socket is closed."""
        return self.socket.ended.done()


class Shard:
    """Keeps one live connection for its share of the subscriptions.

    Attributes:
        index: The shard's number within the feed.
        current: The connection that counts; None while there is none.
        latest: The connection that was opened last, over or not.
        wanted: What is to be held.
    """

    def __init__(
        self,
        index: int,
        feed: Feed,
        *,
        spool: Spool,
        clock: Clock,
        gate: Gate,
        tuning: Tuning,
        telemetry: ShardTelemetry,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.index = index
        self.wanted: frozenset[Subscription] = frozenset()
        self.current: Live | None = None
        self.latest: Live | None = None
        self._feed = feed
        self._spool = spool
        self._clock = clock
        self._gate = gate
        self._tuning = tuning
        self._telemetry = telemetry
        self._tls = tls
        self._news = asyncio.Event()
        self._planned = False
        self._down_since = clock.mono()
        self._attempt = 0
        self._failed = ""
        self._tickers: set[asyncio.Task[None]] = set()

    @property
    def id(self) -> str:
        """`{feed}-{index}`."""
        return f"{self._feed.name}-{self.index}"

    @property
    def is_connected(self) -> bool:
        """Whether there is an open connection."""
        return self.current is not None and not self.current.is_over

    @property
    def problem(self) -> str:
        """Where there is no connection, and why, in one phrase."""
        return f"{self.id} to {self._feed.endpoint}" + (
            f" ({self._failed})" if self._failed else ""
        )

    def want(self, subscriptions: frozenset[Subscription]) -> None:
        """State what this shard is to hold from now on."""
        self.wanted = subscriptions
        if self.is_connected and self.current is not None:
            self.current.connection.want(subscriptions, "plan")
        self._news.set()

    def reconnect(self) -> None:
        """Replace the connection, the new one first."""
        self._planned = True
        self._news.set()

    async def run(self) -> None:
        """Connect, and connect again, until cancelled; ends with the connection closed."""
        reason = "start"
        try:
            while True:
                await self._until_wanted()
                live = await self._open(reason)
                if live is not None:
                    self.current = live
                    await self._watch()
                reason = "reconnect"
                await self._clock.sleep(self._pause_s(failed=live is None))
        finally:
            await self.close("shutdown")

    async def close(self, reason: str) -> None:
        """Close the connection politely, within bounds; nothing happens when there is none."""
        if self.current is not None:
            await self._end(self.current, reason)
            self.current = None
        for task in list(self._tickers):
            task.cancel()

    async def _until_wanted(self) -> None:
        """Wait for something to hold, and for a spool that can keep the opening record."""
        while not self.wanted:
            self._news.clear()
            await self._news.wait()
        await self._spool.writable.wait()

    async def _watch(self) -> None:
        """Stay until the connection (or its planned successor) has ended."""
        while (live := self.current) is not None:
            self._news.clear()
            if live.is_over:
                self._finish(live)
                return
            if live.connection.leaving is not None:
                await self._end(live, live.connection.leaving)
                self.current = None
                return
            if self._planned:
                await self._replace(live)
                continue
            await self._news.wait()

    async def _replace(self, old: Live) -> None:
        """Make before break: the successor opens, holds everything, then the old one goes."""
        self._planned = False
        successor = await self._open("planned")
        if successor is None:
            return
        try:
            with contextlib.suppress(TimeoutError):
                await within(self._clock, self._tuning.ready_s, self._until_ready(successor, old))
        except asyncio.CancelledError:
            await self._end(successor, "shutdown")
            raise
        if successor.is_over:
            self._finish(successor)
            return
        self.current = successor
        if self.wanted != successor.connection.wanted:
            successor.connection.want(self.wanted, "plan")
        await self._end(old, "planned")

    async def _until_ready(self, successor: Live, old: Live) -> None:
        while not (successor.is_over or old.is_over or successor.connection.session.ready):
            await self._clock.sleep(self._tuning.tick_s)

    async def _open(self, reason: str) -> Live | None:
        """One attempt; None when it failed."""
        async with self._gate:
            now = self._clock.now()
            previous = self._spool.lives.latest.get(self.id)
            share = subscription.Shard(self._feed.name, self.index, self.wanted)
            handshake = self._feed.venue.handshake(
                self._feed.endpoint, share, self._feed.secrets, now
            )
            receiver = _Receiver(lambda socket: self._begin(socket, share, previous, reason))
            try:
                socket = await connect(
                    handshake,
                    receiver,
                    clock=self._clock,
                    tuning=self._tuning,
                    tls=self._tls,
                )
            except (ConnectFailed, asyncio.CancelledError) as error:
                receiver.abandon()
                if isinstance(error, asyncio.CancelledError):
                    raise
                self._failed = error.reason
                return None
        connection = receiver.connection
        live = self.latest = Live(connection, socket)
        down_s = 0.0 if self.is_connected else self._clock.mono() - self._down_since
        self._telemetry.opened(connection.id, reason=reason, peer=socket.peer, down_s=down_s)
        socket.ended.add_done_callback(lambda _: self._news.set())
        ticker = asyncio.create_task(self._tick(live), name=f"tick-{connection.id}")
        self._tickers.add(ticker)
        ticker.add_done_callback(lambda task: self._ticker_done(task, live))
        return live

    def _begin(
        self, socket: Socket, share: subscription.Shard, previous: str | None, reason: str
    ) -> Connection:
        """The upgrade is done: a connection begins."""
        feed = self._feed
        options = SessionOptions(limits=feed.limits, parameters=feed.parameters)
        connection_id = new_connection_id(feed.name, self.index, self._clock)
        opened = Opened(
            feed=feed.name,
            venue=feed.venue.id,
            shard=self.index,
            endpoint=feed.endpoint,
            local=socket.local,
            peer=socket.peer,
            previous=previous,
            reason=reason,
            version=ssmd.__version__,
            host=platform.node(),
        )
        connection = Connection(
            self._spool.lives.begin(connection_id, feed.name, feed.category),
            feed.venue.session(share, options),
            opened,
            spool=self._spool,
            clock=self._clock,
            telemetry=self._telemetry,
            on_leaving=self._news.set,
        )
        connection.opened(socket)
        connection.want(self.wanted, reason)
        return connection

    async def _tick(self, live: Live) -> None:
        """The connection's timers. Waking here is no sign of life from the venue."""
        reported = self._clock.mono()
        while not live.is_over:
            await self._clock.sleep(self._tuning.tick_s)
            now = self._clock.now()
            connection, socket = live.connection, live.socket
            if live.is_over:
                return
            connection.tick(now)
            if now.mono - connection.last_receive > self._feed.limits.silence_s:
                connection.leave("silence")
            elif socket.is_refused:
                socket.abort("protocol")
            elif socket.unsent_s(now.mono) > self._tuning.send_s:
                connection.leave("send_timeout")
            elif self._tuning.planned_s and live is self.current:
                self._planned |= now.mono - connection.opened_mono >= self._tuning.planned_s
                if self._planned:
                    self._news.set()
            if now.mono - reported >= _REPORT_S:
                reported = now.mono
                self._telemetry.report_counts()
                if live is self.current:  # while one replaces another, the old one counts
                    connection.report(now)

    def _ticker_done(self, task: asyncio.Task[None], live: Live) -> None:
        self._tickers.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._telemetry.task_died(type(error).__name__, 0.0)
            live.socket.abort("task_died")

    async def _end(self, live: Live, reason: str) -> None:
        """Close a connection and write its last record, whatever the other side does."""
        if not live.is_over:
            if reason in _ABRUPT:
                live.socket.abort(reason)
            else:
                live.connection.close(reason)
        try:
            with contextlib.suppress(TimeoutError):
                await within(self._clock, self._tuning.close_s, asyncio.shield(live.socket.ended))
        finally:
            if not live.is_over:
                live.socket.abort(reason)
                await asyncio.shield(live.socket.ended)
            self._finish(live)

    def _finish(self, live: Live) -> None:
        live.connection.ended(live.socket.ended.result())
        if live is self.current:
            self.current = None
            self._telemetry.down()
            self._down_since = self._clock.mono()
        if self._clock.mono() - live.connection.opened_mono >= self._tuning.lived_s:
            self._attempt = 0

    def _pause_s(self, *, failed: bool) -> float:
        pause = backoff.delay(
            self._attempt,
            self._tuning.backoff_base_s,
            self._tuning.backoff_cap_s,
            random.random(),  # noqa: S311 - jitter keeps no secret
        )
        self._attempt += 1
        if failed:
            self._telemetry.connect_failed(self._failed, pause)
        return pause


class _Receiver:
    """Stands in until the upgrade is done: a connection that never opened leaves no trace."""

    def __init__(self, begin: Callable[[Socket], Connection]) -> None:
        self._begin = begin
        self._socket: Socket | None = None
        self._connection: Connection | None = None

    @property
    def connection(self) -> Connection:
        """The connection, once the upgrade is done."""
        if self._connection is None:
            message = "the socket is not open"
            raise RuntimeError(message)
        return self._connection

    def opened(self, socket: Socket) -> None:
        """The upgrade is done."""
        self._socket = socket
        self._connection = self._begin(socket)

    def received(self, frame: Frame) -> None:
        """A frame for the connection."""
        self.connection.received(frame)

    def unkept(self, reason: Literal["oversize", "protocol"]) -> None:
        """A loss for the connection to declare."""
        self.connection.unkept(reason)

    def abandon(self) -> None:
        """The attempt was given up; should it have succeeded meanwhile, it is closed."""
        if self._socket is not None and self._connection is not None:
            connection = self._connection
            self._socket.ended.add_done_callback(lambda ended: connection.ended(ended.result()))
            self._socket.abort("connect_failed")
