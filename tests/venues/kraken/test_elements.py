"""One bad element of a message: its neighbours stand, whatever it is."""

import json

import pytest

from ssmd.model.envelope import Envelope
from ssmd.model.event import Data, Gap
from ssmd.model.frame import Opcode
from ssmd.venues.kraken import VENUE
from tests.venues.kraken.frames import (
    ASKS,
    BIDS,
    BOOK,
    ETHER,
    TIME,
    TIME_NS,
    Talk,
    answer,
    book,
    crc,
    item,
    result,
)

GOOD = {"symbol": "A/B", "side": "buy", "price": 1.5, "qty": 1, "timestamp": TIME}
BAD: list[object] = [
    None,
    5,
    [],
    "x",
    {"price": 1},
    {**GOOD, "symbol": 7},
    {**GOOD, "symbol": None},
    {**GOOD, "symbol": []},
    {**GOOD, "symbol": "X/Y", "timestamp": 5},
    {**GOOD, "symbol": "X/Y", "timestamp": {}},
]


def decoded(kind: str, payload: bytes) -> tuple[list[str | None], list[str]]:
    """The symbols of a message's rows, and where it was rejected."""
    envelope = Envelope(
        "kraken", None, kind, (), "kraken-0-x", 7, None, 0, 1, Opcode.TEXT,
        None, None, None, payload,
    )  # fmt: skip
    found = VENUE.rows(envelope)
    return [row.symbol for row in found.rows], [reject.where for reject in found.rejects]


@pytest.mark.parametrize("channel", ["trade", "ticker", "ohlc", "instrument"])
@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_one_bad_element_costs_no_other(channel: str, bad: object, at: int) -> None:
    """The message keeps its type; whoever can be named is."""
    data: list[object] = [GOOD, {**GOOD, "symbol": "C/D"}]
    data.insert(at, bad)
    value: object = {"assets": [], "pairs": data} if channel == "instrument" else data
    told = {"channel": channel, "type": "update", "data": value, "timestamp": TIME}
    payload = json.dumps(told).encode()
    (label,) = Talk().receive(payload)
    assert isinstance(label, Data)
    assert label.type == channel
    assert [each for each in label.symbols if each != "X/Y"] == ["A/B", "C/D"]
    assert label.ts_event == TIME_NS
    rows, rejects = decoded(channel, payload)
    assert [each for each in rows if each in {"A/B", "C/D"}] == ["A/B", "C/D"]
    assert len(rows) + len(rejects) == 3


@pytest.mark.parametrize("name", ["type", "timestamp"])
def test_a_message_with_a_strange_field_beside_its_data_keeps_its_type(name: str) -> None:
    """Its elements are none the worse for it."""
    told = {"channel": "ticker", "type": "update", "data": [GOOD], "timestamp": TIME, name: 5}
    assert Talk().receive(json.dumps(told).encode()) == [Data("ticker", ("A/B",), None, TIME_NS)]


def talking(*, passive: bool = False) -> Talk:
    """A session that holds the books of two symbols."""
    talk = Talk(passive=passive)
    talk.want(BOOK, ETHER)
    number = None if passive else 1
    talk.receive(answer("subscribe", number, result=result(BOOK, depth=10, snapshot=True)))
    talk.receive(answer("subscribe", number, result=result(ETHER, depth=10, snapshot=True)))
    talk.requests()
    whole = crc(ASKS, BIDS)
    both = [item(symbol, BIDS, ASKS, whole) for symbol in ("BTC/USD", "ETH/USD")]
    assert [type(event) for event in talk.receive(book("snapshot", *both))] == [Data]
    return talk


def put(symbol: str, size: str, checksum: int) -> str:
    """The best ask gets another size."""
    return item(symbol, [], [(ASKS[0][0], size)], checksum)


