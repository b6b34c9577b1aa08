"""Saved bodies tell the same as the venue: each is known by what it holds, whatever is around it."""

import contextlib
import gzip
import json
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.rest import Saved
from ssmd.venues.kalshi.rest import REST
from tests.shared import shared
from tests.venues.kalshi.referenced import EVENT, SERIES, change, market
from tests.venues.referring import Told, drive, parents_first


def told(*bodies: Saved) -> Told:
    """Everything that some bodies tell; nothing is asked for."""
    found = drive(REST.saved(bodies), lambda _: 1 / 0)
    assert found.requests == []
    return found


def made(name: str, value: object) -> Saved:
    """A body made here."""
    return Saved(name, value if isinstance(value, bytes) else json.dumps(value).encode())


def recorded(name: str) -> Saved:
    """A recorded body, unpacked."""
    raw = shared(f"data/kalshi/rest/{name}").read_bytes()
    return Saved(name, gzip.decompress(raw) if name.endswith(".gz") else raw)


def found_in(value: Any, key: str) -> list[Any]:  # noqa: ANN401 - JSON
    """Every entry of every list under a name, however deep: read without our help."""
    if isinstance(value, dict):
        here = value.get(key)
        deeper = [one for inner in value.values() for one in found_in(inner, key)]
        return [*here, *deeper] if isinstance(here, list) else deeper
    return (
        [one for inner in value for one in found_in(inner, key)] if isinstance(value, list) else []
    )


@pytest.mark.parametrize(
    "name",
    [
        "events_nfl_preseason.json",
        "events_list_response.json",
        "events_multivariate_list_response.json",
        "events-open-20250219.json.gz",
        "event_single_response.json",
        "markets-page-20260213.json",
        "markets_list_response.json",
        "markets_settled.json",
        "series_list_response.json",
        "series_fee_changes_response.json",
    ],
)
def test_a_recorded_body_is_told_to_the_last_entry(name: str) -> None:
    """As many of each, and of each status, as are in the file; parents may be absent."""
    body = recorded(name)
    whole = json.loads(body.body)
    found = told(body)
    markets = found_in(whole, "markets")
    assert Counter(one.raw_status for one in found.instruments) == Counter(
        one["status"] for one in markets
    )
    assert len(found.events) == len(found_in(whole, "events")) + (
        name == "event_single_response.json"
    )
    assert len(found.series) == len(found.fees) == len(found_in(whole, "series"))
    assert found.refused == []
    for one, raw in zip(found.instruments, markets, strict=True):
        assert one.symbol == raw["ticker"]
        assert one.result == raw["result"]
        paid = raw.get("settlement_value_dollars")
        assert one.settlement_value == (None if paid is None else Decimal(paid))


@pytest.mark.parametrize(
    ("name", "key"), [("market_single_response.json", "market"), ("market_single.json", "single")]
)
def test_a_recorded_market_alone_is_told(name: str, key: str) -> None:
    """Of two answers about it the whole one counts."""
    body = recorded(name)
    (one,) = told(body).instruments
    whole = json.loads(body.body)
    raw = whole["single"]["market"] if key == "single" else whole["response"]["market"]
    assert json.loads(one.payload) == raw


def test_recorded_series_by_name_are_told_with_their_fees() -> None:
    """Four answers under one roof: the multiplier of each is that of its text."""
    body = recorded("series_fee_fields.json")
    raws = [one["series"] for one in json.loads(body.body)["payloads"].values()]
    found = told(body)
    assert [(one.symbol, one.kind, float(one.multiplier or 0)) for one in found.fees] == [
        (raw["ticker"], raw["fee_type"], raw["fee_multiplier"]) for raw in raws
    ]
    assert [one.details["settlement_sources"] for one in found.series] == [
        raw["settlement_sources"] for raw in raws
    ]


@pytest.mark.parametrize(
    "name",
    [
        "candlesticks_batch_response.json",
        "event_metadata_response.json",
        "exchange_schedule_response.json",
        "milestones_list_response.json",
        "orderbook_response.json",
        "price_grids.json",
        "structured_targets_list_response.json",
        "trades_list_response.json",
    ],
)
def test_a_recorded_body_that_lists_nothing_is_named(name: str) -> None:
    """Whoever gave it by mistake is told which, and what was expected."""
    with pytest.raises(ValueError, match=rf"{name}.* is not an answer of Kalshi's"):
        told(recorded(name))


