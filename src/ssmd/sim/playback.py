"""Plays a recording as if the venue were saying it now.

Every client hears the whole recording from its own beginning, whatever it subscribes; what it asks
is answered by the venue's simulated side, without data. The recorded text is not touched.
"""

import gzip
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from ssmd.model.errors import ConfigError, Damaged
from ssmd.model.frame import Now
from ssmd.model.simulated import Answer, Emission, SimulatedMarket
from ssmd.model.timestamp import SECOND_NS

SPACING_S: Final = 0.01
"""Pause before a message whose time of receipt was not recorded, in seconds."""
ANY: Final = ("*",)
"""Whose market data a recorded message is: nobody looked into it, so faults of data befall all."""
_GZIP: Final = b"\x1f\x8b"


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """One recorded message.

    Attributes:
        at_s: When it comes, in seconds from the first.
        emission: What was said.
    """

    at_s: float
    emission: Emission


class _Line(msgspec.Struct):
    raw: str
    ts_recv: int | None = None


def load(path: Path) -> list[Recorded]:
    """Read a capture, one `{"ts_recv", "raw"}` per line, gzip or not.

    Raises:
        ConfigError: There is no such file.
        Damaged: A line is not of that shape.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}."
        raise ConfigError(message, remedy="Give the path of a capture.") from error
    lines = []
    try:
        plain = gzip.decompress(data) if data.startswith(_GZIP) else data
        for line in plain.splitlines():
            entry = msgspec.json.decode(line, type=_Line)
            lines.append((entry.ts_recv, entry.raw.encode()))
    except (msgspec.DecodeError, EOFError, OSError, UnicodeEncodeError) as error:
        message = f"{path} is not a capture: line {len(lines) + 1}: {error}."
        raise Damaged(message, remedy='Each line must be {"ts_recv": ns, "raw": "..."}.') from error
    return timed(lines)


def timed(lines: Iterable[tuple[int | None, bytes]]) -> list[Recorded]:
    """Place recorded messages in time; never backwards, evenly where no time was recorded."""
    recorded: list[Recorded] = []
    base: int | None = None
    at = 0.0
    for ts, raw in lines:
        if ts is None:
            at += SPACING_S if recorded else 0.0
        else:
            base = ts - round(at * SECOND_NS) if base is None else base
            at = max(at, (ts - base) / SECOND_NS)
        recorded.append(Recorded(at, Emission(raw, symbols=ANY)))
    return recorded


class Playback:
    """A recording as a market.

    Args:
        recorded: What to play.
        speed: How many recorded seconds pass in one.
        venue: Answers requests.
    """

    def __init__(
        self, recorded: Sequence[Recorded], *, speed: float, venue: SimulatedMarket
    ) -> None:
        self.recorded = recorded
        self.venue = venue
        self._speed = speed
        self._factor = 1.0

    @property
    def symbols(self) -> tuple[str, ...]:
        """A recording lists nothing."""
        return ()

    @property
    def pace(self) -> float:
        """Recorded seconds per second, now."""
        return self._speed * self._factor

    def admit(self, headers: Mapping[str, str], now: Now) -> int:
        """Let in whom the venue does."""
        return self.venue.admit(headers, now)

    def rest(self, service: str, path: str, query: Sequence[tuple[str, str]], now: Now) -> Answer:
        """Answer as the venue does: of REST nothing was recorded."""
        return self.venue.rest(service, path, query, now)

    def connect(self) -> "Player":
        """One more client, from the beginning."""
        return Player(self)

    def agree(self, payload: bytes, now: Now) -> Sequence[Emission]:
        """Answer as the venue does."""
        return self.venue.agree(payload, now)

    def advance(self, now: Now) -> None:
        """Nothing happens outside the players."""

    def speed(self, factor: float) -> None:
        """Play so much faster; 0 stops."""
        self._factor = factor

    def refuse(self, symbol: str) -> None:
        """Refuse later requests for this symbol; the recording goes on."""
        self.venue.refuse(symbol)

    def delay_answers(self, seconds: float) -> None:
        """A recording is answered at once.

        Raises:
            ConfigError: Always.
        """
        raise _impossible("no answer to it can be late")

    def freeze(self, symbol: str, frozen: bool) -> None:
        """A recording is played as it is.

        Raises:
            ConfigError: Always.
        """
        raise _impossible("no instrument of it can stand still")

    def list_symbols(self, symbols: Sequence[str]) -> None:
        """A recording is played as it is.

        Raises:
            ConfigError: Always.
        """
        raise _impossible("nothing can be listed in it")

    def delist(self, symbols: Sequence[str]) -> None:
        """A recording is played as it is.

        Raises:
            ConfigError: Always.
        """
        raise _impossible("no instrument of it can end")

    def novelty(self) -> Emission:
        """What the venue would say."""
        return self.venue.novelty()

    def corrupt(self, symbol: str | None) -> None:
        """A recording is played as it is.

        Raises:
            ConfigError: Always.
        """
        raise _impossible("no checksum of it can be made wrong")


def _impossible(why: str) -> ConfigError:
    return ConfigError(
        f"A recording is played as it is: {why}.", remedy="Leave out --play, or the fault."
    )


class Player:
    """One client's position in the recording."""

    def __init__(self, playback: Playback) -> None:
        self._playback = playback
        self._next = 0
        self._at_s = 0.0
        self._mono = 0.0

    def open(self, now: Now) -> Sequence[Emission]:
        """Begin with what was recorded first."""
        self._mono = now.mono
        return self.tick(now)

    def receive(self, payload: bytes, now: Now) -> Sequence[Emission]:
        """Answer, and go on."""
        return self._playback.agree(payload, now)

    def tick(self, now: Now) -> Sequence[Emission]:
        """What was recorded for the time that passed."""
        self._at_s += (now.mono - self._mono) * self._playback.pace
        self._mono = now.mono
        recorded, first = self._playback.recorded, self._next
        while self._next < len(recorded) and recorded[self._next].at_s <= self._at_s:
            self._next += 1
        return [entry.emission for entry in recorded[first : self._next]]

    def close(self) -> None:
        """Nothing to forget."""
