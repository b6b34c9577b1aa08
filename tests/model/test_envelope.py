"""Envelopes and frames."""

import pytest

from ssmd.model.envelope import Envelope
from ssmd.model.event import Control, control_frame
from ssmd.model.frame import Frame, Opcode


def envelope(ordinal: int | None, record: int | None, part: int = 0, parts: int = 1) -> Envelope:
    return Envelope(
        "kraken",
        None,
        "trade",
        (),
        "kraken-0-x",
        ordinal,
        record,
        part,
        parts,
        Opcode.TEXT,
        None,
        None,
        5,
        b"{}",
    )


def test_a_message_id_names_one_frame_part_or_record() -> None:
    """De-duplication rests on ids that differ exactly when the things differ."""
    assert envelope(7, None).message_id == "kraken-0-x:7:0"
    assert envelope(7, None, 2, 3).message_id == "kraken-0-x:7:2"
    assert envelope(None, 7).message_id == "kraken-0-x:r7"
    assert envelope(0, None).message_id == "kraken-0-x:0:0"
    assert envelope(None, 0).message_id == "kraken-0-x:r0"


@pytest.mark.parametrize("opcode", list(Opcode))
def test_only_control_frames_are_talk(opcode: Opcode) -> None:
    """Text, binary and REST bodies may hold data and go to the session's reader."""
    event = control_frame(Frame(b"", opcode, 1, 0.0))
    if opcode in {Opcode.CLOSE, Opcode.PING, Opcode.PONG}:
        assert event == Control(opcode.name.lower())
    else:
        assert event is None
