"""Keys are made, changed and ended over HTTP: recorded, or not done; and nobody gives more than they have."""

from typing import Any

import pytest

from ssmd.model.timestamp import SECOND_NS
from ssmd.secmaster.keyring import audit
from ssmd.secmaster.keyring.audit import Wanted
from tests.api.keys.desk import Desk, bearer

ALL = ("admin:*", "datasets:read", "live:read", "quality:read", "secmaster:read")
READER = {"name": "reader", "scopes": ["datasets:read"]}


async def test_a_key_from_its_beginning_to_its_end(desk: Desk) -> None:
    """Made, used, narrowed, put aside, taken back, given another secret, ended; each of it recorded."""
    root = await desk.make(*ALL, name="root")
    made = await desk.send("POST", "/v1/keys", root, READER)
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    token, key = made.json()["token"], made.json()["key"]["id"]
    assert (await desk.get("/v1/data/probe", token)).status_code == 200

    async def change(**fields: object) -> None:
        answer = await desk.send("PATCH", f"/v1/keys/{key}", root, fields)
        assert answer.status_code == 200
        assert answer.json() == (await desk.get(f"/v1/keys/{key}", root)).json()

    await change(feeds=["one"])
    assert (await desk.get("/v1/data/probe?feed=two", token)).status_code == 403  # at once, here
    await change(feeds=None, disabled=True)
    assert (await desk.get("/v1/data/probe", token)).json()["code"] == "key-disabled"
    await change(disabled=False)
    assert (await desk.get("/v1/data/probe?feed=two", token)).status_code == 200
    turned = await desk.send("POST", f"/v1/keys/{key}/rotate", root)
    assert turned.headers["cache-control"] == "no-store"
    assert (await desk.get("/v1/data/probe", token)).status_code == 401
    token = turned.json()["token"]
    assert (await desk.get("/v1/data/probe", token)).status_code == 200
    assert (await desk.send("DELETE", f"/v1/keys/{key}", root)).status_code == 204
    assert (await desk.get("/v1/data/probe", token)).status_code == 401
    for method, path in (("DELETE", ""), ("PATCH", ""), ("POST", "/rotate")):
        answer = await desk.send(method, f"/v1/keys/{key}{path}", root, {})
        assert (answer.status_code, answer.json()["code"]) == (404, "not-there")
    assert (await desk.get(f"/v1/keys/{key}", root)).json()["state"] == "revoked"
    acts = await audit.read(desk.database, Wanted(kind="act", key=key), 100)
    assert [(each.action, each.actor.name) for each in reversed(acts)] == [
        (action, "root")
        for action in ("key.create", *["key.update"] * 3, "key.rotate", "key.revoke")
    ]
    changed = acts[-2].details
    assert (changed["before"]["feeds"], changed["terms"]["feeds"]) == (None, ["one"])


async def test_nobody_gives_more_than_they_have(desk: Desk) -> None:
    """An administrator without a right cannot get it by way of another key."""
    end = desk.clock.wall() + 3_600 * SECOND_NS
    giver = await desk.make("admin:*", "datasets:read", name="giver", expires_at=end)
    other = await desk.make("live:read", name="other")
    fine = {**READER, "expires_at": "2027-01-15T08:30Z"}
    mine = await desk.send("POST", "/v1/keys", giver, fine)
    assert mine.status_code == 201
    key = f"/v1/keys/{mine.json()['key']['id']}"
    refused: list[tuple[str, str, dict[str, Any] | None]] = [
        ("POST", "/v1/keys", {**fine, "scopes": ["live:read"]}),
        ("POST", "/v1/keys", {**fine, "scopes": ["admin:*", "quality:read"]}),
        ("POST", "/v1/keys", READER),  # it would outlive its giver
        ("POST", "/v1/keys", {**fine, "expires_at": "2027-01-15T09:01Z"}),
        ("PATCH", key, {"scopes": ["datasets:read", "secmaster:read"]}),
        ("PATCH", key, {"expires_at": None}),
        ("PATCH", f"/v1/keys/{giver.id}", {"expires_at": None}),
        ("PATCH", f"/v1/keys/{giver.id}", {"scopes": list(ALL)}),
        ("PATCH", f"/v1/keys/{other.id}", {"rate": 10}),
        ("PATCH", f"/v1/keys/{other.id}", {"disabled": False}),
        ("POST", f"/v1/keys/{other.id}/rotate", None),
    ]
    before = await desk.rows("SELECT * FROM api_key ORDER BY id")
    for method, path, body in refused:
        answer = await desk.send(method, path, giver, body)
        assert (answer.status_code, answer.json()["code"]) == (403, "grant"), (method, path, body)
    assert await desk.rows("SELECT * FROM api_key ORDER BY id") == before
    for body in ({"disabled": True}, {"disabled": True, "name": "aside"}):
        assert (await desk.send("PATCH", f"/v1/keys/{other.id}", giver, body)).status_code == 200
    assert (await desk.send("DELETE", f"/v1/keys/{other.id}", giver)).status_code == 204


