"""A connection says everything about itself, and loses no frame."""

from pathlib import Path

import structlog.testing

from ssmd.model.envelope import CONNECTION, CONTROL, LEDGER, SENT, UNREAD
from ssmd.model.event import Control, Data, Event, Gap, Refused, Send, Subscribed
from ssmd.model.frame import Frame, Opcode
from ssmd.model.records import Leaving, Lost, decode_ledger
from ssmd.model.subscription import Subscription
from tests.connector.parts import (
    Peer,
    Talk,
    until,
)
from tests.connector.stage import SUB, listen, speaking, stage


async def test_a_connection_tells_its_whole_life(tmp_path: Path) -> None:
    """Opening record, wants, sends, frames, closing record: numbered without a hole."""
    async with stage(tmp_path, speaking(b"{}", b"{}")) as s:
        await s.frames(2)
        await s.until(lambda: s.shard.is_connected)
        address = s.server.peers[0].address
    said = s.kept()
    (opened,), (closed,) = s.opened(), s.closed()
    assert (opened.local, opened.previous, opened.reason) == (address, None, "start")
    assert opened.peer == s.server.url.removeprefix("ws://")
    assert [e.record for e in said if e.record is not None] == list(range(5))
    assert [e.type for e in said if e.record is not None] == [
        CONNECTION, LEDGER, SENT, SENT, CONNECTION,
    ]  # fmt: skip
    assert [e.payload for e in said if e.type == SENT] == [b"want 1", b"\x03\xe8"]
    assert [e.type for e in said if e.ordinal is not None] == ["trade", "trade", CONTROL]
    assert (closed.last_ordinal, closed.last_record, closed.reason) == (2, 4, "shutdown")
    assert (closed.by, closed.subscriptions, closed.pong_age_s) == ("connector", 0, None)
    assert s.server.peers[0].got == [(1, b"want 1"), (8, b"\x03\xe8")]


class Broken(Talk):
    """A session with bugs."""

    def receive(self, frame: Frame) -> list[Event]:
        if frame.payload == b"deep":
            return self.receive(frame)
        if frame.payload == b"boom":
            raise KeyError(frame.payload)
        if frame.payload == b"nothing":
            return []
        return [Data("trade", ("A/B",), 7, 8)]


async def test_a_sessions_bug_costs_a_label_never_a_frame(tmp_path: Path) -> None:
    """Any exception, RecursionError included; the connection lives."""
    payloads = (b"boom", b"deep", b"nothing", b"fine")
    async with stage(tmp_path, speaking(*payloads), Broken) as s:
        await s.frames(4)
        await s.until(lambda: s.shard.is_connected)
        frames = [e for e in s.kept() if e.ordinal is not None]
    assert [e.payload for e in frames[:4]] == list(payloads)
    assert [e.type for e in frames[:4]] == [UNREAD, UNREAD, UNREAD, "trade"]
    assert (frames[3].symbols, frames[3].sequence, frames[3].ts_event) == (("A/B",), 7, 8)


class Wordy(Talk):
    """A session that has something to say about every frame."""

    def receive(self, frame: Frame) -> list[Event]:
        if frame.opcode.is_control:
            return []
        return [
            Data("a", payload=b"1"),
            Data("b", payload=b"2"),
            Subscribed(SUB),
            Refused(Subscription("book", "X"), "no"),
            Gap("trade", ("A/B",), "sequence", 3, 5),
            Send(b"again"),
            Send(b"a secret", secret=True),
        ]


async def test_events_become_records_and_parts(tmp_path: Path) -> None:
    """The ledger is a fold over records: everything must stand there, secrets excepted."""
    async with stage(tmp_path, speaking(b"[1,2]"), Wordy) as s:
        await s.frames(2)
        await s.until(lambda: len(s.server.peers[0].got) == 3 and s.shard.is_connected)
        said = s.kept()
        live = s.shard.current
        assert live is not None
        assert live.connection.refused == {Subscription("book", "X")}
    parts = [(e.type, e.payload, e.part, e.parts) for e in said if e.ordinal == 0]
    assert parts == [("a", b"1", 0, 2), ("b", b"2", 1, 2)]
    ledger = [decode_ledger(e.payload) for e in said if e.type == LEDGER]
    assert [type(record).__name__ for record in ledger] == [
        "Wanted", "Acknowledged", "Declined", "GapFound",
    ]  # fmt: skip
    assert [getattr(record, "ordinal", 0) for record in ledger] == [0, 0, 0, 0]
    assert [e.payload for e in said if e.type == SENT][:2] == [b"want 1", b"again"]
    assert s.server.peers[0].got[:3] == [(1, b"want 1"), (1, b"again"), (1, b"a secret")]
    assert not any(b"a secret" in e.payload for e in said)


async def test_a_ping_is_on_record_before_it_is_answered(tmp_path: Path) -> None:
    """Raw first: even the smallest frame."""

    async def script(peer: Peer) -> None:
        peer.send(b"are you there", 9)
        await peer.listen()

    async with stage(tmp_path, script) as s:
        await until(lambda: len(s.server.peers[0].got) == 2 if s.server.peers else False)
        said = [(e.type, e.opcode, e.payload) for e in s.kept()][-2:]
    assert said == [
        (CONTROL, Opcode.PING, b"are you there"),
        (SENT, Opcode.PONG, b"are you there"),
    ]
    assert s.server.peers[0].got[1] == (10, b"are you there")


