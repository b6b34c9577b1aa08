"""Frames into the archive, tables out of it: every row as an independent decode has it."""

from collections import Counter
from pathlib import Path

import pytest

from tests.archive.tables import independent
from tests.archive.tables.made import built, compact, imported, rows
from tests.shared import shared

CAPTURES = (
    ("kraken", "kraken/capture-v2-book10-btc-eth-20260802.jsonl.gz"),
    ("kraken", "kraken/frames/real-v2-misc-2026.jsonl"),
    ("kraken-futures", "kraken_futures/capture-v1-20210722.jsonl.gz"),
    ("polymarket", "polymarket/capture-crypto-20260524.jsonl.gz"),
    ("polymarket", "polymarket/capture-legacy-btc1h-20250703.jsonl.gz"),
    ("kalshi", "kalshi/capture-quoter-session-20260701.jsonl.gz"),
    ("kalshi", "kalshi/capture-ticker-legacy-20250116.jsonl.gz"),
    ("kalshi", "kalshi/capture-btc1h-20260418.jsonl.gz"),
)
"""Between them every venue's trades, quotes or tickers, and books."""


@pytest.mark.parametrize(("venue", "capture"), CAPTURES)
def test_every_row_is_what_the_frames_say(tmp_path: Path, venue: str, capture: str) -> None:
    """No value is rounded, none is missing, none is made up; and every line became something."""
    path = shared(f"data/{capture}")
    imported(tmp_path, venue, path)
    outcome = compact(tmp_path)
    assert outcome.failed == []
    expected = independent.rows(venue, path)
    assert sum(map(len, expected.values())) > 0
    for table, columns in independent.COLUMNS[venue].items():
        found = Counter(rows(tmp_path, table, *columns, feed=venue))
        assert found == expected[table], table
    for slot in built(tmp_path, venue):
        counted = {(file.segment, file.table): file.rows for file in slot.files}
        for account in slot.accounting:
            assert account.told == account.lines
            assert account.rejects == account.rejected == account.duplicates == 0
            told = {(account.segment, table): count for table, count in account.rows.items()}
            assert told.items() <= counted.items()
        assert sum(sum(account.rows.values()) for account in slot.accounting) == sum(
            counted.values()
        )
