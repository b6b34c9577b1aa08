"""One data connection to the bus: kept up, and given back after every loss."""

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from ssmd.bus import api, codec, telemetry, wire
from ssmd.bus.errors import BusAway
from ssmd.bus.settings import BusSettings, Server
from ssmd.model.errors import ConfigError
from ssmd.runtime import backoff
from ssmd.runtime.clock import Clock

Answer = TypeVar("Answer", bound=msgspec.Struct)

_NO_RESPONDERS: Final = 503
_ENTROPY: Final = secrets.SystemRandom()


class Link:
    """A connection that reconnects by itself, with capped exponential backoff and full jitter.

    Subscriptions survive a reconnect; what was written and not sent does not: whoever writes
    must know what is outstanding. Callbacks run on the event loop and must not raise.

    Args:
        settings: Where the bus is and how we are let in.
        clock: What time it is.
        name: Shown by the server's monitoring.

    Attributes:
        connected: Whether the server let us in and the connection lives.
        info: What the server said about itself last.
        problem: Why there is no connection, or the last refusal; for people.
        on_connected: Called after every successful connect, subscriptions already sent.
        on_lost: Called when a connection that was usable ends.
        on_failure: Called with the server's words when it refuses something.
        fast: Tried on incoming bytes before the parser; see `wire.Parser`.
    """

    def __init__(self, settings: BusSettings, clock: Clock, *, name: str) -> None:
        settings.check()
        self.settings = settings
        self.name = name
        self.connected = False
        self.info = wire.Info()
        self.problem = "not connected yet"
        self.on_connected: list[Callable[[], None]] = []
        self.on_lost: list[Callable[[], None]] = []
        self.on_failure: list[Callable[[str], None]] = []
        self.fast: Callable[[bytes], int] | None = None
        self.inbox = f"{settings.inbox_prefix}.{secrets.token_hex(11)}".encode()
        self._clock = clock
        self._subjects: dict[int, bytes] = {}
        self._takers: dict[int, Callable[[wire.Msg], None]] = {}
        self._sids = self._failures = 0
        self._closing = False
        self._wire: _Wire | None = None
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._asked: dict[bytes, asyncio.Future[wire.Msg]] = {}
        self._asks = 0
        self.subscribe(self.inbox + b".r.*", self._answered)

    def start(self) -> None:
        """Begin connecting, and go on until `close`."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"bus-link-{self.name}")

    async def open(self, timeout_s: float, *, patient: bool = True) -> None:
        """Connect for the first time.

        Raises:
            BusAway: There is none after `timeout_s` seconds, or, for who is not `patient`, after
                each address was tried in vain; the attempts go on.
        """
        self.start()
        tries = None if patient else len(self.settings.servers)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not self.connected and (tries is None or self._failures < tries):
                    self._changed.clear()
                    await self._changed.wait()
        if not self.connected:
            raise BusAway(self.settings.address, self.problem)

    async def close(self) -> None:
        """Send what is written, then end the connection for good."""
        self._closing = True
        if self._wire is not None and self.connected and self._wire.transport is not None:
            self._wire.transport.close()
            await asyncio.wait([self._wire.lost], timeout=1.0)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self._disconnect()

    def subscribe(self, subject: bytes, take: Callable[[wire.Msg], None]) -> int:
        """Have every message on a subject given to `take`, across reconnects; returns its sid."""
        self._sids += 1
        self._subjects[self._sids] = subject
        self._takers[self._sids] = take
        self.write(wire.subscribe(subject, self._sids))
        return self._sids

    def unsubscribe(self, sid: int) -> None:
        """End a subscription."""
        if self._takers.pop(sid, None) is not None:
            del self._subjects[sid]
            self.write(wire.unsubscribe(sid))

    def write(self, data: bytes) -> bool:
        """Send commands; False when there is no connection, and then nothing is kept."""
        transport = None if self._wire is None else self._wire.transport
        if not self.connected or transport is None or transport.is_closing():
            return False
        transport.write(data)
        return True

    async def request(self, subject: str, payload: bytes, timeout_s: float = 5.0) -> wire.Msg:
        """Ask and wait for one answer.

        Raises:
            BusAway: There is no connection, nobody listens, or no answer came in time.
        """
        self._asks += 1
        reply = b"%b.r.%d" % (self.inbox, self._asks)
        answer = asyncio.get_running_loop().create_future()
        self._asked[reply] = answer
        try:
            if not self.write(wire.publish(subject.encode(), payload, reply)):
                raise BusAway(self.settings.address, self.problem)
            async with asyncio.timeout(timeout_s):
                message: wire.Msg = await answer
        except TimeoutError:
            reason = f"no answer to {subject} in {timeout_s} s"
            raise BusAway(self.settings.address, reason) from None
        finally:
            self._asked.pop(reply, None)
        if not message.payload and codec.status(message.headers) == _NO_RESPONDERS:
            raise BusAway(self.settings.address, f"nobody answers {subject}: JetStream is off")
        return message

    async def ask(
        self,
        kind: type[Answer],
        subject: str,
        body: object = None,
        timeout_s: float = 5.0,
    ) -> Answer:
        """Ask JetStream's API; the answer may hold an `error`.

        Raises:
            BusAway: There is no answer.
        """
        payload = b"" if body is None else msgspec.json.encode(body)
        message = await self.request(api.PREFIX + subject, payload, timeout_s)
        return msgspec.json.decode(message.payload, type=kind)

    def abandon(self, reason: str) -> None:
        """Give the present connection up; another is made."""
        if self._wire is not None and self._wire.transport is not None:
            self.problem = reason
            self._wire.transport.abort()

    def received(self, operation: wire.Operation) -> None:
        """Deal with one operation of a usable connection."""
        match operation:
            case wire.Msg():
                take = self._takers.get(operation.sid)
                if take is not None:
                    take(operation)
            case wire.Ping():
                self.write(wire.PONG)
            case wire.Failure():
                self.problem = operation.reason
                telemetry.refused_by_server(self.name, operation.reason)
                for call in self.on_failure:
                    call(operation.reason)
            case wire.Info():
                self.info = operation

    def _answered(self, message: wire.Msg) -> None:
        waiting = self._asked.get(message.subject)
        if waiting is not None and not waiting.done():
            waiting.set_result(message)

    async def _run(self) -> None:
        attempt = 0
        while True:
            for server in self._candidates():
                try:
                    async with asyncio.timeout(self.settings.connect_timeout_s):
                        connection = await self._attempt(server)
                except (OSError, wire.ProtocolError, BusAway, ConfigError) as error:
                    reason = getattr(error, "reason", None) or str(error) or "no answer in time"
                    self._failed(server, reason)
                    continue
                born = self._clock.mono()
                self._connect(connection, server)
                await self._keep_alive(connection)
                self._disconnect()
                if self._clock.mono() - born > self.settings.reconnect_cap_s:
                    attempt = 0  # a server that lets us in and drops us at once is still failing
            await self._clock.sleep(
                backoff.delay(
                    attempt,
                    self.settings.reconnect_base_s,
                    self.settings.reconnect_cap_s,
                    _ENTROPY.random(),
                )
            )
            attempt += 1

    def _candidates(self) -> list[Server]:
        """The configured addresses, then what the cluster told us of."""
        known = list(self.settings.servers)
        seen = {server.address for server in known}
        first = known[0]
        for url in self.info.connect_urls:
            host, _, port = url.rpartition(":")
            found = Server(host.strip("[]"), int(port), first.tls, first.user, first.password)
            if found.address not in seen:
                known.append(found)
        return known

    async def _attempt(self, server: Server) -> "_Wire":
        """One connection, introduced and let in."""
        loop = asyncio.get_running_loop()
        settings = self.settings
        hostname = settings.tls_hostname or server.host
        connection = _Wire(self)
        early = settings.tls_handshake_first
        transport, _ = await loop.create_connection(
            lambda: connection,
            server.host,
            server.port,
            ssl=settings.tls_context() if early else None,
            server_hostname=hostname if early else None,
        )
        connection.transport = transport
        try:
            info = await connection.info
            if not early:
                connection.transport = await self._secure(connection, transport, info, server)
            fields: dict[str, object] = {
                "verbose": False,
                "pedantic": False,
                "lang": "python-ssmd",
                "version": "1",
                "protocol": 1,
                "headers": True,
                "no_responders": True,
                "name": self.name,
                **settings.credentials(server, info.nonce),
            }
            connection.transport.write(wire.connect(fields) + wire.PING)
            await connection.let_in
        except BaseException:
            connection.transport.abort()
            raise
        self.info = info
        return connection

    async def _secure(
        self, connection: "_Wire", transport: asyncio.Transport, info: wire.Info, server: Server
    ) -> asyncio.Transport:
        """Upgrade to TLS if either side wants it; never go on without if we do."""
        settings = self.settings
        wanted = settings.tls or server.tls or settings.ca_file or settings.cert_file
        if not wanted and not info.tls_required:
            return transport
        if not info.tls_required and not info.tls_available:
            raise BusAway(settings.address, "the server offers no TLS")
        upgraded = await asyncio.get_running_loop().start_tls(
            transport,
            connection,
            settings.tls_context(),
            server_hostname=settings.tls_hostname or server.host,
        )
        if upgraded is None:
            raise BusAway(settings.address, "it went away during the TLS handshake")
        return upgraded

    def _connect(self, connection: "_Wire", server: Server) -> None:
        self._wire = connection
        self.connected = not connection.lost.done()
        if not self.connected:
            return
        connection.usable = True
        self.problem = ""
        if self._subjects:
            self.write(b"".join(wire.subscribe(s, sid) for sid, s in self._subjects.items()))
        telemetry.connected(self.name, server.address, self.info.version)
        for call in self.on_connected:
            call()
        self._changed.set()

    def _disconnect(self) -> None:
        self._wire = None
        if not self.connected:
            return
        self.connected = False
        self.problem = self.problem or "the connection ended"
        for waiting in self._asked.values():
            if not waiting.done():
                waiting.set_exception(BusAway(self.settings.address, self.problem))
        telemetry.disconnected(self.name, self.problem, expected=self._closing)
        for call in self.on_lost:
            call()
        self._changed.set()

    def _failed(self, server: Server, reason: str) -> None:
        self.problem = reason
        self._failures += 1
        self._changed.set()
        telemetry.connect_failed(self.name, server.address, reason)

    async def _keep_alive(self, connection: "_Wire") -> None:
        """Ping until the connection ends, by the peer's will or for its silence."""
        pause: asyncio.Task[None] | None = None
        unanswered = 0
        try:
            while not connection.lost.done():
                pause = asyncio.create_task(self._clock.sleep(self.settings.ping_interval_s))
                await asyncio.wait((pause, connection.lost), return_when=asyncio.FIRST_COMPLETED)
                if not pause.done():
                    break
                unanswered = 0 if connection.heard else unanswered + 1
                connection.heard = False
                if unanswered > self.settings.pings_outstanding:
                    self.abandon(f"{unanswered} pings without an answer")
                    break
                self.write(wire.PING)
        finally:
            if pause is not None:
                pause.cancel()


