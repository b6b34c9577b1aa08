"""Which tables there are, and their columns."""

from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import polars as pl

from ssmd import venues
from ssmd.access.names import Register
from ssmd.archive import layout
from ssmd.archive.tables import reading
from ssmd.archive.tables.schema import named
from ssmd.model.errors import ConfigError
from ssmd.runtime.unknown import did_you_mean


@cache
def shared() -> dict[str, pl.Schema]:
    """The tables whose words all venues share, and their columns."""
    return _polars(reading.schemas())


def columns(table: str) -> pl.Schema:
    """The columns of a table that all venues share.

    Raises:
        ConfigError: There is no such table.
    """
    known = shared()
    if table not in known:
        message = f"There is no table {table!r}.{did_you_mean(table, known)}"
        raise ConfigError(message, remedy=f"Use one of: {', '.join(known)}.")
    return known[table]


@cache
def own(venue: str) -> dict[str, pl.Schema]:
    """The tables in a venue's own words, by type, and their columns; none of no venue."""
    found = _polars(reading.schemas(venue) if venue in venues.names() else {})
    return {name.removeprefix(layout.NATIVE): schema for name, schema in found.items()}


def native(register: Register, feed: str, table: str) -> pl.Schema:
    """The columns of a table of a feed in its venue's own words.

    Raises:
        ConfigError: The feed's venue has no such table.
    """
    known = own(register.venue(feed))
    if table not in known:
        message = f"The feed {feed!r} has no table {table!r}.{did_you_mean(table, known)}"
        raise ConfigError(message, remedy=f"It has: {', '.join(sorted(known)) or 'none yet'}.")
    return known[table]


def archived(table: str) -> str:
    """The archive's name of a table in a venue's own words."""
    return f"{layout.NATIVE}{table}"


class View(NamedTuple):
    """What SQL can name.

    Attributes:
        feed: Whose rows; None for those of all feeds.
        table: The archive's name of the table.
        schema: Its columns.
    """

    feed: str | None
    table: str
    schema: pl.Schema


def views(register: Register, feeds: Iterable[str]) -> dict[str, View]:
    """Every name that SQL knows: `trades`, `quotes`, ... and `{feed}_{type}`, `-` as `_`."""
    found = {name: View(None, name, schema) for name, schema in shared().items()}
    for feed in feeds:
        for table, schema in own(register.venue(feed)).items():
            found.setdefault(named(feed, table), View(feed, archived(table), schema))
    return found


def _polars(schemas: dict[str, Any]) -> dict[str, pl.Schema]:
    return {name: pl.Schema(schema) for name, schema in schemas.items()}
