"""Asking for subscriptions: what, in which order, how fast."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.event import (
    Control,
    Gap,
    Reconnect,
    Refused,
    Send,
    Subscribed,
    Unread,
    Unsubscribed,
)
from ssmd.model.frame import Now, Opcode
from ssmd.model.simulated import SimulationOptions
from ssmd.model.subscription import Shard, Subscription
from ssmd.venues.kalshi import VENUE
from tests.venues.kalshi.frames import (
    BOOK_A,
    BOOK_B,
    LIFE,
    TICKER_A,
    TRADE_A,
    TRADE_B,
    TRADE_C,
    A,
    B,
    C,
    Talk,
    held,
    ok,
    subscribed,
    unsubscribed,
)

ACK, REFUSAL = Control("ack"), Control("error")


def test_the_wanted_set_is_asked_for_by_channel() -> None:
    """One `subscribe` for each channel; books say that the no side is to have its own prices."""
    talk = Talk()
    talk.want(BOOK_A, BOOK_B, TICKER_A, LIFE)
    assert talk.sent == [
        {"id": 1, "cmd": "subscribe", "params": {"channels": ["market_lifecycle_v2"]}},
        {
            "id": 2,
            "cmd": "subscribe",
            "params": {
                "channels": ["orderbook_delta"],
                "market_tickers": [A, B],
                "use_yes_price": False,
            },
        },
        {
            "id": 3,
            "cmd": "subscribe",
            "params": {"channels": ["ticker"], "market_tickers": [A]},
        },
    ]


def test_a_channel_has_one_subscribe_and_grows_by_updates_of_its_sid() -> None:
    """Of two `subscribe` for one channel only the first was ever confirmed."""
    many = [Subscription("ticker", f"T-{n:03}") for n in range(450)]
    talk = Talk()
    talk.want(*many)
    ((what, where, first),) = talk.requests()
    assert (what, where) == ("subscribe", "ticker")
    assert isinstance(first, list)
    talk.live(5.0)
    assert talk.requests() == []
    events = talk.receive(subscribed(1, "ticker", 42))
    assert events == [ACK, *(Subscribed(item) for item in many[:200])]
    updates = talk.requests()
    assert [(what, where) for what, where, _ in updates] == [("add_markets", 42)] * 2
    asked = first + [
        market for _, _, markets in updates if isinstance(markets, list) for market in markets
    ]
    assert asked == [item.symbol for item in many]


def test_only_the_difference_is_sent() -> None:
    """New markets come before old ones go, so that the subscription never runs empty."""
    talk = held(TRADE_A, TRADE_B)
    talk.want(TRADE_A, TRADE_B)
    assert talk.requests() == []
    talk.want(TRADE_B, TRADE_C)
    assert talk.requests() == [("add_markets", 2, [C]), ("delete_markets", 2, [A])]
    assert talk.receive(ok(2, 2, 1, A, B, C)) == [ACK, Subscribed(TRADE_C)]
    assert talk.receive(ok(3, 2, 2, B, C)) == [ACK, Unsubscribed(TRADE_A)]
    assert talk.session.acknowledged == {TRADE_B, TRADE_C}


def test_the_last_market_takes_the_subscription_with_it() -> None:
    """An empty subscription is ended, and what is wanted later begins a new one."""
    talk = held(TRADE_A, TRADE_B, LIFE)
    talk.want(LIFE)
    assert talk.requests() == [("unsubscribe", 2, None)]
    talk.want(LIFE, TRADE_C)
    assert talk.requests() == []
    events = talk.receive(unsubscribed(3, 2, 9))
    assert events == [ACK, Unsubscribed(TRADE_A), Unsubscribed(TRADE_B)]
    assert talk.requests() == [("subscribe", "trade", [C])]
    talk.receive(subscribed(4, "trade", 5))
    talk.want()
    assert talk.requests() == [("unsubscribe", 4, None), ("unsubscribe", 5, None)]


def test_from_some_markets_to_all_is_a_new_subscription() -> None:
    """A subscription cannot lose its filter."""
    everything = Subscription("trade")
    talk = held(TRADE_A, TRADE_B)
    talk.want(everything)
    assert talk.requests() == [("unsubscribe", 2, None)]
    talk.receive(unsubscribed(2, 2, 1))
    assert talk.sent == [{"id": 3, "cmd": "subscribe", "params": {"channels": ["trade"]}}]
    assert talk.receive(subscribed(3, "trade", 7)) == [ACK, Subscribed(everything)]
    talk.requests()
    talk.want(TRADE_C)
    assert talk.requests() == [("unsubscribe", 7, None)]
    talk.receive(unsubscribed(4, 7, 1))
    assert talk.requests() == [("subscribe", "trade", [C])]


def test_a_market_beside_all_markets_is_refused_without_asking() -> None:
    """One channel has one subscription on a connection."""
    everything = Subscription("trade")
    talk = Talk()
    (refused,) = talk.want(everything, TRADE_A)
    assert isinstance(refused, Refused)
    assert refused.subscription == TRADE_A
    assert talk.requests() == [("subscribe", "trade", None)]
    assert talk.want(everything, TRADE_A) == []
    talk.receive(subscribed(1, "trade", 2))
    assert talk.session.ready


def test_what_is_wanted_before_the_socket_is_open_is_sent_at_once_after() -> None:
    """The order of the shell's calls does not matter."""
    session = VENUE.session(Shard("kalshi", 0, frozenset()), Talk.options())
    assert list(session.want(frozenset({BOOK_A}), Now(0, 1.0))) == []
    assert not session.ready
    assert [type(event) for event in session.open(Now(0, 2.0))] == [Send]


