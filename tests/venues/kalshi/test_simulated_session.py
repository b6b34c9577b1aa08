"""Both sides of the talk were written apart, from the same recordings: here they meet."""

import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ssmd.model.event import Data, Event, Gap, Refused, Repaired, Send, Subscribed, Unread
from ssmd.model.frame import Frame, Now
from ssmd.model.instrument import Instrument
from ssmd.model.rest import CatalogQuery, Page, Request
from ssmd.model.simulated import Emission, SimulatedMarket, SimulationOptions
from ssmd.model.subscription import Shard, Subscription
from ssmd.model.venue import SessionOptions
from ssmd.venues.kalshi import VENUE
from ssmd.venues.kalshi.simulated import KalshiMarket, simulated
from tests.venues.kalshi.reading import envelope
from tests.venues.kalshi.simulating import CHANNELS, START, A, B, C, later, market


class Talk:
    """Our session and a simulated socket, joined without a network."""

    def __init__(self, venue: KalshiMarket, wanted: frozenset[Subscription]) -> None:
        self.venue = venue
        self.wanted = wanted
        self.session = VENUE.session(
            Shard("kalshi", 0, wanted), SessionOptions(limits=VENUE.limits)
        )
        self.seen: list[Event] = []
        self.heard: list[tuple[Data, bytes]] = []
        self._socket = venue.connect()
        self._step = 0
        self._emissions: list[Emission] = list(self._socket.open(START))
        self._react([*self.session.open(START), *self.session.want(wanted, START)], START)

    def run(self, seconds: float) -> list[Event]:
        before = len(self.seen)
        for _ in range(round(seconds / 0.01)):
            self._step += 1
            now = later(self._step * 0.01)
            self.venue.advance(now)
            emissions = [*self._emissions, *self._socket.tick(now)]
            self._emissions = []
            for emission in emissions:
                frame = Frame(emission.payload, emission.opcode, now.wall, now.mono)
                events = self.session.receive(frame)
                self.heard += [(e, emission.payload) for e in events if isinstance(e, Data)]
                self._react(events, now)
            self._react(self.session.tick(now), now)
        return self.seen[before:]

    def change(self, wanted: frozenset[Subscription]) -> None:
        now = later(self._step * 0.01)
        self._react(self.session.want(wanted, now), now)

    def _react(self, events: object, now: Now) -> None:
        assert isinstance(events, list | tuple)
        self.seen += events
        for event in events:
            if isinstance(event, Send) and event.payload:
                self._emissions += self._socket.receive(event.payload, now)


def wanted(venue: SimulatedMarket) -> frozenset[Subscription]:
    return VENUE.subscriptions(CHANNELS, venue.symbols)


def test_our_session_understands_every_word() -> None:
    """Everything usual, for a while: no gap, nothing unread, everything confirmed."""
    venue = market(500.0, 2)
    talk = Talk(venue, wanted(venue))
    talk.run(12)
    assert not [e for e in talk.seen if isinstance(e, Unread | Gap | Refused)]
    assert talk.session.ready
    assert talk.session.acknowledged == talk.wanted
    assert {data.type for data, _ in talk.heard} == {*CHANNELS, "orderbook_snapshot",
                                                     "event_lifecycle"}  # fmt: skip


def test_every_message_becomes_rows() -> None:
    """Nothing rejected, no field that nobody reads, nothing inexact."""
    venue = market(500.0, 2)
    talk = Talk(venue, wanted(venue))
    talk.run(3)
    venue.delist(venue.symbols[:2])
    talk.run(0.1)
    for data, payload in talk.heard:
        decoded = VENUE.rows(envelope(data.type, payload))
        assert decoded.rows, payload
        assert not decoded.rejects, payload
        assert not [row for row in decoded.rows if row.extra or row.inexact], payload


def test_a_refused_market_hurts_no_other() -> None:
    """Each of its channels says so."""
    venue = market(300.0, 3, A, B, C)
    venue.refuse(B)
    talk = Talk(venue, wanted(venue))
    talk.run(5)
    refused = {e.subscription for e in talk.seen if isinstance(e, Refused)}
    assert refused == {Subscription(channel, B) for channel in CHANNELS[:3]}
    assert talk.session.acknowledged == talk.wanted - refused


def test_a_number_that_is_left_out_is_found_and_repaired() -> None:
    """Once, by a new book of every market of the sid."""
    venue = market(300.0, 4, A, B)
    talk = Talk(venue, wanted(venue))
    talk.run(2)
    venue.corrupt(A)
    seen = talk.run(3)
    (gap,) = [event for event in seen if isinstance(event, Gap)]
    assert (gap.channel, gap.kind, set(gap.symbols)) == ("orderbook_delta", "sequence", {A, B})
    repaired = {s for e in seen if isinstance(e, Repaired) for s in e.symbols}
    assert repaired == {A, B}