def test_files_in_any_order_are_read_parents_first() -> None:
    """A list under its name, under `response`, a list by itself, lines of one object each."""
    lines = b"\n".join(json.dumps(market(f"KXMADE-1-{k}")).encode() for k in "CD") + b"\n"
    found = told(
        made("markets.jsonl", lines),
        made("markets.json", {"markets": [market("KXMADE-1-A")], "cursor": "more"}),
        made("events.json", [EVENT | {"markets": [market("KXMADE-1-B")]}]),
        made("fees.json", {"note": "n", "series_fee_change_arr": [change("c1", "KXMADE", 1)]}),
        made("series.json", {"_metadata": {}, "response": {"series": [SERIES]}}),
        made(
            "one.json",
            json.dumps({"event": EVENT | {"event_ticker": "KXMADE-2"}}, indent=2).encode(),
        ),
    )
    assert sorted(found.symbols) == [f"KXMADE-1-{k}" for k in "ABCD"]
    assert [one.source_id for one in found.fees] == [None, "c1"]
    assert [one.symbol for one in found.events] == ["KXMADE-1", "KXMADE-2"]
    assert found.rejects == []
    parents_first(found)


def test_parents_may_be_left_out_altogether_but_not_in_part() -> None:
    """No file brings them: children stand alone; some file does: they are to be complete."""
    alone = told(made("m.json", [market("KXMADE-1-A")]))
    assert [(one.event, one.series, one.category) for one in alone.instruments] == [
        ("KXMADE-1", "KXMADE", None)
    ]
    assert told(made("e.json", [EVENT])).refused == []
    part = told(
        made("e.json", [EVENT, {"event_ticker": "KXNO-1"}]),
        made("m.json", [market("KXMADE-1-A"), market("KXNO-1-A"), market("KXMADE-2-A")]),
        made("s.json", {"series": [SERIES]}),
    )
    assert part.symbols == ["KXMADE-1-A"]
    assert part.refused == [
        ("orphan", "event", "KXNO-1"),
        ("orphan", "instrument", "KXNO-1-A"),
        ("orphan", "instrument", "KXMADE-2-A"),
    ]


def test_of_what_comes_twice_the_first_counts() -> None:
    """In one file as in two; whatever cannot be read is set aside beside it."""
    found = told(
        made("1.json", {"markets": [market("A-1-A", title="first"), 5, market("A-1-A")]}),
        made("2.json", {"markets": [market("A-1-A", title="third")]}),
        made("3.json", {"events": [EVENT, EVENT | {"title": "second"}]}),
        made("4.json", {"series": [SERIES, SERIES | {"title": "second"}]}),
    )
    assert found.refused == [
        ("duplicate", "series", "KXMADE"),
        ("duplicate", "event", "KXMADE-1"),
        ("unreadable", "instrument", None),
        ("orphan", "instrument", "A-1-A"),
    ]
    alone = told(
        made("1.json", {"markets": [market("A-1-A", title="first"), 5, market("A-1-A")]}),
        made("2.json", {"markets": [market("A-1-A", title="third")]}),
    )
    assert [one.title for one in alone.instruments] == ["first"]
    assert alone.refused == [
        ("unreadable", "instrument", None),
        ("duplicate", "instrument", "A-1-A"),
        ("duplicate", "instrument", "A-1-A"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"7",
        b"<html>",
        b'{"markets": 5}',
        b'{"markets": [{"ask": 1}]}',
        b'{"events": [{"slug": "x"}]}',
        b'[{"id": "1", "markets": []}]',
        b'{"result": {"XXBTZUSD": {}}, "error": []}',
        b"[" * 3000,
        b'{"response":' * 3000,
    ],
)
def test_a_body_that_is_no_listing_is_named(body: bytes) -> None:
    """Nothing of the others is told before."""
    with pytest.raises(ValueError, match=r"odd\.json is not an answer of Kalshi's"):
        told(made("good.json", {"markets": [market("A-1-A")]}), Saved("odd.json", body))


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=4), lambda inner: (
    st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["markets", "events", "series", "ticker", "event_ticker", "response", "x"]),
        inner, max_size=4,
    )
), max_leaves=12))  # fmt: skip
def test_any_json_is_told_or_named(value: object) -> None:
    """Whatever is in a file, nothing but a ValueError is raised."""
    with contextlib.suppress(ValueError):
        told(made("odd.json", value))
