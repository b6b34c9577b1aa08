"""The venue's words for the state of a pair, REST's and the instrument channel's, and ours.

Reviewed one by one; a word that is not here is never guessed at.
https://docs.kraken.com/api/docs/rest-api/get-tradable-asset-pairs (`status`)
https://docs.kraken.com/api/docs/websocket-v2/instrument (`status` of a pair)
"""

from collections.abc import Mapping
from typing import Final

from ssmd.model.instrument import Status

STATUSES: Final[Mapping[str, tuple[Status, bool]]] = {
    # Every order is accepted.
    "online": ("active", False),
    # Makers may come and their orders may be hit: it trades, but not for everyone.
    "post_only": ("active", True),
    # Market orders alone are refused: it trades, with a restriction.
    "limit_only": ("active", True),
    # Orders may be withdrawn, none may be placed: nothing trades.
    "cancel_only": ("paused", False),
    # Positions may be left, none may be taken: no market that one can enter. It may come back.
    "reduce_only": ("paused", False),
    # A stop that was announced, with an end.
    "maintenance": ("paused", False),
    # Listed ahead of its first day.
    "work_in_progress": ("pre_open", False),
    # It ended for good; the instrument channel says so once, REST no longer names it.
    "delisted": ("closed", False),
}
"""Our word, and whether only some orders are accepted."""
