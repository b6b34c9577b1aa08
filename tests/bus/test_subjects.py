"""Which subjects lie inside which."""

import pytest

from ssmd.bus.subjects import covers


@pytest.mark.parametrize(
    ("outer", "inner", "answer"),
    [
        ("prod.kalshi.>", "prod.kalshi.json.>", True),
        ("prod.kalshi.json.>", "prod.kalshi.json.>", True),
        ("prod.kalshi.lifecycle.>", "prod.kalshi.json.>", False),
        ("prod.kalshi.json.trade.>", "prod.kalshi.json.>", False),
        ("prod.*.json.>", "prod.kalshi.json.>", True),
        ("prod.kalshi.json.*", "prod.kalshi.json.>", False),
        ("prod.kalshi.json.*.*", "prod.kalshi.json.trade.X", True),
        ("prod.kalshi.json.trade.X", "prod.kalshi.json.trade.*", False),
        ("prod.kalshi.json.trade.*", "prod.kalshi.json.trade.*", True),
        ("prod.kalshi", "prod.kalshi.json", False),
        ("prod.kalshi.json", "prod.kalshi", False),
        (">", "a", True),
        ("a.>", "a", False),
    ],
)
def test_covering(outer: str, inner: str, answer: bool) -> None:
    """A narrower stream lost 1,856 messages in a month, elsewhere, without a word."""
    assert covers(outer, inner) is answer
