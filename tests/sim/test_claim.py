"""One simulated venue a ledger."""

from pathlib import Path

import pytest

from ssmd.model.errors import Busy, ConfigError
from ssmd.sim.claim import claimed


def test_a_ledger_is_held_by_one_and_let_go(tmp_path: Path) -> None:
    """Two venues in one ledger would make an oracle that proves nothing."""
    ledger = tmp_path / "ledger"
    with claimed(ledger), pytest.raises(Busy, match="in use by process"), claimed(ledger):
        pass
    with claimed(ledger):
        pass


def test_a_ledger_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """Whoever chose the directory can choose another."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written"), claimed(tmp_path / "file" / "x"):
        pass
