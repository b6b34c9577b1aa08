"""Listings, complaints and witnesses, from bodies alone."""

import json
from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest

from ssmd.model.instrument import Instrument
from ssmd.model.rest import CatalogQuery, Complaint, Page, Request
from ssmd.model.timestamp import parse_rfc3339
from ssmd.venues.kraken_futures import VENUE
from tests.shared import shared

REST = VENUE.rest
XBT = {
    "symbol": "PF_XBTUSD",
    "type": "flexible_futures",
    "tickSize": 0.5,
    "contractSize": 1,
    "tradeable": True,
    "maxPositionSize": 1000.0,
    "openingDate": "2022-01-02T03:04:05Z",
    "isin": "XX0000000001",
    "contractValueTradePrecision": 4,
    "postOnly": False,
    "base": "BTC",
    "quote": "USD",
    "pair": "BTC:USD",
    "category": "Layer 1",
    "tags": ["hot"],
    "isExpired": False,
}
DETAILS = {
    "margin_levels": None,
    "retail_margin_levels": None,
    "margin_schedules": None,
    "type": "flexible_futures",
    "impact_mid_size": None,
    "funding_rate_coefficient": None,
    "max_relative_funding_rate": None,
    "contract_value_trade_precision": "4",
    "fee_schedule_uid": None,
    "maker_protection_millis": None,
    "tradeable": True,
    "post_only": False,
    "mtf": None,
    "tradfi": None,
}


def page(instruments: bytes, tickers: bytes = b'{"tickers":[]}') -> Page:
    """Drive the catalog to its only page."""
    catalog = REST.catalog(CatalogQuery())
    assert next(catalog) == Request("/instruments")
    assert catalog.send(instruments) == Request("/tickers")
    found = catalog.send(tickers)
    assert isinstance(found, Page)
    with pytest.raises(StopIteration):
        catalog.send(b"")
    return found


def listed(*entries: object, tickers: Sequence[object] = ()) -> Page:
    return page(
        msgspec.json.encode({"result": "success", "instruments": entries}),
        msgspec.json.encode({"result": "success", "tickers": tickers}),
    )


def one(entry: dict[str, object], **ticker: object) -> Instrument:
    told = [{"symbol": entry["symbol"], **ticker}] if ticker else []
    (instrument,) = listed(entry, tickers=told).instruments
    return instrument


def test_an_instrument_is_listed_with_its_day() -> None:
    """Two answers are joined by symbol, whatever its case."""
    ticker = {"symbol": "pf_xbtusd", "vol24h": 12.5, "openInterest": 7, "suspended": False}
    (found,) = listed(XBT, tickers=[ticker, {"symbol": "in_xbtusd", "last": 1}]).instruments
    assert found == Instrument(
        venue="kraken-futures",
        symbol="PF_XBTUSD",
        kind="perpetual",
        status="active",
        raw_status="tradeable",
        title="BTC/USD perpetual",
        base="BTC",
        quote="USD",
        category="Layer 1",
        tags=("hot",),
        tick_size=Decimal("0.5"),
        lot_size=Decimal("0.0001"),
        max_size=Decimal(1000),
        contract_size=Decimal(1),
        open_ts=parse_rfc3339("2022-01-02T03:04:05Z"),
        volume_24h=Decimal("12.5"),
        open_interest=Decimal(7),
        aliases={"pair": "BTC:USD", "isin": "XX0000000001"},
        details=DETAILS,
        payload=msgspec.json.encode(XBT),
    )


def test_a_listing_in_lower_case_is_joined_with_its_ticker() -> None:
    """As the listings of 2021 were; subscriptions spell it as the stream does."""
    ticker = {"symbol": "PF_XBTUSD", "vol24h": 3}
    (found,) = listed(XBT | {"symbol": "pf_xbtusd"}, tickers=[ticker]).instruments
    assert (found.symbol, found.volume_24h) == ("PF_XBTUSD", Decimal(3))


@pytest.mark.parametrize(
    ("entry", "ticker", "status", "raw", "restricted"),
    [
        ({}, {"suspended": False}, "active", "tradeable", False),
        ({"tradeable": None}, {}, "active", "tradeable", False),
        ({"tradeable": False}, {}, "paused", "not tradeable", False),
        ({}, {"suspended": True}, "paused", "suspended", False),
        ({}, {"postOnly": True}, "active", "post only", True),
        ({"postOnly": True}, {}, "active", "post only", True),
        ({"isExpired": True, "tradeable": False}, {}, "closed", "expired", False),
    ],
)
def test_three_truth_values_make_a_status(
    entry: dict[str, object], ticker: dict[str, object], status: str, raw: str, restricted: bool
) -> None:
    """One vocabulary for all venues; the venue's own meaning beside it."""
    found = one(XBT | entry, **ticker)
    assert (found.status, found.raw_status, found.restricted) == (status, raw, restricted)


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        ({"type": "flexible_futures"}, "perpetual"),
        ({"type": "futures_inverse", "lastTradingTime": "2026-12-25T16:00:00Z"}, "future"),
        ({"type": "flexible_futures", "lastTradingTime": "2026-12-25T08:00:00Z"}, "future"),
        ({"type": "options", "lastTradingTime": "2026-12-25T08:00:00Z"}, "option"),
        ({"type": "spot index", "tradeable": False}, "spot"),
        ({"type": "tradfi_futures", "tradfi": True}, "perpetual"),
    ],
)
def test_what_ends_is_a_future_and_what_does_not_is_perpetual(
    entry: dict[str, object], kind: str
) -> None:
    """Whatever the venue calls the way it is settled."""
    found = one(XBT | entry)
    assert found.kind == kind
    ends = entry.get("lastTradingTime")
    expected = parse_rfc3339(ends) if isinstance(ends, str) else None
    assert (found.close_ts, found.expiry_ts) == (expected, expected)


