"""SQL over the tables, by DuckDB in memory: it reads what the archive gives it, and nothing else."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import duckdb
import msgspec
import polars as pl
import pyarrow as pa

from ssmd.access.bounds import Bounds, of_plan
from ssmd.model.errors import ConfigError
from ssmd.model.timestamp import format_rfc3339

Tables = Mapping[str, pl.Schema]
"""The columns of every table that can be named."""
Open = Callable[[str, Bounds], pl.LazyFrame]
"""The rows of a table that lie within bounds, their times without a zone."""

_ALONE: Final = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
}
"""Nothing is fetched, and no variable of the caller is taken for a table."""
_TYPES: Final = {
    pl.String: "VARCHAR",
    pl.Boolean: "BOOLEAN",
    pl.Int64: "BIGINT",
    pl.Int32: "INTEGER",
}
_AS_WRITTEN: Final = "statistics_propagation,empty_result_pullup,late_materialization,top_n"
"""What would make a plan say less about an empty table."""


class Result:
    """What a query gives; it is run when it is first asked for its rows.

    Times are UTC, without a zone: DuckDB compares those with text and with each other.
    """

    def __init__(self, query: str, tables: Mapping[str, pl.LazyFrame]) -> None:
        self._query = query
        self._tables = tables

    @cached_property
    def _made(self) -> Any:  # noqa: ANN401 - it ships no types
        connection = _connection()
        for name, frame in self._tables.items():
            connection.register(name, frame)
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        try:
            return connection.sql(self._query).to_arrow_table()
        except duckdb.Error as error:
            raise _refused(error, self._tables) from error
        finally:
            connection.close()

    def arrow(self) -> Any:  # noqa: ANN401 - it ships no types
        """The rows as a `pyarrow.Table`.

        Raises:
            ConfigError: The query cannot be run.
        """
        return self._made

    def pl(self) -> pl.DataFrame:
        """The rows as a Polars frame.

        Raises:
            ConfigError: The query cannot be run.
        """
        frame = pl.from_arrow(self._made)
        assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a table is no column
        return frame

    def rows(self) -> list[dict[str, object]]:
        """The rows as dictionaries: decimals exact, times in ns since 1970.

        Raises:
            ConfigError: The query cannot be run.
        """
        return self._plain(lambda ts: ts).rows

    def plain(self) -> "Plain":
        """The same with times as text (RFC 3339, nine digits), and the columns in order.

        Raises:
            ConfigError: The query cannot be run.
        """
        return self._plain(format_rfc3339)

    def _plain(self, spell: Callable[[int], object]) -> "Plain":
        made = self._made
        names = list(made.column_names)
        columns = [list(_values(column, spell)) for column in made.columns]
        rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        return Plain(names, rows)


class Plain(msgspec.Struct, frozen=True):
    """What a query gives, for programs without frames.

    Attributes:
        columns: Their names, in order.
        rows: The rows, by column.
    """

    columns: list[str]
    rows: list[dict[str, object]]


def query(text: str, tables: Tables, opened: Open) -> Result:
    """A query over the tables that it names; no other is looked at.

    What it says of time, feed and instrument is found by planning it over empty tables, so that
    only files are read that can hold such rows.

    Args:
        text: One SELECT.
        tables: What can be named.
        opened: Gives the rows of a table.

    Raises:
        ConfigError: It is no such query, or names what is not there.
    """
    with _connection() as planning:
        try:
            statements = planning.extract_statements(text)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                message = "That is not one SELECT."
                raise ConfigError(message, remedy="Give one query; the archive is only read.")
            for name, schema in tables.items():
                columns = ", ".join(f'"{column}" {_type(kind)}' for column, kind in schema.items())
                planning.execute(f'CREATE TABLE "{name}" ({columns})')
            planning.execute("PRAGMA disable_optimizer")
            named = _bounds(_planned(planning, text))
            planning.execute("PRAGMA enable_optimizer")
            planning.execute(f"SET disabled_optimizers = '{_AS_WRITTEN}'")
            bounds = _bounds(_planned(planning, text))
        except duckdb.Error as error:
            raise _refused(error, tables) from error
    return Result(text, {name: opened(name, bounds.get(name, Bounds())) for name in named})


def _connection() -> Any:  # noqa: ANN401 - it ships no types
    return duckdb.connect(":memory:", config=dict(_ALONE))


def _planned(connection: Any, text: str) -> Any:  # noqa: ANN401 - it ships no types
    """How DuckDB would run a query."""
    return json.loads(connection.execute(f"EXPLAIN (FORMAT json) {text}").fetchall()[0][1])


def _bounds(plan: Sequence[Mapping[str, Any]]) -> dict[str, Bounds]:
    """What holds for all the rows of each table that a plan reads."""
    found: dict[str, Bounds] = {}
    for node in _nodes(plan):
        told = node.get("extra_info", {})
        if "Table" in told:
            name = str(told["Table"]).rpartition(".")[2].strip('"')
            here = of_plan(told.get("Filters", ""))
            found[name] = found[name].both(here) if name in found else here
    return found


def _nodes(plan: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for node in plan:
        yield node
        yield from _nodes(node.get("children", ()))


def _type(kind: pl.DataType) -> str:
    match kind:
        case pl.Decimal():
            return f"DECIMAL({kind.precision}, {kind.scale})"
        case pl.Datetime():
            return "TIMESTAMP_NS"
        case pl.List():
            return "VARCHAR[]"
    return _TYPES[kind.base_type()]


def _values(column: Any, spell: Callable[[int], object]) -> Iterator[object]:  # noqa: ANN401 - it ships no types
    if not pa.types.is_timestamp(column.type):
        yield from column.to_pylist()
        return
    for ts in column.cast(pa.timestamp("ns", column.type.tz)).cast(pa.int64()).to_pylist():
        yield None if ts is None else spell(ts)


def _refused(error: Exception, tables: Mapping[str, object]) -> ConfigError:
    said = str(error).partition("\n")[0]
    return ConfigError(
        f"The query cannot be run: {said}.",
        remedy=f"The tables are: {', '.join(sorted(tables)) or 'none'}.",
    )
