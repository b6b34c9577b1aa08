"""A torn end of a segment puts recovery to the test, and takes nothing that was committed."""

import shutil
from pathlib import Path
from random import Random

import pytest

from ssmd.archive import reader, verify
from ssmd.archive.frames import Frames
from ssmd.model.envelope import Envelope
from ssmd.sim.storm.tearing import tear_segment
from tests.archive.made import Talk, archive, sent

COMMITS = 6


@pytest.fixture(scope="module", params=[2048, 1 << 20], ids=["many frames", "one frame"])
def killed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive whose writer was killed after some commits."""
    root = tmp_path_factory.mktemp("killed") / "archive"
    life = Talk().life(60)
    made = archive(root, frame_bytes=request.param)
    size = len(life) // COMMITS + 1
    for at in range(0, len(life), size):
        made.append(sent(life[at : at + size], after=at))
        made.commit()
    made.close()
    return root


def held(root: Path) -> list[Envelope]:
    return [each.envelope for each in reader.read(root)]


def decoded(path: Path) -> list[bytes]:
    with path.open("rb") as file:
        return list(Frames(file).lines())


@pytest.mark.parametrize("seed", range(20))
def test_what_decodes_is_not_all_to_be_believed(killed: Path, tmp_path: Path, seed: int) -> None:
    """More lines decode than were written whole; recovery gives back exactly what was committed."""
    root = tmp_path / "archive"
    shutil.copytree(killed, root)
    (path,) = root.glob("raw/*/*/*.open")
    before, committed = path.read_bytes(), held(root)
    lines = decoded(path)
    assert "comes" in tear_segment(path, Random(seed))
    assert path.read_bytes().startswith(before)
    assert len(decoded(path)) > len(lines), "recovery has nothing to give up"
    archive(root).close()  # recovers
    assert held(root) == committed
    report = verify.verify(root)
    assert [p for p in report.problems if p.kind != "hole"] == []
    assert len(report.damaged_files) == 1, "what cannot be read is kept as it was found"
