"""The simulated socket: books instead of answers, silence instead of refusals."""

import hashlib
import itertools
import json
import math
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from ssmd.model.errors import ConfigError
from ssmd.model.simulated import Emission, SimulationOptions
from ssmd.venues.polymarket import VENUE
from tests.venues.polymarket.frames import token
from tests.venues.polymarket.recordings import NEW, frames, single
from tests.venues.polymarket.simulating import (
    START,
    Books,
    connected,
    fingerprints,
    first,
    kinds,
    later,
    market,
    messages,
    operation,
    run,
)


def figure(book: dict[str, Any], *, neg_risk: bool) -> str:
    """SHA-1 of the compact JSON, the figure itself being empty, as it can be recomputed."""
    fields = {
        "market": book["market"],
        "asset_id": book["asset_id"],
        "timestamp": book["timestamp"],
        "hash": "",
        "bids": book["bids"],
        "asks": book["asks"],
        "min_order_size": "5",
        "tick_size": book["tick_size"],
        "neg_risk": neg_risk,
        "last_trade_price": book["last_trade_price"],
    }
    text = json.dumps(fields, separators=(",", ":"))
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def test_the_first_answer_is_one_list_of_books() -> None:
    """In the order that was asked, each token once, then single objects."""
    venue = market()
    tokens = venue.symbols[:6]
    socket = venue.connect()
    (answer,) = socket.receive(first(*tokens, tokens[0]), START)
    books = json.loads(answer.payload)
    assert [book["asset_id"] for book in books] == list(tokens)
    assert answer.symbols == tokens
    assert {book["event_type"] for book in books} == {"book"}
    for emission in run(venue, socket, 0, 2):
        assert emission.payload.startswith(b"{")
        assert emission.symbols


def test_ids_look_as_the_venues_do() -> None:
    """256 bits: in decimal for tokens, in hex for conditions."""
    venue = market()
    assert all(len(name) >= 70 and name.isdecimal() for name in venue.symbols)
    assert len(set(venue.symbols)) == len(venue.symbols) >= 60
    assert all(len(c.id) == 66 and c.id.startswith("0x") for c in venue.open)


def test_the_two_tokens_of_a_condition_mirror_each_other() -> None:
    """A bid for the one is an offer of the other, at what is left of a dollar."""
    venue = market()
    for condition in venue.open:
        yes, no = (json.loads(venue.book(name, START.wall)) for name in condition.tokens)
        for bids, asks in ((yes["bids"], no["asks"]), (no["bids"], yes["asks"])):
            assert [(1 - Decimal(level["price"]), level["size"]) for level in asks] == [
                (Decimal(level["price"]), level["size"]) for level in bids
            ]
        for book in (yes, no):
            prices = [Decimal(level["price"]) for level in book["bids"]]
            offers = [Decimal(level["price"]) for level in book["asks"]]
            assert prices == sorted(prices)
            assert offers == sorted(offers, reverse=True)
            assert 0 < prices[-1] < offers[-1] < 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_is_said_adds_up(seed: int) -> None:
    """Every change leads to the stated touch, and a book that comes again holds no surprise."""
    venue = market(800.0, seed)
    socket = venue.connect()
    books = Books()
    said = messages(list(socket.receive(first(*venue.symbols[:8]), START)))
    said += messages(run(venue, socket, 0, 8))
    again = 0
    for message in said:
        if message["event_type"] == "book" and message["asset_id"] in books.levels:
            again += 1
            before, after = books.levels[message["asset_id"]], books.of(message)
            changed = {key for key in before.keys() | after if before.get(key) != after.get(key)}
            assert len(changed) <= 1  # what the trade took
            assert set(after) <= set(before)
        books.take(message)
        for change in message.get("price_changes", ()):
            if change["asset_id"] in books.levels:
                assert books.touch(change["asset_id"]) == (change["best_bid"], change["best_ask"])
        if message["event_type"] == "best_bid_ask":
            assert books.touch(message["asset_id"]) == (message["best_bid"], message["best_ask"])
            assert Decimal(message["spread"]) == Decimal(message["best_ask"]) - Decimal(
                message["best_bid"]
            )
    assert again > 50
    assert {message["event_type"] for message in said} == {
        "book", "price_change", "last_trade_price", "best_bid_ask",
    }  # fmt: skip


