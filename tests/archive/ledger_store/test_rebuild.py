"""`verify --rebuild`: what raw gives is compared with what was kept, and put in its place."""

import errno
import gzip
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from ssmd import venues
from ssmd.archive import layout
from ssmd.archive.importer import import_capture
from ssmd.archive.ledger import days, parquet, store
from ssmd.archive.ledger.entries import Coverage, Gap, Repair
from ssmd.cli.verify import verify as command
from ssmd.model import event
from ssmd.model.event import Event
from ssmd.model.frame import Frame
from ssmd.model.session import Session
from ssmd.model.subscription import Shard
from ssmd.model.timestamp import SECOND_NS
from ssmd.model.venue import SessionOptions, Venue
from ssmd.sim.manual_clock import ManualClock
from tests.archive import test_importer
from tests.archive.ledger_store.made import (
    FEED,
    bare,
    from_raw,
    live,
    loaded,
    proved,
    stored,
    world,
)
from tests.archive.made import START, Talk, archive, sent
from tests.shared import shared
from tests.tier import SEED

DAYS = ("2027-01-15", "2027-01-16")
CAPTURES = (
    "data/kalshi/capture-btc1h-20260418.jsonl.gz",
    "data/kalshi/capture-quoter-session-20260701.jsonl.gz",
    "data/kraken/capture-v2-book10-btc-eth-20260802.jsonl.gz",
    "data/kraken_futures/capture-v1-20210722.jsonl.gz",
    "data/polymarket/capture-legacy-btc1h-20250703.jsonl.gz",
)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of two days with its ledger; to be copied."""
    root = tmp_path_factory.mktemp("sound") / "a"
    live(root, world(SEED, hours=20))
    return root


@pytest.fixture
def kept(sound: Path, tmp_path: Path) -> Path:
    """An archive of two days with its ledger."""
    return Path(shutil.copytree(sound, tmp_path / "a"))


def test_a_right_ledger_is_said_to_be_right(kept: Path) -> None:
    """Every file is compared, and none is touched."""
    before = {path: path.stat().st_mtime_ns for path in kept.rglob("*.parquet")}
    found = proved(kept)
    assert found.ledger.equal == len(stored(kept))
    assert (found.ledger.days, found.ledger.written, found.ledger.problems) == (2, [], [])
    assert found.recheck.left_out.keys() == {"incomplete", "unknown_venue"}
    assert {path: path.stat().st_mtime_ns for path in kept.rglob("*.parquet")} == before


@pytest.mark.parametrize("what", ["nothing", "last day", "facts", "older format"])
def test_a_ledger_that_is_merely_behind_is_no_problem(what: str, kept: Path) -> None:
    """It is said, and the right one is written."""
    good = stored(kept)
    day = kept / layout.day(FEED, DAYS[1])
    match what:
        case "nothing":
            shutil.rmtree(kept / layout.LEDGER)
        case "last day":
            shutil.rmtree(day.parent)
        case "facts":
            next(kept.glob("**/*.facts.parquet")).unlink()
        case _:
            day.write_bytes(
                day.read_bytes().replace(b'"format":%d' % days.FORMAT, b'"format":0', 1)
            )
    found = proved(kept)
    assert found.ledger.problems == []
    assert found.ledger.behind
    assert set(found.ledger.behind) == set(found.ledger.written)
    assert stored(kept) == good


def test_a_day_made_from_fewer_segments_is_behind_and_so_are_those_after(tmp_path: Path) -> None:
    """What a late segment changes is not what somebody did to the ledger."""
    root = tmp_path / "a"
    talk = Talk(9)
    whole = [*talk.life(200, step_ns=300 * SECOND_NS), *world(SEED, hours=20)]
    live(root, whole[:20] + whole[60:])
    made = archive(root)
    made.append(sent(whole[20:60], after=len(whole)))
    made.commit()
    made.seal_all()
    made.close()
    found = proved(root).ledger
    assert found.problems == []
    assert {layout.day(FEED, date) for date in DAYS} <= set(found.behind)
    assert from_raw(root, tmp_path / "b") == stored(root)


def _doctor(path: Path) -> None:
    """Take the first coverage out, and vouch for the rest."""
    entries = parquet.decode_entries(Coverage, path.read_bytes(), "x")
    path.write_bytes(parquet.encode_entries(Coverage, entries[1:]))


HARMS: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "doctored": (layout.table(FEED, DAYS[0], "coverage"), _doctor, "1 are missing: only from raw:"),
    "damaged": (
        layout.table(FEED, DAYS[0], "gaps"),
        lambda path: path.write_bytes(path.read_bytes()[:-20]),
        "it is damaged",
    ),
    "gone": (layout.table(FEED, DAYS[1], "repairs"), Path.unlink, "it is gone"),
    "cut": (
        layout.day(FEED, DAYS[1]),
        lambda path: path.write_bytes(path.read_bytes()[:-20]),
        "it is damaged",
    ),
}


@pytest.mark.parametrize("harm", HARMS)
def test_what_was_done_to_the_ledger_is_named(harm: str, kept: Path) -> None:
    """Which day, which table, which rows first; and it is made good."""
    name, do, words = HARMS[harm]
    good = stored(kept)
    do(kept / name)
    found = proved(kept)
    (problem,) = found.ledger.problems
    assert (problem.kind, problem.file) == ("ledger", name)
    assert words in problem.message
    assert not found.ok
    assert stored(kept) == good
    assert proved(kept).ok


def test_a_table_that_lies_in_agreement_with_its_day_is_found(kept: Path) -> None:
    """Readers believe what its digest vouches for: raw does not."""
    name = layout.table(FEED, DAYS[0], "coverage")
    day = days.read(kept, FEED, DAYS[0])
    assert day is not None
    _doctor(kept / name)
    files = day.files | {name: days.digest((kept / name).read_bytes())}
    lying = days._encode(msgspec.structs.replace(day, files=files))
    (kept / layout.day(FEED, DAYS[0])).write_bytes(lying)
    assert loaded(kept) != loaded(bare(kept, kept.with_name("b")))
    (problem,) = proved(kept).ledger.problems
    assert problem.file == name


def test_facts_that_lie_are_found(kept: Path) -> None:
    """They carry the right digest of their segment, and say something else."""
    path = next(kept.glob("**/*.facts.parquet"))
    facts, _ = parquet.decode_facts(path.read_bytes(), "x", {})
    path.write_bytes(parquet.encode_facts(msgspec.structs.replace(facts, notes=facts.notes[1:])))
    (problem,) = proved(kept).ledger.problems
    assert problem.file == str(path.relative_to(kept))
    assert "not what its segment tells" in problem.message


def test_a_damaged_segment_is_told_by_the_facts_of_when_it_was_whole(kept: Path) -> None:
    """That its bytes changed is what `verify` says; the ledger is not made worse by it."""
    good = stored(kept)
    path = next(kept.glob("raw/**/*.zst"))
    path.write_bytes(path.read_bytes()[:-40])
    found = proved(kept)
    assert {problem.kind for problem in found.problems} == {"segment"}
    assert stored(kept) == good


def test_an_import_leaves_its_ledger(tmp_path: Path) -> None:
    """Also where no recorded data is at hand."""
    path = test_importer.capture(tmp_path / "c.jsonl", "hello", "trade", "gap", "trade")
    test_importer.imported(path, tmp_path / "a")
    assert proved(tmp_path / "a").ledger.written == []
    assert {type(entry) for entry in loaded(tmp_path / "a").entries} >= {Gap, Repair}


@pytest.mark.parametrize("capture", CAPTURES)
def test_imports_have_a_ledger_and_are_heard_again(capture: str, tmp_path: Path) -> None:
    """Recorded frames of every venue: the second hearing finds what the first one did."""
    path = shared(capture)
    venue = path.parent.name.replace("_", "-")
    root = tmp_path / "a"
    result = import_capture(path, venue, venues.load(venue), root, clock=ManualClock(START))
    kept = stored(root)
    found = proved(root)
    assert found.ok, found.problems
    assert found.ledger.equal == len(kept)
    assert found.recheck.frames == result.frames
    assert found.recheck.gaps == len(result.gaps)
    assert (found.recheck.excused, found.recheck.left_out) == ({}, {})
    assert from_raw(root, tmp_path / "b") == kept


class Deaf:
    """A session that keeps what it finds to itself."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def open(self, now: object) -> Sequence[Event]:
        """As it does."""
        return self._session.open(now)  # type: ignore[arg-type]

    def receive(self, frame: Frame) -> Sequence[Event]:
        """Everything but gaps."""
        return [each for each in self._session.receive(frame) if not isinstance(each, event.Gap)]


