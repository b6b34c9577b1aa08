"""The simulated exchange's data: books that hold, numbers without holes, lives of markets."""

from decimal import Decimal

import pytest

from ssmd.model.frame import Now
from ssmd.model.simulated import Emission
from tests.venues.kalshi.simulating import (
    CHANNELS,
    START,
    A,
    B,
    C,
    Client,
    command,
    everything,
    later,
    market,
    opened,
    recorded,
    run,
    subscribe,
    texts,
)


def test_the_checking_client_agrees_with_the_real_exchange() -> None:
    """A checker that is wrong in the same way as the simulator would prove nothing."""
    client = Client()
    for message in recorded("quoter-session-20260701"):
        client._count(message)
        match message["type"]:
            case "orderbook_snapshot":
                client._replace(message["msg"])
            case "orderbook_delta":
                client._change(message["msg"])
            case _:
                pass
    assert (client.skipped, client.last) == ([], {1: 2894})
    assert len(client.books) == 5


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_books_never_go_negative_nor_meet_and_numbers_have_no_holes(seed: int) -> None:
    """Under load, on grids of all kinds, for each sid by itself."""
    venue = market(3000.0, seed)
    socket, client = opened(venue), Client()
    for number, channel in enumerate(CHANNELS, 1):
        named = venue.symbols if number <= 3 else ()
        client.hear(socket.receive(subscribe(channel, *named, number=number), START))
    heard = client.hear(run(venue, socket, 0, 4))
    assert len(heard) > 11_000
    assert client.skipped == []
    assert set(client.last) == {1, 2, 4, 5}
    fractions = {Decimal(m["msg"]["delta_fp"]) % 1 != 0 for m in heard
                 if m["type"] == "orderbook_delta"}  # fmt: skip
    below_a_cent = {Decimal(m["msg"]["price_dollars"]) % Decimal("0.01") != 0 for m in heard
                    if m["type"] == "orderbook_delta"}  # fmt: skip
    assert fractions == below_a_cent == {True, False}


def test_a_clients_book_is_the_exchanges_book() -> None:
    """After any number of changes the snapshot says what the changes came to."""
    venue = market(2000.0, 4, A, B, C)
    socket, client = opened(venue), Client()
    client.hear(socket.receive(subscribe("orderbook_delta", A, B, C), START))
    client.hear(run(venue, socket, 0, 3))
    fresh = Client()
    fresh.hear(opened(venue, later(3)).receive(subscribe("orderbook_delta", A, B, C), later(3)))
    assert fresh.books == client.books


def test_prices_of_no_are_told_as_prices_of_yes_when_asked() -> None:
    """`use_yes_price` changes the no side's prices, in snapshots and changes, and nothing else."""
    venue = market(1000.0, 5, A)
    plain, mirrored = Client(), Client(yes_price=True)
    sockets = [opened(venue), opened(venue)]
    plain.hear(sockets[0].receive(subscribe("orderbook_delta", A), START))
    asked = subscribe("orderbook_delta", A, use_yes_price=True)
    mirrored.hear(sockets[1].receive(asked, START))
    for step in range(1, 300):
        venue.advance(later(step * 0.005))
        plain.hear(sockets[0].tick(later(step * 0.005)))
        mirrored.hear(sockets[1].tick(later(step * 0.005)))
    assert plain.books[A]["yes"] == mirrored.books[A]["yes"]
    no = {1 - price: size for price, size in plain.books[A]["no"].items()}
    assert no == mirrored.books[A]["no"]


def test_a_trade_takes_from_the_book_what_it_says() -> None:
    """The change of the level comes first, then the trade, then the figures."""
    venue = market(500.0, 6, A)
    socket = opened(venue)
    heard = []
    for number, channel in enumerate(CHANNELS[:3], 1):
        heard += texts(socket.receive(subscribe(channel, A, number=number), START))
    heard += texts(run(venue, socket, 0, 4))
    trades = [at for at, m in enumerate(heard) if m["type"] == "trade"]
    assert len(trades) > 20
    for at in trades:
        change, trade, ticker = (heard[k]["msg"] for k in (at - 1, at, at + 1))
        side = "no" if trade["taker_side"] == "yes" else "yes"
        assert (change["side"], change["price_dollars"]) == (side, trade[f"{side}_price_dollars"])
        assert Decimal(change["delta_fp"]) == -Decimal(trade["count_fp"])
        assert Decimal(trade["yes_price_dollars"]) + Decimal(trade["no_price_dollars"]) == 1
        assert ticker["price_dollars"] == trade["yes_price_dollars"]
        assert ticker["last_trade_size_fp"] == trade["count_fp"]
        assert trade["taker_book_side"] == ("bid" if side == "no" else "ask")


