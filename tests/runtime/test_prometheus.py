"""Asking a Prometheus: what comes of every kind of answer, and of none."""

import asyncio
import socket
from collections.abc import Callable
from urllib.parse import parse_qs

import pytest
from aiohttp import encode_basic_auth, web

from ssmd.model.errors import ConfigError
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime.clock import SystemClock
from ssmd.runtime.prometheus import (
    DEFAULT_URL,
    Prometheus,
    PrometheusAway,
    PrometheusSettings,
    Series,
    prometheus_settings,
)
from tests.runtime.web import replies, serving

AT = 1_763_856_000 * SECOND_NS + 999_999_999
VECTOR = (
    b'{"status":"success","data":{"resultType":"vector","result":['
    b'{"metric":{"shard":"0"},"value":[1763856000,"1"]},'
    b'{"metric":{"shard":"1"},"value":[1763856000,"+Inf"]}]}}'
)
CONFIG = b'{"status":"success","data":{"yaml":"global: {}"}}'

Script = Callable[[web.Request], object]


def a_client(url: str, **more: object) -> Prometheus:
    settings = PrometheusSettings(url=url, **more)  # type: ignore[arg-type]
    return Prometheus(settings, SystemClock())


async def refusal(script: Script, *, timeout_s: float = 5.0) -> PrometheusAway:
    """What asking this server ends with; a query and the check end alike."""
    async with serving(script) as server, a_client(server.url, timeout_s=timeout_s) as client:
        with pytest.raises(PrometheusAway) as refused:
            await client.check()
        with pytest.raises(PrometheusAway):
            await client.query("up", AT)
    return refused.value


async def test_an_instant_vector_is_its_series() -> None:
    """Labels and values, at the millisecond that was asked about."""
    async with serving(replies((200, VECTOR))) as server, a_client(f"{server.url}/prom") as client:
        found = await client.query('up{a="b"}', AT)
    assert found == (Series({"shard": "0"}, 1.0), Series({"shard": "1"}, float("inf")))
    (asked,) = server.asked
    path, _, query = asked.partition("?")
    assert path == "/prom/api/v1/query"
    assert parse_qs(query) == {"query": ['up{a="b"}'], "time": ["1763856000.999"]}


async def test_no_series_is_no_error() -> None:
    """An empty vector is an answer."""
    empty = b'{"status":"success","data":{"resultType":"vector","result":[]}}'
    async with serving(replies((200, empty))) as server, a_client(server.url) as client:
        assert await client.query("up", AT) == ()


async def test_it_is_there_when_it_tells_its_configuration() -> None:
    """As the founding notes ask."""
    async with serving(replies((200, CONFIG))) as server, a_client(server.url) as client:
        await client.check()
    assert server.asked == ["/api/v1/status/config"]


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (404, b"<html>404 page not found</html>", "no Prometheus (HTTP 404: <html>404"),
        (200, b"<html>Welcome to nginx</html>", "no Prometheus (HTTP 200: <html>Welcome"),
        (200, b'{"status":"success","data":{"a":1}}', "no Prometheus"),
        (200, b'{"status":"success","data":[]}', "no Prometheus"),
        (200, b'{"hello":1}', "no Prometheus (HTTP 200"),
        (200, b"", "no Prometheus (HTTP 200: no words)"),
        (200, b"\xff\xfe", "no Prometheus"),
        (400, b'{"status":"error","error":"bad_data: parse error"}', "HTTP 400: bad_data"),
        (503, b'{"status":"error","error":"TSDB not ready"}', "HTTP 503: TSDB not ready"),
        (502, b"Bad Gateway", "HTTP 502: Bad Gateway"),
        (401, b"Unauthorized", "does not let us in (HTTP 401)"),
        (403, b"{}", "does not let us in (HTTP 403)"),
        (302, b"", "no Prometheus (HTTP 302"),
    ],
)
async def test_every_refusal_is_told_in_its_own_words(status: int, body: bytes, said: str) -> None:
    """With the address, and what to do."""
    refused = await refusal(replies((status, body)))
    assert said in refused.message
    assert "http://127.0.0.1:" in refused.message
    assert refused.remedy


