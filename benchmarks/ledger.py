"""What the ledger costs: per frame in the archiver's path, and the fold of a large day.

Run with `python benchmarks/ledger.py [SUBSCRIPTIONS]`. The day has fifty connections, each of which
is lost once and comes back; it is folded at half and at full size, which shows that the cost per
subscription does not grow.
"""

import resource
import statistics
import sys
import time
from collections.abc import Callable

import msgspec

from ssmd.archive import layout
from ssmd.archive.contents import Tally
from ssmd.archive.ledger.carry import Carry
from ssmd.archive.ledger.collector import Collector
from ssmd.archive.ledger.condition import conditions
from ssmd.archive.ledger.entries import Activity, Coverage, Entry, Gap, Ledger
from ssmd.archive.ledger.facts import MINUTE_NS, Facts
from ssmd.archive.ledger.fold import fold
from ssmd.archive.presence import Presence
from ssmd.model import records
from ssmd.model.envelope import CONNECTION, LEDGER, Envelope
from ssmd.model.frame import Opcode
from ssmd.model.timestamp import SECOND_NS, connection_id

SUBSCRIPTIONS = 100_000
CONNECTIONS = 50
FRAMES = 200_000
FLAPPING = 10_000
ROUNDS = 5
START = 1_799_971_200 * SECOND_NS
"""Midnight UTC."""


class Recorder:
    """Puts connections on record, as facts of one segment."""

    def __init__(self) -> None:
        self.collector = Collector()
        self.presences: dict[str, Presence] = {}

    def add(self, envelope: Envelope) -> None:
        """One envelope of the segment."""
        self.collector.add(envelope)
        self.presences.setdefault(envelope.connection, Presence()).add(envelope)

    def life(
        self, shard: int, at: int, previous: str | None, symbols: list[str], *, ends: bool
    ) -> str:
        """A connection that wants and holds all of them, and is lost an hour later."""
        connection = connection_id("bench", shard, at, shard)
        number = 0

        def say(record: records.ConnectionRecord | records.LedgerRecord) -> None:
            nonlocal number
            kind = CONNECTION if isinstance(record, records.ConnectionRecord) else LEDGER
            self.add(_envelope(connection, kind, at, records.encode(record), record=number))
            number += 1

        reason = "reconnect" if previous else "start"
        say(
            records.Opened(
                feed="bench", venue="bench", shard=shard, endpoint="", local="", peer="",
                previous=previous, reason=reason, version="0", host="here", shards=CONNECTIONS,
            )
        )  # fmt: skip
        for symbol in symbols:
            say(records.Wanted(channel="trade", symbol=symbol, reason=reason))
        at += SECOND_NS
        for ordinal, symbol in enumerate(symbols):
            self.add(_envelope(connection, "trade", at, b"{}", ordinal=ordinal, symbol=symbol))
            say(records.Acknowledged(channel="trade", symbol=symbol, ordinal=ordinal))
        if ends:
            at += 3600 * SECOND_NS
            last = len(symbols) - 1
            say(
                records.Closed(
                    last_ordinal=last, last_record=number, by="connector", reason="reset"
                )
            )
        return connection


def _envelope(
    connection: str,
    kind: str,
    ts: int,
    payload: bytes,
    *,
    ordinal: int | None = None,
    record: int | None = None,
    symbol: str | None = None,
) -> Envelope:
    symbols = () if symbol is None else (symbol,)
    return Envelope(
        "bench", None, kind, symbols, connection, ordinal, record, 0, 1, Opcode.TEXT, None, None,
        ts, payload,
    )  # fmt: skip


def day(subscriptions: int) -> list[Facts]:
    """Every connection opens, is lost and comes back."""
    recorder = Recorder()
    share = subscriptions // CONNECTIONS
    for shard in range(CONNECTIONS):
        symbols = [f"S{shard * share + index}" for index in range(share)]
        first = recorder.life(shard, START + shard * SECOND_NS, None, symbols, ends=True)
        recorder.life(shard, START + (3700 + shard) * SECOND_NS, first, symbols, ends=False)
    held = {who: presence.held() for who, presence in recorder.presences.items()}
    segment = layout.place("bench", START, "BENCH", 0).name()
    return [recorder.collector.facts(feed="bench", segment=segment, sha256="", held=held)]