async def test_who_was_ended_administers_no_more_at_once(desk: Desk) -> None:
    """What is remembered of a key for seconds does not count for acts."""
    first, second = await desk.make("admin:*"), await desk.make("admin:*")
    assert (await desk.get("/v1/keys", first)).status_code == 200
    async with desk.database.session() as session:  # as another process would
        await session.execute("UPDATE api_key SET disabled_at = now() WHERE id = %s", (first.id,))
    assert (await desk.get("/v1/keys", first)).status_code == 200  # still remembered
    for method, path in (("DELETE", f"/v1/keys/{second.id}"), ("POST", "/v1/keys")):
        answer = await desk.send(method, path, first, {**READER, "scopes": ["admin:*"]})
        assert answer.status_code == 403
    assert (await desk.get("/v1/keys", second)).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {"name": "a\r\nSet-Cookie: b=c", "scopes": ["datasets:read"]},
        {"name": "a\u0000", "scopes": ["datasets:read"]},
        {"name": "", "scopes": ["datasets:read"]},
        {"name": "a", "scopes": []},
        {"name": "a", "scopes": ["*"]},
        {"name": "a", "scopes": ["secmaster:*"]},
        {"name": "a", "scopes": ["admin:keys"]},
        {"name": "a", "scopes": ["admin:*"], "feeds": ["one"]},
        {"name": "a", "scopes": ["admin:*", "datasets:read"], "since": "2026-01-01"},
        {"name": "a", "scopes": ["datasets:read"], "feeds": []},
        {"name": "a", "scopes": ["datasets:read"], "feeds": ["*"]},
        {"name": "a", "scopes": ["datasets:read"], "since": "2026-01-02", "until": "2026-01-01"},
        {"name": "a", "scopes": ["datasets:read"], "until": "9999-12-31"},
        {"name": "a", "scopes": ["datasets:read"], "expires_at": "2020-01-01"},
        {"name": "a", "scopes": ["datasets:read"], "expires_at": "soon"},
        {"name": "a", "scopes": ["datasets:read"], "rate": 0},
        {"name": "a", "scopes": ["datasets:read"], "rate": "Infinity"},
        {"name": "a", "scopes": ["datasets:read"], "burst": 10**30},
        {"name": "a", "scopes": ["datasets:read"], "admin": True},
        {"scopes": ["datasets:read"]},
        [],
        None,
    ],
)
async def test_what_no_key_can_be_given_is_refused_over_http(desk: Desk, body: object) -> None:
    """400, a sentence, and no key."""
    root = await desk.make(*ALL)
    answer = await desk.send("POST", "/v1/keys", root, body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["remedy"]
    assert len(await desk.rows("SELECT id FROM api_key")) == 1
    assert "set-cookie" not in answer.headers


async def test_a_change_that_says_nothing_useful_is_refused(desk: Desk) -> None:
    """Null for what must be, and ids that are none."""
    root = await desk.make(*ALL)
    for body in ({"name": None}, {"scopes": None}, {"disabled": None}, {"id": "x"}):
        assert (await desk.send("PATCH", f"/v1/keys/{root.id}", root, body)).status_code == 400
    for key in ("x", "A" * 12, "a" * 13, "..%2f", "%00" * 12):
        assert (await desk.get(f"/v1/keys/{key}", root)).status_code in {400, 404}
    assert (await desk.get(f"/v1/keys/{'a' * 12}", root)).status_code == 404
    assert (await desk.get(f"/v1/keys/{'a' * 12}/usage", root)).status_code == 404


async def test_lists_are_pages(desk: Desk) -> None:
    """Keys, uses and the audit: each entry once, in order, and cursors go with their question."""
    root = await desk.make(*ALL)
    made = [await desk.make() for _ in range(6)]
    await desk.send("DELETE", f"/v1/keys/{made[0].id}", root)

    async def everything(path: str) -> list[Any]:
        found: list[Any] = []
        cursor = ""
        while True:
            answer = (await desk.get(f"{path}limit=2{cursor}", root)).json()
            assert len(answer["items"]) <= 2
            found += answer["items"]
            if answer["next"] is None:
                return found
            cursor = f"&cursor={answer['next']}"

    left = sorted(each.id for each in (root, *made[1:]))
    assert [each["id"] for each in await everything("/v1/keys?")] == left
    assert len(await everything("/v1/keys?revoked=true&")) == 7
    for path in ("/v1/data/probe", "/v1/probe/live", "/v1/probe/quality"):
        await desk.get(path, root)
    await desk.written()
    used = await everything(f"/v1/keys/{root.id}/usage?")
    assert [each["route"] for each in used] == sorted(each["route"] for each in used)
    assert {each["route"]: each["requests"] for each in used}["/v1/probe/live"] == 1
    told = [each["id"] for each in await everything("/v1/audit?")]
    assert told == sorted(told, reverse=True)
    assert len(set(told)) == len(told) > 10
    acts = await everything("/v1/audit?kind=act&")
    assert [each["action"] for each in acts] == ["key.revoke", *["key.create"] * 7]
    assert {each["kind"] for each in await everything("/v1/audit?kind=access&")} == {"access"}
    assert await everything("/v1/audit?end=2020-01-01&") == []
    cursor = (await desk.get("/v1/keys?limit=2", root)).json()["next"]
    assert (await desk.get(f"/v1/audit?cursor={cursor}", root)).status_code == 400


async def test_reading_is_audited_with_what_was_read(desk: Desk) -> None:
    """Who, whence, what, of which feed, how much, how it ended; refused attempts too, acts once."""
    root, reader = await desk.make(*ALL, name="root"), await desk.make(name="ann")
    ok = await desk.get("/v1/data/probe?feed=one", reader)
    await desk.get("/v1/probe/live", reader)
    await desk.get("/v1/me", reader)
    await desk.get("/v1/data/probe", "nobody's")
    await desk.send("POST", "/v1/keys", root, READER)
    await desk.send("POST", "/v1/keys", reader, READER)
    await desk.written()
    found = [
        (e.actor.name, e.action, e.target, e.status, e.feeds)
        for e in reversed(await audit.read(desk.database, Wanted(kind="access"), 100))
    ]
    assert found == [
        ("ann", "GET", "/v1/data/probe", 200, ("one",)),
        ("ann", "GET", "/v1/probe/live", 403, None),
        ("ann", "POST", "/v1/keys", 403, None),
    ]
    first = (await audit.read(desk.database, Wanted(kind="access"), 100))[-1]
    assert (first.bytes, first.actor.key, first.actor.address) == (
        len(ok.content),
        reader.id,
        "127.0.0.1",
    )
    used = (await desk.get(f"/v1/keys/{reader.id}/usage", root)).json()["items"]
    assert {each["route"]: (each["requests"], each["refused"]) for each in used} == {
        "/v1/data/probe": (1, 0),
        "/v1/probe/live": (1, 1),
        "/v1/me": (1, 0),
        "/v1/keys": (1, 1),
    }


async def test_whoever_claims_to_be_somebody_is_not_believed(desk: Desk) -> None:
    """Identity headers and forwarded addresses count from configured proxies alone."""
    reader = await desk.make()
    told = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-User": "root", "X-User": "root"}
    await desk.client.get("/v1/data/probe", headers=bearer(reader) | told)
    await desk.written()
    (entry,) = await audit.read(desk.database, Wanted(kind="access"), 10)
    assert (entry.actor.address, entry.actor.identity) == ("127.0.0.1", None)
