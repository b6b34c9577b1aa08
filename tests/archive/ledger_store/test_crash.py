"""Whatever prevents the ledger from being written, the archive goes on and loses nothing by it."""

import errno
import shutil
from pathlib import Path

import pytest
import structlog.testing

from ssmd.archive import durable, layout, verify
from ssmd.archive.errors import DiskRefused
from ssmd.archive.ledger import keeping, parquet, store
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime.metrics import REGISTRY
from ssmd.sim.manual_clock import ManualClock
from tests import disk
from tests.archive.crash import Crash, Mortal
from tests.archive.ledger_store.made import FEED, from_raw, loaded, stored, world
from tests.archive.made import START, Sent, Talk, archive, record, sent
from tests.archive.power import Power
from tests.tier import SEED, scale


def count(name: str, **labels: str) -> float:
    """A metric's value now."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def written(root: Path, life: list[Sent]) -> None:
    """What is missing is committed, sealed and folded, as by the next start."""
    again = archive(root)
    begin = again.position.sequence if again.position else 0
    again.append(life[begin:])
    again.commit()
    again.seal_all()
    again.close()
    store.update(root, FEED)


@pytest.mark.parametrize("what", ["sealing", "recovery", "update"])
def test_a_crash_at_any_step_leaves_the_same_ledger(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at every system call in turn while facts and days are written."""
    life = sent(Talk().life(60, step_ns=SECOND_NS * 40))  # three slots
    whole = tmp_path / "whole"
    written(whole, life)
    good, known = stored(whole), loaded(whole)
    parquet.Counts.of({})  # arrow is loaded: that takes steps, too
    mortal = Mortal(monkeypatch)
    step, survived = 0, False
    while not survived:
        root = tmp_path / f"{what}-{step}"
        root.mkdir()
        shutil.copy(whole / layout.IDENTITY, root)  # it is part of the names
        made = archive(root)
        made.append(life)
        made.commit()
        try:
            mortal.left = step
            if what == "recovery":
                made.close()
                archive(root).close()
            else:
                made.seal_all()
            if what == "update":
                store.update(root, FEED)
            survived = True
        except Crash:
            pass
        mortal.left = -1
        made.close()
        assert loaded(root) == known
        written(root, life)
        assert verify.verify(root).ok
        assert stored(root).keys() == good.keys()
        assert loaded(root) == known
        assert not list(root.glob("**/.*.tmp"))
        assert from_raw(root, tmp_path / "raw") == stored(root)
        step += scale(gate=8, full=1) if step else 1
    assert step > 10


def test_what_recovery_seals_has_its_facts_at_once(tmp_path: Path) -> None:
    """They are gathered in the pass that cuts the torn tail."""
    made = archive(tmp_path)
    made.append(sent(Talk().life(20)))
    made.commit()
    made.close()
    archive(tmp_path).close()
    (name,) = stored(tmp_path)
    assert name.endswith(".facts.parquet")
    assert from_raw(tmp_path, tmp_path.with_name("raw"))[name] == stored(tmp_path)[name]


def test_a_power_cut_leaves_a_ledger_that_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what was synced is there: the same archive without any ledger tells the same."""
    root = tmp_path / "archive"
    power = Power(root, monkeypatch)
    stream = sent(Talk().life(200, step_ns=SECOND_NS * 30))
    made = archive(root, ManualClock(START), grace_s=0.0)
    for at in range(0, len(stream), 50):
        made.append(stream[at : at + 50])
        made.commit()
        made.tick(stream[min(at + 49, len(stream) - 1)].envelope.ts_recv or 0)
        store.update(root, FEED)
        found = power.cut(tmp_path / "after")
        assert loaded(found) == loaded(root)
        store.update(found, FEED)
        assert from_raw(found, tmp_path / "raw") == stored(found)
    made.close()


def test_a_disk_that_refuses_facts_does_not_hold_up_the_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is wrong with them: said, counted, and made good by the next update."""
    refused = count("ssmd_ledger_failures_total", feed=FEED, what="facts")
    for error in (OSError(errno.ENOSPC, "full"), ValueError("a bug")):
        with monkeypatch.context() as patch, structlog.testing.capture_logs() as logs:

            def refuse(*_: object, error: Exception = error) -> bytes:
                raise error

            patch.setattr(parquet, "encode_facts", refuse)
            record(tmp_path / error.args[-1], Talk().life(20))
        assert [log["event"] for log in logs if log["log_level"] == "error"] == [
            "ledger.facts_refused"
        ]
        root = tmp_path / error.args[-1]
        assert verify.verify(root).ok
        assert stored(root) == {}
        known = loaded(root)
        keeping.bring(root, FEED, ManualClock(START))
        assert loaded(root) == known
        assert from_raw(root, tmp_path / "raw") == stored(root)
    assert count("ssmd_ledger_failures_total", feed=FEED, what="facts") == refused + 2


def test_an_update_that_fails_is_told_and_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers fold for themselves meanwhile."""
    root = tmp_path / "a"
    record(root, world(SEED, hours=3))
    failed = count("ssmd_ledger_failures_total", feed=FEED, what="update")
    known = loaded(root)

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "broken")

    with monkeypatch.context() as patch:
        patch.setattr(durable, "replace", refuse)
        keeping.bring(root, FEED, ManualClock(START))
    assert count("ssmd_ledger_failures_total", feed=FEED, what="update") == failed + 1
    assert loaded(root) == known
    keeping.bring(root, FEED, ManualClock(START + SECOND_NS))
    assert count("ssmd_ledger_last_update_timestamp", feed=FEED) == START / SECOND_NS + 1
    assert count("ssmd_ledger_entries", feed=FEED, table="intent") == sum(
        entry.table == "intent" for entry in known.entries
    )
    assert from_raw(root, tmp_path / "raw") == stored(root)


def test_a_disk_that_is_full_of_data_leaves_the_ledger_for_later(tmp_path: Path) -> None:
    """Wherever the space ends: sealed or not, the ledger is what the committed data tell."""
    kept: set[tuple[bool, bool]] = set()
    with disk.small_disk(tmp_path / "disk", "256k") as place:
        for pages in range(18):
            root, ballast = place / f"a{pages}", place / "ballast"
            made = archive(root)
            made.append(sent(Talk().life(300)))
            made.commit()
            ballast.write_bytes(bytes(shutil.disk_usage(place).free - pages * 4096))
            try:
                made.seal_all()
            except DiskRefused:
                pass
            finally:
                made.close()
            keeping.bring(root, FEED, ManualClock(START))
            known = loaded(root)
            kept.add(
                (
                    not list(root.glob("raw/*/*/*.open")),
                    layout.day(FEED, "2027-01-15") in stored(root),
                )
            )
            ballast.unlink()
            archive(root).close()
            keeping.bring(root, FEED, ManualClock(START))
            assert loaded(root) == known
            assert verify.verify(root).ok
            assert from_raw(root, tmp_path / "raw") == stored(root)
            shutil.rmtree(root)
    assert kept >= {(False, False), (True, False), (True, True)}
