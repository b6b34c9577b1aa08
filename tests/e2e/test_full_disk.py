"""A full disk under the whole pipeline: declared, said, and over when space returns."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ssmd.archive.verify import verify
from ssmd.cli import conservation
from ssmd.cli.watch import read
from tests.disk import small_disk
from tests.e2e.acts import CLOCK, FEED, drained, stage, total, until

log = logging.getLogger(__name__)

FLOOR = 128 << 20
"""Free space at which spool and archive stop by default, in bytes."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 MB."""
    with small_disk(tmp_path / "disk", "300m") as place:
        yield place


def free(place: Path) -> int:
    """Free space, in bytes."""
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize


async def test_what_a_full_disk_costs_is_declared_and_nothing_else_is_lost(
    disk: Path, seed: int
) -> None:
    """Received = archived + declared lost, by the simulator's own ledger; readiness says why."""
    root = disk / "data"
    async with stage(root, rate=2000.0, seed=seed) as made:

        async def archives() -> bool:
            return await total(made, "ssmd_archiver_messages_total") > 0

        await until(archives, "the first commit")
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(free(disk) - FLOOR - (1 << 20)))
        said: set[str] = set()

        async def declares() -> bool:
            reading = await read(made.pipeline.addresses, CLOCK)
            said.update(reading.complaints)
            return reading.lost > 500 and any("the disk is full" in each for each in said)

        await until(declares, "a declared loss")
        assert any("disk space is low" in each for each in said), "warned before it was full"
        ballast.unlink()

        async def recovered() -> bool:
            reading = await read(made.pipeline.addresses, CLOCK)
            stopped = ("the disk is full", "cannot be written")
            return not any(word in each for each in reading.complaints for word in stopped)

        await until(recovered, "readiness after space returned")
        before = await total(made, "ssmd_archiver_messages_total")

        async def goes_on() -> bool:
            return await total(made, "ssmd_archiver_messages_total") > before

        await until(goes_on, "the archive to go on")
        await drained(made)
        report = verify(root)
        (verdict,) = conservation.compared(made.ledgers, root, [FEED])
    log.info("seed %s: %s", seed, verdict)
    assert [str(problem) for problem in report.problems] == []
    assert verdict.problems == []
    assert verdict.declared_lost > 500
    assert verdict.received == verdict.archived + verdict.declared_lost
    assert verdict.holes == verdict.duplicates == verdict.mismatches == 0
