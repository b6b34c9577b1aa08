"""What a sealed segment holds, and the chain that makes a missing one visible."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import msgspec

from ssmd.archive import durable, files, layout
from ssmd.archive.contents import Contents, Position
from ssmd.archive.errors import refuse_newer
from ssmd.archive.presence import Held
from ssmd.archive.store.port import Store
from ssmd.model.errors import Damaged

FORMAT: Final = 1
"""Version of the archive's format; a reader refuses a greater one."""

_T = TypeVar("_T")

SealedBy = Literal["rotation", "recovery"]


class Link(msgspec.Struct, frozen=True):
    """One manifest as its successor names it: enough to say what is gone when it is gone.

    Attributes:
        number: Its number in the writer's chain, from 1.
        name: The segment's name, relative to the root.
        sha256: Digest of the manifest's bytes.
        connections: What the segment holds of each connection.
    """

    number: int
    name: str
    sha256: str
    connections: dict[str, Held]


class BusLoss(msgspec.Struct, frozen=True):
    """Messages the bus no longer had when we came for them; the spool publishes them again.

    Attributes:
        stream: Name of the stream.
        created: When the stream was created, ns.
        first: First stream sequence that is gone; None when the whole stream was made anew.
        last: Last one.
    """

    stream: str
    created: int
    first: int | None
    last: int | None


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a sealed segment holds.

    Attributes:
        format: Version of the archive's format.
        name: The segment's name, relative to the root.
        feed: The feed's name.
        writer: Who wrote it.
        number: Its number in the writer's chain, from 1.
        previous: The manifest before it in the chain; None for the first.
        slot: When the slot begins, ns.
        interval_s: Length of a slot when it was written, in seconds.
        sealed_by: Whether it was closed in order, or found open after a crash.
        bytes: Size of the segment file.
        sha256: Digest of the segment file.
        contents: What its lines amount to.
        overlaps: Frames in it of a connection made before its predecessor was closed (planned
            reconnects); known by the writer, not proved by the file.
        duplicates: Deliveries the writer dropped since its manifest before, as archived already.
        position: Bus position of the newest commit when it was sealed; None without a bus.
        bus_losses: What the bus lost since the manifest before.
    """

    format: int
    name: str
    feed: str
    writer: str
    number: int
    previous: Link | None
    slot: int
    interval_s: int
    sealed_by: SealedBy
    bytes: int
    sha256: str
    contents: Contents
    overlaps: int
    duplicates: int
    position: Position | None
    bus_losses: tuple[BusLoss, ...]


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a writer's chain.

    Attributes:
        format: Version of the archive's format.
        writer: Whose chain it is.
        last: The newest manifest; None when nothing was sealed yet.
        position: A bus position newer than every line, when only duplicates came since.
    """

    format: int
    writer: str
    last: Link | None
    position: Position | None = None


def link(manifest: Manifest, content: bytes) -> Link:
    """A manifest as its successor names it."""
    digest = hashlib.sha256(content).hexdigest()
    return Link(manifest.number, manifest.name, digest, manifest.contents.connections)


def encode(manifest: Manifest) -> bytes:
    """The bytes of a manifest file."""
    return msgspec.json.encode(manifest) + b"\n"


def decode(content: bytes, name: str) -> Manifest:
    """Read a manifest.

    Raises:
        TooNew: A newer program wrote it.
        Damaged: The bytes are not a manifest.
    """
    manifest: Manifest = _decode(content, Manifest, name)
    return manifest


def read_head(root: Path | Store, writer: str) -> Head | None:
    """The end of a writer's chain; None when nothing is known of it.

    Raises:
        Damaged: The file is not what was written.
        Unavailable: The store does not answer.
    """
    name = layout.head(writer)
    try:
        content = files.read(root, name)
    except FileNotFoundError:
        return None
    head: Head = _decode(content, Head, name)
    return head


def write_head(root: Path, head: Head) -> None:
    """Replace the end of a writer's chain."""
    path = root / layout.head(head.writer)
    durable.make_folder(path.parent)
    durable.replace(path, msgspec.json.encode(head) + b"\n")


# Made once, here: several threads that read their first manifest at the same time would make
# them side by side, and that has been seen to crash the interpreter.
_DECODERS: Final[Mapping[type, msgspec.json.Decoder[Any]]] = {
    kind: msgspec.json.Decoder(kind) for kind in (Manifest, Head)
}


def _decode(content: bytes, kind: type[_T], name: str) -> _T:
    refuse_newer(content, name, FORMAT)
    try:
        value: _T = _DECODERS[kind].decode(content)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        message = f"{name} is not what was written: {error}."
        raise Damaged(message, remedy="Restore it from a copy of the archive.") from error
    return value