def test_figures_are_those_of_the_book() -> None:
    """Best bid and ask for yes, with their sizes."""
    venue = market(500.0, 7, A)
    socket, client = opened(venue), Client()
    client.hear(socket.receive(subscribe("orderbook_delta", A), START))
    client.hear(socket.receive(subscribe("ticker", A, number=2), START))
    seen = 0
    for step in range(1, 400):
        venue.advance(later(step * 0.005))
        for emission in socket.tick(later(step * 0.005)):
            (message,) = client.hear([emission])
            if message["type"] != "ticker":
                continue
            told, (yes, no) = message["msg"], client.books[A].values()
            bid, ask = max(yes, default=Decimal(0)), 1 - max(no, default=Decimal(0))
            assert Decimal(told["yes_bid_dollars"]) == bid
            assert Decimal(told["yes_ask_dollars"]) == ask
            assert Decimal(told["yes_bid_size_fp"]) == yes.get(bid, 0)
            assert Decimal(told["yes_ask_size_fp"]) == no.get(1 - ask, 0)
            seen += 1
    assert seen > 50


def test_the_same_seed_gives_the_same_bytes() -> None:
    """A failure can be run again; another seed gives another market."""

    def talk(seed: int) -> list[bytes]:
        venue = market(300.0, seed)
        socket = opened(venue)
        out: list[Emission] = []
        for number, channel in enumerate(CHANNELS, 1):
            named = venue.symbols if number <= 3 else ()
            out += socket.receive(subscribe(channel, *named, number=number), START)
        return [e.payload for e in out + run(venue, socket, 0, 2)]

    assert talk(1) == talk(1)
    assert talk(1) != talk(2)


def test_the_rate_is_kept() -> None:
    """Messages per second over everything; a factor multiplies it, nought stops it."""
    venue = market(200.0, 1)
    socket = opened(venue)
    for channel in CHANNELS[:3]:
        socket.receive(subscribe(channel, *venue.symbols), START)
    assert 1_900 <= len(texts(run(venue, socket, 0, 10))) <= 2_010
    venue.speed(3)
    assert 5_800 <= len(texts(run(venue, socket, 10, 10))) <= 6_020
    venue.speed(0)
    assert texts(run(venue, socket, 20, 5)) == []


def test_data_is_marked_with_its_market_and_talk_is_not() -> None:
    """The server drops and doubles what is marked, and nothing else."""
    venue = market(500.0, 1)
    socket = opened(venue)
    out: list[Emission] = []
    for channel in CHANNELS:
        named = venue.symbols if channel in CHANNELS[:3] else ()
        out += socket.receive(subscribe(channel, *named), START)
    out += run(venue, socket, 0, 11)
    for emission in out:
        if not emission.payload.startswith(b"{"):
            assert emission.symbols == ()
            continue
        (message,) = texts([emission])
        told = message["msg"]
        named = told.get("market_ticker") or told.get("event_ticker")
        assert emission.symbols == ((named,) if named else ())
        assert bool(named) == (message["type"] != "subscribed")


def test_a_number_is_left_out_once_and_only_where_it_was_asked() -> None:
    """The fault is a hole of one in one sid; nothing is lost by it."""
    venue = market(500.0, 1, A, B)
    socket, client = opened(venue), Client()
    client.hear(socket.receive(subscribe("orderbook_delta", A, B), START))
    client.hear(socket.receive(subscribe("trade", A, B, number=2), START))
    venue.corrupt(B)
    heard = client.hear(run(venue, socket, 0, 2))
    assert client.skipped == [(1, 1)]
    books = [m for m in heard if m["sid"] == 1]
    at = next(k for k, m in enumerate(books) if m["seq"] != k + 3)
    assert books[at]["msg"]["market_ticker"] == B
    venue.corrupt(None)
    client.hear(run(venue, socket, 2, 1))
    assert client.skipped == [(1, 1), (1, 1)]


def test_a_number_of_trades_is_left_out_where_there_are_no_books() -> None:
    """Trades are counted as well."""
    venue = market(500.0, 1, A)
    socket, client = opened(venue), Client()
    client.hear(socket.receive(subscribe("trade", A), START))
    venue.corrupt(None)
    client.hear(run(venue, socket, 0, 2))
    assert client.skipped == [(1, 1)]


def test_a_frozen_market_stands_still_and_the_numbers_do_not_tell() -> None:
    """The others go on, REST goes on, a new socket hears it; asking again shows the book."""
    venue = market(1000.0, 1, A, B)
    socket, client = opened(venue), Client()
    for number, channel in enumerate(CHANNELS[:3], 1):
        client.hear(socket.receive(subscribe(channel, A, B, number=number), START))
    client.hear(run(venue, socket, 0, 1))
    before = venue.rest("main", f"/markets/{A}", (), later(1)).body
    venue.freeze(A, True)
    heard = client.hear(run(venue, socket, 1, 2))
    assert {m["msg"]["market_ticker"] for m in heard} == {B}
    assert venue.rest("main", f"/markets/{A}", (("n", "1"),), later(3)).body != before
    ask = command("update_subscription", 5, sids=[1], action="get_snapshot", market_tickers=[A])
    (_, book) = client.hear(socket.receive(ask, later(3)))
    assert book["msg"]["market_ticker"] == A
    other = opened(venue, later(3))
    other.receive(subscribe("orderbook_delta", A), later(3))
    heard = client.hear(run(venue, socket, 3, 1))
    assert {m["msg"]["market_ticker"] for m in heard} == {B}
    assert texts(other.tick(later(4)))
    venue.freeze(A, False)
    heard = client.hear(run(venue, socket, 4, 1))
    assert next(m["type"] for m in heard if m["msg"]["market_ticker"] == A) == "orderbook_snapshot"
    assert client.skipped == []


