"""A recorded range, served over real sockets."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from ssmd.model.envelope import Envelope
from ssmd.model.errors import Busy, ConfigError
from ssmd.model.timestamp import SECOND_NS
from ssmd.sim.replay.listener import Begin, Listener, Subject
from ssmd.sim.replay.station import Station
from ssmd.sim.replay.survey import survey
from ssmd.sim.replay.taped import Key, Taped
from tests.archive.made import START
from tests.integration.bus import until
from tests.sim.client import connected
from tests.sim.replay.recorded import PAIRS, Connection, data, record, serving, wish

BTC, ETH = PAIRS
MINUTE_NS = 60 * SECOND_NS


@pytest.fixture
def talk() -> Connection:
    """The connection of the recording."""
    return Connection()


@pytest.fixture
def sent(talk: Connection, tmp_path: Path) -> list[Envelope]:
    """An archive of two slots: books from their snapshots on, trades, talk."""
    frames = [*talk.begin(), talk.book("snapshot"), talk.book("snapshot", ETH)]
    for number in range(200):
        if number == 100:
            talk.ts = START + MINUTE_NS
        symbol = PAIRS[number % 2]
        frames += [talk.book("update", symbol), talk.trade(symbol)]
    frames.append(talk.closed())
    record(tmp_path, frames)
    return frames


def of(sent: list[Envelope], *kinds: tuple[str, str]) -> list[bytes]:
    """The recorded bytes of some channels and symbols, in order."""
    return [each.payload for each in sent if any((each.type, s) in kinds for s in each.symbols)]


async def test_a_client_is_sent_what_it_subscribed_and_nothing_else(
    tmp_path: Path, sent: list[Envelope]
) -> None:
    """Byte for byte, in the recorded order, after the venue's own answer; then goodbye."""
    async with serving(tmp_path) as (stations, _, outcome):
        async with connected(stations[0].url) as client:
            client.say(wish("book", BTC))
            client.say(wish("trade", ETH))
            await client.until(client.gone.is_set)
        told = await outcome
    assert data(client.messages) == of(sent, ("book", BTC), ("trade", ETH))
    talk = [payload for _, payload in client.messages if payload.startswith(b'{"method"')]
    assert len(talk) == 2
    assert client.messages[-1] == (8, b"\x03\xe8end of the recording")
    assert told.ended == "complete"
    assert told.feeds[0].served == told.feeds[0].frames == 402
    assert told.feeds[0].clients[0].counts.sent == 201


async def test_a_range_that_begins_in_the_middle_of_a_book_is_led_in(
    tmp_path: Path, sent: list[Envelope]
) -> None:
    """The recorded snapshot and all changes since come first; trades begin with the range."""
    async with serving(tmp_path, since=START + MINUTE_NS) as (stations, _, outcome):
        async with connected(stations[0].url) as client:
            client.say(wish("book", BTC))
            client.say(wish("trade", BTC))
            await client.until(client.gone.is_set)
        told = await outcome
    books = [each for each in data(client.messages) if b'"book"' in each]
    trades = [each for each in data(client.messages) if b'"trade"' in each]
    assert books == of(sent, ("book", BTC))
    assert trades == of(sent, ("trade", BTC))[50:]
    assert told.feeds[0].clients[0].counts.lead == 51
    assert told.feeds[0].clients[0].counts.without_snapshot == 0


async def test_a_client_that_comes_late_has_the_whole_book(
    tmp_path: Path, sent: list[Envelope]
) -> None:
    """It is told the book from its snapshot on, without a message lost or twice, then goes on."""
    async with serving(tmp_path, speed="step") as (stations, pace, outcome):
        async with connected(stations[0].url) as first, connected(stations[0].url) as late:
            first.say(wish("book", BTC))
            pace.step(151)
            await first.until(lambda: len(data(first.messages)) == 39)
            late.say(wish("book", BTC))
            await late.until(lambda: len(data(late.messages)) == 39)
            pace.step(1000)
            await first.until(first.gone.is_set)
            await late.until(late.gone.is_set)
        told = await outcome
    assert data(first.messages) == data(late.messages) == of(sent, ("book", BTC))
    assert [each.counts.lead for each in told.feeds[0].clients] == [0, 39]


class Slow(Station):
    """A station whose archive is read only once the recording is over."""

    async def lead_in(
        self, listener: Listener, wanted: set[Subject], upto: Key
    ) -> tuple[list[Taped], Mapping[Subject, Begin]]:
        """Wait as long as can be."""
        await until(lambda: self.served == self.known.frames)
        return await super().lead_in(listener, wanted, upto)


