"""Keys, their use and the audit, as the database itself keeps them."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime

import psycopg
import pytest

from ssmd.secmaster import migrate
from ssmd.secmaster.address import Address
from ssmd.secmaster.database import Database
from ssmd.secmaster.errors import DatabaseAway
from ssmd.secmaster.keyring import audit, keys, usage
from ssmd.secmaster.keyring.audit import Actor, Entry, Wanted
from ssmd.secmaster.keyring.record import NoSuchKey, NotRecorded, Terms
from ssmd.secmaster.keyring.secret import link_secret
from ssmd.secmaster.keyring.usage import Used
from tests.secmaster.server import Server, connect

AT = 1_767_225_600_000_000_000
BY = Actor(key=None, name="tester")
KEY = "k" * 12
TERMS = Terms(
    name="ann",
    scopes=frozenset({"datasets:read", "live:read"}),
    feeds=frozenset({"b", "a"}),
    since=date(2026, 1, 1),
    until=date(2026, 2, 1),
    rate=0.5,
    burst=7,
    expires_at=AT + 10**12,
    disabled=True,
)


def entry(**changed: object) -> Entry:
    fields = {"at": AT, "kind": "access", "actor": BY, "action": "GET", "target": "/v1/x"}
    return Entry(**{**fields, **changed})  # type: ignore[arg-type]


async def make(database: Database, key: str = KEY, terms: Terms = TERMS) -> None:
    async with keys.act(database, BY, AT) as act:
        await act.make(key, b"d" * 32, terms)


async def test_a_key_is_read_as_it_was_made(database: Database) -> None:
    """Every term, to the microsecond; and its secret's digest in no repr."""
    await make(database)
    made = await keys.find(database, KEY)
    assert made is not None
    assert (made.terms, made.digest, made.created_at, made.created_by, made.disabled_at) == (
        TERMS,
        b"d" * 32,
        AT,
        "tester",
        AT,
    )
    assert made.state(AT) == "disabled"
    assert made.state(AT + 10**12) == "expired"
    assert "dddd" not in repr(made)
    assert await keys.find(database, "x" * 12) is None
    plain = Terms(name="b", scopes=frozenset({"admin:*"}))
    await make(database, "a" * 12, plain)
    assert [each.terms for each in await keys.listed(database)] == [plain, TERMS]


async def test_a_key_that_was_revoked_never_comes_back(database: Database) -> None:
    """The digest is forgotten, no act finds it, and no SQL makes half of one."""
    await make(database)
    async with keys.act(database, BY, AT + 1_000) as act:
        await act.revoke(await act.key(KEY))
    made = await keys.find(database, KEY)
    assert made is not None
    assert (made.digest, made.earlier, made.state(0)) == (None, None, "revoked")
    with pytest.raises(NoSuchKey):
        async with keys.act(database, BY, AT) as act:
            await act.key(KEY)
    with connect(database.address) as session, pytest.raises(psycopg.errors.CheckViolation):
        session.execute("UPDATE api_key SET revoked_at = NULL")


@pytest.mark.parametrize(
    "change",
    [
        "scopes = '{}'",
        "scopes = '{*}'",
        "scopes = '{secmaster:*}'",
        "scopes = '{admin:*}'",  # it is restricted
        "feeds = '{}'",
        "since = '2026-03-01'",
        "name = E'a\\nb'",
        "name = ''",
        "digest = 'short'",
        "digest = NULL",
        "earlier_until = now()",
        "rate = 0",
        "id = 'UPPERCASE000'",
        "id = 'short'",
    ],
)
async def test_the_table_refuses_what_no_key_can_be(database: Database, change: str) -> None:
    """Whoever writes it: an older version, or a hand."""
    await make(database)
    with connect(database.address) as session, pytest.raises(psycopg.errors.CheckViolation):
        session.execute(f"UPDATE api_key SET {change}".encode())  # noqa: S608 - of this list


async def test_an_act_and_its_record_are_one(database: Database) -> None:
    """What fails after it, or cannot be recorded, has not happened."""
    with pytest.raises(RuntimeError, match="after it"):  # noqa: PT012 - a block that fails half way
        async with keys.act(database, BY, AT) as act:
            await act.make(KEY, b"d" * 32, TERMS)
            raise RuntimeError("after it")
    with connect(database.address) as session:
        session.execute("ALTER TABLE api_audit ADD CONSTRAINT no CHECK (kind <> 'act')")
        with pytest.raises(NotRecorded, match="Nothing was changed"):
            await make(database)
        assert session.execute("SELECT count(*) FROM api_key").fetchone() == (0,)
        session.execute("ALTER TABLE api_audit DROP CONSTRAINT no")
    await make(database)
    (kept,) = await audit.read(database, Wanted(), 10)
    assert (kept.action, kept.target, kept.at, kept.actor) == ("key.create", KEY, AT, BY)
    assert kept.details["terms"]["feeds"] == ["a", "b"]


async def test_acts_come_one_after_the_other(database: Database) -> None:
    """Two who change one key, or each other's, do not meet halfway."""
    first, second = "a" * 12, "b" * 12
    for key in (first, second):
        await make(database, key, Terms(name="0", scopes=frozenset({"live:read"})))

    async def rename(one: str, other: str) -> None:
        async with keys.act(database, BY, AT) as act:
            await act.key(other)
            known = await act.key(one)
            name = str(int(known.terms.name) + 1)
            await act.change(known, Terms(name=name, scopes=known.terms.scopes))

    await asyncio.gather(*(rename(*pair) for pair in [(first, second), (second, first)] * 5))
    assert [each.terms.name for each in await keys.listed(database)] == ["5", "5"]


