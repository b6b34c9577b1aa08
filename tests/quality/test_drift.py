"""What became different in how messages are made: which changes are told, and which are chance."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd import venues
from ssmd.archive.capture import frames
from ssmd.archive.hearing import hear
from ssmd.model.frame import Frame, Opcode
from ssmd.model.subscription import Shard
from ssmd.model.venue import SessionOptions
from ssmd.quality.drift.compare import Difference, Policy, compare, interval
from ssmd.quality.drift.fingerprint import Fingerprint, Ref, Taking
from tests.shared import shared
from tests.tier import scale

POLICY = Policy()
LEGACY = "kalshi/capture-ticker-legacy-20250116.jsonl.gz"
TODAY = "kalshi/capture-btc15m-20260513T1333-rebuilt.jsonl.gz"


def of(*texts: object, kind: str = "trade", times: int = 1) -> Fingerprint:
    """The fingerprint of messages, each so many times."""
    taking = Taking()
    for number, text in enumerate(texts * times):
        payload = text if isinstance(text, bytes) else msgspec.json.encode(text)
        taking.take(kind, payload, (), Ref(number, "c", number, 0, "file"))
    return taking.fingerprint


def told(before: Fingerprint, after: Fingerprint) -> list[tuple[str, str, str]]:
    """What is told: change, field, kind."""
    return [(each.change, each.path, each.kind) for each in compare(before, after, POLICY)]


SOME = {"price": 0.5, "data": [{"size": 1, "side": "buy", "id": None}]}


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (SOME, []),
        (SOME | {"fee": 1}, [("new_field", "fee", "")]),
        (SOME | {"price": "0.5"}, [("retyped_field", "price", "number_text")]),
        (SOME | {"price": 50}, [("retyped_field", "price", "int")]),
        (SOME | {"price": None}, [("null_rate", "price", "")]),
        (SOME | {"price": ""}, [("null_rate", "price", "")]),
        ({"data": SOME["data"]}, [("missing_field", "price", "")]),
        (SOME | {"data": []}, []),
        (SOME | {"data": {}}, [("retyped_field", "data", "object")]),
        (SOME | {"data": [{"size": 1, "id": None}]}, [("missing_field", "data[].side", "")]),
        (SOME | {"data": [{**SOME["data"][0], "x": 1}]}, [("new_field", "data[].x", "")]),  # type: ignore[index]  # a list
        (SOME | {"data": [[1, 2]]}, [("retyped_field", "data[]", "array")]),
        (b"busy", [("retyped_field", "", "unreadable")]),
        ([SOME], [("retyped_field", "", "array")]),
    ],
)
def test_each_change_is_told_once_where_it_is(
    now: object, expected: list[tuple[str, str, str]]
) -> None:
    """What lies below a field that is gone or retyped is gone with it, and not told again."""
    assert told(of(SOME, times=50), of(now, times=50)) == expected


def test_what_can_cost_data_is_an_error_and_the_rest_a_warning() -> None:
    """A reader loses facts by what is gone or retyped; what is new it merely does not know yet."""
    before = of({"a": 1, "b": 1, "c": 1}, times=50)
    after = of({"a": "x", "c": None, "d": 1}, times=50)
    assert [(each.path, each.severity) for each in compare(before, after, POLICY)] == [
        ("a", "error"),
        ("b", "error"),
        ("c", "warning"),
        ("d", "warning"),
    ]


@pytest.mark.parametrize(("count", "expected"), [(10, 0), (11, 1)])
def test_eleven_messages_are_the_fewest_that_can_tell(count: int, expected: int) -> None:
    """The rule as it is written down; a handful of odd messages wakes nobody."""
    assert len(told(of({"a": 1}, times=count), of({"a": "x"}, times=count))) == expected


def test_a_field_that_comes_and_goes_is_no_news() -> None:
    """A field in half of the messages may be in fewer of a few."""
    before = of({"a": 1}, {"a": 1, "b": 1}, times=500)
    assert told(before, of({"a": 1}, times=40)) == []
    assert told(before, of({"a": 1, "b": 1}, times=40)) == []


def test_a_usual_field_may_be_rarer_by_chance_only() -> None:
    """In nearly all before, in nearly none now, and everything between."""
    before = of({"a": 1, "b": 1}, times=500)
    some = of(*[{"a": 1, "b": 1}] * 9, {"a": 1}, times=50)
    assert told(before, some) == []
    half = of({"a": 1, "b": 1}, {"a": 1}, times=50)
    assert told(before, half) == [("missing_field", "b", "")]


def test_a_little_more_null_is_no_news() -> None:
    """Instruments that were never traded have no last price, and how many there are varies."""
    before = of(*[{"a": 1}] * 19, {"a": None}, times=100)
    assert told(before, of(*[{"a": 1}] * 17, *[{"a": None}] * 3, times=100)) == []
    assert told(before, of(*[{"a": 1}] * 14, *[{"a": ""}] * 6, times=100)) == [
        ("null_rate", "a", "")
    ]


def test_a_kind_that_was_rare_may_become_usual() -> None:
    """Whole numbers among decimals are nothing; whole numbers alone where they were rare are."""
    before = of(*[{"a": 0.5}] * 999, {"a": 1})
    assert told(before, of(*[{"a": 0.5}] * 90, *[{"a": 1}] * 10)) == []
    assert told(before, of({"a": 1}, times=100)) == [("retyped_field", "a", "int")]
    mixed = of({"a": 0.5}, {"a": 1}, times=100)
    assert told(mixed, of({"a": 1}, times=100)) == []


def test_a_map_with_other_keys_is_no_change() -> None:
    """Listings come and go; what stands under them is compared all the same."""
    before = of({f"A{n}": {"bid": 1} for n in range(99)}, times=20)
    assert told(before, of({f"B{n}": {"bid": 1} for n in range(99)}, times=20)) == []
    assert told(before, of({"B": {"bid": 1}, "C": {"bid": 1}}, times=20)) == []
    assert told(before, of({f"B{n}": {"bid": "1"} for n in range(99)}, times=20)) == [
        ("retyped_field", "*.bid", "number_text")
    ]
    assert told(before, of({f"B{n}": {"ask": 1} for n in range(99)}, times=20)) == [
        ("new_field", "*.ask", ""),
        ("missing_field", "*.bid", ""),
    ]


def test_a_new_type_is_told_when_it_cannot_be_chance() -> None:
    """A type that comes once a month is not new whenever it was not there for a week."""
    before, after = of({"a": 1}, times=1000), of({"a": 1}, times=1000)
    after.types |= of({"b": 1}, kind="auction", times=2).types
    assert told(before, after) == []
    after.types |= of({"b": 1}, kind="auction", times=50).types
    (found,) = compare(before, after, POLICY)
    assert (found.change, found.type, found.after.count) == ("new_type", "auction", 50)


def test_frames_that_nobody_understood_are_told_down_to_one() -> None:
    """What they say is in no table: that is never chance. Many are worse than few."""
    after = of({"a": 1}, times=2000)
    after.types |= of(b"?", kind="_unread").types
    (found,) = compare(of({"a": 1}, times=2000), after, POLICY)
    assert (found.change, found.severity, found.after.count) == ("unread_frames", "warning", 1)
    after.types |= of(b"?", kind="_unread", times=9).types
    assert [each.severity for each in compare(after, after, POLICY)] == ["error"]


@given(
    st.integers(0, 1000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))),
    st.floats(0.5, 5),
)
def test_an_interval_holds_its_share_and_narrows(counts: tuple[int, int], z: float) -> None:
    """Wilson's: within 0 and 1, around the share, and narrower the more is known."""
    count, of_ = counts
    low, high = interval(count, of_, z)
    assert 0 <= low <= high <= 1
    assert not of_ or low - 1e-12 <= count / of_ <= high + 1e-12
    least, most = interval(count * 10, of_ * 10, z)
    assert most - least <= high - low + 1e-12


