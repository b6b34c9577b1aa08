"""What we say to the venue: the bytes of every command.

https://docs.kalshi.com/websockets/websocket-connection
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from ssmd.venues.kalshi.messages import BOOKS

Action = Literal["add_markets", "delete_markets", "get_snapshot"]
"""What can be done to a subscription that is open."""


class _Params(msgspec.Struct, omit_defaults=True):
    channels: list[str] | None = None
    sids: list[int] | None = None
    action: Action | None = None
    market_tickers: Sequence[str] | None = None
    use_yes_price: bool | None = None


class _Command(msgspec.Struct):
    id: int
    cmd: str
    params: _Params


_encoder: Final = msgspec.json.Encoder()


def subscribe(number: int, channel: str, markets: Sequence[str] | None) -> bytes:
    """Open a channel; without markets for all there are.

    Args:
        number: What the answer is known by.
        channel: The channel; one for each command, so that an answer is about one thing.
        markets: The first markets.
    """
    # The no side of a book is to have its own prices, not prices of yes. Never left out: the
    # venue announced that its default will change, and the frames do not tell which it is.
    own_prices = False if channel == BOOKS else None
    params = _Params(channels=[channel], market_tickers=markets, use_yes_price=own_prices)
    return _encoder.encode(_Command(number, "subscribe", params))


def update(number: int, sid: int, action: Action, markets: Sequence[str]) -> bytes:
    """Add markets to an open subscription, take some away, or ask for their books anew."""
    # Exactly one sid: more are refused with code 12.
    params = _Params(sids=[sid], action=action, market_tickers=markets)
    return _encoder.encode(_Command(number, "update_subscription", params))


def unsubscribe(number: int, sid: int) -> bytes:
    """End a subscription with all its markets."""
    return _encoder.encode(_Command(number, "unsubscribe", _Params(sids=[sid])))
