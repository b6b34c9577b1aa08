"""Typed facts read from an envelope: what a table has a row for.

A venue's rows are Structs derived from `Row`; the annotations below say how a column rests in a
table. Provenance (connection, ordinal, part, sequence, receipt) is the envelope's and is added by
whoever writes a table.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

Number = Annotated[Decimal, Meta(extra={"decimal": (38, 10)})]
"""A price, size or amount, exact: `decimal128(38, 10)`."""

Rate = Annotated[Decimal, Meta(extra={"decimal": (38, 24)})]
"""A funding rate or another small share, exact: `decimal128(38, 24)`."""

Time = Annotated[int, Meta(extra={"time": "ns"})]
"""A time in ns since the Unix epoch, UTC."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What every row has.

    Attributes:
        table: Name of the table it belongs to.
        symbol: The venue's own string for the instrument; None when it is about none.
        ts_event: The venue's time of the fact, ns; None when unstated.
        native_id: The venue's own id of the fact, unique per symbol; None when it has none.
        is_snapshot: Whether it came with a (re)subscription or a re-sent state, instead of as
            news: such rows repeat what may be known already.
        extra: JSON object of the fields nobody reads yet; None when there are none.
        inexact: Exact text of the values that their columns cannot hold, by column; those
            columns are None.
    """

    table: ClassVar[str] = ""

    symbol: str | None
    ts_event: Time | None = None
    native_id: str | None = None
    is_snapshot: bool = False
    extra: str | None = None
    inexact: Mapping[str, str] = {}


class Reject(msgspec.Struct, frozen=True):
    """A piece of an envelope that gave no row.

    Attributes:
        envelope: `Envelope.message_id` of where it stands.
        where: Which piece, as a path inside the payload (`data[3]`); empty for the whole.
        reason: What was wrong with it, one sentence.
    """

    envelope: str
    where: str
    reason: str


class Decoded(msgspec.Struct, frozen=True):
    """All rows of an envelope, and all that gave none."""

    rows: tuple[Row, ...] = ()
    rejects: tuple[Reject, ...] = ()
