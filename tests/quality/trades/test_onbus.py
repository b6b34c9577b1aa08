"""What stands on the bus and is not archived: read from a real server, and counted once."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ssmd import venues
from ssmd.archive.writer import Archive
from ssmd.bus.embedded import EmbeddedServer
from ssmd.bus.follow import Follower
from ssmd.bus.settings import BusSettings
from ssmd.quality.trades.archived import Subject
from ssmd.quality.trades.comparing import _ours
from ssmd.quality.trades.onbus import waiting
from tests.access.made import FEED, Recording, trades
from tests.archive.made import START, Sent
from tests.integration import bus
from tests.integration.bus import CLOCK, STREAM, Sender

pytestmark = pytest.mark.integration
COUNT = 60
ARCHIVED = 40
WHOSE = Subject(FEED, "BTC/USD")
VENUE = venues.load(FEED)


@pytest.fixture
async def settings(tmp_path: Path) -> AsyncIterator[BusSettings]:
    """A real JetStream server with the stream of the tests."""
    made: EmbeddedServer = bus.server(tmp_path)
    await made.start()
    found = BusSettings(url=made.url)
    await bus.stream(found)
    yield found
    await made.stop()


async def published(settings: BusSettings, root: Path, *, created: int | None = None) -> Archive:
    """All trades are on the bus; the files hold those of the first forty seconds."""
    talk = Recording()
    envelopes = [*talk.begin(), *map(talk.trade, trades(COUNT))]
    async with Sender(settings) as sender:
        await sender.publish(envelopes)
        await sender.drained()
    async with Follower(settings, CLOCK, STREAM) as follower:
        state = await follower.look()
    archive = Archive(root, STREAM, clock=CLOCK)
    archive.adopt(created or state.created, 0)
    begun = len(envelopes) - COUNT
    archive.append([Sent(n, each) for n, each in enumerate(envelopes[: begun + ARCHIVED], 1)])
    archive.commit()
    return archive


async def test_only_what_is_not_archived_is_waiting(settings: BusSettings, tmp_path: Path) -> None:
    """Of this instrument, each once; when it is archived as well, nothing is."""
    root = tmp_path / "data"
    archive = await published(settings, root)
    wanted = [made for made in trades(COUNT)[ARCHIVED:] if made.symbol == WHOSE.symbol]
    found = await waiting(root, VENUE, WHOSE, settings, CLOCK)
    assert [(trade.id, trade.price, trade.ts) for _, trade in found] == [
        (str(made.number), made.price, made.ts_event) for made in wanted
    ]
    time = (START - 10**9, START + COUNT * 10**9)
    ours, alone = await _ours(root, VENUE, WHOSE, time, CLOCK, settings)
    assert alone == len(wanted) > 0
    assert sorted(each.id or "" for each in ours) == sorted(
        str(made.number) for made in trades(COUNT) if made.symbol == WHOSE.symbol
    )
    early, none = await _ours(root, VENUE, WHOSE, (time[0], START + 20 * 10**9), CLOCK, settings)
    assert none == 0
    assert len(early) < len(ours)
    archive.close()


async def test_without_a_bus_the_files_speak_alone(settings: BusSettings, tmp_path: Path) -> None:
    """What is on its way is not there for them."""
    root = tmp_path / "data"
    archive = await published(settings, root)
    time = (START - 10**9, START + COUNT * 10**9)
    files, alone = await _ours(root, VENUE, WHOSE, time, CLOCK, None)
    assert (alone, len(files)) == (0, sum(m.symbol == WHOSE.symbol for m in trades(ARCHIVED)))
    archive.close()


async def test_what_both_have_counts_once(settings: BusSettings, tmp_path: Path) -> None:
    """The files' position is of another stream of that name: all of this one is read."""
    root = tmp_path / "data"
    archive = await published(settings, root, created=1)
    mine = [made for made in trades(COUNT) if made.symbol == WHOSE.symbol]
    assert len(await waiting(root, VENUE, WHOSE, settings, CLOCK)) == len(mine)
    time = (START - 10**9, START + COUNT * 10**9)
    ours, alone = await _ours(root, VENUE, WHOSE, time, CLOCK, settings)
    assert (len(ours), alone) == (len(mine), sum(n >= ARCHIVED for n in (m.number for m in mine)))
    archive.close()
