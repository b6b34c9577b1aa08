"""The simulated venue of a schedule: its market, its sockets, and what it wrote down of them."""

import asyncio
import contextlib
import struct
from collections import deque
from collections.abc import Iterator, Sequence
from random import Random

from ssmd.connector.errors import ConnectFailed
from ssmd.connector.settings import Tuning
from ssmd.connector.socket import NORMAL, End, Receiver
from ssmd.model.frame import Frame, Opcode
from ssmd.model.simulated import BookState, Emission, SimulationOptions
from ssmd.model.venue import Handshake
from ssmd.sim.disk import Killed
from ssmd.sim.faults import Fault
from ssmd.sim.ledger import Emitted
from ssmd.sim.tampering import Tampering
from ssmd.venues import load
from tests.faults.pure.virtual import LoopClock

ADDRESS = "127.0.0.1:443"
SYMBOLS = ("BTC/USD", "ETH/USD", "SOL/USD")
TICK_S = 0.1


class Tape:
    """What was said on one socket, before it was said; what the oracle asks of a ledger."""

    def __init__(self, number: int, peer: str, opened: int) -> None:
        self.number = number
        self.local = ADDRESS
        self.peer = peer
        self.opened = opened
        self.messages: list[Emitted] = []
        self.books: list[tuple[int, tuple[BookState, ...]]] = []
        self.tampered = False

    def emitted(self) -> Iterator[Emitted]:
        """Every message, in the order of sending."""
        return iter(self.messages)


class PairedSocket:
    """Both ends of a socket: ours as `connector.socket.Socket`, and the venue's behind it."""

    def __init__(self, venue: "SimulatedVenue", receiver: Receiver, tape: Tape) -> None:
        self.local = tape.peer
        self.peer = ADDRESS
        self.tape = tape
        self.ended: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self.receiver = receiver
        self.is_closing = False
        self.is_refused = False
        self.side = venue.market.connect()
        self.tampering = Tampering()
        self._venue = venue
        self._wire: deque[Frame] = deque()
        self._code: int | None = None
        self._reason: str | None = None

    # --- our end

    def send(self, payload: bytes, opcode: Opcode) -> None:
        if not self.ended.done() and not opcode.is_control:
            self.say(self.side.receive(payload, self._venue.clock.now()), later=True)

    def close(self, reason: str, code: int = NORMAL) -> None:
        self._reason = self._reason or reason
        self.is_closing = True
        self._venue.loop.call_soon(self._goodbye, code)

    def answer_close(self, code: int | None) -> None:
        self._code = code
        self.is_closing = True
        self._reason = self._reason or "closed"
        self.cut()

    def abort(self, reason: str) -> None:
        self._reason = self._reason or reason
        self.cut()

    def unsent_s(self, mono: float) -> float:
        return 0.0

    # --- the venue's end

    def say(self, emissions: Sequence[Emission], *, later: bool = False) -> None:
        """Write down, then deliver: at once, or after whatever runs now."""
        if not emissions or self.ended.done():
            return
        sent, withheld = self.tampering.apply(emissions, self._venue.clock.mono())
        self._venue.withheld += len(withheld)
        self.note(sent)
        now = self._venue.clock.now()
        self._wire += [Frame(e.payload, e.opcode, now.wall, now.mono) for e in sent]
        if later:
            self._venue.loop.call_soon(self.deliver)
        else:
            self.deliver()

    def note(self, emissions: Sequence[Emission]) -> None:
        """Write down what is about to be sent."""
        ts = self._venue.clock.wall()
        for emission in emissions:
            number = len(self.tape.messages)
            self.tape.messages.append(Emitted(number, ts, emission.opcode, emission.payload))

    def deliver(self) -> None:
        """What is on the wire arrives, in order."""
        while self._wire and not self.ended.done():
            frame = self._wire.popleft()
            if len(frame.payload) > self._venue.longest:
                self._venue.oversize += 1
                self.receiver.unkept("oversize")
                self.abort("oversize")
                return
            self.receiver.received(frame)

    def cut(self) -> None:
        """The socket is gone, whoever ended it."""
        if not self.ended.done():
            self.side.close()
            self._venue.sockets.pop(self.tape.number, None)
            self.ended.set_result(End(self._reason or "lost", self._code))

    def vanish(self) -> None:
        """Our process is dead: nobody hears of the end."""
        self.receiver = Deaf()
        self.cut()

    def _goodbye(self, code: int) -> None:
        self.say([Emission(struct.pack(">H", code), Opcode.CLOSE)])
        self.cut()


