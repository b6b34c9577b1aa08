"""Recordings to replay: archives with known frames, as several connections brought them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from ssmd.model.envelope import CONNECTION, CONTROL, Envelope
from ssmd.model.records import Opened
from ssmd.runtime.clock import SystemClock
from ssmd.runtime.tasks import Stop
from ssmd.sim.replay.pace import Pace, Speed
from ssmd.sim.replay.replay import Audience, Outcome, Replay
from ssmd.sim.replay.station import Station
from ssmd.sim.replay.survey import survey
from tests.archive import made
from tests.archive.made import START, Talk

CLOCK = SystemClock()
STEP_NS = 1_000_000
PAIRS = ("BTC/USD", "ETH/USD")


class Connection(Talk):
    """One connection of a recording, whose frames are of Kraken's shape."""

    def __init__(self, shard: int = 0, ts: int = START, *, feed: str = "kraken") -> None:
        super().__init__(shard, ts, feed=feed)

    def begin(self, depth: int = 10) -> list[Envelope]:
        """The opening record, and the answer to a subscription to books."""
        opened = Opened(
            feed=self.feed, venue="kraken", shard=self.shard, endpoint="ws://127.0.0.1",
            local="", peer="", previous=None, reason="start", version="0", host="here",
        )  # fmt: skip
        result = {"channel": "book", "depth": depth, "snapshot": True, "symbol": PAIRS[0]}
        answer = {"method": "subscribe", "result": result, "success": True}
        return [self.said(CONNECTION, opened), self.frame(CONTROL, (), answer)]

    def frame(self, type_: str, symbols: Sequence[str], body: object) -> Envelope:
        """The next frame, a millisecond after the last."""
        envelope = self.envelope(
            type_, msgspec.json.encode(body), ordinal=self.ordinal, symbols=tuple(symbols)
        )
        self.ordinal += 1
        self.ts += STEP_NS
        return envelope

    def trade(self, symbol: str = PAIRS[0]) -> Envelope:
        """One trade."""
        data = [
            {"symbol": symbol, "side": "buy", "price": 1.5, "qty": 2.0, "trade_id": self.ordinal}
        ]
        return self.frame("trade", [symbol], {"channel": "trade", "type": "update", "data": data})

    def book(self, kind: str = "update", symbol: str = PAIRS[0]) -> Envelope:
        """A book, or a change of it."""
        data = [{"symbol": symbol, "bids": [], "asks": [], "checksum": self.ordinal}]
        return self.frame("book", [symbol], {"channel": "book", "type": kind, "data": data})


def record(root: Path, envelopes: Sequence[Envelope]) -> None:
    """Archive them, in slots of a minute."""
    made.record(root, envelopes, interval_s=60)


def wish(channel: str, *symbols: str, **more: object) -> bytes:
    """A client's request."""
    params = {"channel": channel, "symbol": symbols or PAIRS[:1], **more}
    return msgspec.json.encode({"method": "subscribe", "params": params})


@asynccontextmanager
async def serving(
    root: Path,
    *feeds: str,
    since: int | None = None,
    until: int | None = None,
    speed: Speed = "max",
    clients: int = 1,
    kind: type[Station] = Station,
) -> AsyncIterator[tuple[list[Station], Pace, "asyncio.Task[Outcome]"]]:
    """A replay that runs: its stations, its pace, and what it will have done."""
    known = [survey(root, feed, since, until) for feed in feeds or ("kraken",)]
    stations = [kind(root, each, CLOCK) for each in known]
    pace, stop = Pace(speed, CLOCK), Stop()
    audience = Audience(clients=clients, settle_s=0.1)
    for station in stations:
        await station.start("127.0.0.1", 0)
    task = asyncio.ensure_future(Replay(stations, pace, CLOCK, audience=audience).run(stop))
    try:
        yield stations, pace, task
    finally:
        stop.request("test")
        await asyncio.gather(task, return_exceptions=True)
        for station in stations:
            await station.stop()


def data(messages: Sequence[tuple[int, bytes]]) -> list[bytes]:
    """What of that which a client received was recorded, and not the venue's talk."""
    talk = (b'{"method"', b'{"channel":"status"', b'{"channel":"heartbeat"')
    return [payload for kind, payload in messages if kind == 1 and not payload.startswith(talk)]
