"""A full disk: declared, nothing acknowledged, and over when space returns."""

import random
import resource
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from ssmd.archive import reader, verify
from ssmd.archive.errors import DiskRefused
from tests import disk
from tests.archive.made import Talk, archive, sent


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB."""
    with disk.small_disk(tmp_path / "disk", "256k") as place:
        yield place


def test_a_full_disk_costs_time_and_nothing_else(small_disk: Path) -> None:
    """ENOSPC at any commit: what was acknowledged is there, the rest comes when space returns."""
    talk = Talk()
    noise = random.Random(1)
    frames = [
        msgspec.structs.replace(each, payload=b'"%b"' % noise.randbytes(50).hex().encode())
        for each in talk.frames(2000)
    ]
    stream = sent([talk.opened(), *frames, talk.closed()])
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(190 << 10))
    root = small_disk / "archive"
    made = archive(root, frame_bytes=16 << 10)
    acked = 0
    refusal = None
    for at in range(0, len(stream), 100):
        made.append(stream[at : at + 100])
        try:
            acked = made.commit().sequence
        except DiskRefused as error:
            refusal = error
            break
    assert refusal is not None
    assert refusal.retryable
    assert "cannot be written" in str(refusal)
    assert 0 < acked < len(stream)
    with pytest.raises(DiskRefused):
        made.commit()
    made.close()
    for _ in range(3):
        with pytest.raises(DiskRefused):  # still no room to recover
            archive(root)
    ids = [each.envelope.message_id for each in reader.read(root)]
    assert ids[:acked] == [each.envelope.message_id for each in stream[:acked]]
    ballast.unlink()
    made = archive(root)
    assert made.position is not None
    assert made.position.sequence == acked
    made.append(stream[acked:])
    made.commit()
    made.seal_all()
    made.close()
    report = verify.verify(root)
    assert report.ok, report.problems
    assert report.frames == 2000
    assert not list(root.glob("**/.*.tmp"))


@pytest.mark.parametrize("limit_kb", range(1, 40, 3))
def test_a_write_that_is_refused_halfway_is_taken_back(limit_kb: int, tmp_path: Path) -> None:
    """A short write, wherever the limit falls: the torn line is cut and comes again."""
    talk = Talk()
    stream = sent(talk.life(600))
    made = archive(tmp_path, frame_bytes=4096)
    acked = 0
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_kb << 10, hard))
    try:
        for at in range(0, len(stream), 50):
            made.append(stream[at : at + 50])
            acked = made.commit().sequence
        made.seal_all()
    except DiskRefused:
        pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        made.close()
    made = archive(tmp_path)
    made.append(stream[acked:])
    made.commit()
    made.seal_all()
    made.close()
    report = verify.verify(tmp_path)
    assert report.ok, report.problems
    assert report.frames == 600
