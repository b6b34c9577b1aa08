"""The archiver stores the ledger after every seal, in a thread, and once more at its end."""

import asyncio
import threading
from pathlib import Path

import pytest

from ssmd.archive import layout
from ssmd.archive.ledger import store
from ssmd.archive.ledger.keeping import Keeping
from ssmd.runtime.metrics import REGISTRY
from ssmd.sim.manual_clock import ManualClock
from tests.archive.ledger_store.made import FEED, from_raw, stored, world
from tests.archive.made import START, record
from tests.tier import SEED


async def test_what_was_sealed_is_stored_and_what_is_due_at_the_end_too(tmp_path: Path) -> None:
    """While it runs, and after it was cancelled."""
    root = tmp_path / "a"
    record(root, world(SEED, hours=2))
    keeping = Keeping(root, [FEED], ManualClock(START))
    labels = {"feed": FEED, "table": "intent"}
    assert REGISTRY.get_sample_value("ssmd_ledger_entries", labels) is not None
    await keeping.finish()
    assert not any(name.endswith("day.json") for name in stored(root))
    running = asyncio.create_task(keeping.run())
    keeping.due(FEED)
    while not (root / layout.day(FEED, "2027-01-15")).exists():
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    record(root, world(SEED + 1, hours=2, shard=5))
    keeping.due(FEED)
    await keeping.finish()
    assert from_raw(root, tmp_path / "b") == stored(root)


async def test_an_update_that_outlives_its_task_does_not_keep_the_last_one_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread cannot be cancelled: the end waits for it, and then looks at everything."""
    root = tmp_path / "a"
    record(root, world(SEED, hours=2))
    keeping = Keeping(root, [FEED], ManualClock(START))
    entered, go_on = threading.Event(), threading.Event()

    def done_already(where: Path, feed: str) -> store.Updated:
        """An update that has looked at everything, and still is the one that writes."""
        with store.locked(where, feed) as mine:
            assert mine
            entered.set()
            assert go_on.wait(60)
        return store.Updated([], {})

    with monkeypatch.context() as patch:
        patch.setattr(store, "update", done_already)
        running = asyncio.create_task(keeping.run())
        keeping.due(FEED)
        assert await asyncio.to_thread(entered.wait, 60)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    record(root, world(SEED + 1, hours=2, shard=5))
    keeping.due(FEED)
    ending = asyncio.create_task(keeping.finish())
    await asyncio.wait((ending,), timeout=0.2)  # long enough to be turned away, were it let in
    go_on.set()
    await ending
    assert from_raw(root, tmp_path / "b") == stored(root)
