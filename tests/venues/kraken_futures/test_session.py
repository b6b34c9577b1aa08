"""One connection: gaps and their repair, life and death, replays."""

import msgspec
import pytest

from ssmd.model.errors import ConfigError
from ssmd.model.event import Control, Data, Gap, Reconnect, Repaired, Subscribed, Unsubscribed
from ssmd.model.frame import Now, Opcode
from ssmd.model.subscription import Shard, Subscription
from ssmd.venues.kraken_futures import VENUE
from tests.venues.kraken_futures.frames import (
    BOOK,
    ETH,
    ETHER,
    HEARTBEAT,
    INFO,
    TRADE,
    XBT,
    Talk,
    answer,
    book,
    book_snapshot,
    gap,
    ticker,
    trade,
    trade_snapshot,
)

REPAIRED = Repaired("book", (XBT,), "snapshot")


def holding(*items: Subscription) -> Talk:
    talk = Talk()
    talk.hold(*items)
    return talk


def test_a_gap_of_a_book_renews_that_product_and_the_snapshot_repairs_it() -> None:
    """Nothing but a snapshot makes a book whole, and nobody else is disturbed."""
    talk = holding(BOOK, ETHER)
    for payload in (book_snapshot(10), book(11), book_snapshot(70, ETH), book(71, ETH)):
        assert len(talk.receive(payload)) == 1
    assert talk.receive(book(14))[1:] == [gap("book", 12, 14)]
    assert talk.requests() == [("unsubscribe", "book", [XBT])]
    assert len(talk.receive(book(15))) == 1
    assert len(talk.receive(book(72, ETH))) == 1
    assert talk.requests() == []
    talk.receive(answer("unsubscribed", BOOK))
    assert talk.requests() == [("subscribe", "book", [XBT])]
    talk.receive(answer("subscribed", BOOK))
    assert talk.receive(book_snapshot(40))[1:] == [REPAIRED]
    assert len(talk.receive(book(41))) == 1
    assert talk.session.acknowledged == {BOOK, ETHER}


def test_every_further_jump_is_told_while_the_repair_is_on_its_way() -> None:
    """Each is a loss of its own; there is one repair for all."""
    talk = holding(BOOK)
    talk.receive(book_snapshot(10))
    gaps = [event for at in (12, 15, 15) for event in talk.receive(book(at))[1:]]
    assert gaps == [gap("book", 11, 12), gap("book", 13, 15), gap("book", 16, 15)]
    assert len(talk.requests()) == 1
    assert talk.confirm() == []
    assert talk.receive(book_snapshot(20))[1:] == [REPAIRED]


def test_a_counter_that_never_adds_up_is_no_storm_of_requests() -> None:
    """The first repair comes at once, the next ones after longer and longer pauses."""
    talk = holding(BOOK)
    talk.receive(book_snapshot(10))
    number, renewals = 10, 0
    for _ in range(600):
        number += 2
        talk.receive(book(number))
        talk.receive(b"", Opcode.PONG)
        talk.tick(1.0)
        for event, _, _ in (told := talk.requests()):
            renewals += event == "unsubscribe"
        for event, feed, products in told:
            assert (feed, products) == ("book", [XBT])
            talk.receive(answer(f"{event}d", BOOK))
        talk.receive(book_snapshot(number)) if told else None
    assert 5 <= renewals <= 9


def test_a_snapshot_that_comes_by_itself_spares_the_renewal() -> None:
    """It was put off, and is not needed any more."""
    talk = holding(BOOK)
    talk.receive(book_snapshot(10))
    talk.receive(book(12))
    talk.confirm()
    talk.confirm()
    talk.receive(book_snapshot(20))
    talk.receive(book(23))
    assert talk.requests() == []
    assert talk.receive(book_snapshot(30))[1:] == [REPAIRED]
    talk.live(60.0)
    assert talk.requests() == []


def test_a_promised_snapshot_that_never_came_is_a_gap() -> None:
    """The subscription was confirmed on this connection, so it should have come first."""
    talk = holding(BOOK)
    assert talk.receive(book(50))[1:] == [gap("book", 49, 50)]
    assert talk.requests() == [("unsubscribe", "book", [XBT])]


def test_a_gap_of_the_trades_is_repaired_by_the_snapshot_that_tells_them() -> None:
    """It repeats the last hundred; the counter goes on over the pause."""
    talk = holding(TRADE)
    talk.receive(trade_snapshot(range(100, 0, -1)))
    assert len(talk.receive(trade(101))) == 1
    assert talk.receive(trade(104))[1:] == [gap("trade", 102, 104)]
    assert talk.requests() == [("unsubscribe", "trade", [XBT])]
    talk.receive(answer("unsubscribed", TRADE))
    talk.receive(answer("subscribed", TRADE))
    repaired = Repaired("trade", (XBT,), "snapshot")
    assert talk.receive(trade_snapshot(range(106, 6, -1)))[1:] == [repaired]
    assert len(talk.receive(trade(107))) == 1


def test_a_trade_snapshot_too_short_for_the_pause_shows_the_gap() -> None:
    """More was traded while the feed was renewed than it tells."""
    talk = holding(TRADE)
    talk.receive(trade(100))
    talk.renew(TRADE)
    talk.confirm()
    talk.confirm()
    assert talk.receive(trade_snapshot(range(300, 200, -1)))[1:] == [gap("trade", 101, 201)]


def test_trades_of_a_feed_that_was_not_wanted_meanwhile_are_no_gap() -> None:
    """Nobody asked for them."""
    talk = holding(TRADE)
    talk.receive(trade(100))
    talk.want()
    talk.confirm()
    talk.want(TRADE)
    talk.confirm()
    assert len(talk.receive(trade_snapshot(range(300, 200, -1)))) == 1


