"""Whatever is written, the database tells what was so, as it was known, and never takes an answer back."""

import itertools
import random
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from ssmd.secmaster.address import Address
from tests.secmaster.bitemporal import Key, Said, State, cut, differing, since, told
from tests.secmaster.server import connect
from tests.tier import scale

Session: TypeAlias = psycopg.Connection[tuple[Any, ...]]
Row: TypeAlias = tuple[str, str | None, list[str] | None]
"""Title, category, tags."""

MICRO = timedelta(microseconds=1)
DAWN = datetime(2020, 1, 1, tzinfo=UTC)
COLUMNS = ("title", "category", "tags")

ROWS = st.tuples(
    st.sampled_from(["a", "b"]),
    st.sampled_from([None, "", "x"]),
    st.sampled_from([None, [], ["p"], ["p", "q"]]),
)
# Since when: not said, long ago, ahead, or at (or a moment beside) something that was known before.
SINCE = st.one_of(
    st.none(),
    st.sampled_from(["dawn", "ahead", "standing"]),
    st.tuples(st.integers(0, 5), st.integers(-1, 1)),
)
VENUES, SYMBOLS = (0, 1), ("A", "B", "C")
WHICH = st.tuples(st.sampled_from(VENUES), st.sampled_from(SYMBOLS))
PUT = st.tuples(st.just("put"), st.dictionaries(WHICH, st.tuples(ROWS, SINCE), min_size=1))
DROP = st.tuples(st.just("drop"), st.sets(WHICH, min_size=1))
SAVE = st.tuples(st.sampled_from(["save"]), st.booleans())
TRANSACTIONS = st.lists(
    st.tuples(st.lists(st.one_of(PUT, PUT, DROP, SAVE), min_size=1, max_size=4), st.booleans()),
    min_size=1,
    max_size=7,
)


