"""What happens when guesses pour in, a limiter fails, or the database goes away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from psycopg import sql

from ssmd.api.keys import book, limits
from ssmd.api.keys.keeper import Keys
from ssmd.api.keys.token import Token, make
from ssmd.feeds.api import ApiConfig, KeyLimits
from ssmd.runtime import api_metrics, keys_metrics
from ssmd.secmaster import database as database_module
from ssmd.secmaster.keyring import audit
from ssmd.secmaster.keyring.audit import Wanted
from ssmd.sim.manual_clock import ManualClock
from tests.api.keys.desk import Desk, open_desk
from tests.api.world import app_of, asked
from tests.secmaster.server import Server


def forgotten(kind: str) -> float:
    value: float = api_metrics.FORGOTTEN.labels(kind)._value.get()
    return value


async def test_guessing_keys_is_stopped_and_harms_nobody_who_has_one(
    server: Server, tmp_path: Path, clock: ManualClock
) -> None:
    """So many wrong ones, then 429 without a look; who was let in before goes on."""
    told = KeyLimits(guesses=5, guesses_s=50.0)
    async with open_desk(server, tmp_path, clock, told) as desk:
        good, new = await desk.make(), await desk.make()
        assert (await desk.get("/v1/data/probe", good)).status_code == 200
        answers = [await desk.get("/v1/data/probe", make()) for _ in range(8)]
        assert [each.status_code for each in answers] == [401] * 5 + [429] * 3
        assert answers[-1].headers["retry-after"] == "10"
        assert answers[-1].json()["code"] == "guessing"
        assert (await desk.get("/v1/data/probe", good)).status_code == 200
        assert (await desk.get("/v1/data/probe", Token(good.id, "x" * 43))).status_code == 401
        assert (await desk.get("/v1/data/probe", "no key at all")).status_code == 429
        assert (await desk.get("/v1/data/probe", new)).status_code == 429  # not known there yet
        clock.leap(100)
        assert (await desk.get("/v1/data/probe", new)).status_code == 200


async def test_a_key_that_asks_too_often_is_told_when_to_come_again(desk: Desk) -> None:
    """429 with how long to wait; who waits so long is answered; other keys are not slowed."""
    token, other = await desk.make(rate=0.5, burst=2), await desk.make()
    answers = [await desk.get("/v1/data/probe", token) for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert [each.headers["ratelimit-remaining"] for each in answers] == ["1", "0", "0"]
    assert {each.headers["ratelimit-limit"] for each in answers} == {"2"}
    assert (answers[2].headers["retry-after"], answers[2].headers["ratelimit-reset"]) == ("2", "4")
    assert answers[2].json()["code"] == "rate"
    assert (await desk.get("/v1/data/probe", other)).status_code == 200
    desk.clock.leap(2)
    assert (await desk.get("/v1/data/probe", token)).status_code == 200


async def test_a_limiter_that_fails_lets_everybody_in(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Better too many answers than none: stated, and counted."""

    class Broken:
        def __init__(self, *_: object) -> None:
            raise RuntimeError("broken")

    before = forgotten("limiter")
    monkeypatch.setattr(limits, "Bucket", Broken)
    assert (await desk.get("/v1/data/probe", await desk.make())).status_code == 200
    assert forgotten("limiter") == before + 1


async def test_counting_that_fails_harms_no_answer(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is wrong with the book, the request was answered."""

    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    before = forgotten("usage")
    monkeypatch.setattr(book, "_entry", broken)
    assert (await desk.get("/v1/data/probe", await desk.make())).status_code == 200
    assert forgotten("usage") == before + 1


async def test_while_the_database_is_away_nothing_is_lost_that_fits(
    desk: Desk, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys that are remembered go on, their counts and audit wait; acts, and other keys, get 503."""
    reader, root = await desk.make(), await desk.make("admin:*", name="root")
    for token, path in ((reader, "/v1/data/probe"), (root, "/v1/keys")):
        assert (await desk.get(path, token)).status_code == 200
    await desk.written()
    usage, audits, lost = (
        forgotten("usage"),
        forgotten("audit"),
        keys_metrics.AUDIT_LOST._value.get(),
    )
    monkeypatch.setattr(database_module, "_CONNECT_S", 0.3)
    async with away(desk, server):
        assert (await desk.get("/v1/data/probe?feed=meanwhile", reader)).status_code == 200
        answer = await desk.send("DELETE", f"/v1/keys/{reader.id}", root)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        await desk.clock.advance(desk.context.config.keys.flush_s)
        while forgotten("audit") < audits + 1:
            await asyncio.sleep(0.01)
        assert forgotten("usage") == usage + 1
        desk.clock.leap(desk.context.config.keys.cache_s)
        for token in (reader, make()):
            answer = await desk.get("/v1/data/probe", token)
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    monkeypatch.setattr(database_module, "_CONNECT_S", 30.0)
    await desk.written()
    kept = await audit.read(desk.database, Wanted(kind="access"), 10)
    assert [(each.actor.name, each.status, each.feeds) for each in kept] == [
        ("root", 503, None),
        ("key", 200, ("meanwhile",)),
        ("root", 200, None),
        ("key", 200, ("",)),
    ]
    assert keys_metrics.AUDIT_LOST._value.get() == lost
    assert (await desk.get("/v1/data/probe", reader)).status_code == 200
    assert (await desk.get(f"/v1/keys/{reader.id}", root)).json()["state"] == "active"


@asynccontextmanager
async def away(desk: Desk, server: Server) -> AsyncIterator[None]:
    """The database hangs up, and lets nobody in for as long as this lasts."""
    name = sql.Identifier(urlsplit(desk.database.address.url).path[1:])
    allow = sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}")
    server.run(allow.format(name, sql.SQL("false")))
    hang_up = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = {}"
    server.run(sql.SQL(hang_up).format(sql.Literal(name._obj[0])))
    try:
        yield
    finally:
        server.run(allow.format(name, sql.SQL("true")))


