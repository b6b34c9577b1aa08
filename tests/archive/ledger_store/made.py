"""Archives with something to tell the ledger, and the ledger as raw alone gives it."""

import random
import shutil
from pathlib import Path

from ssmd.archive import layout
from ssmd.archive.ledger import store
from ssmd.archive.ledger.entries import Ledger
from ssmd.archive.ledger.rebuild import Proof, rebuild
from ssmd.archive.verify import verify
from ssmd.model.envelope import LEDGER, Envelope
from ssmd.model.records import Acknowledged, GapRepaired, Unwanted, Wanted
from ssmd.model.timestamp import SECOND_NS
from ssmd.sim.manual_clock import ManualClock
from tests.archive.made import START, Talk, archive, sent

FEED = "kraken"
SYMBOLS = ("BTC/USD", "ETH/USD", "SOL/USD")
HOUR_NS = 3600 * SECOND_NS


def world(seed: int, *, hours: float, shard: int = 0, feed: str = FEED) -> list[Envelope]:
    """What one shard says in that time: wants, answers, gaps, losses, connections that end."""
    chance = random.Random(seed)
    ts, end = START + shard, START + int(hours * HOUR_NS)
    said: list[Envelope] = []
    talk: Talk | None = None
    while ts < end:
        talk = Talk(shard, ts, talk.id if talk else None, feed=feed)
        said += _connection(talk, chance, min(end, ts + int(chance.uniform(0.3, 9) * HOUR_NS)))
        ts = talk.ts + int(chance.choice([1, 90, 5000]) * SECOND_NS)
    return said


def _connection(talk: Talk, chance: random.Random, end: int) -> list[Envelope]:
    """One connection, up to about a time."""
    said = [talk.opened("start" if talk.previous is None else "reconnect")]
    said += [
        talk.said(LEDGER, Wanted(channel="trade", symbol=symbol, reason="start"))
        for symbol in SYMBOLS
    ]
    said += talk.frames(2)
    for symbol in SYMBOLS[: chance.randint(2, 3)]:
        ordinal = talk.ordinal - 1
        said.append(
            talk.said(LEDGER, Acknowledged(channel="trade", symbol=symbol, ordinal=ordinal))
        )
    while talk.ts < end:
        said += talk.frames(chance.randint(1, 9), step_ns=chance.randint(1, 300) * SECOND_NS)
        match chance.randint(0, 11):
            case 0:
                said.append(talk.gap(chance.choice(SYMBOLS)))
            case 1:
                symbols, ordinal = (chance.choice(SYMBOLS),), talk.ordinal - 1
                repair = GapRepaired(
                    channel="book", symbols=symbols, by="snapshot", ordinal=ordinal
                )
                said.append(talk.said(LEDGER, repair))
            case 2:
                gone = talk.ordinal
                talk.ordinal += chance.randint(1, 3)
                said.append(talk.lost((gone, talk.ordinal - 1)))
            case 3:
                symbol = chance.choice(SYMBOLS)
                said.append(talk.said(LEDGER, Unwanted(channel="trade", symbol=symbol, reason="x")))
            case _:
                pass
    if chance.random() < 0.85:
        said.append(talk.closed())
    return said


def live(root: Path, envelopes: list[Envelope], *, every: int = 40, **settings: object) -> None:
    """Write them as an archiver does: commits, seals by the clock, the ledger after each seal."""
    clock = ManualClock(START)
    made = archive(root, clock, **{"interval_s": 3 * 3600, "grace_s": 0.0} | settings)
    feed = envelopes[0].feed
    deliveries = sent(envelopes)
    for at in range(0, len(deliveries), every):
        batch = deliveries[at : at + every]
        made.append(batch)
        made.commit()
        if made.tick(max(each.envelope.ts_recv or 0 for each in batch)):
            store.update(root, feed)
    made.seal_all()
    made.close()
    store.update(root, feed)


def stored(root: Path) -> dict[str, bytes]:
    """Every file of the kept ledger."""
    folder = root / layout.LEDGER
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def bare(root: Path, target: Path) -> Path:
    """A copy of an archive that has nothing but what was captured."""
    shutil.rmtree(target, ignore_errors=True)
    return Path(shutil.copytree(root, target, ignore=shutil.ignore_patterns(layout.LEDGER, ".run")))


def from_raw(root: Path, target: Path) -> dict[str, bytes]:
    """The files of the ledger that raw alone gives."""
    proved(bare(root, target))
    return stored(target)


def proved(root: Path) -> Proof:
    """What `ssmd verify --rebuild` says."""
    return rebuild(root, verify(root))


def loaded(
    root: Path, feed: str = FEED, since: int | None = None, until: int | None = None
) -> Ledger:
    """The ledger as a reader gets it, who must leave no trace."""
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    found = store.load(root, feed, since, until)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
    return found
