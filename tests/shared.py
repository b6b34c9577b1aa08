"""Where the recorded frames are: beside the repository, never in it."""

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
"""The root of this repository."""

NO_RECORDINGS = "no recorded data:"
"""How the reason of such a skip begins; conftest counts them aloud."""


def shared(relative: str) -> Path:
    """A file or folder of the recorded data, as `data/<venue>/capture-....jsonl.gz`.

    Skips the test, loudly, where the data is not at hand: it carries no licence, so it is never
    committed, and a fresh clone does not have it.
    """
    path = REPOSITORY.parent / "shared" / relative
    if not path.exists():
        pytest.skip(f"{NO_RECORDINGS} ../shared/{relative}")
    return path
