"""How the simulated venue misbehaves: one instrument stands still, appears, ends; or all is mute."""

import json
import math

import pytest

from ssmd.model.errors import ConfigError
from ssmd.model.event import Gap, Refused, Send, Subscribed, Unread
from ssmd.model.frame import Frame, Opcode
from ssmd.model.simulated import Emission
from ssmd.model.subscription import Shard
from ssmd.model.venue import SessionOptions
from ssmd.venues.kraken import VENUE
from ssmd.venues.kraken.simulated import KrakenMarket
from ssmd.venues.kraken.simulated_socket import KrakenSocket
from tests.venues.kraken.simulating import START, BookClient, later, market, read, request, run

PAIRS = ["BTC/USD", "ETH/USD"]


def subscribed(venue: KrakenMarket, *channels: str) -> tuple[KrakenSocket, list[Emission]]:
    socket = venue.connect()
    out: list[Emission] = []
    for channel in channels or ("book", "trade", "ticker", "ohlc"):
        out += socket.receive(request("subscribe", channel=channel, symbol=PAIRS), START)
    return socket, out


def heard(out: list[Emission]) -> set[str]:
    return {symbol for emission in out for symbol in emission.symbols}


def test_everybody_is_let_in() -> None:
    """Public data."""
    assert market(1.0, 1).admit({}, START) == 101


def test_market_data_names_its_instruments_and_talk_names_none() -> None:
    """So that a server can drop, double and reorder data, and data only."""
    venue = market(500.0, 1, *PAIRS)
    socket, out = subscribed(venue)
    out += socket.receive(request("subscribe", channel="instrument"), START)
    out += [*socket.open(START), *socket.receive(request("ping"), START)]
    out += run(venue, socket, 0, 2)
    venue.list_symbols(["NEW/COIN"])
    out += run(venue, socket, 2, 1)
    for emission in out:
        message = read(emission.payload)
        data = message.get("data")
        if message.get("channel") in {"ticker", "trade", "book", "ohlc"}:
            assert isinstance(data, list)
            assert {item["symbol"] for item in data} <= set(emission.symbols)
            assert len(emission.symbols) == 1
        elif message.get("channel") == "instrument":
            assert isinstance(data, dict)
            assert [pair["symbol"] for pair in data["pairs"]] == list(emission.symbols)
        else:
            assert emission.symbols == ()


def test_a_frozen_pair_stands_still_and_the_others_go_on() -> None:
    """Silence of one instrument among many is what liveness has to find."""
    venue = market(500.0, 1, *PAIRS)
    socket, _ = subscribed(venue)
    assert heard(run(venue, socket, 0, 1)) == set(PAIRS)
    venue.freeze("BTC/USD", True)
    before = venue.rest("main", "/0/public/Depth", [("pair", "XBTUSD")], START).body
    assert heard(run(venue, socket, 1, 2)) == {"ETH/USD"}
    assert venue.rest("main", "/0/public/Depth", [("pair", "XBTUSD")], START).body != before


def test_a_new_socket_hears_a_frozen_pair() -> None:
    """To move to a fresh connection is the cure; to subscribe again is not."""
    venue = market(500.0, 1, *PAIRS)
    socket, _ = subscribed(venue, "book")
    venue.freeze("BTC/USD", True)
    stop = request("unsubscribe", channel="book", symbol=["BTC/USD"])
    assert len(socket.receive(stop, later(0))) == 1
    again = request("subscribe", channel="book", symbol=["BTC/USD"])
    answers = [read(emission.payload) for emission in socket.receive(again, later(0))]
    assert [answer.get("success", answer.get("type")) for answer in answers] == [True, "snapshot"]
    fresh, _ = subscribed(venue, "book")
    assert heard(run(venue, fresh, 0, 1)) == set(PAIRS)
    assert heard(list(socket.tick(later(1)))) == {"ETH/USD"}


def test_a_thawed_pair_goes_on_with_a_right_book() -> None:
    """No integrity figure may show a loss that is none: what was never made was not lost."""
    venue = market(500.0, 1, *PAIRS)
    socket, out = subscribed(venue, "book")
    client = BookClient(10)
    out += run(venue, socket, 0, 1)
    venue.freeze("BTC/USD", True)
    out += run(venue, socket, 1, 1)
    venue.freeze("BTC/USD", False)
    later_on = run(venue, socket, 2, 1)
    assert heard(later_on) == set(PAIRS)
    assert False not in [client.check(emission.payload) for emission in (*out, *later_on)]


def test_only_what_is_listed_can_freeze() -> None:
    """A misspelt fault would pass for a silent one."""
    with pytest.raises(ConfigError, match="not listed"):
        market(1.0, 1, *PAIRS).freeze("NO/PE", True)