@given(
    steps=st.lists(st.tuples(st.floats(0, 0.4), st.integers(0, 3)), max_size=80),
    rate=st.sampled_from([0.5, 1.0, 2.5, 10.0]),
)
def test_sends_never_exceed_the_pace(steps: list[tuple[float, int]], rate: float) -> None:
    """Requests wait for the next tick with room, whatever is wanted meanwhile."""
    talk = Talk(sends_per_second=rate)
    times: list[float] = []
    for number, (seconds, count) in enumerate(steps):
        talk.tick(seconds)
        talk.want(*(Subscription(f"c{number}-{k}", "s") for k in range(count)))
        times += [talk.mono for _ in talk.requests()]
    allowed = max(1, int(rate))
    for first, last in zip(times, times[allowed:], strict=False):
        assert last - first >= allowed / rate - 1e-9


def converse(seed: int, latest_s: float) -> tuple[frozenset[Subscription], set[Subscription]]:
    """A talk with the simulated venue, wishes and delays at random; what was held, and wanted."""
    rng = random.Random(seed)
    assert VENUE.simulated is not None
    market = VENUE.simulated(SimulationOptions(seed=seed, rate=2.0))
    listed = [symbol for symbol in market.symbols if symbol.startswith("KXBTCD")][:4]
    pool = [
        *(Subscription(name, symbol) for name in ("trade", "orderbook_delta") for symbol in listed),
        *(Subscription(name, "NOPE-1") for name in ("trade", "orderbook_delta")),
        Subscription("trade"),
        LIFE,
    ]
    server, talk = market.connect(), Talk()
    wanted: frozenset[Subscription] = frozenset()

    def step(seconds: float) -> None:
        now = talk.now()
        market.advance(now)
        said = [
            emission
            for request in talk.sent
            for emission in server.receive(json.dumps(request).encode(), now)
        ]
        talk.sent.clear()
        talk.receive(b"", Opcode.PONG)
        for emission in (*said, *server.tick(now)):
            events = talk.receive(emission.payload, emission.opcode)
            assert not {Gap, Reconnect, Unread} & {type(event) for event in events}
        assert Reconnect not in {type(event) for event in talk.tick(seconds)}

    for _ in range(6):
        wanted = frozenset(rng.sample(pool, rng.randrange(len(pool))))
        market.delay_answers(rng.choice([0.0, 0.0, 0.5, latest_s]))
        talk.want(*wanted)
        for _ in range(rng.randrange(1, 8)):
            step(rng.choice([0.05, 0.5, 3.0, 9.0]))
    market.delay_answers(0.0)
    for _ in range(400):
        step(3.0)
    assert talk.session.ready
    return talk.session.acknowledged, {
        item
        for item in wanted
        if item.symbol != "NOPE-1"
        and (item.symbol is None or Subscription(item.channel) not in wanted)
    }


@pytest.mark.parametrize("latest_s", [0.0, 5.0, 35.0, 40.0, 100.0])
@pytest.mark.parametrize("seed", [4, 17, 98])
def test_what_is_held_becomes_what_is_wanted(seed: int, latest_s: float) -> None:
    """Whatever is wished in which order, and however late the answers are."""
    acknowledged, wanted = converse(seed, latest_s)
    assert acknowledged == wanted
