"""What the triggers keep, refuse and leave alone, whoever writes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import psycopg
import pytest
from psycopg import errors, sql

from ssmd.secmaster.address import Address
from ssmd.secmaster.columns import TABLES, Table
from tests.secmaster.server import connect

Session: TypeAlias = psycopg.Connection[tuple[Any, ...]]

DAWN = datetime(2020, 1, 1, tzinfo=UTC)
OTHER = {
    "text": "other",
    "text[]": ["other"],
    "jsonb": '{"other": 1}',
    "numeric": 7,
    "boolean": False,
    "timestamptz": datetime(2021, 1, 1, tzinfo=UTC),
}
FIRST = {
    "text": "first",
    "text[]": ["first"],
    "jsonb": '{"first": 1.10}',
    "numeric": 1,
    "boolean": True,
    "timestamptz": DAWN,
}
WORDS = {
    "kind": ("spot", "future"),
    "status": ("active", "paused"),
    "scope": ("series", "event"),
    "left_venue": ("a", "b"),
    "right_venue": ("y", "z"),
    "state": ("proposed", "confirmed"),
    "effective_to": (datetime(2030, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)),
    "ends_at": (datetime(2030, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)),
}
"""Columns that take none but certain values."""
LINK_KIND = ("event", "instrument")


def value(table: Table, column: str, which: int) -> object:
    """A value for a column: 0 the first, 1 another."""
    if table.name == "link" and column == "kind":
        return LINK_KIND[which]
    if column in WORDS:
        return WORDS[column][which]
    return (FIRST, OTHER)[which][table.types[column]]


@pytest.fixture
def session(address: Address) -> Iterator[Session]:
    """A plain session."""
    with connect(address) as made:
        yield made


def insert(session: Session, table: Table, **values: object) -> None:
    """A row with something in every column."""
    row = {name: value(table, name, 0) for name in table.columns} | values
    query = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table.name),
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join([sql.Placeholder()] * len(row)),
    )
    session.execute(query, list(row.values()))


def one(session: Session, query: str) -> Any:  # noqa: ANN401 - whatever it is
    """The one value that a query gives."""
    (found,) = session.execute(query).fetchone() or (None,)
    return found


def count(session: Session, table: str) -> int:
    """How many rows there are."""
    return int(one(session, f"SELECT count(*) FROM {table}"))  # noqa: S608 - a name of ours


def well(session: Session) -> None:
    """Every history is sound."""
    for table in TABLES.values():
        wrong = session.execute("SELECT * FROM check_history(%s)", (table.name,)).fetchall()
        assert wrong == [], table.name


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_any_column_that_changes_is_seen_and_none_that_does_not(
    session: Session, table: Table
) -> None:
    """Each column alone makes one new state, with that column changed alone; itself again makes none."""
    insert(session, table)
    for number, column in enumerate(table.values):
        set_one = sql.SQL("UPDATE {} SET {} = %s").format(
            sql.Identifier(table.name), sql.Identifier(column)
        )
        before = one(session, f"SELECT to_jsonb(r) FROM {table.name} r")  # noqa: S608 - a name of ours
        for again in range(2):  # the second time nothing changes
            done = session.execute(set_one, (value(table, column, 1),))
            assert done.rowcount == 1 - again
        after = one(session, f"SELECT to_jsonb(r) FROM {table.name} r")  # noqa: S608 - a name of ours
        book = {"valid_from", "known_from", "change_id"}
        changed = {name for name in after if after[name] != before[name]} - book
        assert changed == {column}
        assert count(session, "change_set") == number + 2
        # The state before, as it was known to hold on, and that it ended, and what holds now.
        assert count(session, f"{table.name}_version") == 1 + 2 * (number + 1)
    well(session)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_what_changes_nothing_writes_nothing(session: Session, table: Table) -> None:
    """A second sync of the same leaves locks on the rows it named, and not a row more."""
    insert(session, table)
    column = (table.values or table.key)[0]
    again = sql.SQL("UPDATE {} SET {} = {}, told_from = {}").format(
        *(sql.Identifier(name) for name in (table.name, column, column)), sql.Literal(DAWN)
    )
    session.execute("CHECKPOINT")
    assert session.execute(again).rowcount == 0  # the first touch of a page costs its image
    before = one(session, "SELECT pg_current_wal_insert_lsn()")
    assert session.execute(again).rowcount == 0
    query = f"SELECT pg_current_wal_insert_lsn() - '{before}'::pg_lsn"
    assert int(one(session, query)) < 300  # a lock of a row, and who gave it back
    assert count(session, "change_set") == 1
    assert count(session, f"{table.name}_version") == 1


def test_a_statement_of_many_rows_writes_those_that_change(session: Session) -> None:
    """A no-op beside a change neither hides it nor is taken for one."""
    alias, series = TABLES["alias"], TABLES["series"]
    for number in range(10):
        insert(session, series, symbol=f"s{number}", title=str(number % 2))
    done = session.execute("UPDATE series SET title = '1'")
    assert done.rowcount == 5
    assert count(session, "series_version") == 10 + 2 * 5
    assert count(session, "series_as_of(now()) WHERE title = '1'") == 10
    insert(session, alias)
    well(session)


def test_an_upsert_is_versioned_as_what_it_did(session: Session) -> None:
    """`ON CONFLICT DO UPDATE` inserts here and changes there, in one statement."""
    insert(session, TABLES["activity"], symbol="old", volume=1)
    session.execute(
        "INSERT INTO activity (venue, symbol, volume) VALUES ('first', 'old', 2), ('first', 'new', 3)"
        " ON CONFLICT (venue, symbol) DO UPDATE SET volume = excluded.volume"
    )
    found = session.execute(
        "SELECT symbol, volume FROM activity_as_of(now()) ORDER BY 1"
    ).fetchall()
    assert found == [("new", 3), ("old", 2)]
    well(session)


def test_numbers_that_are_equal_are_no_change(session: Session) -> None:
    """1.0 is 1: a venue that writes one more zero has changed nothing."""
    insert(session, TABLES["instrument"], tick_size="0.10", payload='{"a": 1.0}')
    done = session.execute("UPDATE instrument SET tick_size = 0.1, payload = '{\"a\": 1}'")
    assert done.rowcount == 0
    assert one(session, "SELECT payload::text FROM instrument") == '{"a": 1.0}'


def test_a_late_change_of_json_to_null_is_kept_as_such(session: Session) -> None:
    """`null` is a value of JSON, in the past as today."""
    insert(session, TABLES["series"], told_from=DAWN)
    session.execute("UPDATE series SET title = 'second'")
    session.execute("UPDATE series SET details = 'null', told_from = %s", (DAWN,))
    query = "SELECT details::text FROM series_as_of('2020-06-01')"
    assert one(session, query) == "null"
    well(session)


@pytest.mark.parametrize(
    "words",
    [
        "UPDATE series_version SET title = 'x'",
        "DELETE FROM series_version",
        "TRUNCATE series_version",
        "INSERT INTO series_version OVERRIDING SYSTEM VALUE SELECT * FROM series_version",
        "TRUNCATE series",
        "TRUNCATE series CASCADE",
        "DELETE FROM activity_version",
        "SET ssmd.prune = 'on'; DELETE FROM series_version",
        "SET ssmd.prune = 'on'; UPDATE activity_version SET volume = 2",
    ],
)
def test_history_is_written_by_its_triggers_alone(session: Session, words: str) -> None:
    """Nobody rewrites what was known, by mistake or otherwise."""
    insert(session, TABLES["series"])
    insert(session, TABLES["activity"])
    with pytest.raises(errors.RaiseException, match=r"triggers of its table|never emptied"):
        session.execute(words)
    assert count(session, "series_version") == 1
    assert count(session, "activity_version") == 1


def test_what_moves_may_be_pruned(session: Session) -> None:
    """A retention policy lets go of old volumes, and of nothing else."""
    insert(session, TABLES["activity"])
    session.execute("UPDATE activity SET volume = 2")
    with session.transaction():
        session.execute("SELECT set_config('ssmd.prune', 'on', true)")
        session.execute("DELETE FROM activity_version WHERE known_to < 'infinity'")
    assert count(session, "activity_version") == 2
    well(session)


@pytest.mark.parametrize("column", ["id", "venue"])
def test_what_says_which_row_it_is_never_changes(session: Session, column: str) -> None:
    """A history under another name would be nobody's."""
    insert(session, TABLES["alias"])
    to = "DEFAULT" if column == "id" else "'other'"
    with pytest.raises(psycopg.Error, match="never change"):
        session.execute(f"UPDATE alias SET {column} = {to}")  # noqa: S608 - names of ours


