"""What lies in an archive, and what else may lie there."""

from pathlib import Path

import pytest

from ssmd.archive import verify
from ssmd.model.errors import ConfigError
from tests.archive.made import Talk, record


def test_no_archive_is_said_so(tmp_path: Path) -> None:
    """A mistyped directory must not be proved empty and sound."""
    with pytest.raises(ConfigError, match="no archive"):
        verify.verify(tmp_path)


def test_a_walk_of_other_peoples_files_is_not_disturbed(tmp_path: Path) -> None:
    """A file that is none of ours is passed over."""
    record(tmp_path, Talk().life(20))
    for name in ("x", "raw/x", "raw/feed=kraken/date=2027-01-15/notes.txt", "writers/.x.json.tmp"):
        (tmp_path / name).write_text("hello")
    assert verify.verify(tmp_path).ok