def test_a_new_pair_is_announced_and_can_be_subscribed() -> None:
    """As the instrument channel tells it, and as REST lists it."""
    venue = market(500.0, 1, *PAIRS)
    socket, _ = subscribed(venue, "instrument")
    deaf, _ = subscribed(venue, "trade")
    venue.list_symbols(["NEW/COIN", "BTC/USD"])
    (news,) = run(venue, socket, 0, 0.1)
    assert json.loads(news.payload)["type"] == "update"
    (pair,) = json.loads(news.payload)["data"]["pairs"]
    assert (pair["symbol"], pair["status"]) == ("NEW/COIN", "online")
    assert "NEW/COIN" in venue.symbols
    assert not [e for e in run(venue, deaf, 0, 0.1) if b"instrument" in e.payload]
    assert b"NEWCOIN" in venue.rest("main", "/0/public/AssetPairs", (), START).body
    asked = request("subscribe", channel="trade", symbol=["NEW/COIN"])
    assert read(socket.receive(asked, START)[0].payload)["success"] is True
    with pytest.raises(ConfigError, match="not a pair"):
        venue.list_symbols(["NEW"])


def test_an_ended_pair_is_told_once_and_then_nothing() -> None:
    """Absent from REST, refused, and no longer subscribed."""
    venue = market(500.0, 1, *PAIRS)
    socket, _ = subscribed(venue, "book", "trade", "ticker", "instrument")
    run(venue, socket, 0, 0.5)
    venue.freeze("BTC/USD", True)
    venue.delist(["BTC/USD", "NO/PE"])
    venue.freeze("BTC/USD", False)
    out = run(venue, socket, 0.5, 1)
    (last,) = [emission for emission in out if "BTC/USD" in emission.symbols]
    (pair,) = json.loads(last.payload)["data"]["pairs"]
    assert (pair["symbol"], pair["status"]) == ("BTC/USD", "delisted")
    assert venue.symbols == ("ETH/USD",)
    assert b"XBTUSD" not in venue.rest("main", "/0/public/AssetPairs", (), START).body
    for method, words in (("subscribe", "not supported"), ("unsubscribe", "Not Found")):
        asked = request(method, channel="book", symbol=["BTC/USD"])
        (answer,) = socket.receive(asked, later(2))
        assert words in str(read(answer.payload)["error"])
    socket.close()
    assert venue.sockets == []


def test_a_pair_that_is_only_left_has_a_book_and_no_news() -> None:
    """Among the usual pairs is one that discovery must leave out."""
    venue = market(500.0, 1)
    socket = venue.connect()
    answers = socket.receive(request("subscribe", channel="book", symbol=["XMR/EUR"]), START)
    assert [read(answer.payload).get("type") for answer in answers] == [None, "snapshot"]
    assert heard(run(venue, socket, 0, 2)) == set()


def test_a_channel_nobody_knows_is_unread_and_harms_nothing() -> None:
    """Format drift must be kept and counted."""
    emission = market(1.0, 1, *PAIRS).novelty()
    session = VENUE.session(Shard("kraken", 0, frozenset()), SessionOptions(limits=VENUE.limits))
    events = session.receive(Frame(emission.payload, Opcode.TEXT, 1, 0.0))
    assert list(events) == [Unread("unknown_channel")]


def test_answers_that_never_come_are_never_given() -> None:
    """Later requests are answered again, the earlier ones are lost for good."""
    venue = market(500.0, 1, *PAIRS)
    venue.delay_answers(math.inf)
    socket, out = subscribed(venue)
    assert out == []
    assert run(venue, socket, 0, 5) == []
    venue.delay_answers(0)
    asked = request("subscribe", 9, channel="trade", symbol=["BTC/USD"], snapshot=False)
    (answer,) = socket.receive(asked, later(5))
    assert read(answer.payload)["req_id"] == "9"


def test_our_session_survives_all_of_it() -> None:
    """Freeze, renewal, listing and the end of a pair: no gap that is none, no frame unread."""
    venue = market(400.0, 3, *PAIRS)
    socket = venue.connect()
    wanted = VENUE.subscriptions(tuple(VENUE.channels), tuple(PAIRS))
    session = VENUE.session(Shard("kraken", 0, wanted), SessionOptions(limits=VENUE.limits))
    sends = [*session.open(START), *session.want(wanted, START)]
    seen = []
    emissions = list(socket.open(START))
    for step in range(1, 1201):
        now = later(step * 0.01)
        match step:
            case 300:
                venue.freeze("BTC/USD", True)
            case 400:
                sends += session.renew(wanted, now)
            case 600:
                venue.freeze("BTC/USD", False)
            case 800:
                venue.list_symbols(["NEW/COIN"])
                wanted |= VENUE.subscriptions(("book", "trade"), ("NEW/COIN",))
                sends += session.want(wanted, now)
            case 1000:
                venue.delist(["ETH/USD"])
        venue.advance(now)
        emissions += socket.tick(now)
        fresh = [*sends, *session.tick(now)]
        for emission in emissions:
            fresh += session.receive(Frame(emission.payload, Opcode.TEXT, now.wall, now.mono))
        seen += fresh
        sends = []
        emissions = [
            answer
            for event in fresh
            if isinstance(event, Send)
            for answer in socket.receive(event.payload, now)
        ]
    assert not [event for event in seen if isinstance(event, Unread | Gap | Refused)]
    renewed = [event.subscription for event in seen if isinstance(event, Subscribed)]
    assert renewed.count(next(iter(VENUE.subscriptions(("book",), ("BTC/USD",))))) == 2
    assert session.acknowledged == wanted
