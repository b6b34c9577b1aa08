"""Folding changes gives what the database's own history gives, for every time and knowledge."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.string import TextLoader

from ssmd.model.errors import Damaged
from ssmd.secmaster.address import Address
from ssmd.secmaster.columns import TABLES
from ssmd.secmaster.fold import Fold, decode, patched
from ssmd.secmaster.times import FOREVER, EndlessLoader
from tests.secmaster.server import connect
from tests.secmaster.stream import Session, Tap

NOW = 1_800_000_000_000_000_000
TICK = timedelta(microseconds=1)
BIRTH = {
    "kind": "spot",
    "status": "active",
    "raw_status": "online",
    "status_source": "rest",
    "restricted": False,
    "title": "a",
    "price_ranges": "[]",
    "aliases": "{}",
    "details": "{}",
    "payload": "{}",
}
VALUES: dict[str, Sequence[object]] = {
    "title": ("a", "b", "c"),
    "status": ("active", "paused"),
    "tick_size": (None, Decimal("0.1"), Decimal("0.10"), Decimal(2)),
    "details": ('{"n":1.0}', '{"n":1.00}', '{"n":2,"m":null}'),
    "tags": (None, [], ["x", 'y "z"']),
    "listed": (True, False),
    "close_at": (None, datetime.fromisoformat("2030-01-01T00:00:00.5Z")),
}
QUICK = (Phase.explicit, Phase.generate)
"""A history is not made smaller when it fails: each attempt writes another one to the database."""
changed_columns = st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=3, unique=True)


class Write(NamedTuple):
    """One statement: of which row, what, since when.

    Attributes:
        since: Which earlier stamp it was so since, counted back; None leaves it unsaid.
    """

    op: str
    symbol: str
    columns: dict[str, object]
    since: int | None


@st.composite
def written(draw: st.DrawFn) -> Write:
    """A write of any sort."""
    columns = draw(changed_columns)
    return Write(
        draw(st.sampled_from(["insert", "update", "update", "update", "delete"])),
        draw(st.sampled_from("AB")),
        {name: draw(st.sampled_from(VALUES[name])) for name in columns},
        draw(st.none() | st.integers(0, 4)),
    )


points = st.lists(st.tuples(st.integers(0, 35), st.integers(0, 35)), min_size=12, max_size=12)
histories = st.lists(st.lists(written(), min_size=1, max_size=4), min_size=1, max_size=6)


@pytest.fixture
def session(address: Address) -> Iterator[Session]:
    """A plain writer's session."""
    with connect(address) as made:
        made.adapters.register_loader("timestamptz", EndlessLoader)
        made.adapters.register_loader("jsonb", TextLoader)
        yield made


@pytest.fixture
def tap(session: Session) -> Iterator[Tap]:
    """What the database tells of its changes."""
    made = Tap(session)
    yield made
    made.close()


def stamps(session: Session, venue: str) -> list[datetime]:
    """When something of a venue became known."""
    query = "SELECT known_at FROM change_set WHERE venue = %s ORDER BY known_at"
    return [at for (at,) in session.execute(query, (venue,))]


def write(session: Session, venue: str, one: Write, known: Sequence[datetime]) -> None:
    """Run one statement; an insert of what is there is an update."""
    told = None
    if one.since is not None and known:
        told = known[-1 - one.since % len(known)]
    if one.op == "delete":
        query = "DELETE FROM instrument WHERE venue = %s AND symbol = %s"
        session.execute(query, (venue, one.symbol))
        return
    if one.op == "insert":
        row = {**BIRTH, **one.columns, "venue": venue, "symbol": one.symbol, "told_from": told}
        names = sql.SQL(", ").join(map(sql.Identifier, row))
        marks = sql.SQL(", ").join([sql.Placeholder()] * len(row))
        insert = sql.SQL("INSERT INTO instrument ({}) VALUES ({}) ON CONFLICT DO NOTHING")
        session.execute(insert.format(names, marks), list(row.values()))
        return
    changes = {**one.columns, "told_from": told}
    assigned = sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(c)) for c in changes)
    update = sql.SQL("UPDATE instrument SET {} WHERE venue = %s AND symbol = %s")
    session.execute(update.format(assigned), [*changes.values(), venue, one.symbol])


