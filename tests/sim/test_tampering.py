"""Faults of the data: what is sent and what is withheld is accounted for to the last message."""

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.simulated import Emission
from ssmd.sim.faults import Drift, Duplicate, Gap, Reorder
from ssmd.sim.tampering import Tampering
from tests.sim.market import TALK, tick

symbols = st.sampled_from([None, "A", "B"])
counts = st.integers(1, 3)
orders = st.lists(
    st.builds(Gap, symbol=symbols, count=counts)
    | st.builds(Duplicate, symbol=symbols, count=counts)
    | st.builds(Reorder, symbol=symbols, count=counts),
    max_size=4,
)
streams = st.lists(st.sampled_from(["A", "B", ""]), max_size=30)


def said(*faults: Gap | Duplicate | Reorder, stream: str = "ABAB") -> tuple[str, str]:
    """Numbers of what is sent and of what is withheld of a stream of symbols; `-` is talk."""
    tampering = Tampering()
    for fault in faults:
        tampering.add(fault, 0.0)
    emissions = [TALK if s == "-" else tick(s, n) for n, s in enumerate(stream)]
    sent, withheld = tampering.apply(emissions, 0.0)
    number = {e.payload: str(n) for n, e in enumerate(emissions)} | {TALK.payload: "-"}
    return tuple("".join(number[e.payload] for e in part) for part in (sent, withheld))  # type: ignore[return-value]


def test_a_gap_withholds_so_many_messages_of_that_symbol() -> None:
    """The client's counter must show exactly this many missing."""
    assert said(Gap(count=2)) == ("23", "01")
    assert said(Gap(symbol="B", count=2), stream="ABABAB") == ("0245", "13")


def test_a_duplicate_follows_the_message_at_once() -> None:
    """As a venue that repeats itself."""
    assert said(Duplicate(symbol="B")) == ("01123", "")


def test_a_reordered_message_comes_after_the_next_of_its_kind() -> None:
    """What the counter tells apart is the order within a symbol, when one is named."""
    assert said(Reorder()) == ("1023", "")
    assert said(Reorder(count=2)) == ("1032", "")
    assert said(Reorder(symbol="A"), stream="AB-AB") == ("1-304", "")


def test_talk_is_never_touched() -> None:
    """An answer that lacks is another fault than data that lack."""
    assert said(Gap(count=9), Duplicate(count=9), stream="-A-") == ("--", "1")


def test_orders_are_obeyed_oldest_first() -> None:
    """Each message obeys one."""
    assert said(Gap(), Duplicate(), Reorder()) == ("1132", "0")


def test_what_is_held_back_at_the_end_is_told() -> None:
    """It was never sent: an oracle must not wait for it."""
    tampering = Tampering()
    tampering.add(Reorder(), 0.0)
    assert tampering.apply([tick("A", 1)], 0.0) == ([], [])
    assert tampering.end() == (tick("A", 1),)
    assert tampering.end() == ()


def test_a_renamed_field_is_renamed_in_data_for_a_while() -> None:
    """Names only, whatever stands around them; talk keeps its words."""
    tampering = Tampering()
    tampering.add(Drift(field="price", to="px", for_s=5.0), 10.0)
    data = Emission(b'{"price" : "price","xprice":1,"l":[{"price":2}]}', symbols=("A",))
    talk = Emission(b'{"price":1}')
    sent, withheld = tampering.apply([data, talk], 14.9)
    assert [e.payload for e in sent] == [
        b'{"px" : "price","xprice":1,"l":[{"px":2}]}', b'{"price":1}'
    ]  # fmt: skip
    assert sent[0].symbols == ("A",)
    assert not withheld
    assert tampering.apply([data], 15.0) == ([data], [])
    assert tampering.apply([data], 16.0)[0] == [data]


@given(faults=orders, stream=streams, cuts=st.lists(st.integers(0, 30), max_size=3))
def test_nothing_is_lost_and_nothing_made_up(
    faults: list[Gap | Duplicate | Reorder], stream: list[str], cuts: list[int]
) -> None:
    """However it comes in pieces, every message is sent, sent twice, withheld, or held to the end.

    Talk is sent once, in order.
    """
    tampering = Tampering()
    for fault in faults:
        tampering.add(fault, 0.0)
    emissions = [
        tick(symbol, n) if symbol else Emission(b"%d" % n) for n, symbol in enumerate(stream)
    ]
    sent: list[Emission] = []
    withheld: list[Emission] = []
    edges = [0, *sorted(cuts), len(emissions)]
    for begin, end in pairwise(edges):
        more, less = tampering.apply(emissions[begin:end], 0.0)
        sent += more
        withheld += less
    withheld += tampering.end()
    told = Counter(e.payload for e in sent) + Counter(e.payload for e in withheld)
    assert set(told) == {e.payload for e in emissions}
    doubled = sum(told.values()) - len(emissions)
    assert doubled <= sum(f.count for f in faults if isinstance(f, Duplicate))
    assert len(withheld) <= sum(f.count for f in faults if isinstance(f, Gap)) + 1
    talk = [e for e in emissions if not e.symbols]
    assert [e for e in sent if not e.symbols] == talk