def test_markets_can_be_changed_while_data_flows() -> None:
    """Listed, added, taken away, ended: the numbers stay whole."""
    venue = market(300.0, 5, A, B)
    talk = Talk(venue, wanted(venue))
    talk.run(2)
    venue.list_symbols([C])
    talk.change(VENUE.subscriptions(CHANNELS, (B, C)))
    seen = talk.run(2)
    assert Subscribed(Subscription("orderbook_delta", C)) in seen
    venue.delist([B])
    talk.change(VENUE.subscriptions(CHANNELS, (C,)))
    seen += talk.run(2)
    assert not [e for e in seen if isinstance(e, Unread | Gap | Refused)]
    assert talk.session.acknowledged == VENUE.subscriptions(CHANNELS, (C,))


def test_an_unheard_of_message_is_kept_unread() -> None:
    """And nothing else follows from it."""
    venue = market(0.0, 1, A)
    talk = Talk(venue, wanted(venue))
    talk.run(1)
    novelty = venue.novelty()
    frame = Frame(novelty.payload, novelty.opcode, START.wall, later(1).mono)
    assert list(talk.session.receive(frame)) == [Unread("unknown_channel")]


@pytest.mark.parametrize("path", ["", "/trade-api/ws/v2"])
def test_our_handshake_is_let_in(path: str) -> None:
    """Only with the right key."""
    keys = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)]
    mine, other = (
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
        for key in keys
    )
    venue = simulated(SimulationOptions(secrets={"api_key": "k", "private_key": mine}))
    for key, status in ((mine, 101), (other, 401)):
        secrets = {"api_key": "k", "private_key": key}
        shard = Shard("kalshi", 0, frozenset())
        asked = VENUE.handshake(f"ws://127.0.0.1:4711{path}", shard, secrets, START)
        headers = {name.lower(): value for name, value in asked.headers.items()}
        assert venue.admit(headers, START) == status


def catalog(venue: KalshiMarket, query: CatalogQuery) -> list[Instrument]:
    """Drive our catalog against the simulated service."""
    found: list[Instrument] = []
    walk = VENUE.rest.catalog(query)
    step = next(walk, None)
    while step is not None:
        sent = b""
        if isinstance(step, Request):
            answer = venue.rest(step.service, step.path, step.query, START)
            assert answer.status == 200, (step, answer)
            assert VENUE.rest.complaint(answer.body) is None
            sent = answer.body
        else:
            assert isinstance(step, Page)
            assert not step.rejects
            found += step.instruments
        try:
            step = walk.send(sent)
        except StopIteration:
            break
    return found


@pytest.mark.parametrize(
    "query",
    [
        CatalogQuery(series=("KXBTCD", "KXBTC15M", "KXETHD")),
        CatalogQuery(categories=("Crypto",)),
        CatalogQuery(page_size=7),
        CatalogQuery(active=False, page_size=7),
    ],
)
def test_our_catalog_finds_what_the_shipped_feed_wants(query: CatalogQuery) -> None:
    """Whichever way it goes; the listings that a feed of coins wants are among them."""
    venue = market(0.0)
    found = catalog(venue, query)
    names = [one.symbol for one in found]
    assert len(set(names)) == len(names)
    wanted_ = [
        one.symbol
        for one in found
        if one.series in {"KXBTCD", "KXBTC15M", "KXETHD"}
        and one.status == "active"
        and START.wall < (one.close_ts or 0) <= START.wall + 43_200 * 10**9
    ]
    assert len(wanted_) == 23
    assert set(wanted_) < set(venue.symbols)
    assert {json.dumps(one.category) for one in found} >= {'"Crypto"'}


def test_our_catalog_sees_markets_come_and_go() -> None:
    """Listed ones are found, ended ones are not."""
    venue = market(0.0, 1, A, B)
    query = CatalogQuery(series=("KXBTCD", "KXBTC15M"))
    assert {one.symbol for one in catalog(venue, query)} == {A, B}
    venue.list_symbols([C])
    venue.delist([A])
    assert {one.symbol for one in catalog(venue, query)} == {B, C}


def test_our_witness_sees_a_market_move_that_is_frozen_on_a_socket() -> None:
    """Equal digests would call it quiet."""
    venue = market(300.0, 6, A)
    talk = Talk(venue, wanted(venue))
    talk.run(1)
    venue.freeze(A, True)

    def digest(nonce: str) -> bytes:
        witness = VENUE.rest.witness(A, frozenset(CHANNELS[:3]), nonce)
        assert witness is not None
        step = next(witness)
        while True:
            answer = venue.rest(step.service, step.path, step.query, later(1))
            try:
                step = witness.send(answer.body)
            except StopIteration as end:
                told: bytes = end.value
                return told

    first = digest("1")
    assert digest("2") == first
    talk.run(1)
    assert digest("3") != first
