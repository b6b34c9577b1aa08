"""CPU microseconds per message through the Kraken session, beside `json.loads` of the same bytes.

    python benchmarks/session.py [CAPTURE.jsonl.gz] [--seconds 2.0]

Ratios travel between machines, microseconds do not. Trades and tickers are made here; books come
from the simulated venue and, when a recording is named, from that as well.
"""

import argparse
import gzip
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ssmd.model.event import Data, Gap, Unread
from ssmd.model.frame import Frame, Now, Opcode
from ssmd.model.simulated import SimulationOptions
from ssmd.model.subscription import Shard
from ssmd.model.venue import SessionOptions
from ssmd.venues.kraken import VENUE

TIME = "2026-08-02T05:43:31.066741Z"
TICKER = (
    '{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":83744.2,'
    '"bid_qty":0.56251979,"ask":83744.3,"ask_qty":0.00044780,"last":83744.3,'
    '"volume":3156.84782110,"vwap":84174.6,"low":83163.6,"high":85247.4,"change":-429.3,'
    f'"change_pct":-0.51,"trades":135262,"timestamp":"{TIME}"}}]}}'
)
TRADE = (
    '{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy",'
    '"price":83744.3,"qty":0.00044780,"ord_type":"limit","trade_id":109116693,'
    f'"timestamp":"{TIME}"}}]}}'
)


def simulated_books(depth: int) -> list[bytes]:
    """A minute of one simulated book."""
    assert VENUE.simulated is not None
    market = VENUE.simulated(SimulationOptions(seed=1, rate=200.0, symbols=("BTC/USD",)))
    server = market.connect()
    now = Now(1_800_000_000_000_000_000, 0.0)
    server.open(now)
    params = {"channel": "book", "symbol": ["BTC/USD"], "depth": depth}
    request = json.dumps({"method": "subscribe", "params": params}).encode()
    said = [emission.payload for emission in server.receive(request, now)]
    for _ in range(600):
        now = Now(now.wall + 100_000_000, now.mono + 0.1)
        market.advance(now)
        said += [emission.payload for emission in server.tick(now)]
    return [payload for payload in said if b'"book","type"' in payload]


def recorded_books(path: Path) -> list[bytes]:
    """The book messages of a recording."""
    with gzip.open(path) as lines:
        frames = [json.loads(line)["raw"].encode() for line in lines]
    return [frame for frame in frames if b'"book","type"' in frame]


def session_pass(payloads: Sequence[bytes]) -> Callable[[], None]:
    """One replay of the frames through a fresh session; every one of them must be understood."""
    frames = [Frame(payload, Opcode.TEXT, 1, 0.0) for payload in payloads]
    shard = Shard("kraken", 0, frozenset())
    options = SessionOptions(limits=VENUE.limits, passive=True)

    def run() -> None:
        receive = VENUE.session(shard, options).receive
        for frame in frames:
            events = receive(frame)
            assert type(events[0]) is Data
            assert not any(isinstance(event, Gap | Unread) for event in events)

    return run


def json_pass(payloads: Sequence[bytes]) -> Callable[[], None]:
    """The same bytes through the standard library."""

    def run() -> None:
        for payload in payloads:
            json.loads(payload)

    return run


def costs(runs: Sequence[Callable[[], None]], messages: int, seconds: float) -> list[float]:
    """Each one's least CPU time of a pass, in microseconds per message.

    The passes take turns, so that a busy machine is busy for all of them.
    """
    least = [float("inf")] * len(runs)
    end = time.process_time() + seconds
    while time.process_time() < end:
        for number, run in enumerate(runs):
            start = time.process_time()
            run()
            least[number] = min(least[number], time.process_time() - start)
    return [figure / messages * 1e6 for figure in least]


def main() -> None:
    """Print one line per kind of message."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("capture", nargs="?", type=Path)
    parser.add_argument("--seconds", type=float, default=2.0, help="CPU time per line")
    arguments = parser.parse_args()
    kinds = {
        "ticker": [TICKER.encode()] * 2000,
        "trade": [TRADE.encode()] * 2000,
        "book 10, simulated": simulated_books(10),
        "book 100, simulated": simulated_books(100),
        "book 1000, simulated": simulated_books(1000),
    }
    if arguments.capture:
        kinds["book, recorded"] = recorded_books(arguments.capture)
    print(f"{'kind':22}{'messages':>9}{'bytes':>7}{'us/msg':>8}{'json us':>9}{'ratio':>7}")
    for kind, payloads in kinds.items():
        runs = (session_pass(payloads), json_pass(payloads))
        ours, theirs = costs(runs, len(payloads), arguments.seconds)
        size = sum(map(len, payloads)) // len(payloads)
        print(f"{kind:22}{len(payloads):9}{size:7}{ours:8.2f}{theirs:9.2f}{ours / theirs:7.2f}")


if __name__ == "__main__":
    main()
