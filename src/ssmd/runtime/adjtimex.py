"""What the kernel knows of its clock: `adjtimex(2)`, asked and never told anything."""

import ctypes
import struct
from typing import Final

from ssmd.model.records import ClockState

_FIELDS: Final = struct.Struct("@I4li")
"""The head of `struct timex`: modes, offset, freq, maxerror, esterror, status."""
_SIZE: Final = 512
"""More than any `struct timex` has, in bytes; `modes` 0 asks."""
_UNSYNC: Final = 0x0040
_NANO: Final = 0x2000
_MICRO_S: Final = 1e-6
_NANO_S: Final = 1e-9
_REFUSED: Final = -1
_UNSYNCHRONISED: Final = 5
"""`TIME_ERROR`: nobody keeps the clock."""


def read() -> ClockState | None:
    """How right the clock is, as the kernel has it; None where it has no word on it.

    It has none when nobody keeps the clock (no NTP daemon), or on a system without the call.
    """
    call = getattr(ctypes.CDLL(None), "adjtimex", None)
    if call is None:
        return None
    buffer = ctypes.create_string_buffer(_SIZE)
    return parse(call(buffer), buffer.raw)


def parse(answer: int, raw: bytes) -> ClockState | None:
    """What an answer of `adjtimex` says; pure.

    Args:
        answer: What the call returned: the state of the clock, or -1.
        raw: `struct timex` as the kernel filled it, in this machine's own layout.

    Returns:
        The offset the kernel is still to take away, and the largest error it may have; None when
        the clock is kept by nobody.
    """
    _, offset, _, greatest, _, status = _FIELDS.unpack_from(raw)
    if answer in {_REFUSED, _UNSYNCHRONISED} or status & _UNSYNC:
        return None
    unit_s = _NANO_S if status & _NANO else _MICRO_S
    return ClockState(source="kernel", offset_s=offset * unit_s, error_s=greatest * _MICRO_S)
