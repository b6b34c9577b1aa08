"""Saved bodies tell the same as the venue: each is known by what it holds."""

import contextlib
import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.rest import Saved
from ssmd.venues.polymarket.rest import REST
from tests.venues.polymarket.frames import token
from tests.venues.polymarket.recordings import body
from tests.venues.polymarket.test_catalog import event, market
from tests.venues.referring import Told, drive, parents_first


def told(*bodies: Saved) -> Told:
    """Everything that some bodies tell; nothing is asked for."""
    found = drive(REST.saved(bodies), lambda _: 1 / 0)
    assert found.requests == []
    return found


def made(name: str, value: object) -> Saved:
    """A body made here."""
    return Saved(name, value if isinstance(value, bytes) else json.dumps(value).encode())


def markets_in(value: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - JSON
    """Every market in some JSON, however deep: read without our help."""
    if isinstance(value, dict):
        here = [value] if "clobTokenIds" in value else []
        return here + [one for inner in value.values() for one in markets_in(inner)]
    return [one for inner in value for one in markets_in(inner)] if isinstance(value, list) else []


@pytest.mark.parametrize(
    "name",
    [
        "fed-june-825-gamma-event.json",
        "fed-june-825-gamma-search.json",
        "gamma-markets-active-20260213.json.gz",
        "gamma-btc5m-markets-20260724.jsonl.gz",
        "pm-gamma_active_btc_updown.json",
        "pm_gamma_response.json",
    ],
)
def test_a_recorded_body_is_told_to_the_last_answer(name: str) -> None:
    """As many answers of each state, as many questions, as are in the file."""
    raw = body(name)
    lines = raw.splitlines() if name.endswith("jsonl.gz") else [raw]
    wire = [one for line in lines for one in markets_in(json.loads(line))]
    assert wire
    found = told(Saved(name, raw))
    assert found.symbols == [each for one in wire for each in json.loads(one["clobTokenIds"])]
    assert [one.symbol for one in found.events] == [one["conditionId"] for one in wire]
    assert Counter(one.status in {"settled", "closed"} for one in found.instruments) == Counter(
        one["closed"] for one in wire for _ in json.loads(one["clobTokenIds"])
    )
    for index, one in enumerate(found.instruments):
        outcomes, prices = (
            json.loads(wire[index // 2][each]) for each in ("outcomes", "outcomePrices")
        )
        assert one.outcome == outcomes[index % 2]
        if one.status == "settled":
            assert one.settlement_value is not None
            assert float(one.settlement_value) == float(prices[index % 2])
            assert one.result == outcomes[prices.index("1")]
    assert found.rejects == []
    parents_first(found)


@pytest.mark.parametrize(
    "name",
    ["fed-june-825-clob-books.json", "fed-june-825-clob-markets.json", "pm-binary-market.json"],
)
def test_a_recorded_body_that_lists_nothing_is_named(name: str) -> None:
    """Whoever gave it by mistake is told which, and what was expected."""
    with pytest.raises(ValueError, match=rf"{name} is not an answer of Polymarket's Gamma"):
        told(Saved(name, body(name)))


def test_files_in_any_order_are_read_events_first() -> None:
    """They state tags, which a market by itself does not; of what comes twice the first counts."""
    lines = b"\n".join(json.dumps({"slug": "x", "raw": market(n)}).encode() for n in (3, 4))
    found = told(
        made("lines.jsonl", lines),
        made("market.json", json.dumps(market(1), indent=2).encode()),
        made("events.json", [event(1), event(2)]),
        made("search.json", {"events": [event(5)], "pagination": {}}),
        made("keyset.json", {"data": [market(6)], "next_cursor": "c"}),
    )
    assert found.symbols == [token(n) for n in (2, 3, 4, 5, 10, 11, 6, 7, 8, 9, 12, 13)]
    assert found.refused == [("duplicate", "instrument", token(n)) for n in (2, 3)]
    assert [one.tags for one in found.instruments[:1]] == [("Crypto", "Bitcoin")]


def test_entries_that_cannot_be_read_leave_their_neighbours_alone() -> None:
    """They are told with the file they stand in."""
    found = told(made("odd.json", [market(1), 5, market(2, outcomes=7), {"no": "market"}]))
    assert found.symbols == [token(2), token(3)]
    assert found.refused == [("unreadable", "instrument", None)] * 2
    assert all("odd.json" in str(one) for one in found.rejects)


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"7",
        b"<html>",
        b'{"events": 5}',
        b'{"events": [{"event_ticker": "A"}]}',
        b'[{"ticker": "A"}]',
        b'{"raw": {"x": 1}}',
        b'{"conditionId": "a"}\n[1]\n',
        b"[" * 3000,
        b'{"response":' * 3000,
    ],
)
def test_a_body_that_is_no_listing_is_named(wrong: bytes) -> None:
    """Nothing of the others is told before."""
    with pytest.raises(ValueError, match=r"odd\.json is not an answer of Polymarket's Gamma"):
        told(made("good.json", [event(1)]), Saved("odd.json", wrong))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["markets", "events", "slug", "conditionId", "raw", "clobTokenIds"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_told_or_named(value: object) -> None:
    """Whatever is in a file, nothing but a ValueError is raised."""
    with contextlib.suppress(ValueError):
        told(made("odd.json", value))
