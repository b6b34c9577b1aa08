"""The kept ledger is what raw gives, whenever it is looked at, and costs one day a seal."""

import multiprocessing
import random
import shutil
import threading
from pathlib import Path

import msgspec
import pytest
import structlog.testing

from ssmd.archive import layout
from ssmd.archive.ledger import parquet, segments, store
from ssmd.archive.ledger.entries import Coverage, Entry, Hole, Intent, Loss
from ssmd.archive.writer import Archive
from ssmd.model.errors import ConfigError
from ssmd.model.timestamp import SECOND_NS
from ssmd.sim.manual_clock import ManualClock
from tests.archive.ledger_store.made import (
    FEED,
    HOUR_NS,
    bare,
    from_raw,
    live,
    loaded,
    proved,
    stored,
    world,
)
from tests.archive.made import START, STREAM, Talk, archive, sent
from tests.tier import SEED, scale

DAY_NS = layout.DAY_NS
THIRD_DAY = "2027-01-17"


@pytest.mark.parametrize("seed", range(SEED, SEED + scale(gate=1, full=30)))
def test_the_live_ledger_is_the_one_from_raw(seed: int, tmp_path: Path) -> None:
    """Over days and segments, gaps, losses and connections that end: byte for byte."""
    root = tmp_path / "a"
    live(root, world(seed, hours=60))
    kept = stored(root)
    assert len([name for name in kept if name.endswith("day.json")]) >= 3
    assert from_raw(root, tmp_path / "b") == kept
    assert proved(root).ledger.written == []


@pytest.mark.parametrize("seed", range(SEED, SEED + scale(gate=1, full=20)))
def test_late_data_and_a_second_writer_change_nothing_in_that(seed: int, tmp_path: Path) -> None:
    """What is late opens another segment of its slot; categories are streams of their own."""
    root = tmp_path / "a"
    talk = Talk(9)
    whole = [*talk.life(200, step_ns=300 * SECOND_NS), *world(seed, hours=30)]
    late = whole[20:60]
    live(root, whole[:20] + whole[60:])
    (hole,) = [entry for entry in loaded(root).entries if isinstance(entry, Hole)]
    assert (hole.connection, hole.ordinals) == (talk.id, (19, 58))
    made = archive(root)
    made.append(sent(late, after=len(whole)))
    made.commit()
    made.seal_all()
    made.close()
    assert not any(isinstance(entry, Hole) for entry in loaded(root).entries)
    store.update(root, FEED)
    other = Archive(root, f"{STREAM}_OTHER", clock=ManualClock(START))
    for envelope in world(seed + 1, hours=30, shard=7):
        other.put(envelope)
    other.commit()
    other.seal_all()
    other.close()
    store.update(root, FEED)
    assert not any(isinstance(entry, Hole) for entry in loaded(root).entries)
    assert from_raw(root, tmp_path / "b") == stored(root)


@pytest.mark.parametrize("seed", range(SEED, SEED + scale(gate=1, full=10)))
def test_at_every_commit_the_ledger_is_right_without_being_stored(
    seed: int, tmp_path: Path
) -> None:
    """Open segments count up to their last commit; a reader writes nothing."""
    root = tmp_path / "a"
    clock = ManualClock(START)
    made = archive(root, clock, interval_s=3 * 3600, grace_s=0.0)
    stream = sent(world(seed, hours=28))
    step = len(stream) // 12
    for at in range(0, len(stream), step):
        made.append(stream[at : at + step])
        made.commit()
        found = loaded(root)
        assert found == loaded(bare(root, tmp_path / "b"))
        newest = max(each.envelope.ts_recv or 0 for each in stream[: at + step])
        assert found.until == newest
        if made.tick(newest) and at % (2 * step):
            store.update(root, FEED)
            assert loaded(root) == found
    made.close()


def test_a_seal_folds_one_day_and_reads_no_segment_again(tmp_path: Path) -> None:
    """What was sealed before stands in facts files, and the days before in theirs."""
    root = tmp_path / "a"
    envelopes = world(SEED, hours=60)
    cut = next(
        at for at, each in enumerate(envelopes) if (each.ts_recv or 0) > START + 50 * HOUR_NS
    )
    live(root, envelopes[:cut])
    before = stored(root)
    made = archive(root)
    made.append(sent(envelopes[cut:], after=cut))
    made.commit()
    made.seal_all()
    made.close()
    scans: list[object] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "scan", lambda *found: scans.append(found))
        updated = store.update(root, FEED)
    assert updated is not None
    assert scans == []
    assert updated.dates == [THIRD_DAY]
    assert updated.entries["intent"] >= 1
    changed = {name for name, content in stored(root).items() if before.get(name) != content}
    assert all(THIRD_DAY in name for name in changed)
    assert store.update(root, FEED) == store.Updated([], {})


@pytest.mark.parametrize("seed", range(SEED, SEED + scale(gate=1, full=10)))
def test_part_of_the_time_is_part_of_the_ledger(seed: int, tmp_path: Path) -> None:
    """What was told days later, and days of which nothing is archived, are part of the answer."""
    root = tmp_path / "a"
    talk = Talk(9)
    before = [talk.opened(), *talk.frames(40, step_ns=60 * SECOND_NS)]
    talk.ordinal += 5
    talk.ts += 5 * DAY_NS
    late = [*talk.frames(5), talk.lost((40, 44)), talk.closed()]
    live(root, [*before, *world(seed, hours=50), *late])
    whole = loaded(root)
    (loss,) = [entry for entry in whole.entries if entry.connection == talk.id]
    assert isinstance(loss, Loss)
    assert loss.since < START + HOUR_NS
    chance = random.Random(seed)
    for _ in range(scale(gate=20, full=200)):
        since, until = sorted(START + chance.randrange(-DAY_NS, 7 * DAY_NS) for _ in range(2))
        found = loaded(root, FEED, since, until)
        known = max(since, min(until, whole.until))
        assert (found.since, found.until) == (max(since, whole.since), known)
        assert [_as_of(entry, until) for entry in found.entries] == [
            _as_of(entry, until)
            for entry in whole.entries
            if entry.since < until and (entry.until is None or entry.until > since)
        ]
        assert [a for a in whole.activity if a in found.activity] == list(found.activity)


