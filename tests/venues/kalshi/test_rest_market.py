"""One market of a listing: every word of its status, every format of its numbers."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.instrument import Instrument
from ssmd.model.timestamp import parse_rfc3339
from ssmd.venues.kalshi.rest_market import Origin, instrument
from tests.venues.kalshi.asking import body

MADE = {"ticker": "KXMADE-26NOV22-T1", "event_ticker": "KXMADE-26NOV22", "status": "active"}


def made(**fields: object) -> Instrument:
    """A market made here, about which nothing is strange."""
    found, complaint = instrument(json.dumps(MADE | fields).encode(), Origin())
    assert complaint is None
    return found


def recorded() -> list[dict[str, Any]]:
    """The market objects of all recorded bodies."""
    nested = [
        market
        for event in body("events_nfl_preseason.json")["events"]
        for market in event["markets"]
    ]
    single = body("market_single.json")
    return [
        *body("markets-page-20260213.json")["markets"],
        *body("markets_list_response.json")["markets"],
        *body("markets_settled.json")["markets"],
        *body("event_single_response.json")["markets"],
        body("market_single_response.json")["market"],
        single["nested"],
        single["single"]["market"],
        *nested,
    ]


def test_every_recorded_market_is_read() -> None:
    """Three formats of 2026: the numbers and times of each are those of its text."""
    markets = recorded()
    assert len(markets) > 300
    for told in markets:
        raw = json.dumps(told).encode()
        found, complaint = instrument(raw, Origin())
        assert complaint is None
        assert found.id == f"kalshi:{told['ticker']}"
        assert (found.kind, found.quote, found.payload) == ("event", "USD", raw)
        assert (found.event, found.outcome) == (told["event_ticker"], told["yes_sub_title"])
        assert (found.title, found.result) == (told["title"], told["result"])
        volume = told.get("volume_fp", told.get("volume"))
        assert str(found.volume) == str(volume)
        assert str(found.open_interest) == str(
            told.get("open_interest_fp", told.get("open_interest"))
        )
        assert found.open_ts == parse_rfc3339(told["open_time"])
        assert found.close_ts == parse_rfc3339(told["close_time"])
        assert found.expiry_ts == parse_rfc3339(told["expected_expiration_time"])
        steps = [stretch["step"] for stretch in told["price_ranges"]]
        assert [str(stretch.step) for stretch in found.price_ranges] == steps
        assert str(found.tick_size) == min(steps)
        paid = told.get("settlement_value_dollars")
        assert found.settlement_value == (None if paid is None else Decimal(paid))
        assert (
            found.status
            == {"active": "active", "closed": "closed", "finalized": "settled"}[told["status"]]
        )


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("initialized", "pre_open"),
        ("active", "active"),
        ("open", "active"),
        ("inactive", "paused"),
        ("closed", "closed"),
        ("disputed", "closed"),
        ("amended", "determined"),
        ("determined", "determined"),
        ("settled", "settled"),
        ("finalized", "settled"),
    ],
)
def test_each_word_of_a_status_has_its_place(word: str, status: str) -> None:
    """One vocabulary for all venues; the venue's own word is kept beside it."""
    found = made(status=word)
    assert (found.status, found.raw_status) == (status, word)


@pytest.mark.parametrize("word", ["hibernating", "", None, 7])
def test_an_unknown_status_is_listed_and_told(word: object) -> None:
    """A word of next year must not lose a market in silence, nor pass for trading."""
    found, complaint = instrument(json.dumps(MADE | {"status": word}).encode(), Origin())
    assert found.status == "paused"
    assert found.raw_status == str(word or "")
    assert complaint is not None
    assert (complaint.kind, complaint.symbol) == ("unknown_status", MADE["ticker"])
    assert MADE["ticker"] in str(complaint)