class Deaf:
    """What listens on the socket of a dead process."""

    def opened(self, socket: object) -> None: ...
    def received(self, frame: Frame) -> None: ...
    def unkept(self, reason: object) -> None: ...


class SimulatedVenue:
    """A market and its sockets, on virtual time.

    Attributes:
        barred: Whether nobody is let in.
        deaths: So many processes of ours were killed: what they dialled leads nowhere.
        longest: Most bytes of a frame that our side takes.
        withheld: Messages that tampering kept from the wire.
        oversize: Frames that were too long.
    """

    def __init__(self, name: str, seed: int, rate: float, clock: LoopClock) -> None:
        simulated = load(name).simulated
        assert simulated is not None
        self.market = simulated(SimulationOptions(seed=seed, rate=rate, symbols=SYMBOLS))
        self.clock = clock
        self.loop = asyncio.get_running_loop()
        self.tapes: list[Tape] = []
        self.sockets: dict[int, PairedSocket] = {}
        self.barred = False
        self.deaths = 0
        self.longest = 1 << 16
        self.withheld = 0
        self.oversize = 0
        self._rng = Random(seed)
        self._books_due = 0.0

    async def connect(
        self,
        handshake: Handshake,
        receiver: Receiver,
        *,
        clock: object,
        tuning: Tuning,
        tls: object,
    ) -> PairedSocket:
        """In place of `connector.socket.connect`."""
        deaths = self.deaths
        await self.clock.sleep(0.01)
        if self.deaths != deaths:
            raise ConnectFailed(handshake.url, "who dialled was killed meanwhile")
        if self.barred:
            raise ConnectFailed(handshake.url, "the venue is away")
        number = len(self.tapes)
        tape = Tape(number, f"127.0.0.1:{10_000 + number}", self.clock.wall())
        self.tapes.append(tape)
        socket = PairedSocket(self, receiver, tape)
        self.sockets[number] = socket
        receiver.opened(socket)  # type: ignore[arg-type]
        socket.say(socket.side.open(self.clock.now()))
        return socket

    async def run(self) -> None:
        """Trade, until cancelled."""
        while True:
            await self.clock.sleep(TICK_S)
            self.tick()

    def tick(self) -> None:
        now = self.clock.now()
        self.market.advance(now)
        due = now.mono >= self._books_due
        for socket in tuple(self.sockets.values()):
            try:
                socket.say(socket.side.tick(now))
            except Killed:
                continue
            books = getattr(socket.side, "books", None)
            if due and books is not None and not socket.ended.done():
                state = tuple(books())
                if state:
                    socket.tape.books.append((len(socket.tape.messages), state))
        if due:
            self._books_due = now.mono + 1.0

    def drop(self) -> int:
        """Reset every socket; what was on the wire is lost. Gives how many there were."""
        sockets = tuple(self.sockets.values())
        for socket in sockets:
            socket.note(socket.side.tick(self.clock.now()))
            socket.cut()
        return len(sockets)

    def goodbye(self) -> int:
        """Close every socket politely."""
        sockets = tuple(self.sockets.values())
        for socket in sockets:
            with contextlib.suppress(Killed):  # whoever hears it may die of writing it down
                socket.say([Emission(struct.pack(">H", 1012), Opcode.CLOSE)])
        return len(sockets)

    def disturb(self, fault: Fault) -> int:
        """Let something go wrong with the data to come, on every socket."""
        for socket in self.sockets.values():
            socket.tape.tampered = True
            socket.tampering.add(fault, self.clock.mono())  # type: ignore[arg-type]
        return len(self.sockets)

    def overwhelm(self) -> int:
        """Send a frame longer than our side takes."""
        sockets = tuple(self.sockets.values())
        for socket in sockets[:1]:
            socket.say([Emission(b"x" * (self.longest + 1))])
        return min(1, len(sockets))