def folded(facts: list[Facts], carry: Carry | None = None, days: int = 0) -> tuple[Ledger, Carry]:
    """A day's ledger."""
    since = START + days * layout.DAY_NS
    return fold("bench", facts, carry=carry, since=since, until=since + layout.DAY_NS)


def cpu(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """CPU seconds of this process, the median over the rounds."""
    times = []
    for _ in range(rounds):
        begun = time.process_time()
        work()
        times.append(time.process_time() - begun)
    return statistics.median(times)


def peak() -> float:
    """The most memory that this process has had, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def collecting() -> None:
    """Print what a frame costs, beside what the manifest's own count of it costs."""
    symbols = [f"S{index}" for index in range(500)]
    frames = [
        _envelope("bench-0", "trade", START + index * 1_000_000, b"{}", ordinal=index,
                  symbol=symbols[index * 7 % 500])
        for index in range(FRAMES)
    ]  # fmt: skip

    def collect() -> None:
        collector = Collector()
        for frame in frames:
            collector.add(frame)

    def tally() -> None:
        counted = Tally()
        for frame in frames:
            counted.add(frame, 300)

    print(f"{FRAMES} frames of 500 instruments")
    for name, work in (("Collector.add", collect), ("Tally.add, to compare", tally)):
        print(f"{name:32} {cpu(work) / FRAMES * 1e9:8.0f} ns/frame")


def folding(subscriptions: int) -> None:
    """Print what a day costs at half and at full size, and the quiet day after it."""
    print(f"{CONNECTIONS} connections, each lost once")
    for size in (subscriptions // 2, subscriptions):
        facts = day(size)
        ledger, carry = folded(facts)
        kept = msgspec.json.encode(carry)
        # Ten minutes of messages each, so that minutes differ.
        activity = tuple(
            Activity(f"S{index}", START // MINUTE_NS + minute, 1)
            for index in range(size)
            for minute in range(100, 1000, 90)
        )
        full = msgspec.structs.replace(ledger, activity=activity, until=START + layout.DAY_NS)
        steps: dict[str, Callable[[], object]] = {
            "fold the day": lambda facts=facts: folded(facts),  # type: ignore[misc]
            "fold the quiet day after": lambda carry=carry: folded([], carry, 1),  # type: ignore[misc]
            "encode the carry": lambda carry=carry: msgspec.json.encode(carry),  # type: ignore[misc]
            "condition of every minute": lambda full=full: sum(  # type: ignore[misc]
                1 for _ in conditions(full, START, full.until, lambda _: None)
            ),
        }
        print(f"{size} subscriptions: {len(ledger.entries)} entries, {len(kept) >> 20} MiB carried")
        for name, work in steps.items():
            seconds = cpu(work, 3)
            print(f"{name:32} {seconds:8.2f} s {seconds / size * 1e6:8.1f} us/subscription")
        print(f"{'most memory so far':32} {peak():8.0f} MiB")


def flapping(connections: int) -> None:
    """Print what it costs to judge an instrument of which two connections go on and off all day."""
    for count in (connections // 2, connections):
        step = layout.DAY_NS // count
        entries: list[Entry] = []
        for at in range(count):
            since, who = START + at * step, f"c{at}"
            entries += [
                Coverage(
                    feed="bench", since=since, until=since + 2 * step, reason="start",
                    connection=who, record=0, file="", channel="trade", symbol="A", ordinal=0,
                    ended="lost",
                ),
                Gap(
                    feed="bench", since=since + step // 2, until=since + step, reason="sequence",
                    connection=who, record=1, file="", channel="trade", symbols=("A",), expected=1,
                    found=2, ordinal=9,
                ),
            ]  # fmt: skip
        end = START + layout.DAY_NS
        ledger = Ledger(
            feed="bench", venue="", since=START, until=end, entries=tuple(entries), activity=()
        )

        def judge(ledger: Ledger = ledger, end: int = end) -> None:
            assert len(list(conditions(ledger, START, end, lambda _: None, ["A"]))) == 1

        print(f"{count} connections of one instrument{'':6} {cpu(judge, 3) * 1e3:8.1f} ms")


def main() -> None:
    """Measure, and print."""
    collecting()
    flapping(FLAPPING)
    folding(int(sys.argv[1]) if len(sys.argv) > 1 else SUBSCRIPTIONS)


if __name__ == "__main__":
    main()
