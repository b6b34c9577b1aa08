"""Who is let in, and who is not: scopes, ends, secrets."""

import asyncio
from datetime import date
from typing import Any

import pytest
from starlette.requests import HTTPConnection

from ssmd.api.callers import Caller, Scope
from ssmd.api.keys import acts, keeper
from ssmd.api.keys import token as token_module
from ssmd.api.keys.token import Token
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime import keys_metrics
from ssmd.secmaster.keyring import keys
from tests.api.keys.desk import BY, ROUTES, Desk, bearer

SCOPES = sorted(ROUTES)


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_key_opens_what_its_scope_says_and_nothing_else(desk: Desk, scope: str) -> None:
    """Administration reads nothing, and reading administers nothing."""
    token = await desk.make(scope)
    told = {each: (await desk.get(path, token)).status_code for each, path in ROUTES.items()}
    assert told == {each: 200 if each == scope else 403 for each in ROUTES}
    assert (await desk.get("/v1/probe/any", token)).status_code == 200
    refused = await desk.get(ROUTES[SCOPES[SCOPES.index(scope) - 1]], token)
    assert refused.json()["code"] == "scope"
    assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]


@pytest.mark.parametrize(
    "shown",
    [
        None,
        "",
        "ssmd_",
        "x" * 61,
        f"ssmd_{'a' * 12}_{'b' * 43}",
        f"ssmd_{'a' * 12}-{'b' * 43}",
        f"ssmd_{'A' * 12}_{'b' * 43}",
        f"ssmd_{'a' * 12}_{'b' * 42}é",
        "b" * 10_000,
    ],
)
async def test_who_shows_no_key_is_nobody(desk: Desk, shown: str | None) -> None:
    """401, and how to be let in; open routes stay open."""
    headers = {} if shown is None else {b"Authorization": f"Bearer {shown}".encode()}
    for path in (*ROUTES.values(), "/v1/me", "/v1/keys"):
        answer = await desk.client.get(path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"
        assert "ssmd keys create" in answer.json()["remedy"]
        if shown:
            break
    assert (await desk.client.get("/v1/version", headers=headers)).json()["keys"] is True


async def test_a_key_in_the_query_opens_nothing(desk: Desk) -> None:
    """Addresses stand in logs; a key in one is refused, and its place is named."""
    token = await desk.make()
    for word in ("key", "token", "access_token", "api_key"):
        answer = await desk.get(f"/v1/data/probe?{word}={token.text}")
        assert answer.status_code in {400, 401}
    twice = await desk.client.get(
        "/v1/data/probe",
        headers=[("Authorization", f"Bearer {token.text}"), ("Authorization", "Bearer x")],
    )
    assert twice.status_code == 401
    assert (
        await desk.client.get("/v1/me", headers={"Authorization": f"Basic {token.text}"})
    ).status_code == 401
    assert (
        await desk.client.get("/v1/me", headers={"Authorization": f"bEARER {token.text}"})
    ).status_code == 200


async def test_a_secret_that_holds_underscores_is_whole(desk: Desk) -> None:
    """The token is cut by length: nothing that a secret may hold moves the cut."""
    made = Token("abcdefghijkl", "_" * 21 + "a_-_" + "_" * 18)
    async with desk.database.session() as session:
        await session.execute(
            "INSERT INTO api_key (id, name, digest, scopes, created_at, created_by)"
            " VALUES (%s, 'n', %s, ARRAY['datasets:read'], now(), 'me')",
            (made.id, made.digest),
        )
    assert (await desk.get("/v1/data/probe", made)).status_code == 200
    assert (await desk.get("/v1/data/probe", Token(made.id, "_" * 43))).status_code == 401


async def test_the_secret_is_kept_nowhere(desk: Desk) -> None:
    """Who steals the database, or a log, has no key."""
    token = await desk.make()
    await desk.get("/v1/data/probe", token)
    await desk.written()
    for table in ("api_key", "api_audit", "api_usage"):
        rows = await desk.rows(f"SELECT t::text AS row FROM {table} t")  # noqa: S608 - names of ours
        assert rows
        assert token.secret not in str(rows)
    assert token.secret not in repr(token)


async def test_a_key_ends_when_it_was_told_to(desk: Desk) -> None:
    """To the moment, whatever is remembered of it."""
    token = await desk.make(expires_at=desk.clock.wall() + 10 * SECOND_NS)
    assert (await desk.get("/v1/data/probe", token)).status_code == 200
    desk.clock.step_wall(9.9)
    assert (await desk.get("/v1/data/probe", token)).status_code == 200
    desk.clock.step_wall(0.1)
    answer = await desk.get("/v1/data/probe", token)
    assert (answer.status_code, answer.json()["code"]) == (401, "key-expired")


@pytest.mark.parametrize("how", ["revoke", "disable", "rotate"])
async def test_a_key_that_is_ended_elsewhere_stops_within_the_stated_seconds(
    desk: Desk, how: str
) -> None:
    """Another process, or the command line, ended it: what is remembered here lives `cache_s`."""
    token = await desk.make()
    assert (await desk.get("/v1/data/probe", token)).status_code == 200
    now = desk.clock.wall()
    match how:
        case "revoke":
            await acts.revoke(desk.database, BY, now, token.id)
        case "disable":
            await acts.update(desk.database, BY, now, token.id, {"disabled": True})
        case "rotate":
            await acts.rotate(desk.database, BY, now, token.id, 0)
    desk.clock.leap(desk.context.config.keys.cache_s - 0.1)
    assert (await desk.get("/v1/data/probe", token)).status_code == 200  # so it is remembered
    desk.clock.leap(0.1)
    assert (await desk.get("/v1/data/probe", token)).status_code == 401


async def test_a_secret_that_was_replaced_holds_for_its_grace(desk: Desk) -> None:
    """Both are taken for the stated time, and then the new one alone."""
    old = await desk.make()
    new = await acts.rotate(desk.database, BY, desk.clock.wall(), old.id, 60)
    for token in (old, new):
        assert (await desk.get("/v1/data/probe", token)).status_code == 200
    desk.clock.leap(60)
    assert (await desk.get("/v1/data/probe", old)).status_code == 401
    assert (await desk.get("/v1/data/probe", new)).status_code == 200


async def test_a_key_sees_its_feeds_and_days(desk: Desk) -> None:
    """Restrictions reach the routes, and `/v1/me` says them."""
    token = await desk.make(
        feeds=frozenset({"one"}), since=date(2026, 1, 1), until=date(2026, 1, 31)
    )
    day = 86_400 * SECOND_NS
    first = 20_454 * day  # 2026-01-01
    answer = await desk.get("/v1/data/probe?feed=one", token)
    assert answer.json()["within"] == [first, first + 31 * day]
    assert (await desk.get("/v1/data/probe?feed=two", token)).status_code == 403
    assert (await desk.get(f"/v1/data/probe?feed=one&since={first - 1}", token)).status_code == 403
    me = (await desk.get("/v1/me", token)).json()
    assert (me["key"], me["feeds"], me["since"], me["until"]) == (
        token.id,
        ["one"],
        "2026-01-01",
        "2026-01-31",
    )
    assert (me["rate"], me["burst"]) == (20.0, 100)


async def test_an_unknown_key_costs_the_same_comparisons(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the answer nor the work tells whether an id exists: both are looked up and compared."""
    token = await desk.make()
    compared: list[tuple[int, int]] = []
    whole = token_module.is_same

    def same(left: bytes, right: bytes) -> bool:
        compared.append((len(left), len(right)))
        return whole(left, right)

    monkeypatch.setattr(keeper, "is_same", same)
    answers, work = [], []
    for shown in (Token(token.id, "x" * 43), Token("a" * 12, "x" * 43)):
        for _ in range(2):  # the second is remembered
            compared.clear()
            answers.append((await desk.get("/v1/data/probe", shown)).content)
            work.append(list(compared))
    assert len(set(answers)) == 1
    assert work == [[(32, 32), (32, 32)]] * 4


async def test_who_streams_is_let_go_when_their_key_is_not_what_it_was(desk: Desk) -> None:
    """A stream is asked about again: ended, replaced, or narrowed keys end it; a lost database does not."""
    ended, replaced, narrowed, same = [await desk.make("live:read") for _ in range(4)]
    callers = {}
    for token in (ended, replaced, narrowed, same):
        callers[token.id] = await admitted(desk, token)
    now = desk.clock.wall()
    await acts.revoke(desk.database, BY, now, ended.id)
    await acts.rotate(desk.database, BY, now, replaced.id, 0)
    await acts.update(desk.database, BY, now, narrowed.id, {"feeds": frozenset({"f"})})
    await acts.update(desk.database, BY, now, same.id, {"name": "another"})
    desk.clock.leap(10)
    assert {key: await desk.keys.still(caller) for key, caller in callers.items()} == {
        ended.id: False,
        replaced.id: False,
        narrowed.id: False,
        same.id: True,
    }
    desk.clock.leap(10)
    await desk.database._pool.close()
    assert await desk.keys.still(callers[same.id])


async def admitted(desk: Desk, token: Token, **scope: object) -> Caller:
    """Let somebody in by a bare connection."""
    headers = [(k.lower().encode(), v.encode()) for k, v in bearer(token).items()]
    app = type("App", (), {"state": type("State", (), {"context": desk.context})})
    connection = HTTPConnection(
        {"type": "http", "method": "GET", "path": "/", "headers": headers, "app": app, **scope}
    )
    return await desk.keys.admit(connection, Scope.LIVE)


async def test_browsers_show_a_key_among_the_protocols_of_a_websocket(desk: Desk) -> None:
    """They cannot set headers there; over plain HTTP the same header opens nothing."""
    token = await desk.make("live:read")
    offered = {"headers": [(b"sec-websocket-protocol", f"ssmd.v1, ssmd.key.{token.text}".encode())]}
    caller = await admitted(desk, token, type="websocket", **offered)
    assert caller.key == token.id
    told = {"Sec-WebSocket-Protocol": f"ssmd.key.{token.text}"}
    assert (await desk.client.get("/v1/probe/live", headers=told)).status_code == 401


async def test_many_at_once_look_a_key_up_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A burst of requests is one question to the database."""
    token = await desk.make()
    asked = 0
    find = keys.find

    async def counted(*arguments: Any) -> object:  # noqa: ANN401 - of the same function
        nonlocal asked
        asked += 1
        return await find(*arguments)

    monkeypatch.setattr(keys, "find", counted)
    answers = await asyncio.gather(*(desk.get("/v1/data/probe", token) for _ in range(20)))
    assert {each.status_code for each in answers} == {200}
    assert asked == 1


async def test_what_becomes_of_who_asks_is_counted(desk: Desk) -> None:
    """An attack, or a client with a wrong key, is seen."""
    good = keys_metrics.ADMISSIONS.labels("admitted")._value.get()
    bad = keys_metrics.ADMISSIONS.labels("bad_key")._value.get()
    await desk.get("/v1/data/probe", await desk.make())
    await desk.get("/v1/data/probe", Token("a" * 12, "x" * 43))
    assert keys_metrics.ADMISSIONS.labels("admitted")._value.get() == good + 1
    assert keys_metrics.ADMISSIONS.labels("bad_key")._value.get() == bad + 1