def test_a_trade_follows_the_books_it_changed() -> None:
    """So it stands in the recordings."""
    venue = market()
    said = messages(run(venue, connected(venue, *venue.symbols[:4]), 0, 4))
    for before, trade in itertools.pairwise(said):
        if trade["event_type"] == "last_trade_price":
            assert before["event_type"] == "book"
            assert before["market"] == trade["market"]
            assert len(trade["transaction_hash"]) == 66


def test_every_figure_is_right_until_one_is_corrupted() -> None:
    """SHA-1 over the book with the fields that only REST tells."""
    venue = market()
    socket = venue.connect()
    books = messages(list(socket.receive(first(*venue.symbols), START)))
    risky = {c.id: c.neg_risk for c in venue.open}
    assert all(book["hash"] == figure(book, neg_risk=risky[book["market"]]) for book in books)
    wanted = venue.symbols[3]
    venue.corrupt(wanted)
    later_books = messages(list(socket.receive(operation("subscribe", *venue.symbols), START)))
    wrong = [b for b in later_books if b["hash"] != figure(b, neg_risk=risky[b["market"]])]
    assert [book["asset_id"] for book in wrong] == [wanted]
    venue.corrupt(None)
    (book,) = messages(list(socket.receive(operation("subscribe", venue.symbols[0]), START)))
    assert book["hash"] != figure(book, neg_risk=risky[book["market"]])


def test_the_figures_of_all_recorded_books_are_computed_the_same_way() -> None:
    """494 of 494, for one of the two values of the field the channel does not tell."""
    for book in json.loads(frames(NEW)[0]):
        assert book["hash"] in {figure(book, neg_risk=risky) for risky in (True, False)}


def test_frames_have_the_shapes_of_the_recordings() -> None:
    """Field for field, in order, text for text."""
    venue = market()
    socket = venue.connect()
    made = [emission.payload for emission in socket.receive(first(*venue.symbols[:9]), START)]
    made += [emission.payload for emission in run(venue, socket, 0, 6)]
    ours, theirs = fingerprints(made), fingerprints(frames(NEW))
    assert set(theirs) == {"book", "price_change", "last_trade_price"}
    for kind, shapes in theirs.items():
        assert shapes == ours[kind], kind
    assert (
        ours["best_bid_ask"]
        == fingerprints([single("sample-ws_market_best_bid_ask_msg")])["best_bid_ask"]
    )


@pytest.mark.parametrize(
    ("name", "act"),
    [("new_market", "list_symbols"), ("market_resolved", "delist")],
)
def test_listings_have_the_fields_of_the_samples(name: str, act: str) -> None:
    """Key for key."""
    venue = market(0)
    socket = connected(venue, venue.symbols[0])
    getattr(venue, act)([token(1), token(2)] if act == "list_symbols" else venue.symbols[2:3])
    (message,) = messages(list(socket.tick(START)))
    sample = json.loads(single(f"sample-ws_market_{name.removeprefix('market_')}_msg"))
    assert list(message) == list(sample)
    assert message["event_type"] == name


def test_ping_is_answered_at_once_in_text() -> None:
    """Whatever else is slow."""
    venue = market()
    socket = venue.connect()
    venue.delay_answers(math.inf)
    assert list(socket.receive(b"PING", START)) == [Emission(b"PONG")]
    assert list(venue.agree(b"PING", START)) == [Emission(b"PONG")]
    assert list(venue.agree(first(token(1)), START)) == []


@pytest.mark.parametrize(
    "payload",
    [b"{", b"[]", b'{"type":"user"}', b'{"operation":"dance","assets_ids":[]}', b"\xff"],
)
def test_what_is_not_understood_is_said_so(payload: bytes) -> None:
    """In plain text, as the venue does."""
    assert list(market().connect().receive(payload, START)) == [Emission(b"INVALID OPERATION")]


