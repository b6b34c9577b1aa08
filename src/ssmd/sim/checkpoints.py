"""The state of every book at a message number, written down by the venue: `books-<k>.jsonl`."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from ssmd.model.errors import Damaged
from ssmd.model.frame import Now
from ssmd.model.simulated import BookState, KeepsBooks, SimulatedSocket

_NAME: Final = re.compile(r"books-(\d+)\.jsonl")


class Checkpoint(msgspec.Struct, frozen=True):
    """The books of one socket at one moment.

    Attributes:
        emitted: How many messages the socket had been sent: whoever read those has these books.
        ts: When, ns since the Unix epoch, UTC.
        books: Every book that is subscribed.
    """

    emitted: int
    ts: int
    books: tuple[BookState, ...]


class Checkpoints:
    """Writes the checkpoints of one socket, a fixed time apart.

    Args:
        directory: The ledger's.
        number: The socket's number.
        every_s: Pause between two, in seconds.
    """

    def __init__(self, directory: Path, number: int, every_s: float) -> None:
        self._path = directory / f"books-{number}.jsonl"
        self._every_s = every_s
        self._due: float | None = None

    def look(self, venue: SimulatedSocket, emitted: int, now: Now) -> None:
        """Write one if it is time and the venue keeps books; call after everything was sent."""
        if self._due is None:
            self._due = now.mono + self._every_s
        if now.mono < self._due or not isinstance(venue, KeepsBooks):
            return
        self._due = now.mono + self._every_s
        books = tuple(venue.books())
        if books:
            with self._path.open("ab", buffering=0) as file:
                file.write(msgspec.json.encode(Checkpoint(emitted, now.wall, books)) + b"\n")


def read(directory: Path) -> dict[int, list[Checkpoint]]:
    """All checkpoints of a ledger, by the number of their socket, in order.

    Raises:
        Damaged: A complete line is none.
    """
    found: dict[int, list[Checkpoint]] = {}
    for path in directory.iterdir():
        if match := _NAME.fullmatch(path.name):
            found[int(match[1])] = list(_read(path))
    return found


def _read(path: Path) -> Iterator[Checkpoint]:
    decode = msgspec.json.Decoder(Checkpoint).decode
    for line in path.read_bytes().splitlines(keepends=True):
        if not line.endswith(b"\n"):
            return
        try:
            yield decode(line)
        except msgspec.DecodeError as error:
            message = f"{path} holds a line that is no checkpoint."
            raise Damaged(
                message, remedy="Run the simulation again with an empty ledger."
            ) from error
