"""Pictures that dashboards have many of."""

from typing import Final

from scripts.observe.board import Panel, Unit

OF_FEED: Final = '{feed=~"$feed"}'
"""The feeds a reader chose."""
OF_VENUE: Final = '{venue=~"$venue"}'
"""The venues a reader chose."""
SHARD: Final = "{{feed}} {{category}} {{shard}}"
"""Legend of a shard."""
FEED: Final = "{{feed}} {{category}}"
"""Legend of a feed."""


def rate(metric: str, by: str, selector: str = OF_FEED) -> str:
    """How often a second something is counted, by labels."""
    return f"sum by ({by}) (rate({metric}{selector}[$__rate_interval]))"


def rise(metric: str, by: str, selector: str = OF_FEED) -> str:
    """How often something was counted in a step of the picture, by labels."""
    return f"sum by ({by}) (increase({metric}{selector}[$__rate_interval]))"


def quantiles(
    metric: str, by: str, legend: str, selector: str = OF_FEED
) -> tuple[tuple[str, str], ...]:
    """The middle and the worst hundredth of a duration, by a label."""
    inside = f"sum by ({by}, le) (rate({metric}_bucket{selector}[$__rate_interval]))"
    return tuple(
        (f"histogram_quantile({share}, {inside})", f"{legend} p{round(share * 100)}")
        for share in (0.5, 0.99)
    )


def one(title: str, expr: str, legend: str, unit: Unit = "short", text: str = "") -> Panel:
    """A picture of one expression."""
    return Panel(title, ((expr, legend),), unit, text=text)


def stat(title: str, expr: str, unit: Unit = "short") -> Panel:
    """A number."""
    return Panel(title, ((expr, ""),), unit, "stat")