def test_an_interval_is_wilsons() -> None:
    """Against the textbook's figure: 10 of 100 at 95 % is 5.52 % to 17.44 %."""
    assert interval(10, 100, 1.96) == pytest.approx((0.0552, 0.1744), abs=5e-5)


def recorded(capture: Path, part: slice = slice(None)) -> Fingerprint:
    """The fingerprint of a recording, or a part of it, labelled as its venue's session does."""
    venue = venues.load(capture.parent.name.replace("_", "-"))
    taking = Taking()
    session = venue.session(
        Shard("f", 0, frozenset()), SessionOptions(limits=venue.limits, passive=True)
    )
    for number, each in enumerate(list(frames(capture))[part]):
        frame = Frame(each.raw.encode(), Opcode.TEXT, each.ts_recv, 0.0)
        for at, piece in enumerate(hear(session, frame).pieces):
            if not piece.type.startswith("_"):
                text = frame.payload if piece.payload is None else piece.payload
                taking.take(piece.type, text, piece.symbols, Ref(number, "c", number, at, "f"))
    return taking.fingerprint


@pytest.mark.parametrize(
    "capture",
    [
        TODAY,
        LEGACY,
        "kalshi/capture-btc1h-20260418.jsonl.gz",
        "kalshi/capture-quoter-session-20260701.jsonl.gz",
        "kraken/capture-v2-book10-btc-eth-20260802.jsonl.gz",
        "kraken_futures/capture-v1-20210722.jsonl.gz",
        "polymarket/capture-crypto-20260524.jsonl.gz",
        "polymarket/capture-legacy-btc1h-20250703.jsonl.gz",
    ],
)
def test_the_halves_of_a_recording_are_made_alike(capture: str) -> None:
    """What a venue really sends varies, and none of that is drift."""
    path = shared(f"data/{capture}")
    count = min(
        len(gzip.decompress(path.read_bytes()).splitlines()), scale(gate=6_000, full=200_000)
    )
    half = count // 2
    first, second = recorded(path, slice(half)), recorded(path, slice(half, count))
    assert first.messages
    assert compare(first, second, POLICY) == []


