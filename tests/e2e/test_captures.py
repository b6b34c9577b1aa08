"""What venues really said, through `ssmd import`: every recording beside the repository.

What is expected of a recording is counted here with the standard library alone: a count made with
our own sessions would agree with them whatever they do.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from ssmd.archive import reader
from ssmd.feeds import registry
from ssmd.model.envelope import Envelope
from ssmd.model.frame import Opcode
from ssmd.model.venue import Venue
from ssmd.venues.kalshi.rows_book import OrderbookDelta, OrderbookSnapshot
from tests.e2e.acts import CLOCK
from tests.e2e.kept import imported, is_kept_whole, log, raws
from tests.shared import shared
from tests.tier import FULL, scale

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

BTC15M: Final = "data/kalshi/capture-btc15m-20260513T1333-rebuilt.jsonl.gz"
BTC1H: Final = "data/kalshi/capture-btc1h-20260418.jsonl.gz"
GOLD: Final = "data/kalshi/capture-gold15m-20260805-windows.jsonl.gz"
QUOTER: Final = "data/kalshi/capture-quoter-session-20260701.jsonl.gz"
KALSHI_CENTS: Final = "data/kalshi/capture-ticker-legacy-20250116.jsonl.gz"
POLYMARKET_OLD: Final = "data/polymarket/capture-legacy-btc1h-20250703.jsonl.gz"

CAPTURES: Final[dict[str, set[str]]] = {
    BTC15M: {"orderbook_delta", "orderbook_snapshot", "ticker", "_control"},
    BTC1H: {"orderbook_delta", "orderbook_snapshot", "_control"},
    GOLD: {"orderbook_delta", "orderbook_snapshot", "trade"},
    QUOTER: {"orderbook_delta", "orderbook_snapshot", "_control"},
    KALSHI_CENTS: {"ticker"},
    "data/kraken/capture-v2-book10-btc-eth-20260802.jsonl.gz": {"book", "_control"},
    "data/kraken_futures/capture-v1-20210722.jsonl.gz": {
        "book", "book_snapshot", "trade", "trade_snapshot", "ticker_lite", "_control",
    },
    "data/polymarket/capture-crypto-20260524.jsonl.gz": {
        "book", "price_change", "last_trade_price",
    },
    POLYMARKET_OLD: {"book", "price_change_v1", "last_trade_price", "_control"},
}  # fmt: skip
"""Recordings of protocols that we read, old ones included, and the types of their frames."""
RETIRED: Final = (
    "data/kraken/capture-v1-ticker-20210417.jsonl.gz",
    "data/kraken/capture-v1-trade-20210417.jsonl.gz",
)
"""Recordings of a protocol that its venue has given up: kept, and labelled as unread or talk."""
LARGE: Final = {BTC15M, GOLD}
"""About 100,000 frames each: imported twice in the long form only."""
GATE_FRAMES: Final = 30_000
"""Books are rebuilt from so many frames of a recording; in the long form from all."""
BOOKS: Final = {BTC15M: 3, BTC1H: 8, GOLD: 6, QUOTER: 5}
"""Recordings of books that change by differences, and how many whole books are in each."""


def feed_of(capture: str) -> str:
    """The feed a recording belongs to, by its folder."""
    return Path(capture).parent.name.replace("_", "-")


def short(capture: str) -> str:
    """A recording as a test's id."""
    return f"{feed_of(capture)}-{Path(capture).name.split('-')[1]}"


def envelopes(root: Path) -> list[Envelope]:
    """The frames of an archive as they came: a recording without times lies in several hours."""
    found = [each.envelope for each in reader.read(root) if each.envelope.ordinal is not None]
    return sorted(found, key=lambda each: (each.connection, each.ordinal or 0, each.part))


def jumps(capture: Path) -> Iterator[dict[str, Any]]:
    """Where the counter of a subscription does not go on by one, counted from the text alone."""
    last: dict[int, int] = {}
    for ordinal, raw in enumerate(raws(capture)):
        frame = json.loads(raw)
        if "seq" not in frame:
            continue
        sid, seq = frame["sid"], frame["seq"]
        before, last[sid] = last.get(sid), seq
        if before is not None and seq != before + 1:
            kind = "sequence" if seq > before else "sequence_reset"
            yield {"ordinal": ordinal, "kind": kind, "expected": before + 1, "found": seq}


class Books:
    """Books rebuilt from typed rows: one for each connection and market."""

    def __init__(self, venue: Venue) -> None:
        self.counts: Counter[str] = Counter()
        self.below_zero: list[tuple[str, Decimal]] = []
        self._venue = venue
        self._books: dict[tuple[str, str | None], dict[tuple[str, Decimal], Decimal]] = {}

    def take(self, envelope: Envelope) -> None:
        """What an envelope changes."""
        decoded = self._venue.rows(envelope)
        self.counts["rejected"] += len(decoded.rejects)
        for index, row in enumerate(decoded.rows):
            at = (envelope.connection, row.symbol)
            if isinstance(row, OrderbookSnapshot):
                if index == 0:
                    self._books[at] = {}
                    self.counts["whole"] += 1
                if row.side is not None and row.price is not None and row.size is not None:
                    self._books[at][row.side, row.price] = row.size
            elif isinstance(row, OrderbookDelta):
                self._change(envelope, at, row)

    def _change(self, envelope: Envelope, at: tuple[str, str | None], row: OrderbookDelta) -> None:
        if at not in self._books:
            self.counts["before its book"] += 1
            return
        assert row.price is not None
        assert row.delta is not None
        book, level = self._books[at], (row.side, row.price)
        book[level] = book.get(level, Decimal(0)) + row.delta
        self.counts["changes"] += 1
        if book[level] < 0:
            self.below_zero.append((envelope.message_id, book[level]))