def test_bookkeeping_is_nobody_elses(session: Session) -> None:
    """Who writes `known_from` by hand has written nothing, or what the clock says."""
    insert(session, TABLES["series"], known_from=DAWN, change_id=77)
    assert (
        session.execute("UPDATE series SET known_from = '2020-01-01', change_id = 5").rowcount == 0
    )
    session.execute(
        "UPDATE series SET title = 'x', known_from = '2020-01-01', valid_from = '2020-01-01'"
    )
    assert one(session, "SELECT known_from > now() - interval '1 day' FROM series")
    assert one(session, "SELECT valid_from = known_from FROM series")
    assert one(session, "SELECT told_from FROM series") is None
    well(session)


def test_what_is_said_of_the_future_holds_from_now(session: Session) -> None:
    """Nobody knows yet what will be."""
    ahead = datetime.now(UTC) + timedelta(days=3)
    insert(session, TABLES["series"], told_from=ahead)
    assert one(session, "SELECT valid_from = known_from FROM series_version")


def test_nobody_is_told_what_will_be_known(session: Session) -> None:
    """An answer about knowledge to come would change."""
    insert(session, TABLES["series"])
    with pytest.raises(errors.InvalidParameterValue, match="nobody knows yet"):
        session.execute(
            "SELECT * FROM series_as_of(now(), clock_timestamp() + interval '1 minute')"
        )


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_an_old_snapshot_neither_writes_nor_asks(session: Session, level: str) -> None:
    """It would miss what was stamped before it and committed after."""
    for words in (
        "INSERT INTO activity (venue, symbol) VALUES ('v', 's')",
        "SELECT * FROM activity_as_of(now())",
    ):
        session.execute(f"BEGIN ISOLATION LEVEL {level}")
        with pytest.raises(errors.ObjectNotInPrerequisiteState, match="read committed"):
            session.execute(words)
        session.execute("ROLLBACK")


