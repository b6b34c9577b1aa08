"""What each segment tells the ledger, from its facts file or from the segment itself."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from ssmd.archive import durable, files, layout, manifest
from ssmd.archive.contents import Tally
from ssmd.archive.layout import Kind, Place
from ssmd.archive.ledger import parquet, telemetry, unread
from ssmd.archive.ledger.facts import VERSION, Facts
from ssmd.archive.ledger.parquet import Counts
from ssmd.archive.manifest import Manifest
from ssmd.archive.scan import Scanned, scan
from ssmd.archive.store.local import LocalStore
from ssmd.archive.store.opening import as_store
from ssmd.archive.store.port import Store, Stored
from ssmd.model.envelope import Envelope
from ssmd.model.errors import Damaged

_MANIFESTS: Final = 50_000


class Source(msgspec.Struct, frozen=True, order=True):
    """A segment the ledger is made from.

    Attributes:
        place: Which segment.
        sha256: Its digest, as its manifest tells; empty while it has none that can be read.
    """

    place: Place
    sha256: str


class Told(msgspec.Struct, frozen=True):
    """What a segment tells.

    Attributes:
        facts: Everything but its activity.
        counts: Its activity, in columns.
    """

    facts: Facts
    counts: Counts


class _Digest(msgspec.Struct):
    """The part of a manifest that is asked for again and again."""

    sha256: str


_digest = msgspec.json.Decoder(_Digest)


def sources(root: Path | Store, feed: str) -> dict[str, list[Source]]:
    """Every segment of a feed by its date, in order; those without bytes too, if they ever were."""
    # What is open is looked for first: sealed meanwhile, it is found twice rather than not at all.
    found = {place for place, kind in files.walk(root, feed) if kind == "open"}
    digests: dict[Place, str] = {}
    for place, kind in files.walk(root, feed):
        if kind == "manifest":
            digests[place] = _digest_of(root, place.name("manifest"))
        elif kind == "sealed":
            found.add(place)
    days: dict[str, list[Source]] = {}
    for place in sorted(found | digests.keys()):
        days.setdefault(place.date, []).append(Source(place, digests.get(place, "")))
    return dict(sorted(days.items()))


def told_by(root: Path | Store, source: Source) -> Told:
    """What a segment tells: from its facts file, or else by reading it as far as it can be read."""
    known = manifest_of(root, source)
    kept = None if known is None else stored(root, source.place, known)
    return kept if kept is not None else divided(read(root, source, known)[0])


def kept_by(root: Path, source: Source) -> Told:
    """The same, and what was not there, or is damaged, old, or of other bytes, is made again.

    Raises:
        OSError: The disk refused.
    """
    known = manifest_of(root, source)
    kept = None if known is None else stored(root, source.place, known)
    if kept is not None and kept.facts.version == VERSION:
        return kept
    facts, sound = read(root, source, known)
    if sound:
        write(root, source.place, facts)
        telemetry.facts_made_again(source.place.feed, layout.facts(source.place))
    return divided(facts) if sound or kept is None else kept


def divided(facts: Facts) -> Told:
    """What a segment tells, its activity apart."""
    counts = Counts.of(facts.activity)
    return Told(msgspec.structs.replace(facts, activity={}), counts)


def read(
    root: Path | Store,
    source: Source,
    known: Manifest | None,
    watch: Callable[[Envelope], object] | None = None,
) -> tuple[Facts, bool]:
    """What a segment itself tells, and whether its bytes are those its manifest tells of.

    Args:
        root: The archive.
        source: Which segment.
        known: Its manifest, if it has one that can be read.
        watch: Told every envelope in turn.
    """
    place = source.place
    scanned = _scanned(root, place, watch)
    if scanned is None:  # retention took the bytes; the manifest remembers what they held
        facts = Tally().facts(feed=place.feed, segment=place.name(), sha256=source.sha256)
        return facts if known is None else unread.told(facts, known), False
    facts = scanned.tally.facts(feed=place.feed, segment=place.name(), sha256=source.sha256)
    if scanned.fault is None and scanned.sha256 == source.sha256:
        return facts, True
    return facts if known is None else unread.told(facts, known), False


def stored(root: Path | Store, place: Place, known: Manifest) -> Told | None:
    """The facts file of a segment; None when there is none that speaks of just these bytes."""
    name = layout.facts(place)
    try:
        content = files.read(root, name)
        facts, counts = parquet.decode_facts(content, name, known.contents.connections)
    except (OSError, Damaged):
        return None
    return Told(facts, counts) if facts.sha256 == known.sha256 else None


def keep(root: Path, place: Place, tally: Tally, sha256: str) -> None:
    """Put what a sealed segment tells beside the data; whatever prevents it, the archive goes on.

    Args:
        root: The archive.
        place: Which segment.
        tally: What was counted of it.
        sha256: Its digest.
    """
    try:
        write(root, place, tally.facts(feed=place.feed, segment=place.name(), sha256=sha256))
    except Exception as error:  # noqa: BLE001 - facts can be made again, what is received cannot
        reason = f"{type(error).__name__}: {error}"
        telemetry.facts_refused(place.feed, layout.facts(place), reason)


def write(root: Path, place: Place, facts: Facts) -> None:
    """Put the facts file of a sealed segment on disk.

    Raises:
        OSError: The disk refused.
    """
    path = root / layout.facts(place)
    durable.make_folder(path.parent)
    durable.replace(path, parquet.encode_facts(facts))


def manifest_of(root: Path | Store, source: Source) -> Manifest | None:
    """The manifest of a segment; None when there is none that can be read."""
    if not source.sha256:
        return None
    name = source.place.name("manifest")
    try:
        return manifest.decode(files.read(root, name), name)
    except (OSError, Damaged):
        return None


def _scanned(
    root: Path | Store, place: Place, watch: Callable[[Envelope], object] | None
) -> Scanned | None:
    """A segment under the name it has now; None when it has none."""
    kinds: Sequence[Kind] = ("sealed", "open", "sealed")
    for kind in kinds:
        try:
            return scan(as_store(root).open(place.name(kind)), place.feed, watch)
        except FileNotFoundError:
            continue
    return None


def _digest_of(root: Path | Store, name: str) -> str:
    store = LocalStore(root) if isinstance(root, Path) else root
    try:
        found = store.stat(name)
        return "" if found is None else _digest_in(store.url, found, store.read)
    except (OSError, msgspec.MsgspecError, ValueError):
        return ""


_digests: dict[tuple[str, Stored], str] = {}


def _digest_in(url: str, stored: Stored, read: Callable[[str], bytes]) -> str:
    """The digest a manifest tells of; a year of them is not read again at every seal."""
    key = (url, stored)
    if key not in _digests:
        if len(_digests) >= _MANIFESTS:
            _digests.clear()
        _digests[key] = _digest.decode(read(stored.name)).sha256
    return _digests[key]
