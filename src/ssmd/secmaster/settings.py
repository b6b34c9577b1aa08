"""The knobs of the security master."""

from typing import Annotated, Final

import msgspec

SECMASTER: Final = "secmaster"
"""Name of the service that fills the database, among the services."""
CDC: Final = "cdc"
"""Name of the service that tells its changes."""
_HOUR: int = 3600
_DAY: int = 24 * _HOUR


class SyncSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a venue's listing is fetched and applied."""

    max_pages: Annotated[int, msgspec.Meta(ge=1)] = 50_000
    """Most requests of one round; a listing that is longer fails it."""

    max_repeats: Annotated[int, msgspec.Meta(ge=1)] = 100
    """Most times that a round may make the very same request: more often, it runs in a circle."""

    lookup_batch: Annotated[int, msgspec.Meta(ge=1)] = 1_000
    """Most instruments that one lookup is asked about."""

    closure_share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.3
    """A round that would close a larger share of what a venue lists is refused."""

    closure_floor: Annotated[int, msgspec.Meta(ge=0)] = 50
    """So many may be closed whatever their share."""

    overlap_s: Annotated[float, msgspec.Meta(ge=0)] = 600.0
    """How far before the last good round's beginning an incremental one begins, in seconds."""

    resume_s: Annotated[float, msgspec.Meta(ge=0)] = 1_800.0
    """A round that broke off is gone on with, when it began no longer ago than this, in seconds."""


class KeeperSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the security master is kept up. Durations in seconds."""

    interval_s: Annotated[float, msgspec.Meta(gt=0)] = float(_HOUR)
    """From the beginning of one round of a venue to that of the next."""

    full_s: Annotated[float, msgspec.Meta(gt=0)] = float(_DAY)
    """From one full round to the next; between them only what changed is asked for."""

    retry_s: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    """Ceiling of the first pause after a failed round; it doubles up to the interval."""

    early_s: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    """Shortest time between two rounds that something on the bus calls for."""

    sweep_s: Annotated[float, msgspec.Meta(gt=0, le=5)] = 1.0
    """From one look at the clock to the next."""

    lookup_s: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    """How long names are gathered before the venue is asked about them."""

    lookups: Annotated[int, msgspec.Meta(ge=1)] = 5_000
    """Most names that wait for it; more call for a round instead."""

    funding_days: Annotated[float, msgspec.Meta(gt=0)] = 7.0
    """How long observations of funding are kept, in days."""

    activity_days: Annotated[float, msgspec.Meta(gt=0)] = 7.0
    """How long the history of volumes is kept, in days."""

    tidy_s: Annotated[float, msgspec.Meta(gt=0)] = float(_HOUR)
    """From one look for what is too old to be kept to the next."""