def test_books_and_trades_of_one_product_count_apart() -> None:
    """They share a name and nothing else."""
    talk = holding(BOOK, TRADE)
    for payload in (book_snapshot(10), trade_snapshot([500]), book(11), trade(501), book(12)):
        assert len(talk.receive(payload)) == 1


def test_the_spelling_of_a_product_does_not_split_its_counter() -> None:
    """Data is filed under the string that the subscription uses."""
    talk = Talk()
    stock = Subscription("book", "PF_AAPLxUSD")
    talk.want(stock)
    talk.receive(answer("subscribed", stock))
    talk.receive(book_snapshot(10, "PF_AAPLxUSD"))
    events = talk.receive(book(12, "PF_AAPLXUSD"))
    assert isinstance(events[0], Data)
    assert events[0].symbols == ("PF_AAPLxUSD",)
    assert events[1:] == [gap("book", 11, 12, "PF_AAPLxUSD")]


def test_a_websocket_ping_goes_out_every_fifteen_seconds() -> None:
    """The venue demands one a minute, and was seen to reset connections with one every thirty."""
    talk = Talk()
    talk.live(61.0)
    assert talk.pings == [1015.0, 1030.0, 1045.0, 1060.0]
    assert talk.session.pong_mono is not None


def test_a_connection_whose_pings_are_not_answered_is_dead() -> None:
    """Data may still lie in a buffer; the venue is gone."""
    talk = Talk()
    for _ in range(6):
        talk.receive(HEARTBEAT)
        assert talk.tick(5.0) == []
    talk.receive(HEARTBEAT)
    assert talk.tick(0.5) == [Reconnect("pong")]
    assert talk.tick(5.0) == []


def test_silence_ends_the_connection_and_our_own_pings_are_no_life() -> None:
    """Only what was received counts."""
    talk = Talk(pong_intervals=100.0)
    talk.receive(INFO)
    events = [event for _ in range(100) for event in talk.tick(1.0)]
    assert events == [Reconnect("silence")]
    assert talk.mono > 1090.0
    assert talk.want(BOOK) == []
    assert {told[1] for told in talk.requests()} == {"heartbeat"}


def test_a_closed_connection_says_nothing_more() -> None:
    """There is nobody to say it to."""
    talk = Talk()
    talk.requests()
    assert list(talk.session.close(talk.now(), 1006, "")) == []
    assert talk.tick(100.0) == []
    talk.want(BOOK)
    assert talk.requests() == []


def test_a_replay_believes_answers_nobody_asked_for_and_asks_nothing() -> None:
    """A recording speaks of somebody else's requests."""
    talk = Talk(passive=True)
    assert talk.receive(INFO) == [Control("status")]
    assert talk.receive(answer("subscribed", BOOK)) == [Control("ack"), Subscribed(BOOK)]
    talk.receive(book_snapshot(10))
    assert talk.receive(book(12))[1:] == [gap("book", 11, 12)]
    assert talk.receive(answer("unsubscribed", BOOK))[1:] == [Unsubscribed(BOOK)]
    assert talk.receive(answer("subscribed", BOOK))[1:] == [Subscribed(BOOK)]
    assert talk.receive(book_snapshot(40))[1:] == [REPAIRED]
    assert talk.tick(1000.0) == []
    assert (talk.sent, talk.pings) == ([], [])


def test_a_replay_that_begins_in_mid_stream_has_no_gap() -> None:
    """Where a counter stood before is unknown."""
    talk = Talk(passive=True)
    for payload in (book(50), book(51), trade(7), trade(8), ticker()):
        assert len(talk.receive(payload)) == 1


def test_a_second_opening_in_a_replay_is_a_new_connection() -> None:
    """Recordings of several connections lie in one file."""
    talk = Talk(passive=True)
    talk.receive(INFO)
    talk.receive(book(5))
    assert talk.receive(INFO) == [Reconnect("discontinuity")]
    live = Talk()
    live.receive(INFO)
    assert live.receive(INFO) == [Control("status")]


def test_a_duplicate_is_told_as_a_counter_that_went_back() -> None:
    """And judged from there: what follows it follows."""
    talk = holding(BOOK)
    talk.receive(book_snapshot(10))
    talk.receive(book(11))
    assert talk.receive(book(11))[1:] == [Gap("book", (XBT,), "sequence_reset", 12, 11)]
    assert len(talk.receive(book(12))) == 1


def test_the_facts_of_the_venue() -> None:
    """What other rooms read from here."""
    assert VENUE.limits.ping_interval_s == 15.0
    assert VENUE.limits.silence_s > 30.0
    assert VENUE.account is None
    assert VENUE.pause(0) is None
    assert VENUE.check({"depth": 10}) == [
        "`depth` is not a parameter of Kraken Futures; it has none."
    ]
    shake = VENUE.handshake("wss://x", Shard("f", 0, frozenset()), {}, Now(0, 0.0))
    assert (shake.url, dict(shake.headers)) == ("wss://x", {})
    assert msgspec.structs.asdict(VENUE)["id"] == "kraken-futures"


@pytest.mark.parametrize("channel", ["bok", "heartbeat", "fills"])
def test_a_channel_that_is_not_there_is_refused_with_a_remedy(channel: str) -> None:
    """Before anything is sent; the heartbeat feed is held by itself."""
    with pytest.raises(ConfigError, match="book, ticker, ticker_lite, trade"):
        VENUE.subscriptions((channel,), (XBT,))
