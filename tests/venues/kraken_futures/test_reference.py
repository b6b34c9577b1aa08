"""What the security master is told: contracts, margins, funding; nothing that cannot be believed."""

import json
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.listing import FundingState, Reject
from ssmd.model.rest import CatalogQuery, Page, ReferenceQuery, Request, Saved
from ssmd.model.timestamp import parse_rfc3339
from ssmd.venues.kraken_futures import VENUE
from tests.shared import shared
from tests.venues.kraken_futures.test_rest import XBT

TICKER = {
    "symbol": "PF_XBTUSD", "fundingRate": -3.995839963e-09, "fundingRatePrediction": 0,
    "markPrice": 91506.6009839176, "indexPrice": "91468.38", "openInterest": 21279580.0,
    "vol24h": 1.5, "suspended": False, "postOnly": False,
}  # fmt: skip
LEVELS = [{"contracts": 0, "initialMargin": 0.02, "maintenanceMargin": 0.01}]
TIME = "2026-09-25T17:43:59.000Z"
FOLDER = "data/kraken_futures/rest"


def listing(*entries: object) -> bytes:
    return msgspec.json.encode({"result": "success", "instruments": entries})


def standing(*entries: object, time: str | None = TIME) -> bytes:
    return msgspec.json.encode({"result": "success", "tickers": entries, "serverTime": time})


def saved(*bodies: bytes, names: Sequence[str] = ()) -> Page:
    """Everything that saved bodies tell, in one page."""
    files = [Saved(names[at] if names else f"file-{at}", each) for at, each in enumerate(bodies)]
    pages = [step for step in VENUE.rest.saved(files) if isinstance(step, Page)]
    return Page(
        tuple(each for page in pages for each in page.instruments),
        tuple(each for page in pages for each in page.rejects),
        funding=tuple(each for page in pages for each in page.funding),
    )


def recorded(name: str) -> bytes:
    """A recorded file, with whatever a tool wrote above the body."""
    return shared(f"{FOLDER}/{name}").read_bytes()


def parsed(name: str) -> list[dict[str, object]]:
    """The entries of a recorded listing, numbers as they are written."""
    text = recorded(name).decode()
    body = json.loads(text[text.index("{") :], parse_float=Decimal, parse_int=Decimal)
    entries: list[dict[str, object]] = body["instruments"]
    return entries


def spelled(value: object) -> object:
    """A value with its numbers as texts, written without the code under test."""
    match value:
        case list():
            return [spelled(inner) for inner in value]
        case dict():
            return {name: spelled(inner) for name, inner in value.items()}
        case Decimal():
            return f"{value:f}"
        case _:
            return value


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("instruments-20210722.json", 27),
        ("instruments-5of-20260925.json", 5),
        ("GetSymbols.txt", 3),
        ("sample-http_futures_instruments.json", 4),
    ],
)
def test_recorded_contracts_are_told_whole(name: str, count: int) -> None:
    """Every level of every margin schedule; what a contract does not state is null."""
    page = saved(recorded(name))
    entries = parsed(name)
    assert (len(page.instruments), page.rejects) == (count, ())
    theirs = {
        "margin_levels": "marginLevels",
        "retail_margin_levels": "retailMarginLevels",
        "fee_schedule_uid": "feeScheduleUid",
        "funding_rate_coefficient": "fundingRateCoefficient",
        "max_relative_funding_rate": "maxRelativeFundingRate",
        "impact_mid_size": "impactMidSize",
        "type": "type",
        "mtf": "mtf",
    }
    for instrument, entry in zip(page.instruments, entries, strict=True):
        stated = {ours: spelled(entry.get(name)) for ours, name in theirs.items()}
        assert {ours: instrument.details[ours] for ours in theirs} == stated
        assert json.loads(instrument.payload, parse_float=Decimal, parse_int=Decimal) == entry
    dated = Counter(it.kind for it in page.instruments)["future"]
    assert dated == sum("lastTradingTime" in entry for entry in entries)


def test_recorded_tickers_are_told_as_funding() -> None:
    """Of perpetuals, at the time of the answer; futures and indices cost nothing to hold."""
    page = saved(recorded("instruments-5of-20260925.json"), recorded("GetTickers.txt"))
    assert page.funding == (
        FundingState(
            venue="kraken-futures",
            symbol="PI_XBTUSD",
            ts=parse_rfc3339("2022-06-17T11:00:31.335Z"),
            rate=Decimal("1.18588737106e-7"),
            prediction=Decimal("1.1852486794e-7"),
            mark_price=Decimal("30209.9"),
            index_price=Decimal("21087.8"),
            open_interest=Decimal(149655),
        ),
    )
    assert page.rejects == ()


