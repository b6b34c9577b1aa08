"""Whatever a venue says is kept; whatever it does is found, said and survived."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from ssmd.archive import reader
from ssmd.archive.reader import Line
from ssmd.cli.stage import Stage
from ssmd.feeds.capture import ConnectorSettings
from ssmd.feeds.machine import FeedChoice, MachineConfig
from ssmd.model import records
from ssmd.model.envelope import CONNECTION, CONTROL, LEDGER, SENT, UNREAD, Envelope
from ssmd.model.records import Acknowledged, Closed, Declined, GapFound, GapRepaired, LedgerRecord
from ssmd.sim import faults
from tests.e2e.acts import CLOCK, FEED, drained, judged, stage, total, until

pytestmark = pytest.mark.e2e
log = logging.getLogger(__name__)

RATE = 300.0
LABELS = {
    "malformed": UNREAD,
    "deep": UNREAD,
    "utf8": UNREAD,
    "binary": UNREAD,
    "empty_array": CONTROL,
    "empty": UNREAD,
    "channel": UNREAD,
    "fields": UNREAD,
    "types": UNREAD,
    "huge": UNREAD,
}
"""What each kind of garbage is called in the archive: `[]` says nothing, the rest is unread."""


def machine(root: Path, **connector: object) -> MachineConfig:
    """The whole pipeline with other settings of the connector."""
    return MachineConfig(
        dir=str(root),
        environment="test",
        feeds=(FeedChoice(feed=FEED),),
        connector=msgspec.convert(connector, ConnectorSettings),
    )


async def reaches(made: Stage, name: str, wanted: float) -> None:
    """Wait until a metric of the running pipeline is as great as this."""

    async def great() -> bool:
        return await total(made, name) >= wanted

    await until(great, f"{name} to reach {wanted:g}")


async def flows(made: Stage, frames: int = 50) -> None:
    """Wait until so many more frames are received and archived."""
    received = await total(made, "ssmd_connector_frames_total")
    await reaches(made, "ssmd_connector_frames_total", received + frames)
    archived = await total(made, "ssmd_archiver_messages_total")
    await reaches(made, "ssmd_archiver_messages_total", archived + frames)


def envelopes(root: Path, kind: str | None = None) -> list[Envelope]:
    """What is archived, of one type."""
    return [line.envelope for line in reader.read(root, type=kind)]


def told(root: Path, kind: type[LedgerRecord]) -> list[LedgerRecord]:
    """The entries of the ledger of one kind, in the order they were made."""
    lines = sorted(envelopes(root, LEDGER), key=lambda e: (e.connection, e.record))
    entries = [records.decode_ledger(line.payload) for line in lines]
    return [entry for entry in entries if isinstance(entry, kind)]


def endings(root: Path) -> list[Closed]:
    """The closing records, in the order of the connections."""
    lines = sorted(envelopes(root, CONNECTION), key=lambda e: e.connection)
    found = [records.decode_connection(line.payload) for line in lines]
    return [record for record in found if isinstance(record, Closed)]


def one(lines: Sequence[Line], payload: bytes) -> Envelope:
    """The frame with exactly these bytes; an array that was split is looked at part by part."""
    (found,) = [line.envelope for line in lines if line.envelope.payload == payload]
    return found


async def test_garbage_is_kept_labelled_and_counted_and_the_connection_lives(
    tmp_path: Path, seed: int
) -> None:
    """A frame nobody understands today may be the one a researcher needs tomorrow."""
    root = tmp_path / "data"
    assert set(LABELS) | {"oversize"} == set(get_args(faults.GarbageKind))
    async with stage(root, rate=RATE, seed=seed, machine=machine(root)) as made:
        await flows(made)
        for kind in LABELS:
            made.fault(f"garbage:kind={kind}")
        unread = sum(label == UNREAD for label in LABELS.values())
        await reaches(made, "ssmd_connector_parse_errors_total", unread)
        await flows(made)
        counted = await total(made, "ssmd_connector_parse_errors_total")
        await drained(made)
        found = await judged(made, root)
    log.info("%s", found)
    assert counted == unread
    lines = [line for line in reader.read(root) if line.envelope.ordinal is not None]
    for kind, label in LABELS.items():
        payload, _ = faults.garbage(faults.Garbage(kind=kind))  # type: ignore[arg-type]
        kept = one(lines, payload)
        assert (kept.type, kept.symbols) == (label, ()), kind
        log.info("%s: %d bytes as %s", kind, len(payload), kept.type)
    assert len({line.envelope.connection for line in lines}) == 1
    assert [ending.reason for ending in endings(root)] == ["shutdown"]
    assert found.declared_lost == 0


async def test_a_frame_beyond_the_limit_ends_its_connection_and_is_declared(
    tmp_path: Path, seed: int
) -> None:
    """Memory has a bound; what it costs is said, and recording goes on."""
    root = tmp_path / "data"
    limited = machine(root, max_frame_bytes=1 << 20)
    async with stage(root, rate=RATE, seed=seed, machine=limited) as made:
        await flows(made)
        made.fault(f"garbage:kind=huge,size={1 << 20}")
        made.fault(f"garbage:kind=oversize,size={(1 << 20) + 1}")
        await reaches(made, "ssmd_connector_shard_reconnects_total", 1)
        await flows(made)
        await drained(made)
        found = await judged(made, root)
    log.info("%s", found)
    assert [ending.reason for ending in endings(root)] == ["oversize", "shutdown"]
    (lost,) = told(root, records.Lost)
    assert isinstance(lost, records.Lost)
    assert lost.reason == "oversize"
    first, last = lost.ordinals[0]
    assert (first, len(lost.ordinals)) == (last, 1)
    assert found.declared_lost == 1
    sizes = [len(each.payload) for each in envelopes(root, UNREAD)]
    assert sizes == [1 << 20], "what is exactly as long as the limit is kept"


async def test_a_wrong_checksum_is_one_gap_that_is_repaired(tmp_path: Path, seed: int) -> None:
    """The only gap detector of some venues: it must find, repair, and disturb nobody else."""
    root = tmp_path / "data"
    symbol = "ETH/USD"
    async with stage(root, rate=RATE, seed=seed, machine=machine(root)) as made:
        await flows(made)
        made.fault(f"checksum:symbol={symbol}")
        await reaches(made, "ssmd_connector_gaps_total", 1)
        await flows(made, 300)
        await drained(made)
        found = await judged(made, root)
    (gap,) = told(root, GapFound)
    assert isinstance(gap, GapFound)
    assert (gap.channel, gap.symbols, gap.kind) == ("book", (symbol,), "checksum")
    (repaired,) = told(root, GapRepaired)
    assert isinstance(repaired, GapRepaired)
    assert repaired.symbols == (symbol,)
    assert gap.ordinal is not None
    assert repaired.ordinal is not None
    assert repaired.ordinal > gap.ordinal
    again = [
        entry.symbol
        for entry in told(root, Acknowledged)
        if isinstance(entry, Acknowledged) and (entry.ordinal or 0) > gap.ordinal
    ]
    assert again == [symbol]
    asked = [line.payload for line in sorted(envelopes(root, SENT), key=lambda e: e.record or 0)]
    asked = [each for each in asked if b"subscribe" in each][-2:]
    log.info("%s, repaired at %d by %s", gap, repaired.ordinal, asked)
    assert all(symbol.encode() in each and b"BTC" not in each for each in asked)
    assert [ending.reason for ending in endings(root)] == ["shutdown"]
    assert found.declared_lost == 0


async def test_a_refused_symbol_does_not_hurt_the_others(tmp_path: Path, seed: int) -> None:
    """One delisted instrument must not cost the other nineteen."""
    root = tmp_path / "data"
    symbol = "ETH/USD"
    async with stage(root, rate=RATE, seed=seed, machine=machine(root)) as made:
        await flows(made)
        made.fault(f"refuse:symbol={symbol}")
        made.fault("close")
        await reaches(made, "ssmd_connector_shard_reconnects_total", 1)
        await flows(made, 300)
        refused = await total(made, "ssmd_connector_markets_refused")
        wanted = await total(made, "ssmd_connector_markets_requested")
        subscribed = await total(made, "ssmd_connector_markets_subscribed")
        await drained(made)
        await judged(made, root)
    log.info("%g wanted, %g refused, %g subscribed", wanted, refused, subscribed)
    declined = told(root, Declined)
    assert {each.symbol for each in declined if isinstance(each, Declined)} == {symbol}
    assert refused == len(declined) > 0
    assert subscribed == wanted - refused
    assert [ending.reason for ending in endings(root)] == ["closed", "shutdown"]
    (first, second) = sorted({line.connection for line in envelopes(root, "book")})
    before = {s for e in envelopes(root, "book") if e.connection == first for s in e.symbols}
    after = {s for e in envelopes(root, "book") if e.connection == second for s in e.symbols}
    assert after == before - {symbol}


async def test_a_flood_is_kept_whole(tmp_path: Path, seed: int) -> None:
    """The minutes when everything happens are the ones people look for later."""
    root = tmp_path / "data"
    async with stage(root, rate=400.0, seed=seed, machine=machine(root)) as made:
        await flows(made)
        before = await total(made, "ssmd_connector_frames_total")
        made.fault("flood:factor=10,for=2")
        await reaches(made, "ssmd_connector_frames_total", before + 4000)
        await drained(made)
        found = await judged(made, root)
    log.info("%s", found)
    assert found.declared_lost == 0
    assert [ending.reason for ending in endings(root)] == ["shutdown"]


async def test_a_venue_that_falls_silent_is_found(tmp_path: Path, seed: int) -> None:
    """A socket that is open and says nothing is the loss nobody notices."""
    root = tmp_path / "data"
    attentive = machine(root, silence_s=2.5, watchdog_s=10.0)
    async with stage(root, rate=RATE, seed=seed, machine=attentive) as made:
        await flows(made)
        began = CLOCK.mono()
        made.fault("stall")
        await reaches(made, "ssmd_connector_shard_reconnects_total", 1)
        log.info("silence of 2.5 s was found after %.2f s", CLOCK.mono() - began)
        await flows(made)
        await drained(made)
        found = await judged(made, root)
    assert [ending.reason for ending in endings(root)] == ["silence", "shutdown"]
    log.info("%s", found)
    assert found.declared_lost == 0
