"""What every venue that keeps a history owes: all of it, once, and nothing claimed beyond it."""

import functools
import json
from collections.abc import Hashable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd import venues
from ssmd.model.frame import Now
from ssmd.model.rest import History, Request, Span
from ssmd.model.row import Row
from ssmd.model.timestamp import SECOND_NS
from ssmd.model.venue import Venue
from tests.venues.backfilling import (
    Settled,
    asking,
    drive,
    envelope,
    inside,
    partitioned,
    rows,
)
from tests.venues.conversation import Exchange, simulated
from tests.venues.test_contract_rows import envelopes

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
).map(lambda value: json.dumps(value).encode())
STEPS = 50
APART = {"ts_event", "is_snapshot", "extra", "inexact"}
"""Columns that a source may fill in its own way; times are compared apart from the others."""


def channels(venue: Venue) -> tuple[str, ...]:
    """The channels whose past the venue tells."""
    symbol = simulated(venue).symbols[0]
    return tuple(
        channel
        for channel in sorted(venue.channels)
        if venue.rest.history(channel, symbol, 0, 1) is not None
    )


OFFERED = [(name, channel) for name in venues.names() for channel in channels(venues.load(name))]
every_history = pytest.mark.parametrize(("name", "channel"), OFFERED)


class Tape(msgspec.Struct, frozen=True):
    """A market that went on while a client was away.

    Attributes:
        live: What was told live, by identity.
        begin: When the client first came, ns.
        away: From when to when it was away, ns.
        end: Up to when everything is in the past, ns.
        settled: What the history of all that time gave.
    """

    venue: Venue
    exchange: Exchange
    symbol: str
    channel: str
    live: dict[Hashable, Row]
    begin: int
    away: tuple[int, int]
    end: int
    settled: list[Settled]

    def ask(self, since: int, until: int) -> list[Settled]:
        """The history of some of the time."""
        told = self.venue.rest.history(self.channel, self.symbol, since, until)
        assert told is not None
        return drive(told, asking(self.venue, self.exchange.market, self.exchange.now))

    def rows(self, settled: list[Settled]) -> dict[Hashable, Row]:
        """The rows of spans, by identity."""
        return {
            identity(row): row
            for each in settled
            for row in inside(rows(self.venue, self.symbol, each.body), each.span)
        }


