"""What differs between listing and database, and what follows from it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.venue import Clocked
from ssmd.secmaster import diff
from ssmd.secmaster.apply import postponing
from ssmd.secmaster.columns import EVENT, INSTRUMENT, TABLES
from ssmd.secmaster.diff import Counts, Differing, decide, differing
from ssmd.secmaster.statuses import STATUSES, Said, Standing, judge

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def a_row(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - columns
    """A row of the comparison."""
    return {
        "symbol": "M",
        "status": "active",
        "raw_status": "open",
        "status_source": "clock",
        "status_at": NOON,
        "new_status": "pre_open",
        "new_raw_status": "soon",
        "new_open_at": None,
        "new_close_at": None,
        "new_expiry_at": None,
        "fetched_at": NOON + timedelta(seconds=1),
        **more,
    }


def test_a_time_that_is_yet_to_come_was_postponed() -> None:
    """Only the time that our clock waits for in that state counts."""
    waiting = postponing((Clocked("pre_open", "open_ts", "active"),))
    later = NOON + timedelta(days=1)
    assert not differing(a_row(), waiting).said.postponed
    assert differing(a_row(new_open_at=later), waiting).said.postponed
    assert not differing(a_row(new_open_at=NOON), waiting).said.postponed
    assert not differing(a_row(new_close_at=later), waiting).said.postponed


moments = st.integers(-100, 100).map(lambda s: NOON + timedelta(seconds=s))
rows = st.builds(
    Differing,
    symbol=st.text(max_size=3),
    now=st.builds(
        Standing,
        status=st.sampled_from(STATUSES),
        raw_status=st.sampled_from(["a", "b"]),
        source=st.sampled_from(["rest", "ws", "clock", "sql"]),
        at=st.none() | moments,
    ),
    said=st.builds(
        Said,
        status=st.sampled_from(STATUSES),
        raw_status=st.sampled_from(["a", "b", ""]),
        source=st.just("rest"),
        at=moments,
        postponed=st.booleans(),
    ),
)


@given(st.lists(rows, max_size=20))
def test_every_row_is_decided_as_the_status_machine_says(found: list[Differing]) -> None:
    """What is kept, reworded, refused and stale are the verdicts, one by one, in order."""
    decisions = decide(found)
    verdicts = [(row, judge(row.now, row.said).judgement) for row in found]
    assert list(decisions.keep) == [row.symbol for row, word in verdicts if word != "applied"]
    assert [(one.symbol, one.before, one.said) for one in decisions.refused] == [
        (row.symbol, row.now, row.said) for row, word in verdicts if word == "refused"
    ]
    assert decisions.stale == sum(word == "stale" for _, word in verdicts)


def test_a_comparison_names_every_column_that_can_change() -> None:
    """None is forgotten, of any table: that was how changes were lost before."""
    for table in TABLES.values():
        told = diff.differs(table, "s", "t")
        for name in table.values:
            assert f"s.{name}" in told
            assert f"t.{name}" in told
    assert "s.title" in diff.differs(EVENT, "s", "t", without=("category",))
    assert "s.category" not in diff.differs(EVENT, "s", "t", without=("category",))
    assert set(diff.SAID_BY) <= set(INSTRUMENT.values)


def test_what_was_written_is_what_was_not_left_alone() -> None:
    """Neither what is unchanged nor what was set aside is written."""
    counts = Counts(inserted=1, changed=2, unchanged=4, closed=8, reopened=16, quarantined=32)
    assert counts.written == 27
