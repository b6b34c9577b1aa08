"""Which tests see each check bad, and good: every check has a pair, and every pair exists."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ssmd.quality.checks.truth import NAMES

Pair = tuple[str, str]
"""The test that sees a check bad, and the one that sees it good."""

_CHECKS: Final = "tests/quality/truth/test_checks.py"
TRUTH: Final[Mapping[str, Pair]] = {
    name: (f"{_CHECKS}::test_{name}_red", f"{_CHECKS}::test_{name}_green") for name in NAMES
}
"""The checks that files alone can answer."""


def proofs() -> dict[str, Pair]:
    """Every pair, from here and from the `proofs_*.py` beside this file."""
    found = dict(TRUTH)
    for path in sorted(Path(__file__).parent.glob("proofs_*.py")):
        more: Mapping[str, Pair] = importlib.import_module(f"{__package__}.{path.stem}").PROOFS
        assert not found.keys() & more.keys(), path
        found |= more
    return found