@pytest.mark.parametrize(
    "sin",
    [
        "UPDATE api_audit SET actor = 'nobody'",
        "DELETE FROM api_audit",
        "DELETE FROM api_audit WHERE kind = 'access'",
        "TRUNCATE api_audit",
        "SET ssmd.prune = 'on'; UPDATE api_audit SET actor = 'nobody'",
        "SET ssmd.prune = 'on'; DELETE FROM api_audit WHERE kind = 'act'",
        "SET ssmd.prune = 'on'; TRUNCATE api_audit",
    ],
)
async def test_the_audit_is_only_added_to(database: Database, sin: str) -> None:
    """Not even who administers the database by hand changes it unnoticed."""
    await audit.keep(database, [entry(), entry(kind="act")])
    before = await audit.read(database, Wanted(), 10)
    with connect(database.address) as session, pytest.raises(psycopg.errors.RaiseException):
        session.execute(sin.encode())
    assert await audit.read(database, Wanted(), 10) == before


async def test_old_accesses_are_let_go_and_acts_are_not(database: Database) -> None:
    """Reading makes many rows, and administration few."""
    late = AT + 86_400 * 10**9
    await audit.keep(
        database, [entry(), entry(kind="act"), entry(at=late), entry(kind="act", at=late)]
    )
    assert await audit.prune(database, datetime.fromtimestamp(late // 10**9, UTC)) == 1
    kept = await audit.read(database, Wanted(), 10)
    assert [(each.kind, each.at) for each in kept] == [("act", late), ("access", late), ("act", AT)]


async def test_a_text_from_outside_loses_no_batch(database: Database) -> None:
    """PostgreSQL refuses some characters; identities and feeds come from requests."""
    odd = Actor(key=None, name="a\x00b", address="\ud83d", identity="x" * 1_000)
    await audit.keep(database, [entry(actor=odd, feeds=("f\x00",)), entry()])
    first = (await audit.read(database, Wanted(), 10))[-1]
    assert (first.actor.name, first.actor.address, len(first.actor.identity or "")) == (
        "a\ufffdb",
        "?",
        200,
    )
    assert first.feeds == ("f\ufffd",)


async def test_counts_of_several_processes_add_up(database: Database) -> None:
    """Each writes what it counted, at once and in any order."""
    routes = [f"/v1/{number}" for number in range(20)]

    def batch(order: list[str]) -> list[Used]:
        day = date(2026, 1, 1)
        return [
            Used(key=KEY, day=day, route=route, requests=2, refused=1, bytes=10) for route in order
        ]

    orders = [routes, routes[::-1]] * 4
    await asyncio.gather(*(usage.add(database, batch(order)) for order in orders))
    span = (date(2026, 1, 1), date(2026, 1, 1))
    found = await usage.read(database, KEY, span)
    assert [each.route for each in found] == sorted(routes)
    assert {(each.requests, each.refused, each.bytes) for each in found} == {(16, 8, 80)}
    rest = await usage.read(database, KEY, span, (found[4].day, found[4].route), 3)
    assert rest == found[5:8]
    assert await usage.read(database, "x" * 12, span) == []


async def test_what_signs_is_made_once(database: Database) -> None:
    """Every process signs with the same, whoever came first."""
    made = await asyncio.gather(*(link_secret(database, AT) for _ in range(6)))
    assert len(set(made)) == 1
    assert len(made[0]) == 32
    assert await link_secret(database, AT) == made[0]


async def test_a_database_that_goes_away_is_said(database: Database) -> None:
    """An act that was under way is not done."""
    with pytest.raises(DatabaseAway):  # noqa: PT012 - lost inside
        async with keys.act(database, BY, AT) as act:
            with connect(database.address) as other:
                query = "SELECT pg_terminate_backend(%s, 10000)"
                other.execute(query, (act._session.info.backend_pid,))
            await act.make(KEY, b"d" * 32, TERMS)
    assert await keys.find(database, KEY) is None


@pytest.fixture
def older(server: Server) -> Iterator[Address]:
    """A database of the version before."""
    made = server.empty()
    migrate.migrate(made, "pre", to="p0002")
    yield made
    server.drop(made)


def test_the_tables_come_and_go(older: Address) -> None:
    """Forward, back with all that they hold, and forward again."""
    there = "SELECT relname::text FROM pg_class WHERE relname LIKE 'api\\_%' AND relkind = 'r' ORDER BY 1"
    with connect(older) as session:
        assert session.execute(there).fetchall() == []
        for _ in range(2):
            _, after = migrate.migrate(older)
            assert after.missing == ()
            names = [name for (name,) in session.execute(there)]
            assert names == ["api_audit", "api_key", "api_secret", "api_usage"]
            session.execute(
                "INSERT INTO api_audit (at, kind, actor, address, action, target, details)"
                " VALUES (now(), 'act', 'a', '', 'b', 'c', '{}')"
            )
            migrate.migrate(older, to="p0002", back=True)
            assert session.execute(there).fetchall() == []
