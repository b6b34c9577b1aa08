"""CPU microseconds per message of every venue: session and rows, beside `json.loads`.

    python benchmarks/venues.py [FOLDER] [--seconds 0.5]

The messages are what each venue's simulated side says; with a FOLDER of recordings
(`FOLDER/<venue>/capture-*.jsonl.gz`), the recorded ones as well. Ratios travel between machines,
microseconds do not.
"""

import argparse
import gzip
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path

from ssmd import venues
from ssmd.model.envelope import Envelope
from ssmd.model.event import Data, Send
from ssmd.model.frame import Frame, Now, Opcode
from ssmd.model.session import Session
from ssmd.model.simulated import SimulationOptions
from ssmd.model.subscription import Shard
from ssmd.model.venue import SessionOptions, Venue

START = 1_800_000_000_000_000_000
MOST = 20_000
"""Most frames taken of one recording."""


def passive(venue: Venue) -> Session:
    """A session that only listens."""
    options = SessionOptions(limits=venue.limits, passive=True)
    session = venue.session(Shard(venue.id, 0, frozenset()), options)
    session.open(Now(START, 0.0))
    return session


def simulated(venue: Venue) -> list[bytes]:
    """Twenty seconds of everything the venue says about four symbols."""
    assert venue.simulated is not None
    market = venue.simulated(SimulationOptions(seed=1, rate=400.0))
    wanted = venue.subscriptions(tuple(sorted(venue.channels)), tuple(market.symbols[:4]))
    session = venue.session(Shard(venue.id, 0, wanted), SessionOptions(limits=venue.limits))
    server, now = market.connect(), Now(START, 0.0)
    said = [*server.open(now)]
    sends = [*session.open(now), *session.want(wanted, now)]
    for _ in range(400):
        for event in sends:
            if isinstance(event, Send) and not event.opcode.is_control:
                said += server.receive(event.payload, now)
        now = Now(now.wall + 50_000_000, now.mono + 0.05)
        market.advance(now)
        fresh = server.tick(now)
        said += fresh
        sends = list(session.tick(now))
        for emission in fresh:
            sends += session.receive(Frame(emission.payload, emission.opcode, now.wall, now.mono))
    return [emission.payload for emission in said if not emission.opcode.is_control]


def recorded(path: Path) -> list[bytes]:
    """The frames of a recording, from its beginning."""
    with gzip.open(path) as lines:
        return [json.loads(line)["raw"].encode() for line in islice(lines, MOST)]


def by_type(venue: Venue, payloads: Iterable[bytes]) -> dict[str, list[bytes]]:
    """The data messages by type; frames that were split are left out."""
    session, found = passive(venue), defaultdict[str, list[bytes]](list)
    for payload in payloads:
        data = [
            event
            for event in session.receive(Frame(payload, Opcode.TEXT, START, 0.0))
            if isinstance(event, Data)
        ]
        if len(data) == 1:
            found[data[0].type].append(payload)
    return found


def least(run: Callable[[], object], messages: int, seconds: float) -> float:
    """The least CPU time of a pass, in microseconds per message."""
    best, end = float("inf"), time.process_time() + seconds
    while time.process_time() < end:
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best / messages * 1e6


def row(venue: Venue, kind: str, payloads: Sequence[bytes], seconds: float) -> str:
    """One line of the table."""
    frames = [Frame(payload, Opcode.TEXT, START, 0.0) for payload in payloads]
    envelopes = [
        Envelope(
            venue.id, None, kind, (), f"{venue.id}-0-x", number, None, 0, 1, Opcode.TEXT, None,
            None, START, payload,
        )
        for number, payload in enumerate(payloads)
    ]  # fmt: skip

    def listen() -> None:
        receive = passive(venue).receive
        for frame in frames:
            receive(frame)

    def decode() -> int:
        return sum(len(venue.rows(envelope).rows) for envelope in envelopes)

    def plain() -> None:
        for payload in payloads:
            json.loads(payload)

    count = len(payloads)
    session, rows, theirs = (least(run, count, seconds) for run in (listen, decode, plain))
    made = decode() / count
    size = sum(map(len, payloads)) // count
    return (
        f"{venue.id:16}{kind:24}{count:7}{size:8}{session:9.2f}{session / theirs:7.2f}"
        f"{made:8.1f}{rows:10.1f}{1e6 * made / rows:10.0f}"
    )


def main() -> None:
    """Print one line per venue and message type, simulated first."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--seconds", type=float, default=0.5, help="CPU time per figure")
    arguments = parser.parse_args()
    header = f"{'venue':16}{'type':24}{'frames':>7}{'bytes':>8}{'sess us':>9}{'/json':>7}"
    print(f"{header}{'rows':>8}{'rows us':>10}{'rows/s':>10}")
    for name in venues.names():
        venue = venues.load(name)
        sources = [("simulated", simulated(venue))]
        if arguments.folder is not None:
            folder = arguments.folder / name.replace("-", "_")
            sources += [(p.name, recorded(p)) for p in sorted(folder.glob("capture-*.jsonl.gz"))]
        for source, payloads in sources:
            print(f"-- {name}: {source}")
            for kind, chosen in sorted(by_type(venue, payloads).items()):
                print(row(venue, kind, chosen, arguments.seconds))


if __name__ == "__main__":
    main()