def test_a_recorder_that_hid_a_gap_is_found(tmp_path: Path) -> None:
    """The frames themselves show it: hearing them again needs nobody's word."""
    path = shared("data/kalshi/capture-btc1h-20260418.jsonl.gz")
    lossy = tmp_path / "lossy.jsonl"
    lines = _lines(path)
    lossy.write_bytes(b"".join(lines[:40] + lines[42:]))
    whole = venues.load("kalshi")

    def deaf(shard: Shard, options: SessionOptions) -> Session:
        return Deaf(whole.session(shard, options))  # type: ignore[return-value]

    mute: Venue = msgspec.structs.replace(whole, session=deaf)
    heard = import_capture(lossy, "kalshi", whole, tmp_path / "a", clock=ManualClock(START))
    assert heard.gaps
    assert proved(tmp_path / "a").ok
    import_capture(lossy, "kalshi", mute, tmp_path / "b", clock=ManualClock(START))
    found = proved(tmp_path / "b")
    assert {problem.kind for problem in found.problems} == {"recheck"}
    shown = {problem.ordinals for problem in found.problems}
    assert {((gap.ordinal, gap.ordinal),) for gap in heard.gaps} <= shown


def _lines(path: Path) -> list[bytes]:
    with gzip.open(path) as file:
        return file.readlines()


