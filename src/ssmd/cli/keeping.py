"""Which venues are kept in the security master, where they answer, and where the bus tells of them."""

from collections.abc import Sequence

from ssmd import venues
from ssmd.connector.asking import addresses
from ssmd.feeds import registry
from ssmd.feeds.environment import EnvironmentConfig
from ssmd.feeds.feed import FeedConfig
from ssmd.model.errors import ConfigError
from ssmd.runtime.clock import SystemClock, today
from ssmd.secmaster.keeper import Stream
from ssmd.secmaster.service import Kept


def kept(
    names: Sequence[str], feeds: Sequence[FeedConfig], environment: str | None = None
) -> tuple[Kept, ...]:
    """The venues that are meant.

    Args:
        names: Their ids; none means those of the feeds, or else all there are.
        feeds: Where their REST services are, and which streams they have.
        environment: Of the streams; None hears none.

    Raises:
        ConfigError: There is no such venue.
    """
    wanted = names or tuple(dict.fromkeys(feed.venue for feed in feeds)) or venues.names()
    strangers = [feed.name for feed in feeds if feed.venue not in wanted]
    if strangers:
        message = f"The feed {strangers[0]!r} is of a venue that is not among those named."
        raise ConfigError(message, remedy="Name its venue, or leave the feed out.")
    found = []
    for name in dict.fromkeys(wanted):
        venue = venues.load(name)
        mine = [feed for feed in feeds if feed.venue == name]
        places = addresses(mine[0], venue, today(SystemClock())) if mine else {}
        streams = tuple(
            Stream(each.stream, each.subject_prefix)
            for feed in mine
            if environment is not None
            for each in registry.streams_of(feed, EnvironmentConfig(name=environment))
        )
        found.append(Kept(venue, places, streams))
    return tuple(found)
