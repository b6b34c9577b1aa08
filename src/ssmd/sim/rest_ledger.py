"""What a simulated venue answered over REST, written down before it was sent.

`rest.jsonl`: `{"local","opened"}` when a server begins, then one line per answer.
"""

import os
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from ssmd.model.errors import Damaged
from ssmd.model.frame import Now
from ssmd.model.simulated import Answer

NAME: Final = "rest.jsonl"
"""The file's name in the ledger directory."""


class Answered(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One answer in the ledger.

    Attributes:
        ts: When it was about to be sent, ns since the Unix epoch, UTC.
        method: How it was asked.
        service: Which of the venue's REST services was asked; empty when none was named.
        path: Below the service's base address.
        query: The parameters, in order.
        status: HTTP status.
        size: Of the body, in bytes.
        sha256: Of the body.
        gone: The client had left: nothing was sent.
    """

    ts: int
    method: str
    service: str
    path: str
    query: tuple[tuple[str, str], ...]
    status: int
    size: int = msgspec.field(name="bytes")
    sha256: str
    gone: bool = False


class _Head(msgspec.Struct):
    local: str
    opened: int


class _Line(msgspec.Struct):
    local: str | None = None


class RestLedger:
    """Writes; every call is one `write()`, so that a kill never costs what was sent after it."""

    def __init__(self, directory: Path, local: str, ts: int) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._file = os.open(directory / NAME, flags, 0o644)
        self._write(_Head(local, ts))

    def append(
        self,
        asked: tuple[str, str, str],
        query: Sequence[tuple[str, str]],
        answer: Answer,
        now: Now,
        *,
        gone: bool,
    ) -> None:
        """Note an answer that is about to be sent.

        Args:
            asked: Method, service and path.
            query: The parameters.
            answer: What is to be sent.
            now: When.
            gone: The client left; nothing will be sent.

        Raises:
            OSError: It could not be written, and must not be sent.
        """
        method, service, path = asked
        self._write(
            Answered(
                ts=now.wall,
                method=method,
                service=service,
                path=path,
                query=tuple(query),
                status=answer.status,
                size=len(answer.body),
                sha256=sha256(answer.body).hexdigest(),
                gone=gone,
            )
        )

    def close(self) -> None:
        """Nothing can be appended any more."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write(self, entry: _Head | Answered) -> None:
        view = memoryview(msgspec.json.encode(entry) + b"\n")
        while view:
            view = view[os.write(self._file, view) :]


class RestRecord:
    """What all REST servers of a ledger directory answered.

    Attributes:
        locals: Their addresses, `host:port`.
        answers: What was sent, in order.
    """

    def __init__(self, locals_: frozenset[str], answers: Sequence[Answered]) -> None:
        self.locals = locals_
        self.answers = answers


def read(directory: Path) -> RestRecord:
    """Read the ledger; without a file nothing was answered. A torn last line was never sent.

    Raises:
        Damaged: A line in the middle cannot be read.
    """
    addresses: set[str] = set()
    answers: list[Answered] = []
    for line in _lines(directory / NAME):
        try:
            local = msgspec.json.decode(line, type=_Line).local
            if local is not None:
                addresses.add(local)
            else:
                answers.append(msgspec.json.decode(line, type=Answered))
        except msgspec.DecodeError as error:
            message = f"{directory / NAME} holds a line that is no answer: {error}."
            raise Damaged(message, remedy="Run the simulation again, with a new ledger.") from error
    return RestRecord(frozenset(addresses), [each for each in answers if not each.gone])


def _lines(path: Path) -> Iterator[bytes]:
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line
