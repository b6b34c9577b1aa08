"""The simulated market: counters that follow, books that stay books, messages as recorded."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.event import Data, Gap, Unread
from ssmd.model.frame import Frame, Opcode
from ssmd.model.simulated import Emission
from ssmd.venues.kraken_futures.simulated_wording import moment, number
from tests.venues.kraken_futures.frames import Talk
from tests.venues.kraken_futures.simulating import (
    START,
    Product,
    by_kind,
    later,
    market,
    products,
    read,
    recorded,
    request,
    run,
    single_frames,
    subscribed,
)

NAMES = ("PF_XBTUSD", "PF_ETHUSD", "PI_XBTUSD", "FF_XBTUSD_301227")


def told(emissions: list[Emission]) -> list[dict[str, object]]:
    return [read(emission.payload) for emission in emissions]


def test_the_checking_client_agrees_with_the_real_venue() -> None:
    """A checker that is wrong in the same way as the simulator would prove nothing."""
    known: dict[str, Product] = {}
    for frame in map(read, recorded()):
        if "event" not in frame:
            product = known.setdefault(str(frame["product_id"]), Product())
            product.hear(frame)
            assert product.is_sound() or not product.sides["buy"]
    assert len(known) == 10
    assert all(not product.wrong and product.is_sound() for product in known.values())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_counter_follows_and_every_book_stays_a_book(seed: int) -> None:
    """From the snapshots on, for every product and for as long as one listens."""
    venue = market(2000.0, seed, *NAMES)
    socket, said = subscribed(venue, *NAMES)
    said += run(venue, socket, 0, 3)
    known = {name: Product() for name in NAMES}
    for message in told(said):
        if "event" not in message and message["feed"] != "heartbeat":
            product = known[str(message["product_id"])]
            product.hear(message)
            assert product.is_sound()
    for product in known.values():
        assert product.wrong == []
        assert min(len(levels) for levels in product.sides.values()) > 100


def test_all_sockets_see_one_market() -> None:
    """The same messages, whoever came first."""
    venue = market(1000.0, 5, "PF_XBTUSD")
    first, _ = subscribed(venue, "PF_XBTUSD")
    run(venue, first, 0, 1)
    second, said = subscribed(venue, "PF_XBTUSD")
    first.tick(later(1))
    ours: list[Emission] = []
    theirs: list[Emission] = []
    for step in range(1, 200):
        now = later(1 + step * 0.005)
        venue.advance(now)
        ours += first.tick(now)
        theirs += second.tick(now)
    assert ours == theirs
    assert len(ours) > 500
    assert products(said + theirs)["PF_XBTUSD"].wrong == []


def test_the_same_seed_gives_the_same_market() -> None:
    """A failure can be repeated; another seed is another market."""

    def said(seed: int) -> list[Emission]:
        venue = market(500.0, seed)
        socket, begin = subscribed(venue, *venue.symbols)
        return begin + run(venue, socket, 0, 0.5)

    assert said(7) == said(7)
    assert said(7) != said(8)


def test_the_rate_is_that_of_all_messages_together() -> None:
    """And follows the factor; 0 stops the traffic."""
    venue = market(1000.0, 1, *NAMES)
    socket, _ = subscribed(venue, *NAMES)
    assert 1900 < len(run(venue, socket, 0, 2)) < 2100
    venue.speed(3.0)
    assert 2850 < len(run(venue, socket, 2, 1)) < 3150
    venue.speed(0.0)
    run(venue, socket, 3, 0.1)
    assert run(venue, socket, 3.1, 1) == []


@pytest.mark.parametrize("feed", ["book", "trade"])
def test_a_wrong_counter_is_wrong_once_and_only_where_it_was_asked(feed: str) -> None:
    """The fault must be seen as one gap of one product."""
    venue = market(500.0, 1, "PF_XBTUSD", "PF_ETHUSD")
    socket, said = subscribed(venue, *venue.symbols, feeds=(feed,))
    venue.corrupt("pf_ethusd")
    said += run(venue, socket, 0, 2)
    known = products(said)
    assert known["PF_XBTUSD"].wrong == []
    ((found, expected, number_),) = known["PF_ETHUSD"].wrong
    assert (found, number_) == (feed, expected + 1)
    venue.corrupt(None)
    known = products(said + run(venue, socket, 2, 2))
    assert sum(len(product.wrong) for product in known.values()) == 2


def test_our_session_finds_the_fault_and_nothing_else() -> None:
    """The two halves were written apart."""
    venue = market(500.0, 1, *NAMES)
    socket, said = subscribed(venue, *NAMES)
    venue.corrupt("PF_XBTUSD")
    said += run(venue, socket, 0, 2)
    session = Talk(passive=True).session
    events = [
        event
        for emission in said
        for event in session.receive(Frame(emission.payload, Opcode.TEXT, 1, 0.0))
    ]
    gaps = [event for event in events if isinstance(event, Gap)]
    assert [(each.symbols, each.kind) for each in gaps] == [(("PF_XBTUSD",), "sequence")]
    assert gaps[0].found == gaps[0].expected + 1
    assert not [event for event in events if isinstance(event, Unread)]


def test_a_frozen_product_shows_in_no_counter() -> None:
    """Its stream stands still and goes on as if nothing had been; REST and others go on."""
    venue = market(1000.0, 1, "PF_XBTUSD", "PF_ETHUSD")
    socket, said = subscribed(venue, *venue.symbols)
    venue.freeze("PF_XBTUSD", True)
    before = venue.rest("main", "/orderbook", [("symbol", "PF_XBTUSD")], START).body
    still = run(venue, socket, 0, 1)
    assert {symbol for each in still for symbol in each.symbols} == {"PF_ETHUSD"}
    assert venue.rest("main", "/orderbook", [("symbol", "PF_XBTUSD")], START).body != before
    answers = [*socket.receive(request("unsubscribe", "book", "PF_XBTUSD"), START)]
    answers += socket.receive(request("subscribe", "book", "PF_XBTUSD"), START)
    assert [each.get("event") or each["feed"] for each in told(answers)] == [
        "unsubscribed", "subscribed", "book_snapshot",
    ]  # fmt: skip
    still = run(venue, socket, 1, 1)
    assert {symbol for each in still for symbol in each.symbols} == {"PF_ETHUSD"}
    fresh, begin = subscribed(venue, "PF_XBTUSD")
    begin += run(venue, fresh, 2, 0.5)
    assert products(begin)["PF_XBTUSD"].wrong == []
    assert any(read(each.payload)["feed"] == "book" for each in begin if each.symbols)
    socket.tick(later(2.5))
    venue.freeze("PF_XBTUSD", False)
    said += answers + run(venue, socket, 2.5, 1)
    product = products(said)["PF_XBTUSD"]
    assert product.wrong == []
    assert product.numbers["book"] > 0


def test_a_delisted_product_says_so_and_falls_silent() -> None:
    """Its last ticker is suspended; then it is in no list, and refused."""
    venue = market(500.0, 1, "PF_XBTUSD", "PF_ETHUSD")
    socket, _ = subscribed(venue, *venue.symbols)
    run(venue, socket, 0, 0.5)
    socket.tick(later(0.5))
    venue.delist(["PF_XBTUSD", "PF_NONEUSD"])
    (last,) = told(list(socket.tick(later(0.5))))
    assert (last["feed"], last["product_id"], last["suspended"]) == ("ticker", "PF_XBTUSD", True)
    said = run(venue, socket, 0.5, 1)
    assert {symbol for each in said for symbol in each.symbols} == {"PF_ETHUSD"}
    assert venue.symbols == ("PF_ETHUSD",)
    (refusal,) = told(list(socket.receive(request("subscribe", "book", "PF_XBTUSD"), START)))
    assert refusal == {"event": "error", "message": "Invalid product id"}
    (ended,) = told(list(socket.receive(request("unsubscribe", "book", "PF_XBTUSD"), START)))
    assert ended["event"] == "unsubscribed"
    socket.close()


def test_messages_have_the_fields_of_the_recording() -> None:
    """Names and kinds of every value: whole numbers, points, texts, nulls."""
    venue = market(2000.0, 1, *NAMES)
    socket, said = subscribed(venue, *NAMES)
    ours = by_kind(told(said + run(venue, socket, 0, 2)))
    for kind, fingerprints in by_kind([read(frame) for frame in recorded()]).items():
        if kind == "ticker_lite":  # without the quote volume, which came later
            continue
        if kind == "subscribed":
            assert fingerprints < ours[kind]  # ours confirms the heartbeat feed too
        else:
            assert fingerprints == ours[kind], kind


def test_messages_have_the_fields_of_today() -> None:
    """Frames of 2026; some tickers lack open, high and low, which the documentation has."""
    venue = market(2000.0, 1, *NAMES)
    socket, said = subscribed(venue, *NAMES)
    said += socket.receive(request("subscribe", "fills"), START)
    ours = by_kind(told(said + run(venue, socket, 0, 2)))
    theirs = by_kind([read(frame) for frame in single_frames()], lambda each: "candle" not in each)
    assert len(theirs) >= 7
    theirs["ticker"] = {max(theirs["ticker"], key=_size)}
    for kind, fingerprints in theirs.items():
        assert fingerprints <= ours[kind], kind


def _size(fields: object) -> int:
    return len(fields) if isinstance(fields, frozenset) else 0


def test_the_talk_is_understood_to_the_last_message() -> None:
    """Every type of message there is comes up."""
    venue = market(1000.0, 1, *NAMES)
    socket, said = subscribed(venue, *NAMES)
    said += run(venue, socket, 0, 11)
    talk = Talk()
    kinds = set()
    for emission in said:
        (event, *_) = talk.receive(emission.payload)
        assert not isinstance(event, Unread)
        kinds.add(event.type if isinstance(event, Data) else getattr(event, "kind", ""))
        assert bool(emission.symbols) == isinstance(event, Data)
    assert kinds == {
        "ticker", "ticker_lite", "trade", "trade_snapshot", "book", "book_snapshot",
        "heartbeat", "ack", "status",
    }  # fmt: skip


def test_a_trade_snapshot_tells_a_hundred_trades_newest_first() -> None:
    """Numbered without a hole, the older the earlier, as recorded."""
    venue = market(500.0, 1, "PF_XBTUSD")
    _, said = subscribed(venue, "PF_XBTUSD", feeds=("trade",))
    trades = told(said)[-1]["trades"]
    assert isinstance(trades, list)
    numbers = [each["seq"] for each in trades]
    assert numbers == list(range(numbers[0], numbers[0] - 100, -1))
    times = [each["time"] for each in trades]
    assert times == sorted(times, reverse=True)


@given(st.integers(-(10**30), 10**30), st.integers(-3, 18))
def test_numbers_are_written_without_loss(value: int, decimals: int) -> None:
    """With a point or an exponent, always readable as JSON."""
    text = number(value, decimals)
    found = json.loads(text, parse_float=Decimal)
    assert isinstance(found, Decimal)
    assert found == Decimal(value).scaleb(-decimals)


def test_numbers_and_times_are_written_as_the_venue_does() -> None:
    """Whole ones with a point, tiny ones with an exponent."""
    assert number(0, 4) == "0.0"
    assert number(837_440, 1) == "83744.0"
    assert number(-7, 8) == "-7.0e-8"
    assert number(2_747_066_666_667, 18) == "2.747066666667e-6"
    assert number(5, 5) == "0.00005"
    assert moment(1_800_000_000_123) == "2027-01-15T08:00:00.123Z"
