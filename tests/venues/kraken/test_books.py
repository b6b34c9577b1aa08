"""The checksum as the detector of lost book messages."""

import gzip
import json
import random
import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.book import Level
from ssmd.model.event import Control, Data, Event, Gap, Repaired, Unread
from ssmd.venues.kraken.checksum import checksum
from tests.shared import shared
from tests.venues.kraken.frames import (
    ASKS,
    BIDS,
    BOOK,
    ETHER,
    TIME_NS,
    Talk,
    answer,
    book,
    crc,
    item,
    snapshot,
)

CAPTURE = "data/kraken/capture-v2-book10-btc-eth-20260802.jsonl.gz"


def shown(events: Sequence[Event]) -> list[str]:
    """The kinds of events, data left out."""
    return [type(event).__name__ for event in events if not isinstance(event, Data | Control)]


def subscribed(*wanted: object, depth: int | None = None) -> Talk:
    talk = Talk(depth=depth)
    talk.want(*(wanted or (BOOK,)))  # type: ignore[arg-type]
    talk.confirm()
    return talk


def update(
    bids: Sequence[Level] = (), asks: Sequence[Level] = (), checksum: int | None = None
) -> bytes:
    return book("update", item("BTC/USD", bids, asks, checksum))


def test_the_example_of_the_documentation() -> None:
    """https://docs.kraken.com/api/docs/guides/spot-ws-book-v2 gives levels and their CRC32."""
    asks = "45285.2 .00100000 45286.4 1.54571953 45286.6 1.54571109 45289.6 1.54560911 45290.2 .15890660 45291.8 1.54553491 45294.7 .04454749 45296.1 .35380000 45297.5 .09945542 45299.5 .18772827"
    bids = "45283.5 .10000000 45283.4 1.54582015 45282.1 .10000000 45281.0 .10000000 45280.3 1.54592586 45279.0 .07990000 45277.6 .03310103 45277.5 .30000000 45277.3 1.54602737 45276.6 .15445238"

    def pairs(text: str) -> list[Level]:
        words = [word if word[0] != "." else f"0{word}" for word in text.split()]
        return list(zip(words[::2], words[1::2], strict=True))

    assert checksum(pairs(asks), pairs(bids)) == 3310070434


def test_exponents_count_as_the_number_they_stand_for() -> None:
    """The venue has not been seen to write them, but JSON allows it."""
    assert checksum([("4.52852e4", "1e-3")], []) == checksum([("45285.2", "0.001")], [])
    assert checksum([("1E2", "5")], []) == crc([("100", "5")], [])


def test_a_right_book_says_nothing() -> None:
    """Snapshot and updates that add up are data and only data."""
    talk = subscribed()
    assert talk.receive(snapshot()) == [Data("book", ("BTC/USD",), None, TIME_NS)]
    asks = [(ASKS[0][0], "7.50000000"), *ASKS[1:]]
    assert shown(talk.receive(update(asks=asks[:1], checksum=crc(asks, BIDS)))) == []


def test_a_level_that_fell_out_of_the_depth_does_not_come_back() -> None:
    """The venue sends no removal for it; a client that keeps it is wrong from then on."""
    talk = subscribed()
    talk.receive(snapshot())
    better = ("45284.9", "0.10000000")
    asks = [better, *ASKS[:9]]
    assert shown(talk.receive(update(asks=[better], checksum=crc(asks, BIDS)))) == []
    gone = (better[0], "0.00000000")
    again = ("45300.0", "1.00000000")
    asks = [*ASKS[:9], again]
    assert shown(talk.receive(update(asks=[gone, again], checksum=crc(asks, BIDS)))) == []


def test_a_deep_book_keeps_the_levels_below_the_checked_ten() -> None:
    """Depth 25 is cut at 25, though only ten levels count."""
    asks = [(f"{n}.5", "1.00000000") for n in range(100, 125)]
    bids = [(f"{n}.5", "1.00000000") for n in range(99, 74, -1)]
    talk = subscribed(depth=25)
    talk.receive(snapshot(asks=asks, bids=bids))
    left = asks[15:]
    gone = [(price, "0.00000000") for price, _ in asks[:15]]
    assert shown(talk.receive(update(asks=gone, checksum=crc(left, bids)))) == []


def test_a_wrong_checksum_is_a_gap_and_renews_that_symbol_only() -> None:
    """Everything else on the connection goes on."""
    talk = subscribed(BOOK, ETHER)
    talk.receive(snapshot())
    talk.receive(snapshot("ETH/USD"))
    talk.requests()
    wrong = [(ASKS[0][0], "9.00000000")]
    events = talk.receive(update(asks=wrong, checksum=1))
    held = crc(wrong + ASKS[1:], BIDS)
    assert events[1:] == [Gap("book", ("BTC/USD",), "checksum", held, 1)]
    assert talk.requests() == [("unsubscribe", "book", ["BTC/USD"])]
    assert shown(talk.receive(book("update", item("ETH/USD", [], [], crc(ASKS, BIDS))))) == []


