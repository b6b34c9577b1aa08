"""The requests that are on their way, and those that were given up but may be answered yet."""

from typing import Final, Literal

import msgspec

from ssmd.model.subscription import Subscription
from ssmd.venues.kalshi.holdings import Stage

Do = Literal["subscribe", "unsubscribe", "add_markets", "delete_markets", "get_snapshot"]
"""What can be asked for."""

STAGES: Final[dict[Do, Stage]] = {
    "subscribe": Stage.ASKED,
    "add_markets": Stage.ASKED,
    "unsubscribe": Stage.LEAVING,
    "delete_markets": Stage.LEAVING,
    "get_snapshot": Stage.HELD,
}
"""Where a request brings what it is about."""

_PARTIAL_S: Final = 2.0
"""Longest wait for the rest of an answer, once one market of a request was refused, in seconds."""

_REMEMBERED: Final = 256
"""Requests whose late answers are still understood."""


class Request(msgspec.Struct):
    """A request on its way.

    Attributes:
        do: What is asked for.
        channel: On which channel.
        items: What is asked for it, without what was refused already.
        due: When its answer is given up, monotonic seconds.
        sid: The subscription that it changes.
        partial: Whether some of it was refused by name.
    """

    do: Do
    channel: str
    items: list[Subscription]
    due: float
    sid: int | None = None
    partial: bool = False

    @property
    def gains(self) -> bool:
        """Whether it is to begin something."""
        return STAGES[self.do] is Stage.ASKED


class Pending:
    """The requests of one connection, by the number that their answers carry."""

    def __init__(self) -> None:
        self._requests: dict[int, Request] = {}
        self._late: dict[int, Request] = {}
        self._number = 0

    def add(self, request: Request) -> int:
        """Number a request that is sent now."""
        self._number += 1
        self._requests[self._number] = request
        return self._number

    def has(self, channel: str, do: Do) -> bool:
        """Whether such a request of a channel waits for its answer."""
        return any(
            request.channel == channel and request.do == do for request in self._requests.values()
        )

    def take(self, number: int | None, *, late: bool = True) -> Request | None:
        """The request of an answer, which is answered thereby.

        Args:
            number: What the answer carries.
            late: Whether it may be one that was given up.
        """
        if number is None:
            return None
        request = self._requests.pop(number, None)
        return self._late.pop(number, None) if request is None and late else request

    def opening(self, number: int | None, channel: str | None) -> Request | None:
        """The `subscribe` that a confirmation is about, which is answered thereby.

        Args:
            number: What the confirmation carries; None when it carries none.
            channel: The channel it names; None when it names none.
        """
        for own, request in (*self._requests.items(), *self._late.items()):
            right = own == number if number is not None else channel is not None
            if right and request.do == "subscribe" and channel in {None, request.channel}:
                return self.take(own)
        return None

    def refuse(self, number: int | None, symbol: str, mono: float) -> Subscription | None:
        """One market of a request was refused by name; the others are answered yet.

        Returns:
            What was refused; None when no request that begins something is about it.
        """
        request = self._requests.get(number or 0) or self._late.get(number or 0)
        if request is None or not request.gains:
            return None
        item = Subscription(request.channel, symbol)
        if item not in request.items:
            return None
        request.items.remove(item)
        request.partial = True
        request.due = min(request.due, mono + _PARTIAL_S)
        if not request.items:
            self.take(number)
        return item

    def expired(self, mono: float) -> list[Request]:
        """Give up waiting for what should have been answered by now."""
        numbers = [number for number, request in self._requests.items() if mono >= request.due]
        for number in numbers:
            self._late[number] = self._requests.pop(number)
        late = [self._late[number] for number in numbers]
        while len(self._late) > _REMEMBERED:
            del self._late[next(iter(self._late))]
        return late

    def given_up(self, channel: str) -> set[Subscription]:
        """What a `subscribe` asked for that was never answered."""
        return {
            item
            for request in self._late.values()
            if request.do == "subscribe" and request.channel == channel
            for item in request.items
        }
