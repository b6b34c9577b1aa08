"""What is read together: whole slots, and never apart what overlaps in time."""

from itertools import pairwise

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from ssmd.access.ask import Ask
from ssmd.access.bounds import Bounds
from ssmd.access.units import units
from ssmd.archive.tables.built import FORMAT, Link, TableFile
from ssmd.archive.tables.reading import Contents

QUARTER_S = 900


def link(feed: str, quarter: int, quarters: int, size: int) -> Link:
    """Some slots of a feed that became one; several quarters are merged ones."""
    time = f"{quarter // 4:02}{quarter % 4 * 15:02}"
    file = TableFile(
        name=f"{feed}/{time}", table="trades", segment="", rows=1, bytes=size, sha256="",
        first_ts=0, last_ts=0, first_event=0, last_event=0,
    )  # fmt: skip
    return Link(
        format=FORMAT, feed=feed, venue="v", date="2027-01-15", time=time,
        interval_s=quarters * QUARTER_S, key="", segments={}, previous="", consulted={}, asked={},
        files=(file,), books=None, ended="", ids="",
    )  # fmt: skip


@given(
    merged=st.lists(st.tuples(st.integers(0, 20), st.sampled_from([1, 4])), max_size=8),
    plain=st.lists(st.integers(0, 24), max_size=12, unique=True),
    size=st.sampled_from([1, 20 << 20, 40 << 20]),
)
def test_units_follow_each_other_without_overlap(
    merged: list[tuple[int, int]], plain: list[int], size: int
) -> None:
    """Rows come in the order of their receipt, and none twice when a file vanishes meanwhile."""
    spans = {quarter // 4 * 4 if length == 4 else quarter: length for quarter, length in merged}
    links = [link("a", quarter, length, size) for quarter, length in spans.items()]
    links += [link("b", quarter, 1, size) for quarter in plain]
    ask = Ask(
        table="trades", schema=pl.Schema({}), symbols={"a": None, "b": None}, venues={}
    )  # fmt: skip
    found = units(Contents(tuple(links), ()), ask, Bounds())
    assert all(before.end <= after.start for before, after in pairwise(found))
    names = [file.name for unit in found for file in unit.files]
    assert sorted(names) == sorted(file.name for each in links for file in each.files)
