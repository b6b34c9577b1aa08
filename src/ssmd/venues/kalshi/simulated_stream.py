"""One subscription on a simulated socket: what the venue calls a sid, and its numbering."""

from typing import Final

from ssmd.model.frame import Opcode
from ssmd.model.simulated import Emission

_TEXT: Final = Opcode.TEXT


class Stream:
    """A channel on one socket, for some markets or for all.

    Attributes:
        sid: Its number on the socket.
        channel: What it is about.
        seq: The last sequence number used.
        tickers: The markets asked for, in no order; None for all.
        yes_price: Whether the no side of books is told in prices of yes.
        terse: Whether answers leave the list of markets out.
        frozen: Markets whose messages are not made on this socket; shared by its streams.
    """

    __slots__ = ("channel", "frozen", "outbox", "seq", "sid", "terse", "tickers", "yes_price")

    def __init__(
        self,
        sid: int,
        channel: str,
        tickers: set[str] | None,
        outbox: list[Emission],
        frozen: set[str],
        *,
        yes_price: bool = False,
        terse: bool = False,
    ) -> None:
        self.sid = sid
        self.channel = channel
        self.seq = 0
        self.tickers = tickers
        self.outbox = outbox
        self.frozen = frozen
        self.yes_price = yes_price
        self.terse = terse

    def number(self) -> int:
        """The next sequence number, used up."""
        self.seq += 1
        return self.seq

    def say(self, kind: bytes, body: bytes, symbols: tuple[str, ...]) -> None:
        """Send a numbered message; `body` ends its envelope."""
        self.seq = seq = self.seq + 1
        self.outbox.append(
            Emission(
                b'{"type":"%s","sid":%d,"seq":%d,"msg":%s' % (kind, self.sid, seq, body),
                _TEXT,
                symbols,
            )
        )

    def tell(self, kind: bytes, body: bytes, symbols: tuple[str, ...]) -> None:
        """Send a message without a number."""
        self.outbox.append(
            Emission(b'{"type":"%s","sid":%d,"msg":%s' % (kind, self.sid, body), _TEXT, symbols)
        )
