"""What a simulated venue said, written down before it said it: the oracle's evidence.

One file per socket, `socket-<k>.jsonl`: first `{"local","peer","opened"}`, then one
`{"n","ts","o","raw"|"b64"}` per message, and `{"closed","reason"}` when the socket ended. A message
counts as emitted when its line is complete; one that a kill kept from the wire is then among those
the client never received.
"""

import base64
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from ssmd.model.errors import Damaged
from ssmd.model.frame import Opcode
from ssmd.model.simulated import Emission

_NAME: Final = re.compile(r"socket-(\d+)\.jsonl")
_encode = msgspec.json.Encoder().encode


class Emitted(msgspec.Struct, frozen=True, gc=False):
    """One message in the ledger.

    Attributes:
        number: Its position on the socket, from 0: the ordinal a client must give it.
        ts: When it was about to be sent, ns since the Unix epoch, UTC.
        opcode: Which kind of message.
        payload: The exact bytes.
    """

    number: int
    ts: int
    opcode: Opcode
    payload: bytes


class _Line(msgspec.Struct):
    n: int | None = None
    ts: int = 0
    o: int = 1
    raw: str | None = None
    b64: str | None = None
    closed: int | None = None
    reason: str = ""


class _Head(msgspec.Struct):
    local: str
    peer: str
    opened: int


class SocketLedger:
    """Writes the ledger of one socket.

    Every call is one `write()` to the file, so that whatever was sent afterwards stands in it even
    if this process is killed at any moment. It does not survive the machine.
    """

    def __init__(self, directory: Path, local: str, peer: str, ts: int) -> None:
        self.number = _next_number(directory)
        self.path = directory / f"socket-{self.number}.jsonl"
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o644)
        self._number = 0
        self._write(_encode({"local": local, "peer": peer, "opened": ts}) + b"\n")

    @property
    def emitted(self) -> int:
        """How many messages stand in it."""
        return self._number

    def append(self, emissions: Sequence[Emission], ts: int) -> None:
        """Note messages that are about to be sent.

        Raises:
            OSError: They could not be written, and must not be sent.
        """
        lines = [
            _line(number, ts, emission) for number, emission in enumerate(emissions, self._number)
        ]
        self._write(b"".join(lines))
        self._number += len(lines)

    def close(self, ts: int, reason: str) -> None:
        """Note why the socket ended; nothing can be appended any more."""
        if self._file < 0:
            return
        try:
            self._write(_encode({"closed": ts, "reason": reason}) + b"\n")
        finally:
            os.close(self._file)
            self._file = -1

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]


class SocketRecord:
    """Reads the ledger of one socket.

    Attributes:
        path: The file.
        number: The socket's number.
        local: The venue's address, `host:port`.
        peer: The client's address.
        opened: When it was opened, ns.
    """

    def __init__(self, path: Path) -> None:
        """Read the first line.

        Raises:
            Damaged: It is not the first line of a ledger.
        """
        self.path = path
        match = _NAME.fullmatch(path.name)
        self.number = int(match[1]) if match else -1
        with path.open("rb") as file:
            try:
                head = msgspec.json.decode(file.readline(), type=_Head)
            except msgspec.DecodeError as error:
                message = f"{path} does not begin as a simulator's ledger."
                raise Damaged(message, remedy="Point at the directory of `--ledger`.") from error
        self.local, self.peer, self.opened = head.local, head.peer, head.opened

    @property
    def closed(self) -> int | None:
        """When the socket ended, ns; None while it has not, or when nobody could write it down."""
        with self.path.open("rb") as file:
            last = file.read().rstrip(b"\n").rpartition(b"\n")[2]
        try:
            return msgspec.json.decode(last, type=_Line).closed
        except msgspec.DecodeError:
            return None

    def emitted(self) -> Iterator[Emitted]:
        """Every complete line, in the order of sending; a torn last line was never sent.

        Raises:
            Damaged: A line in the middle cannot be read, or the numbers are not 0, 1, 2, ...
        """
        decode = msgspec.json.Decoder(_Line).decode
        expected = 0
        with self.path.open("rb") as file:
            file.readline()
            for line in file:
                if not line.endswith(b"\n"):
                    return
                try:
                    entry = decode(line)
                except msgspec.DecodeError as error:
                    raise self._damaged(expected) from error
                if entry.n is None:
                    continue
                if entry.n != expected:
                    raise self._damaged(expected)
                expected += 1
                raw, b64 = entry.raw, entry.b64 or ""
                payload = base64.b64decode(b64) if raw is None else raw.encode()
                yield Emitted(entry.n, entry.ts, Opcode(entry.o), payload)

    def _damaged(self, expected: int) -> Damaged:
        message = f"{self.path} does not hold message {expected} where it must."
        return Damaged(message, remedy="Run the simulation again with an empty ledger directory.")


def read(directory: Path) -> list[SocketRecord]:
    """All sockets of a ledger, in the order in which they were opened.

    Raises:
        Damaged: A file is not a ledger.
    """
    records = [SocketRecord(path) for path in directory.iterdir() if _NAME.fullmatch(path.name)]
    return sorted(records, key=lambda record: record.number)


def _line(number: int, ts: int, emission: Emission) -> bytes:
    try:
        text = emission.payload.decode()
    except UnicodeDecodeError:
        body = b'"b64":"%b"' % base64.b64encode(emission.payload)
    else:
        body = b'"raw":%b' % _encode(text)
    return b'{"n":%d,"ts":%d,"o":%d,%b}\n' % (number, ts, emission.opcode, body)


def _next_number(directory: Path) -> int:
    numbers = [
        int(match[1]) for path in directory.iterdir() if (match := _NAME.fullmatch(path.name))
    ]
    return max(numbers, default=-1) + 1
