"""One shard: keeps one connection alive, for ever, whatever happens to it."""

import asyncio
import contextlib
import platform
import random
import ssl
from collections.abc import Callable
from typing import Final

import ssmd
from ssmd.connector.connection import Connection
from ssmd.connector.errors import ConnectFailed
from ssmd.connector.feed import Feed
from ssmd.connector.gate import Gate
from ssmd.connector.live import Live
from ssmd.connector.onlooker import Onlooker
from ssmd.connector.replacing import GENTLE, Replacing, missing, serves
from ssmd.connector.settings import Tuning
from ssmd.connector.socket import Socket, connect
from ssmd.connector.spool.spool import Spool
from ssmd.connector.telemetry import ShardTelemetry
from ssmd.connector.upgrade import Upgrade
from ssmd.model import subscription
from ssmd.model.records import Opened
from ssmd.model.subscription import Subscription
from ssmd.model.venue import SessionOptions
from ssmd.runtime import backoff
from ssmd.runtime.clock import Clock, within
from ssmd.runtime.identity import new_connection_id

__all__ = ["Feed", "Live", "Shard"]
_ABRUPT: Final = frozenset({"silence", "pong", "send_timeout", "oversize", "host_suspended"})
"""The other side does not answer, or must not go on: no handshake."""
_REPORT_S: Final = 0.5


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
        onlooker: Onlooker | None = None,
        shards: Callable[[], int | None] = lambda: None,
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
        self._onlooker = onlooker
        self._shards = shards
        self._news = asyncio.Event()
        self._replacing = Replacing(clock, tuning)
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
        self._replacing.ask()
        self._news.set()

    async def run(self) -> None:
        """Connect, and connect again, until cancelled; ends with the connection closed."""
        reason = "start"
        seats = self._gate.seats
        seats.join()
        try:
            while True:
                await self._until_wanted()
                while not seats.take():
                    await self._clock.sleep(self._tuning.tick_s)
                live = await self._open(reason)
                if live is not None:
                    self._follow(live)
                    await self._watch()
                reason = "reconnect"
                await self._clock.sleep(self._pause_s(failed=live is None))
        finally:
            try:
                await self.close("shutdown")
            finally:
                seats.leave()

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

    def _follow(self, live: Live) -> None:
        """This connection counts from now on."""
        self.current = live
        self._replacing.begun()

    async def _watch(self) -> None:
        """Stay until the connection (or its planned successor) has ended."""
        seats = self._gate.seats
        while (live := self.current) is not None:
            self._news.clear()
            if live.is_over:
                self._finish(live)
                return
            leaving = live.connection.leaving
            if leaving is not None and leaving not in GENTLE:
                await self._end(live, leaving)
                self.current = None
                return
            if self._may_replace(live) and seats.take_for_successor():
                try:
                    await self._replace(live)
                finally:
                    seats.successor_settled()
                continue
            await self._news.wait()

    def _may_replace(self, live: Live) -> bool:
        """Whether a successor is due, and its opening record can be kept."""
        return self._replacing.is_due(live.connection) and self._spool.writable.is_set()

    async def _replace(self, old: Live) -> None:
        """Make before break: the successor opens, holds everything, then the old one goes.

        A successor that does not come to hold what the old one holds goes instead.
        """
        successor = await self._open("planned", old)
        if successor is None:
            self._telemetry.connect_failed(self._failed, self._replacing.failed())
            return
        try:
            with contextlib.suppress(TimeoutError):
                await within(self._clock, self._tuning.ready_s, self._until_ready(successor, old))
        except asyncio.CancelledError:
            await self._end(successor, "shutdown")
            raise
        made = successor.connection
        lost = missing(old.connection, made, self.wanted)
        useless = successor.is_over or made.leaving is not None
        if useless or (lost and not old.is_over and serves(old.connection)):
            self._replacing.rejected(made, len(lost))
            await self._end(successor, made.leaving or "planned_failed")
            return
        self._follow(successor)
        if made.wanted != self.wanted:
            made.want(self.wanted, "plan")
        await self._end(old, old.connection.leaving or "planned")

    async def _until_ready(self, successor: Live, old: Live) -> None:
        """Wait until the successor is as good as it gets, or the old one good for nothing."""
        made = successor.connection
        while not (successor.is_over or made.leaving is not None):
            if made.wanted != self.wanted:
                made.want(self.wanted, "plan")
            if made.session.ready or old.is_over or not serves(old.connection):
                return
            await self._clock.sleep(self._tuning.tick_s)

    async def _open(self, reason: str, old: Live | None = None) -> Live | None:
        """One attempt, its seat being taken; None when it failed, the seat being free again."""
        # A successor follows whom it is to replace, whichever others were tried before.
        previous = old.connection.id if old else None
        if previous is None:
            previous, reason = self._spool.lives.before(self.id, reason)
        try:
            connection, socket = await self._dial(reason, previous)
        except BaseException as error:
            self._gate.seats.free()
            if not isinstance(error, ConnectFailed):
                raise
            self._failed = error.reason
            return None
        if old is not None and old.is_over:
            self._finish(old)
        live = self.latest = Live(connection, socket)
        down_s = 0.0 if self.is_connected else self._clock.mono() - self._down_since
        self._telemetry.opened(connection.id, reason=reason, peer=socket.peer, down_s=down_s)
        socket.ended.add_done_callback(lambda _: self._gone(live))
        ticker = asyncio.create_task(self._tick(live), name=f"tick-{connection.id}")
        self._tickers.add(ticker)
        ticker.add_done_callback(lambda task: self._ticker_done(task, live))
        return live

    async def _dial(self, reason: str, previous: str | None) -> tuple[Connection, Socket]:
        async with self._gate:
            now = self._clock.now()
            share = subscription.Shard(self._feed.name, self.index, self.wanted)
            handshake = self._feed.venue.handshake(
                self._feed.endpoint, share, self._feed.secrets, now
            )
            upgrade = Upgrade(lambda socket: self._begin(socket, share, previous, reason))
            try:
                socket = await connect(
                    handshake,
                    upgrade,
                    clock=self._clock,
                    tuning=self._tuning,
                    tls=self._tls,
                )
            except BaseException as error:
                failed = isinstance(error, ConnectFailed)
                await upgrade.abandon("connect_failed" if failed else "shutdown")
                raise
        return upgrade.connection, socket

    def _gone(self, live: Live) -> None:
        live.over_mono = self._clock.mono()
        self._gate.seats.free()
        self._news.set()

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
            shards=self._shards(),
            clock=None if feed.timekeeper is None else feed.timekeeper.state(),
        )
        connection = Connection(
            self._spool.lives.begin(connection_id, feed.name, feed.category),
            feed.venue.session(share, options),
            opened,
            spool=self._spool,
            clock=self._clock,
            telemetry=self._telemetry,
            on_leaving=self._news.set,
            onlooker=self._onlooker,
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
                self._give_up(live, "silence")
            elif socket.is_refused:
                socket.abort("protocol")
            elif socket.unsent_s(now.mono) > self._tuning.send_s:
                self._give_up(live, "send_timeout")
            elif live is self.current and self._may_replace(live):
                self._news.set()
            if now.mono - reported >= _REPORT_S:
                reported = now.mono
                self._telemetry.report_counts()
                if live is self.current:  # while one replaces another, the old one counts
                    connection.report(now)

    def _give_up(self, live: Live, reason: str) -> None:
        """A connection is dead; one that is left already, waiting for its successor, ends now."""
        if live.connection.leaving is None:
            live.connection.leave(reason)
        else:
            live.socket.abort(reason)

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
            self._down_since = self._clock.mono() if live.over_mono is None else live.over_mono
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
