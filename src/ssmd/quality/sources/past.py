"""What the database remembers that a day is judged by: the days before, and comparisons of trades."""

from collections.abc import Sequence
from datetime import date

import msgspec

from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.quality import Calibration
from ssmd.quality import history
from ssmd.quality.checks.signals import FLOW
from ssmd.quality.window import Window
from ssmd.secmaster import trades_run
from ssmd.secmaster.database import Database
from ssmd.secmaster.trades_run import TradesRun


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """What the database remembers of a feed.

    Attributes:
        flow: What `message_flow` measured on days before.
        runs: The comparisons with the venue's own trades that lie in the window.
    """

    flow: Sequence[tuple[date, float]] = ()
    runs: Sequence[TradesRun] = ()


async def remembered(
    database: Database, feeds: Sequence[FeedConfig], window: Window, rules: Calibration
) -> dict[str, Past]:
    """What is remembered of each feed, by feed.

    Args:
        database: Where.
        feeds: Of which feeds.
        window: The day that is judged.
        rules: How many days before it are looked at.

    Raises:
        DatabaseAway: It does not answer.
        DatabaseRefused: It has not what we look for.
    """
    return {
        feed.name: Past(
            flow=tuple(
                await history.values(database, feed.name, FLOW, before=window.date, days=rules.days)
            ),
            runs=tuple(await trades_run.within(database, feed.venue, window.since, window.until)),
        )
        for feed in feeds
    }
