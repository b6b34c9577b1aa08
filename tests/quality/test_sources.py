"""A real Prometheus and a real bus, asked about feeds."""

from collections.abc import AsyncIterator, Callable
from datetime import date
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from aiohttp import web

from ssmd.bus.settings import BusSettings
from ssmd.bus.streams import Streams
from ssmd.feeds.quality import FeedQuality
from ssmd.feeds.registry import load_feed
from ssmd.model.timestamp import SECOND_NS
from ssmd.quality.checks import signals
from ssmd.quality.checks.signals import FLOW, IDLE, MARKETS, WS
from ssmd.quality.checks.told import Away, Expected, NotHere, StreamTold, Told
from ssmd.quality.finding import Measured
from ssmd.quality.sources import bus, prometheus
from ssmd.quality.window import Window, begin
from ssmd.runtime.clock import SystemClock
from ssmd.runtime.prometheus import PrometheusSettings
from tests.integration.bus import STREAM, Sender, envelope, everything, stream
from tests.integration.bus import server as a_bus
from tests.observability.server import running
from tests.runtime.web import replies, serving

CLOCK = SystemClock()
DAY = date(2026, 11, 22)
SINCE_S = begin(DAY) // SECOND_NS
CLOSED = Window(date=DAY, since=begin(DAY), until=begin(DAY) + 86_400 * SECOND_NS, running=False)
CAP = 50.0
STEP_S = 240
"""Prometheus looks back five minutes: more often than that it must be told."""


def history() -> str:
    """A day of a feed of two shards, one of whose processes was replaced at noon."""
    lines: list[str] = []
    gauges: dict[str, dict[str, float]] = {
        "websocket_connected": {"0": 1, "1": 1},
        "idle_seconds": {"0": 0.5, "1": 42},
        "markets_subscribed": {"0": 3, "1": 2},
    }
    hours = range(0, 86_400, STEP_S)
    for name, values in gauges.items():
        lines.append(f"# TYPE ssmd_connector_{name} gauge")
        for shard, value in values.items():
            lines += [
                f'ssmd_connector_{name}{{feed="f",shard="{shard}",instance="{_at(shard, s)}"}}'
                f" {value} {SINCE_S + s}"
                for s in hours
            ]
    lines.append("# TYPE ssmd_connector_shards gauge")
    lines.append("# TYPE ssmd_connector_shards_total gauge")
    lines += [f'ssmd_connector_shards_total{{feed="f"}} 2 {SINCE_S + s}' for s in hours]
    lines.append("# TYPE ssmd_connector_messages counter")
    for shard in ("0", "1"):
        for instance in dict.fromkeys(_at(shard, s) for s in hours):
            mine = [s for s in hours if _at(shard, s) == instance]
            lines += [
                f'ssmd_connector_messages_total{{feed="f",shard="{shard}",message_type="trade",'
                f'instance="{instance}"}} {number * 10} {SINCE_S + s}'
                for number, s in enumerate(mine)
            ]
    return "\n".join([*lines, "# EOF", ""])


def _at(shard: str, second: int) -> str:
    return "b:1" if shard == "1" and second >= 43_200 else "a:1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of a Prometheus that knows that day."""
    async with running(tmp_path_factory.mktemp("prometheus"), history=history()) as found:
        yield found.url


async def told_by(
    url: str, feed: str, window: Window = CLOSED, *, timeout_s: float = 10.0
) -> Told | Away | NotHere:
    settings = PrometheusSettings(url=url, timeout_s=timeout_s)
    labels = {feed: {"feed": feed}}
    return (await prometheus.told(settings, CLOCK, labels, window, cap=CAP))[feed]


def measured(told: Told | Away | NotHere, window: Window = CLOSED) -> dict[str, Measured]:
    expected = Expected(window=window, pause=lambda _: None, baseline=1000.0)
    found = signals.signals(told, NotHere("no bus"), expected)
    return {each.name: each for each in found}


async def test_a_closed_day_is_asked_about_at_its_last_moment(server: str) -> None:
    """All shards count, the replaced process once; the messages are those of the whole day."""
    found = measured(await told_by(server, "f"))
    assert [found[name].value for name in (WS, IDLE, MARKETS)] == [1, 42, 5]
    steps = 86_400 // STEP_S
    assert found[FLOW].value == pytest.approx(10 * (2 * steps - 3), rel=0.01)
    assert "at 2026-11-22T23:59:59Z: 2 series" in found[WS].evidence
    assert found[WS].evidence.startswith('ssmd_connector_websocket_connected{feed="f"}')
    assert "3 series of 2 processes" in found[FLOW].evidence


async def test_a_running_day_is_asked_about_now(server: str) -> None:
    """At noon there were half the messages, and both shards still had one process."""
    noon = Window(
        date=DAY, since=CLOSED.since, until=CLOSED.since + 43_200 * SECOND_NS - 1, running=True
    )
    found = measured(await told_by(server, "f", noon), noon)
    assert found[FLOW].value == pytest.approx(10 * (43_200 / STEP_S - 1) * 2, rel=0.02)
    assert "[43199s]" in found[FLOW].evidence
    assert "2 series;" in found[FLOW].evidence


