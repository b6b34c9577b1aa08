"""What the readers of all message types share: the message an element came in, and demands."""

from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from ssmd.model.fields import Fields
from ssmd.model.row import Row


class Context(msgspec.Struct):
    """What the rows of one message share.

    Attributes:
        snapshot: Whether it is the state at a subscription, instead of news.
        extra: JSON object of what stands beside `data` and nobody reads; None for nothing.
        rejects: Where and why a piece gave no row.
        ts_event: The venue's time of the message, where it is not its elements'; None elsewhere.
        inexact: What of the message no column can hold, by column.
    """

    snapshot: bool
    extra: str | None
    rejects: list[tuple[str, str]]
    ts_event: int | None = None
    inexact: Mapping[str, str] = {}

    def extra_of(self, fields: Fields) -> str | None:
        """What nobody reads of an element, and of the message it came in as `$message`."""
        own = fields.extra()
        if self.extra is None:
            return own
        return f'{{"$message":{self.extra}' + (f",{own[1:]}" if own else "}")

    def each(
        self, values: Iterable[object], where: str, read: "Callable[[Fields, Context], Row]"
    ) -> Iterator[Row]:
        """The row of each element; one that cannot be read is noted."""
        for index, value in enumerate(values):
            try:
                yield read(Fields(value), self)
            except (ValueError, ArithmeticError) as error:
                self.rejects.append((f"{where}[{index}]", str(error)))


def need(fields: Fields, *names: str) -> None:
    """A fact without these is none.

    Raises:
        ValueError: One of them is missing or null.
    """
    for name in names:
        if fields.raw(name) is None:
            message = f"`{name}` is missing"
            raise ValueError(message)


def required(fields: Fields, name: str) -> list[object]:
    """A list that must be there.

    Raises:
        ValueError: It is missing, null or something else.
    """
    need(fields, name)
    return fields.items(name)