def test_old_and_new_spellings_are_one_instrument() -> None:
    """Cents and whole counts of 2025, dollars and hundredths of 2026."""
    old = made(
        volume=7, volume_24h=2, open_interest=3, liquidity=250, settlement_value=100, tick_size=1
    )
    new = made(
        volume_fp="7",
        volume_24h_fp="2",
        open_interest_fp="3",
        liquidity_dollars="2.50",
        settlement_value_dollars="1.00",
        price_ranges=[{"start": "0.00", "end": "1.00", "step": "0.01"}],
    )
    blank = {"payload": b"", "price_ranges": ()}
    assert msgspec.structs.replace(old, **blank) == msgspec.structs.replace(new, **blank)
    assert (new.liquidity, new.tick_size) == (Decimal("2.5"), Decimal("0.01"))


def test_a_retired_liquidity_is_unknown_and_not_zero() -> None:
    """The field is always zero since it was retired: a filter on it would exclude everything."""
    assert made(liquidity_dollars="0.0000").liquidity is None
    assert made(liquidity_dollars="0.0000", liquidity=0).liquidity == 0


def test_the_finest_step_is_the_tick() -> None:
    """`tick_size` stayed at a cent where prices have tenths of cents."""
    ranges = [
        {"start": "0", "end": "0.1", "step": "0.001"},
        {"start": "0.1", "end": "0.9", "step": "0.01"},
    ]
    assert made(tick_size=1, price_ranges=ranges).tick_size == Decimal("0.001")
    assert made(tick_size=1, price_ranges=None).tick_size == Decimal("0.01")


@pytest.mark.parametrize(
    "ranges", [[{"start": "0", "end": "1"}], ["x"], {}, "0.01", [{"step": "0"}]]
)
def test_price_steps_that_cannot_be_read_are_none(ranges: object) -> None:
    """Half of a grid would mislead; the whole entry is in `payload`."""
    assert made(price_ranges=ranges).price_ranges == ()


def test_times_before_all_time_are_unknown() -> None:
    """The venue writes an unset time as that of the year 1."""
    found = made(open_time="0001-01-01T00:00:00Z", close_time="2099-08-01T04:59:00Z")
    assert found.open_ts is None
    assert found.close_ts == 4_089_243_540_000_000_000


def test_the_series_is_the_one_that_was_told() -> None:
    """A name tells its series most of the time; what the venue says outranks it."""
    raw = json.dumps(MADE | {"event_ticker": "EUCLIMATE"}).encode()
    assert instrument(raw, Origin(series="KXEUCLIMATE"))[0].series == "KXEUCLIMATE"
    assert instrument(raw, Origin())[0].series == "EUCLIMATE"
    assert made().series == "KXMADE"
    assert made(event_ticker=None).series == "KXMADE"
    assert made(market_id="m").aliases == {
        "ticker": "KXMADE-26NOV22-T1",
        "event_ticker": "KXMADE-26NOV22",
        "series_ticker": "KXMADE",
        "market_id": "m",
    }


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"{}", b'{"ticker":""}', b'{"ticker":{}}'])
def test_a_market_without_a_name_is_refused(raw: bytes) -> None:
    """There is nothing to subscribe to."""
    with pytest.raises(ValueError, match=r"."):
        instrument(raw, Origin())


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["9e99", "1e999999"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["step", "x"]), inner)
    ),
    max_leaves=5,
)
fields = [
    "event_ticker", "status", "title", "yes_sub_title", "tick_size", "price_ranges", "open_time",
    "close_time", "expected_expiration_time", "result", "settlement_value", "volume", "volume_fp",
    "settlement_value_dollars", "liquidity", "liquidity_dollars", "open_interest", "market_id",
    "fractional_trading_enabled",
]  # fmt: skip


@given(st.dictionaries(st.sampled_from(fields), json_values))
def test_a_named_market_is_listed_whatever_else_it_says(odd: dict[str, Any]) -> None:
    """One strange field costs that field, and not the market."""
    found, _ = instrument(json.dumps(MADE | odd).encode(), Origin())
    assert found.symbol == MADE["ticker"]
    assert isinstance(msgspec.json.encode(msgspec.structs.replace(found, payload=b"")), bytes)