def play(session: Session, venue: str, history: Sequence[Sequence[Write]]) -> None:
    """Write a history, a transaction after the other."""
    for together in history:
        known = stamps(session, venue)
        with session.transaction():
            for one in together:
                write(session, venue, one, known)


def text(at: datetime) -> str:
    """A time as changes write it."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def folded(
    frames: Sequence[bytes], table: str, as_of: str | None, known_at: str | None
) -> list[dict[str, Any]]:
    """What the fold gives."""
    fold = Fold([table], as_of, known_at)
    for each in frames:
        fold.take(decode(each))
    return [_plain(each.columns(table)) for each in fold.rows(table)]


def asked(session: Session, table: str, as_of: object, known_at: object) -> list[dict[str, Any]]:
    """What the database gives."""
    wanted = {*TABLES[table].columns, "valid_from", "valid_to", "known_from", "change_id"}
    query = sql.SQL("SELECT * FROM {}(%s, %s)").format(sql.Identifier(f"{table}_as_of"))
    with session.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query, (as_of, known_at)).fetchall()
    return [_plain({name: row[name] for name in wanted}) for row in rows]


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """The same from both: JSON as values, times as texts, numbers as numbers."""
    plain = dict(row)
    for name in ("price_ranges", "aliases", "details", "payload"):
        if name in plain:
            plain[name] = json.loads(plain[name], parse_float=Decimal)
    for name, value in plain.items():
        if isinstance(value, datetime):
            plain[name] = None if value == FOREVER else text(value)
    for name in ("tick_size", "lot_size"):
        if plain.get(name) is not None:
            plain[name] = Decimal(plain[name])
    return dict(sorted(plain.items()))


def of_venue(rows: list[dict[str, Any]], venue: str) -> list[dict[str, Any]]:
    """Those of one venue, in an order of their own."""
    return sorted((row for row in rows if row["venue"] == venue), key=repr)


def differences(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> list[object]:
    """What is not the same in both."""
    if len(one) != len(other):
        return [one, other]
    return [
        (name, a[name], b[name])
        for a, b in zip(one, other, strict=True)
        for name in a
        if a[name] != b[name]
    ]


@settings(
    phases=[Phase.explicit, Phase.generate],
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=histories, later=histories, points=points)
def test_a_fold_is_the_databases_own_history(
    session: Session,
    tap: Tap,
    history: list[list[Write]],
    later: list[list[Write]],
    points: list[tuple[int, int]],
) -> None:
    """A researcher without the database sees exactly what it would have answered."""
    tap.read()
    count = session.execute("SELECT count(*) FROM change_set").fetchone()
    assert count is not None
    venue = f"v{count[0]}"
    play(session, venue, history)
    frames = tap.read()  # told twice, and the snapshot replaces it all
    frames += tap.snapshot(NOW)
    play(session, venue, later)
    frames += tap.read()
    known = stamps(session, venue)
    if not known:
        return
    times = [at + shift for at in known for shift in (-TICK, 0 * TICK, TICK)]
    for first, second in points:
        as_of, known_at = times[first % len(times)], times[second % (len(times) - 1)]
        told = of_venue(folded(frames, "instrument", text(as_of), text(known_at)), venue)
        right = of_venue(asked(session, "instrument", as_of, known_at), venue)
        assert differences(told, right) == []
    now = of_venue(folded(frames, "instrument", None, None), venue)
    far = of_venue(asked(session, "instrument", FOREVER.replace(year=9000), known[-1]), venue)
    assert now == far


def told(session: Session, tap: Tap, *statements: str) -> list[bytes]:
    """The frames of one transaction."""
    with session.transaction():
        for statement in statements:
            session.execute(statement)
    return tap.read()


NAMED = "INSERT INTO alias (venue, scheme, value, symbol) VALUES ('v', 's', 'x', '{}')"


def values(frames: Sequence[bytes], known_at: str | None = None) -> list[str]:
    """Whose name `x` is."""
    return sorted(row["symbol"] for row in folded(frames, "alias", None, known_at))


def test_a_transaction_counts_when_its_end_came(session: Session, tap: Tap) -> None:
    """An archive may end in the middle of one: half of it was never so."""
    frames = tap.snapshot(NOW) + told(session, tap, NAMED.format("A"))
    both = told(session, tap, "DELETE FROM alias", NAMED.format("B"))
    assert values(frames) == ["A"]
    for cut in range(len(both)):
        assert values(frames + both[:cut]) == ["A"]
    assert values(frames + both) == ["B"]


def test_a_snapshot_replaces_what_was_told_once_it_is_whole(session: Session, tap: Tap) -> None:
    """A publisher that dies within one leaves what was known standing."""
    first = tap.snapshot(NOW) + told(session, tap, NAMED.format("A"))
    told(session, tap, "DELETE FROM alias", NAMED.format("B"))  # nobody heard of this
    again = tap.snapshot(NOW)
    assert values(first + again[:-1]) == ["A"]
    assert values(first + again) == ["B"]


def test_without_a_whole_snapshot_nothing_is_known(session: Session, tap: Tap) -> None:
    """Changes alone say nothing of what was there before."""
    frames = told(session, tap, NAMED.format("A"))
    fold = Fold(["alias"])
    for each in frames + tap.snapshot(NOW)[:-1]:
        fold.take(decode(each))
    assert not fold.is_founded
    assert list(fold.rows("alias")) == []


def test_a_deletion_that_nobody_dated_is_damage(session: Session, tap: Tap) -> None:
    """Guessing when something ended would answer questions wrongly for ever."""
    frames = tap.snapshot(NOW) + told(session, tap, NAMED.format("A"))
    gone = told(session, tap, "DELETE FROM alias")
    undated = [each for each in gone if b'"table":"change_set"' not in each]
    undated[-1] = undated[-1].replace(b'"last":false', b'"last":true')
    with pytest.raises(Damaged, match="nothing tells when"):
        values(frames + undated)


def test_what_came_later_changes_nothing_known_before(session: Session, tap: Tap) -> None:
    """Nobody can look ahead: an answer for a time stays the answer, whatever is told afterwards."""
    frames = tap.snapshot(NOW) + told(session, tap, NAMED.format("A"))
    then = text(stamps(session, "v")[-1])
    before = values(frames, then)
    late = "INSERT INTO alias (venue, scheme, value, symbol, told_from) VALUES ('v','s','x','C','2020-01-01')"
    frames += told(session, tap, late)
    assert values(frames, then) == before == ["A"]
    assert values(frames) == ["A", "C"]


def test_only_what_changed_is_patched() -> None:
    """A number written otherwise, or JSON with other zeros, is no change."""
    old = b'{"title":"a","tick_size":"0.1","details":{"n": 1.0},"status":"active","id":1}'
    new = b'{"title":"b","tick_size":"0.10","details":{"n": 1.00},"status":"active","id":1}'
    row = b'{"title":"z","tick_size":"5","details":{"n": 9},"status":"paused","id":1}'
    made = patched("instrument", msgspec.Raw(row), msgspec.Raw(old), msgspec.Raw(new))
    assert json.loads(bytes(made)) == json.loads(row) | {"title": "b"}


def test_a_frame_of_a_later_format_is_refused() -> None:
    """What an older reader would misread it must not read at all."""
    frame = (
        b'{"v":99,"table":"alias","op":"insert","commit_lsn":"0/1","commit_ts":"t","n":0,'
        b'"last":true,"generation":1,"system":"1","old":null,"new":null}'
    )
    with pytest.raises(msgspec.DecodeError, match="version 99"):
        decode(frame)