AFTER = crc([(ASKS[0][0], "9.0"), *ASKS[1:]], BIDS)
BROKEN = [
    put("BTC/USD", "null", AFTER),
    put("BTC/USD", "[1]", AFTER),
    put("BTC/USD", "9.0", AFTER).replace('"qty"', '"quantity"'),
    put("BTC/USD", "9.0", AFTER).replace('"asks":[', '"asks":[null,'),
    put("BTC/USD", "9.0", AFTER).replace('"asks":[', '"asks":[7,'),
    put("BTC/USD", "9.0", AFTER).replace('"bids":[]', '"bids":null'),
]


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("first", [True, False])
def test_a_book_with_a_bad_level_is_lost_alone(broken: str, first: bool) -> None:
    """It is renewed as after a wrong checksum; the other of the message is applied and proved."""
    talk = talking()
    items = [broken, put("ETH/USD", "9.0", AFTER)]
    label, gap = talk.receive(book("update", *(items if first else items[::-1])))
    assert isinstance(label, Data)
    assert (label.type, set(label.symbols)) == ("book", {"BTC/USD", "ETH/USD"})
    assert gap == Gap("book", ("BTC/USD",), "checksum", crc(ASKS, BIDS), AFTER)
    assert talk.requests() == [("unsubscribe", "book", ["BTC/USD"])]
    again = crc([(ASKS[0][0], "8.0"), *ASKS[1:]], BIDS)
    assert len(talk.receive(book("update", put("ETH/USD", "8.0", again)))) == 1


def test_a_bad_time_does_not_spoil_a_book() -> None:
    """Its levels are there, and its checksum proves them."""
    talk = talking()
    update = put("BTC/USD", "9.0", AFTER).replace(f'"{TIME}"', "5")
    assert talk.receive(book("update", update)) == [Data("book", ("BTC/USD",))]


def test_a_checksum_that_is_none_proves_nothing() -> None:
    """What should show a loss cannot be read: that counts as one."""
    talk = talking()
    update = put("BTC/USD", "9.0", AFTER).replace(f'"checksum":{AFTER}', '"checksum":"x"')
    _, gap = talk.receive(book("update", update))
    assert gap == Gap("book", ("BTC/USD",), "checksum", crc(ASKS, BIDS), 0)


def test_a_book_without_a_symbol_shows_in_the_next_checksum_of_whichever_it_was() -> None:
    """Nobody can say whose it is; the others of the message are applied."""
    talk = talking()
    nameless = put("BTC/USD", "9.0", AFTER).replace('"symbol":"BTC/USD"', '"symbol":null')
    label, *rest = talk.receive(book("update", nameless, put("ETH/USD", "9.0", AFTER)))
    assert (label, rest) == (Data("book", ("ETH/USD",), None, TIME_NS), [])
    later = crc([(ASKS[0][0], "9.0"), (ASKS[1][0], "8.0"), *ASKS[2:]], BIDS)
    _, gap = talk.receive(book("update", item("BTC/USD", [], [(ASKS[1][0], "8.0")], later)))
    assert isinstance(gap, Gap)


def test_a_snapshot_that_cannot_be_read_leaves_no_book() -> None:
    """What came before it is no basis for what comes after it."""
    talk = talking()
    whole = item("BTC/USD", BIDS, ASKS, crc(ASKS, BIDS))
    _, gap = talk.receive(book("snapshot", whole.replace('"qty"', '"size"', 1)))
    assert isinstance(gap, Gap)
    told = talk.receive(book("snapshot", whole))
    assert [type(event).__name__ for event in told] == ["Data", "Repaired"]


def test_a_replay_tells_of_the_loss_and_asks_for_nothing() -> None:
    """The book it carries on may add up again."""
    talk = talking(passive=True)
    _, gap = talk.receive(book("update", BROKEN[0]))
    assert isinstance(gap, Gap)
    told = talk.receive(book("update", put("BTC/USD", "9.0", AFTER)))
    assert [type(event).__name__ for event in told] == ["Data", "Repaired"]
    assert talk.sent == []


def test_a_broken_update_before_any_snapshot_is_no_gap() -> None:
    """A recording begins in mid-stream."""
    told = Talk(passive=True).receive(book("update", BROKEN[0]))
    assert [type(event) for event in told] == [Data]
