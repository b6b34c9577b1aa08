"""Discovery: a listing is whole or it does not count, and what failed never unsubscribes anything."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal

import msgspec
import pytest
import structlog.testing
from aiohttp import web

from ssmd.connector.discovery import DiscoveryUniverse
from ssmd.connector.telemetry import Telemetry
from ssmd.feeds.universe import Discovery
from ssmd.model.filters import Filters
from ssmd.model.rest import Request
from ssmd.model.subscription import Subscription
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime import metrics
from ssmd.runtime.driver import Fetch
from ssmd.runtime.health import Health
from ssmd.runtime.http import Http, HttpTuning
from ssmd.sim.manual_clock import ManualClock
from tests.connector.parts import FEED, until
from tests.connector.shop import Entry, Shop, trades
from tests.runtime.web import serving

NOT_YET = "universe: no round of discovery has succeeded: "


class Scene:
    """A discovering connector without its connector."""

    def __init__(self, shop: Shop, **discovery: object) -> None:
        self.shop = shop
        self.clock = ManualClock()
        self.health = Health()
        self.told: list[frozenset[Subscription]] = []
        self.channels: tuple[str, ...] = ("trade",)
        self.discovery = msgspec.convert({"interval_s": 100, **discovery}, Discovery)
        self.fetch: Fetch = shop.fetch
        self.universe: DiscoveryUniverse

    async def watch(self) -> None:
        async for wanted in self.universe.watch():
            self.told.append(wanted)

    @property
    def reasons(self) -> list[str]:
        return self.health.ready()[1]


@asynccontextmanager
async def watching(scene: Scene, chance: float = 0.5) -> AsyncIterator[Scene]:
    """Watch until the test is done."""
    scene.universe = DiscoveryUniverse(
        scene.discovery,
        scene.channels,
        scene.shop.venue(),
        lambda: scene.fetch,
        clock=scene.clock,
        telemetry=Telemetry(FEED),
        health=scene.health,
        chance=lambda: chance,
    )
    task = asyncio.create_task(scene.watch())
    try:
        await scene.clock.advance(0)
        yield scene
    finally:
        task.cancel()
        await asyncio.wait({task})


def fail(at: int, error: Callable[[], Exception]) -> Callable[[int], None]:
    """Raise when a page is asked for."""

    def before(offset: int) -> None:
        if offset == at:
            raise error()

    return before


async def test_what_is_listed_is_wanted_and_said_once() -> None:
    """All pages, each symbol once; the next round is silent unless something changed."""
    shop = Shop("b", "a", "c", {"symbol": "d", "status": "closed"}, "a")
    async with watching(Scene(shop)) as scene:
        assert scene.told == [trades("a", "b", "c")]
        assert shop.asked == [0, 2, 4]
        assert scene.reasons == []
        await scene.clock.advance(100)
        assert len(shop.queries) == 2
        shop.entries = ["a", "e"]
        await scene.clock.advance(250)
        assert scene.told == [trades("a", "b", "c"), trades("a", "b", "c", "e"), trades("a", "e")]


async def test_the_interval_has_a_little_jitter() -> None:
    """Many connectors started together are not to ask together."""
    for chance, due in ((0.0, 90), (1.0, 110)):
        shop = Shop("a")
        async with watching(Scene(shop), chance) as scene:
            await scene.clock.advance(due - 1)
            assert len(shop.queries) == 1
            await scene.clock.advance(2)
            assert len(shop.queries) == 2


@pytest.mark.parametrize("at", [0, 2, 4])
@pytest.mark.parametrize(
    "error", [lambda: ValueError("no list"), lambda: KeyError("symbol"), RecursionError]
)
async def test_a_failed_page_fails_the_round_wherever_it_is(
    at: int, error: Callable[[], Exception]
) -> None:
    """What was found before stays wanted; the round is tried again, sooner than the next is due."""
    shop = Shop("a", "b", "c", "d", "e")
    async with watching(Scene(shop)) as scene:
        shop.entries.append("f")
        shop.before = fail(at, error)
        await scene.clock.advance(101)
        assert scene.told == [trades("a", "b", "c", "d", "e")]
        assert scene.reasons == []
        assert "1 rounds of discovery failed" in scene.health.warnings[0]
        shop.before = fail(-1, error)
        await scene.clock.advance(10)
        assert scene.told[1:] == [trades("a", "b", "c", "d", "e", "f")]
        assert scene.health.warnings == []


async def test_before_the_first_good_round_nothing_is_wanted_and_everybody_can_see_why() -> None:
    """An empty universe would look like a venue that lists nothing."""
    shop = Shop("a", "b", "c")
    shop.before = fail(2, lambda: ValueError("not a list"))
    scene = Scene(shop)
    with structlog.testing.capture_logs() as logs:
        async with watching(scene, 1.0):
            assert scene.told == []
            assert scene.reasons == [NOT_YET + "ValueError: not a list"]
            await scene.clock.advance(4)
            assert len(shop.queries) == 1
            await scene.clock.advance(1)
            assert len(shop.queries) == 2
            await scene.clock.advance(300)
            assert len(shop.queries) == 7  # after 5, 10, 20, 40, 80, then 100: the interval
            assert scene.told == []
            shop.before = fail(-1, ValueError)
            await scene.clock.advance(100)
            assert scene.told == [trades("a", "b", "c")]
            assert scene.reasons == []
    failed = [entry for entry in logs if entry["event"] == "connector.discovery_failed"]
    assert len(failed) == 7


async def test_a_listing_that_moves_while_it_is_read_loses_nothing() -> None:
    """By offset: something new at the front repeats an entry, something gone hides one."""
    shop = Shop("a", "b", "c", "d")
    async with watching(Scene(shop)) as scene:
        assert scene.told == [trades("a", "b", "c", "d")]

        def grows(offset: int) -> None:
            if offset == 2:
                shop.entries.insert(0, "new")

        shop.before = grows
        await scene.clock.advance(100)
        assert scene.told == [trades("a", "b", "c", "d")]  # `b` came twice, `new` not yet

        def shrinks(offset: int) -> None:
            if offset == 2:
                shop.entries.remove("a")

        shop.before = shrinks
        await scene.clock.advance(100)
        assert scene.told[1:] == [
            trades("a", "b", "c", "d", "new")
        ]  # `b` moved to a page read before
        shop.before = lambda _: None
        await scene.clock.advance(100)
        assert scene.told[2:] == []  # `a` may be hidden as `b` was
        await scene.clock.advance(100)
        assert scene.told[2:] == [trades("b", "c", "d", "new")]


async def test_what_is_stated_to_be_over_goes_at_once() -> None:
    """Only what is not named at all is given a second chance."""
    shop = Shop("a", "b")
    async with watching(Scene(shop)) as scene:
        shop.entries[0] = {"symbol": "a", "status": "settled"}
        await scene.clock.advance(100)
        assert scene.told == [trades("a", "b"), trades("b")]


async def test_an_empty_listing_is_an_answer() -> None:
    """It waits; channels about all symbols are wanted all the same."""
    for channels, expected in (
        (("trade",), frozenset()),
        (("trade", "lifecycle"), {Subscription("lifecycle")}),
    ):
        scene = Scene(Shop())
        scene.channels = channels
        async with watching(scene):
            assert scene.told == [expected]
            assert scene.reasons == []
            scene.shop.entries.append("a")
            await scene.clock.advance(100)
            assert scene.told[1:] == [expected | trades("a")]


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ({"max_pages": 2}, "beyond `max_pages` (2)"),
        ({"max_instruments": 4}, "`max_instruments` (4)"),
    ],
)
async def test_a_bound_fails_the_round_and_says_how_to_raise_it(
    bounds: dict[str, object], said: str
) -> None:
    """Nothing is cut off: five are listed, four would be a lie."""
    async with watching(Scene(Shop("a", "b", "c", "d", "e"), **bounds)) as scene:
        assert scene.told == []
        (reason,) = scene.reasons
        assert said in reason
        assert f"Raise `{next(iter(bounds))}` under `universe.discovery`" in reason


async def test_the_bound_is_on_what_passes_the_filters() -> None:
    """A venue lists a hundred thousand; what counts is what we are to hold."""
    over: list[Entry] = [{"symbol": f"x{number}", "status": "closed"} for number in range(10)]
    async with watching(Scene(Shop("a", *over, "b"), max_instruments=2)) as scene:
        assert scene.told == [trades("a", "b")]


async def test_a_filter_about_what_nobody_states_fails_the_round() -> None:
    """It would have excluded everything, in silence."""
    shop = Shop({"symbol": "a", "volume": "5"}, "b")
    async with watching(Scene(shop, filters={"min_volume": 1, "min_liquidity": 1})) as scene:
        assert scene.told == []
        assert "the filter `min_liquidity` asks about" in scene.reasons[0]
        shop.entries = [{"symbol": "a", "volume": "5", "liquidity": "7"}, "b"]
        await scene.clock.advance(100)
        assert scene.told == [trades("a")]


async def test_what_each_filter_excludes_is_shown() -> None:
    """In the log and as metrics."""
    shop = Shop(
        {"symbol": "a", "category": "Crypto", "volume": "5"},
        {"symbol": "b", "category": "Sports", "volume": "5"},
        {"symbol": "c", "category": "Crypto", "volume": "0.5"},
        {"symbol": "d", "status": "paused"},
        {},
    )
    filters = {"categories": ["crypto"], "min_volume": 1}
    with structlog.testing.capture_logs() as logs:
        async with watching(Scene(shop, filters=filters)) as scene:
            assert scene.told == [trades("a")]
            selection = scene.universe.selection
            assert selection is not None
            assert selection.listed == 4
    (line,) = [entry for entry in logs if entry["event"] == "connector.discovered"]
    assert (line["listed"], line["kept"], line["unreadable"]) == (4, 1, 1)
    assert line["excluded"] == {"statuses": 1, "categories": 1, "min_volume": 1}
    assert [entry["first"] for entry in logs if "first" in entry] == ["an entry has no symbol"]
    excluded = {
        name: metrics.UNIVERSE_EXCLUDED.labels(FEED, "", name)._value.get()
        for name in metrics.FILTERS
    }
    assert {name for name, number in excluded.items() if number} == set(line["excluded"])
    assert metrics.UNIVERSE_KEPT.labels(FEED, "")._value.get() == 1
    assert metrics.UNIVERSE_REJECTS.labels(FEED, "")._value.get() == 1


async def test_the_venue_is_asked_for_no_more_than_is_wanted() -> None:
    """Where it can narrow its listing, it may."""
    scene = Scene(Shop(), filters={"close_within_s": 60, "series": ["S"], "categories": ["C"]})
    async with watching(scene):
        (query,) = scene.shop.queries
    assert query.close_before_ts == scene.clock.wall() + 60 * SECOND_NS
    assert (query.active, query.series, query.categories) == (True, ("S",), ("C",))
    scene = Scene(Shop(), filters={"statuses": ["active", "settled"]})
    async with watching(scene):
        (query,) = scene.shop.queries
    assert (query.active, query.close_before_ts) == (False, None)


async def test_what_cannot_be_read_is_not_gone() -> None:
    """One entry that we do not understand may be one that we hold."""
    shop = Shop("a", "b", "c")
    async with watching(Scene(shop)) as scene:
        shop.entries = ["a", {}, "c"]
        await scene.clock.advance(700)
        assert scene.told == [trades("a", "b", "c")]
        await scene.clock.advance(300)
        assert scene.told[1:] == [trades("a", "c")]


async def test_a_format_nobody_reads_any_more_is_a_failure() -> None:
    """Not a venue that lists nothing."""
    shop = Shop("a", "b", "c")
    async with watching(Scene(shop)) as scene:
        shop.entries = [{}, {}, "c"]
        await scene.clock.advance(1000)
        assert scene.told == [trades("a", "b", "c")]
        assert "2 entries of the listing could not be read" in scene.health.warnings[0]


async def test_5xx_in_the_middle_of_a_listing_never_cuts_it_off() -> None:
    """Through the real client: repeated if that helps, the round failed if it does not."""
    shop = Shop("a", "b", "c", "d", "e")
    trouble = [500, 503, 0, 500, 0]

    def script(request: web.Request) -> web.Response:
        offset = int(request.query["offset"])
        if offset == 2 and (status := trouble.pop(0) if trouble else 0):
            return web.Response(status=status)
        return web.Response(body=shop.answer(offset))

    async with serving(script) as web_:
        scene = Scene(shop, filters={})
        async with Http(
            shop.venue(web_.url).rest, clock=scene.clock, tuning=HttpTuning(attempts=2, base_s=0.5)
        ) as http:
            scene.fetch = http.fetcher("discovery")
            async with watching(scene):
                await until(lambda: bool(scene.told), scene.clock)
                assert scene.told == [trades("a", "b", "c", "d", "e")]
                await until(lambda: shop.asked.count(4) == 2, scene.clock)
    assert trouble == []
    assert scene.told == [trades("a", "b", "c", "d", "e")]


async def test_how_old_what_we_know_is_can_be_seen() -> None:
    """A venue that answers nothing for a day must not look like one that changes nothing."""
    shop = Shop("a")
    async with watching(Scene(shop)) as scene:
        shop.before = fail(0, ValueError)
        await scene.clock.advance(500)
        scene.universe.report()
        assert metrics.DISCOVERY_AGE.labels(FEED, "")._value.get() == pytest.approx(500, abs=1)


async def test_while_the_venue_does_not_answer_everybody_can_see_it() -> None:
    """One round may try for minutes: `not asked yet` would be a lie, and no help."""
    scene = Scene(Shop("a"))
    answer = asyncio.Event()

    async def fetch(request: Request) -> bytes:
        await answer.wait()
        return await scene.shop.fetch(request)

    scene.fetch = fetch
    async with watching(scene):
        scene.universe.report()
        assert scene.reasons == ["universe: the venue is being asked what it lists"]
        scene.universe.report("HTTP 503")
        assert scene.reasons[0].endswith("; its last answer: HTTP 503")
        answer.set()
        await until(lambda: scene.reasons == [], scene.clock)
        scene.universe.report("HTTP 503")
        assert scene.reasons == []


def test_the_metrics_know_every_filter() -> None:
    """An excluded instrument without a series would be invisible."""
    assert set(metrics.FILTERS) == set(Filters.__struct_fields__)
    assert Filters(min_volume=Decimal(1)).given == ("statuses", "min_volume")
    assert Request("/x").service == "main"