class _Wire(asyncio.Protocol):
    """The socket's end: from the first INFO to the loss."""

    def __init__(self, link: Link) -> None:
        loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport | None = None
        self.info: asyncio.Future[wire.Info] = loop.create_future()
        self.let_in: asyncio.Future[None] = loop.create_future()
        self.lost: asyncio.Future[None] = loop.create_future()
        self.usable = False
        self.heard = True
        self._link = link
        self._parser = wire.Parser(self._fast)

    def _fast(self, data: bytes) -> int:
        fast = self._link.fast
        return fast(data) if fast is not None and self.usable else 0

    def data_received(self, data: bytes) -> None:
        self.heard = True
        try:
            operations = self._parser.feed(data)
        except wire.ProtocolError as error:
            self._end(error)
            if self.transport is not None:
                self._link.problem = str(error)
                self.transport.abort()
            return
        for operation in operations:
            if self.usable:
                self._link.received(operation)
            else:
                self._introduced(operation)

    def _introduced(self, operation: wire.Operation) -> None:
        """Before we are let in: INFO, then PONG or a refusal."""
        match operation:
            case wire.Info() if not self.info.done():
                self.info.set_result(operation)
            case wire.Pong() if not self.let_in.done():
                self.let_in.set_result(None)
            case wire.Failure():
                self._end(BusAway(self._link.settings.address, operation.reason))
            case wire.Ping() if self.transport is not None:
                self.transport.write(wire.PONG)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc or ConnectionResetError("the server closed the connection"))
        if not self.lost.done():
            self.lost.set_result(None)

    def _end(self, error: Exception) -> None:
        for waiting in (self.info, self.let_in):
            if not waiting.done():
                waiting.set_exception(error)
                waiting.exception()  # seen: an attempt that was given up asks no more