async def test_what_comes_while_older_messages_are_read_is_told_after_them(
    tmp_path: Path, sent: list[Envelope]
) -> None:
    """However long reading takes: each message once, in the recorded order."""
    async with (
        serving(tmp_path, speed="step", kind=Slow) as (stations, pace, _),
        connected(stations[0].url) as first,
        connected(stations[0].url) as late,
    ):
        first.say(wish("trade", BTC))
        pace.step(151)
        await first.until(lambda: len(data(first.messages)) == 37)
        late.say(wish("book", BTC))
        await late.until(lambda: any(b'"result"' in each for _, each in late.messages))
        pace.step(100)
        await first.until(lambda: len(data(first.messages)) == 62)
        late.say(wish("book", ETH))
        await late.until(lambda: sum(b'"result"' in each for _, each in late.messages) == 2)
        pace.step(1000)
        await late.until(late.gone.is_set)
    books = data(late.messages)
    for symbol in PAIRS:
        mine = [each for each in books if symbol.encode() in each]
        assert mine == of(sent, ("book", symbol))


async def test_messages_keep_their_spacing(tmp_path: Path, sent: list[Envelope]) -> None:
    """At half the speed it takes twice as long; and no message comes before its time."""
    until = START + 204 * 1_000_000
    async with serving(tmp_path, until=until, speed=0.5) as (stations, _, outcome):
        async with connected(stations[0].url) as client:
            client.say(wish("trade", BTC))
            await client.until(client.gone.is_set)
        told = await outcome
    assert told.took_s == pytest.approx(2 * 0.2, abs=0.15)
    assert told.took_s >= 2 * 0.2


async def test_several_feeds_keep_one_schedule(tmp_path: Path) -> None:
    """Their frames are merged by receipt, each feed on its own port."""
    one, two = Connection(feed="kraken"), Connection(feed="kraken-too", ts=START + 500_000)
    for talk in (one, two):
        record(tmp_path, [*talk.begin(), *(talk.trade() for _ in range(20)), talk.closed()])
    async with serving(tmp_path, "kraken", "kraken-too", speed="step", clients=2) as got:
        stations, pace, outcome = got
        async with connected(stations[0].url) as a, connected(stations[1].url) as b:
            a.say(wish("trade"))
            b.say(wish("trade"))
            heard = [0]
            order = []
            for number in range(1, 41):
                pace.step()
                await until(lambda: len(data(a.messages)) + len(data(b.messages)) >= number)  # noqa: B023
                heard.append(len(data(a.messages)))
                order.append(heard[-1] - heard[-2])
            assert order == [1, 0] * 20
        await outcome


async def test_other_depths_than_the_recorded_are_refused(
    tmp_path: Path, sent: list[Envelope]
) -> None:
    """Ten levels are no book of a hundred: the client is told, in the venue's words."""
    async with serving(tmp_path) as (stations, _, _), connected(stations[0].url) as client:
        client.say(wish("book", BTC, depth=100))
        client.say(wish("book", "XRP/USD"))
        await client.until(lambda: len(client.messages) >= 3)
    told = [payload for _, payload in client.messages if payload.startswith(b'{"error"')]
    assert b"Subscription depth not supported" in told[0]
    assert b"Currency pair not supported XRP/USD" in told[1]


def test_what_cannot_be_served_is_refused(tmp_path: Path, sent: list[Envelope]) -> None:
    """A feed that is not there is answered with the nearest, an empty range with what there is."""
    with pytest.raises(ConfigError, match='Did you mean "kraken"'):
        survey(tmp_path, "krakn", None, None)
    with pytest.raises(ConfigError, match="recorded from 2027-01-15T08:00"):
        survey(tmp_path, "kraken", START + 10 * MINUTE_NS, None)
    with pytest.raises(ConfigError, match="no archive"):
        survey(tmp_path / "nowhere", "kraken", None, None)


async def test_a_port_that_is_taken_is_named(tmp_path: Path, sent: list[Envelope]) -> None:
    """Two cannot listen in one place."""
    async with serving(tmp_path) as (stations, _, _):
        port = int(stations[0].url.rpartition(":")[2])
        with pytest.raises(Busy, match=f":{port}"):
            await stations[0].start("127.0.0.1", port)
