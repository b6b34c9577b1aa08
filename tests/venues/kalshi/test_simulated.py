"""The simulated exchange answers commands as the real one was recorded to answer."""

import math

import pytest

from ssmd.model.errors import ConfigError
from ssmd.model.frame import Opcode
from ssmd.venues.kalshi.simulated_socket import ERRORS
from tests.venues.kalshi.simulating import (
    CHANNELS,
    START,
    A,
    B,
    C,
    Client,
    command,
    later,
    market,
    opened,
    read,
    run,
    subscribe,
    texts,
    update,
)


def codes(payload: bytes, *tickers: str) -> list[tuple[int, str | None]]:
    venue = market(1.0, 1, *(tickers or (A, B)))
    answers = texts(opened(venue).receive(payload, START))
    assert {answer["type"] for answer in answers} == {"error"}
    for answer in answers:
        assert answer["msg"]["msg"] == ERRORS[answer["msg"]["code"]]
    return [(answer["msg"]["code"], answer["msg"].get("market_ticker")) for answer in answers]


def test_a_subscription_is_confirmed_then_its_books_are_told() -> None:
    """The number of the command comes back; numbering begins with the first snapshot."""
    socket = opened(market(1.0, 1, A, B))
    ack, *books = texts(socket.receive(subscribe("orderbook_delta", A, B, number=42), START))
    assert ack == {"type": "subscribed", "id": 42, "msg": {"channel": "orderbook_delta", "sid": 1}}
    assert [(b["type"], b["sid"], b["seq"], b["msg"]["market_ticker"]) for b in books] == [
        ("orderbook_snapshot", 1, 1, A),
        ("orderbook_snapshot", 1, 2, B),
    ]


def test_every_channel_of_a_command_has_its_own_sid_and_answer() -> None:
    """An unknown channel among them does not hurt the others."""
    socket = opened(market(1.0, 1, A))
    asked = command("subscribe", 3, channels=["ticker", "tickr", "trade"], market_ticker=A)
    answers = texts(socket.receive(asked, START))
    assert [(a["type"], a["id"]) for a in answers] == [
        ("subscribed", 3), ("error", 3), ("subscribed", 3),
    ]  # fmt: skip
    assert [a["msg"].get("sid") for a in answers] == [1, None, 2]
    assert answers[1]["msg"] == {"code": 8, "msg": "Unknown channel name"}
    listed = read(socket.receive(command("list_subscriptions", 4), START)[0].payload)
    assert listed == {
        "type": "ok", "id": 4,
        "msg": [{"channel": "ticker", "sid": 1}, {"channel": "trade", "sid": 2}],
    }  # fmt: skip


def test_an_unknown_market_is_refused_alone() -> None:
    """The others of the command are subscribed."""
    socket = opened(market(1.0, 1, A, B))
    answers = texts(socket.receive(subscribe("ticker", A, "KXNONE-1", B), START))
    assert [a["type"] for a in answers] == ["error", "subscribed"]
    assert answers[0]["msg"] == {"code": 16, "msg": "Market not found", "market_ticker": "KXNONE-1"}
    (answer,) = texts(socket.receive(update(1, "delete_markets", A), START))
    assert answer["msg"]["market_tickers"] == [B]


def test_what_cannot_be_granted_is_refused_with_the_documented_code() -> None:
    """One code for each reason; the connection lives on."""
    assert codes(subscribe("orderbook_delta")) == [(14, None)]
    assert codes(subscribe("ticker", "KXNONE-1")) == [(16, "KXNONE-1")]
    assert codes(command("subscribe", 1, channels=[])) == [(3, None)]
    assert codes(command("subscribe", 1)) == [(2, None)]
    assert codes(command("dance", 1)) == [(5, None)]
    assert codes(command("unsubscribe", 1, sids=[7])) == [(7, None)]
    assert codes(command("unsubscribe", 1, sids=[])) == [(4, None)]
    assert codes(update(7, "add_markets", A)) == [(7, None)]
    assert codes(command("update_subscription", 1, sids=[1, 2], action="add_markets")) == [
        (12, None)
    ]
    for nonsense in (b"", b"{", b"[" * 5000, b"\xff", b'{"id":1}', b'{"cmd":3}'):
        assert codes(nonsense) == [(1, None)]


def test_an_update_says_what_is_wrong_with_it() -> None:
    """Action and markets are looked at after the sid."""
    socket = opened(market(1.0, 1, A, B))
    socket.receive(subscribe("orderbook_delta", A), START)
    socket.receive(subscribe("market_lifecycle_v2"), START)
    for asked, code in (
        (update(1, "", A), 15),
        (update(1, "turn", A), 13),
        (update(1, "add_markets"), 14),
        (update(2, "add_markets", A), 10),
        (update(1, "add_markets", "KXNONE-1"), 16),
    ):
        (answer,) = texts(socket.receive(asked, START))
        assert answer["msg"]["code"] == code


