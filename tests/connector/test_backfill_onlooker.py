"""A connection tells its onlooker what it has on record, when, and nothing before that."""

from collections.abc import Collection
from pathlib import Path

import pytest

from ssmd.connector.onlooker import Holder
from ssmd.model.envelope import CONNECTION, LEDGER
from ssmd.model.event import Data, Event, Gap, Subscribed, Unsubscribed
from ssmd.model.frame import Frame
from ssmd.model.records import (
    Acknowledged,
    Closed,
    Ended,
    GapFound,
    Judged,
    Unwanted,
    decode_connection,
    decode_ledger,
)
from ssmd.model.subscription import Subscription
from tests.connector.parts import Peer, Talk
from tests.connector.stage import SUB, listen, stage


class Notes:
    """An onlooker that remembers what it was told, and which record was the last then."""

    def __init__(self) -> None:
        self.told: list[tuple[object, int]] = []
        self.ends: list[int] = []

    def noted(self, holder: Holder, event: Event) -> None:
        self.told.append((event, holder.last_record))

    def unwanted(self, holder: Holder, ended: Collection[Subscription]) -> None:
        if ended:
            self.told.append((set(ended), holder.last_record))

    def judged(self, holder: Holder, judged: Judged) -> None:
        self.told.append((judged, holder.last_record))

    def ended(self, holder: Holder) -> None:
        self.told.append(("ended", holder.last_record))
        self.ends.append(holder.heard_until)


class Wordy(Talk):
    """A session that gains, misses and loses something with its only frame."""

    def receive(self, frame: Frame) -> list[Event]:
        if frame.opcode.is_control:
            return []
        return [
            Data("trade", ("A/B",)),
            Subscribed(SUB),
            Gap("trade", ("A/B",), "sequence", 3, 5),
            Unsubscribed(SUB),
        ]


async def test_everything_is_told_with_its_record(tmp_path: Path) -> None:
    """What is asked of the past names the record that makes it missing: it must be the right one."""
    notes = Notes()

    async def script(peer: Peer) -> None:
        peer.send(b"{}")
        await peer.listen()

    judged = Judged(
        symbol="A/B", verdict="frozen", silent_s=1, missed=1, evidence="", action="none"
    )
    async with stage(tmp_path, script, Wordy) as s:
        s.shard._onlooker = notes
        await s.frames(1)
        await s.until(lambda: s.shard.is_connected)
        assert s.shard.current is not None
        connection = s.shard.current.connection
        (received,) = {e.ts_recv for e in s.kept() if e.ordinal is not None}
        assert connection.heard_until == received
        connection.judge(judged)
        s.shard.want(frozenset({Subscription("trade", "C/D")}))
        heard = s.clock.wall()
        await s.clock.advance(0.5)  # its own records are no sign of life
    by_number = {e.record: e for e in s.kept() if e.type in {LEDGER, CONNECTION}}
    kinds = [
        (Subscribed, Acknowledged), (Gap, GapFound), (Unsubscribed, Ended), (Judged, Judged),
        (set, Unwanted),
    ]  # fmt: skip
    for (event, record), (told, kind) in zip(notes.told, kinds, strict=False):
        assert isinstance(event, told)
        assert isinstance(decode_ledger(by_number[record].payload), kind)
    assert notes.told[len(kinds)][0] == "ended"
    assert isinstance(decode_connection(by_number[notes.told[-1][1]].payload), Closed)
    assert len(notes.told) == len(kinds) + 1
    assert notes.ends[0] >= heard  # the closing handshake is a frame too


@pytest.mark.parametrize("late", [True, False])
async def test_a_machine_that_slept_heard_nothing_meanwhile(tmp_path: Path, *, late: bool) -> None:
    """What its socket still held when it woke is no proof that nothing was missed before."""
    notes = Notes()
    async with stage(tmp_path, listen) as s:
        s.shard._onlooker = notes
        await s.until(lambda: s.shard.is_connected)
        await s.clock.advance(1.0)
        slept = s.clock.wall()
        s.clock.suspend(600.0)
        if late:
            s.server.peers[0].send(b"{}")
            await s.frames(1)
        await s.until(lambda: bool(notes.ends))
    assert slept - 2_000_000_000 <= notes.ends[0] <= slept
