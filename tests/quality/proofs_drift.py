"""Where `drift` is seen red, and green."""

from typing import Final

_TESTS: Final = "tests/quality/test_drift_check.py"
PROOFS: Final = {"drift": (f"{_TESTS}::test_drift_red", f"{_TESTS}::test_drift_green")}