def test_a_second_subscription_to_a_channel_is_refused() -> None:
    """Further markets are added by an update, not by another list."""
    socket = opened(market(1.0, 1, A, B))
    socket.receive(subscribe("orderbook_delta", A), START)
    (again,) = texts(socket.receive(subscribe("orderbook_delta", B), START))
    assert again["msg"] == {"code": 6, "msg": "Already subscribed"}


def test_too_many_markets_are_refused() -> None:
    """The limit holds for the whole subscription."""
    venue = market(1.0, 1, A, B, C)
    venue.limit = 2
    socket = opened(venue)
    (refused,) = texts(socket.receive(subscribe("trade", A, B, C), START))
    assert refused["msg"]["code"] == 26
    socket.receive(subscribe("trade", A, B), START)
    (refused,) = texts(socket.receive(update(1, "add_markets", C), START))
    assert refused["msg"]["code"] == 26


def test_an_update_is_answered_with_the_whole_set_and_uses_up_a_number() -> None:
    """As recorded: `ok` is counted among the messages of its sid."""
    socket = opened(market(1.0, 1, A, B, C))
    socket.receive(subscribe("orderbook_delta", B), START)
    ok, book = texts(socket.receive(update(1, "add_markets", A, number=6), START))
    assert ok == {"type": "ok", "id": 6, "sid": 1, "seq": 2, "msg": {"market_tickers": [B, A]}}
    assert (book["seq"], book["msg"]["market_ticker"]) == (3, A)
    (ok,) = texts(socket.receive(update(1, "delete_markets", B), START))
    assert (ok["seq"], ok["msg"]["market_tickers"]) == (4, [A])
    ok, book = texts(socket.receive(update(1, "get_snapshot", A), START))
    assert (ok["seq"], book["seq"], book["msg"]["market_ticker"]) == (5, 6, A)
    (ended,) = texts(socket.receive(command("unsubscribe", 8, sids=[1]), START))
    assert ended == {"type": "unsubscribed", "id": 8, "sid": 1, "seq": 7}


def test_markets_come_and_go_while_the_others_run() -> None:
    """What is deleted is silent at once; what is added begins with its book."""
    venue = market(500.0, 1, A, B)
    socket, client = opened(venue), Client()
    client.hear(socket.receive(subscribe("orderbook_delta", A), START))
    assert {m["msg"]["market_ticker"] for m in client.hear(run(venue, socket, 0, 1))} == {A}
    client.hear(socket.receive(update(1, "add_markets", B), later(1)))
    assert {m["msg"]["market_ticker"] for m in client.hear(run(venue, socket, 1, 1))} == {A, B}
    client.hear(socket.receive(update(1, "delete_markets", A), later(2)))
    assert {m["msg"]["market_ticker"] for m in client.hear(run(venue, socket, 2, 1))} == {B}
    assert client.skipped == []


def test_without_markets_a_channel_is_about_all_of_them() -> None:
    """Those listed later included; books have to be asked for by name."""
    venue = market(500.0, 1, A, B)
    socket = opened(venue)
    socket.receive(subscribe("trade"), START)
    venue.list_symbols([C])
    heard = texts(run(venue, socket, 0, 2))
    assert {m["msg"]["market_ticker"] for m in heard if m["type"] == "trade"} == {A, B, C}


def test_figures_come_at_once_only_when_asked_for() -> None:
    """`send_initial_snapshot` is the ticker's way to begin with what is."""
    socket = opened(market(1.0, 1, A))
    asked = subscribe("ticker", A, send_initial_snapshot=True)
    ack, ticker = texts(socket.receive(asked, START))
    assert (ack["type"], ticker["type"], "seq" in ticker) == ("subscribed", "ticker", False)


def test_an_answer_can_be_asked_to_leave_the_list_out() -> None:
    """`skip_ticker_ack`, for sets of many thousands."""
    socket = opened(market(1.0, 1, A, B))
    socket.receive(subscribe("ticker", A, skip_ticker_ack=True), START)
    (ok,) = texts(socket.receive(update(1, "add_markets", B), START))
    assert ok == {"type": "ok", "id": 9, "sid": 1, "seq": 1}


def test_a_command_without_a_number_is_answered_without_one() -> None:
    """Zero is as good as none."""
    (answer,) = texts(opened(market(1.0, 1, A)).receive(command("dance", 0), START))
    assert "id" not in answer


