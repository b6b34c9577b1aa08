"""The simulated venues' own listings, synchronised: whole, in part, and after something happened."""

from typing import Any

import pytest

from ssmd import venues
from ssmd.model.errors import ConfigError, Unavailable
from ssmd.model.frame import Now
from ssmd.model.rest import Request
from ssmd.model.simulated import ChangesStatus, SimulatedMarket, SimulationOptions
from ssmd.model.timestamp import SECOND_NS
from ssmd.model.venue import Venue
from ssmd.secmaster.database import Database
from ssmd.secmaster.rounds import Synchroniser
from ssmd.secmaster.settings import SyncSettings
from ssmd.secmaster.statement import Mode, Order, Statement
from ssmd.sim.manual_clock import ManualClock
from tests.secmaster.server import Server, fresh
from tests.secmaster.syncing import ask, picture

_PAUSES = ("inactive", "cancel_only", "suspended", "paused")
_COMBINATIONS = "KXMV"
"""Made by traders, without number: left out of listings unless their series is asked for."""
SIMULATED = [name for name in venues.names() if venues.load(name).simulated is not None]


class World:
    """A simulated market, asked without a network.

    Attributes:
        venue: The exchange.
        market: Its simulated side.
        clock: Its time.
    """

    def __init__(self, name: str) -> None:
        self.venue: Venue = venues.load(name)
        self.clock = ManualClock()
        assert self.venue.simulated is not None
        self.market: SimulatedMarket = self.venue.simulated(SimulationOptions(seed=7))

    async def fetch(self, request: Request) -> bytes:
        """One answer."""
        now: Now = self.clock.now()
        answer = self.market.rest(request.service, request.path, request.query, now)
        if answer.status != 200:
            raise Unavailable(f"{request.path}: {answer.status} {answer.body!r}", remedy="wait")
        return answer.body

    async def sync(self, database: Database, mode: Mode = "full") -> Statement:
        """One round."""
        order = Order(venue=self.venue, mode=mode)
        settings = SyncSettings(closure_floor=10_000)
        return await Synchroniser(database, self.clock, settings).run(order, self.fetch)

    def happen(self) -> None:
        """Time passes, one instrument stops trading, one is gone, one is new."""
        self.clock.leap(3_600)
        self.market.advance(self.clock.now())
        first, *_, last = self.market.symbols
        _pause(self.market, first)
        self.market.delist([last])


def _text(row: Any) -> str:  # noqa: ANN401 - a row as JSON
    return str(row)


def _pause(market: SimulatedMarket, symbol: str) -> None:
    """Stop the trading of an instrument, in whatever word the venue has for it."""
    assert isinstance(market, ChangesStatus)
    for word in _PAUSES:
        try:
            market.stand(symbol, word)
        except ConfigError:
            continue
        return
    pytest.fail("no word for it is known")


@pytest.mark.parametrize("name", SIMULATED)
async def test_a_simulated_listing_is_taken_whole(database: Database, name: str) -> None:
    """Every symbol that it trades is there; nothing is set aside; the second time nothing changes."""
    world = World(name)
    done = await world.sync(database)
    found = {row["symbol"] for row in await ask(database, "SELECT symbol FROM instrument")}
    usual = {symbol for symbol in world.market.symbols if not symbol.startswith(_COMBINATIONS)}
    assert usual <= found
    assert [one for one in done.set_aside if one.kind != "doubtful"] == []
    again = await world.sync(database)
    assert again.unchanged == done.inserted
    assert again.written == again.by_table["funding"]["inserted"]


@pytest.mark.parametrize("name", SIMULATED)
async def test_incremental_ends_equal_to_full(server: Server, tmp_path: Any, name: str) -> None:  # noqa: ANN401 - pytest's own
    """The same world, the same happenings: whichever round hears of them says the same."""
    ends = []
    for mode in ("full", "incremental"):
        world = World(name)
        async with fresh(server, tmp_path) as database:
            await world.sync(database)
            world.happen()
            await world.sync(database, mode)
            told = await picture(database)
            told["fee"] = []  # of some venues it holds since it was first seen
            ends.append(told)
    for table in ends[0]:
        first, second = ({_text(row) for row in end[table]} for end in ends)
        assert first - second == set(), table
        assert second - first == set(), table


def test_every_venue_is_simulated() -> None:
    """None is left out of what is proved here; the clock of all begins at the same time."""
    assert sorted(venues.names()) == sorted(SIMULATED)
    assert ManualClock().wall() == 1_800_000_000 * SECOND_NS
