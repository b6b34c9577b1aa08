"""One bad element of an array or a list: its neighbours stand, whatever it is."""

import json

import pytest

from ssmd.model.envelope import UNREAD
from ssmd.model.event import Data, Subscribed, Unread
from ssmd.venues.polymarket import VENUE
from ssmd.venues.polymarket.tables import NewMarket
from tests.venues.polymarket.frames import (
    MARKET,
    NO,
    TIME,
    TIME_NS,
    YES,
    Talk,
    book,
    change,
    envelope,
    price_change,
    sub,
    trade,
    written,
)

BAD: list[object] = [
    None,
    7,
    "x",
    [],
    {},
    {"event_type": "brand_new", "asset_id": NO},
    book(asset_id=None),
    book(asset_id=[]),
    book(bids=None),
    book(event_type=3),
]
NO_TOKEN: list[object] = [
    None,
    7,
    "x",
    [],
    {},
    {"price": "0.1"},
    change(asset_id=None),
    change(asset_id=""),
    change(asset_id=[]),
]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_an_array_is_split_whatever_one_of_its_elements_is(bad: object, at: int) -> None:
    """The bad one alone is unread; the others are data and confirm what was asked."""
    talk = Talk()
    talk.want(YES, NO)
    elements: list[object] = [book(YES), book(NO)]
    elements.insert(at, bad)
    payload = written(elements)
    events = talk.receive(payload)
    parts = [event for event in events if isinstance(event, Data)]
    assert b"[" + b",".join(part.payload or b"" for part in parts) + b"]" == payload
    assert parts.pop(at) == Data(UNREAD, payload=written(bad))
    assert [(part.type, part.symbols) for part in parts] == [("book", (YES,)), ("book", (NO,))]
    assert events[3:] == [Subscribed(sub(YES)), Subscribed(sub(NO))]


def test_an_array_of_which_nothing_can_be_read_is_unread_as_one() -> None:
    """There is nobody to be kept apart from."""
    frame = written([{"event_type": "brand_new"}, None])
    assert Talk().receive(frame) == [Unread("unknown_channel")]


def test_an_array_of_one_bad_element_is_unread() -> None:
    """As the element by itself."""
    assert Talk().receive(written([{"event_type": "brand_new"}])) == [Unread("unknown_channel")]


@pytest.mark.parametrize("bad", BAD)
def test_an_array_that_stays_whole_is_of_the_one_type_that_can_be_read(bad: object) -> None:
    """Its rows are those of the good messages; what is no message of that type adds rejects."""
    talk = Talk()
    talk.want(YES, NO)
    payload = json.dumps([book(YES), bad, book(NO)]).encode()  # spaces: no parts give it back
    label, *answers = talk.receive(payload)
    assert label == Data("book", (YES, NO), None, TIME_NS, None, MARKET)
    assert answers == [Subscribed(sub(YES)), Subscribed(sub(NO))]
    found = VENUE.rows(envelope(payload))
    alone = [VENUE.rows(envelope(written(book(name)))).rows for name in (YES, NO)]
    assert all(row in found.rows for rows in alone for row in rows)
    assert found.rejects or len(found.rows) > len(alone[0]) + len(alone[1])


def test_an_array_that_stays_whole_and_holds_several_types_is_unread() -> None:
    """It can be filed under neither of them."""
    payload = json.dumps([book(), None, trade()]).encode()
    assert Talk().receive(payload) == [Unread("unexpected_shape")]


@pytest.mark.parametrize("bad", NO_TOKEN)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_change_without_a_token_costs_no_other(bad: object, at: int) -> None:
    """The message keeps its type, and the tokens of the others."""
    changes: list[object] = [change(YES), change(NO)]
    changes.insert(at, bad)
    payload = written(price_change(price_changes=changes))
    assert Talk().receive(payload) == [
        Data("price_change", (YES, NO), None, TIME_NS, None, MARKET),
    ]
    found = VENUE.rows(envelope(payload, "price_change"))
    assert [row.symbol for row in found.rows] == [YES, NO]
    assert [reject.where for reject in found.rejects] == [f"price_changes[{at}]"]


@pytest.mark.parametrize("kind", ["new_market", "market_resolved"])
@pytest.mark.parametrize("bad", [None, "", [], {}, True, 1.5])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_token_that_is_none_costs_no_other(kind: str, bad: object, at: int) -> None:
    """A listing and a resolution are told of all others."""
    tokens: list[object] = [YES, NO]
    tokens.insert(at, bad)
    told = {"event_type": kind, "market": MARKET, "timestamp": TIME, "assets_ids": tokens}
    payload = written(told)
    assert Talk().receive(payload) == [Data(kind, (YES, NO), None, TIME_NS, None, MARKET)]
    found = VENUE.rows(envelope(payload, kind))
    assert [row.symbol for row in found.rows] == [YES, NO]
    assert [reject.where for reject in found.rejects] == [f"assets_ids[{at}]"]


def test_an_answer_that_is_none_leaves_its_token_without_one() -> None:
    """The list itself is kept as it came."""
    told = {
        "event_type": "new_market",
        "market": MARKET,
        "timestamp": TIME,
        "assets_ids": [YES, NO],
        "outcomes": [None, "No"],
    }
    found = VENUE.rows(envelope(written(told), "new_market")).rows
    listed = [row for row in found if isinstance(row, NewMarket)]
    assert [(row.outcome, row.outcomes) for row in listed] == [
        (None, '[null,"No"]'),
        ("No", '[null,"No"]'),
    ]
