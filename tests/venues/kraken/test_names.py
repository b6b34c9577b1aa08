"""Each pair has four names; from the one we subscribe with, REST's follows."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.venues.kraken.names import altname, modern, old, v2_symbol
from tests.shared import shared


@pytest.mark.parametrize(
    ("wsname", "symbol", "name"),
    [
        ("XBT/USD", "BTC/USD", "XBTUSD"),
        ("ETH/XBT", "ETH/BTC", "ETHXBT"),
        ("XDG/XBT", "DOGE/BTC", "XDGXBT"),
        ("AIXBT/EUR", "AIXBT/EUR", "AIXBTEUR"),
        ("XAUT/USD", "XAUT/USD", "XAUTUSD"),
        ("ZRX/XBT", "ZRX/BTC", "ZRXXBT"),
        ("AAPLx/USD", "AAPLx/USD", "AAPLxUSD"),
    ],
)
def test_only_two_assets_have_two_spellings(wsname: str, symbol: str, name: str) -> None:
    """Letters are never stripped: X and Z begin the names of other assets too."""
    assert v2_symbol(wsname) == symbol
    assert altname(symbol) == name


@pytest.mark.parametrize("nonsense", ["", "XBT", "/USD", "XBT/", "A/B/C"])
def test_what_is_no_pair_has_no_symbol(nonsense: str) -> None:
    """A guess would be subscribed."""
    with pytest.raises(ValueError, match="not of two assets"):
        v2_symbol(nonsense)


@pytest.mark.parametrize("nonsense", ["", "BTC", "/USD", "BTC/"])
def test_what_is_no_pair_cannot_be_asked_for(nonsense: str) -> None:
    """There is no REST name of it."""
    assert altname(nonsense) is None


@given(st.text(max_size=6))
def test_every_other_asset_is_spelled_once(asset: str) -> None:
    """There and back is the same."""
    assert old(modern(asset)) == ("XBT" if asset == "BTC" else "XDG" if asset == "DOGE" else asset)


def test_the_names_of_all_recorded_pairs_follow_from_their_symbols() -> None:
    """1,434 pairs without an exception: what lets a symbol be looked up by REST."""
    body = gzip.decompress(shared("data/kraken/rest/AssetPairs-20260112.json.gz").read_bytes())
    pairs = json.loads(body)["result"].values()
    assert len(pairs) == 1434
    assert [pair for pair in pairs if altname(v2_symbol(pair["wsname"])) != pair["altname"]] == []


def test_the_symbols_agree_with_the_instrument_channel() -> None:
    """The venue's own list of WebSocket v2, of 2024: what is still listed has the same symbol."""
    body = gzip.decompress(shared("data/kraken/rest/AssetPairs-20260112.json.gz").read_bytes())
    ours = {v2_symbol(pair["wsname"]) for pair in json.loads(body)["result"].values()}
    text = shared("data/kraken/rest/ws-v2-instrument-snapshot-2024.json").read_text()
    theirs = {pair["symbol"] for pair in json.loads(text)["data"]["pairs"]}
    assert not [symbol for symbol in theirs if {"XBT", "XDG"} & set(symbol.split("/"))]
    assert len(ours & theirs) == 586
    assert {symbol for symbol in theirs - ours if symbol.startswith(("BTC/", "DOGE/"))} == {
        "BTC/AED"
    }