async def test_acts_that_cannot_be_recorded_are_not_done(desk: Desk) -> None:
    """503, and nothing was changed: fail closed."""
    root, other = await desk.make("admin:*", "datasets:read"), await desk.make()
    assert (await desk.get("/v1/keys", root)).status_code == 200
    before = await desk.rows("SELECT * FROM api_key ORDER BY id")
    async with desk.database.session() as session:
        await session.execute("ALTER TABLE api_audit RENAME TO api_audit_gone")
    wanted = {"name": "a", "scopes": ["datasets:read"]}
    for method, path, body in (
        ("POST", "/v1/keys", wanted),
        ("PATCH", f"/v1/keys/{other.id}", {"disabled": True}),
        ("POST", f"/v1/keys/{other.id}/rotate", {}),
        ("DELETE", f"/v1/keys/{other.id}", None),
    ):
        answer = await desk.send(method, path, root, body)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert "Nothing was changed" in answer.json()["detail"]
    assert await desk.rows("SELECT * FROM api_key ORDER BY id") == before
    assert (await desk.get("/v1/data/probe", other)).status_code == 200
    async with desk.database.session() as session:
        await session.execute("ALTER TABLE api_audit_gone RENAME TO api_audit")
    assert (await desk.send("DELETE", f"/v1/keys/{other.id}", root)).status_code == 204


async def test_accesses_that_are_refused_are_lost_and_counted(desk: Desk) -> None:
    """A database that answers no will not answer yes later: reading goes on."""
    reader = await desk.make()
    async with desk.database.session() as session:
        await session.execute("ALTER TABLE api_audit ADD CONSTRAINT no CHECK (kind = 'act')")
    lost, told = keys_metrics.AUDIT_LOST._value.get(), forgotten("audit")
    for _ in range(3):
        assert (await desk.get("/v1/data/probe", reader)).status_code == 200
    await desk.written()
    assert keys_metrics.AUDIT_LOST._value.get() == lost + 3
    assert forgotten("audit") == told + 1
    (row,) = await desk.rows("SELECT sum(requests) AS n FROM api_usage")
    assert row["n"] == 3


async def test_more_accesses_than_fit_are_lost_and_counted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded while the database is away; the oldest go."""
    monkeypatch.setattr(book, "_MOST", 5)
    reader = await desk.make()
    lost = keys_metrics.AUDIT_LOST._value.get()
    for number in range(8):
        await desk.get(f"/v1/data/probe?feed=f{number}", reader)
    assert keys_metrics.AUDIT_LOST._value.get() == lost + 3
    await desk.written()
    kept = await audit.read(desk.database, Wanted(kind="access"), 100)
    assert [each.feeds for each in kept] == [(f"f{number}",) for number in (7, 6, 5, 4, 3)]


async def test_what_waits_is_written_when_the_api_ends(
    server: Server, tmp_path: Path, clock: ManualClock
) -> None:
    """An end in good order loses neither counts nor the audit."""
    async with open_desk(server, tmp_path, clock) as desk:
        await desk.get("/v1/data/probe?feed=one", await desk.make())
        await desk.keys.aclose()
        assert len(await audit.read(desk.database, Wanted(kind="access"), 10)) == 1
        (row,) = await desk.rows("SELECT requests, bytes > 0 AS sent FROM api_usage")
        assert row == {"requests": 1, "sent": True}


async def test_old_accesses_are_let_go(server: Server, tmp_path: Path, clock: ManualClock) -> None:
    """After the stated days; acts stay for good."""
    async with open_desk(server, tmp_path, clock, KeyLimits(audit_days=1.0)) as desk:
        reader = await desk.make()
        await desk.get("/v1/data/probe?feed=old", reader)
        await desk.written()
        clock.leap(2 * 86_400)
        await desk.get("/v1/data/probe?feed=new", reader)
        await desk.written()
        kept = await audit.read(desk.database, Wanted(), 10)
        assert [(each.kind, each.feeds) for each in kept] == [("access", ("new",)), ("act", None)]


async def test_without_a_database_nobody_is_let_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 for whoever shows a key, 401 for whoever shows none; open routes are answered."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none?connect_timeout=2")
    clock = ManualClock()
    app = app_of(tmp_path, doorkeeper=Keys(ApiConfig(), clock), clock=clock)
    async with asked(app) as client:
        header = {"Authorization": f"Bearer {make().text}"}
        answers = await asyncio.gather(*(client.get("/v1/me", headers=header) for _ in range(3)))
        assert {each.status_code for each in answers} == {503}
        assert (await client.get("/v1/me")).status_code == 401
        assert (await client.get("/health")).status_code == 200
