"""What was missed is in the archive afterwards, from the venue's own history: all of it, once."""

import signal
from collections.abc import Hashable, Iterable
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import msgspec
import pytest

from ssmd.archive import reader
from ssmd.archive.ledger import store
from ssmd.archive.ledger.absences import absences
from ssmd.archive.verify import verify
from ssmd.cli.options import recorded_feed
from ssmd.cli.stage import Stage
from ssmd.feeds import registry
from ssmd.feeds.capture import ConnectorSettings
from ssmd.feeds.feed import FeedConfig
from ssmd.model.envelope import BACKFILL, CONNECTION, LEDGER
from ssmd.model.records import (
    Acknowledged,
    Backfilled,
    Closed,
    Opened,
    decode_connection,
    decode_ledger,
)
from ssmd.model.rest import Request
from ssmd.model.row import Row
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime.clock import today
from tests.e2e.acts import CLOCK, FEED, drained, judged, stage, total, until
from tests.e2e.command import last, running, ssmd
from tests.e2e.kept import files
from tests.e2e.test_venues import alive, machine, quick
from tests.tier import FULL, SEED
from tests.venues.backfilling import drive, envelope

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SYMBOLS = 3
NAMES = registry.names() if FULL else [FEED]
QUICK = ConnectorSettings(backoff_base_s=0.1, backoff_cap_s=0.5, backfill_delay_s=0.5)
LEFT = msgspec.structs.replace(QUICK, backfill="off")
EDGE_NS = 2 * SECOND_NS
"""Nobody knows on which side of a comparison's bounds a fact this close to them belongs."""

Facts = dict[Hashable, Row]


def few(name: str) -> FeedConfig:
    """The shipped feed, for few instruments where it names them."""
    feed = registry.load_feed(name)
    named = feed.universe.symbols[:SYMBOLS]
    return quick(feed.with_symbols(named) if named else feed)


def pages(root: Path) -> list[Backfilled]:
    """Every page that is on record."""
    found = (decode_ledger(line.envelope.payload) for line in reader.read(root, type=LEDGER))
    return [record for record in found if isinstance(record, Backfilled)]


async def away(made: Stage) -> None:
    """All connections break, and for two seconds nobody is let in again."""
    ended = await total(made, "ssmd_connector_shard_reconnects_total")
    made.fault("unauthorized:for=2")
    made.fault("close:code=1012")

    async def is_away() -> bool:
        return await total(made, "ssmd_connector_shard_reconnects_total") > ended

    await until(is_away, "the connections to break")
    await alive(made)


async def filled(made: Stage, name: str) -> None:
    """Wait until the connector asked for all it missed since it started."""
    wanted = len(few(name).universe.symbols) or 1

    async def is_filled() -> bool:
        asked = await total(made, "ssmd_backfill_pages_total")
        return asked >= wanted and await total(made, "ssmd_backfill_pending") == 0

    await until(is_filled, "what was missed to be asked for", patience_s=120.0)


class Tale:
    """What happened to an instrument: as the archive has it, and as the venue tells it at the end.

    Attributes:
        captured: Facts that came over a socket, by the venue's own ids.
        past: Facts of pages of history.
        told: All facts, by the simulated venue.
    """

    def __init__(self, root: Path, name: str, symbol: str, channel: str) -> None:
        feed = recorded_feed(root, name)
        venue = registry.venue(feed)
        lines = [line.envelope for line in reader.read(root, feed=name)]
        acks = [
            line.ts_recv or 0
            for line in lines
            if line.type == LEDGER
            and isinstance(record := decode_ledger(line.payload), Acknowledged)
            and (record.channel, record.symbol) == (channel, symbol)
        ]
        since, until_ = min(acks), max(line.ts_recv or 0 for line in lines if line.type[0] != "_")
        history = venue.rest.history(channel, symbol, since, until_)
        assert history is not None
        addresses = feed.rest(today(CLOCK))

        def ask(request: Request) -> bytes:
            url = f"{addresses[request.service]}{request.path}?{urlencode(request.query)}"
            with urlopen(url, timeout=10) as answer:  # noqa: S310 - the simulator's own address
                body: bytes = answer.read()
            return body

        bodies = {each.body for each in drive(history, ask)}
        told = [row for body in bodies for row in venue.rows(envelope(symbol, body)).rows]
        kinds = {type(row) for row in told}

        def rows(past: bool) -> Iterable[Row]:
            for line in lines:
                if symbol in line.symbols and (line.type == BACKFILL) == past:
                    yield from venue.rows(line).rows

        self.bounds = since, until_
        self.told = self._inside(told, kinds)
        self.captured = self._inside(
            (row for row in rows(past=False) if not row.is_snapshot), kinds
        )
        self.past = self._inside(rows(past=True), kinds)

    def _inside(self, rows: Iterable[Row], kinds: set[type[Row]]) -> Facts:
        since, until_ = self.bounds
        return {
            row.native_id: row
            for row in rows
            if type(row) in kinds and row.ts_event is not None and since <= row.ts_event < until_
        }

    def inner(self, facts: Facts) -> set[Hashable]:
        """Ids of facts that are not at the edges of the time."""
        low, high = self.bounds[0] + EDGE_NS, self.bounds[1] - EDGE_NS
        return {key for key, row in facts.items() if low <= (row.ts_event or 0) < high}

    def assert_whole(self) -> None:
        """Everything that happened is there, nothing else is, and the same id is the same fact."""
        archived = self.past | self.captured
        assert None not in archived
        assert self.inner(self.told) <= archived.keys()
        assert self.inner(archived) <= self.told.keys()
        assert self.inner(self.told) - self.captured.keys(), "nothing was missed: no test"
        assert self.captured.keys() & self.past.keys(), "the margins overlap"
        for key in self.captured.keys() & self.past.keys():
            one, other = self.captured[key], self.past[key]
            for column in ("symbol", "side", "price", "size"):
                assert getattr(one, column, None) == getattr(other, column, None), (one, other)


