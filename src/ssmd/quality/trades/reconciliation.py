"""What the comparisons of a day say of a feed: the share of the venue's trades that is archived. Pure."""

from collections.abc import Sequence
from typing import Final

from ssmd.model.timestamp import format_rfc3339
from ssmd.quality.finding import Measured
from ssmd.secmaster.trades_run import TradesRun

NAME: Final = "reconciliation"
_NAMED: Final = 3


def reconciliation(runs: Sequence[TradesRun]) -> Measured:
    """The share of the trades that REST told of which the archive has, over all comparisons.

    Args:
        runs: The comparisons of the day that were kept, of one venue.

    Returns:
        No value, and `unknown`, when nobody compared, or there was nothing to compare.
    """
    whole = sum(each.matched + each.missing for each in runs)
    if not whole:
        why = "REST told of no trade then" if runs else "Nobody compared"
        return Measured(
            name=NAME,
            value=None,
            state="unknown",
            evidence=f"{why}: `ssmd dq trades` compares, and keeps what comes of it.",
        )
    matched = sum(each.matched for each in runs)
    worst = sorted((each for each in runs if each.missing), key=lambda each: -each.missing)
    named = "; ".join(
        f"{each.instrument} {format_rfc3339(each.since)} to {format_rfc3339(each.until)}:"
        f" {each.missing} missing"
        for each in worst[:_NAMED]
    )
    more = f"; and {len(worst) - _NAMED} more" if len(worst) > _NAMED else ""
    told = f"{matched} of the {whole} trades that REST told in {len(runs)} comparisons are archived"
    return Measured(
        name=NAME, value=matched / whole, evidence=f"{told}{': ' if named else ''}{named}{more}."
    )