def test_an_ended_market_says_its_last_words() -> None:
    """An empty book nobody asked for, the result, the payment; then nothing."""
    venue = market(500.0, 1, A, B)
    socket, client = opened(venue), Client()
    for number, channel in enumerate(CHANNELS, 1):
        named = (A, B) if number <= 3 else ()
        client.hear(socket.receive(subscribe(channel, *named, number=number), START))
    client.hear(run(venue, socket, 0, 1))
    venue.delist([A])
    empty, determined, settled = client.hear(socket.tick(later(1)))
    assert (empty["type"], list(empty["msg"])) == (
        "orderbook_snapshot", ["market_ticker", "market_id"],
    )  # fmt: skip
    assert determined["msg"]["event_type"] == "determined"
    result = determined["msg"]["result"]
    assert determined["msg"]["settlement_value"] == {"yes": "1.0000", "no": "0.0000"}[result]
    assert settled["msg"]["event_type"] == "settled"
    heard = client.hear(run(venue, socket, 1, 1))
    assert {m["msg"]["market_ticker"] for m in heard} == {B}
    assert (client.skipped, venue.symbols) == ([], (B,))
    (refused,) = texts(opened(venue, later(2)).receive(subscribe("trade", A), later(2)))
    assert refused["msg"]["code"] == 16


def test_a_new_market_is_announced_and_can_be_subscribed() -> None:
    """Its event is announced when it is new as well."""
    venue = market(0.0, 1, A)
    socket = opened(venue)
    socket.receive(subscribe("market_lifecycle_v2"), START)
    venue.list_symbols([B, C, A])
    heard = texts(socket.tick(later(0.1)))
    assert [(m["type"], m["msg"].get("event_type"), m["seq"]) for m in heard] == [
        ("market_lifecycle_v2", "created", 1),
        ("event_lifecycle", None, 2),
        ("market_lifecycle_v2", "created", 3),
    ]
    assert venue.symbols == (A, B, C)
    ack, _ = texts(socket.receive(subscribe("orderbook_delta", B, number=2), later(1)))
    assert ack["type"] == "subscribed"


def test_an_ended_market_can_be_listed_again() -> None:
    """It is one market, not two."""
    venue = market(0.0, 1, A, B)
    venue.advance(START)
    venue.delist([A])
    venue.list_symbols([A])
    assert venue.symbols == (B, A)
    assert venue.rest("main", "/markets", (), START).body.count(A.encode() + b'","title"') == 1


def test_lives_are_few_even_when_nothing_else_is_heard() -> None:
    """The rate is that of everything together."""
    venue = market(500.0, 1)
    socket = opened(venue)
    socket.receive(subscribe("market_lifecycle_v2"), START)
    socket.receive(subscribe("multivariate_market_lifecycle", number=2), START)
    assert 50 < len(texts(run(venue, socket, 0, 10))) < 300


def test_combinations_have_a_channel_of_their_own() -> None:
    """Since March 2026 they are no part of the other one."""
    messages = everything()
    by_kind: dict[str, set[bool]] = {}
    for message in messages:
        if message["type"].endswith(("market_lifecycle", "lifecycle_v2")):
            combined = message["msg"]["market_ticker"].startswith("KXMVE")
            by_kind.setdefault(message["type"], set()).add(combined)
    assert by_kind == {"market_lifecycle_v2": {False}, "multivariate_market_lifecycle": {True}}


def test_time_passes_for_markets_as_well() -> None:
    """One opens in silence; one whose time is up goes on, and that is told."""
    venue = market(0.0, 1)
    socket = opened(venue)
    socket.receive(subscribe("market_lifecycle_v2"), START)
    unopened = "KXBTC15M-27JAN150900-00"
    assert unopened not in venue.symbols
    venue.advance(later(7200))
    assert unopened in venue.symbols
    heard = [m["msg"] for m in texts(socket.tick(later(7200)))]
    assert {m["event_type"] for m in heard} == {"close_date_updated"}
    assert {m["market_ticker"].partition("-")[0] for m in heard} == {"KXBTC15M"}
    assert all(m["close_ts"] > later(7200).wall // 10**9 for m in heard)


def test_a_day_in_one_step_is_survived() -> None:
    """A machine that slept must not be buried under what it missed."""
    venue = market(100.0, 1, A)
    socket = opened(venue)
    socket.receive(subscribe("orderbook_delta", A), START)
    now = Now(START.wall + 86_400 * 10**9, START.mono + 86_400)
    venue.advance(now)
    assert 0 < len(texts(socket.tick(now))) <= 101
