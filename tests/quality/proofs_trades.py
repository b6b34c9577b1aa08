"""Where `reconciliation` is seen red, and green."""

from typing import Final

_TESTS: Final = "tests/quality/trades/test_reconciliation.py"
PROOFS: Final = {
    "reconciliation": (
        f"{_TESTS}::test_reconciliation_red",
        f"{_TESTS}::test_reconciliation_green",
    )
}
