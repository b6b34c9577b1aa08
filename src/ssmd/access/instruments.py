"""What is listed, from the archived changes of the security master: no database is asked."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final

import msgspec
import polars as pl

from ssmd.access.bars import NUMBER
from ssmd.access.later import whole
from ssmd.access.names import Names, Register
from ssmd.access.times import Moment, instant
from ssmd.access.where import When, Which
from ssmd.archive import reader
from ssmd.archive.store.port import Store
from ssmd.model.errors import ConfigError, Damaged
from ssmd.model.timestamp import format_rfc3339
from ssmd.secmaster.changes.reading import Reading
from ssmd.secmaster.changes.settings import FEED
from ssmd.secmaster.columns import INSTRUMENT
from ssmd.secmaster.fold import Fold, Stretch, decode

TIME: Final = pl.Datetime("us", "UTC")
"""Times of the security master; they reach far beyond those of what is received."""
_TYPES: Final[Mapping[str, pl.DataType]] = {
    "text": pl.String(),
    "numeric": NUMBER,
    "timestamptz": TIME,
    "boolean": pl.Boolean(),
    "jsonb": pl.String(),
    "text[]": pl.List(pl.String()),
}
_STRETCH: Final = ("valid_from", "valid_to", "known_from")
SCHEMA: Final = pl.Schema(
    {
        "instrument_id": pl.String(),
        **{name: _TYPES[kind] for name, kind in INSTRUMENT.types.items()},
        **dict.fromkeys(_STRETCH, TIME),
    }
)
"""The columns of the security master's `instrument`, and since when they are so and known."""
_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    "numeric": Decimal,
    "timestamptz": datetime.fromisoformat,
}
_OWN: Final = Which.__annotations__.keys() - When.__annotations__.keys()
_NANOS: Final = len("789Z")
_START: Final = "Run `ssmd cdc run` and an archiver of its stream, as `ssmd up` does."


class Wanted(msgspec.Struct, frozen=True):
    """Which of the rows are wanted.

    Attributes:
        venues: Of which venues; None for all.
        names: Which instruments, `venue:symbol` or the venue's own symbol; None for all.
        unlisted: Whether those too that were not listed any more.
    """

    venues: frozenset[str] | None
    names: frozenset[str] | None
    unlisted: bool

    def has(self, row: Mapping[str, Any]) -> bool:
        """Whether a row is."""
        venue, symbol = row["venue"], row["symbol"]
        return (
            (self.venues is None or venue in self.venues)
            and (self.names is None or not self.names.isdisjoint((symbol, f"{venue}:{symbol}")))
            and (self.unlisted or row["listed"])
        )


def asks(which: Which) -> bool:
    """Whether it is the security master that is asked, not what was heard."""
    return bool(which.keys() & _OWN)


def listed(store: Store, register: Register, now: int, which: Which) -> pl.LazyFrame:
    """The instruments that were listed, as the security master told.

    Args:
        store: The archive.
        register: Of its feeds.
        now: What relative times are relative to, ns.
        which: Which, and when.

    Raises:
        ConfigError: Nothing of the security master is archived, a time is none, or arguments do not
            go together. When rows are read: the archive does not reach to `known_at`.
    """
    if FEED not in register.feeds():
        raise ConfigError("No change of the security master is archived here.", remedy=_START)
    if which.keys() & {"feed", "start", "end"}:
        message = "What is listed is of a time: `as_of`, and perhaps `known_at`."
        raise ConfigError(message, remedy="Leave out `feed`, `start` and `end`.")
    known_at = _text(which.get("known_at"), now)
    as_of = _text(which.get("as_of"), now) or known_at
    wanted = Wanted(
        _names(which.get("venue")), _names(which.get("instrument")), which.get("unlisted", False)
    )
    return whole("ssmd instruments", SCHEMA, partial(_made, store, as_of, known_at, wanted))


def _names(names: Names) -> frozenset[str] | None:
    if names is None:
        return None
    return frozenset((names,) if isinstance(names, str) else names)


def _text(value: Moment | None, now: int) -> str | None:
    """A time as changes write it, to the microsecond."""
    if value is None:
        return None
    return f"{format_rfc3339(instant(value, now))[:-_NANOS]}Z"


def _made(store: Store, as_of: str | None, known_at: str | None, wanted: Wanted) -> pl.DataFrame:
    rows = (each.columns(INSTRUMENT.name) for each in folded(store, as_of, known_at))
    found = [row for row in rows if wanted.has(row)]
    found.sort(key=lambda row: (row["venue"], row["symbol"]))
    columns: dict[str, list[Any]] = {
        "instrument_id": [f"{row['venue']}:{row['symbol']}" for row in found],
        **{name: _column(kind, name, found) for name, kind in INSTRUMENT.types.items()},
        **{name: _column("timestamptz", name, found) for name in _STRETCH},
    }
    return pl.DataFrame(columns, schema=SCHEMA)


def _column(kind: str, name: str, rows: list[dict[str, Any]]) -> list[Any]:
    read = _READ.get(kind)
    values = (row[name] for row in rows)
    if read is None:
        return list(values)
    return [None if value is None or value == "-infinity" else read(value) for value in values]


def folded(store: Store, as_of: str | None, known_at: str | None) -> Iterator[Stretch]:
    """The instruments that the archived changes lead to.

    Args:
        store: The archive.
        as_of: Of what time, RFC 3339 to the microsecond; None for now.
        known_at: As it was known when; None for all that is archived.

    Raises:
        ConfigError: No whole snapshot is archived, or nothing of `known_at` yet.
        Damaged: A frame cannot be read.
    """
    fold = Fold([INSTRUMENT.name], as_of, known_at)
    reading = Reading()
    for line in reader.read(store, FEED):
        if not reading.counts(line.envelope):
            continue
        try:
            change = decode(line.envelope.payload)
        except msgspec.DecodeError as error:
            message = (
                f"{line.file}, line {line.number}, is no change of the security master: {error}."
            )
            raise Damaged(
                message, remedy="Run `ssmd verify`; a newer frame needs a newer SSMD."
            ) from error
        if reading.admits(change):
            fold.take(change)
    rows = fold.rows(INSTRUMENT.name)
    if not fold.is_founded or fold.until is None:
        message = "The archived changes do not hold a whole snapshot, on which they rest."
        raise ConfigError(message, remedy=_START)
    if known_at is not None and known_at > fold.until:
        message = f"The archived changes end at {fold.until}: what was known later is not archived."
        raise ConfigError(message, remedy="Ask for an earlier `known_at`, or leave it out.")
    return rows
