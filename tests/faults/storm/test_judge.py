"""The judge of a storm: content with a real archive, and red for each single thing amiss with it."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from ssmd.archive import reader
from ssmd.archive.settings import ArchiveSettings
from ssmd.archive.writer import Archive
from ssmd.cli.storming import Outcome
from ssmd.feeds import registry
from ssmd.model.envelope import CONNECTION, LEDGER, Envelope
from ssmd.model.records import (
    Closed,
    ConnectionRecord,
    GapFound,
    Judged,
    LedgerRecord,
    decode_connection,
    decode_ledger,
    encode,
)
from ssmd.runtime import loop
from ssmd.sim.manual_clock import ManualClock
from ssmd.sim.storm import catalog, judge
from ssmd.sim.storm.judge import Verdict
from tests.e2e.acts import FEED
from tests.faults.storm import running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

Envelopes = Sequence[Envelope]
Record = ConnectionRecord | LedgerRecord
SETTINGS = ArchiveSettings(grace_s=0, horizon_s=None)


class Case:
    """A schedule that passed, and judgements of archives that differ from its own."""

    def __init__(self, root: Path, outcome: Outcome) -> None:
        self.outcome = outcome
        self.root = root / "data"
        self.venue = root / "venue"
        (found,) = self.root.rglob("socket-0.jsonl")
        shutil.copytree(found.parent, self.venue)
        self.envelopes = [line.envelope for line in reader.read(self.root, FEED)]
        self._copies = 0

    def judged(self, envelopes: Envelopes, again: Envelopes = ()) -> Verdict:
        """The verdict on an archive of just these, some of them archived `again` by another."""
        self._copies += 1
        root = self.root.with_name(f"copy-{self._copies}")
        write(root, "STORM_KRAKEN", envelopes)
        if again:
            write(root, "STORM_OTHER", again)
        return self.judge(root)

    def judge(self, root: Path) -> Verdict:
        """The verdict on an archive of this storm."""
        feed = registry.load_feed(FEED)
        outcome = self.outcome
        return judge.judge(root, self.venue, feed, outcome.struck, drained=outcome.drained)

    @property
    def killed(self) -> str:
        """The connection that died with its process."""
        (found,) = (
            each.connection
            for each in self.envelopes
            if each.type == CONNECTION
            and isinstance(closed := decode_connection(each.payload), Closed)
            and closed.reason == "died"
        )
        return found


def write(root: Path, stream: str, envelopes: Envelopes) -> None:
    """An archive made by one writer, sealed."""
    archive = Archive(root, stream, clock=ManualClock(), settings=SETTINGS)
    for envelope in envelopes:
        archive.put(envelope)
    archive.commit()
    archive.seal_all()
    archive.close()


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A connector killed, a connection reset, messages withheld."""
    root = tmp_path_factory.mktemp("storm")
    kinds = catalog.chosen(["kill_connector", "abort", "gap"])
    for seed in range(7, 13):  # now and then nothing is on its way when a connection ends
        place = root / f"seed-{seed}"
        outcome = loop.run(running.perform(place / "data", seed, kinds, strikes=3))
        assert running.complaints(outcome) == []
        if outcome.verdict.explained:
            return Case(place, outcome)
    pytest.fail("no schedule lost anything on its way: nothing can be judged")


def test_an_archive_written_anew_passes_as_the_first_one_did(case: Case) -> None:
    """Else what follows would prove nothing."""
    verdict = case.judged(case.envelopes)
    assert verdict == case.outcome.verdict
    assert verdict.ok
    assert verdict.books > 0
    assert verdict.explained > 0
    assert verdict.in_outage > 0


def test_a_frame_that_is_gone_is_seen(case: Case) -> None:
    """One of thousands, in the middle."""
    frames = [n for n, each in enumerate(case.envelopes) if each.ordinal is not None]
    at = frames[len(frames) // 2]
    verdict = case.judged([*case.envelopes[:at], *case.envelopes[at + 1 :]])
    assert "neither archived nor declared lost" in str(verdict.problems)


def test_a_frame_archived_twice_is_seen(case: Case) -> None:
    """By another writer: one alone would drop it."""
    frame = next(each for each in case.envelopes if each.ordinal == 50)
    verdict = case.judged(case.envelopes, [frame])
    assert "more than once" in str(verdict.problems)


def test_an_altered_byte_is_seen(case: Case) -> None:
    """The digit of a price is enough."""

    def alter(each: Envelope) -> Envelope:
        if each.ordinal != 60:
            return each
        swapped = bytes([*each.payload[:-1], each.payload[-1] ^ 1])
        return msgspec.structs.replace(each, payload=swapped)

    verdict = case.judged([alter(each) for each in case.envelopes])
    assert "other bytes than were sent" in str(verdict.problems)


def changed(
    envelopes: Envelopes,
    change: Callable[[Record, str], Record | None],
) -> list[Envelope]:
    """Our own records changed, or left out, by what they say and whose they are."""
    result = []
    for each in envelopes:
        if each.type not in {CONNECTION, LEDGER}:
            result.append(each)
            continue
        decode = decode_connection if each.type == CONNECTION else decode_ledger
        record = change(decode(each.payload), each.connection)
        if record is not None:
            result.append(msgspec.structs.replace(each, payload=encode(record)))
    return result


def test_an_outage_with_the_wrong_reason_is_seen(case: Case) -> None:
    """A process that was killed did not shut down."""

    def misattribute(record: Record, connection: str) -> Record:
        if isinstance(record, Closed) and connection == case.killed:
            return msgspec.structs.replace(record, reason="shutdown", by="connector")
        return record

    verdict = case.judged(changed(case.envelopes, misattribute))
    (problem,) = verdict.problems
    assert "is said to be `shutdown`" in problem
    assert "`died`" in problem


def test_a_gap_that_is_not_told_is_seen(case: Case) -> None:
    """What was withheld on purpose, and noticed, must be on record."""

    def hush(record: Record, _: str) -> Record | None:
        if not isinstance(record, GapFound):
            return record
        return Judged(
            symbol="", verdict="quiet", silent_s=0, missed=0, evidence="none", action="none"
        )

    verdict = case.judged(changed(case.envelopes, hush))
    assert "the ledger has no gap of then" in str(verdict.problems)


def test_a_book_that_is_not_the_venues_is_seen(case: Case, tmp_path: Path) -> None:
    """A checkpoint says another quantity than the archive's messages add up to."""
    whole = case.venue
    case.venue = tmp_path / "venue"
    try:
        shutil.copytree(whole, case.venue)
        path = case.venue / "books-0.jsonl"
        lines = path.read_text().splitlines()
        other = lines[0].replace('"bids":[["', '"bids":[["9', 1)  # a price that nobody said
        path.write_text("\n".join([other, *lines[1:], ""]))
        verdict = case.judge(case.root)
    finally:
        case.venue = whole
    (problem,) = verdict.problems
    assert "differs from the venue's" in problem
