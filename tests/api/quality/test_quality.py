"""How good it is, over HTTP: as the verdicts say."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ssmd.model.timestamp import SECOND_NS
from ssmd.quality import history
from ssmd.secmaster.database import Database
from ssmd.sim.manual_clock import ManualClock
from tests.api.ledger.test_ledger import pages
from tests.api.secmaster.conftest import _pointed, database, server
from tests.api.world import Only, app_of, asked
from tests.quality.made import AT, DAY, back, report

__all__ = ["_pointed", "database", "server"]
NOW = AT + 3600 * SECOND_NS


@pytest.fixture
async def judged(database: Database, _pointed: None) -> list[str]:
    """Nine days of two feeds, one of them bad, one missing; the days."""
    days = [back(n) for n in range(10) if n != 4]
    for day in days:
        composite = 40 if day == DAY else 90
        await history.save(database, report(day, composite), at=AT)
    return [day.isoformat() for day in days]


@pytest.fixture
async def client(judged: list[str], tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the API an hour after the last day."""
    async with asked(app_of(tmp_path, clock=ManualClock(NOW))) as made:
        yield made


async def test_scores_are_told_newest_first_with_their_checks(
    client: httpx2.AsyncClient, judged: list[str]
) -> None:
    """Each feed and day once, whatever the size of a page."""
    items: list[dict[str, Any]] = []
    for limit in (1, 3, 1000):
        items = await pages(client, "/v1/quality/scores", limit=limit)
        assert [(each["date"], each["feed"]) for each in items] == [
            (day, feed) for day in judged for feed in ("alpha", "beta")
        ]
    assert items[0]["score"] == 40
    assert {check["name"] for check in items[0]["checks"]} == {"coverage", "drift", "message_flow"}
    unknown = next(check for check in items[0]["checks"] if check["name"] == "drift")
    assert (unknown["value"], unknown["score"]) == (None, None)


async def test_findings_carry_their_evidence(client: httpx2.AsyncClient) -> None:
    """Of the last judged day unless another is named; page by page."""
    items = await pages(client, "/v1/quality/findings", limit=2)
    assert len(items) == 6
    assert {each["date"] for each in items} == {DAY.isoformat()}
    assert all(each["evidence"] for each in items)
    other = await pages(client, "/v1/quality/findings", date=back(1).isoformat(), feed="beta")
    assert [each["name"] for each in other] == ["message_flow", "coverage", "drift"]
    assert await pages(client, "/v1/quality/findings", date=back(4).isoformat()) == []


async def test_a_day_unlike_the_others_is_told(client: httpx2.AsyncClient) -> None:
    """The bad day has a trend downwards, of each feed and of all together."""
    told = (await client.get("/v1/quality/trends")).json()
    assert told["dates"][-1] == DAY.isoformat()
    assert told["feeds"]["alpha"][-1] == 40
    composite, *feeds = told["trends"]
    assert composite["feed"] is None
    assert {each["feed"] for each in feeds} == {"alpha", "beta"}
    assert composite["direction"] == feeds[0]["direction"] != "steady"


async def test_the_map_has_every_day_and_holes_where_nothing_was_judged(
    client: httpx2.AsyncClient,
) -> None:
    """Nothing is invented for a day without a verdict."""
    words = {"since": back(9).isoformat(), "until": DAY.isoformat()}
    told = (await client.get("/v1/quality/heatmap", params=words)).json()
    assert told["feeds"] == ["beta", "alpha"] or told["feeds"] == ["alpha", "beta"]
    assert len(told["dates"]) == 10
    assert told["cells"][0][-1] == 40
    assert told["cells"][0][told["dates"].index(back(4).isoformat())] is None
    check = (await client.get("/v1/quality/heatmap", params={**words, "check": "coverage"})).json()
    assert check["cells"][0][-1] == 80


async def test_what_cannot_be_asked_is_refused(client: httpx2.AsyncClient) -> None:
    """Days in the wrong order, too many of them, and cursors that are none."""
    for words in (
        {"since": "2026-01-15", "until": "2026-01-14"},
        {"since": "1900-01-01"},
        {"cursor": "x"},
        {"since": "yesterday"},
    ):
        answer = await client.get("/v1/quality/scores", params=words)
        assert answer.status_code == 400, words


@pytest.mark.usefixtures("judged")
async def test_a_key_sees_its_feeds_and_days(tmp_path: Path) -> None:
    """Others are left out of lists, and refused by name."""
    keeper = Only(feeds=frozenset({"alpha"}), since=back(2), until=DAY)
    async with asked(app_of(tmp_path, doorkeeper=keeper, clock=ManualClock(NOW))) as client:
        items = await pages(client, "/v1/quality/scores")
        assert {each["feed"] for each in items} == {"alpha"}
        assert {each["date"] for each in items} == {back(n).isoformat() for n in range(3)}
        for words in ({"feed": "beta"}, {"since": back(5).isoformat()}):
            assert (await client.get("/v1/quality/scores", params=words)).status_code == 403
        told = (await client.get("/v1/quality/trends")).json()
        assert set(told["feeds"]) == {"alpha"}
        assert all(each["feed"] == "alpha" for each in told["trends"])
