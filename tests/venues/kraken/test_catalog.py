"""What is listed, from what REST says: whole, or not at all."""

import gzip
import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.instrument import Instrument
from ssmd.model.rest import CatalogQuery, Page, Request
from ssmd.venues.kraken import VENUE
from tests.shared import shared

ASSETS = {
    "XXBT": {"aclass": "currency", "altname": "XBT", "decimals": 10, "status": "enabled"},
    "ZUSD": {"aclass": "currency", "altname": "USD", "decimals": 4, "status": "enabled"},
}
BITCOIN = {
    "altname": "XBTUSD", "wsname": "XBT/USD", "aclass_base": "currency", "base": "XXBT",
    "aclass_quote": "currency", "quote": "ZUSD", "lot": "unit", "cost_decimals": 5,
    "pair_decimals": 1, "lot_decimals": 8, "lot_multiplier": 1, "ordermin": "0.00005",
    "costmin": "0.5", "tick_size": "0.1", "status": "online",
    "execution_venue": "international",
}  # fmt: skip
DETAILS = {
    "pair_decimals": "1", "lot_decimals": "8", "cost_decimals": "5", "lot_multiplier": "1",
    "margin_call": None, "margin_stop": None, "long_position_limit": None,
    "short_position_limit": None, "leverage_buy": None, "leverage_sell": None,
    "aclass_base": "currency", "aclass_quote": "currency", "lot": "unit",
    "fee_volume_currency": None, "execution_venue": "international",
}  # fmt: skip


def body(result: object) -> bytes:
    return json.dumps({"error": [], "result": result}).encode()


def pairs(**changed: object) -> bytes:
    return body({"XXBTZUSD": BITCOIN | changed})


def catalog(
    listed: bytes, assets: bytes | None = None, **query: object
) -> tuple[list[Request], list[Page]]:
    """Everything asked and everything told; nothing is listed of further classes."""
    generator = VENUE.rest.catalog(msgspec.convert(query, CatalogQuery))
    asked, told = [], []
    answers = {
        "/0/public/Assets": body(ASSETS) if assets is None else assets,
        "/0/public/AssetPairs": listed,
    }
    item = next(generator, None)
    while item is not None:
        if isinstance(item, Page):
            told.append(item)
            answer = b""
        else:
            asked.append(item)
            answer = body({}) if item.query else answers[item.path]
        try:
            item = generator.send(answer)
        except StopIteration:
            break
    return asked, told


def instruments(listed: bytes, assets: bytes | None = None) -> dict[str, Instrument]:
    _, told = catalog(listed, assets)
    return {instrument.symbol: instrument for page in told for instrument in page.instruments}


def recorded(name: str) -> bytes:
    path = shared(f"data/kraken/rest/{name}")
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def test_a_pair_is_told_with_all_its_names() -> None:
    """Whoever meets one of them can find the others."""
    (instrument,) = instruments(pairs()).values()
    assert json.loads(instrument.payload) == BITCOIN
    assert msgspec.structs.replace(instrument, payload=b"") == Instrument(
        venue="kraken", symbol="BTC/USD", kind="spot", status="active", raw_status="online",
        title="BTC/USD", base="BTC", quote="USD", category="currency",
        tick_size=Decimal("0.1"), lot_size=Decimal("1E-8"), min_size=Decimal("0.00005"),
        min_notional=Decimal("0.5"), payload=b"", details=DETAILS,
        aliases={"rest_key": "XXBTZUSD", "altname": "XBTUSD", "wsname": "XBT/USD",
                 "v2": "BTC/USD"},
    )  # fmt: skip


def test_every_class_of_assets_is_asked_for() -> None:
    """The venue lists one at a time: shares would be missing without a word."""
    asked, told = catalog(pairs())
    assert [(request.path, request.query) for request in asked] == [
        ("/0/public/Assets", ()),
        ("/0/public/AssetPairs", ()),
        ("/0/public/Assets", (("aclass", "tokenized_asset"),)),
        ("/0/public/AssetPairs", (("aclass_base", "tokenized_asset"),)),
    ]
    assert [len(page.instruments) for page in told] == [1, 0]


@pytest.mark.parametrize(
    ("categories", "expected"),
    [(["Currency"], 2), (["tokenized_asset"], 2), (["currency", "tokenized_asset"], 4),
     (["crypto"], 4)],
)  # fmt: skip
def test_classes_nobody_wants_are_not_asked_for(categories: list[str], expected: int) -> None:
    """A category the venue does not know narrows nothing: the filter will say so."""
    asked, _ = catalog(pairs(), categories=categories)
    assert len(asked) == expected


@pytest.mark.parametrize(
    ("raw", "status", "restricted"),
    [
        ("online", "active", False),
        ("post_only", "active", True),
        ("limit_only", "active", True),
        ("cancel_only", "paused", False),
        ("reduce_only", "paused", False),
        ("maintenance", "paused", False),
        ("work_in_progress", "pre_open", False),
        ("delisted", "closed", False),
    ],
)
def test_the_states_of_the_venue_are_ours(raw: str, status: str, restricted: bool) -> None:
    """One vocabulary for all venues; theirs is kept beside it."""
    _, told = catalog(pairs(status=raw))
    (instrument,) = told[0].instruments
    assert (instrument.status, instrument.restricted) == (status, restricted)
    assert instrument.raw_status == raw
    assert told[0].rejects == ()


