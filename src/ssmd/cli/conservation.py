"""The conservation table: every rung counted from another witness than the rung before it."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from ssmd.archive.verify import Report
from ssmd.bus import reader
from ssmd.bus.settings import BusSettings
from ssmd.cli.output import Output
from ssmd.cli.pipeline import spool_folder
from ssmd.connector.spool.totals import spool_totals
from ssmd.model.intervals import Intervals
from ssmd.runtime.clock import Clock
from ssmd.sim import oracle
from ssmd.sim.oracle import Conservation


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What each rung holds, in frames, and whether the rungs agree.

    Attributes:
        emitted: What the simulators wrote into their own ledgers before sending.
        received: What the connections' closing records say.
        spooled: What the spools' own files say.
        published: Different frames standing on the bus.
        archived: Different frames found by reading the sealed segments again.
        overlap: Of these, received twice on purpose by a planned reconnect.
        duplicates: Deliveries that the archiver dropped because it had them.
        holes: Frames received that are neither archived nor declared lost.
        declared_lost: Frames declared lost.
        in_outage: Frames emitted into a connection that was already lost, inside its outage.
        ok: Every received frame is archived once or declared, and every emitted frame is archived
            or inside a declared outage, byte for byte.
    """

    emitted: int
    received: int
    spooled: int
    published: int
    archived: int
    overlap: int
    duplicates: int
    holes: int
    declared_lost: int
    in_outage: int
    ok: bool


async def published(settings: BusSettings, clock: Clock, streams: Sequence[str]) -> int:
    """How many different frames stand on the bus, whoever put them there how often."""
    seen: dict[str, Intervals] = {}
    for stream in streams:
        async for _, envelope in reader.scan(settings, clock, stream, 1):
            if envelope.ordinal is not None:
                seen.setdefault(envelope.connection, Intervals()).add(envelope.ordinal)
    return sum(ordinals.count for ordinals in seen.values())


def spooled(directory: Path, recorders: Iterable[str]) -> int:
    """How many frames the spools' own files count."""
    return sum(spool_totals(spool_folder(directory, name)).frames for name in recorders)


def compared(ledgers: Path, directory: Path, feeds: Sequence[str]) -> list[Conservation]:
    """What the simulators' ledgers say to the archive, one answer a feed."""
    return [oracle.compare(ledgers / feed, directory) for feed in feeds]


def counts(
    verdicts: Sequence[Conservation], report: Report, *, on_bus: int, in_spool: int
) -> Counts:
    """All rungs together."""
    received = sum(verdict.received for verdict in verdicts)
    return Counts(
        emitted=sum(verdict.emitted for verdict in verdicts),
        received=received,
        spooled=in_spool,
        published=on_bus,
        archived=sum(verdict.archived for verdict in verdicts),
        overlap=sum(verdict.overlap for verdict in verdicts),
        duplicates=report.duplicates,
        holes=sum(verdict.holes for verdict in verdicts),
        declared_lost=sum(verdict.declared_lost for verdict in verdicts),
        in_outage=sum(verdict.in_outage for verdict in verdicts),
        ok=report.ok and bool(received) and all(verdict.ok for verdict in verdicts),
    )


_MEANINGS = {
    "emitted": "by the simulated venues, from their own ledgers",
    "received": "given an ordinal at the socket, from the closing records",
    "spooled": "from the spools' files",
    "published": "different frames standing on the bus",
    "archived": "different frames, by reading the sealed segments again",
    "overlap": "received twice on purpose by planned reconnects",
    "duplicates": "deliveries dropped because they were archived already",
    "holes": "received, and neither archived nor declared",
    "declared_lost": "received, not kept, and said so",
    "in_outage": "emitted into a connection already lost, inside its declared outage",
}


def show(output: Output, found: Counts) -> None:
    """The table for a person."""
    output.table(
        "Conservation",
        ("frames", "count", "witness"),
        (
            (name.replace("_", " "), str(getattr(found, name)), meaning)
            for name, meaning in _MEANINGS.items()
        ),
    )
