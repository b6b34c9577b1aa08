"""The ledger as Parquet: which columns each table has, and the only door to pyarrow.

Equal things make equal bytes, with one version of pyarrow. Times are `timestamp[ns, UTC]`; a range
of ordinals is two columns, `first` and `last`, both included. The footer holds the digest of the
file, so that one that rotted is never read as something else.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final, Literal, Self, TypeVar

from ssmd.archive.ledger.entries import TABLES, Activity, Entry
from ssmd.archive.ledger.facts import MINUTE_NS, Anew, Facts, Mark, Note
from ssmd.archive.presence import Held
from ssmd.model.errors import Damaged

FORMAT: Final = 1
"""Version of these files; one with another number is made again."""

ACTIVITY: Final = "activity"
"""Name of the table of messages per instrument and minute."""

NAMES: Final = (*(kind.table for kind in TABLES), ACTIVITY)
"""Every table of a day."""

Type = Literal["text", "text?", "texts", "int", "int?", "number", "time", "time?", "blob?"]
"""What a column holds; a question mark where it may be null. A `number` is a venue's own."""

_ENTRY: Final[dict[str, Type]] = {
    "feed": "text",
    "since": "time",
    "until": "time?",
    "reason": "text",
    "connection": "text",
    "record": "int?",
    "file": "text",
}
_ONE: Final[dict[str, Type]] = {"channel": "text", "symbol": "text?"}
_MISSING: Final[dict[str, Type]] = {"symbols": "texts", "first": "int", "last": "int"}

COLUMNS: Final[Mapping[str, Mapping[str, Type]]] = {
    "intent": _ENTRY | _ONE | {"ended": "text"},
    "coverage": _ENTRY | _ONE | {"ordinal": "int?", "ended": "text"},
    "gaps": _ENTRY
    | {
        "channel": "text",
        "symbols": "texts",
        "expected": "number",
        "found": "number",
        "ordinal": "int?",
    },
    "holes": _ENTRY | _MISSING,
    "outages": _ENTRY | _ONE | {"ended_by": "text"},
    "losses": _ENTRY | _MISSING,
    "repairs": _ENTRY | {"channel": "text", "symbols": "texts", "ordinal": "int?", "facts": "int"},
    "unproved": _ENTRY | {"channel": "text", **_MISSING},
    ACTIVITY: {"symbol": "text", "minute": "time", "messages": "int"},
}
"""The columns of every table, in order."""

FACTS: Final[Mapping[str, Type]] = {
    "kind": "text",
    "connection": "text?",
    "number": "int?",
    "ts": "time?",
    "until": "time?",
    "type": "text?",
    "symbol": "text?",
    "messages": "int?",
    "payload": "blob?",
}
"""The columns of a facts file. What a row holds depends on its `kind`: a `note` its connection,
number, `ts`, type and payload; a `mark` connection, ordinal (`number`) and `ts`; a `right` the
same of a gap's record and the last right message before it; an `anew` row the same of a frame, its
channel (`type`) and symbol; a `frames` row the first (`ts`) and
last (`until`) receipt on its connection; an `activity` row symbol, minute (`ts`) and messages."""

_DIGITS: Final = 38
"""Most digits of a number that a venue counts by; a greater one is told as the greatest."""
_BLANK: Final = b"0" * 64
"""What stands in a footer for the digest while it is computed."""
_REMEDY: Final = "Run `ssmd verify --rebuild`: it is made again from the raw segments."
_E = TypeVar("_E", bound=Entry)
_Row = tuple[object, ...]


def encode_entries(kind: type[Entry], entries: Iterable[Entry]) -> bytes:
    """The file of one table, its entries in the order given."""
    columns = COLUMNS[kind.table]
    return _encode(columns, [_row(columns, entry) for entry in entries], {})


def decode_entries(kind: type[_E], content: bytes, name: str) -> list[_E]:
    """Read the file of one table.

    Raises:
        Damaged: The bytes are not such a file.
    """
    _, table = _read(COLUMNS[kind.table], content, name)
    return [_entry(kind, row) for row in _rows(table)]


