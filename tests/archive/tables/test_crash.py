"""A process that dies while it makes tables leaves an archive that the next run heals."""

import shutil
from pathlib import Path

import pytest

from ssmd.archive.store.local import LocalStore
from ssmd.archive.tables import reading
from tests.archive.crash import Crash, Mortal
from tests.archive.tables.made import FEED, compact, content, record
from tests.archive.tables.test_build import day, late


@pytest.mark.parametrize("again", [False, True])
def test_every_step_may_be_the_last(tmp_path: Path, again: bool) -> None:
    """Whatever was written, readers see whole slots or none, and the next run heals the rest.

    Also when a slot is made again for a late segment.
    """
    base, whole = tmp_path / "base", tmp_path / "whole"
    said = day(2)
    missing = said.pop(9)
    record(base, said)
    if again:
        compact(base)
    late(base, missing)
    shutil.copytree(base, whole)
    compact(whole)
    expected = content(whole)
    step, died = 0, True
    while died:
        root = tmp_path / str(step)
        shutil.copytree(base, root)
        with pytest.MonkeyPatch.context() as patch:
            mortal = Mortal(patch)
            mortal.left = step
            try:
                compact(root)
                died = False
            except Crash:
                pass
            mortal.left = -1
        for link in reading.contents(LocalStore(root), [FEED]).built:
            for file in link.files:
                assert (root / file.name).stat().st_size == file.bytes, step
        compact(root)
        assert content(root) == expected, step
        shutil.rmtree(root)
        step += 13
    assert step > 60
