"""A span of time that is missing here, and that the venue may still tell of. Pure."""

from typing import Final

import msgspec

from ssmd.model.timestamp import SECOND_NS

MARGIN_NS: Final = 2 * SECOND_NS
"""So much more is asked for on both sides of what is missing.

The bounds are ours (receipt of the last frame, acknowledgement), the facts carry the venue's time:
between the two lie the way here and the difference of the clocks, together less than this wherever
clocks are kept at all; and some venues know whole seconds only. What comes twice has one id.
"""


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """A span of time of which we may not have everything.

    Attributes:
        channel: Whose facts are missing.
        symbol: Of which instrument; None for all of them.
        since: From when on, ns, included, the margin taken off.
        until: Up to when, ns, not included, the margin added.
        cause: What makes us ask, as in `Backfilled`.
    """

    channel: str
    symbol: str | None
    since: int
    until: int
    cause: str
