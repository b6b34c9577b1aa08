"""What a writer knows when it starts: everything, from the files alone."""

import hashlib
from pathlib import Path

import msgspec

from ssmd.archive import files, layout, manifest, telemetry
from ssmd.archive.chain import Chain
from ssmd.archive.contents import Contents, Tally
from ssmd.archive.frames import Frames
from ssmd.archive.layout import Kind, Place
from ssmd.archive.ledger import segments
from ssmd.archive.manifest import Link
from ssmd.archive.recovery import recover
from ssmd.archive.seen import Seen
from ssmd.archive.settings import ArchiveSettings
from ssmd.model.errors import Damaged


class Start(msgspec.Struct, frozen=True):
    """Where a writer left off.

    Attributes:
        chain: Its chain of manifests.
        seen: What is archived already.
        recovered: Segments that a crash had left open, sealed now.
    """

    chain: Chain
    seen: Seen
    recovered: int


def start(root: Path, writer: str, settings: ArchiveSettings) -> Start:
    """Rebuild a writer's state and seal what a crash left open; twice is fine.

    Raises:
        OSError: The disk refused; nothing is lost, start again later.
        Damaged: The chain's head is not what was written.
    """
    files.clean(root, writer)
    chain = Chain(root, writer)
    seen = Seen()
    kinds: dict[Place, set[Kind]] = {}
    for place, kind in files.walk(root):
        if place.writer == writer:
            kinds.setdefault(place, set()).add(kind)
    chain.learn_head()
    for place, present in kinds.items():
        if "manifest" in present:
            _learn(root, place, present, chain, seen)
    recovered = 0
    for place, present in sorted(kinds.items()):
        if "open" not in present:
            continue
        if "manifest" in present:
            chain.finish(place)
        else:
            recovered += _recover(root, place, chain, seen, settings)
    chain.repair_head()
    return Start(chain, seen, recovered)


def _learn(root: Path, place: Place, present: set[Kind], chain: Chain, seen: Seen) -> None:
    """Take in a manifest; when it cannot be read, the segment itself."""
    name = place.name("manifest")
    content = (root / name).read_bytes()
    try:
        known = manifest.decode(content, name)
    except Damaged as error:
        telemetry.manifest_damaged(name, error.message)
        seen.learn(_read(root, place, "open" if "open" in present else "sealed"))
        return
    link = Link(known.number, known.name, hashlib.sha256(content).hexdigest(), {})
    if chain.last is None or known.number > chain.last.number:
        link = manifest.link(known, content)
    chain.learn(link)
    chain.learn_position(known.position)
    chain.learn_milestone(known.contents.last_ts, known.position)
    seen.learn(known.contents)


def _read(root: Path, place: Place, kind: Kind) -> Contents:
    """What a segment holds, as far as it can be read."""
    tally = Tally()
    try:
        with (root / place.name(kind)).open("rb") as file:
            for text in Frames(file).lines():
                tally.read(text, place.feed)
    except (Damaged, FileNotFoundError):
        pass
    return tally.contents()


def _recover(root: Path, place: Place, chain: Chain, seen: Seen, settings: ArchiveSettings) -> int:
    found = recover(root, place, settings)
    telemetry.segment_recovered(
        place.name("open"),
        lines=0 if found is None else found.tally.lines,
        cut_bytes=0 if found is None else found.cut,
        damage=None if found is None else found.damage,
    )
    if found is None:
        return 0
    contents = found.tally.contents()
    chain.learn_position(found.tally.position)
    seen.learn(contents)
    chain.seal(
        place,
        found.sealed,
        contents,
        slot=layout.start(place),
        interval_s=settings.interval_s,
        by="recovery",
    )
    segments.keep(root, place, found.tally, found.sealed.sha256)
    return 1
