"""Recorded REST bodies, answered instead of the made-up world's, byte for byte.

A path may have several bodies, its pages in order. Which of them a request means is told by what
it brings along: nothing, the first; a `cursor` that a body names, the one after that body; an
`offset` into bodies that are lists, the one that begins there, or else the entries from there on,
cut out as they were recorded. Where the recording leads beyond its last page, the end is made up:
the last body's shape with no entries and no cursor.
"""

import gzip
import zlib
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from ssmd.model.errors import ConfigError
from ssmd.model.simulated import Answer

_CURSORS: Final = ("cursor", "next_cursor")
"""What listings call the way to their next page, in bodies and in requests."""
_OFFSET: Final = "offset"
_LIMIT: Final = "limit"
_MAIN: Final = "main"
_HOW: Final = "Write PATH=FILE; PATH begins with / or with the name of a service."

Query = Sequence[tuple[str, str]]


class Body(msgspec.Struct, frozen=True):
    """One recorded body.

    Attributes:
        name: Where it came from, for people.
        content: Its bytes.
    """

    name: str
    content: bytes


class Recording:
    """The bodies of one path, for requests that bring certain parameters.

    Args:
        service: Which of the venue's REST services is meant.
        path: Below the service's base address.
        query: What a request must bring along; empty for any request.
        bodies: The pages in order, one at least.

    Raises:
        ConfigError: Nothing leads from one body to the next.
    """

    def __init__(
        self, service: str, path: str, query: Mapping[str, str], bodies: Sequence[Body]
    ) -> None:
        self.service, self.path, self.query = service, path, dict(query)
        self._bodies = tuple(bodies)
        self._cursors = [_cursor(body.content) for body in bodies]
        self._lists = [_entries(body.content) for body in bodies]
        for body, cursor, entries in zip(bodies[:-1], self._cursors, self._lists, strict=False):
            if cursor is None and entries is None:
                message = f"No request leads beyond {body.name}: it names no cursor and is no list."
                raise ConfigError(message, remedy=f"Give one body for {path}, or pages of it.")

    def matches(self, service: str, path: str, query: Query) -> bool:
        """Whether it is meant by a request."""
        asked = (service, path) == (self.service, self.path)
        return asked and self.query.items() <= dict(query).items()

    def answer(self, query: Query) -> Answer:
        """What a request is told; 404 when it asks for what was never recorded."""
        told = dict(query)
        for name in _CURSORS:
            if told.get(name):
                return self._after(told[name])
        offset = told.get(_OFFSET, "0")
        if offset.isdecimal() and int(offset) > 0:
            return self._from(int(offset), told.get(_LIMIT, ""))
        return _found(self._bodies[0].content)

    def _after(self, cursor: str) -> Answer:
        """The page after the one that names this cursor."""
        if cursor not in self._cursors:
            return _absent(f"no recorded body of {self.path} leads to the cursor {cursor!r}")
        at = self._cursors.index(cursor) + 1
        return _found(self._bodies[at].content if at < len(self._bodies) else self._end())

    def _from(self, offset: int, limit: str) -> Answer:
        """The page that begins with this entry, or the entries from it on."""
        entries: list[msgspec.Raw] = []
        for body, held in zip(self._bodies, self._lists, strict=True):
            if held is None:
                return _absent(f"{body.name} is no list: nothing in it has the offset {offset}")
            if offset == len(entries) and held:
                return _found(body.content)
            entries += held
        until = offset + int(limit) if limit.isdecimal() else len(entries)
        return _found(b"[%b]" % b",".join(bytes(entry) for entry in entries[offset:until]))

    def _end(self) -> bytes:
        """The shape of the last body, with nothing in it."""
        shape = _shape(self._bodies[-1].content)
        return msgspec.json.encode({name: _emptied(name, raw) for name, raw in shape.items()})


class Recorded:
    """All that is answered from a recording.

    Args:
        recordings: By path; of several that match a request, the one that asks for most counts.
    """

    def __init__(self, recordings: Iterable[Recording] = ()) -> None:
        self._recordings = sorted(recordings, key=lambda each: -len(each.query))

    def answer(self, service: str, path: str, query: Query) -> Answer | None:
        """What a request is told; None where nothing was recorded: the market answers."""
        for recording in self._recordings:
            if recording.matches(service, path, query):
                return recording.answer(query)
        return None


def load(specs: Sequence[str]) -> Recorded:
    """Read recorded bodies.

    Args:
        specs: `PATH=FILE`, for each page of a path once. A PATH is `/markets` of the service
            `main`, or `service/markets`; `/markets?status=open` is for requests that bring this
            parameter. A FILE that ends in `.gz` is unpacked.

    Raises:
        ConfigError: A spec is not understood, a file cannot be read, or nothing leads to a page.
    """
    bodies: dict[str, list[Body]] = {}
    for spec in specs:
        where, file = _split(spec)
        bodies.setdefault(where, []).append(_read(Path(file)))
    return Recorded(_recording(where, pages) for where, pages in bodies.items())


def _split(spec: str) -> tuple[str, str]:
    """Where, and which file.

    Raises:
        ConfigError: It is not understood.
    """
    queried = "?" in spec.partition("=")[0]
    where, equals, file = spec.rpartition("=") if queried else spec.partition("=")
    if not (equals and file and "/" in where):
        raise ConfigError(f"A recorded body is not understood: {spec!r}.", remedy=_HOW)
    return where, file


def _recording(where: str, bodies: Sequence[Body]) -> Recording:
    address, _, query = where.partition("?")
    service, _, path = address.partition("/")
    pairs = dict(parse_qsl(query, keep_blank_values=True))
    return Recording(service or _MAIN, f"/{path}", pairs, bodies)


def _read(file: Path) -> Body:
    """A body.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        content = file.read_bytes()
        if file.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        message = f"{file} cannot be served as a recorded body: {error}."
        raise ConfigError(message, remedy="Name a file that can be read.") from error
    return Body(str(file), content)


def _shape(content: bytes) -> dict[str, msgspec.Raw]:
    """The fields of an object; none of what is no object."""
    try:
        return msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


def _entries(content: bytes) -> list[msgspec.Raw] | None:
    """The entries of a list; None of what is no list."""
    try:
        return msgspec.json.decode(content, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _cursor(content: bytes) -> str | None:
    """The cursor that a body names; None when it names none."""
    shape = _shape(content)
    for name in _CURSORS:
        try:
            if found := msgspec.json.decode(shape.get(name, b"null"), type=str | None):
                return found
        except msgspec.DecodeError:
            continue
    return None


def _emptied(name: str, raw: msgspec.Raw) -> object:
    if name in _CURSORS:
        return ""
    return [] if bytes(raw).lstrip().startswith(b"[") else raw


def _found(content: bytes) -> Answer:
    return Answer(HTTPStatus.OK.value, content)


def _absent(reason: str) -> Answer:
    return Answer(HTTPStatus.NOT_FOUND.value, msgspec.json.encode({"error": reason}))
