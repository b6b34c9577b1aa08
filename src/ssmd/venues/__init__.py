"""THE EXCHANGES: one folder each, found by looking; there is no list of names."""

import difflib
import pkgutil
from collections.abc import Callable
from functools import cache
from importlib import import_module

from ssmd.model.errors import ConfigError
from ssmd.model.venue import Venue


@cache
def names() -> tuple[str, ...]:
    """Ids of all venues, sorted: the folders of this room, `_` read as `-`."""
    return tuple(
        sorted(
            module.name.replace("_", "-")
            for module in pkgutil.iter_modules(__path__)
            if module.ispkg and not module.name.startswith("_")
        )
    )


def load(venue_id: str) -> Venue:
    """The venue of that id; its folder is imported at the first call.

    Raises:
        ConfigError: There is no such venue.
    """
    if venue_id not in names():
        near = difflib.get_close_matches(venue_id, names(), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ConfigError(
            f"There is no venue {venue_id!r}.{hint}",
            remedy=f"Use one of: {', '.join(names())}.",
        )
    venue: Venue = import_module(f"{__name__}.{venue_id.replace('-', '_')}").VENUE
    return venue


def pause_of(venue_id: str) -> Callable[[int], str | None]:
    """The scheduled pauses of a venue, by time in ns; a feed may be of no venue, and has none."""
    return load(venue_id).pause if venue_id in names() else lambda _: None
