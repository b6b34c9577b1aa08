"""Lines as they come tell what lines in order would."""

from collections import Counter
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd import venues
from ssmd.archive import line
from ssmd.archive.presence import Presence
from ssmd.archive.tables.built import Accounting, Carry, Standing
from ssmd.archive.tables.decoding import Decoding
from ssmd.archive.tables.order import ordered
from ssmd.archive.tables.sweep import Sweep
from ssmd.model.envelope import Envelope
from ssmd.model.errors import Damaged
from ssmd.model.records import GapFound, GapRepaired
from tests.archive.tables.made import FEED, START, Talk

VENUE = venues.load(FEED)


def begun(carry: Carry) -> Decoding:
    """Nothing is decoded yet."""
    account = Accounting(segment="", sha256="", lines=0, rows={})
    return Decoding(FEED, VENUE, carry, {}, [account], tables={"trades"})


def present(said: Sequence[Envelope]) -> dict[str, Presence]:
    """What manifests would tell."""
    found: dict[str, Presence] = {}
    for each in said:
        found.setdefault(each.connection, Presence()).add(each)
    return found


@st.composite
def conversations(draw: st.DrawFn) -> list[Envelope]:
    """Frames of two connections, some in pieces, some missing, late, or there again."""
    said: list[Envelope] = []
    for shard in (0, 1):
        talk = Talk(shard)
        talk.ordinal = draw(st.integers(0, 2))
        for number in range(draw(st.integers(0, 8))):
            talk.ts = START + draw(st.integers(0, 20)) * 1_000_000
            one = talk.trades(number) if draw(st.booleans()) else talk.ticker(number)
            one = msgspec.structs.replace(one, ts_recv=draw(st.sampled_from([None, one.ts_recv])))
            parts = draw(st.sampled_from([1, 1, 3]))
            said += [msgspec.structs.replace(one, part=at, parts=parts) for at in range(parts)]
    kept = [each for each in said if draw(st.integers(0, 9))]
    again = draw(st.lists(st.sampled_from(kept), max_size=4)) if kept else []
    return list(draw(st.permutations([*kept, *again])))


@given(said=conversations())
def test_how_far_connections_were_heard_does_not_depend_on_the_order(said: list[Envelope]) -> None:
    """Last frame, first and last time, and the rows: each frame counts once."""
    carry = Carry(connections={Talk(0).id: Standing(ordinal=1)})
    texts = [line.encode(each) for each in said]
    expected, found = begun(carry), begun(carry)
    for taken in ordered([texts], present(said), {}):
        expected.take(taken)
    sweep = Sweep(VENUE, found, {"trades"}, None)
    for at in range(0, len(texts), 5):
        sweep.take(texts[at : at + 5], 0)
        sweep.settle()
    assert found.connections.lives == expected.connections.lives
    assert sweep.lacking(present(said)) == []
    assert sweep.newest == max((each.ts_recv or 0 for each in said), default=0)
    (trades,), (others,) = found.tables["trades"], expected.tables["trades"]
    names = ("connection", "ordinal", "part", "row")
    assert Counter(zip(*map(trades.column, names), strict=True)) == Counter(
        zip(*map(others.column, names), strict=True)
    )


@given(said=conversations(), data=st.data())
def test_what_does_not_come_is_noticed(said: list[Envelope], data: st.DataObject) -> None:
    """Any piece of any frame that a manifest tells of."""
    talk = Talk(2)
    gone = data.draw(st.sampled_from([talk.ticker(1), *said]))
    sweep = Sweep(VENUE, begun(Carry()), {"trades"}, None)
    left = [each for each in said if (each.ordinal, each.part) != (gone.ordinal, gone.part)]
    sweep.take([line.encode(each) for each in left], 0)
    assert gone.connection in sweep.lacking(present([*said, gone]))


def test_a_frame_of_another_instrument_may_end_a_gap() -> None:
    """Its time counts, though nothing of it is asked for."""
    talk = Talk()
    found = begun(Carry())
    sweep = Sweep(VENUE, found, {"trades"}, ["ETH/USD"])
    whole = talk.ticker(1, again=True)
    gap = GapFound(
        channel="x", symbols=("ETH/USD",), kind="sequence", expected=1, found=2, ordinal=0
    )
    repair = GapRepaired(channel="x", symbols=("ETH/USD",), by="x", ordinal=whole.ordinal)
    found.connections.record(talk.id, START, gap)
    found.connections.record(talk.id, START + 10**9, repair)
    sweep.take([line.encode(whole)], 0)
    (span,) = found.connections.broken(talk.id, "ETH/USD", START, START + 10**12)
    assert span == (START, whole.ts_recv)


def test_what_is_no_line_is_damage() -> None:
    """It is said, and not passed over."""
    sweep = Sweep(VENUE, begun(Carry()), {"trades"}, None)
    with pytest.raises(Damaged, match="Not a line"):
        sweep.take([b"no"], 0)