def _changes(found: Iterable[Difference]) -> set[tuple[str, str]]:
    return {(each.change, each.path) for each in found if each.type == "ticker"}


def test_kalshi_going_from_cents_to_dollars_is_told() -> None:
    """The change that broke its readers in 2026: whole cents out, dollars in quotes in."""
    before = recorded(shared(f"data/{LEGACY}"))
    after = recorded(shared(f"data/{TODAY}"), slice(6_000))
    changes = _changes(compare(before, after, POLICY))
    gone = {"price", "yes_bid", "yes_ask", "volume", "open_interest"}
    assert {path for change, path in changes if change == "missing_field"} == {
        f"msg.{name}" for name in gone
    }
    assert {
        ("new_field", f"msg.{name}") for name in ("price_dollars", "volume_fp", "ts_ms")
    } <= changes
    stayed = ("market_ticker", "dollar_volume")
    assert not {path for _, path in changes} & {f"msg.{name}" for name in stayed}


def test_the_same_names_with_dollars_for_cents_are_told_too() -> None:
    """Had the venue kept its names, a reader would take half a dollar for half a cent."""
    path = shared(f"data/{LEGACY}")
    before, taking = recorded(path), Taking()
    for number, each in enumerate(frames(path)):
        message = json.loads(each.raw)
        message["msg"]["price"] = f"{message['msg']['price'] / 100:.4f}"
        ref = Ref(number, "c", number, 0, "f")
        taking.take("ticker", json.dumps(message).encode(), (), ref)
    (found,) = compare(before, taking.fingerprint, POLICY)
    assert (found.change, found.path, found.kind) == ("retyped_field", "msg.price", "number_text")
