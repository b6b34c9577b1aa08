"""A made-up market that says what a test puts into its mouth, and a server for it on our clock."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from ssmd.model.errors import ConfigError
from ssmd.model.frame import Now
from ssmd.model.simulated import Answer, Emission
from ssmd.sim import journal, ledger
from ssmd.sim.faults import parse
from ssmd.sim.manual_clock import ManualClock
from ssmd.sim.simulation import Simulation

TALK = Emission(b'{"talk":1}')


def tick(symbol: str, number: int) -> Emission:
    """Market data of one symbol."""
    return Emission(
        b'{"s":"%b","n":%d,"price":1.50}' % (symbol.encode(), number), symbols=(symbol,)
    )


class MadeUpSocket:
    """Answers `x` with `ok x`, as late as its market says."""

    def __init__(self, market: "MadeUpMarket") -> None:
        self.outbox: list[Emission] = []
        self.is_open = True
        self._market = market
        self._late: list[tuple[float, bytes]] = []

    def open(self, now: Now) -> Sequence[Emission]:
        return []

    def receive(self, payload: bytes, now: Now) -> Sequence[Emission]:
        self._late.append((now.mono + self._market.delay_s, payload))
        return []

    def tick(self, now: Now) -> Sequence[Emission]:
        due = [payload for at, payload in self._late if at <= now.mono]
        self._late = [late for late in self._late if late[0] > now.mono]
        out, self.outbox = self.outbox, []
        return [*(Emission(b"ok " + payload) for payload in due), *out]

    def close(self) -> None:
        self.is_open = False
        self._market.sockets.remove(self)


class MadeUpMarket:
    """A `SimulatedMarket` without a will of its own; lists A and B.

    Attributes:
        sockets: The open ones.
        delay_s: How late answers are.
        frozen: Symbols that stand still.
        listed: What is listed.
        asked: REST requests that reached it.
        pace: The last speed it was told.
    """

    def __init__(self, password: str | None = None) -> None:
        self.sockets: list[MadeUpSocket] = []
        self.delay_s = 0.0
        self.frozen: set[str] = set()
        self.listed = ["A", "B"]
        self.asked: list[tuple[str, str, list[tuple[str, str]]]] = []
        self.pace = 1.0
        self._password = password

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self.listed)

    def say(self, *emissions: Emission) -> None:
        """Everybody hears this at the next turn, unless it is of a frozen symbol."""
        for socket in self.sockets:
            socket.outbox += [e for e in emissions if not self.frozen & set(e.symbols)]

    def admit(self, headers: Mapping[str, str], now: Now) -> int:
        if self._password is None or headers.get("x-password") == self._password:
            return 101
        return 403

    def rest(self, service: str, path: str, query: Sequence[tuple[str, str]], now: Now) -> Answer:
        self.asked.append((service, path, list(query)))
        if service == "broken":
            message = "a bug"
            raise RuntimeError(message)
        if service != "main":
            return Answer(404, b"{}")
        return Answer(200, msgspec.json.encode(self.listed), {"X-Cursor": "end"})

    def connect(self) -> MadeUpSocket:
        socket = MadeUpSocket(self)
        self.sockets.append(socket)
        return socket

    def agree(self, payload: bytes, now: Now) -> Sequence[Emission]:
        return [Emission(b"agreed")]

    def advance(self, now: Now) -> None:
        return

    def speed(self, factor: float) -> None:
        self.pace = factor

    def refuse(self, symbol: str) -> None:
        return

    def delay_answers(self, seconds: float) -> None:
        self.delay_s = seconds

    def freeze(self, symbol: str, frozen: bool) -> None:
        if symbol not in self.listed:
            message = f"{symbol} is not listed."
            raise ConfigError(message, remedy="Name A or B.")
        if frozen:
            self.frozen.add(symbol)
        else:
            self.frozen.discard(symbol)

    def list_symbols(self, symbols: Sequence[str]) -> None:
        self.listed += symbols

    def delist(self, symbols: Sequence[str]) -> None:
        self.listed = [symbol for symbol in self.listed if symbol not in symbols]

    def novelty(self) -> Emission:
        return Emission(b'{"novelty":1}')

    def corrupt(self, symbol: str | None) -> None:
        message = "There is no checksum."
        raise ConfigError(message, remedy="Choose another fault.")


class Played:
    """A served market and the clock it is served by.

    Attributes:
        market: What is served.
        clock: Moved by the test alone.
        server: Ticked by the test alone.
        url: Of the WebSocket.
        directory: The ledger's.
    """

    def __init__(self, market: MadeUpMarket, directory: Path) -> None:
        self.market = market
        self.clock = ManualClock()
        self.directory = directory
        self.server = Simulation(market, clock=self.clock, directory=directory)
        self.url = ""

    def fault(self, spec: str) -> None:
        """Let a fault happen now."""
        self.server.inject(parse(spec))
        self.server.tick()

    def say(self, *emissions: Emission) -> None:
        """Let the market speak now."""
        self.market.say(*emissions)
        self.server.tick()

    async def pass_s(self, seconds: float) -> None:
        """Let time pass, and what is due happen."""
        await self.clock.advance(seconds)
        self.server.tick()

    def emitted(self, number: int = 0) -> list[bytes]:
        """What the ledger says was sent on a socket."""
        record = next(r for r in ledger.read(self.directory) if r.number == number)
        return [entry.payload for entry in record.emitted()]

    def noted(self, name: str = journal.FAULTS) -> list[dict[str, object]]:
        """The lines of a file beside the ledger."""
        path = self.directory / name
        lines = path.read_bytes().splitlines() if path.exists() else []
        return [msgspec.json.decode(line, type=dict[str, object]) for line in lines]

    def withheld(self) -> list[object]:
        """What was never sent."""
        return [line["raw"] for line in self.noted() if "withheld" in line]


@asynccontextmanager
async def playing(directory: Path, password: str | None = None) -> AsyncIterator[Played]:
    """A made-up market on free ports; gone afterwards."""
    played = Played(MadeUpMarket(password), directory)
    played.url = await played.server.start()
    try:
        yield played
    finally:
        ending = asyncio.create_task(played.server.stop())
        while not ending.done():
            await played.clock.advance(0.1)
        await ending
