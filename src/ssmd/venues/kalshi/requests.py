"""What we say to the venue: the bytes of every command.

https://docs.kalshi.com/websockets/websocket-connection
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

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


def subscribe(
    number: int, channel: str, markets: Sequence[str] | None, *, use_yes_price: bool | None
) -> bytes:
    """Open a channel; without markets for all there are.

    Args:
        number: What the answer is known by.
        channel: The channel; one for each command, so that an answer is about one thing.
        markets: The first markets.
        use_yes_price: Whether prices of the no side are to be told as prices of the yes side;
            None where books are not concerned. Never left out for books: the venue announced
            that its default will change, and the frames do not tell which it is.
    """
    params = _Params(channels=[channel], market_tickers=markets, use_yes_price=use_yes_price)
    return _encoder.encode(_Command(number, "subscribe", params))


def update(number: int, sid: int, action: Action, markets: Sequence[str]) -> bytes:
    """Add markets to an open subscription, take some away, or ask for their books anew."""
    # Exactly one sid: more are refused with code 12.
    params = _Params(sids=[sid], action=action, market_tickers=markets)
    return _encoder.encode(_Command(number, "update_subscription", params))


def unsubscribe(number: int, sid: int) -> bytes:
    """End a subscription with all its markets."""
    return _encoder.encode(_Command(number, "unsubscribe", _Params(sids=[sid])))
