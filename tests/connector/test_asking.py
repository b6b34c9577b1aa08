"""The REST side of a connector, from a real server over the spool to the shards."""

import asyncio
from datetime import date
from pathlib import Path

import msgspec
from aiohttp import web

from ssmd.connector.asking import Asking, addresses
from ssmd.connector.settings import Tuning
from ssmd.connector.shard import Feed
from ssmd.connector.supervisor import Supervisor
from ssmd.connector.telemetry import Telemetry
from ssmd.feeds.share import Share
from ssmd.feeds.universe import Discovery
from ssmd.model.envelope import CONNECTION, LEDGER, REST, SENT
from ssmd.model.subscription import Limits
from ssmd.runtime.health import Health
from ssmd.sim.manual_clock import ManualClock
from tests.connector.accounts import assert_accounted
from tests.connector.parts import FEED, everything, make_spool, until
from tests.connector.shop import Shop, trades
from tests.connector.test_supervisor import Puppet
from tests.feeds.made import feed, version_tree
from tests.runtime.web import serving

LIMITS = Limits(subscriptions_per_connection=2, sends_per_second=1)


async def test_what_is_found_at_the_venue_reaches_the_shards_and_is_on_record(
    tmp_path: Path,
) -> None:
    """Listings come and go; every body that a decision was made on is kept."""
    clock, health, shop = ManualClock(), Health(), Shop("a", "b", "c")
    spool = make_spool(tmp_path, clock)
    telemetry = Telemetry(FEED)

    def script(request: web.Request) -> web.Response:
        return web.Response(body=shop.answer(int(request.query["offset"])))

    async with serving(script) as web_:
        config = Feed(
            name=FEED, category=None, venue=shop.venue(web_.url), endpoint="ws://x", limits=LIMITS
        )
        asking = Asking(
            config, {"main": web_.url}, spool=spool, clock=clock, telemetry=telemetry, tls=None
        )
        supervisor = Supervisor(
            FEED, LIMITS, Puppet, clock=clock, tuning=Tuning(), telemetry=telemetry
        )
        whole, part = (
            Asking(
                msgspec.structs.replace(config, share=share), {"main": web_.url}, spool=spool,
                clock=clock, telemetry=telemetry, tls=None,
            ).http._services["main"].tokens_per_second
            for share in (Share(0, 1), Share(1, 4))
        )  # fmt: skip
        assert part == whole / 4, "all together ask no more than one may"
        universe = asking.discover(Discovery(interval_s=60), ("trade",), health)
        assert everything(spool) == []
        assert health.ready() == (False, ["universe: the venue has not been asked yet"])
        following = asyncio.create_task(supervisor.follow(universe))
        await until(lambda: len(supervisor.shards) == 2, clock)
        shop.entries.remove("c")
        await until(lambda: len(supervisor.shards) == 1, clock)
        shop.entries = []
        await until(lambda: not supervisor.shards, clock)
        shop.entries = ["d"]
        await until(lambda: bool(supervisor.shards), clock)
        asking.report()
        following.cancel()
        await asyncio.wait({following})
        asking.finish()
        await asking.close()
    assert supervisor.shards[0].wants == [trades("d")]  # type: ignore[attr-defined]
    assert health.ready() == (True, [])
    await supervisor.close()
    spool.flush()
    said = everything(spool)
    (connection,) = {envelope.connection for _, envelope in said}
    frames = [envelope for _, envelope in said if envelope.type == REST]
    assert [msgspec.json.decode(e.payload) for e in frames[:2]] == [["a", "b"], ["c"]]
    assert_accounted(said, {connection: (len(shop.asked), True)})
    assert {envelope.type for _, envelope in said} == {CONNECTION, SENT, REST, LEDGER}
    spool.close()


async def test_a_feed_may_name_other_addresses() -> None:
    """Of the services it names; the others stay the venue's."""
    venue, at = Shop().venue("https://api.venue.net"), date(2026, 6, 1)
    assert addresses(feed(), venue, at) == {"main": "https://api.venue.net"}
    version = version_tree("1", "2026-01-01", rest={"main": "http://127.0.0.1:1/main"})
    other = feed(versions=[version])
    assert addresses(other, venue, at) == {"main": "http://127.0.0.1:1/main"}