def test_every_recording_is_imported_here() -> None:
    """One that was put beside the repository later is no proof of anything until it is named."""
    folder = shared("data").parent
    found = {path.relative_to(folder).as_posix() for path in folder.glob("data/*/capture-*")}
    assert found <= {*CAPTURES, *RETIRED}


@pytest.mark.parametrize("name", CAPTURES, ids=short)
def test_a_recording_is_kept_byte_for_byte_and_understood(name: str, tmp_path: Path) -> None:
    """The main job, on what venues really said: nothing lost, nothing unread, no gap made up."""
    capture, root = shared(name), tmp_path / "archive"
    result = is_kept_whole(capture, root, feed_of(name), twice=FULL or name not in LARGE)
    assert set(result["by_type"]) == CAPTURES[name]
    assert result["unread"] == 0
    keys = ("ordinal", "kind", "expected", "found")
    gaps = [{key: gap[key] for key in keys} for gap in result["gaps"]]
    if name == GOLD:  # cut out of a larger subscription: its holes are real for whoever reads it
        expected = list(jumps(capture))
        kinds = Counter(gap["kind"] for gap in expected)
        log.info("%s: %s, counted without us", capture.name, dict(kinds))
        assert kinds["sequence"] > 1000
        assert kinds["sequence_reset"] > 0
        assert gaps == expected
    else:
        assert gaps == []
    if name in BOOKS:
        are_never_negative(root, name)


def are_never_negative(root: Path, name: str) -> None:
    """Rebuild every book of a recording from its archive: no level ever holds less than nothing."""
    began = CLOCK.mono()
    books = Books(registry.venue(registry.load_feed(feed_of(name))))
    for envelope in envelopes(root)[: scale(gate=GATE_FRAMES, full=sys.maxsize)]:
        books.take(envelope)
    log.info("%s: %s, %.1f s", name, dict(books.counts), CLOCK.mono() - began)
    assert books.counts["whole"] == BOOKS[name] or (not FULL and name in LARGE)
    assert books.counts["changes"] > 0
    assert books.counts["before its book"] == 0
    assert books.counts["rejected"] == 0
    assert books.below_zero == []


@pytest.mark.parametrize("name", RETIRED, ids=short)
def test_a_retired_protocol_is_kept_and_not_guessed_at(name: str, tmp_path: Path) -> None:
    """Nobody reads it here any more; a label that is wrong would be worse than none."""
    result = is_kept_whole(shared(name), tmp_path / "archive", feed_of(name))
    assert set(result["by_type"]) <= {"_unread", "_control"}
    assert result["gaps"] == []


@pytest.mark.parametrize("name", [KALSHI_CENTS, POLYMARKET_OLD], ids=short)
def test_an_old_format_gives_rows_for_ever(name: str, tmp_path: Path) -> None:
    """An archive outlives the format it was recorded in: prices are there, and nothing rejected."""
    root = tmp_path / "archive"
    imported(shared(name), root, feed_of(name))
    venue = registry.venue(registry.load_feed(feed_of(name)))
    for envelope in envelopes(root):
        decoded = venue.rows(envelope)
        assert decoded.rejects == ()
        assert decoded.rows or envelope.type.startswith("_")
        for row in decoded.rows:
            assert row.symbol
            assert not row.inexact


def test_a_changed_level_of_a_recorded_book_would_be_found() -> None:
    """The count of negative levels counts: a book that loses what it never had is told."""
    books = Books(registry.venue(registry.load_feed("kalshi")))
    level = {"side": "yes", "price_dollars": "0.4000"}
    said: list[tuple[str, dict[str, Any]]] = [
        ("orderbook_snapshot", {"yes_dollars_fp": [["0.4000", "2.00"]]}),
        ("orderbook_delta", {**level, "delta_fp": "-2.00"}),
        ("orderbook_delta", {**level, "delta_fp": "-0.01"}),
    ]
    for ordinal, (kind, message) in enumerate(said):
        body = {"type": kind, "sid": 1, "seq": ordinal, "msg": {"market_ticker": "M", **message}}
        books.take(
            Envelope(
                "f", None, kind, ("M",), "f-0-x", ordinal, None, 0, 1, Opcode.TEXT, ordinal, None,
                1, json.dumps(body).encode(),
            )
        )  # fmt: skip
    assert [size for _, size in books.below_zero] == [Decimal("-0.01")]
    assert (books.counts["whole"], books.counts["changes"]) == (1, 2)
