"""The connector as a whole, before it has a bus."""

import asyncio
import json
from pathlib import Path

import aiohttp
import msgspec
import pytest

from ssmd.bus.settings import BusSettings
from ssmd.connector.service import Connector
from ssmd.feeds.account import variables_of
from ssmd.feeds.environment import EnvironmentConfig, SpoolSettings, Transport
from ssmd.feeds.registry import load_feed, names, venue
from ssmd.feeds.share import WHOLE, Share
from ssmd.model.errors import ConfigError
from ssmd.runtime.clock import SystemClock
from ssmd.runtime.health import serve
from ssmd.runtime.tasks import Stop
from tests.connector.accounts import abandon, begin, receive
from tests.connector.parts import make_spool, until

NOWHERE = "127.0.0.1:1"


async def test_it_answers_while_it_reads_what_the_last_run_left(tmp_path: Path) -> None:
    """A spool of gigabytes delays the recording; whoever probes is not to kill it for that."""
    spool = make_spool(tmp_path / "spool")
    receive(spool, begin(spool), 60_000)
    abandon(spool)
    connector = Connector(
        next(feed for feed in map(load_feed, names()) if venue(feed).account is None).with_endpoint(
            f"ws://{NOWHERE}"
        ),
        msgspec.structs.replace(
            EnvironmentConfig(name="test", transport=Transport()),
            spool=SpoolSettings(low_disk_bytes=0, min_free_bytes=0),
        ),
        directory=tmp_path / "spool",
        bus=BusSettings(f"nats://{NOWHERE}"),
        clock=SystemClock(),
    )
    address = await serve(connector.health, "127.0.0.1", 0)
    stop = Stop()
    recording = asyncio.create_task(connector.main(stop))
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{address.url}/health") as alive:
            assert alive.status == 200
        async with session.get(f"{address.url}/ready") as answer:
            reasons = json.loads(await answer.text())["reasons"]
    assert "spool: what the last run left is being read" in reasons
    await until(lambda: not any("spool:" in why for why in connector.health.ready()[1]))
    stop.request("the test is done")
    await recording
    await address.close()
    assert make_spool(tmp_path / "spool").unpublished >= 60_000


def test_a_feed_that_needs_keys_says_so_before_anything_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With how to get them, and no spool left behind."""
    feed = next(each for each in map(load_feed, names()) if venue(each).account is not None)
    account = venue(feed).account
    assert account is not None
    for variable in variables_of(venue(feed)).values():
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ConfigError) as caught:
        Connector(
            feed,
            EnvironmentConfig(name="test", transport=Transport()),
            directory=tmp_path / "spool",
            bus=BusSettings(f"nats://{NOWHERE}"),
            clock=SystemClock(),
        )
    assert caught.value.remedy == account.where
    assert not (tmp_path / "spool").exists()


def test_a_share_has_its_part_of_everything(tmp_path: Path) -> None:
    """Connections, pauses, REST tokens, the stream's window, and numbers of its own."""
    feed = load_feed(next(each for each in names() if venue(load_feed(each)).account is None))
    environment = EnvironmentConfig(name="test", transport=Transport(window=2000))

    def of(share: Share) -> Connector:
        made = Connector(
            feed.with_endpoint(f"ws://{NOWHERE}"),
            environment,
            directory=tmp_path / "spool",
            bus=BusSettings(f"nats://{NOWHERE}"),
            clock=SystemClock(),
            share=share,
        )
        made._lock.release()
        return made

    whole = of(WHOLE)._feed.limits
    parts = [of(Share(index, 3)) for index in range(3)]
    assert sum(part._feed.limits.connections for part in parts) == whole.connections
    assert {part._feed.limits.connect_interval_s for part in parts} == {
        3 * whole.connect_interval_s
    }
    assert [part._feed.share for part in parts] == [Share(index, 3) for index in range(3)]
    with pytest.raises(ConfigError, match="can have no connection"):
        of(Share(50, whole.connections + 51))