def test_the_command_tells_a_person_and_a_program(kept: Path) -> None:
    """Without `--rebuild` it is the proof it was, and writes nothing."""
    runner = CliRunner()
    shutil.rmtree(kept / layout.LEDGER)
    plain = runner.invoke(command, [str(kept), "--json"])
    assert not (kept / layout.LEDGER).exists()
    assert "recheck" not in msgspec.json.decode(plain.stdout.splitlines()[-1])
    told = msgspec.json.decode(
        runner.invoke(command, [str(kept), "--rebuild", "--json"]).stdout.splitlines()[-1]
    )
    assert told["ledger"]["days"] == 2
    assert len(told["ledger"]["behind"]) == len(told["ledger"]["written"]) == len(stored(kept))
    assert told["recheck"]["problems"] == []
    shown = runner.invoke(command, [str(kept), "--rebuild"]).output
    assert f"2 days: {len(stored(kept))} files are what raw gives, 0 written." in shown
    assert "Connections left out" in shown
    _doctor(kept / layout.table(FEED, DAYS[0], "coverage"))
    harmed = runner.invoke(command, [str(kept), "--rebuild"])
    assert "PROBLEM: ledger/feed=kraken" in harmed.output
    assert harmed.exit_code == 1
    assert store.update(kept, FEED) == store.Updated([], {})


def _refusing(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """A disk that can only be read: root may write where permissions say no."""
    opened = os.open

    def refuse(path: str | Path, flags: int, *more: int, **named: int) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and str(path).startswith(str(root)):
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        return opened(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", refuse)


def test_where_nothing_can_be_written_it_is_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proof is the same, and says that it wrote nothing; readers do not mind."""
    root = tmp_path / "a"
    live(root, world(SEED, hours=3))
    known = loaded(root)
    with monkeypatch.context() as patch:
        _refusing(patch, root)
        proof = proved(root)
        assert (proof.ok, proof.ledger.written) == (True, [])
        assert "Read-only" in proof.ledger.refused
        assert loaded(root) == known
    name = next(name for name in stored(root) if name.endswith("intent.parquet"))
    (root / name).write_bytes(b"rotted")
    before = stored(root)
    with monkeypatch.context() as patch:
        _refusing(patch, root)
        said = CliRunner().invoke(command, [str(root), "--rebuild"])
        assert loaded(root) == known
    assert said.exit_code == 1
    assert "NOT WRITTEN: Read-only file system" in said.stdout
    assert name in said.stdout
    assert stored(root) == before
    assert proved(root).ledger.refused == ""
    assert proved(root).ok
