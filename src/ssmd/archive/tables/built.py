"""What a slot's tables were made from, what is in them, and what the next slot begins with."""

import hashlib
from typing import Final, TypeVar

import msgspec

from ssmd.archive import layout
from ssmd.archive.layout import Slot
from ssmd.model.errors import Damaged

FORMAT: Final = 1
"""Version of what is derived: whoever changes that raises it, and every slot is made again."""


class TableFile(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One Parquet file of a table.

    Attributes:
        name: Its name, relative to the root.
        table: Which table: `trades`, `native/ticker`.
        segment: The segment whose rows it holds.
        rows: How many rows.
        bytes: Its size.
        sha256: Its digest.
        first_ts: Least `ts_recv`, ns; None when no row has one.
        last_ts: Greatest `ts_recv`, ns.
        first_event: Least `ts_event`, ns; None when no row has one.
        last_event: Greatest `ts_event`, ns.
        untimed: How many rows have no `ts_event`.
    """

    name: str
    table: str
    segment: str
    rows: int
    bytes: int
    sha256: str
    first_ts: int | None = None
    last_ts: int | None = None
    first_event: int | None = None
    last_event: int | None = None
    untimed: int = 0


class Accounting(msgspec.Struct, kw_only=True):
    """What became of every line of a segment.

    Attributes:
        segment: Its name, relative to the root.
        sha256: Its digest.
        lines: Lines its manifest counts.
        with_rows: Lines that gave at least one row.
        control: Talk about the connection, and answers to REST requests that are no data.
        records: Our own.
        unread: Frames that no session understood.
        empty: Pages of past facts that hold none.
        rejected: Lines of data that gave no row, and a reject for it.
        duplicates: Lines that another segment of the slot has too.
        rejects: Pieces of lines that gave no row.
        rows: Rows by table.
    """

    segment: str
    sha256: str
    lines: int
    with_rows: int = 0
    control: int = 0
    records: int = 0
    unread: int = 0
    empty: int = 0
    rejected: int = 0
    duplicates: int = 0
    rejects: int = 0
    rows: dict[str, int] = {}

    @property
    def told(self) -> int:
        """Lines of which it is known what became of them."""
        return (
            self.with_rows
            + self.control
            + self.records
            + self.unread
            + self.empty
            + self.rejected
            + self.duplicates
        )


class Standing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a connection was read.

    Attributes:
        ordinal: Its last frame so far.
        part: The last piece of it.
        last_ts: When that was received, ns; None in imports without times.
        is_followed: Whether another connection was opened in its place.
    """

    ordinal: int
    part: int = 0
    last_ts: int | None = None
    is_followed: bool = False


Subject = tuple[str, str]
"""What is told by one connection at a time: a table and a symbol, empty for rows about none."""


class Carry(msgspec.Struct, frozen=True, kw_only=True):
    """What must be known of the slots before, beside the books.

    Attributes:
        venue: The venue's name.
        connections: The connections that may go on.
        primary: Of what several connections tell, which one counts: connection, table, symbols.
        broken: Whose states are not whole: connection, symbols; an empty one stands for all.
    """

    venue: str = ""
    connections: dict[str, Standing] = {}
    primary: dict[str, dict[str, list[str]]] = {}
    broken: dict[str, list[str]] = {}


class Span(msgspec.Struct, frozen=True):
    """A time, both ends included, ns."""

    first: int
    last: int


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """What a slot's tables were made from, as far as readers and later slots ask.

    Attributes:
        format: Version.
        feed: The feed's name.
        venue: The venue's name.
        date: `YYYY-MM-DD` of the slot, UTC.
        time: `HHMM` at which it begins.
        interval_s: Length of the slot in seconds.
        key: Digest of all it was made from.
        segments: The segments it was made from, and their digests.
        previous: The slot before it, as `date/time`; empty for the first.
        consulted: Earlier slots that were asked for facts told again, as `date/time`, and the
            digests of the ids they tell.
        asked: The time of the facts asked for, by table.
        files: Its Parquet files.
        books: Every book at its end; None when nobody holds one.
        ended: Digest of what the next slot begins with.
        ids: Digest of the facts that it tells.
    """

    format: int
    feed: str
    venue: str
    date: str
    time: str
    interval_s: int
    key: str
    segments: dict[str, str]
    previous: str
    consulted: dict[str, str]
    asked: dict[str, Span]
    files: tuple[TableFile, ...]
    books: TableFile | None
    ended: str
    ids: str

    @property
    def slot(self) -> Slot:
        """Which slot it is."""
        return Slot(self.feed, self.date, self.time)

    @property
    def end(self) -> int:
        """When the slot is over, ns."""
        return layout.slot_end(self.slot.start, self.interval_s)


class Built(Link, frozen=True, kw_only=True):
    """The same with everything; written last, so that its files are there.

    Attributes:
        accounting: What became of every line.
        carry: What the next slot begins with, beside the books.
    """

    accounting: tuple[Accounting, ...]
    carry: Carry


def digest(*values: object) -> str:
    """The digest of values that are the same whenever their JSON is."""
    return hashlib.sha256(msgspec.json.encode(values, order="deterministic")).hexdigest()


_link = msgspec.json.Decoder(Link)
_built = msgspec.json.Decoder(Built)
T = TypeVar("T", bound=Link)


def encode(built: Built) -> bytes:
    """The bytes of the file."""
    return msgspec.json.encode(built) + b"\n"


def decode(content: bytes, name: str) -> Built:
    """Read the file.

    Raises:
        Damaged: The bytes are not such a file of this version.
    """
    return _decode(content, name, _built)


def decode_link(content: bytes, name: str) -> Link:
    """Read what readers and later slots ask of the file.

    Raises:
        Damaged: The bytes are not such a file of this version.
    """
    return _decode(content, name, _link)


def _decode(content: bytes, name: str, decoder: msgspec.json.Decoder[T]) -> T:
    try:
        built = decoder.decode(content)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        message = f"{name} is not what was written: {error}."
        raise Damaged(message, remedy="Run `ssmd redecode`: it is made again from raw.") from error
    if built.format != FORMAT:
        message = f"{name} has format {built.format}; this program makes {FORMAT}."
        raise Damaged(message, remedy="Run `ssmd redecode`, or upgrade ssmd.")
    return built