async def test_a_redirect_is_not_followed() -> None:
    """Credentials go where somebody named, and nowhere else."""

    def script(request: web.Request) -> web.Response:
        if request.path.startswith("/login"):
            return web.Response(body=CONFIG)
        return web.Response(status=302, headers={"Location": "/login"})

    async with serving(script) as server, a_client(server.url) as client:
        with pytest.raises(PrometheusAway, match="HTTP 302"):
            await client.check()
    assert server.asked == ["/api/v1/status/config"]


async def test_a_matrix_is_no_answer_to_an_instant_query() -> None:
    """What answers so is asked wrongly, or something else."""
    matrix = b'{"status":"success","data":{"resultType":"matrix","result":[]}}'
    async with serving(replies((200, matrix))) as server, a_client(server.url) as client:
        with pytest.raises(PrometheusAway, match="no instant vector"):
            await client.query("up[1m]", AT)


async def test_an_answer_that_never_comes_is_not_waited_for() -> None:
    """The time is a bound, and stands in the message."""

    async def silence(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    refused = await refusal(silence, timeout_s=0.05)
    assert "no answer within 0.05 s" in refused.message


async def test_a_dead_port_is_told() -> None:
    """Nobody listens: the connection is refused."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with a_client(url) as client:
            with pytest.raises(PrometheusAway, match=r"127\.0\.0\.1") as refused:
                await client.check()
    assert "PROMETHEUS_URL" in refused.value.remedy


async def test_credentials_are_sent_and_never_shown() -> None:
    """From the address or the environment, as user or as token."""
    seen: list[str] = []

    def script(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization", ""))
        return web.Response(status=401)

    async with serving(script) as server:
        host = server.url.removeprefix("http://")
        for settings in (
            prometheus_settings(f"http://joe:s3cret%40x@{host}", {}),  # pragma: allowlist secret
            prometheus_settings(
                server.url,
                {
                    "PROMETHEUS_USER": "joe",
                    "PROMETHEUS_PASSWORD": "s3cret@x",  # pragma: allowlist secret
                },
            ),
            prometheus_settings(server.url, {"PROMETHEUS_TOKEN": "s3cret-t0ken"}),
        ):
            assert "s3cret" not in repr(settings)
            assert "s3cret" not in str(settings)
            async with Prometheus(settings, SystemClock()) as client:
                with pytest.raises(PrometheusAway) as refused:
                    await client.check()
            assert "s3cret" not in str(refused.value)
    joe = encode_basic_auth("joe", "s3cret@x")
    assert seen == [joe, joe, "Bearer s3cret-t0ken"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15d", 15 * 86_400),
        ("1d12h", 129_600),
        ("30d or 10GiB", 30 * 86_400),
        ("", None),
        ("10GiB", None),
        ("100y", 100 * 365 * 86_400),
    ],
)
async def test_it_tells_how_long_it_remembers(text: str, seconds: float | None) -> None:
    """In its own way of writing durations; or by size, which says nothing about time."""
    body = b'{"status":"success","data":{"storageRetention":"%b"}}' % text.encode()
    async with serving(replies((200, body))) as server, a_client(server.url) as client:
        assert await client.keeps_s() == seconds


@pytest.mark.parametrize(
    "url",
    [
        "localhost:9090",
        "prometheus",
        "ftp://host",
        "http://",
        "http://host:port",
        "http://host:99999",
        "http://host:0",
        "http://host?x=1",
        "http://host#graph",
        "http://joe@host",
        "http://:secret@host",
    ],
)
def test_an_address_that_cannot_be_is_refused(url: str) -> None:
    """Before anybody is asked; what may hold a password is not repeated."""
    with pytest.raises(ConfigError) as refused:
        prometheus_settings(url, {})
    assert "PROMETHEUS_URL" in refused.value.remedy
    assert "secret" not in str(refused.value)


def test_two_kinds_of_credentials_are_one_too_many() -> None:
    """Nobody knows which one is meant."""
    address = "http://joe:pass@host"  # pragma: allowlist secret
    with pytest.raises(ConfigError, match="both"):
        prometheus_settings(address, {"PROMETHEUS_TOKEN": "t"})


def test_the_environment_names_it() -> None:
    """`--prometheus` wins over `PROMETHEUS_URL`, which wins over Prometheus' own port."""
    environ = {"PROMETHEUS_URL": "https://one/path/"}
    assert prometheus_settings(None, environ).url == "https://one/path"
    assert prometheus_settings("http://two:1", environ).url == "http://two:1"
    assert prometheus_settings(None, {}).url == DEFAULT_URL
