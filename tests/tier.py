"""The two tiers: the gate (`make test`, minutes) and the long forms (`make full`).

Both run the same code; a test asks here how much of it to do, and for its seed.
"""

import os

FULL = os.environ.get("SSMD_TEST_TIER") == "full"
"""Whether this is a run of the long forms."""

SEED = int(os.environ.get("SSMD_TEST_SEED", "1"))
"""Where every random choice of a test starts: fixed in the gate, drawn and printed by `make full`."""


def scale(*, gate: int, full: int) -> int:
    """How many of something: few in the gate, many in the long form."""
    return full if FULL else gate