@pytest.mark.parametrize("raw", ["auction", "", None])
def test_an_unknown_state_is_no_trading_and_is_told(raw: str | None) -> None:
    """To take it for active would be a guess."""
    _, told = catalog(pairs(status=raw))
    (instrument,) = told[0].instruments
    assert (instrument.status, instrument.raw_status) == ("paused", raw or "")
    assert len(told[0].rejects) == 1
    assert "unknown status" in told[0].rejects[0].reason


def test_assets_are_named_by_the_venues_own_table() -> None:
    """Only the table knows that a code's first letter is none of its name."""
    gold = BITCOIN | {"base": "XAUT", "wsname": "XAUT/USD", "altname": "XAUTUSD"}
    odd = BITCOIN | {"base": "XNEW", "wsname": "NEW/USD", "altname": "NEWUSD"}
    listed = body({"XAUTUSD": gold, "XNEWZUSD": odd, "XXBTZUSD": BITCOIN})
    named = body({**ASSETS, "XNEW": {"altname": "NEWER"}, "BAD": 5, "XAUT": {"altname": None}})
    found = instruments(listed, named)
    assert {symbol: (it.base, it.quote) for symbol, it in found.items()} == {
        "XAUT/USD": ("XAUT", "USD"), "NEW/USD": ("NEWER", "USD"), "BTC/USD": ("BTC", "USD"),
    }  # fmt: skip


def test_one_unreadable_pair_does_not_hurt_the_others() -> None:
    """It is told in a sentence."""
    broken = {"A": 5, "B": {"wsname": "XBTUSD"}, "C": {"altname": "X"},
              "D": BITCOIN | {"wsname": "D/USD", "tick_size": "tiny"}, "XXBTZUSD": BITCOIN,
              "E": BITCOIN}  # fmt: skip
    _, told = catalog(body(broken))
    assert [instrument.symbol for instrument in told[0].instruments] == ["BTC/USD"]
    assert [str(reject).split(": ")[0] for reject in told[0].rejects[:4]] == [
        f"The pair {key!r} cannot be read" for key in "ABCD"
    ]
    assert str(told[0].rejects[4]) == "The pair 'E' is 'BTC/USD' once more."


def test_steps_follow_from_decimals_where_they_are_not_stated() -> None:
    """`tick_size` came later than `pair_decimals`."""
    lots = instruments(pairs(tick_size=None, pair_decimals=3, lot_decimals=2, lot_multiplier=10))
    (instrument,) = lots.values()
    assert (instrument.tick_size, instrument.lot_size) == (Decimal("0.001"), Decimal("0.1"))
    (bare,) = instruments(pairs(tick_size=None, pair_decimals=None, lot_decimals=None)).values()
    assert (bare.tick_size, bare.lot_size) == (None, None)


@pytest.mark.parametrize("broken", [b"", b"<html>", b"[]", b"{}", b'{"result":[]}', b"[" * 99_999])
@pytest.mark.parametrize("of", ["assets", "pairs"])
def test_a_body_of_another_shape_fails_the_round(broken: bytes, of: str) -> None:
    """An empty universe must never come from a misreading."""
    with pytest.raises(ValueError, match="not as documented"):
        catalog(*((broken,) if of == "pairs" else (pairs(), broken)))


@given(st.binary(max_size=80), st.booleans())
def test_no_body_breaks_it_in_another_way(body_: bytes, wrapped: bool) -> None:
    """A page, or a `ValueError`."""
    try:
        catalog(b'{"error":[],"result":{"A":' + body_ + b"}}" if wrapped else body_)
    except ValueError:
        pass


def test_all_recorded_pairs_are_listed() -> None:
    """1,434 pairs of 2026-01-12, each readable, each once, payload as it came."""
    listed = recorded("AssetPairs-20260112.json.gz")
    _, told = catalog(listed, body({}))
    page = told[0]
    assert (len(page.instruments), page.rejects) == (1434, ())
    raw = json.loads(listed)["result"]
    for instrument in page.instruments:
        entry = raw[instrument.aliases["rest_key"]]
        assert json.loads(instrument.payload) == entry
        assert instrument.tick_size == Decimal(entry["tick_size"])
        assert instrument.min_size == Decimal(entry["ordermin"])
    assert all(instrument.payload in listed for instrument in page.instruments[::100])
    states = [(it.status, it.restricted) for it in page.instruments]
    assert {state: states.count(state) for state in set(states)} == {
        ("active", False): 1365, ("active", True): 19, ("paused", False): 50,
    }  # fmt: skip


def test_the_recorded_assets_name_the_recorded_pairs() -> None:
    """The excerpts of 2026-09-25: pairs with an execution venue, and a delisting."""
    found = instruments(
        recorded("kraken_assetpairs_4of1451_20260925.json"),
        recorded("kraken_assets_5of849_20260925.json"),
    )
    assert {symbol: (it.base, it.quote, it.status) for symbol, it in found.items()} == {
        "BTC/USD": ("BTC", "USD", "active"),
        "DOGE/USD": ("DOGE", "USD", "active"),
        "ETH/BTC": ("ETH", "BTC", "active"),
        "ACA/EUR": ("ACA", "EUR", "paused"),
    }
    assert b'"execution_venue":"international"' in found["BTC/USD"].payload


def test_a_share_on_record_is_listed_with_its_class() -> None:
    """Tokenized assets keep their spelling."""
    found = instruments(recorded("sample-http_asset_pairs_tokenized.json"))
    assert [(it.symbol, it.category) for it in found.values()] == [("AAPLx/USD", "tokenized_asset")]