def test_a_gap_is_told_once_and_ends_with_a_right_snapshot() -> None:
    """What follows until the snapshot is the same loss; the repair is a fact of its own."""
    talk = subscribed()
    talk.receive(snapshot())
    talk.requests()
    assert shown(talk.receive(update(checksum=1))) == ["Gap"]
    assert shown(talk.receive(update(checksum=2))) == []
    assert shown(talk.confirm()) == ["Unsubscribed"]
    assert shown(talk.receive(update(checksum=3))) == []
    assert [(r["method"], r["params"]) for r in talk.sent] == [
        ("subscribe", {"channel": "book", "symbol": ["BTC/USD"], "depth": 10, "snapshot": True})
    ]
    assert shown(talk.receive(update(checksum=4))) == []
    assert shown(talk.confirm()) == ["Subscribed"]
    assert talk.receive(snapshot())[1:] == [Repaired("book", ("BTC/USD",), "snapshot")]
    assert shown(talk.receive(update(checksum=crc(ASKS, BIDS)))) == []
    assert shown(talk.receive(update(checksum=5))) == ["Gap"]


def test_a_snapshot_with_a_wrong_checksum_is_a_gap_too() -> None:
    """A snapshot is not trusted because it is one."""
    talk = subscribed()
    assert shown(talk.receive(book("snapshot", item("BTC/USD", BIDS, ASKS, 7)))) == ["Gap"]
    assert talk.requests() == [("unsubscribe", "book", ["BTC/USD"])]


def test_a_book_that_never_adds_up_is_not_a_storm_of_requests() -> None:
    """Each further renewal waits longer; meanwhile the frames are kept as they are."""
    talk = subscribed()
    sent = 0
    for _ in range(600):
        talk.receive(book("snapshot", item("BTC/USD", BIDS, ASKS, 7)))
        talk.confirm()
        talk.receive(answer("pong"))
        talk.tick(1.0)
        sent += len([r for r in talk.sent if r["method"] == "unsubscribe"])
        talk.confirm()
    assert 3 <= sent <= 10


def test_a_renewal_whose_snapshot_never_came_is_repeated() -> None:
    """Otherwise the symbol would stay broken for the rest of the connection."""
    talk = subscribed()
    talk.receive(snapshot())
    talk.requests()
    talk.receive(update(checksum=1))
    talk.confirm()
    talk.confirm()
    assert talk.receive(update(checksum=1))[1:] == []
    talk.live(20.0)
    assert talk.requests() == [("unsubscribe", "book", ["BTC/USD"])]


def test_a_snapshot_that_comes_by_itself_spares_the_second_renewal() -> None:
    """The renewal is for its sake."""
    talk = subscribed()
    talk.receive(snapshot())
    talk.receive(update(checksum=1))
    talk.confirm()
    talk.confirm()
    talk.receive(update(checksum=1))
    assert shown(talk.receive(snapshot())) == ["Repaired"]
    talk.live(60.0)
    assert talk.requests() == []


def test_an_update_without_the_promised_snapshot_is_a_gap() -> None:
    """The snapshot is what was lost."""
    talk = subscribed()
    assert talk.receive(update(checksum=5))[1:] == [Gap("book", ("BTC/USD",), "checksum", 0, 5)]


def test_updates_before_the_answer_and_after_the_end_prove_nothing() -> None:
    """Stragglers of an older subscription are not losses."""
    talk = Talk()
    talk.want(BOOK)
    assert shown(talk.receive(update(checksum=5))) == []
    talk.confirm()
    talk.receive(snapshot())
    talk.want()
    assert talk.requests() == [("unsubscribe", "book", ["BTC/USD"])]
    asks = [(ASKS[0][0], "7.50000000"), *ASKS[1:]]
    assert shown(talk.receive(update(asks=asks[:1], checksum=crc(asks, BIDS)))) == []
    told = {"channel": "book", "symbol": "BTC/USD"}
    assert shown(talk.receive(answer("unsubscribe", result=told))) == ["Unsubscribed"]
    assert shown(talk.receive(update(checksum=5))) == []
    assert talk.requests() == []


def test_every_symbol_of_a_message_is_checked() -> None:
    """The second one is as good as the first."""
    talk = subscribed(BOOK, ETHER)
    right = crc(ASKS, BIDS)
    both = [item(symbol, BIDS, ASKS, right) for symbol in ("BTC/USD", "ETH/USD")]
    events = talk.receive(book("snapshot", *both))
    assert events == [Data("book", ("BTC/USD", "ETH/USD"), None, TIME_NS)]
    events = talk.receive(
        book("update", item("BTC/USD", [], [], right), item("ETH/USD", [], [], right ^ 1))
    )
    assert events[1:] == [Gap("book", ("ETH/USD",), "checksum", right, right ^ 1)]


def test_frames_without_checksum_are_taken_as_they_are() -> None:
    """Nothing to compare is no difference."""
    talk = subscribed()
    assert shown(talk.receive(book("snapshot", item("BTC/USD", BIDS, ASKS, None)))) == []
    assert shown(talk.receive(update(asks=[("1.5", "2")]))) == []
    assert shown(talk.receive(update(checksum=1))) == ["Gap"]


