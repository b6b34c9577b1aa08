"""What REST says when it says no, and what it can testify about a silent instrument."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.rest import Complaint, Request
from ssmd.venues.kraken import VENUE
from tests.shared import shared

REST = VENUE.rest


def error(*words: object, **beside: object) -> bytes:
    return json.dumps({"error": words, **beside}).encode()


@pytest.mark.parametrize(
    "words",
    ["EAPI:Rate limit exceeded", "EService:Unavailable", "EService:Throttled: 1700000000",
     "EGeneral:Too many requests", "EGeneral:Temporary lockout", "EGeneral:Internal error"],
)  # fmt: skip
def test_what_passes_is_worth_asking_again(words: str) -> None:
    """The venue is busy, not unwilling."""
    assert REST.complaint(error(words)) == Complaint(words, retryable=True)


@pytest.mark.parametrize("words", ["EQuery:Unknown asset pair", "EGeneral:Invalid arguments", "?"])
def test_what_does_not_pass_is_not(words: str) -> None:
    """The same question has the same answer."""
    assert REST.complaint(error(words)) == Complaint(words, retryable=False)


def test_several_errors_are_told_together() -> None:
    """One that stays is enough to give up."""
    found = REST.complaint(error("EService:Busy", "EQuery:Unknown asset pair", 5))
    assert found == Complaint("EService:Busy; EQuery:Unknown asset pair; 5", retryable=False)


def test_a_warning_beside_a_result_is_no_complaint() -> None:
    """Errors begin with E, warnings with W."""
    assert REST.complaint(error("WGeneral:Old version", result={})) is None
    assert REST.complaint(error("WGeneral:Old version")) is not None
    assert REST.complaint(error("EService:Busy", result={})) is not None


@pytest.mark.parametrize("body", [error(result={}), b"{}", b"[]", b"<html>", b"", b"[" * 99_999])
def test_what_holds_no_error_is_the_readers_to_judge(body: bytes) -> None:
    """The catalog refuses what is not as documented."""
    assert REST.complaint(body) is None


@given(st.binary(max_size=80))
def test_no_bytes_break_the_complaint(body: bytes) -> None:
    """It is asked about every answer."""
    REST.complaint(body)


@pytest.mark.parametrize(
    "name",
    ["http_asset_pairs", "http_ohlc", "http_order_book", "http_system_status", "http_ticker",
     "http_trades"],
)  # fmt: skip
def test_recorded_answers_are_no_complaints(name: str) -> None:
    """All of them have an empty array of errors."""
    assert REST.complaint(shared(f"data/kraken/rest/sample-{name}.json").read_bytes()) is None


def test_the_pace_leaves_room_below_what_is_documented() -> None:
    """One request a second is always within the limits; others may share the address."""
    assert set(REST.services) == {"main"}
    assert REST.services["main"].tokens_per_second < 1
    assert not REST.services["main"].base.endswith("/")


def ask(channels: set[str], symbol: str = "BTC/USD") -> Request:
    witness = REST.witness(symbol, frozenset(channels), "nonce")
    assert witness is not None
    return next(witness)


def digest_of(channels: set[str], body: bytes) -> bytes:
    witness = REST.witness("BTC/USD", frozenset(channels), "nonce")
    assert witness is not None
    next(witness)
    with pytest.raises(StopIteration) as done:
        witness.send(body)
    digest = done.value.value
    assert isinstance(digest, bytes)
    return digest


@pytest.mark.parametrize(
    ("channels", "path"),
    [
        ({"book"}, "/0/public/Depth"),
        ({"book", "trade", "ticker", "instrument"}, "/0/public/Depth"),
        ({"trade"}, "/0/public/Trades"),
        ({"ticker"}, "/0/public/Trades"),
        ({"ticker", "trade"}, "/0/public/Trades"),
    ],
)
def test_the_witness_looks_where_something_would_have_been_said(
    channels: set[str], path: str
) -> None:
    """A book that stands still says nothing about trades, and the other way round."""
    assert ask(channels).path == path
    assert dict(ask(channels).query)["pair"] == "XBTUSD"


@pytest.mark.parametrize(("symbol", "channels"), [("BTC/USD", {"instrument"}), ("BTC", {"book"})])
def test_what_rest_cannot_tell_has_no_witness(symbol: str, channels: set[str]) -> None:
    """The verdict is then unknown, not a guess."""
    assert REST.witness(symbol, frozenset(channels), "nonce") is None


def book(price: str, size: str, time: int, key: str = "XXBTZUSD") -> bytes:
    side = [[price, size, time]]
    return json.dumps({"error": [], "result": {key: {"asks": side, "bids": side}}}).encode()


def test_a_book_testifies_by_prices_and_sizes_only() -> None:
    """The times of its levels say nothing about now, and its key may be another name."""
    digest = digest_of({"book"}, book("1.0", "2.000", 5))
    assert digest_of({"book"}, book("1.0", "2.000", 6, "XBTUSD")) == digest
    assert digest_of({"book"}, book("1.1", "2.000", 5)) != digest
    assert digest_of({"book"}, book("1.0", "2.001", 5)) != digest


def trades(*ids: int, last: str = "7") -> bytes:
    made = [["1.0", "2.0", 1.5, "b", "l", "", number] for number in ids]
    return json.dumps({"error": [], "result": {"XXBTZUSD": made, "last": last}}).encode()


def test_trades_testify_by_the_latest_id() -> None:
    """However many are shown, in whatever order."""
    assert digest_of({"trade"}, trades(1, 2, 3)) == digest_of({"trade"}, trades(3, 2, last="9"))
    assert digest_of({"trade"}, trades(1, 2, 3)) != digest_of({"trade"}, trades(2, 3, 4))
    assert digest_of({"ticker"}, trades()) != digest_of({"ticker"}, trades(1))


@pytest.mark.parametrize("channel", ["book", "trade"])
@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"{}", b'{"result":{}}', b'{"result":{"A":[],"B":[]}}', b'{"result":{"A":5}}',
     b'{"result":{"A":{"asks":[5]}}}', b'{"result":{"A":[5]}}', b'{"result":{"A":[["1"]]}}',
     b'{"result":{"A":[[1,2,3,4,5,6,"x"]]}}'],
)  # fmt: skip
def test_a_body_of_another_shape_is_no_testimony(channel: str, body: bytes) -> None:
    """It says so in the one way that callers expect."""
    with pytest.raises(ValueError, match="not as documented"):
        digest_of({channel}, body)


@given(st.binary(max_size=60), st.sampled_from(["book", "trade"]))
def test_no_bytes_break_the_witness(body: bytes, channel: str) -> None:
    """A digest, or a `ValueError`."""
    try:
        digest_of({channel}, b'{"result":{"A":' + body + b"}}")
    except ValueError:
        pass


def test_the_recorded_book_and_trades_digest_of() -> None:
    """Answers of the real venue."""
    folder = shared("data/kraken/rest")
    assert digest_of({"book"}, (folder / "sample-http_order_book.json").read_bytes())
    digest = digest_of({"trade"}, (folder / "sample-http_trades.json").read_bytes())
    assert digest == b"10219207"
