"""What the archive costs: CPU per message of each step, and its size against gzip -6.

Run with `python benchmarks/archive.py [MESSAGES]`. Read the ratios: all variants of a round run one
after the other on the same machine, and the median over the rounds is shown.
"""

import gzip
import random
import statistics
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import zstandard

from ssmd.archive import line, verify
from ssmd.archive.contents import Tally
from ssmd.archive.seen import Seen
from ssmd.archive.settings import ArchiveSettings
from ssmd.archive.writer import Archive
from ssmd.model.envelope import Envelope
from ssmd.model.frame import Opcode
from ssmd.model.timestamp import connection_id
from ssmd.runtime.clock import SystemClock

MESSAGES = 40_000
ROUNDS = 3
COMMIT = 500
START = 1_800_000_000_000_000_000
SYMBOLS = [f"{base}/USD" for base in ("BTC", "ETH", "SOL", "XRP", "ADA", "DOT", "LTC", "DOGE")]


class Sent(msgspec.Struct, frozen=True, gc=False):
    """An envelope with its stream sequence."""

    sequence: int
    envelope: Envelope


def synthetic(count: int, seed: int = 1) -> list[Sent]:
    """Book updates, trades and tickers of eight instruments on two connections."""
    chance = random.Random(seed)
    ids = [connection_id("bench", shard, START, chance.getrandbits(74)) for shard in (0, 1)]
    ordinals = [0, 0]
    prices = [chance.uniform(0.1, 60_000) for _ in SYMBOLS]
    made = []
    for sequence in range(1, count + 1):
        at = chance.randrange(len(SYMBOLS))
        prices[at] *= 1 + chance.gauss(0, 1e-5)
        symbol, price, size = SYMBOLS[at], round(prices[at], 2), round(chance.expovariate(1), 8)
        kind = chance.choices(("book", "trade", "ticker"), (8, 1, 1))[0]
        stamp = f"2027-01-15T08:{sequence // 6000 % 60:02d}:{sequence % 60:02d}.{chance.getrandbits(19):06d}Z"
        body = {
            "book": f'"bids":[{{"price":{price},"qty":{size}}}],"asks":[],"checksum":'
            f'{chance.getrandbits(32)},"timestamp":"{stamp}"',
            "trade": f'"side":"buy","price":{price},"qty":{size},"ord_type":"market","trade_id":'
            f'{sequence},"timestamp":"{stamp}"',
            "ticker": f'"bid":{price},"bid_qty":{size},"ask":{price + 0.1:.2f},"ask_qty":{size},'
            f'"last":{price},"volume":{size * 1e4:.4f},"vwap":{price}',
        }[kind]
        payload = f'{{"channel":"{kind}","type":"update","data":[{{"symbol":"{symbol}",{body}}}]}}'
        shard = at % 2
        envelope = Envelope(
            "bench", None, kind, (symbol,), ids[shard], ordinals[shard], None, 0, 1, Opcode.TEXT,
            None, START + sequence * 500_000, START + sequence * 500_100, payload.encode(),
        )  # fmt: skip
        ordinals[shard] += 1
        made.append(Sent(sequence, envelope))
    return made


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of this process, all threads, children excluded."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def compressed(text: list[bytes], level: int) -> int:
    """Size as the archive writes it: a block flushed a commit, a frame each 4 MiB."""
    size = frame_size = 0
    maker = zstandard.ZstdCompressor(level=level, write_checksum=True)
    frame = maker.compressobj()
    for at in range(0, len(text), COMMIT):
        block = b"".join(text[at : at + COMMIT])
        frame_size += len(block)
        size += len(frame.compress(block)) + len(frame.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
        if frame_size > ArchiveSettings().frame_bytes:
            size += len(frame.flush())
            frame, frame_size = maker.compressobj(), 0
    return size + len(frame.flush())


def gzipped(text: list[bytes]) -> int:
    """Size of the same lines, flushed as often, by gzip -6."""
    maker = zlib.compressobj(6, zlib.DEFLATED, 31)
    size = 0
    for at in range(0, len(text), COMMIT):
        size += len(maker.compress(b"".join(text[at : at + COMMIT])))
        size += len(maker.flush(zlib.Z_SYNC_FLUSH))
    return size + len(maker.flush())


def archived(stream: list[Sent], root: Path) -> None:
    """Everything, as the archiver does it."""
    archive = Archive(root, "BENCH", clock=SystemClock())
    archive.adopt(1, 0)
    for at in range(0, len(stream), COMMIT):
        archive.append(stream[at : at + COMMIT])
        archive.commit()
    archive.seal_all()
    archive.close()


def deduplicated(stream: list[Sent]) -> None:
    """The memory alone, committed as often."""
    seen = Seen()
    for at, sent in enumerate(stream):
        seen.add(sent.envelope)
        if not at % COMMIT:
            seen.commit()


def tallied(stream: list[Sent]) -> None:
    """What the manifest counts."""
    tally = Tally()
    for sent in stream:
        tally.add(sent.envelope, 300)


def main() -> None:
    """Measure, and print one table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES
    stream = synthetic(count)
    text = [line.encode(sent.envelope) for sent in stream]
    raw = sum(map(len, text))
    proved: list[bool] = []

    def whole() -> None:
        with tempfile.TemporaryDirectory() as folder:
            archived(stream, Path(folder))

    with tempfile.TemporaryDirectory() as folder:
        archived(stream, Path(folder))
        steps: dict[str, Callable[[], object]] = {
            "floor: join the payloads": lambda: b"\n".join(s.envelope.payload for s in stream),
            "encode the line": lambda: [line.encode(sent.envelope) for sent in stream],
            "de-duplicate": lambda: deduplicated(stream),
            "tally for the manifest": lambda: tallied(stream),
            "zstd -1": lambda: compressed(text, 1),
            "gzip -6": lambda: gzipped(text),
            "append + commit + seal": whole,
            "decode the line": lambda: [line.decode(each, "bench") for each in text],
            "verify": lambda: proved.append(verify.verify(Path(folder)).ok),
        }
        times: dict[str, list[float]] = {name: [] for name in steps}
        for _ in range(ROUNDS):
            for name, step in steps.items():
                times[name].append(cpu(step))
    assert all(proved)
    medians = {name: statistics.median(found) / count * 1e6 for name, found in times.items()}
    unit = medians["zstd -1"]
    print(f"{count} messages, {raw / count:.0f} bytes a line, a commit every {COMMIT} messages")
    print(f"{'step':28} {'us CPU/message':>15} {'times zstd -1':>14}")
    for name, micros in medians.items():
        print(f"{name:28} {micros:15.2f} {micros / unit:14.2f}")
    small, other = compressed(text, 1), gzipped(text)
    best = len(gzip.compress(b"".join(text), 6))
    print(f"compression: zstd -1 {raw / small:.2f}, gzip -6 {raw / other:.2f} flushed as often,")
    print(f"{raw / best:.2f} in one piece; zstd -1 / gzip -6 in one piece: {best / small:.2f}")


if __name__ == "__main__":
    main()
