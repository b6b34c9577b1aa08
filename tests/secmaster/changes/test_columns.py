"""Changing any one column is told once; changing none writes nothing, neither in the log nor the bus."""

import contextlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from ssmd.bus.errors import StreamUnfit
from ssmd.secmaster.address import OPTIONS
from ssmd.secmaster.changes.frames import Shape
from ssmd.secmaster.changes.pgoutput import Relation, Row, message
from ssmd.secmaster.changes.reading import decode_change
from ssmd.secmaster.changes.replication import PUBLICATION
from ssmd.secmaster.columns import BOOKKEEPING, TABLES, Table
from tests import tier
from tests.secmaster.changes.world import World, everything, until
from tests.secmaster.server import Server

pytestmark = pytest.mark.integration

SLOT: Final = "columns"
EXAMPLES: Final = tier.scale(gate=40, full=500)
FIRST: Final[dict[str, Any]] = {
    "text": "a",
    "numeric": Decimal("1.50"),
    "boolean": False,
    "text[]": ["a"],
    "jsonb": '{"a": 1}',
    "timestamptz": "2026-01-01 00:00:00+00",
}
"""A value of each type that every row begins with."""
SPECIAL: Final[dict[tuple[str, str], tuple[str, str]]] = {
    ("instrument", "kind"): ("spot", "future"),
    ("instrument", "status"): ("pre_open", "active"),
    ("fee", "scope"): ("series", "event"),
    ("fee", "effective_to"): ("2026-06-01 00:00:00+00", "2026-07-01 00:00:00+00"),
    ("link", "kind"): ("event", "instrument"),
    ("link", "state"): ("proposed", "confirmed"),
    ("link", "ends_at"): ("2026-06-01 00:00:00+00", "2026-07-01 00:00:00+00"),
    ("link", "right_symbol"): ("b", "c"),
    ("link", "left_symbol"): ("a", "A"),
    ("link", "right_venue"): ("b", "c"),
}
"""What a table allows for a column, where it does not allow everything."""
CHOICES: Final = [
    (table, column)
    for table in TABLES.values()
    for column in table.columns
    if column != "venue"  # a row's venue never changes
]


def begun(table: Table, column: str) -> Any:  # noqa: ANN401 - what a column holds
    """What a row has in a column at first."""
    if (table.name, column) in SPECIAL:
        return SPECIAL[table.name, column][0]
    return FIRST[table.types[column]]


def other(table: Table, column: str) -> Any:  # noqa: ANN401 - what a column holds
    """What it has afterwards."""
    if (table.name, column) in SPECIAL:
        return SPECIAL[table.name, column][1]
    changed: dict[str, Any] = {
        "text": "b",
        "numeric": Decimal("2.5"),
        "boolean": True,
        "text[]": ["a", "b"],
        "jsonb": '{"a": 2}',
        "timestamptz": "2026-01-01 00:00:00.000001+00",
    }
    return changed[table.types[column]]


class Slot:
    """A slot that is read by SQL: what the database would tell a publisher."""

    def __init__(self, session: psycopg.Connection[Any]) -> None:
        self._session = session
        self._relations: dict[int, Relation] = {}

    def told(self) -> list[tuple[str, Row]]:
        """What was told since the last time, by table."""
        found = []
        rows = self._session.execute(
            "SELECT data FROM pg_logical_slot_get_binary_changes(%s, NULL, NULL,"
            " 'proto_version', '1', 'publication_names', %s)",
            (SLOT, PUBLICATION),
        )
        for (data,) in rows.fetchall():
            each = message(data, self._relations)
            if isinstance(each, Relation):
                self._relations[each.oid] = each
            elif isinstance(each, Row):
                relation = self._relations[each.oid]
                if Shape(relation.name, relation.columns).differ(each.old, each.new):
                    found.append((relation.name, each))
        return found

    def values(self, table: str, row: tuple[bytes | None, ...] | None) -> dict[str, Any]:
        """A row as its frame says it."""
        relation = next(each for each in self._relations.values() if each.name == table)
        found: dict[str, Any] = json.loads(Shape(table, relation.columns).row(row))
        return found


