"""A running simulated venue: its market, its sockets, and what goes wrong with them when."""

import asyncio
import heapq
import math
import ssl
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import Final

from ssmd.model.errors import ConfigError, SsmdError
from ssmd.model.frame import Now, Opcode
from ssmd.model.simulated import ChangesStatus, Emission, OpensByClock, SimulatedMarket
from ssmd.runtime.clock import Clock
from ssmd.sim import faults as kinds
from ssmd.sim import journal, telemetry
from ssmd.sim.control import Commands
from ssmd.sim.faults import Fault
from ssmd.sim.recorded import Recorded
from ssmd.sim.rest import RestServer
from ssmd.sim.schedule import Schedule
from ssmd.sim.server import CLOSE_TIMEOUT_S, ServedSocket, listen

TICK_S: Final = 0.01
"""Pause between two looks at what is due, in seconds."""
_CONTROL_S: Final = 0.05
_GOING_AWAY: Final = 1001
_OF_LISTED: Final = (
    kinds.Gap | kinds.Duplicate | kinds.Reorder | kinds.Freeze | kinds.Delist | kinds.Checksum
)
"""A status is none of these: what is not traded has one too, and the market knows what it lists."""
_SWITCHING: Final = HTTPStatus.SWITCHING_PROTOCOLS.value