def test_tickers_of_several_moments_are_as_many_observations() -> None:
    """The latest says how the product stands, in whatever order they were given."""
    late = standing(TICKER | {"suspended": True, "vol24h": 7})
    early = standing(TICKER | {"markPrice": 1}, time="2026-09-24T17:43:59.000Z")
    for bodies in ((late, early), (early, late)):
        page = saved(listing(XBT), *bodies)
        (instrument,) = page.instruments
        assert instrument.status == "paused"
        assert instrument.volume_24h == Decimal(7)
        marks = sorted((state.ts or 0, state.mark_price) for state in page.funding)
        assert [mark for _, mark in marks] == [1, Decimal("91506.6009839176")]
        assert page.rejects == ()


def test_what_a_ticker_does_not_state_is_no_cost() -> None:
    """A perpetual without a ticker, with an empty one, and of an answer without a time."""
    assert saved(listing(XBT)).funding == ()
    assert saved(listing(XBT), standing({"symbol": "PF_XBTUSD", "last": 1})).funding == ()
    (state,) = saved(
        listing(XBT), standing({"symbol": "pf_xbtusd", "fundingRate": 0}, time=None)
    ).funding
    assert state == FundingState(venue="kraken-futures", symbol="PF_XBTUSD", rate=Decimal(0))
    dated = XBT | {"lastTradingTime": "2030-12-27T08:00:00Z"}
    assert saved(listing(dated), standing(TICKER)).funding == ()


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"fundingRate": "soon"}, "unreadable"),
        ({"markPrice": True}, "unreadable"),
        ({"markPrice": -1}, "absurd"),
        ({"openInterest": -1}, "absurd"),
        ({"fundingRate": "1e-30"}, "absurd"),
        ({"indexPrice": 1e30}, "absurd"),
    ],
)
def test_a_cost_that_cannot_be_is_set_aside(changed: dict[str, object], kind: str) -> None:
    """The product stands."""
    page = saved(listing(XBT), standing(TICKER | changed))
    assert ([it.symbol for it in page.instruments], page.funding) == (["PF_XBTUSD"], ())
    reject = page.rejects[-1]
    assert (reject.entity, reject.kind, reject.symbol) == ("funding", kind, "PF_XBTUSD")


def test_a_volume_that_no_column_holds_is_left_out_and_told() -> None:
    """It is of the moment: the product stands without it."""
    page = saved(listing(XBT), standing(TICKER | {"vol24h": "1e-20"}))
    assert [it.volume_24h for it in page.instruments] == [None]
    (reject,) = page.rejects
    assert (reject.entity, reject.kind, reject.symbol) == ("instrument", "doubtful", "PF_XBTUSD")
    assert len(page.funding) == 1


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"tickSize": "tiny"}, "unreadable"),
        ({"tickSize": 0}, "absurd"),
        ({"tickSize": -1}, "absurd"),
        ({"tickSize": "1e-11"}, "absurd"),
        ({"contractSize": 0}, "absurd"),
        ({"contractSize": 1e30}, "absurd"),
        ({"maxPositionSize": -1}, "absurd"),
        ({"contractValueTradePrecision": 31}, "absurd"),
        ({"contractValueTradePrecision": 1.5}, "absurd"),
        ({"lastTradingTime": "soon"}, "unreadable"),
        ({"lastTradingTime": "1999-01-01T00:00:00Z"}, "absurd"),
        ({"marginLevels": {}}, "unreadable"),
        ({"marginLevels": [5]}, "unreadable"),
        ({"marginLevels": [{"contracts": "many"}]}, "unreadable"),
        ({"retailMarginLevels": [{"initialMargin": -0.1}]}, "absurd"),
        ({"tradeable": "perhaps"}, "unreadable"),
        ({"tags": 5}, "unreadable"),
    ],
)
def test_a_contract_that_cannot_be_is_set_aside(changed: dict[str, object], kind: str) -> None:
    """With what it came as; its neighbours stand."""
    good = XBT | {"symbol": "PF_ETHUSD"}
    page = saved(listing(XBT | changed, good), standing(TICKER))
    assert [it.symbol for it in page.instruments] == ["PF_ETHUSD"]
    assert page.funding == ()
    (reject,) = page.rejects
    assert (reject.entity, reject.kind, reject.symbol) == ("instrument", kind, "PF_XBTUSD")
    assert json.loads(reject.payload)["isin"] == XBT["isin"]