def fill(session: psycopg.Connection[Any]) -> None:
    """Have a row in every table."""
    for table in TABLES.values():
        names = sql.SQL(", ").join(map(sql.Identifier, table.columns))
        values = sql.SQL(", ").join(sql.Literal(begun(table, c)) for c in table.columns)
        if table.name == "link":
            names = sql.SQL("venue, ") + names
            values = sql.SQL("'*', ") + values
        query = sql.SQL("INSERT INTO {} ({}) VALUES ({})")
        session.execute(query.format(sql.Identifier(table.name), names, values))


@pytest.fixture
def session(server: Server) -> Any:  # noqa: ANN401 - a generator of connections
    """A session on a database of its own, with a row in every table and a slot."""
    address = server.migrated()
    with psycopg.connect(address.url, options=OPTIONS, autocommit=True) as made:
        made.execute("SET synchronous_commit = on")  # only what is in the log is told
        fill(made)
        made.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (SLOT,))
        yield made
    server.drop(address)


def update(table: Table, column: str, value: Any) -> sql.Composed:  # noqa: ANN401 - see above
    """The statement that gives every row of a table a value."""
    query = sql.SQL("UPDATE {} SET {} = {}")
    return query.format(sql.Identifier(table.name), sql.Identifier(column), sql.Literal(value))


@settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_whatever_is_changed_is_told_once_and_what_is_not_is_not(
    session: psycopg.Connection[Any], data: st.DataObject
) -> None:
    """Any column of any table, any number of times: one frame a change, with just that in it."""
    slot = Slot(session)
    slot.told()
    table, column = data.draw(st.sampled_from(CHOICES))
    values = st.sampled_from([begun(table, column), other(table, column)])
    for value in data.draw(st.lists(values, min_size=1, max_size=4)):
        ((before,),) = session.execute(
            sql.SQL("SELECT {}::text FROM {}").format(
                sql.Identifier(column), sql.Identifier(table.name)
            )
        ).fetchall()
        session.execute(update(table, column, value))
        ((after,),) = session.execute(
            sql.SQL("SELECT {}::text FROM {}").format(
                sql.Identifier(column), sql.Identifier(table.name)
            )
        ).fetchall()
        told = [row for name, row in slot.told() if name == table.name]
        if before == after:
            assert told == []
            continue
        (row,) = told
        old, new = slot.values(table.name, row.old), slot.values(table.name, row.new)
        differing = {name for name in old if old[name] != new[name]}
        assert differing - set(BOOKKEEPING) == {column}
        assert row.op == "update"


async def test_every_column_of_every_table_reaches_the_bus_once(tmp_path: Path) -> None:
    """All the way: a change and its undoing are two frames, an update that changes nothing is none."""
    world = World(tmp_path)

    async def told(table: str, words: bytes) -> bool:
        with contextlib.suppress(StreamUnfit):
            found = [each for each in await everything(world.bus) if each.type == table]
            return bool(found) and words in found[-1].payload
        return False

    try:
        await world.start()
        with psycopg.connect(world.address.url, options=OPTIONS, autocommit=True) as made:
            fill(made)
            await world.publish()
            await until(lambda: told("snapshot", b'"op":"end"'), "the snapshot is on the bus")
            wanted = []
            for table, column in CHOICES:
                for value in (begun(table, column), other(table, column)):
                    made.execute(update(table, column, value))
                made.execute(update(table, column, other(table, column)))
                made.execute(update(table, column, begun(table, column)))
                wanted += [(table.name, column)] * 2
            made.execute("UPDATE series SET title = 'the end'")
        await until(lambda: told("series", b"the end"), "the last change is on the bus")
        changes = [
            decode_change(envelope.payload)
            for envelope in await everything(world.bus)
            if envelope.ordinal is not None and envelope.type in TABLES
        ]
        found = [
            (each.table, *sorted(name for name in each.old if each.old[name] != each.new[name]))
            for each in changes
            if each.op == "update" and each.old is not None and each.new is not None
        ]
        stated = [(name, *(c for c in names if c not in BOOKKEEPING)) for name, *names in found]
        assert stated == [*wanted, ("series", "title")]
    finally:
        await world.close()
