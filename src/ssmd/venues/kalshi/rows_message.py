"""The `msg` of a frame, and when it happened."""

from typing import Final, NamedTuple

from ssmd.model.fields import decode, exactly
from ssmd.model.timestamp import SECOND_NS, parse_rfc3339
from ssmd.venues.kalshi.quantities import Quantities

_MILLI_NS: Final = 1_000_000
_INT64: Final = 1 << 63
_FRAME: Final = ("type", "sid", "seq", "msg")


class Problem(NamedTuple):
    """A piece of a message that gave no row."""

    where: str
    reason: str


class Message(Quantities):
    """The `msg` of a frame.

    Args:
        payload: The whole frame.

    Raises:
        ValueError: It is not JSON, or holds no `msg`.
    """

    def __init__(self, payload: bytes) -> None:
        frame = Quantities(decode(payload))
        super().__init__(frame.raw("msg"))
        self.sid = frame.integer("sid")
        """The venue's number of the subscription: its sequence counts within that."""
        self.inexact.update(frame.inexact)
        frame.ignore(*_FRAME)
        # What a frame says outside of `msg` is kept as well, under a name that no field has.
        for name, value in frame.unread().items():
            self._values = {**self._values, f"/{name}": value}

    def happened(self) -> int | None:
        """When, ns: the finest statement of it.

        The same moment may stand there up to three times: as RFC 3339 text, in milliseconds, in
        seconds. Coarser ones are cut, not rounded; one that says something else stays in `extra`.
        """
        stated = [
            (unit, ns, name)
            for name, unit in (("time", 1), ("ts", SECOND_NS), ("ts_ms", _MILLI_NS))
            for unit, ns in _read(self.peek(name), unit)
        ]
        if not stated:
            for name in ("ts_ms", "time", "ts"):
                if self.raw(name) is not None:
                    self.keep("ts_event", name)
                    break
            return None
        _, finest, _ = min(stated)
        self.ignore(*(name for unit, ns, name in stated if finest // unit * unit == ns))
        return finest

    def nested(self, name: str) -> Quantities:
        """An object inside; an empty one when there is none."""
        value = self.peek(name)
        if not isinstance(value, dict):
            return Quantities({})
        self.ignore(name)
        return Quantities(value)


def _read(value: object, unit: int) -> list[tuple[int, int]]:
    """A time as its precision in ns and its ns; nothing when it is none."""
    if value is None:
        return []
    if isinstance(value, str) and ":" in value:
        try:
            ns = parse_rfc3339(value)
        except ValueError:
            return []
        return [(1, ns)] if -_INT64 <= ns < _INT64 else []
    exact = exactly(value)
    if exact is None or unit == 1:
        return []
    if abs(exact) >= _INT64 // unit or exact != exact.to_integral_value():
        return []
    return [(unit, int(exact) * unit)]
