"""Planned reconnects: frames of a connection that came while its predecessor still lived."""

from collections.abc import Callable
from typing import Final

import msgspec

from ssmd.model.envelope import CONNECTION, Envelope
from ssmd.model.records import Opened, decode_connection

PLANNED: Final = "planned"
"""Reason of a connection that is made before its predecessor is closed, on purpose."""


class Overlap:
    """Tells which frames are overlap, given envelopes in the order of the bus.

    Args:
        is_closed: Whether a connection's closing record was seen before.
    """

    def __init__(self, is_closed: Callable[[str], bool]) -> None:
        self._is_closed = is_closed
        self._previous: dict[str, str] = {}

    def watch(self, envelope: Envelope) -> bool:
        """Whether this is a frame received while its connection's predecessor still lived."""
        if envelope.ordinal is not None:
            return bool(self._previous) and envelope.connection in self._previous
        if envelope.type == CONNECTION:
            self._follow(envelope)
        return False

    def _follow(self, envelope: Envelope) -> None:
        try:
            record = decode_connection(envelope.payload)
        except (msgspec.MsgspecError, ValueError):
            return
        connection = envelope.connection
        if not isinstance(record, Opened):
            self._previous = {
                after: previous
                for after, previous in self._previous.items()
                if connection not in {after, previous}
            }
        elif record.reason == PLANNED and record.previous and not self._is_closed(record.previous):
            self._previous[connection] = record.previous
