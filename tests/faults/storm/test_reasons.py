"""Whether a ledger says where and why: content when it does, red for each way in which it does not."""

from pathlib import Path

import msgspec
import pytest

from ssmd.archive.ledger.entries import Coverage, Entry, Gap, Hole, Ledger, Loss, Outage
from ssmd.model.simulated import Emission
from ssmd.model.timestamp import SECOND_NS
from ssmd.sim import ledger as sim_ledger
from ssmd.sim.ledger import SocketLedger
from ssmd.sim.oracle import Conservation, Missing
from ssmd.sim.storm.reasons import Explained, Reasons, Struck

START = 1_800_000_000 * SECOND_NS
FIRST, SECOND = "kraken-0-first", "kraken-0-second"
BOOK = ("book", "A/B")


def at(seconds: float) -> int:
    return START + round(seconds * SECOND_NS)


def struck(fault: str = "kill_connector", since: float = 19.0, until: float = 21.0) -> Struck:
    return Struck(fault=fault, since=at(since), until=at(until), seen=True, effect="")


def cover(connection: str, since: float, until: float | None, ended: str = "") -> Coverage:
    return Coverage(
        feed="kraken", since=at(since), until=None if until is None else at(until),
        reason="subscribed", connection=connection, record=1, file="", channel=BOOK[0],
        symbol=BOOK[1], ordinal=0, ended=ended,
    )  # fmt: skip


def outage(since: float = 20.0, until: float | None = 30.0, reason: str = "died") -> Outage:
    return Outage(
        feed="kraken", since=at(since), until=None if until is None else at(until), reason=reason,
        connection=FIRST, record=9, file="", channel=BOOK[0], symbol=BOOK[1], ended_by=SECOND,
    )  # fmt: skip


def gap(ordinal: int, reason: str = "checksum") -> Gap:
    return Gap(
        feed="kraken", since=at(ordinal), until=at(ordinal + 1), reason=reason, connection=FIRST,
        record=5, file="", channel="book", symbols=("A/B",), expected=1, found=2, ordinal=ordinal,
    )  # fmt: skip


def loss(first: int, last: int, reason: str = "spool_full") -> Loss:
    return Loss(
        feed="kraken", since=at(first), until=at(last), reason=reason, connection=FIRST, record=7,
        file="", symbols=(), ordinals=(first, last),
    )  # fmt: skip


def missing(first: int, last: int, *, received: bool = False, socket: int = 0) -> Missing:
    connection = {0: FIRST, 1: SECOND}.get(socket)
    return Missing(socket, connection, first, last, at(first), at(last), received)


WHOLE: tuple[Entry, ...] = (cover(FIRST, 1, 20), outage(), cover(SECOND, 30, 100))


@pytest.fixture
def venue(tmp_path: Path) -> Path:
    """Socket 0 says a message a second for 25 s; socket 1 begins after 29 s."""
    for port, begin, count in ((1, 0, 25), (2, 29, 71)):
        socket = SocketLedger(tmp_path, "127.0.0.1:9", f"127.0.0.1:{port}", at(begin))
        for number in range(count):
            socket.append([Emission(b"%d" % number)], at(begin + number))
        socket.close(at(begin + count), "lost")
    return tmp_path


def judged(
    venue: Path,
    *lacks: Missing,
    entries: tuple[Entry, ...] = WHOLE,
    strikes: tuple[Struck, ...] = (struck(since=19, until=26),),
    drained: float = 100.0,
) -> Explained:
    ledger = Ledger(
        feed="kraken", venue="kraken", since=START, until=at(100), entries=entries, activity=()
    )
    conservation = Conservation(served={0: FIRST, 1: SECOND}, missing=list(lacks))
    return Reasons(ledger, conservation, sim_ledger.read(venue), strikes, at(drained)).judge()


def test_what_lies_in_an_outage_is_explained(venue: Path) -> None:
    """The rest of a socket whose connection died."""
    assert judged(venue, missing(21, 24)) == Explained(intervals=1, problems=[])


def test_a_late_frame_may_be_older_than_the_outage(venue: Path) -> None:
    """An outage begins at the receipt of the last frame; what came after was sent a bit before."""
    assert judged(venue, missing(19, 24)).problems == []


@pytest.mark.parametrize(
    "entries",
    [
        (cover(FIRST, 1, 20), cover(SECOND, 30, 100)),
        (cover(FIRST, 1, 20), outage(until=23.0), cover(SECOND, 30, 100)),
        (cover(FIRST, 1, 20), outage(since=23.0), cover(SECOND, 30, 100)),
    ],
    ids=["none", "ends too early", "begins too late"],
)
def test_what_lies_in_no_outage_is_told(venue: Path, entries: tuple[Entry, ...]) -> None:
    """Missing messages must be covered to the last one."""
    (problem,) = judged(venue, missing(21, 24), entries=entries).problems
    assert "Messages 21 to 24 of socket 0" in problem
    assert "the ledger does not say so" in problem


def test_another_connection_may_hold_it_meanwhile(venue: Path) -> None:
    """A successor that was there before costs nothing: that is no outage."""
    entries = (cover(FIRST, 1, 20), cover(SECOND, 29, 100))
    moved = Missing(0, FIRST, 21, 24, at(31), at(34), False)
    assert judged(venue, moved, entries=entries).problems == []


