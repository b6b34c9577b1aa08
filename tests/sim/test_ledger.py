"""The ledger of a socket: what was sent, provably written first."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.errors import Damaged
from ssmd.model.frame import Opcode
from ssmd.model.simulated import Emission
from ssmd.sim import ledger
from ssmd.sim.ledger import SocketLedger

opcodes = st.sampled_from([Opcode.TEXT, Opcode.BINARY, Opcode.CLOSE, Opcode.PING, Opcode.PONG])
emissions = st.lists(st.lists(st.builds(Emission, st.binary(), opcodes)), max_size=5)


@given(batches=emissions)
def test_whatever_is_appended_is_read_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Emission]]
) -> None:
    """Any bytes, any opcode, in order and numbered from 0."""
    directory = tmp_path_factory.mktemp("ledger")
    writer = SocketLedger(directory, "127.0.0.1:1", "127.0.0.1:2", 5)
    for ts, batch in enumerate(batches):
        writer.append(batch, ts)
    writer.close(9, "closed")
    (record,) = ledger.read(directory)
    told = list(record.emitted())
    everything = [e for batch in batches for e in batch]
    assert [(e.opcode, e.payload) for e in told] == [(e.opcode, e.payload) for e in everything]
    assert [e.number for e in told] == list(range(len(everything)))
    assert (record.local, record.peer, record.opened) == ("127.0.0.1:1", "127.0.0.1:2", 5)


def test_a_message_stands_in_the_file_when_append_returns(tmp_path: Path) -> None:
    """A kill right after it, before the send, must find it there: nothing is buffered."""
    writer = SocketLedger(tmp_path, "a:1", "b:2", 0)
    writer.append([Emission(b"first")], 1)
    (record,) = ledger.read(tmp_path)
    assert [e.payload for e in record.emitted()] == [b"first"]


def test_a_torn_last_line_was_never_sent(tmp_path: Path) -> None:
    """The file ends in the middle of a write; the send would have come after it."""
    writer = SocketLedger(tmp_path, "a:1", "b:2", 0)
    writer.append([Emission(b"one"), Emission(b"two")], 1)
    writer.path.write_bytes(writer.path.read_bytes()[:-4])
    (record,) = ledger.read(tmp_path)
    assert [e.payload for e in record.emitted()] == [b"one"]


def test_a_damaged_ledger_is_refused(tmp_path: Path) -> None:
    """Evidence with a line missing proves nothing."""
    writer = SocketLedger(tmp_path, "a:1", "b:2", 0)
    writer.append([Emission(b"one"), Emission(b"two"), Emission(b"three")], 1)
    lines = writer.path.read_bytes().splitlines(keepends=True)
    for damaged in (lines[:2] + lines[3:], [*lines[:2], b"garbage\n", *lines[3:]]):
        writer.path.write_bytes(b"".join(damaged))
        (record,) = ledger.read(tmp_path)
        with pytest.raises(Damaged, match="message 1"):
            list(record.emitted())
    writer.path.write_bytes(b"{}\n")
    with pytest.raises(Damaged, match="does not begin"):
        ledger.read(tmp_path)


def test_sockets_are_numbered_over_restarts(tmp_path: Path) -> None:
    """One file per socket for ever; the tenth comes after the ninth."""
    (tmp_path / "faults.jsonl").touch()
    for number in range(12):
        SocketLedger(tmp_path, "a:1", f"b:{number}", 0).close(1, "closed")
    assert [record.number for record in ledger.read(tmp_path)] == list(range(12))


def test_closing_twice_is_closing_once(tmp_path: Path) -> None:
    """Whoever ends a socket, the last line is written once."""
    writer = SocketLedger(tmp_path, "a:1", "b:2", 0)
    writer.close(1, "closed")
    writer.close(2, "lost")
    assert len(writer.path.read_bytes().splitlines()) == 2
