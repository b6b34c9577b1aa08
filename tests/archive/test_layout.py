"""Where everything lies."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.archive import layout
from ssmd.model.timestamp import SECOND_NS

TIMES = st.integers(0, 4_000_000_000 * SECOND_NS)
INTERVALS = st.sampled_from([1, 60, 900, 3600, 7000, 86_400])


@given(ts=TIMES, interval=INTERVALS)
def test_slots_tile_the_day(ts: int, interval: int) -> None:
    """Every time lies in exactly one slot, aligned to midnight UTC."""
    start = layout.slot(ts, interval)
    end = layout.slot_end(start, interval)
    assert start <= ts < end
    assert layout.slot(start, interval) == layout.slot(end - 1, interval) == start
    assert layout.slot(end, interval) == end
    assert start % layout.DAY_NS % (interval * SECOND_NS) == 0


@given(
    feed=st.text(min_size=1),
    ts=TIMES,
    stream=st.text(min_size=1),
    index=st.integers(0, 10**6),
    kind=st.sampled_from(layout.KINDS),
)
def test_a_name_is_read_back_whatever_the_feed_is_called(
    feed: str, ts: int, stream: str, index: int, kind: layout.Kind
) -> None:
    """No name can leave its folder, and none is misread."""
    place = layout.place(feed, layout.slot(ts, 60), layout.writer(stream, "0a1b2c3d"), index)
    name = place.name(kind)
    assert layout.parse(name) == (place, kind)
    assert name.count("/") == 3
    assert "/." not in name
    assert layout.start(place) == layout.slot(ts, 60)


def test_names_are_those_of_the_design() -> None:
    """Other tools and people rely on them."""
    place = layout.place("kraken", 1_800_000_900 * SECOND_NS, "PROD_KRAKEN-0a1b2c3d", 2)
    folder = "raw/feed=kraken/date=2027-01-15"
    assert place.name() == f"{folder}/0815-PROD_KRAKEN-0a1b2c3d-2.jsonl.zst"
    assert place.name("open") == f"{folder}/0815-PROD_KRAKEN-0a1b2c3d-2.jsonl.zst.open"
    assert place.name("manifest") == f"{folder}/0815-PROD_KRAKEN-0a1b2c3d-2.manifest.json"
    ledger = "ledger/feed=kraken/date=2027-01-15"
    assert layout.facts(place) == f"{ledger}/0815-PROD_KRAKEN-0a1b2c3d-2.facts.parquet"
    assert layout.table("kraken", "2027-01-15", "gaps") == f"{ledger}/gaps.parquet"
    assert layout.carry("kraken", "2027-01-15") == f"{ledger}/carry.json.zst"
    assert layout.day("kraken", "2027-01-15") == f"{ledger}/day.json"
    assert layout.ledger_lock(Path("D"), "kraken") == Path("D/.run/ledger-kraken.lock")


@given(feed=st.text(min_size=1), ts=TIMES)
def test_the_ledger_keeps_to_its_folder_whatever_the_feed_is_called(feed: str, ts: int) -> None:
    """As the data do; a day begins where its first slot does."""
    place = layout.place(feed, layout.slot(ts, 60), "w", 0)
    names = (layout.facts(place), layout.table(feed, place.date, "x"), layout.day(feed, place.date))
    for name in names:
        assert name.startswith(layout.ledger_folder(feed, place.date) + "/")
        assert name.count("/") == 3
        assert "/." not in name
    assert layout.feed_of(layout.feed_folder(feed)) == feed
    assert layout.feed_of(layout.LEDGER) is None
    assert layout.day_start(place.date) == ts - ts % layout.DAY_NS


@pytest.mark.parametrize(
    "name", ["", "raw/x", "raw/feed=a/date=2027-01-15/0815-w.jsonl.zst", "raw/feed=a/b/c/d"]
)
def test_other_files_are_none_of_ours(name: str) -> None:
    """People put notes everywhere."""
    assert layout.parse(name) is None