def test_nobody_is_covered_before_his_socket_is_open(venue: Path) -> None:
    """Else a wrong acknowledgement would hide the end of an outage."""
    entries = (cover(FIRST, 1, 20), cover(SECOND, 20, 100))
    (problem,) = judged(venue, missing(21, 24), entries=entries).problems
    assert "before its socket was open" in problem


@pytest.mark.parametrize("reason", ["shutdown", "lost", "unknown", "host_suspended"])
def test_an_outage_needs_the_fault_that_ends_connections_so(venue: Path, reason: str) -> None:
    """A killed process did nothing else than die."""
    entries = (cover(FIRST, 1, 20), outage(reason=reason), cover(SECOND, 30, 100))
    (problem,) = judged(venue, missing(21, 24), entries=entries).problems
    assert f"is said to be `{reason}`; what struck then" in problem
    assert "gives `died`" in problem


def test_an_outage_that_nothing_struck_is_told(venue: Path) -> None:
    """Whoever loses a connection without a fault has a fault of his own."""
    (problem,) = judged(venue, strikes=(struck(since=60, until=61),)).problems
    assert "gives no reason at all" in problem


def test_an_answer_may_come_late_as_long_as_the_gap_lasts(venue: Path) -> None:
    """Asking anew is a consequence of a gap that is judged by itself, and of nothing else."""
    anew = outage(since=15, until=16, reason="unsubscribed")
    strikes = (struck("checksum", since=9, until=11), struck(since=19, until=26))
    long = msgspec.structs.replace(gap(10), until=at(17))
    assert judged(venue, entries=(*WHOLE, long, anew), strikes=strikes).problems == []
    assert judged(venue, entries=(*WHOLE, gap(10), anew), strikes=strikes).problems
    other = msgspec.structs.replace(long, symbols=("C/D",))
    assert judged(venue, entries=(*WHOLE, other, anew), strikes=strikes).problems


def test_last_words_need_a_spool_that_keeps_them(venue: Path) -> None:
    """Who is stopped while nothing can be kept has died, for all that is known."""
    stop = struck("stop_connector", since=24, until=26)
    assert judged(venue, strikes=(stop,)).problems
    assert judged(venue, strikes=(stop, struck("spool_enospc", since=24, until=26))).problems == []
    assert judged(venue, strikes=(struck("spool_enospc", since=24, until=26),)).problems


def test_a_drain_ends_connections(venue: Path) -> None:
    """What is sent after everything was asked to end lies beyond what the ledger knows."""
    last = outage(since=100, until=None, reason="shutdown")
    after = Missing(1, SECOND, 71, 75, at(101), at(102), False)
    assert judged(venue, after, entries=(*WHOLE, last), drained=24).problems == []


def test_received_and_lost_must_be_declared_whole(venue: Path) -> None:
    """Every ordinal; and a full disk is no reason when no disk was full."""
    lack = missing(10, 12, received=True)
    disk = struck("spool_enospc", 9, 13)
    kill = struck(since=19, until=26)
    entries = (*WHOLE, loss(10, 12))
    assert judged(venue, lack, entries=entries, strikes=(disk, kill)).problems == []
    (part,) = judged(venue, lack, entries=(*WHOLE, loss(10, 11)), strikes=(disk, kill)).problems
    assert "Messages 10 to 12" in part
    (why,) = judged(venue, lack, entries=entries, strikes=(kill,)).problems
    assert "is said to be `spool_full`" in why


def test_a_hole_is_a_place_too(venue: Path) -> None:
    """It says where; that it must not be is the oracle's business."""
    hole = Hole(
        feed="kraken", since=at(10), until=at(12), reason="missing", connection=FIRST,
        record=None, file="", symbols=(), ordinals=(10, 12),
    )  # fmt: skip
    assert judged(venue, missing(10, 12, received=True), entries=(*WHOLE, hole)).problems == []


def test_gaps_need_their_fault_and_faults_their_gap(venue: Path) -> None:
    """What was withheld and noticed is told; what nobody made is not."""
    kill, withheld = struck(since=19, until=26), struck("gap", 9, 11)
    entries = (*WHOLE, gap(10))
    assert judged(venue, entries=entries, strikes=(kill, withheld)).problems == []
    (untold,) = judged(venue, strikes=(kill, withheld)).problems
    assert "the ledger has no gap of then" in untold
    (unmade,) = judged(venue, entries=entries, strikes=(kill,)).problems
    assert "is said to be `checksum`" in unmade
    (other,) = judged(venue, entries=(*WHOLE, gap(10, "frozen")), strikes=(kill, withheld)).problems
    assert "is said to be `frozen`" in other


def test_times_prove_nothing_once_a_clock_was_set(venue: Path) -> None:
    """Identities do: the outage must be there, whenever the archive's clock places it."""
    strikes = (struck(since=19, until=26), struck("clock_back", 5, 6))
    shifted = (cover(FIRST, 1, 20), outage(since=-880, until=-870), cover(SECOND, -870, 100))
    assert judged(venue, missing(21, 24), entries=shifted, strikes=strikes).problems == []
    none = (cover(FIRST, 1, 20),)
    assert judged(venue, missing(21, 24), entries=none, strikes=strikes).problems != []
