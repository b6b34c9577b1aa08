"""How long we wait before trying again."""

from hypothesis import given
from hypothesis import strategies as st

from ssmd.runtime.backoff import delay

bases = st.floats(0.001, 100)
caps = st.floats(0.001, 10_000)
chances = st.floats(0, 1)


@given(attempt=st.integers(-5, 10**9), base=bases, cap=caps, chance=chances)
def test_a_pause_lies_between_zero_and_the_cap(
    attempt: int, base: float, cap: float, chance: float
) -> None:
    """A venue that is down for a week must neither be hammered nor forgotten."""
    assert 0 <= delay(attempt, base, cap, chance) <= cap


@given(attempt=st.integers(0, 200), base=bases, cap=caps)
def test_the_ceiling_doubles_until_the_cap(attempt: int, base: float, cap: float) -> None:
    """Exponential, and never less than before."""
    ceiling, following = (delay(n, base, cap, 1.0) for n in (attempt, attempt + 1))
    assert following in {min(cap, 2 * ceiling), cap}


@given(attempt=st.integers(0, 100), base=bases, cap=caps, chance=chances)
def test_the_jitter_is_full(attempt: int, base: float, cap: float, chance: float) -> None:
    """Shards that fell together must not come back together: any share of the ceiling is possible."""
    assert delay(attempt, base, cap, chance) == delay(attempt, base, cap, 1.0) * chance