class Simulation:
    """Serves one simulated market to any number of sockets and REST clients, from one loop.

    Args:
        market: What to serve.
        clock: Its time.
        directory: Where the ledger goes; made when absent.
        faults: What goes wrong by itself, timed from `start`.
        tls: Serve `wss://` and `https://` with this context; None serves `ws://` and `http://`.
        books_s: Pause between two checkpoints of the books in the ledger; None writes none.
        recorded: REST answers that are served as they were recorded.

    Attributes:
        rest: Base address of the REST services, once `start` returned; a service is a folder of it.
    """

    def __init__(
        self,
        market: SimulatedMarket,
        *,
        clock: Clock,
        directory: Path,
        faults: Iterable[Fault] = (),
        tls: ssl.SSLContext | None = None,
        books_s: float | None = None,
        recorded: Recorded | None = None,
    ) -> None:
        self._books_s = books_s
        directory.mkdir(parents=True, exist_ok=True)
        self.rest = ""
        self._market = market
        self._clock = clock
        self._directory = directory
        self._tls = tls
        self._sockets: dict[ServedSocket, None] = {}
        self._schedule = Schedule(faults, clock.mono())
        self._commands = Commands(directory)
        self._commands_mono = clock.mono()
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._server: asyncio.Server | None = None
        self._rest = RestServer(
            market, clock=clock, directory=directory, tls=tls, recorded=recorded
        )
        self._barred: int | None = None
        self._paused = False
        self._factor = 1.0

    @property
    def sockets(self) -> int:
        """How many clients are connected."""
        return len(self._sockets)

    async def start(self, host: str = "127.0.0.1", port: int = 0, rest_port: int = 0) -> str:
        """Listen; gives the WebSocket's URL. Port 0 takes a free one.

        Raises:
            Busy: A port is taken, or the address is not ours.
        """
        self.rest = await self._rest.start(host, rest_port)
        try:
            self._server = await listen(self._upgrade, host, port, self._tls)
        except BaseException:
            await self._rest.stop()
            raise
        scheme = "wss" if self._tls else "ws"
        url = f"{scheme}://{host}:{self._server.sockets[0].getsockname()[1]}"
        telemetry.listening(url, self.rest)
        return url

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            self.tick()
            await self._clock.sleep(TICK_S)

    def tick(self) -> None:
        """One turn: faults and commands, the market, then every socket."""
        now = self._clock.now()
        while self._later and self._later[0][0] <= now.mono:
            self._undo(heapq.heappop(self._later)[2])
        for fault in self._schedule.due(now.mono):
            self._apply(fault, now)
        if now.mono - self._commands_mono >= _CONTROL_S:
            self._commands_mono = now.mono
            self._obey()
        self._market.advance(now)
        for socket in tuple(self._sockets):
            socket.tick()

    def inject(self, fault: Fault) -> None:
        """Let a fault happen at the next turn, or `at` seconds from now."""
        self._schedule.add(fault, self._clock.mono())

    async def stop(self) -> None:
        """Stop listening and the market, say goodbye to every client, close the ledgers."""
        if self._server is not None:
            self._server.close()
        await self._rest.stop()
        self._pace(paused=True)
        deadline = self._clock.mono() + 2 * CLOSE_TIMEOUT_S
        for socket in tuple(self._sockets):
            socket.close(_GOING_AWAY, "going away")
        while self._sockets and self._clock.mono() < deadline:
            self.tick()
            await self._clock.sleep(TICK_S)
        for socket in tuple(self._sockets):
            socket.abort()
        while self._sockets:
            await self._clock.sleep(TICK_S)

    def _upgrade(self, headers: Mapping[str, str], path: str) -> ServedSocket | int:
        """Let in whoever the market admits, unless the door is barred."""
        now = self._clock.now()
        by = "market" if self._barred is None else "fault"
        try:
            status = self._market.admit(headers, now) if self._barred is None else self._barred
        except Exception as error:  # noqa: BLE001 - a bug of the market must not look like a venue
            telemetry.admission_failed(repr(error))
            status = HTTPStatus.INTERNAL_SERVER_ERROR.value
        if status != _SWITCHING:
            entry = {"ts": now.wall, "status": status, "by": by, "path": path}
            journal.note(self._directory, journal.REFUSED, [entry | {"headers": sorted(headers)}])
            telemetry.upgrade_refused(status, by)
            return status
        return ServedSocket(
            self._market,
            self._clock,
            self._directory,
            joined=self._join,
            left=self._leave,
            books_s=self._books_s,
        )

    def _join(self, socket: ServedSocket) -> None:
        self._sockets[socket] = None

    def _leave(self, socket: ServedSocket) -> None:
        self._sockets.pop(socket, None)

    def _obey(self) -> None:
        for line in self._commands.new():
            try:
                self.inject(kinds.parse(line))
            except SsmdError as error:
                telemetry.command_refused(line, str(error))

    def _apply(self, fault: Fault, now: Now) -> None:
        """Let it happen, and write down that it did, first."""
        hit = [s for s in self._sockets if fault.socket in {None, s.number}]
        spec = kinds.text(fault)
        entry = {"ts": now.wall, "fault": spec, "sockets": [socket.number for socket in hit]}
        journal.note(self._directory, journal.FAULTS, [entry])
        telemetry.fault_applied(spec, len(hit))
        try:
            self._require_listed(fault)
            for socket in hit:
                _befall(socket, fault)
                if isinstance(fault, kinds.Novelty):
                    socket.emit([self._market.novelty() for _ in range(fault.count)])
            self._disturb(fault, now)
            self._change(fault, now)
            self._obstruct(fault, now)
        except SsmdError as error:
            telemetry.command_refused(spec, str(error))

    def _disturb(self, fault: Fault, now: Now) -> None:
        """The faults of the market, which all sockets share."""
        market = self._market
        match fault:
            case kinds.Checksum():
                for _ in range(fault.count):
                    market.corrupt(fault.symbol)
            case kinds.Refuse():
                market.refuse(fault.symbol)
            case kinds.SlowAck() | kinds.NoAck():
                market.delay_answers(math.inf if isinstance(fault, kinds.NoAck) else fault.delay_s)
                self._after(now, fault.for_s, lambda: market.delay_answers(0))
            case kinds.Flood():
                self._pace(factor=fault.factor)
                self._after(now, fault.for_s, lambda: self._pace(factor=1.0))
            case kinds.Pause():
                self._pace(paused=True)
            case kinds.Resume():
                self._pace(paused=False)
            case _:
                pass

    def _undo(self, action: Callable[[], None]) -> None:
        """End a fault; what it befell may be gone by now."""
        try:
            action()
        except SsmdError as error:
            telemetry.command_refused("end of a fault", str(error))

    def _change(self, fault: Fault, now: Now) -> None:
        """The faults of single instruments, which are no fault of the venue when they list it."""
        market = self._market
        match fault:
            case kinds.Freeze(symbol=symbol):
                market.freeze(symbol, True)
                self._after(now, fault.for_s, lambda: market.freeze(symbol, False))
            case kinds.Listing():
                _list(market, fault)
            case kinds.Delist():
                market.delist([fault.symbol])
            case kinds.Standing():
                _stand(market, fault)
            case _:
                pass

    def _obstruct(self, fault: Fault, now: Now) -> None:
        """The faults of HTTP: of whoever wants in, and of REST."""
        match fault:
            case kinds.Unauthorized():
                self._bar(fault.status)
                self._after(now, fault.for_s, lambda: self._bar(None))
            case kinds.Http():
                self._rest.fail(fault)
            case kinds.HttpSlow():
                self._rest.slow(fault.delay_s)
                self._after(now, fault.for_s, lambda: self._rest.slow(0))
            case _:
                pass

    def _require_listed(self, fault: Fault) -> None:
        """A fault that silently does not happen makes a test that proves nothing.

        Raises:
            ConfigError: It is to befall an instrument that is not listed.
        """
        if not isinstance(fault, _OF_LISTED):
            return
        if fault.symbol is not None and fault.symbol not in self._market.symbols:
            message = f"{fault.symbol!r} is not listed."
            raise ConfigError(message, remedy="Name a listed symbol, or none for all.")

    def _bar(self, status: int | None) -> None:
        """Refuse whoever comes with this status; None lets the market judge again."""
        self._barred = status

    def _pace(self, *, factor: float | None = None, paused: bool | None = None) -> None:
        """Set the market's speed: the end of a flood does not wake a paused market."""
        self._factor = self._factor if factor is None else factor
        self._paused = self._paused if paused is None else paused
        self._market.speed(0 if self._paused else self._factor)

    def _after(self, now: Now, seconds: float | None, action: Callable[[], None]) -> None:
        """Let something happen so much later; None for never."""
        if seconds is None:
            return
        heapq.heappush(self._later, (now.mono + seconds, next(self._order), action))


