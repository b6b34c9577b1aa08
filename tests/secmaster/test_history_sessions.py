"""Readers and writers beside each other: what was answered stays so, and nobody keeps another waiting for long."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import psycopg
import pytest
from psycopg import errors

from ssmd.secmaster.address import Address
from ssmd.secmaster.database import Database
from tests.secmaster.server import connect

Session: TypeAlias = psycopg.Connection[tuple[Any, ...]]
INSERT = "INSERT INTO activity (venue, symbol, volume) VALUES (%s, %s, 1)"
ANSWER = "SELECT symbol, volume FROM activity_as_of('9999-01-01', %s) ORDER BY venue, symbol"


@pytest.fixture
def sessions(address: Address) -> Iterator[Callable[[], Session]]:
    """Makes sessions; all are closed at the end."""
    made: list[Session] = []

    def one() -> Session:
        made.append(connect(address))
        return made[-1]

    yield one
    for each in made:
        each.close()


def now(session: Session) -> datetime:
    """What time it is in the database."""
    (found,) = session.execute("SELECT clock_timestamp()").fetchone() or (None,)
    assert isinstance(found, datetime)
    return found


def waiting(watcher: Session, sleeper: Session, task: Future[Any]) -> None:
    """Wait until a session waits for an advisory lock; fail when it got what it asked for."""
    query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND pid = %s"
    while watcher.execute(query, (sleeper.info.backend_pid,)).fetchone() != (1,):
        assert not task.done(), "it did not wait"


@pytest.mark.parametrize("venue", ["known before", "never seen"])
def test_who_asks_waits_for_what_is_stamped(sessions: Callable[[], Session], venue: str) -> None:
    """A change that was stamped before the question and committed after it is in the answer.

    Nobody else can see yet that a venue exists whose first change is on its way.
    """
    watcher, writer, reader = sessions(), sessions(), sessions()
    if venue == "known before":
        watcher.execute(INSERT, (venue, "first"))
    before = watcher.execute(ANSWER, (now(watcher),)).fetchall()
    writer.execute("BEGIN")
    writer.execute(INSERT, (venue, "second"))
    asked = now(watcher)
    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(lambda: reader.execute(ANSWER, (asked,)).fetchall())
        waiting(watcher, reader, task)
        writer.execute("COMMIT")
        told = task.result()
    assert [symbol for symbol, _ in told] == [symbol for symbol, _ in before] + ["second"]
    assert reader.execute(ANSWER, (asked,)).fetchall() == told


def test_no_stamp_lies_before_a_time_that_was_asked_about(
    sessions: Callable[[], Session],
) -> None:
    """What was answered stays so when the clock is set back below the question, of any venue."""
    writer, reader = sessions(), sessions()
    writer.execute(INSERT, ("known", "first"))
    asked = now(reader) + timedelta(hours=1)  # as if the clock had been there, and was set back
    micros = round(asked.timestamp() * 1_000_000)
    reader.execute("SELECT setval('asked', %s)", (micros,))
    for venue in ("known", "never seen"):
        writer.execute(INSERT, (venue, "second"))
    stamps = writer.execute("SELECT known_at FROM change_set WHERE id > 1").fetchall()
    assert [at > asked for (at,) in stamps] == [True, True]


@pytest.mark.parametrize("how", ["ROLLBACK", "COMMIT"])
def test_what_was_asked_about_is_noted(sessions: Callable[[], Session], how: str) -> None:
    """The latest time is, whatever becomes of the question; an earlier one takes nothing back."""
    reader = sessions()
    noted = "SELECT of_micros(last_value) FROM asked"
    asked = now(reader)
    reader.execute("BEGIN")
    reader.execute(ANSWER, (asked,))
    reader.execute(how)
    assert reader.execute(noted).fetchone() == (asked,)
    for earlier in (asked - timedelta(days=1), "-infinity"):
        reader.execute(ANSWER, (earlier,))
    assert reader.execute(noted).fetchone() == (asked,)


def test_what_is_undone_was_never_known(sessions: Callable[[], Session]) -> None:
    """Who waited for a change that did not come is answered without it."""
    watcher, writer, reader = sessions(), sessions(), sessions()
    watcher.execute(INSERT, ("v", "first"))
    writer.execute("BEGIN")
    writer.execute("UPDATE activity SET volume = 2")
    asked = now(watcher)
    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(lambda: reader.execute(ANSWER, (asked,)).fetchall())
        waiting(watcher, reader, task)
        writer.execute("ROLLBACK")
        assert task.result() == [("first", 1)]


def test_a_reader_who_stays_keeps_nobody_from_writing(sessions: Callable[[], Session]) -> None:
    """A question in a transaction that is left open takes no lock with it."""
    writer, reader = sessions(), sessions()
    writer.execute(INSERT, ("v", "a"))
    reader.execute("BEGIN")
    asked = now(reader)
    told = reader.execute(ANSWER, (asked,)).fetchall()
    writer.execute("SET lock_timeout = '10s'")
    writer.execute("UPDATE activity SET volume = 7")
    writer.execute(INSERT, ("another", "b"))
    assert reader.execute(ANSWER, (asked,)).fetchall() == told
    assert len(reader.execute(ANSWER, (now(reader),)).fetchall()) == 2


def test_writers_of_one_venue_follow_each_other(sessions: Callable[[], Session]) -> None:
    """The second is stamped when the first is done, and later; another venue waits for nobody."""
    watcher, one, two = sessions(), sessions(), sessions()
    watcher.execute(INSERT, ("v", "a"))
    watcher.execute(INSERT, ("elsewhere", "a"))
    one.execute("BEGIN")
    one.execute(INSERT, ("v", "b"))
    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(lambda: two.execute(INSERT, ("v", "c")))
        waiting(watcher, two, task)
        watcher.execute("UPDATE activity SET volume = 2 WHERE venue = 'elsewhere'")
        one.execute("COMMIT")
        task.result()
    query = "SELECT symbol FROM activity WHERE venue = 'v' ORDER BY known_from"
    assert watcher.execute(query).fetchall() == [("a",), ("b",), ("c",)]


def test_who_asks_while_he_writes_sees_what_he_wrote(sessions: Callable[[], Session]) -> None:
    """A transaction does not wait for itself."""
    session = sessions()
    with session.transaction():
        session.execute(INSERT, ("v", "a"))
        assert session.execute(ANSWER, (now(session),)).fetchall() == [("a", 1)]


def test_two_who_change_one_row_both_count(sessions: Callable[[], Session]) -> None:
    """The second of them changes what the first left, and both states are kept."""
    watcher, one, two = sessions(), sessions(), sessions()
    watcher.execute(INSERT, ("v", "a"))
    one.execute("BEGIN")
    one.execute("UPDATE activity SET volume = 2")
    pid = two.info.backend_pid
    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(lambda: two.execute("UPDATE activity SET volume_24h = 3"))
        query = "SELECT wait_event_type FROM pg_stat_activity WHERE pid = %s"
        while watcher.execute(query, (pid,)).fetchone() != ("Lock",):
            assert not task.done()
        one.execute("COMMIT")
        assert task.result().rowcount == 1
    rows = "SELECT volume, volume_24h FROM activity_version WHERE known_to = 'infinity' ORDER BY valid_from"
    assert watcher.execute(rows).fetchall() == [(1, None), (2, None), (2, 3)]
    assert watcher.execute("SELECT * FROM check_history('activity')").fetchall() == []


def test_answers_hold_under_many_writers(address: Address, sessions: Callable[[], Session]) -> None:
    """Whatever is asked while others write is answered the same when they are done."""
    asked: list[tuple[datetime, list[Any]]] = []

    def write(number: int) -> None:
        with connect(address) as session:
            for step in range(25):
                with session.transaction(force_rollback=step % 5 == 4):
                    venue = f"v{number % 2}-{step % 3}"
                    session.execute(
                        f"{INSERT} ON CONFLICT (venue, symbol) DO UPDATE SET volume = activity.volume + 1",
                        (venue, "s"),
                    )

    def ask() -> None:
        with connect(address) as session:
            for _ in range(40):
                at = now(session)
                asked.append((at, session.execute(ANSWER, (at,)).fetchall()))

    with ThreadPoolExecutor(5) as pool:
        works = [pool.submit(write, number) for number in range(3)]
        works += [pool.submit(ask) for _ in range(2)]
        for work in works:
            work.result()
    session = sessions()
    assert len({len(rows) for _, rows in asked}) > 1, "nothing was written meanwhile"
    for at, rows in asked:
        assert session.execute(ANSWER, (at,)).fetchall() == rows
    assert session.execute("SELECT * FROM check_history('activity')").fetchall() == []
    stamps = "SELECT count(*) FROM change_set a JOIN change_set b USING (venue) WHERE a.id < b.id AND a.known_at >= b.known_at"
    assert session.execute(stamps).fetchone() == (0,)


async def test_writers_who_name_their_venue_do_not_deadlock(database: Database) -> None:
    """Rows first and the venue second can tie two writers up; `writing` with the venue cannot."""
    async with database.writing("test", "v") as session:
        for symbol in "ab":
            await session.execute(INSERT, ("v", symbol))
    change = "UPDATE activity SET volume = volume + 1 WHERE symbol = %s"
    first, second = asyncio.Event(), asyncio.Event()

    async def write(order: str, mine: asyncio.Event, others: asyncio.Event, *venues: str) -> None:
        async with database.writing("test", *venues) as session:
            await session.execute(change, (order[0],))
            mine.set()
            if not venues:
                await others.wait()
            await session.execute(change, (order[1],))

    await asyncio.gather(write("ab", first, second, "v"), write("ba", second, first, "v"))
    async with database.session() as session:
        found = await (await session.execute("SELECT volume FROM activity")).fetchall()
    assert [row["volume"] for row in found] == [3, 3]


async def test_a_deadlock_of_two_who_do_not_is_an_error_not_a_hang(
    sessions: Callable[[], Session],
) -> None:
    """The one that is chosen has written nothing, and may try again."""
    watcher, one, two = sessions(), sessions(), sessions()
    for symbol in "ab":
        watcher.execute(INSERT, ("v", symbol))
    one.execute("BEGIN")
    one.execute("UPDATE activity SET volume = 2 WHERE symbol = 'a'")
    with ThreadPoolExecutor(2) as pool:
        task = pool.submit(lambda: two.execute("UPDATE activity SET volume = 3 WHERE symbol = 'b'"))
        waiting(watcher, two, task)
        late = pool.submit(lambda: one.execute("UPDATE activity SET volume = 2 WHERE symbol = 'b'"))
        failed = [error for each in (late, task) if (error := each.exception()) is not None]
    assert [type(each) for each in failed] == [errors.DeadlockDetected]