def test_private_channels_can_be_subscribed_and_stay_silent() -> None:
    """Whoever asks for them has an account; nothing happens on it."""
    venue = market(500.0, 1, A)
    socket = opened(venue)
    (ack,) = texts(socket.receive(subscribe("fill", number=2), START))
    assert ack["type"] == "subscribed"
    assert texts(run(venue, socket, 0, 1)) == []


def test_late_answers_come_late_and_in_order() -> None:
    """Nothing of a subscription comes before its answer."""
    venue = market(200.0, 1, A)
    venue.delay_answers(2)
    socket = opened(venue)
    assert list(socket.receive(subscribe("orderbook_delta", A, number=1), START)) == []
    assert list(socket.receive(command("list_subscriptions", 2), START)) == []
    assert texts(run(venue, socket, 0, 1.9)) == []
    heard = texts(run(venue, socket, 1.9, 0.5))
    assert [m["type"] for m in heard[:3]] == ["subscribed", "orderbook_snapshot", "ok"]


def test_an_answer_can_be_withheld_for_ever() -> None:
    """The client has to give up by itself; the socket pings on."""
    venue = market(200.0, 1, A)
    venue.delay_answers(math.inf)
    socket = opened(venue)
    socket.receive(subscribe("orderbook_delta", A), START)
    assert {e.opcode for e in run(venue, socket, 0, 60)} == {Opcode.PING}
    venue.delay_answers(0)
    (answer,) = texts(socket.receive(command("list_subscriptions", 2), later(60)))
    assert answer["msg"] == []


def test_a_refused_market_is_refused_from_then_on() -> None:
    """In subscriptions and in updates, and nobody else is."""
    venue = market(1.0, 1, A, B)
    venue.refuse(B)
    socket = opened(venue)
    answers = texts(socket.receive(subscribe("trade", A, B), START))
    assert [a["type"] for a in answers] == ["error", "subscribed"]
    (refused,) = texts(socket.receive(update(1, "add_markets", B), START))
    assert refused["msg"]["market_ticker"] == B


def test_the_exchange_pings_every_ten_seconds() -> None:
    """With a body, whether anything is subscribed or not."""
    venue = market(0.0, 1, A)
    socket = opened(venue)
    pings = run(venue, socket, 0, 31)
    assert [(e.opcode, e.payload, e.symbols) for e in pings] == [
        (Opcode.PING, b"heartbeat", ())
    ] * 3


def test_a_closed_socket_is_forgotten() -> None:
    """A market must not keep talking to sockets that are gone."""
    venue = market(500.0, 1, A)
    socket = opened(venue)
    for channel in CHANNELS:
        socket.receive(subscribe(channel, A), START)
    socket.receive(subscribe("communications"), START)
    socket.close()
    venue.advance(later(0.5))
    venue.delist([A])
    venue.advance(later(1))
    assert socket.outbox == []


def test_playback_answers_are_without_data_and_know_every_market() -> None:
    """A recording brings its own data, numbers included."""
    venue = market(100.0, 1, A)
    (ack, refused) = texts(
        venue.agree(command("subscribe", 5, channels=["orderbook_delta", "x"],
                            market_tickers=["KXNEW-1", A]), START)
    )  # fmt: skip
    assert ack == {"type": "subscribed", "id": 5, "msg": {"channel": "orderbook_delta", "sid": 1}}
    assert refused["msg"]["code"] == 8
    assert "KXNEW-1" in venue.listings
    (ok,) = texts(venue.agree(update(1, "add_markets", "KXNEW-2", A), START))
    assert ok == {"type": "ok", "id": 9, "sid": 1}
    (ended,) = texts(venue.agree(command("unsubscribe", 6, sids=[1]), START))
    assert ended == {"type": "unsubscribed", "id": 6, "sid": 1}
    (listed,) = texts(venue.agree(command("list_subscriptions", 7), START))
    assert listed["msg"] == []
    for wrong in (b"{", command("dance", 1)):
        (answer,) = texts(venue.agree(wrong, START))
        assert answer["type"] == "error"


def test_what_is_no_ticker_is_refused() -> None:
    """It would break the JSON of every message about it."""
    with pytest.raises(ConfigError, match="not a market"):
        market(1.0, 1, 'KX"BAD')


def test_a_message_of_the_future_has_the_usual_envelope() -> None:
    """What nobody foresaw must still be kept."""
    message = read(market(1.0, 1, A).novelty().payload)
    assert list(message) == ["type", "sid", "msg"]
    assert message["type"] not in {*CHANNELS, "orderbook_snapshot", "event_lifecycle"}