def _list(market: SimulatedMarket, fault: kinds.Listing) -> None:
    """List an instrument, at once or later.

    Raises:
        ConfigError: Nothing of this venue opens by itself.
    """
    if fault.opens_s is None:
        market.list_symbols([fault.symbol])
    elif isinstance(market, OpensByClock):
        market.list_unopened([fault.symbol], fault.opens_s)
    else:
        message = "What this simulated venue lists can be traded at once."
        raise ConfigError(message, remedy="Leave `opens` out.")


def _stand(market: SimulatedMarket, fault: kinds.Standing) -> None:
    """Let an instrument have another state.

    Raises:
        ConfigError: Nobody wrote how this venue's change, or it has no such word.
    """
    if not isinstance(market, ChangesStatus):
        message = "The states of this simulated venue's instruments are its own affair."
        raise ConfigError(message, remedy="Use `listing` and `delist`.")
    market.stand(fault.symbol, fault.to)


def _befall(socket: ServedSocket, fault: Fault) -> None:
    """The faults of one socket."""
    match fault:
        case kinds.Close():
            socket.close(fault.code, fault.reason)
        case kinds.Abort():
            socket.abort()
        case kinds.Stall():
            socket.silence(fault.for_s)
        case kinds.Garbage():
            payload, binary = kinds.garbage(fault)
            emission = Emission(payload, Opcode.BINARY if binary else Opcode.TEXT)
            socket.emit([emission] * fault.count)
        case kinds.Fragment():
            socket.fragment(fault.parts, fault.count)
        case kinds.Ping():
            socket.emit([Emission(fault.body.encode(), Opcode.PING)])
        case kinds.SlowReader():
            socket.hurry(fault.max_bytes)
        case kinds.Gap() | kinds.Duplicate() | kinds.Reorder() | kinds.Drift():
            socket.tamper(fault)
        case _:
            pass