@pytest.mark.parametrize("bad", ["true", "null", "{}", '"x"', '"NaN"', "[1]"])
def test_a_level_that_is_no_number_breaks_its_book(bad: str) -> None:
    """It is as lost as a message that never came: one gap, and a fresh snapshot is asked for."""
    talk = subscribed()
    talk.receive(snapshot())
    label, gap = talk.receive(update(asks=[(bad, "1")], checksum=7))
    assert label == Data("book", ("BTC/USD",), None, TIME_NS)
    assert gap == Gap("book", ("BTC/USD",), "checksum", crc(ASKS, BIDS), 7)
    assert talk.requests() == [("unsubscribe", "book", ["BTC/USD"])]
    assert shown(talk.receive(update(asks=[(bad, "1")]))) == []
    assert shown(talk.receive(snapshot())) == ["Repaired"]


class Venue:
    """A naive venue: one book per symbol, its messages and their checksums."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.sides: tuple[dict[Decimal, Level], dict[Decimal, Level]] = ({}, {})

    def view(self) -> tuple[list[Level], list[Level]]:
        bids, asks = self.sides
        return (
            [bids[key] for key in sorted(bids, reverse=True)][: self.depth],
            [asks[key] for key in sorted(asks)][: self.depth],
        )

    def put(self, side: int, tick: int, size: int) -> list[tuple[int, Level]]:
        """Change a level; gives what a client of this depth is told."""
        before = self.view()[side]
        key = Decimal(tick) / 10
        self.sides[side].pop(key, None)
        if size:
            self.sides[side][key] = (str(key), f"{size}.00000000")
        after = self.view()[side]
        gone = {price for price, _ in before} - {price for price, _ in after}
        removed = str(key) in gone
        told = [(side, (str(key), "0.00000000"))] if removed else []
        return told + [(side, level) for level in after if level not in before]


@given(
    depth=st.sampled_from([10, 25]),
    changes=st.lists(
        st.tuples(st.integers(0, 1), st.integers(1, 60), st.integers(0, 3)), max_size=120
    ),
    lost=st.sets(st.integers(0, 119), max_size=1),
)
def test_the_book_follows_a_naive_venue_and_a_lost_message_is_noticed(
    depth: int, changes: list[tuple[int, int, int]], lost: set[int]
) -> None:
    """No false alarm; and a loss that matters to the ten best levels is found at once."""
    venue = Venue(depth)
    for tick in range(1, 31):
        venue.put(0, tick, 1)
        venue.put(1, 200 + tick, 1)
    talk = subscribed(depth=depth)
    bids, asks = venue.view()
    assert shown(talk.receive(snapshot(bids=bids, asks=asks))) == []
    suspect = False
    for number, (side, tick, size) in enumerate(changes):
        told = venue.put(side, tick + 200 * side, size)
        bids, asks = venue.view()
        told_bids, told_asks = ([level for at, level in told if at == which] for which in (0, 1))
        suspect = suspect or (number in lost and bool(told))
        if number in lost:
            continue
        events = shown(talk.receive(update(told_bids, told_asks, crc(asks, bids))))
        assert events in ([], ["Gap"])
        if events:
            assert suspect
            return


def frames(path: Path) -> list[bytes]:
    with gzip.open(path) as lines:
        return [json.loads(line)["raw"].encode() for line in lines]


def test_the_checksum_is_right_on_every_message_of_the_recording() -> None:
    """The recording is the truth."""
    talk = Talk(passive=True)
    events = [event for frame in frames(shared(CAPTURE)) for event in talk.receive(frame)]
    assert sum(isinstance(event, Data) for event in events) == 68
    assert set(shown(events)) == {"Subscribed"}


def test_one_changed_digit_in_the_recording_is_noticed() -> None:
    """Every level counts, at the place where it was wrong.

    Updates of several levels are left out: some of theirs fall out of the depth at once.
    """
    recorded = frames(shared(CAPTURE))
    rng = random.Random(7)
    tried = 0
    for number, frame in enumerate(recorded):
        sizes = [match.end() for match in re.finditer(rb'"qty":', frame)]
        if not sizes or (len(sizes) > 1 and b'"snapshot"' not in frame):
            continue
        tried += 1
        digit = frame.index(b".", rng.choice(sizes)) + 1
        changed = frame[:digit] + bytes([frame[digit] ^ 1]) + frame[digit + 1 :]
        talk = Talk(passive=True)
        for earlier in recorded[:number]:
            talk.receive(earlier)
        assert shown(talk.receive(changed)) == ["Gap"], changed
    assert tried > 30


@pytest.mark.parametrize("kind", ["trade", "ticker"])
def test_recordings_of_version_1_are_unread_to_the_last_frame(kind: str) -> None:
    """The retired protocol is kept raw and labelled, never guessed at."""
    talk = Talk(passive=True)
    recorded = frames(shared(f"data/kraken/capture-v1-{kind}-20210417.jsonl.gz"))
    assert recorded
    for frame in recorded:
        assert talk.receive(frame) == [Unread("unexpected_shape")]
