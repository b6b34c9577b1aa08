"""Every column of the versioned tables, in one place: whoever compares, copies or reads rows asks here.

A test holds it against the schema, so that no column can be forgotten in a comparison.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

BOOKKEEPING: Final = ("valid_from", "known_from", "change_id")
"""What the database itself keeps of every row; never compared, never told by a writer."""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A versioned table.

    Attributes:
        name: Its name; its history is `{name}_version`.
        key: The columns that say which row it is, for people and on the bus.
        types: PostgreSQL's type of every column that a writer states, key included.
    """

    name: str
    key: tuple[str, ...]
    types: Mapping[str, str]

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that a writer states."""
        return tuple(self.types)

    @property
    def values(self) -> tuple[str, ...]:
        """Those of them that can change."""
        return tuple(name for name in self.types if name not in self.key)


def _types(**named: str) -> dict[str, str]:
    """Column types from groups: `text="a b"`."""
    return {column: kind for kind, names in named.items() for column in names.split()}


SERIES: Final = Table(
    name="series",
    key=("venue", "symbol"),
    types={
        **_types(text="venue symbol title category frequency"),
        "tags": "text[]",
        **_types(jsonb="details payload", boolean="listed"),
    },
)
EVENT: Final = Table(
    name="event",
    key=("venue", "symbol"),
    types={
        **_types(text="venue symbol series title category"),
        "tags": "text[]",
        **_types(
            boolean="mutually_exclusive listed", timestamptz="strike_at", jsonb="details payload"
        ),
    },
)
INSTRUMENT: Final = Table(
    name="instrument",
    key=("venue", "symbol"),
    types={
        **_types(
            text="venue symbol kind status raw_status status_source title base quote underlying"
            " event series outcome category result",
            numeric="tick_size lot_size min_size max_size min_notional contract_size"
            " settlement_value",
            timestamptz="status_at open_at close_at expiry_at",
            boolean="restricted listed",
            jsonb="price_ranges aliases details payload",
        ),
        "tags": "text[]",
    },
)
ALIAS: Final = Table(
    name="alias",
    key=("venue", "scheme", "value", "symbol"),
    types=_types(text="venue scheme value symbol"),
)
FEE: Final = Table(
    name="fee",
    key=("venue", "scope", "symbol", "effective_from"),
    types=_types(
        text="venue scope symbol kind currency source_id",
        numeric="multiplier",
        jsonb="maker taker",
        timestamptz="effective_from effective_to",
    ),
)
ACTIVITY: Final = Table(
    name="activity",
    key=("venue", "symbol"),
    types=_types(text="venue symbol", numeric="volume volume_24h liquidity open_interest"),
)
LINK: Final = Table(
    name="link",
    key=("kind", "relation", "left_venue", "left_symbol", "right_venue", "right_symbol"),
    types=_types(
        text="kind relation left_venue left_symbol right_venue right_symbol state reason reviewer",
        timestamptz="starts_at ends_at",
    ),
)
TABLES: Final[Mapping[str, Table]] = {
    table.name: table for table in (SERIES, EVENT, INSTRUMENT, ALIAS, FEE, ACTIVITY, LINK)
}
"""Parents before what names them."""