def unrepaired(root: Path, name: str, channel: str) -> list[object]:
    """Outages of a channel that are not made good, those before the first acknowledgement apart."""
    return [
        each
        for each in absences(store.load(root, name))
        if each.kind == "outage"
        and each.reason != "start"
        and each.evidence.channels == (channel,)
        and each.evidence.repaired != "backfill"
    ]


@pytest.mark.parametrize("name", NAMES)
async def test_what_an_outage_missed_is_asked_for(name: str, tmp_path: Path) -> None:
    """A lost connection, then a killed connector: both times the venue tells the rest.

    Captured and fetched facts together, each id once, are what the simulated venue traded.
    """
    feed = few(name)
    plan = msgspec.structs.replace(machine(tmp_path, feed), connector=QUICK)
    async with stage(tmp_path, rate=300.0, seed=SEED, machine=plan, feed=feed) as made:
        await alive(made)
        await away(made)
        await filled(made, name)
        connector = made.pipeline.connectors[0]
        await made.pipeline.kill(connector)
        await CLOCK.sleep(1.0)  # the market goes on
        await made.pipeline.spawn(connector)
        await alive(made)
        await filled(made, name)
        await drained(made)
        await judged(made, tmp_path, name)
        told = pages(tmp_path)
        channel, symbols = told[0].channel, sorted({each.symbol for each in told})[:SYMBOLS]
        assert len(symbols) == (len(feed.universe.symbols) or SYMBOLS)
        assert all(each.ordinal is not None for each in told)
        assert unrepaired(tmp_path, name, channel) == []
        tales = [Tale(tmp_path, name, symbol, channel) for symbol in symbols]
        if any(key is not None for tale in tales for key in tale.told):
            for tale in tales:
                tale.assert_whole()


async def test_the_command_asks_for_the_rest_and_goes_on_where_it_was_killed(
    tmp_path: Path,
) -> None:
    """While the archive is being written: killed, resumed, and then there is nothing to do."""
    feed = few(FEED)
    plan = msgspec.structs.replace(machine(tmp_path, feed), connector=LEFT)
    async with stage(tmp_path, rate=300.0, seed=SEED, machine=plan, feed=feed) as made:
        await alive(made)
        await away(made)

        async def is_known() -> bool:
            seen = absences(store.load(tmp_path, FEED))
            reset = {each.instrument for each in seen if each.reason != "start" and each.until}
            return len(reset - {None}) == SYMBOLS

        await until(is_known, "the outage to be archived")
        assert pages(tmp_path) == []
        planned = last(ssmd("backfill", tmp_path, "--dry-run", "--json"))
        assert len(planned["missing"]) >= SYMBOLS
        assert pages(tmp_path) == []
        with running(tmp_path / "killed", "backfill", str(tmp_path), "--json") as command:
            await command.until(lambda: pages(tmp_path), "a page to be kept")
            command.signal(signal.SIGKILL)
            assert await command.ended() == -signal.SIGKILL
        first = pages(tmp_path)
        resumed = ssmd("backfill", tmp_path, "--json")
        assert resumed.returncode == 0, resumed
        (result,) = last(resumed)["feeds"]
        assert result["left"] == []
        assert result["settled"] == result["spans"] > 0
        spans = [(each.symbol, each.since, each.until) for each in pages(tmp_path)]
        assert len(spans) == len(set(spans)) == len(first) + result["pages"]
        for symbol, since, until_ in spans:  # nothing was asked for twice
            others = [s for s in spans if s[0] == symbol and s != (symbol, since, until_)]
            assert not any(low < until_ and since < high for _, low, high in others)
        await drained(made)
        await judged(made, tmp_path)
        assert unrepaired(tmp_path, FEED, "trade") == []
        for symbol in feed.universe.symbols:
            Tale(tmp_path, FEED, symbol, "trade").assert_whole()
        # That nothing is recorded any more is an outage that is not over: it is left out.
        before = files(tmp_path)
        again = last(ssmd("backfill", tmp_path, "--json"))
        assert (again["missing"], again["feeds"]) == ([], [])
        assert files(tmp_path) == before
    lives = [
        decode_connection(line.envelope.payload) for line in reader.read(tmp_path, type=CONNECTION)
    ]
    assert sum(isinstance(each, Opened) and each.reason == "backfill" for each in lives) == 2
    died = [each for each in lives if isinstance(each, Closed) and each.by == "recovery"]
    assert len(died) == 1
    assert verify(tmp_path).ok