class Counts:
    """Messages per instrument and minute, in columns: a busy day has millions of them."""

    def __init__(self, table: Any) -> None:  # noqa: ANN401 - it ships no types
        """Hold a table of symbols, minutes (as times) and messages."""
        self._table = table

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @classmethod
    def of(cls, activity: Mapping[tuple[str, int], int]) -> Self:
        """Those that a segment's lines amount to."""
        rows: list[_Row] = [
            (symbol, minute * MINUTE_NS, messages)
            for (symbol, minute), messages in activity.items()
        ]
        return cls(_table(COLUMNS[ACTIVITY], rows))

    @classmethod
    def summed(cls, parts: Iterable["Counts"]) -> Self:
        """Those of several segments together, by symbol, then minute."""
        arrow = _arrow()
        schema = _schema(COLUMNS[ACTIVITY])
        whole = arrow.concat_tables([schema.empty_table(), *(part._table for part in parts)])  # noqa: SLF001 - of its own kind
        keys = list(COLUMNS[ACTIVITY])[:2]
        total = whole.group_by(keys, use_threads=False).aggregate([("messages", "sum")])
        total = total.rename_columns([*keys, "messages"]).sort_by([(k, "ascending") for k in keys])
        return cls(total.cast(schema))

    @classmethod
    def decode(cls, content: bytes, name: str) -> Self:
        """Read them from their file.

        Raises:
            Damaged: The bytes are not such a file.
        """
        return cls(_read(COLUMNS[ACTIVITY], content, name)[1])

    def encode(self) -> bytes:
        """Their file."""
        return _write(self._table, {})

    def rows(self, since: int | None = None, until: int | None = None) -> tuple[Activity, ...]:
        """Those of the minutes that a time touches, ns; all when none is given."""
        arrow, table = _arrow(), self._table
        minutes = table.column("minute").cast(arrow.int64())
        kept = arrow.scalar(value=True)
        if since is not None:
            kept = arrow.compute.greater(minutes, since - MINUTE_NS)
        if until is not None:
            kept = arrow.compute.and_(kept, arrow.compute.less(minutes, until))
        if since is not None or until is not None:
            table = table.filter(kept)
        return tuple(
            Activity(symbol, minute // MINUTE_NS, messages)
            for symbol, minute, messages in zip(*_lists(table), strict=True)
        )


def encode_facts(facts: Facts) -> bytes:
    """The file of what one sealed segment tells; what it holds stands in its manifest."""
    none = None
    rows: list[_Row] = [
        ("note", n.connection, n.record, n.ts, none, n.type, none, none, n.payload)
        for n in facts.notes
    ]
    rows += [
        ("mark", m.connection, m.ordinal, m.ts, none, none, none, none, none) for m in facts.marks
    ]
    rows += [
        ("right", m.connection, m.ordinal, m.ts, none, none, none, none, none) for m in facts.rights
    ]
    rows += [
        ("anew", a.connection, a.ordinal, a.ts, none, a.channel, a.symbol, none, none)
        for a in facts.anew
    ]
    rows += [
        ("frames", connection, none, first, last, none, none, none, none)
        for connection, (first, last) in sorted(facts.frames.items())
    ]
    rows += [
        ("activity", none, none, minute * MINUTE_NS, none, none, symbol, count, none)
        for (symbol, minute), count in sorted(facts.activity.items())
    ]
    told = {"feed": facts.feed, "segment": facts.segment, "sha256": facts.sha256}
    if facts.version > 1:
        told["facts"] = str(facts.version)
    return _encode(FACTS, rows, told)


def decode_facts(content: bytes, name: str, held: dict[str, Held]) -> tuple[Facts, Counts]:
    """Read what one sealed segment tells; its activity is given in columns only.

    Args:
        content: The file's bytes.
        name: Its name, for the complaint.
        held: What the segment holds, as its manifest tells.

    Raises:
        Damaged: The bytes are not such a file.
    """
    arrow = _arrow()
    told, table = _read(FACTS, content, name)
    counted = arrow.compute.equal(table.column("kind"), "activity")
    activity = table.filter(counted).select(["symbol", "ts", "messages"])
    notes: list[Note] = []
    marks: list[Mark] = []
    rights: list[Mark] = []
    stated: list[Anew] = []
    frames: dict[str, tuple[int, int]] = {}
    for row in _rows(table.filter(arrow.compute.invert(counted))):
        match row["kind"]:
            case "note":
                notes.append(
                    Note(row["ts"], row["connection"], row["number"], row["type"], row["payload"])
                )
            case "mark":
                marks.append(Mark(row["connection"], row["number"], row["ts"]))
            case "right":
                rights.append(Mark(row["connection"], row["number"], row["ts"]))
            case "anew":
                stated.append(
                    Anew(row["connection"], row["number"], row["ts"], row["type"], row["symbol"])
                )
            case "frames":
                frames[row["connection"]] = (row["ts"], row["until"])
    facts = Facts(
        feed=told.get("feed", ""),
        segment=told.get("segment", ""),
        sha256=told.get("sha256", ""),
        held=held,
        frames=frames,
        notes=tuple(notes),
        marks=tuple(marks),
        activity={},
        rights=tuple(rights),
        anew=tuple(stated),
        version=int(told.get("facts", "1")),
    )
    columns = list(COLUMNS[ACTIVITY])
    return facts, Counts(activity.rename_columns(columns).cast(_schema(COLUMNS[ACTIVITY])))


def _row(columns: Mapping[str, Type], entry: Entry) -> _Row:
    """An entry as its columns hold it."""
    first, last = getattr(entry, "ordinals", (None, None))
    ends = {"first": first, "last": last}
    return tuple(
        ends[name]
        if name in ends
        else _bounded(getattr(entry, name))
        if kind == "number"
        else getattr(entry, name)
        for name, kind in columns.items()
    )


def _bounded(value: int) -> int:
    """A number as far as a column can hold it."""
    most = int("9" * _DIGITS)
    return max(-most, min(most, value))


def _entry(kind: type[_E], row: dict[str, Any]) -> _E:
    """An entry from its columns."""
    if "first" in row:
        row["ordinals"] = (row.pop("first"), row.pop("last"))
    for name, value in row.items():
        if COLUMNS[kind.table].get(name) == "number":
            row[name] = int(value)
    if "symbols" in row:
        row["symbols"] = tuple(row["symbols"])
    return kind(**row)


@cache
def _arrow() -> Any:  # noqa: ANN401 - it ships no types
    """Arrow, loaded when it is first needed: it takes longer than all of `ssmd --help`."""
    import pyarrow as pa  # noqa: PLC0415 - see above
    import pyarrow.compute  # noqa: PLC0415 - see above
    import pyarrow.parquet  # noqa: PLC0415 - see above

    return pa


def _types() -> dict[str, Any]:
    arrow = _arrow()
    return {
        "text": arrow.string(),
        "texts": arrow.list_(arrow.field("element", arrow.string(), nullable=False)),
        "int": arrow.int64(),
        "number": arrow.decimal128(_DIGITS, 0),
        "time": arrow.timestamp("ns", tz="UTC"),
        "blob": arrow.binary(),
    }


def _schema(columns: Mapping[str, Type]) -> Any:  # noqa: ANN401 - it ships no types
    """The schema of a table."""
    arrow, types = _arrow(), _types()
    return arrow.schema(
        arrow.field(name, types[kind.rstrip("?")], nullable=kind.endswith("?"))
        for name, kind in columns.items()
    )


def _is_whole(content: bytes, digest: str) -> bool:
    """Whether a file has the digest that its footer tells."""
    before, told, after = content.rpartition(digest.encode() or _BLANK)
    blanked = before + (_BLANK if told else b"") + after
    return hashlib.sha256(blanked).hexdigest() == digest


def _encode(columns: Mapping[str, Type], rows: Sequence[_Row], told: Mapping[str, str]) -> bytes:
    """The file of some rows; `told` stands in its footer."""
    return _write(_table(columns, rows), told)


def _table(columns: Mapping[str, Type], rows: Sequence[_Row]) -> Any:  # noqa: ANN401 - see `_arrow`
    arrow, schema = _arrow(), _schema(columns)
    values = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    arrays = [
        # from whole numbers: through `datetime` the last three digits would go
        arrow.array(column, arrow.int64()).cast(field.type)
        if arrow.types.is_timestamp(field.type)
        else arrow.array(column, field.type)
        for column, field in zip(values, schema, strict=True)
    ]
    return arrow.Table.from_arrays(arrays, schema=schema)


def _write(table: Any, told: Mapping[str, str]) -> bytes:  # noqa: ANN401 - see `_arrow`
    arrow = _arrow()
    sink = arrow.BufferOutputStream()
    with arrow.parquet.ParquetWriter(
        sink, table.schema, compression="zstd", store_schema=False
    ) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata(
            {"format": str(FORMAT), **told, "digest": _BLANK.decode()}  # the digest comes last
        )
    content: bytes = sink.getvalue().to_pybytes()
    before, blank, after = content.rpartition(_BLANK)
    assert blank  # noqa: S101 - it stands in the footer
    return before + hashlib.sha256(content).hexdigest().encode() + after


def _read(columns: Mapping[str, Type], content: bytes, name: str) -> tuple[dict[str, str], Any]:
    """The footer's words and the table of a file of ours.

    Raises:
        Damaged: The bytes are not such a file.
    """
    arrow = _arrow()
    try:
        file = arrow.parquet.ParquetFile(arrow.BufferReader(content))
        told = {k.decode(): text.decode() for k, text in (file.metadata.metadata or {}).items()}
        known = told.pop("format", "") == str(FORMAT) and _is_whole(content, told.pop("digest", ""))
        if not known or not file.schema_arrow.equals(_schema(columns)):
            message = f"{name} was changed, or is of another format."
            raise Damaged(message, remedy=_REMEDY)
        return told, file.read(use_threads=False)
    except (arrow.ArrowException, OSError, ValueError, OverflowError) as error:
        message = f"{name} cannot be read: {error}."
        raise Damaged(message, remedy=_REMEDY) from error


def _lists(table: Any) -> list[list[Any]]:  # noqa: ANN401 - see `_arrow`
    """The columns of a table as lists, times as whole numbers."""
    arrow = _arrow()
    return [
        (
            column.cast(arrow.int64()) if arrow.types.is_timestamp(column.type) else column
        ).to_pylist()
        for column in table.columns
    ]


def _rows(table: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - see `_arrow`
    names = table.column_names
    return (dict(zip(names, row, strict=True)) for row in zip(*_lists(table), strict=True))
