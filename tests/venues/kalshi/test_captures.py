"""The recordings, as a replay sees them; and their books, rebuilt."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

import pytest

from ssmd.model.event import Control, Data, Event, Gap, Reconnect, Unread
from ssmd.model.frame import Frame, Now, Opcode
from ssmd.model.subscription import Shard
from ssmd.venues.kalshi import VENUE
from tests.shared import shared
from tests.venues.kalshi.frames import Talk

BTC15M = "capture-btc15m-20260513T1333-rebuilt"
BTC1H = "capture-btc1h-20260418"
GOLD = "capture-gold15m-20260805-windows"
QUOTER = "capture-quoter-session-20260701"
LEGACY = "capture-ticker-legacy-20250116"
EVERY = (BTC15M, BTC1H, GOLD, QUOTER, LEGACY)


def lines(name: str) -> Iterator[bytes]:
    with gzip.open(shared(f"data/kalshi/{name}.jsonl.gz"), "rt") as file:
        for line in file:
            yield json.loads(line)["raw"].encode()


def replay(name: str) -> Iterator[tuple[bytes, list[Event]]]:
    """Each frame with its events; a new session where a new connection begins."""

    def session() -> Talk:
        return Talk(passive=True)

    talk = session()
    for raw in lines(name):
        frame = Frame(raw, Opcode.TEXT, None, 0.0)
        events = list(talk.session.receive(frame))
        if events[0] == Reconnect("discontinuity"):
            talk = session()
            yield raw, events[:1]
            events = list(talk.session.receive(frame))
        yield raw, events


def found(name: str) -> tuple[Counter[str], list[Gap], int]:
    """How many frames of each kind, the gaps, and how many further connections there are."""
    kinds: Counter[str] = Counter()
    gaps: list[Gap] = []
    for _, events in replay(name):
        match events[0]:
            case (
                Data(type=kind) | Control(kind=kind) | Unread(reason=kind) | Reconnect(reason=kind)
            ):
                kinds[kind] += 1
        gaps += [event for event in events if isinstance(event, Gap)]
    return kinds, gaps, kinds.pop("discontinuity", 0)


@pytest.mark.parametrize(
    ("name", "kinds", "connections"),
    [
        (
            BTC15M,
            {"orderbook_delta": 93_628, "ticker": 931, "ack": 4, "orderbook_snapshot": 3},
            2,
        ),
        (BTC1H, {"orderbook_delta": 61, "orderbook_snapshot": 8, "error": 3, "ack": 2}, 1),
        (QUOTER, {"orderbook_delta": 2885, "orderbook_snapshot": 5, "ack": 6}, 1),
        (LEGACY, {"ticker": 302}, 1),
    ],
)
def test_a_gapless_recording_has_no_gaps(
    name: str, kinds: dict[str, int], connections: int
) -> None:
    """Counters begin with one, answers count, and every frame is understood, old ones too."""
    assert found(name) == (kinds, [], connections - 1)


def test_the_holes_of_a_thinned_recording_are_found_one_by_one() -> None:
    """Exactly the steps that a count over the bare numbers finds, forward and back."""
    last: dict[int, int] = {}
    expected: list[tuple[str, int, int, str]] = []
    for raw in lines(GOLD):
        told = json.loads(raw)
        sid, seq = told["sid"], told["seq"]
        step = seq - last.get(sid, seq - 1)
        if step != 1:
            kind = "sequence" if step > 1 else "sequence_reset"
            expected.append((kind, last[sid] + 1, seq, f"sid {sid}"))
        last[sid] = seq
    kinds, gaps, more = found(GOLD)
    assert kinds == {"orderbook_delta": 100_838, "trade": 2640, "orderbook_snapshot": 6}
    assert more == 0
    assert [(gap.kind, gap.expected, gap.found, gap.subscription or "") for gap in gaps] == expected
    assert Counter(kind for kind, *_ in expected) == {"sequence": 43_242, "sequence_reset": 2}
    assert all(gap.symbols for gap in gaps)


def test_single_frames_of_other_times_are_understood() -> None:
    """Lifecycles with and without a number, trades with cents, tickers never traded."""
    path = shared("data/kalshi/frames/real-lifecycle-trade-ticker-2025-2026.jsonl")
    kinds: Counter[str] = Counter()
    for line in path.read_text().splitlines():
        talk = Talk(passive=True)
        (event,) = talk.receive(json.loads(line)["raw"].encode())
        assert isinstance(event, Data)
        assert event.symbols
        kinds[event.type] += 1
    assert kinds == {"event_lifecycle": 1, "market_lifecycle_v2": 9, "trade": 1, "ticker": 1}


@pytest.mark.parametrize("name", EVERY)
def test_a_live_session_understands_every_recorded_frame(name: str) -> None:
    """A playback is a recording told to a client that asked for something else."""
    session = VENUE.session(Shard("kalshi", 0, frozenset()), Talk.options())
    session.open(Now(0, 0.0))
    for raw in lines(name):
        label = session.receive(Frame(raw, Opcode.TEXT, 1, 0.0))[0]
        assert isinstance(label, Data | Control)


Side = dict[str, Decimal]


def changed(books: dict[str, dict[str, Side]], raw: bytes) -> Iterator[Decimal]:
    """Apply a message to the books; gives the sizes that are new."""
    told = json.loads(raw)
    msg = told["msg"]
    if told["type"] == "orderbook_snapshot":
        books[msg["market_ticker"]] = {
            side: {price: Decimal(size) for price, size in msg.get(f"{side}_dollars_fp", [])}
            for side in ("yes", "no")
        }
    elif told["type"] == "orderbook_delta" and msg["market_ticker"] in books:
        levels = books[msg["market_ticker"]][msg["side"]]
        price = msg["price_dollars"]
        levels[price] = levels.get(price, Decimal(0)) + Decimal(msg["delta_fp"])
        yield levels[price]


@pytest.mark.parametrize("name", [BTC15M, BTC1H, GOLD, QUOTER])
def test_rebuilt_books_are_never_negative(name: str) -> None:
    """A new connection begins with new books; what a replay takes for one connection is one."""
    books: dict[str, dict[str, Side]] = {}
    sizes = 0
    for raw, events in replay(name):
        if isinstance(events[0], Reconnect):
            books.clear()
            continue
        for size in changed(books, raw):
            sizes += 1
            assert size >= 0, raw
    assert sizes > 0
