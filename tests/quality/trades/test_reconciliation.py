"""What a day's comparisons are worth: a share, or nothing known."""

import msgspec

from ssmd.quality.trades.reconciliation import reconciliation
from ssmd.secmaster.trades_run import TradesRun

RUN = TradesRun(
    venue="v", instrument="A", since=0, until=1, matched=99, missing=0, extra=0, sizes={},
    caveat="", at=2,
)  # fmt: skip


def test_reconciliation_green() -> None:
    """All that REST told is archived; what we have beside it takes nothing away."""
    found = reconciliation([RUN, msgspec.structs.replace(RUN, extra=3)])
    assert (found.name, found.value, found.state) == ("reconciliation", 1.0, "known")
    assert "198 of the 198" in found.evidence


def test_reconciliation_red() -> None:
    """The share is that of all trades together, and the worst windows are named."""
    bad = msgspec.structs.replace(RUN, instrument="B", matched=0, missing=1)
    found = reconciliation([RUN, bad])
    assert found.value == 0.99
    assert "B 1970-01-01T00:00:00.000000000Z" in found.evidence


def test_nobody_compared_is_unknown() -> None:
    """Neither good nor bad; nor is a window without trades."""
    for runs in ([], [msgspec.structs.replace(RUN, matched=0)]):
        found = reconciliation(runs)
        assert (found.value, found.state) == (None, "unknown")
        assert "ssmd dq trades" in found.evidence