def identity(row: Row) -> Hashable:
    """The venue's own id; else second, side, price and size, for those that have none."""
    if row.native_id is not None:
        return row.native_id
    assert row.ts_event is not None
    return (row.ts_event // SECOND_NS, *(getattr(row, name) for name in ("side", "price", "size")))


@functools.cache
def tape(name: str, channel: str) -> Tape:
    """A client comes, is away for a while, and comes again; then the history is asked."""
    venue = venues.load(name)
    exchange = Exchange(name, rate=40.0)
    symbol = exchange.market.symbols[0]
    wanted = venue.subscriptions((channel,), (symbol,))
    begin = exchange.now.wall
    exchange.want(wanted)
    exchange.live(20.0)
    since = exchange.now.wall
    exchange.server.close()
    for _ in range(400):
        exchange.now = Now(exchange.now.wall + SECOND_NS // 20, exchange.now.mono + 0.05)
        exchange.market.advance(exchange.now)
    until = exchange.now.wall
    exchange.connect()
    exchange.want(wanted)
    exchange.live(20.0)
    end = exchange.now.wall - SECOND_NS
    payloads = [said.payload for said in exchange.said if not said.opcode.is_control]
    live = {
        identity(row): row
        for each in envelopes(venue, payloads)
        for row in venue.rows(each).rows
        if row.symbol == symbol and row.ts_event is not None and hasattr(row, "side")
    }
    told = Tape(venue, exchange, symbol, channel, live, begin, (since, until), end, [])
    return msgspec.structs.replace(told, settled=told.ask(begin, end))


def test_histories_are_kept() -> None:
    """Else everything below would hold of nothing."""
    assert OFFERED


@every_history
def test_everything_that_was_heard_is_told_again(name: str, channel: str) -> None:
    """Under the same id, by the same facts: that is what makes the two one."""
    told = tape(name, channel)
    again = told.rows(told.settled)
    kinds = {type(row) for row in again.values()}
    heard = {
        key: row
        for key, row in told.live.items()
        if type(row) in kinds and row in inside([row], Span(told.begin, told.end, 0))
    }
    assert len(heard) > 1
    assert heard.keys() <= again.keys()
    for key, row in heard.items():
        other = again[key]
        assert type(other) is type(row)
        assert other.native_id == row.native_id
        for column in row.__struct_fields__:
            one, two = getattr(row, column), getattr(other, column)
            if column not in APART and one is not None and two is not None:
                assert one == two, (column, row, other)
        for column in ("symbol", "side", "price", "size"):
            assert getattr(row, column, None) == getattr(other, column, None)
        assert row.ts_event is not None
        assert other.ts_event is not None
        assert abs(row.ts_event - other.ts_event) < SECOND_NS


@every_history
def test_what_nobody_heard_is_told(name: str, channel: str) -> None:
    """A market does not wait for its listeners: this is what a backfill is for."""
    told = tape(name, channel)
    missed = inside(told.rows(told.settled).values(), Span(*told.away, 0))
    assert missed
    assert not {identity(row) for row in missed} & {
        identity(row) for row in told.live.values() if not row.is_snapshot
    }


@every_history
def test_spans_partition_the_time(name: str, channel: str) -> None:
    """Every moment is in one span, and each says how many facts of its page are its own."""
    told = tape(name, channel)
    assert partitioned([each.span for each in told.settled], told.begin, told.end)
    for each in told.settled:
        mine = inside(rows(told.venue, told.symbol, each.body), each.span)
        assert each.span.facts == len(mine)
        assert not each.span.gone


@every_history
def test_it_can_be_begun_again_at_any_bound(name: str, channel: str) -> None:
    """Nothing but the times resumes it, and nothing is told twice or never."""
    told = tape(name, channel)
    everything = told.rows(told.settled)
    middle = sorted(row.ts_event for row in everything.values() if row.ts_event is not None)
    bounds = {each.span.since for each in told.settled} | {middle[len(middle) // 2]}
    for bound in sorted(bounds - {told.begin})[:5]:
        before, after = told.ask(told.begin, bound), told.ask(bound, told.end)
        assert partitioned([each.span for each in before], told.begin, bound)
        assert partitioned([each.span for each in after], bound, told.end)
        assert not told.rows(before).keys() & told.rows(after).keys()
        assert told.rows(before) | told.rows(after) == everything


@every_history
def test_no_time_has_no_history(name: str, channel: str) -> None:
    """Nothing is asked for nothing."""
    told = tape(name, channel)
    assert told.ask(told.end, told.end) == []
    assert told.ask(told.end, told.begin) == []


@pytest.mark.parametrize("name", venues.names())
def test_what_no_channel_tells_has_no_history(name: str) -> None:
    """None, instead of an empty one: nothing was proved."""
    venue = venues.load(name)
    symbol = simulated(venue).symbols[0]
    assert venue.rest.history("no such channel", symbol, 0, 1) is None


def fed(history: History, body: bytes) -> list[Span]:
    """The spans when every answer is the same."""
    spans: list[Span] = []
    step = next(history)
    for _ in range(STEPS):
        if isinstance(step, Span):
            spans.append(step)
        try:
            step = history.send(body if isinstance(step, Request) else b"")
        except StopIteration:
            return spans
    raise AssertionError("the same page for ever")


@every_history
@given(body=st.binary(max_size=40) | JSON)
def test_a_body_of_another_kind_settles_nothing(name: str, channel: str, body: bytes) -> None:
    """It is a ValueError that says what is wrong, or a page without facts: never a loop."""
    told = tape(name, channel)
    history = told.venue.rest.history(channel, told.symbol, told.begin, told.end)
    assert history is not None
    try:
        spans = fed(history, body)
    except ValueError:
        return
    assert all(span.facts == 0 for span in spans)
    assert rows(told.venue, told.symbol, body) == ()


@every_history
def test_the_same_page_for_ever_ends(name: str, channel: str) -> None:
    """A cache that stands still, or a cursor that is not obeyed, is no endless loop."""
    told = tape(name, channel)
    for each in told.settled[:2]:
        history = told.venue.rest.history(channel, told.symbol, told.begin, told.end + 1)
        assert history is not None
        try:
            spans = fed(history, each.body)
        except ValueError:
            continue
        assert partitioned(spans, told.begin, told.end + 1)


@every_history
@given(data=st.data())
def test_no_damage_to_a_page_breaks_its_rows(name: str, channel: str, data: st.DataObject) -> None:
    """Bytes exchanged, cut out or doubled anywhere: rows and rejects, never an exception."""
    told = tape(name, channel)
    body = data.draw(st.sampled_from([each.body for each in told.settled]))
    at = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(at, min(len(body), at + 9)))
    damaged = body[:at] + data.draw(st.binary(max_size=4)) + body[end:]
    found = told.venue.rows(envelope(told.symbol, damaged))
    for reject in found.rejects:
        assert reject.envelope == "f-rest-x:7:0"
        assert reject.reason
    for row in found.rows:
        assert row.symbol == told.symbol
