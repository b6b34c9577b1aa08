"""REST of a simulated venue: whatever is answered stands in the ledger before it is sent."""

import asyncio
import ssl
from hashlib import sha256
from pathlib import Path

import aiohttp
import pytest
import trustme

from ssmd.model.errors import Busy
from ssmd.sim import rest_ledger
from ssmd.sim.manual_clock import ManualClock
from ssmd.sim.rest import RestServer
from ssmd.sim.rest_ledger import Answered
from ssmd.sim.server import server_tls
from ssmd.sim.simulation import Simulation
from tests.sim.market import MadeUpMarket, Played, playing

LISTED = b'["A","B"]'


async def get(
    url: str, *, method: str = "GET", tls: ssl.SSLContext | None = None
) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers."""
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, ssl=tls or True) as answer,
    ):
        return answer.status, await answer.read(), dict(answer.headers)


async def statuses(played: Played, *paths: str) -> list[int]:
    return [(await get(f"{played.server.rest}/main{path}"))[0] for path in paths]


def answers(played: Played) -> list[Answered]:
    return list(rest_ledger.read(played.directory).answers)


async def test_the_market_answers_and_the_ledger_has_it(tmp_path: Path) -> None:
    """Service, path and parameters come apart as the contract says, escapes undone."""
    async with playing(tmp_path) as played:
        url = f"{played.server.rest}/main/markets/A%20B?status=open&status=&cursor=a%2Bb%26"
        status, body, headers = await get(url)
        assert (status, body) == (200, LISTED)
        assert headers["Content-Type"] == "application/json"
        assert headers["X-Cursor"] == "end"
        query = [("status", "open"), ("status", ""), ("cursor", "a+b&")]
        assert played.market.asked == [("main", "/markets/A B", query)]
        (told,) = answers(played)
        assert (told.method, told.service, told.path) == ("GET", "main", "/markets/A B")
        assert list(told.query) == query
        assert (told.status, told.size) == (200, len(LISTED))
        assert told.sha256 == sha256(LISTED).hexdigest()
        assert rest_ledger.read(tmp_path).locals == {played.server.rest.removeprefix("http://")}


async def test_every_request_is_answered_and_noted(tmp_path: Path) -> None:
    """Without a path, of an unknown service, by another method, and in spite of our own bug."""
    async with playing(tmp_path) as played:
        rest = played.server.rest
        found = [await get(f"{rest}/{path}") for path in ("main", "other/x", "broken/x", "")]
        found.append(await get(f"{rest}/main/x", method="POST"))
        assert [status for status, _, _ in found] == [200, 404, 500, 404, 405]
        assert [(a.method, a.service, a.path, a.status) for a in answers(played)] == [
            ("GET", "main", "/", 200),
            ("GET", "other", "/x", 404),
            ("GET", "broken", "/x", 500),
            ("GET", "", "/", 404),
            ("POST", "main", "/x", 405),
        ]


async def test_requests_fail_in_the_middle_of_a_listing(tmp_path: Path) -> None:
    """The page after the first fails twice; then all is well again."""
    async with playing(tmp_path) as played:
        played.fault("http:status=503,after=1,count=2")
        assert await statuses(played, *["/x"] * 5) == [200, 503, 503, 200, 200]
        assert [answer.status for answer in answers(played)] == [200, 503, 503, 200, 200]
        assert len(played.market.asked) == 3


async def test_a_throttled_client_is_told_when_to_come_back(tmp_path: Path) -> None:
    """Only below the path that was named; the others are served."""
    async with playing(tmp_path) as played:
        played.fault("http:status=429,retry_after=2,path=/book")
        assert await statuses(played, "/markets") == [200]
        status, _, headers = await get(f"{played.server.rest}/main/book/A")
        assert (status, headers["Retry-After"]) == (429, "2")
        assert await statuses(played, "/book/A") == [200]


async def test_failures_of_two_faults_follow_each_other(tmp_path: Path) -> None:
    """None of them is used up by the other."""
    async with playing(tmp_path) as played:
        played.fault("http:status=500,count=1")
        played.fault("http:status=503,count=1,after=1")
        assert await statuses(played, *["/x"] * 4) == [500, 200, 503, 200]


async def test_answers_come_late_for_a_while(tmp_path: Path) -> None:
    """What is answered is what holds then."""
    async with playing(tmp_path) as played:
        played.fault("http_slow:delay=3,for=60")
        asking = asyncio.create_task(get(f"{played.server.rest}/main/x"))
        while not played.clock.sleepers:
            await played.clock.advance(0)
        await played.clock.advance(2.9)
        assert not asking.done()
        assert answers(played) == []
        played.market.list_symbols(["C"])
        await played.clock.advance(0.2)
        assert (await asking)[1] == b'["A","B","C"]'
        await played.pass_s(60)
        assert await statuses(played, "/x") == [200]


async def test_what_comes_too_late_for_the_client_was_not_sent(tmp_path: Path) -> None:
    """An oracle must not look for it in the archive."""
    async with playing(tmp_path) as played:
        played.fault("http_slow:delay=3")
        asking = asyncio.create_task(get(f"{played.server.rest}/main/x"))
        while not played.clock.sleepers:
            await played.clock.advance(0)
        asking.cancel()
        for _ in range(20):
            await played.clock.advance(0)
        await played.clock.advance(4)
        assert answers(played) == []
        assert b'"gone":true' in (tmp_path / rest_ledger.NAME).read_bytes()


async def test_what_cannot_be_written_down_is_not_said(tmp_path: Path) -> None:
    """The ledger would otherwise lack what the archive has."""
    async with playing(tmp_path) as played:
        ledger = played.server._rest._ledger
        assert ledger is not None
        ledger.close()
        with pytest.raises(aiohttp.ClientError):
            await get(f"{played.server.rest}/main/x")


async def test_the_same_is_served_over_tls(tmp_path: Path) -> None:
    """With the certificate of the WebSocket."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    pem, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    pem.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    certificate.private_key_pem.write_to_path(str(key))
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    server = RestServer(
        MadeUpMarket(), clock=ManualClock(), directory=tmp_path, tls=server_tls(pem, key)
    )
    base = await server.start("127.0.0.1", 0)
    try:
        assert base.startswith("https://")
        assert (await get(f"{base}/main/x", tls=trust))[1] == LISTED
    finally:
        await server.stop()


async def test_a_taken_port_is_refused_and_nothing_stays_open(tmp_path: Path) -> None:
    """Whichever of the two ports it is."""
    async with playing(tmp_path / "a") as played:
        for port, rest_port in ((0, port_of(played.server.rest)), (port_of(played.url), 0)):
            second = Simulation(MadeUpMarket(), clock=ManualClock(), directory=tmp_path / "b")
            with pytest.raises(Busy, match="Remedy"):
                await second.start(port=port, rest_port=rest_port)


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])