async def test_a_feed_without_series_is_nothing_with_the_evidence(server: str) -> None:
    """Prometheus is there: 0, and the query that found nothing."""
    told = await told_by(server, "other")
    found = measured(told)
    assert isinstance(told, Told)
    assert [found[name].value for name in (WS, FLOW, MARKETS)] == [0, 0, 0]
    assert 'ssmd_connector_websocket_connected{feed="other"} at' in found[WS].evidence
    assert "no series" in found[WS].evidence
    assert "watched nothing at all then" in found[WS].evidence


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (replies((404, b"nginx")), "no Prometheus"),
        (replies((500, b"oh no")), "HTTP 500: oh no"),
        (replies((401, b"")), "does not let us in"),
    ],
)
async def test_what_is_no_prometheus_is_away(
    script: Callable[[web.Request], object], said: str
) -> None:
    """A wrong address degrades, with the reason; it ends nothing."""
    async with serving(script) as web_:
        told = await told_by(web_.url, "f")
    assert isinstance(told, Away)
    assert said in told.why
    assert told.remedy
    assert measured(told)[WS].cap == CAP


async def test_a_dead_prometheus_is_away() -> None:
    """Nobody listens."""
    told = await told_by("http://127.0.0.1:9", "f")
    assert isinstance(told, Away)
    assert "Connection refused" in told.why


async def test_a_prometheus_that_goes_away_in_between_is_away() -> None:
    """Half an answer is none: it says that it is there, and then answers no query."""

    def script(request: web.Request) -> web.Response:
        if request.path.endswith("/config"):
            return web.Response(body=b'{"status":"success","data":{"yaml":""}}')
        return web.Response(status=503, body=b'{"status":"error","error":"shutting down"}')

    async with serving(script) as web_:
        told = await told_by(web_.url, "f")
    assert isinstance(told, Away)
    assert "shutting down" in told.why


async def test_a_day_that_it_keeps_no_longer_is_beyond_it() -> None:
    """Its silence about that day says nothing, so it is not asked."""

    def script(request: web.Request) -> web.Response:
        assert "/query" not in request.path
        data = b'{"yaml":"","storageRetention":"15d"}'
        return web.Response(body=b'{"status":"success","data":%b}' % data)

    long_ago = date(2020, 1, 1)
    window = Window(
        date=long_ago, since=begin(long_ago), until=begin(date(2020, 1, 2)), running=False
    )
    async with serving(script) as web_:
        told = await told_by(web_.url, "f", window)
    assert isinstance(told, Told)
    assert told.beyond == "Prometheus keeps 15 days, and 2020-01-01 is longer ago."


async def test_none_is_asked_where_there_is_none() -> None:
    """`--prometheus none`: no cap, no flag."""
    found = await prometheus.told(None, CLOCK, {"f": {}}, CLOSED, cap=CAP)
    assert isinstance(found["f"], NotHere)


def test_labels_are_the_feeds_and_the_policys() -> None:
    """Its name, its category if it has one, and what its quality adds."""
    feed = load_feed("kraken")
    assert prometheus.labels_of(feed, feed.quality) == {"feed": "kraken"}
    divided = msgspec.structs.replace(feed, category="crypto")
    own = FeedQuality(labels={"cluster": "eu"})
    assert prometheus.labels_of(divided, own) == {
        "feed": "kraken",
        "category": "crypto",
        "cluster": "eu",
    }


# --- the bus


async def test_a_stream_is_told_of_by_the_bus_itself(tmp_path: Path) -> None:
    """Messages, the last one's time, and what is not archived yet; one that is missing is missing."""
    nats = a_bus(tmp_path)
    await nats.start()
    try:
        settings = BusSettings(nats.url)
        await stream(settings)
        wanted = {"f": (STREAM,), "g": ("NOBODY",)}
        found = await bus.told(settings, CLOCK, wanted)
        empty, missing = found["f"], found["g"]
        assert isinstance(empty, StreamTold)
        assert isinstance(missing, StreamTold)
        assert (empty.messages, empty.stored, empty.last_ts, empty.missing) == (0, 0, None, False)
        assert missing.missing
        async with Sender(settings) as sender:
            await sender.publish(envelope(number) for number in range(5))
            await sender.drained()
        await everything(settings, 5)
        divided = {"all": (STREAM, STREAM), "half": (STREAM, "NOBODY")}
        several = await bus.told(settings, CLOCK, divided)
        together, half = several["all"], several["half"]
        assert isinstance(together, StreamTold)
        assert isinstance(half, StreamTold)
        assert (together.messages, together.stored, together.missing) == (10, 10, False)
        assert (half.stream, half.missing) == ("NOBODY", True)
        full = (await bus.told(settings, CLOCK, wanted))["f"]
        assert isinstance(full, StreamTold)
        assert (full.messages, full.stored) == (5, 5)
        assert full.last_ts is not None
        assert abs(full.last_ts - CLOCK.wall()) < 60 * SECOND_NS
        async with await Streams.connect(settings, CLOCK) as streams:
            await streams.purge_below(STREAM, 6)
        purged = (await bus.told(settings, CLOCK, wanted))["f"]
        assert isinstance(purged, StreamTold)
        assert (purged.messages, purged.stored) == (0, 5)
    finally:
        await nats.stop()


async def test_a_bus_that_is_away_is_an_answer() -> None:
    """The reason is kept; nothing ends, and nothing is called bad."""
    dead = BusSettings("nats://127.0.0.1:9")
    found = await bus.told(dead, CLOCK, {"f": ("S",)}, timeout_s=0.1)
    told = found["f"]
    assert isinstance(told, NotHere)
    assert "127.0.0.1:9 cannot be used" in told.why
    unknown = await bus.told(None, CLOCK, {"f": ("S",)})
    assert unknown["f"] is bus.ABSENT