class Writer:
    """Carries random transactions out, and writes down what they said.

    Args:
        session: Where to.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.venues = {each: f"venue-{each}" for each in VENUES}
        self.said: list[Said] = []
        self.rows: dict[Key, State] = {}
        self.knowns: list[datetime] = []
        self.points: set[datetime] = {DAWN, DAWN - MICRO}

    def transact(self, work: list[Any], *, keep: bool) -> None:
        """One transaction; nothing of one that is undone may be seen."""
        before = list(self.said), dict(self.rows)
        with self._session.transaction(force_rollback=not keep):
            kept: tuple[list[Said], dict[Key, State]] | None = None
            for kind, what in work:
                if kind == "put":
                    self._put(what)
                elif kind == "drop":
                    self._drop(what)
                elif kept is None:
                    kept = list(self.said), dict(self.rows)
                    self._session.execute("SAVEPOINT here")
                elif what:
                    self.said, self.rows = list(kept[0]), dict(kept[1])
                    self._session.execute("ROLLBACK TO SAVEPOINT here")
        if not keep:
            self.said, self.rows = before
        self.knowns += sorted({each.known for each in self.said} - set(self.knowns))

    def _put(self, rows: dict[tuple[int, str], tuple[Row, Any]]) -> None:
        """New rows in one statement, changed ones in another, those that stay as they are among them."""
        new: dict[Key, tuple[Row, datetime | None]] = {}
        old: dict[Key, tuple[Row, datetime | None]] = {}
        for (venue, symbol), (row, since_when) in rows.items():
            key = self.venues[venue], symbol
            (old if key in self.rows else new)[key] = row, self._time(key, since_when)
        if new:
            marks = ", ".join(["(%s, %s, %s, %s, %s, '{}', '{}', %s)"] * len(new))
            into = "venue, symbol, title, category, tags, details, payload, told_from"
            values = [each for key, (row, at) in new.items() for each in (*key, *row, at)]
            self._session.execute(f"INSERT INTO series ({into}) VALUES {marks}", values)  # noqa: S608 - marks alone
            for key, (row, at) in new.items():
                known = self._known(key[0])
                state: State = dict(zip(COLUMNS, row, strict=True))
                start = since(key, self.said, at, known)
                self.rows[key] = state
                self._say(Said(key, known, start, state, whole=True), cut(at, known))
        if old:
            self._change(old)

    def _change(self, rows: dict[Key, tuple[Row, datetime | None]]) -> None:
        marks = ", ".join(["(%s, %s, %s, %s, %s::text[], %s::timestamptz)"] * len(rows))
        self._session.execute(
            "UPDATE series s SET title = n.title, category = n.category, tags = n.tags,"  # noqa: S608 - marks alone
            f" told_from = n.told FROM (VALUES {marks}) n (venue, symbol, title, category, tags, told)"
            " WHERE s.venue = n.venue AND s.symbol = n.symbol",
            [each for key, (row, at) in rows.items() for each in (*key, *row, at)],
        )
        for key, (row, at) in rows.items():
            changed = differing(self.rows[key], dict(zip(COLUMNS, row, strict=True)))
            if changed:
                known = self._known(key[0])
                self.rows[key] = {**self.rows[key], **changed}
                self._say(Said(key, known, cut(at, known), changed), cut(at, known))

    def _drop(self, which: set[tuple[int, str]]) -> None:
        keys = [(self.venues[venue], symbol) for venue, symbol in sorted(which)]
        marks = ", ".join(["(%s, %s)"] * len(keys))
        flat = [each for key in keys for each in key]
        self._session.execute(f"DELETE FROM series WHERE (venue, symbol) IN ({marks})", flat)  # noqa: S608 - marks alone
        for key in keys:
            if self.rows.pop(key, None) is not None:
                known = self._known(key[0])
                self._say(Said(key, known, known, None), known)

    def _say(self, said: Said, at: datetime) -> None:
        self.said.append(said)
        self.points |= {said.known, said.known - MICRO, at, at - MICRO, said.since}

    def _known(self, venue: str) -> datetime:
        """The stamp of this transaction: the database's own affair."""
        query = (
            "SELECT max(known_at) FROM change_set WHERE venue = %s AND xid = pg_current_xact_id()"
        )
        (found,) = self._session.execute(query, (venue,)).fetchone() or (None,)
        assert isinstance(found, datetime)
        return found

    def _time(self, key: Key, since_when: Any) -> Any:  # noqa: ANN401 - of the strategy
        if since_when == "dawn":
            return DAWN
        if since_when == "ahead":
            return datetime.now(UTC) + timedelta(days=1)
        if since_when == "standing":
            query = "SELECT valid_from FROM series WHERE venue = %s AND symbol = %s"
            (found,) = self._session.execute(query, key).fetchone() or (None,)
            return found
        if since_when is None or not self.knowns:
            return None
        number, beside = since_when
        return self.knowns[number % len(self.knowns)] + beside * MICRO

    def answers(self, times: list[tuple[datetime, datetime]]) -> list[dict[Key, State]]:
        """What the database tells of each (as_of, known_at)."""
        found: list[dict[Key, State]] = []
        with self._session.cursor(row_factory=dict_row) as cursor:
            for pair in times:
                cursor.execute("SELECT * FROM series_as_of(%s, %s)", pair)
                rows = cursor.fetchall()
                told_rows = {
                    (r["venue"], r["symbol"]): {name: r[name] for name in COLUMNS} for r in rows
                }
                assert len(told_rows) == len(rows), "one thing is told twice"
                found.append(told_rows)
        return found

    def expected(self, as_of: datetime, known_at: datetime) -> dict[Key, State]:
        """What everything that was said comes to."""
        keys = {each.key for each in self.said}
        states = {key: told(key, self.said, as_of, known_at) for key in keys}
        return {key: state for key, state in states.items() if state is not None}

    def pairs(self) -> list[tuple[datetime, datetime]]:
        """Times to ask about: at, before and between everything that was said."""
        points = sorted(self.points)
        knowns = sorted({each for known in self.knowns for each in (known, known - MICRO)})
        pairs = list(itertools.product(points, [DAWN, *knowns]))
        return random.Random(len(pairs)).sample(pairs, min(len(pairs), 60))


def forget(session: Session) -> None:
    """Begin anew, behind the back of every trigger."""
    with session.transaction():
        session.execute("SET LOCAL session_replication_role = replica")
        session.execute("TRUNCATE series, series_version, change_set")


@settings(
    max_examples=scale(gate=100, full=600),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(transactions=TRANSACTIONS)
def test_history_is_what_was_said(address: Address, transactions: list[Any]) -> None:
    """`as_of(t, k)` equals a replay to k of what was said of t; what does not change is not written."""
    with connect(address) as session:
        forget(session)
        writer = Writer(session)
        early: list[tuple[datetime, datetime]] = []
        answered: list[dict[Key, State]] = []
        for work, keep in transactions:
            writer.transact(work, keep=keep)
            (now,) = session.execute("SELECT clock_timestamp()").fetchone() or (None,)
            assert now is not None
            pair = (random.Random(len(early)).choice(sorted(writer.points)), now)
            early.append(pair)
            answered += writer.answers([pair])
        pairs = writer.pairs()
        assert writer.answers(pairs) == [writer.expected(*pair) for pair in pairs]
        assert writer.answers(early) == answered == [writer.expected(*pair) for pair in early]
        for key in ("id", "venue, symbol"):
            wrong = session.execute("SELECT * FROM check_history('series', %s)", (key,)).fetchall()
            assert wrong == []
        stamps = session.execute("SELECT known_at FROM change_set").fetchall()
        assert {each for (each,) in stamps} == {each.known for each in writer.said}
