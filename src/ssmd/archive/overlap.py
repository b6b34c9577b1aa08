"""Overlap: frames of a connection that came while its predecessor still lived, on purpose."""

from collections.abc import Callable
from typing import Final

import msgspec

from ssmd.model.envelope import CONNECTION, Envelope
from ssmd.model.records import MADE_FIRST, Opened, decode_connection
from ssmd.model.timestamp import SECOND_NS

SILENT_NS: Final = 180 * SECOND_NS
"""How long an open connection counts as live after its last archived time, ns: one that lives
ticks, and the watchdog cuts one that is silent after two minutes."""


class Overlap:
    """Tells which frames are overlap, given envelopes in the order of the bus.

    A predecessor that falls silent without a closing record died with its process: what comes
    after that is none.

    Args:
        is_closed: Whether a connection's closing record was seen before.
    """

    def __init__(self, is_closed: Callable[[str], bool]) -> None:
        self._is_closed = is_closed
        self._previous: dict[str, str] = {}
        self._heard: dict[str, int] = {}

    def watch(self, envelope: Envelope) -> bool:
        """Whether this is a frame received while its connection's predecessor still lived."""
        if envelope.ordinal is not None:
            return bool(self._previous) and self._overlaps(envelope)
        if envelope.type == CONNECTION:
            self._follow(envelope)
        return False

    def _overlaps(self, envelope: Envelope) -> bool:
        connection, ts = envelope.connection, envelope.ts_recv or 0
        if connection in self._heard:
            self._heard[connection] = max(ts, self._heard[connection])
        previous = self._previous.get(connection)
        if previous is None:
            return False
        if ts > self._heard[previous] + SILENT_NS:
            del self._previous[connection]
            return False
        return True

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
            self._heard.pop(connection, None)
        elif (
            record.reason in MADE_FIRST and record.previous and not self._is_closed(record.previous)
        ):
            self._previous[connection] = record.previous
            self._heard.setdefault(record.previous, envelope.ts_recv or 0)