async def test_each_end_says_everything_a_post_mortem_asks(tmp_path: Path) -> None:
    """Reason, lifetime, frames, subscriptions, age of the pong."""

    async def script(peer: Peer) -> None:
        peer.send(b"{}")
        peer.send(b"\x03\xf4bye", 8)
        await peer.listen()

    with structlog.testing.capture_logs() as logs:
        async with stage(tmp_path, script) as s:
            await s.until(lambda: bool(s.closed()))
    (first, *_) = s.closed()
    assert (first.reason, first.code, first.last_ordinal) == ("closed", 1012, 1)
    ended = next(entry for entry in logs if entry["event"] == "connector.ended")
    assert {"reason", "lifetime_s", "frames", "subscriptions", "pong_age_s"} <= ended.keys()
    assert ended["frames"] == 2


async def test_an_oversize_frame_has_a_number_and_is_declared(tmp_path: Path) -> None:
    """Received means numbered; what is not kept is said."""
    async with stage(tmp_path, speaking(b"ok", b"x" * 2000), max_frame_bytes=1000) as s:
        await s.until(lambda: bool(s.closed()))
        said = [decode_ledger(e.payload) for e in s.kept() if e.type == LEDGER]
        lost = [record for record in said if type(record).__name__ == "Lost"]
    assert [record.ordinals for record in lost][:1] == [((1, 1),)]  # type: ignore[union-attr]
    assert (s.closed()[0].reason, s.closed()[0].last_ordinal) == ("oversize", 1)


async def test_what_we_send_is_on_disk_before_it_leaves(tmp_path: Path) -> None:
    """A crash between the two must not hide what the venue heard."""
    async with stage(tmp_path, listen) as s:
        await s.until(lambda: s.shard.is_connected)
        live = s.shard.current
        assert live is not None
        written: list[int] = []
        before = s.spool.written
        send = live.socket.send

        def watched(payload: bytes, opcode: Opcode) -> None:
            written.append(s.spool.written)
            send(payload, opcode)

        live.socket.send = watched  # type: ignore[method-assign]
        s.talks[0].ticking = [Send(b"now")]
        await s.until(lambda: bool(written))
        s.talks[0].ticking = []
        assert written[0] == before + 1


async def test_a_frame_the_library_cannot_read_has_a_number_and_is_declared(
    tmp_path: Path,
) -> None:
    """A CLOSE that breaks RFC 6455 was received: it is not lost in silence."""

    async def script(peer: Peer) -> None:
        peer.send(b"{}")
        peer.send(b"\x03\xe8\xff\xfe", 8)
        await peer.listen()

    async with stage(tmp_path, script) as s:
        await s.until(lambda: bool(s.closed()))
        closed = s.closed()[0]
    ledger = [decode_ledger(e.payload) for e in s.kept() if e.type == LEDGER]
    assert Lost(ordinals=((1, 1),), reason="protocol") in ledger
    assert (closed.reason, closed.last_ordinal) == ("protocol", 1)


async def test_only_what_is_wanted_is_counted_by_symbol(tmp_path: Path) -> None:
    """A channel about all symbols names the whole exchange: its names must not pile up."""

    class Crowd(Talk):
        def __init__(self) -> None:
            super().__init__()
            self.number = 0

        def receive(self, frame: Frame) -> list[Event]:
            if frame.opcode.is_control:
                return [Control("close")]
            self.number += 1
            return [Data("trade", (SUB.symbol or "", f"stranger {self.number}"))]

    async with stage(tmp_path, speaking(*[b"{}"] * 50), Crowd) as s:
        await s.frames(50)
        await s.until(lambda: s.shard.is_connected)
        live = s.shard.current
        assert live is not None
        assert live.connection.counts == {("trade", SUB.symbol): 50, ("trade", ""): 50}
        assert live.connection.data == 50


async def test_one_part_nobody_understands_is_counted_and_kept(tmp_path: Path) -> None:
    """Its neighbours are data, and somebody must hear of it."""

    class Split(Talk):
        def receive(self, frame: Frame) -> list[Event]:
            if frame.opcode.is_control:
                return [Control("close")]
            return [Data("trade", payload=b"1"), Data(UNREAD, payload=b"2")]

    with structlog.testing.capture_logs() as logs:
        async with stage(tmp_path, speaking(b"[1,2]"), Split) as s:
            await s.frames(1)
            await s.until(lambda: s.shard.is_connected)
    kept = [(e.type, e.payload, e.parts) for e in s.kept() if e.ordinal == 0]
    assert kept == [("trade", b"1", 2), (UNREAD, b"2", 2)]
    assert "connector.frame_unread" in [entry["event"] for entry in logs]


async def test_a_suspended_machine_ends_the_connection_with_its_reason(tmp_path: Path) -> None:
    """No timer ran meanwhile: what the venue said is missing from the moment we fell asleep."""
    async with stage(tmp_path, speaking(b"{}")) as s:
        await s.frames(1)
        await s.until(lambda: s.shard.is_connected)
        await s.clock.advance(1)
        awake = s.clock.wall()
        s.clock.suspend(3600)
        await s.until(lambda: bool(s.closed()))
        (closed,) = s.closed()
        assert closed.reason == "host_suspended"
        await s.until(lambda: s.shard.is_connected)
        left = [decode_ledger(e.payload) for e in s.kept() if e.type == LEDGER]
        (leaving,) = [record for record in left if isinstance(record, Leaving)]
        assert leaving.reason == "host_suspended"
        assert leaving.since is not None
        assert awake - 200_000_000 <= leaving.since <= awake


async def test_a_stepped_wall_clock_is_no_suspension(tmp_path: Path) -> None:
    """Only what the machine slept counts: a corrected clock costs no connection."""
    async with stage(tmp_path, speaking(b"{}")) as s:
        await s.until(lambda: s.shard.is_connected)
        s.clock.step_wall(3600)
        s.clock.suspend(0.5)
        await s.clock.advance(2)
        assert s.closed() == []
        assert s.shard.is_connected
