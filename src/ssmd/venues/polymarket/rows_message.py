"""A message of the market channel, read exactly, and what all of its rows repeat."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Final, NamedTuple

from ssmd.model.fields import Fields, decode, encode
from ssmd.model.row import Row

TOO_DEEP: Final = "nested too deeply"


class Problem(NamedTuple):
    """Where a message gave no row, and why."""

    where: str
    reason: str


Found = Iterator[Row | Problem]
"""What a reader finds in a message, in order."""


class Message(Fields):
    """One message.

    Attributes:
        value: The object as it came.
        kind: The venue's discriminator; None in the first books of some connections.
        market: The condition.
        ts_event: The venue's time, ns.
    """

    def __init__(self, value: object) -> None:
        super().__init__(value)
        self.value: Mapping[str, object] = value if isinstance(value, dict) else {}
        self.kind = self.text("event_type")
        self.market = self.text("market")
        self.ts_event = self.millis("timestamp", "ts_event")

    def extra_with(self, name: str, element: Fields) -> str | None:
        """What nobody reads of the message, and of one of its elements, the latter under `name`."""
        own = element.extra()
        if own is None:
            return self._extra
        rest = {} if self._extra is None else decode(self._extra.encode())
        assert isinstance(rest, dict)  # noqa: S101 - `extra` is an object
        return encode({**rest, name: decode(own.encode())})

    def found_with(self, element: Fields) -> Mapping[str, str]:
        """What is inexact in the message, and in one of its elements."""
        if not element.inexact:
            return self._found
        return {**self._found, **element.inexact}

    @cached_property
    def _extra(self) -> str | None:
        """Asked for once everything else was: nothing is read after the first row."""
        return self.extra()

    @cached_property
    def _found(self) -> Mapping[str, str]:
        return self.found()


def elements(message: Message, name: str) -> Iterator[tuple[int, Fields] | Problem]:
    """The levels of a list, with their place; one that is none hurts no other."""
    try:
        items = message.items(name)
    except ValueError as error:
        yield Problem(name, str(error))
        return
    for index, item in enumerate(items):
        try:
            element = Fields(item)
            for column in ("price", "size"):
                if element.raw(column) is None:
                    raise ValueError(f"`{column}` is missing")  # noqa: TRY301 - it is the reason
        except ValueError as error:
            yield Problem(f"{name}[{index}]", str(error))
        else:
            yield index, element
