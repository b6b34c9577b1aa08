"""What holds for every route: strict words, problems, tags, headers, bounds."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, Request

from ssmd.api import parts
from ssmd.api.callers import Caller, ForDatasets, Scope
from ssmd.api.context import Reached
from ssmd.api.layers.dress import SECURITY
from ssmd.api.paging import cursor_of, start_of
from ssmd.api.problems import MEDIA_TYPE, Refused
from ssmd.api.routing import router
from ssmd.feeds.api import ApiConfig, RequestLimits
from ssmd.model.errors import Busy, ConfigError, Damaged, SsmdError, Unavailable
from tests.api.world import Only, app_of, asked

probe = router("probe")
_ERRORS = {"config": ConfigError, "away": Unavailable, "busy": Busy, "damaged": Damaged}


@probe.get("/v1/probe/words")
async def words(start: str | None = None, several: str = "") -> dict[str, str | None]:
    return {"start": start}


@probe.get("/v1/probe/error")
async def error(kind: str) -> None:
    if kind == "crash":
        message = "a secret detail"
        raise RuntimeError(message)
    made: type[SsmdError] = _ERRORS[kind]
    raise made("It does not do.", remedy="Do something else.")


@probe.get("/v1/probe/slow")
async def slow(context: Reached) -> None:
    await asyncio.Event().wait()


@probe.post("/v1/probe/body")
async def body(request: Request) -> dict[str, int]:
    return {"bytes": len(await request.body())}


@probe.get("/v1/probe/mine")
async def mine(caller: ForDatasets, feed: str) -> dict[str, str]:
    caller.check_feed(feed)
    return {"feed": feed}


@pytest.fixture(autouse=True)
def _probed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The applications of this file have the probing routes."""
    routers: list[APIRouter] = [*parts.PARTS, probe]
    monkeypatch.setattr("ssmd.api.app.PARTS", routers)


async def got(root: Path, path: str, **config: Any) -> httpx2.Response:  # noqa: ANN401 - each field has its own type
    """What an application answers."""
    async with asked(app_of(root, **config)) as client:
        return await client.get(path)


async def test_an_unknown_query_word_is_refused_with_the_nearest(tmp_path: Path) -> None:
    """A typing error never means `everything`."""
    answer = await got(tmp_path, "/v1/probe/words?strat=1")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == MEDIA_TYPE
    told = answer.json()
    assert "'strat'" in told["detail"]
    assert "start" in told["detail"]
    assert told["remedy"] == "Use: several, start."
    assert told["instance"] == "/v1/probe/words"


async def test_a_doubled_query_word_is_refused(tmp_path: Path) -> None:
    """Nobody has to guess which of two values counted."""
    answer = await got(tmp_path, "/v1/probe/words?start=1&start=2")
    assert answer.status_code == 400
    assert "stands 2 times" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("kind", "status"), [("config", 400), ("away", 503), ("busy", 503), ("damaged", 500)]
)
async def test_errors_of_the_house_are_problems(tmp_path: Path, kind: str, status: int) -> None:
    """Every refusal carries its sentence and its remedy."""
    answer = await got(tmp_path, f"/v1/probe/error?kind={kind}")
    assert answer.status_code == status
    assert answer.json()["detail"] == "It does not do."
    assert answer.json()["remedy"] == "Do something else."
    assert ("retry-after" in answer.headers) == (status == 503)


async def test_what_nobody_foresaw_is_a_problem_without_details(tmp_path: Path) -> None:
    """A crash is answered, and tells strangers nothing."""
    answer = await got(tmp_path, "/v1/probe/error?kind=crash")
    assert answer.status_code == 500
    assert answer.json()["code"] == "crashed"
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_an_unknown_path_and_a_wrong_method_are_problems(tmp_path: Path) -> None:
    """The framework's own refusals look like ours."""
    async with asked(app_of(tmp_path)) as client:
        missing = await client.get("/v1/nothing")
        wrong = await client.post("/v1/probe/words")
    assert (missing.status_code, missing.json()["code"]) == (404, "no-such-path")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method")
    assert wrong.headers["allow"] == "GET"


async def test_an_answer_that_did_not_change_is_not_sent_again(tmp_path: Path) -> None:
    """An entity tag that still holds gives 304 without a body; another gives the answer."""
    async with asked(app_of(tmp_path)) as client:
        first = await client.get("/v1/probe/words?start=a")
        tag = first.headers["etag"]
        same = await client.get(
            "/v1/probe/words?start=a", headers={"If-None-Match": f'"x", W/{tag}'}
        )
        other = await client.get("/v1/probe/words?start=b", headers={"If-None-Match": tag})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert other.status_code == 200


async def test_every_answer_carries_the_security_headers(tmp_path: Path) -> None:
    """Problems and refusals included."""
    async with asked(app_of(tmp_path)) as client:
        answers = [
            await client.get("/health"),
            await client.get("/v1/nothing"),
            await client.get("/health", headers={"Host": "elsewhere.example"}),
        ]
    for answer in answers:
        assert {name: answer.headers.get(name) for name in SECURITY} == SECURITY


async def test_without_keys_only_loopback_names_are_answered(tmp_path: Path) -> None:
    """A page whose name was bent to this machine reads nothing."""
    async with asked(app_of(tmp_path)) as client:
        for host in ("elsewhere.example", "127.0.0.1.example", "", "[2001:db8::1]:80"):
            assert (await client.get("/health", headers={"Host": host})).status_code == 421, host
        for host in ("localhost:1", "127.0.0.1:80", "[::1]:80", "ssmd.localhost"):
            assert (await client.get("/health", headers={"Host": host})).status_code == 200, host
    async with asked(app_of(tmp_path, doorkeeper=Only())) as client:
        answer = await client.get("/health", headers={"Host": "api.example.com"})
        assert answer.status_code == 200