def _as_of(entry: Entry, until: int) -> Entry:
    """An intent or a coverage as it is known to who asks no further."""
    if isinstance(entry, Intent | Coverage) and (entry.until is None or entry.until > until):
        return msgspec.structs.replace(entry, until=None, ended="")
    return entry


DAMAGE = {
    "gone": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "changed": lambda path: path.write_bytes(_changed(path.read_bytes())),
}


def _changed(content: bytes) -> bytes:
    """One bit in the middle is another."""
    at = len(content) // 2
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of two days with its ledger; to be copied."""
    root = tmp_path_factory.mktemp("sound") / "a"
    live(root, world(SEED, hours=20))
    return root


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize(
    "what", ["facts.parquet", "coverage.parquet", "carry.json.zst", "day.json"]
)
def test_whatever_is_damaged_is_made_again(
    what: str, how: str, sound: Path, tmp_path: Path
) -> None:
    """No reader believes a damaged file, and none needs it: raw has everything."""
    root = Path(shutil.copytree(sound, tmp_path / "a"))
    good, known = stored(root), loaded(root)
    names = [name for name in good if name.endswith(what)]
    DAMAGE[how](root / names[0])
    if what == "facts.parquet":  # they are asked for only when their day is folded again
        (root / layout.day(FEED, "2027-01-15")).unlink()
    if what == "carry.json.zst":  # it is asked for only when the next day is folded
        (root / layout.day(FEED, "2027-01-16")).unlink()
    assert loaded(root) == known
    if what == "coverage.parquet":  # an update trusts the day; its readers do not
        proved(root)
    else:
        store.update(root, FEED)
    assert stored(root) == good


def test_a_table_its_day_does_not_vouch_for_is_not_believed(sound: Path, tmp_path: Path) -> None:
    """It may be whole, and of another day's making: an update may be under way."""
    root = Path(shutil.copytree(sound, tmp_path / "a"))
    known = loaded(root)
    (root / layout.table(FEED, "2027-01-15", "coverage")).write_bytes(
        parquet.encode_entries(Coverage, [])
    )
    assert loaded(root) == known


def test_facts_of_other_bytes_are_not_believed(sound: Path, tmp_path: Path) -> None:
    """The digest in a facts file must be the one in the manifest; a foreign one is made again."""
    root = Path(shutil.copytree(sound, tmp_path / "a"))
    good, known = stored(root), loaded(root)
    for name in (name for name in good if name.endswith("facts.parquet")):
        facts, _ = parquet.decode_facts(good[name], name, {})
        foreign = msgspec.structs.replace(facts, sha256="ab" * 32, notes=(), frames={})
        (root / name).write_bytes(parquet.encode_facts(foreign))
    (root / layout.day(FEED, "2027-01-15")).unlink()
    (root / layout.day(FEED, "2027-01-16")).unlink()
    assert loaded(root) == known
    store.update(root, FEED)
    assert stored(root) == good


def test_only_one_writes_a_ledger_at_a_time(tmp_path: Path) -> None:
    """Whoever comes second says so and leaves; processes as well as threads."""
    root = tmp_path / "a"
    live(root, world(SEED, hours=3))
    with store.locked(root, FEED) as mine, structlog.testing.capture_logs() as logs:
        assert mine
        assert store.update(root, FEED) is None
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            assert pool.apply(store.update, (root, FEED)) is None
    assert [entry["event"] for entry in logs] == ["ledger.busy"]
    assert store.update(root, FEED) == store.Updated([], {})


def test_many_updates_at_once_leave_a_right_ledger(tmp_path: Path) -> None:
    """Archivers of several streams of one feed seal at the same moment."""
    root = tmp_path / "a"
    live(root, world(SEED, hours=30))
    good = stored(root)
    shutil.rmtree(root / layout.LEDGER)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            while store.update(root, FEED) is None:
                pass
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test fails
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert stored(root) == good


def test_feeds_are_those_of_which_something_is_archived(tmp_path: Path) -> None:
    """Whatever they are called; a directory that is no archive is refused."""
    with pytest.raises(ConfigError):
        store.feeds(tmp_path)
    with pytest.raises(ConfigError):
        store.load(tmp_path, FEED)
    for feed in ("kraken", "a/b", "x.y"):
        live(tmp_path, Talk(feed=feed).life(3))
    (tmp_path / layout.RAW / "note").mkdir()
    assert store.feeds(tmp_path) == ["a/b", "kraken", "x.y"]
    assert loaded(tmp_path, "nothing").entries == ()


def test_a_segment_that_retention_took_is_told_by_its_facts(tmp_path: Path) -> None:
    """Without bytes and without facts the manifest still says what it held."""
    root = tmp_path / "a"
    live(root, world(SEED, hours=6))
    known = loaded(root)
    for path in root.glob("raw/*/*/*.zst"):
        path.unlink()
    (root / layout.day(FEED, "2027-01-15")).unlink()
    assert loaded(root) == known
    shutil.rmtree(root / layout.LEDGER)
    assert (loaded(root).since, loaded(root).until) == (known.since, known.until)
