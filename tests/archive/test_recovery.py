"""A crash loses nothing that was committed, wherever it strikes."""

import shutil
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from ssmd.archive import layout, reader, verify
from ssmd.archive.recovery import recover
from ssmd.archive.settings import ArchiveSettings
from ssmd.model.envelope import Envelope
from ssmd.model.timestamp import SECOND_NS
from tests.archive.crash import Crash, Mortal
from tests.archive.made import Talk, archive, sent


class Open:
    """An archive with one open segment, and where each commit ended in it."""

    def __init__(self, root: Path, *, frame_bytes: int = 2048) -> None:
        self.root = root
        self.life = Talk().life(120)
        self.commits: list[tuple[int, int]] = []
        made = archive(root, frame_bytes=frame_bytes)
        for at in range(0, len(self.life), 11):
            made.append(sent(self.life[at : at + 11], after=at))
            acked = made.commit()
            (self.path,) = root.glob("raw/*/*/*.open")
            self.commits.append((self.path.stat().st_size, acked.sequence))
        made.close()
        self.content = self.path.read_bytes()

    def kept(self, size: int) -> int:
        """How many envelopes were acknowledged when the file had this size."""
        return max((count for end, count in self.commits if end <= size), default=0)


def held(root: Path) -> list[Envelope]:
    """Everything an archive gives back."""
    return [each.envelope for each in reader.read(root)]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Open:
    """An open segment as a killed archiver leaves it."""
    return Open(tmp_path_factory.mktemp("written") / "archive")


def recovered(written: Open, target: Path, content: bytes) -> list[Envelope]:
    """Restart on a copy whose open segment holds `content`; what it gives back, proved."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(written.root, target)
    (target / written.path.relative_to(written.root)).write_bytes(content)
    made = archive(target)
    position = made.position
    made.close()
    assert not list(target.glob("raw/*/*/*.open"))
    assert not list(target.glob("**/.*.tmp"))
    found = held(target)
    assert (position.sequence if position else 0) <= len(found)
    report = verify.verify(target)
    assert [p for p in report.problems if p.kind != "hole"] == [], report.problems
    return found


@settings(max_examples=150)
@given(data=st.data())
def test_a_torn_tail_costs_nothing_that_was_committed(
    data: st.DataObject, written: Open, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Truncated anywhere: all acknowledged envelopes are there, and a prefix of the rest."""
    size = data.draw(st.integers(0, len(written.content)))
    found = recovered(written, tmp_path_factory.getbasetemp() / "torn", written.content[:size])
    assert found == written.life[: len(found)]
    assert len(found) >= written.kept(size)


@settings(max_examples=80)
@given(data=st.data())
def test_garbage_after_the_last_commit_costs_nothing(
    data: st.DataObject, written: Open, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What was being written when the power went may be anything, zeros included."""
    size, acked = data.draw(st.sampled_from(written.commits))
    tail = data.draw(st.binary(max_size=300) | st.integers(1, 5000).map(bytes))
    target = tmp_path_factory.getbasetemp() / "garbage"
    found = recovered(written, target, written.content[:size] + tail)
    assert found[:acked] == written.life[:acked]
    assert len(found) == acked


def test_damage_in_the_middle_keeps_what_can_be_read_and_the_file_as_found(
    written: Open, tmp_path: Path
) -> None:
    """What we cannot read, somebody else perhaps can: it is set aside, not thrown away."""
    content = bytearray(written.content)
    content[len(content) // 2] ^= 0x40
    found = recovered(written, tmp_path / "a", bytes(content))
    assert 0 < len(found) < len(written.life)
    assert found == written.life[: len(found)]
    (kept,) = (tmp_path / "a").glob("raw/*/*/*.damaged")
    assert kept.read_bytes() == bytes(content)
    assert verify.verify(tmp_path / "a").damaged_files == [str(kept.relative_to(tmp_path / "a"))]


def test_a_frame_that_fails_its_checksum_is_not_believed(tmp_path: Path) -> None:
    """Bytes that decode to something else are worse than bytes that are gone."""
    written = Open(tmp_path / "archive", frame_bytes=1 << 20)
    place = layout.parse(str(written.path.relative_to(written.root)))
    assert place is not None
    text = zstandard.ZstdDecompressor().decompressobj().decompress(written.content)
    whole = zstandard.ZstdCompressor(write_checksum=True).compress(text)
    written.path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert recover(written.root, place[0], ArchiveSettings()) is None
    assert (written.root / place[0].name("damaged")).exists()


def test_recovery_twice_changes_nothing(written: Open, tmp_path: Path) -> None:
    """A second start finds a sealed archive."""
    root = tmp_path / "a"
    shutil.copytree(written.root, root)
    archive(root).close()
    first = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    archive(root).close()
    second = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert first == second


def test_an_unused_segment_leaves_nothing(tmp_path: Path) -> None:
    """A file that was created and never committed to is no segment."""
    made = archive(tmp_path)
    made.append(sent(Talk().frames(1)))
    made.commit()
    made.close()
    (path,) = tmp_path.glob("raw/*/*/*.open")
    path.write_bytes(b"")
    archive(tmp_path).close()
    assert list(tmp_path.glob("raw/*/*/*")) == []


@pytest.mark.parametrize("what", ["recovery", "sealing", "commit"])
def test_a_crash_at_any_step_is_met_by_doing_it_again(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at every system call in turn: the next start proves complete, exactly once."""
    talk = Talk()
    life = sent(talk.life(60, step_ns=SECOND_NS * 40))  # three slots
    mortal = Mortal(monkeypatch)
    survived = False
    step = 0
    while not survived:
        root = tmp_path / f"{what}-{step}"
        made = archive(root)
        made.append(life[:30])
        acked = made.commit()
        try:
            if what == "recovery":
                made.close()
                mortal.left = step
                archive(root).close()
            else:
                made.append(life[30:])
                mortal.left = step
                acked = made.commit()
                if what == "sealing":
                    made.seal_all()
            survived = True
        except Crash:
            pass
        mortal.left = -1
        made.close()
        again = archive(root)
        assert again.position is not None
        assert again.position.sequence >= acked.sequence
        again.append(life[again.position.sequence :])
        again.commit()
        again.seal_all()
        again.close()
        report = verify.verify(root)
        assert report.ok, (step, report.problems)
        assert report.frames == 60
        step += 1
    assert step > 5