def test_the_first_message_may_not_be_repeated() -> None:
    """Later wishes have a form of their own."""
    venue = market()
    socket = connected(venue, venue.symbols[0])
    (answer,) = socket.receive(first(venue.symbols[1]), START)
    assert answer.payload == b"INVALID OPERATION"


def test_unknown_and_refused_tokens_are_met_with_silence() -> None:
    """No book, no data, no word; the others are answered."""
    venue = market()
    known, refused = venue.symbols[0], venue.symbols[2]
    venue.refuse(refused)
    socket = venue.connect()
    (answer,) = socket.receive(first(token(5), refused, known), START)
    assert [book["asset_id"] for book in json.loads(answer.payload)] == [known]
    assert list(socket.receive(operation("subscribe", token(6), refused), START)) == []
    said = messages(run(venue, socket, 0, 2))
    assert said
    assert {message["market"] for message in said} == {venue.conditions[known].id}


def test_too_many_tokens_are_met_with_silence_for_all() -> None:
    """Beyond 500 nothing comes at all."""
    names = [token(number) for number in range(502)]
    venue = market(100.0, 1, *names)
    socket = venue.connect()
    assert list(socket.receive(first(*names[:501]), START)) == []
    assert run(venue, socket, 0, 1) == []
    (answer,) = socket.receive(operation("subscribe", *names[:500]), START)
    assert len(json.loads(answer.payload)) == 500
    assert list(socket.receive(operation("subscribe", names[501]), START)) == []


def test_unsubscribing_ends_the_stream_without_a_word() -> None:
    """And what happened before goes out first."""
    venue = market()
    one, other = venue.symbols[0], venue.symbols[2]
    socket = connected(venue, one, other)
    venue.advance(later(0.1))
    venue.advance(later(0.6))
    early = list(socket.receive(operation("unsubscribe", one), later(0.6)))
    assert early
    said = messages(run(venue, socket, 0.6, 2))
    assert {message["market"] for message in said} == {venue.conditions[other].id}


def test_the_touch_comes_only_to_those_who_asked_for_it() -> None:
    """`custom_feature_enabled` brings it, and listings."""
    venue = market()
    plain = venue.connect()
    plain.receive(first(*venue.symbols[:4], custom_feature_enabled=False), START)
    venue.list_symbols([token(1), token(2)])
    assert kinds(run(venue, plain, 0, 3)) == {"book", "price_change", "last_trade_price"}


def test_late_answers_keep_their_order_and_never_is_never() -> None:
    """The subscription begins when it is answered."""
    venue = market()
    one, other = venue.symbols[0], venue.symbols[2]
    socket = venue.connect()
    venue.delay_answers(2.0)
    assert list(socket.receive(first(one), START)) == []
    venue.delay_answers(0.0)
    assert list(socket.receive(operation("subscribe", other), START)) == []
    assert run(venue, socket, 0, 1.9) == []
    said = messages(run(venue, socket, 1.9, 0.2))
    assert [message["asset_id"] for message in said[:2]] == [one, other]
    venue.delay_answers(math.inf)
    assert list(socket.receive(operation("subscribe", venue.symbols[4]), later(3))) == []
    venue.delay_answers(0.0)
    (answer,) = (
        e
        for e in socket.receive(operation("subscribe", venue.symbols[6]), later(3))
        if e.payload.startswith(b"[")
    )
    assert answer.symbols == (venue.symbols[6],)


