"""How long to wait before trying again. Pure."""

_MOST_DOUBLINGS = 60
"""Beyond this the cap has long been reached; the power stays a sane number."""


def delay(attempt: int, base_s: float, cap_s: float, random01: float) -> float:
    """Capped exponential backoff with full jitter, in seconds.

    Full jitter (anything between zero and the bound) spreads those who failed together over the
    whole interval, so that they do not come back together.

    Args:
        attempt: How many tries have failed before this one, from 0.
        base_s: Bound of the first wait, in seconds.
        cap_s: The bound never grows beyond this, in seconds.
        random01: A random number in 0..1.
    """
    bound = min(cap_s, base_s * 2.0 ** min(max(attempt, 0), _MOST_DOUBLINGS))
    return bound * random01
