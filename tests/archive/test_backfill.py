"""What a ledger lacks is asked for once: all of it, a little more beside it, and nothing else."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.archive.backfill import missing, unclosed
from ssmd.archive.ledger.entries import Activity, Entry, Ledger
from ssmd.archive.ledger.spans import joined, shared, without
from ssmd.archive.writer import Archive
from ssmd.model.missing import MARGIN_NS, Missing
from ssmd.sim.manual_clock import ManualClock
from tests.archive.entries import OLD, S, coverage, gap, hole, intent, ledger, loss, outage, repair
from tests.archive.made import START, Talk

NOW = 10_000 * S


def lacking(told: Ledger, **changes: object) -> list[Missing]:
    values = {"now": NOW, **changes}
    return missing(told, lambda channel, _: channel == "trade", **values)  # type: ignore[arg-type]


def seconds(found: list[Missing]) -> list[tuple[str | None, float, float]]:
    return [(each.symbol, each.since / S, each.until / S) for each in found]


def test_an_outage_is_asked_for_with_its_margins() -> None:
    """Of channels whose past is told; the cause names the ledger's entry."""
    found = lacking(ledger(outage(100, 200), outage(100, 200, channel="book")))
    assert seconds(found) == [("X", 98, 202)]
    assert (found[0].channel, found[0].cause) == ("trade", f"outage {OLD} r7")


def test_what_was_asked_for_is_not_asked_for_again() -> None:
    """Nor what was found to be gone; and no margin is asked for without what it is beside."""
    assert lacking(ledger(outage(100, 200), repair(98, 202))) == []
    gone = msgspec.structs.replace(repair(98, 202), ordinal=None)
    assert lacking(ledger(outage(100, 200), gone)) == []
    assert lacking(ledger(outage(100, 200), repair(100, 200))) == []
    assert seconds(lacking(ledger(outage(100, 200), repair(98, 150)))) == [("X", 150, 202)]
    middle = ledger(outage(100, 200), repair(98, 120), repair(150, 160), repair(150, 170, "Y"))
    assert seconds(lacking(middle)) == [("X", 120, 150), ("X", 160, 202)]
    others = ledger(outage(100, 200), repair(98, 202, "Y"), repair(98, 202, channel="book"))
    assert seconds(lacking(others)) == [("X", 98, 202)]
    snapshot = repair(98, 202, reason="snapshot")
    assert seconds(lacking(ledger(outage(100, 200), snapshot))) == [("X", 98, 202)]


def test_what_is_not_over_is_asked_for_when_it_is() -> None:
    """Its end moves on with every record that is archived, our own included."""
    assert lacking(ledger(outage(900, None))) == []
    assert seconds(lacking(ledger(outage(900, None)), unended=True)) == [("X", 898, 1002)]
    assert seconds(lacking(ledger(outage(900, None)), unended=True, now=950 * S)) == [
        ("X", 898, 950)
    ]


def test_overlapping_troubles_of_an_instrument_are_one_question() -> None:
    """An outage, a hole in it and a gap before it: the past of that time is one."""
    told = ledger(
        intent(0, None), coverage(0, 150), outage(100, 200), hole(120, 210, "X"),
        gap(90, 101, "X", channel="trade"), loss(400, 401), coverage(0, 150, "Z"),
    )  # fmt: skip
    assert seconds(lacking(told)) == [("X", 88, 212), ("X", 398, 403), ("Z", 398, 403)]
    assert {each.cause for each in lacking(told)} == {f"outage {OLD} r7", f"loss {OLD} r7"}


def test_a_loss_concerns_what_its_connection_carried() -> None:
    """On every channel of it whose past is told; a gap of a channel, that channel."""
    held = [coverage(0, 500, symbol) for symbol in "XY"]
    held += [coverage(0, 500, "X", "book"), coverage(0, 500, "W", connection="other")]
    assert seconds(lacking(ledger(*held, loss(100, 101)))) == [("X", 98, 103), ("Y", 98, 103)]
    assert seconds(lacking(ledger(*held, hole(100, 101, "Y")))) == [("Y", 98, 103)]
    assert seconds(lacking(ledger(*held, gap(100, 101, channel="trade")))) == [
        ("X", 98, 103), ("Y", 98, 103),
    ]  # fmt: skip
    frozen = gap(100, 101, "X", channel="")
    assert seconds(lacking(ledger(*held, frozen))) == [("X", 98, 103)]
    assert lacking(ledger(*held, gap(100, 101, "X"))) == []


def test_all_instruments_are_those_that_were_heard_of() -> None:
    """A subscription to all is asked for one by one; when none is known that is said, not hidden."""
    told = ledger(outage(100, 200, symbol=None))
    assert seconds(lacking(told)) == [(None, 98, 202)]
    heard = msgspec.structs.replace(told, activity=(Activity("A", 1, 2), Activity("", 1, 2)))
    assert seconds(lacking(heard)) == [("A", 98, 202)]


def test_it_can_be_narrowed() -> None:
    """To an instrument, a channel, a time."""
    told = ledger(outage(100, 200), outage(100, 200, "Y"))
    assert seconds(lacking(told, symbol="Y")) == [("Y", 98, 202)]
    assert lacking(told, channel="book") == []
    assert len(lacking(told, channel="trade")) == 2
    cut = ledger(outage(100, 200), since=150, until=160)
    assert seconds(lacking(cut)) == [("X", 148, 162)]


spans = st.lists(
    st.tuples(st.integers(0, 300), st.integers(1, 60)).map(lambda pair: (pair[0], sum(pair))),
    max_size=6,
)


@given(absent=spans, settled=spans)
def test_together_with_what_is_settled_nothing_is_left(
    absent: list[tuple[int, int]], settled: list[tuple[int, int]]
) -> None:
    """Everything missing is asked for or settled; nothing settled is asked for; then it is over."""
    entries: list[Entry] = [outage(*span) for span in absent]
    told = ledger(*entries, *(repair(*span) for span in settled))
    found = [(each.since, each.until) for each in lacking(told)]
    done = joined((since * S, until * S) for since, until in settled)
    core = joined((since * S, until * S) for since, until in absent)
    assert without(core, joined([*found, *done])) == []
    assert shared(found, done) == []
    for since, until in found:
        near = [(low - MARGIN_NS, high + MARGIN_NS) for low, high in core]
        assert without([(since, until)], joined(near)) == []
    after = [repair(since / S, until / S) for since, until in found]
    assert lacking(ledger(*told.entries, *after)) == []


@pytest.mark.parametrize("closes", [True, False])
def test_a_run_that_was_killed_left_a_connection_open(tmp_path: Path, *, closes: bool) -> None:
    """Of its own writer: an archiver's connections are none of its business."""
    for shard, stream in enumerate(("backfill-kraken", "OTHER")):
        archive = Archive(tmp_path, stream, clock=ManualClock(wall=START))
        talk = Talk(shard=shard)
        for envelope in (talk.opened(), *talk.frames(2), *([talk.closed()] if closes else [])):
            archive.put(envelope)
        archive.commit()
        archive.seal_all()
        archive.close()
        found = unclosed(tmp_path, "kraken", archive.writer)
        assert list(found) == ([] if closes else [talk.id])
        for presence in found.values():
            assert (presence.last_ordinal, presence.records.last) == (1, 0)