async def test_other_origins_may_read_nothing_unless_configured(tmp_path: Path) -> None:
    """CORS: default deny, and then exactly the origins that stand in the file."""
    ask = {"Origin": "https://page.example.com", "Access-Control-Request-Method": "GET"}
    async with asked(app_of(tmp_path)) as client:
        denied = await client.options("/v1/version", headers=ask)
        plain = await client.get("/v1/version", headers=ask)
    assert "access-control-allow-origin" not in denied.headers
    assert "access-control-allow-origin" not in plain.headers
    app = app_of(tmp_path, cors_origins=("https://page.example.com",))
    async with asked(app) as client:
        granted = await client.options("/v1/version", headers=ask)
        other = await client.get("/v1/version", headers={"Origin": "https://other.example.com"})
    assert granted.headers["access-control-allow-origin"] == "https://page.example.com"
    assert "SSMD-Incomplete" in granted.headers["access-control-expose-headers"]
    assert "access-control-allow-origin" not in other.headers
    assert "Origin" in other.headers["vary"]


async def test_a_body_that_is_too_long_is_refused(tmp_path: Path) -> None:
    """By what its head says, and by what comes when its head says nothing."""
    limits = RequestLimits(body_bytes=1024)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100

    async with asked(app_of(tmp_path, limits=limits)) as client:
        told = await client.post("/v1/probe/body", content=b"x" * 1025)
        lying = await client.post("/v1/probe/body", content=pieces())
        fits = await client.post("/v1/probe/body", content=b"x" * 1024)
    assert (told.status_code, lying.status_code) == (413, 413)
    assert fits.json() == {"bytes": 1024}


async def test_an_answer_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    """A request has an end, whatever it asks."""
    answer = await got(tmp_path, "/v1/probe/slow", limits=RequestLimits(request_s=0.05))
    assert (answer.status_code, answer.json()["code"]) == (503, "time")


async def test_a_key_for_one_feed_sees_no_other(tmp_path: Path) -> None:
    """The restriction is refused by name; what was asked is known to the doorkeeper."""
    keeper = Only(feeds=frozenset({"mine"}))
    async with asked(app_of(tmp_path, doorkeeper=keeper)) as client:
        assert (await client.get("/v1/probe/mine?feed=mine")).status_code == 200
        refused = await client.get("/v1/probe/mine?feed=other")
    assert (refused.status_code, refused.json()["code"]) == (403, "feed")
    assert [(each.route, each.status) for each in keeper.answered] == [
        ("/v1/probe/mine", 200),
        ("/v1/probe/mine", 403),
    ]
    assert keeper.answered[0].said.scope == Scope.DATASETS
    assert keeper.answered[0].said.caller == keeper.caller


def test_days_of_a_key_close_open_ends_and_refuse_what_is_beyond() -> None:
    """A range within its days is as asked; without ends it is all its days."""
    day = 86_400 * 10**9
    caller = Caller(
        key="k", name="", scopes=frozenset(), since=date(1970, 1, 2), until=date(1970, 1, 3)
    )
    assert caller.within(None, None) == (day, 3 * day)
    assert caller.within(day + 5, 3 * day) == (day + 5, 3 * day)
    for asked_for in ((day - 1, None), (None, 3 * day + 1), (4 * day, None)):
        with pytest.raises(Refused):
            caller.within(*asked_for)


@pytest.mark.parametrize("cursor", ["", "x", "%00", "e30", cursor_of("other", {}, [1])])
def test_a_cursor_of_nothing_or_of_another_list_is_refused(cursor: str) -> None:
    """Nobody goes on in the middle of what they did not begin."""
    with pytest.raises(Refused):
        start_of(cursor, "list", {}, list[int])


def test_a_cursor_goes_on_with_its_own_question() -> None:
    """What was put in comes out; of another question it is refused."""
    made = cursor_of("list", {"a": 1}, ["x", 2**60])
    assert start_of(made, "list", {"a": 1}, tuple[str, int]) == ("x", 2**60)
    with pytest.raises(Refused):
        start_of(made, "list", {"a": 2}, tuple[str, int])
    for other in (tuple[str], tuple[int, int], tuple[str, int, int]):
        with pytest.raises(Refused):
            start_of(made, "list", {"a": 1}, other)


def test_the_proxy_is_named_or_nobody_is_believed() -> None:
    """An identity header without a trusted proxy is a mistake in the file."""
    with pytest.raises(ValueError, match="trusted_proxies"):
        ApiConfig(identity_header="X-User")
    with pytest.raises(ValueError, match="network"):
        ApiConfig(trusted_proxies=("nowhere",))


async def test_identity_and_address_are_a_trusted_proxys_words_alone(tmp_path: Path) -> None:
    """Anybody can send a header; it counts when the peer is a configured proxy."""
    headers = {"X-User": "ada", "X-Forwarded-For": "203.0.113.9, 127.0.0.1"}
    strangers = Only()
    async with asked(app_of(tmp_path, doorkeeper=strangers)) as client:
        await client.get("/health", headers=headers)
    told = strangers.answered[0]
    assert (told.address, told.identity) == ("127.0.0.1", None)
    behind = Only()
    config: dict[str, Any] = {"identity_header": "X-User", "trusted_proxies": ("127.0.0.0/8",)}
    async with asked(app_of(tmp_path, doorkeeper=behind, **config)) as client:
        await client.get("/health", headers=headers)
    told = behind.answered[0]
    assert (told.address, told.identity) == ("203.0.113.9", "ada")