def test_a_frozen_token_stands_still_on_its_socket_only() -> None:
    """Its mirror goes on, REST goes on, a resubscription shows the book as it is."""
    venue = market()
    yes, no = venue.symbols[:2]
    socket = connected(venue, yes, no)
    venue.freeze(yes, frozen=True)
    fresh = connected(venue, yes, no)
    before = json.loads(venue.book(yes, START.wall))
    said = run(venue, socket, 0, 3)
    assert said
    assert all(emission.symbols == (no,) for emission in said)
    assert yes.encode() not in b"".join(emission.payload for emission in said)
    assert any(yes in emission.symbols for emission in fresh.tick(later(3)))
    assert json.loads(venue.book(yes, START.wall))["bids"] != before["bids"]
    socket.receive(operation("unsubscribe", yes), later(3))
    (answer,) = socket.receive(operation("subscribe", yes), later(3))
    assert answer.symbols == (yes,)
    assert all(emission.symbols == (no,) for emission in run(venue, socket, 3, 2))
    venue.freeze(yes, frozen=False)
    assert any(yes in emission.symbols for emission in run(venue, socket, 5, 2))


def test_listing_and_delisting_are_told_to_everybody() -> None:
    """The last word is who won; then nothing."""
    venue = market()
    socket = connected(venue, *venue.symbols[:4])
    venue.list_symbols([token(1)])
    (listed,) = messages([e for e in socket.tick(START) if b"new_market" in e.payload])
    assert listed["assets_ids"][0] == token(1)
    assert set(listed["assets_ids"]) <= set(venue.symbols)
    (answer,) = socket.receive(operation("subscribe", *listed["assets_ids"]), START)
    assert len(json.loads(answer.payload)) == 2
    gone = venue.conditions[venue.symbols[0]]
    venue.delist(gone.tokens[:1])
    resolved, *rest = messages(list(socket.tick(START)))
    assert (resolved["event_type"], rest) == ("market_resolved", [])
    assert resolved["winning_asset_id"] in gone.tokens
    assert not set(gone.tokens) & set(venue.symbols)
    assert all(message["market"] != gone.id for message in messages(run(venue, socket, 0, 3)))
    assert list(socket.receive(operation("subscribe", *gone.tokens), later(3))) == []
    venue.delist(["1", "2"])


def test_a_new_kind_of_message_is_no_known_type() -> None:
    """Format drift on demand."""
    emission = market().novelty()
    assert json.loads(emission.payload)["event_type"] not in VENUE.types
    assert json.loads(market(1.0, 1, "5").novelty().payload)["asset_id"] == "5"


def test_the_rate_is_kept_and_can_be_changed() -> None:
    """Messages per second over all that is heard."""
    venue = market(200.0)
    socket = connected(venue, *venue.symbols)
    assert 900 <= len(run(venue, socket, 0, 5)) <= 1150
    venue.speed(0)
    assert run(venue, socket, 5, 2) == []
    venue.speed(2)
    assert 700 <= len(run(venue, socket, 7, 2)) <= 950


def test_the_same_seed_is_the_same_market() -> None:
    """And another is another."""

    def said(seed: int) -> list[Emission]:
        venue = market(300.0, seed)
        return run(venue, connected(venue, *venue.symbols[:8]), 0, 2)

    assert said(4) == said(4)
    assert said(4) != said(5)


def test_a_closed_socket_hears_nothing() -> None:
    """And the market forgets what it wanted."""
    venue = market()
    socket = connected(venue, *venue.symbols)
    socket.close()
    venue.advance(later(1))
    venue.advance(later(2))
    assert socket.outbox == []
    assert venue.sockets == {}


def test_given_tokens_are_listed_two_by_two() -> None:
    """A last one alone gets a partner; what is no token is refused with a remedy."""
    venue = market(1.0, 1, "11", "12", "13")
    assert venue.symbols[:3] == ("11", "12", "13")
    assert len(venue.symbols) == 4
    assert Counter(condition.tokens for condition in venue.open) == {
        ("11", "12"): 1,
        ("13", venue.symbols[3]): 1,
    }
    with pytest.raises(ConfigError, match="decimal digits"):
        market(1.0, 1, "BTC/USD")
    with pytest.raises(ConfigError, match="decimal digits"):
        venue.list_symbols(["BTC/USD"])


def test_everybody_is_let_in() -> None:
    """There are no keys."""
    assert VENUE.simulated is not None
    assert VENUE.simulated(SimulationOptions()).admit({}, START) == 101
    assert VENUE.account is None