def test_stamps_grow_though_the_clock_is_set_back(session: Session) -> None:
    """What was known later is stamped later, whatever the machine says of the time."""
    insert(session, TABLES["series"])
    session.execute(
        "INSERT INTO change_set (venue, known_at, source)"
        " SELECT 'first', clock_timestamp() + interval '1 hour', 'the clock before it was set back'"
    )
    for title in "xyz":
        session.execute("UPDATE series SET title = %s", (title,))
    stamps = session.execute("SELECT known_at FROM change_set ORDER BY id").fetchall()
    assert stamps == sorted(set(stamps))
    assert len(stamps) == 5
    insert(session, TABLES["series"], venue="another")
    assert one(session, "SELECT max(known_at) < now() FROM change_set WHERE venue = 'another'")
    well(session)


def test_a_stamp_survives_any_way_of_writing_dates(session: Session) -> None:
    """India's `IST` is read as Israel's: a stamp is never kept as a date."""
    with session.transaction():
        session.execute("SET LOCAL timezone = 'Asia/Kolkata'")
        session.execute("SET LOCAL datestyle = 'Postgres, DMY'")
        for symbol in "ab":
            insert(session, TABLES["series"], symbol=symbol)
    assert one(session, "SELECT count(DISTINCT known_from) FROM series") == 1
    well(session)


def test_whoever_writes_by_hand_needs_no_search_path(address: Address) -> None:
    """A client such as psql is told nothing about our schema; what it writes is history all the same."""
    with psycopg.connect(address.url, autocommit=True) as plain:
        plain.execute("SET ssmd.source = 'ann'")
        plain.execute("INSERT INTO ssmd.activity (venue, symbol, volume) VALUES ('v', 's', 1)")
        plain.execute("UPDATE ssmd.activity SET volume = 2, told_from = '2020-01-01'")
        plain.execute("DELETE FROM ssmd.activity")
        assert plain.execute("SELECT * FROM ssmd.activity_as_of(now())").fetchall() == []
        assert plain.execute("SELECT * FROM ssmd.check_history('activity')").fetchall() == []
        found = plain.execute("SELECT DISTINCT source FROM ssmd.change_set").fetchall()
        assert found == [("ann",)]


def test_a_check_of_history_finds_what_is_wrong(session: Session) -> None:
    """It is no use if it is content with everything."""
    for symbol in "abc":
        insert(session, TABLES["series"], symbol=symbol)
    session.execute("UPDATE series SET title = 'x'")
    well(session)
    with session.transaction():
        session.execute("SET LOCAL session_replication_role = replica")
        session.execute(
            "UPDATE series_version SET valid_to = 'infinity' WHERE symbol = 'a' AND known_to < 'infinity'"
        )
        session.execute(
            "UPDATE series_version SET valid_to = valid_to + interval '1 day', known_to = 'infinity'"
            " WHERE symbol = 'a' AND valid_to < 'infinity'"
        )
        session.execute("UPDATE series SET title = 'y' WHERE symbol = 'b'")
        session.execute(
            "UPDATE series_version SET known_to = known_from WHERE symbol = 'c' AND known_to < 'infinity'"
        )
        session.execute("UPDATE series_version SET change_id = 99 WHERE symbol = 'c'")
    found = {wrong for (wrong,) in session.execute("SELECT wrong FROM check_history('series')")}
    kinds = {" ".join(each.split()[:2]) for each in found}
    assert kinds == {"overlaps version", "is not", "was known", "is stamped"}