@pytest.mark.parametrize(("decimals", "lot"), [(0, "1"), (4, "0.0001"), (-3, "1000"), (99, None)])
def test_the_precision_of_a_quantity_is_its_step(decimals: int, lot: str | None) -> None:
    """Negative ones are whole powers of ten."""
    expected = None if lot is None else Decimal(lot)
    assert one(XBT | {"contractValueTradePrecision": decimals}).lot_size == expected


def test_one_unreadable_entry_costs_no_other() -> None:
    """It is named with its place."""
    found = listed(XBT, {"type": "x"}, 7, tickers=[{"vol24h": 1}])
    assert [each.symbol for each in found.instruments] == ["PF_XBTUSD"]
    assert [str(reject).partition(":")[0] for reject in found.rejects] == [
        "tickers[0]",
        "instruments[1]",
        "instruments[2]",
    ]


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"instruments":{}}', b"<html>"])
def test_a_body_that_is_no_listing_fails_the_round(body: bytes) -> None:
    """Nothing is truncated in silence."""
    catalog = REST.catalog(CatalogQuery())
    next(catalog)
    with pytest.raises(ValueError, match="not as documented"):
        catalog.send(body)
    catalog = REST.catalog(CatalogQuery())
    next(catalog)
    catalog.send(b'{"instruments":[]}')
    with pytest.raises(ValueError, match="not as documented"):
        catalog.send(body)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b'{"result":"success","tickers":[]}', None),
        (b'{"result":"success","error":null,"errors":[]}', None),
        (b"<html>", None),
        (b"[]", None),
        (
            b'{"result":"error","error":"apiLimitExceeded","serverTime":"x"}',
            Complaint("apiLimitExceeded", retryable=True),
        ),
        (b'{"result":"error","error":"Unavailable"}', Complaint("Unavailable", retryable=True)),
        (
            b'{"result":"error","error":"invalidArgument: symbol"}',
            Complaint("invalidArgument: symbol", retryable=False),
        ),
        (
            b'{"status":"BAD_REQUEST","result":"error","errors":[{"code":0,"message":"400"}]}',
            Complaint("400", retryable=False),
        ),
        (
            b'{"result":"error","errors":["one","Server Error"]}',
            Complaint("one; Server Error", retryable=True),
        ),
        (b'{"result":"error","errors":[{"code":7}]}', Complaint('{"code":7}', retryable=False)),
        (b'{"result":"error"}', Complaint("error", retryable=False)),
    ],
)
def test_both_shapes_of_complaints_are_heard(body: bytes, complaint: Complaint | None) -> None:
    """Status 200 is no success here."""
    assert REST.complaint(body) == complaint


def statement(body: bytes, *channels: str) -> tuple[Request, bytes]:
    witness = REST.witness("PF_XBTUSD", frozenset(channels), "n1")
    assert witness is not None
    request = next(witness)
    with pytest.raises(StopIteration) as end:
        witness.send(body)
    return request, end.value.value


def test_the_book_is_the_witness_of_a_book() -> None:
    """Only what is in it counts, not when it was told."""
    body = b'{"result":"success","orderBook":{"bids":[[1.5,2]],"asks":[]},"serverTime":"a"}'
    request, digest = statement(body, "book", "ticker", "trade")
    assert request == Request("/orderbook", (("symbol", "PF_XBTUSD"), ("_", "n1")))
    assert statement(body.replace(b'"a"', b'"b"'), "book")[1] == digest
    assert statement(body.replace(b"1.5", b"1.6"), "book")[1] != digest


def test_a_ticker_is_witnessed_by_what_its_feed_tells() -> None:
    """The mark moves on the long feed only: the short one may be silent about it."""
    body = b'{"ticker":{"symbol":"PF_XBTUSD","bid":1,"ask":2,"vol24h":3,"markPrice":4}}'
    moved = body.replace(b'"markPrice":4', b'"markPrice":5')
    request, digest = statement(body, "ticker", "ticker_lite", "trade")
    assert request == Request("/tickers/PF_XBTUSD", (("_", "n1"),))
    assert statement(moved, "ticker")[1] != digest
    digest = statement(body, "ticker_lite")[1]
    assert statement(moved, "ticker_lite")[1] == digest
    assert statement(body.replace(b'"bid":1', b'"bid":0'), "ticker_lite")[1] != digest