def test_a_contract_nested_beyond_reason_is_set_aside() -> None:
    """It can be read as JSON, and by nobody who has to write it down again."""
    deep = msgspec.Raw(b"[" * 700 + b"]" * 700)
    page = saved(listing(XBT | {"marginSchedules": deep}, XBT | {"symbol": "PF_ETHUSD"}))
    assert [it.symbol for it in page.instruments] == ["PF_ETHUSD"]
    assert [(each.kind, each.symbol) for each in page.rejects] == [("unreadable", "PF_XBTUSD")]


def test_a_connector_is_told_what_it_can_subscribe_to() -> None:
    """A number that cannot be is no reason to record nothing."""
    generator = VENUE.rest.catalog(CatalogQuery())
    next(generator)
    generator.send(listing(XBT | {"tickSize": 0}))
    page = generator.send(standing(TICKER))
    assert isinstance(page, Page)
    assert ([it.symbol for it in page.instruments], page.funding) == (["PF_XBTUSD"], ())


def test_what_comes_twice_counts_once() -> None:
    """In either listing, whatever its case, in one file or two."""
    twice = saved(listing(XBT, XBT | {"symbol": "pf_xbtusd"}), standing(TICKER, TICKER))
    assert (len(twice.instruments), len(twice.funding)) == (1, 1)
    assert [(each.entity, each.kind, each.symbol) for each in twice.rejects] == [
        ("funding", "duplicate", "PF_XBTUSD"),
        ("instrument", "duplicate", "PF_XBTUSD"),
    ]
    again = saved(listing(XBT), listing(XBT | {"tickSize": 9}), names=("one", "two"))
    assert [it.tick_size for it in again.instruments] == [Decimal("0.5")]
    (reject,) = again.rejects
    assert str(reject).startswith("two: ")
    ether = listing(XBT | {"symbol": "PF_ETHUSD"})
    assert len(saved(listing(XBT), ether, standing(TICKER, TICKER)).rejects) == 1


def test_the_venue_is_asked_for_both_answers() -> None:
    """It narrows nothing, and tells nothing of what it no longer lists."""
    generator = VENUE.rest.reference(ReferenceQuery(changed_since_ts=1, ended_since_ts=1))
    assert next(generator) == Request("/instruments")
    assert generator.send(listing(XBT)) == Request("/tickers")
    page = generator.send(standing(TICKER))
    assert isinstance(page, Page)
    assert (len(page.instruments), len(page.funding)) == (1, 1)
    with pytest.raises(StopIteration):
        generator.send(b"")
    assert VENUE.rest.lookup is None


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b"<html>", b'{"instruments":5}', b"\n{"])
def test_a_file_that_is_no_listing_is_named(payload: bytes) -> None:
    """Whatever else was given."""
    with pytest.raises(ValueError, match=r"odd\.json.*/instruments"):
        saved(listing(XBT), payload, names=("good.json", "odd.json"))


@pytest.mark.parametrize("name", ["GetOrderBook", "GetTrades", "GetSymbolStatus"])
def test_other_recorded_answers_are_no_listing(name: str) -> None:
    """The venue's own, of other paths."""
    with pytest.raises(ValueError, match=name):
        saved(recorded(f"{name}.txt"), names=(name,))


def test_files_without_instruments_are_no_listing() -> None:
    """To take them for an empty one would end every product there is."""
    for bodies in ((), (standing(TICKER),)):
        with pytest.raises(ValueError, match="/instruments"):
            saved(*bodies)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["0.1", "-1", "1e99", "NaN", "PF_XBTUSD", TIME]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)


def changed(entry: dict[str, object]) -> st.SearchStrategy[object]:
    """Anything, or an entry with fields of anything."""
    names = st.sampled_from(sorted({*entry, "marginLevels", "lastTradingTime"}))
    return VALUES | st.dictionaries(names, VALUES, max_size=3).map(entry.__or__)


@given(st.lists(changed(XBT), max_size=5), st.lists(changed(TICKER), max_size=4))
def test_each_entry_is_an_instrument_or_set_aside(
    listed: list[object], tickers: list[object]
) -> None:
    """None vanishes, none breaks its neighbours, whatever stands in it."""
    good = XBT | {"symbol": "PF_GOODUSD"}
    page = saved(listing(good, *listed), standing(*tickers))
    assert page.instruments[0].symbol == "PF_GOODUSD"
    assert len(page.instruments) + len(refused(page)) == len(listed) + 1
    assert {it.symbol for it in page.instruments} >= {state.symbol for state in page.funding}
    for instrument in page.instruments:
        json.dumps(instrument.details)


def refused(page: Page) -> list[Reject]:
    """What keeps an instrument out."""
    return [
        each for each in page.rejects if each.entity == "instrument" and each.kind != "doubtful"
    ]