def test_trades_are_witnessed_by_trades() -> None:
    """When nothing else is subscribed."""
    request, digest = statement(b'{"history":[{"uid":"a"}],"serverTime":"a"}', "trade")
    assert request == Request("/history", (("symbol", "PF_XBTUSD"), ("_", "n1")))
    assert statement(b'{"history":[{"uid":"b"}]}', "trade")[1] != digest


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"orderBook":null}', b"<html>"])
def test_a_witness_that_says_nothing_is_none(body: bytes) -> None:
    """Two empty answers must not look like a market that stands still."""
    for channels in ({"book"}, {"ticker_lite"}, {"trade"}):
        witness = REST.witness("PF_XBTUSD", frozenset(channels), "n")
        assert witness is not None
        next(witness)
        with pytest.raises(ValueError, match="answer"):
            witness.send(body)
    assert REST.witness("PF_XBTUSD", frozenset({"x"}), "n") is None


def recorded(name: str) -> bytes:
    """A recorded body; some lie in the file with their address above them."""
    text = shared(f"data/kraken_futures/rest/{name}").read_text(encoding="utf-8")
    return text[text.index("{") :].encode()


def test_the_listings_of_2021_are_read_to_the_last() -> None:
    """Symbols in lower case, indices among them, no assets and no opening times yet."""
    found = page(recorded("instruments-20210722.json"))
    assert (len(found.instruments), found.rejects) == (27, ())
    kinds = [each.kind for each in found.instruments]
    assert [kinds.count(kind) for kind in ("perpetual", "future", "spot")] == [5, 12, 10]
    tradeable = [each for each in found.instruments if each.status == "active"]
    assert len(tradeable) == 17
    by_symbol = {each.symbol: each for each in found.instruments}
    future = by_symbol["FI_XBTUSD_210924"]
    assert future.close_ts == parse_rfc3339("2021-09-24T15:00:00Z")
    assert (future.tick_size, future.underlying) == (Decimal("0.5"), "rr_xbtusd")
    assert json.loads(future.payload)["marginLevels"]
    assert (future.category, future.tags, future.volume_24h) == (None, None, None)


def test_the_listings_of_2026_are_read_to_the_last() -> None:
    """Linear and inverse, perpetual and dated."""
    found = page(recorded("instruments-5of-20260925.json"), recorded("GetTickers.txt"))
    assert found.rejects == ()
    by_symbol = {each.symbol: each for each in found.instruments}
    assert list(by_symbol) == [
        "PF_XBTUSD",
        "PF_DOGEUSD",
        "FF_XBTUSD_261225",
        "PI_XBTUSD",
        "FI_XBTUSD_261225",
    ]
    assert [each.kind for each in found.instruments] == [
        "perpetual", "perpetual", "future", "perpetual", "future",
    ]  # fmt: skip
    assert all(each.status == "active" for each in found.instruments)
    assert by_symbol["PF_DOGEUSD"].tick_size == Decimal("0.00001")
    assert by_symbol["PF_XBTUSD"].lot_size == Decimal("0.0001")
    assert by_symbol["PI_XBTUSD"].category == ""
    assert by_symbol["PI_XBTUSD"].volume_24h == 15304
    assert by_symbol["PI_XBTUSD"].open_interest == 149655
    assert by_symbol["PF_XBTUSD"].volume_24h is None


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("GetSymbols.txt", 3),
        ("sample-http_futures_instruments.json", 4),
        ("sample-http_futures_instrument_no_fee_schedule.json", 1),
    ],
)
def test_other_recorded_listings_are_read_to_the_last(name: str, count: int) -> None:
    """Steps down to ten decimals, a lot of a thousand, a symbol in both cases."""
    found = page(recorded(name), recorded("sample-http_futures_tickers.json"))
    assert (len(found.instruments), found.rejects) == (count, ())
    steps = {each.symbol: (each.tick_size, each.lot_size) for each in found.instruments}
    if "PF_PEPEUSD" in steps:
        assert steps["PF_PEPEUSD"] == (Decimal("1e-10"), Decimal(1000))
        assert "PF_AAPLxUSD" in steps


def test_recorded_answers_witness() -> None:
    """The venue's own bodies, as they came."""
    assert statement(recorded("GetOrderBook.txt"), "book")[1]
    assert statement(recorded("GetTrades.txt"), "trade")[1]
    for name in ("GetOrderBook.txt", "GetTickers.txt", "GetSymbols.txt", "GetTrades.txt"):
        assert REST.complaint(recorded(name)) is None
