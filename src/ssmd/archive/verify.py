"""Re-prove an archive from its files alone: digests, chains, and every ordinal."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from ssmd.archive import files, identity, layout, manifest
from ssmd.archive.conservation import Connection, Problem
from ssmd.archive.errors import TooNew
from ssmd.archive.layout import Kind, Place
from ssmd.archive.manifest import Head, Manifest
from ssmd.archive.proof import Known, concerned, prove_chain
from ssmd.archive.scan import Scanned, scan
from ssmd.archive.store.local import LocalStore
from ssmd.archive.store.port import Store
from ssmd.archive.store.record import let_go
from ssmd.archive.union import Union
from ssmd.model.errors import Damaged

GRACE_S: Final = 60.0
"""How long what a closed connection still owes may be on its way, in seconds."""

Progress = Callable[[int, int], None]
"""Told the bytes done, and the bytes there are."""


class OpenSegment(msgspec.Struct, frozen=True):
    """A segment that is being written, or that a crash left open.

    Attributes:
        name: Its name, relative to the root.
        lines: Envelopes in it, up to its last commit.
        bytes: Size of the file.
    """

    name: str
    lines: int
    bytes: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What an archive proves.

    Attributes:
        ok: Whether nothing is wrong.
        problems: What is wrong.
        connections: Every connection, by id.
        segments: Sealed segments whose bytes were proved.
        lines: Envelopes in them, and in open segments.
        bytes_proved: Size of the segments whose digest and contents were proved, in bytes.
        manifest_proved: Size of the segments that are gone or broken and known by their manifest
            only, in bytes.
        manifest_lines: Envelopes in those.
        missing: Frames that are neither archived, nor known by a manifest, nor declared lost.
        open_segments: Segments not sealed yet.
        damaged_files: What recoveries kept as they found it.
        frames: Frames archived in full, over all connections.
        declared_lost: Frames declared lost.
        overlap: Frames received while their predecessor was still open.
        duplicates: Deliveries the writers dropped, as their manifests tell.
        gaps: What venues lost, as records tell.
        elsewhere: Segments that were let go here: a store was proved to hold them, and is not asked
            again. Verify its address to prove them anew.
        elsewhere_bytes: Their size, in bytes.
    """

    ok: bool
    problems: list[Problem]
    connections: list[Connection]
    segments: int
    lines: int
    bytes_proved: int
    manifest_proved: int
    manifest_lines: int
    missing: int
    open_segments: list[OpenSegment]
    damaged_files: list[str]
    frames: int
    declared_lost: int
    overlap: int
    duplicates: int
    gaps: int
    elsewhere: int = 0
    elsewhere_bytes: int = 0


def verify(root: Path | Store, progress: Progress | None = None) -> Report:
    """Prove what an archive holds.

    Reads every byte once, in constant memory per segment.

    Args:
        root: The archive. Of one on this machine, what was let go here is not fetched; of one in an
            object store every byte is.
        progress: Told how far it is.

    Raises:
        ConfigError: There is no archive at `root`.
        TooNew: The archive, or a part of it, was written by a newer program.
        Damaged: The archive's own file is not what was written.
        Unavailable: The store does not answer.
    """
    files.check(root)
    return _Verification(root, progress or (lambda _done, _total: None)).run()


class _Verification:
    """One run over an archive."""

    def __init__(self, root: Path | Store, progress: Progress) -> None:
        self._elsewhere = let_go(root) if isinstance(root, Path) else {}
        self._root: Store = LocalStore(root) if isinstance(root, Path) else root
        self._progress = progress
        self._done = 0
        self._total = 0
        self._problems: list[Problem] = []
        self._chains: dict[str, list[Known]] = {}
        self._union = Union()
        self._open: list[OpenSegment] = []
        self._segments = self._lines = self._bytes = 0
        self._manifest_bytes = self._manifest_lines = 0
        self._duplicates = self._gaps = 0
        self._far = self._far_bytes = 0

    def run(self) -> Report:
        """Everything, in the order that lets one pass suffice."""
        began = identity.read(self._root)
        heads = self._heads()  # before the manifests: what is sealed meanwhile is no riddle then
        places: dict[Place, set[Kind]] = {}
        for place, kind in files.walk(self._root):
            places.setdefault(place, set()).add(kind)
        self._total = sum(
            files.size(self._root, place.name(kind))
            for place, kinds in places.items()
            for kind in kinds & {"sealed", "open"}
        )
        for place in sorted(places):
            if "manifest" in places[place]:
                self._prove_manifest(place, places[place])
            elif "open" in places[place]:
                self._take_open(place)
            elif "sealed" in places[place]:
                self._without_manifest(place)
        self._prove_chains(heads)
        connections, problems = self._union.judge(
            began=began.created_at if began else None, grace_s=GRACE_S
        )
        problems = self._problems + problems
        return Report(
            ok=not problems,
            problems=problems,
            connections=connections,
            segments=self._segments,
            lines=self._lines,
            bytes_proved=self._bytes,
            manifest_proved=self._manifest_bytes,
            manifest_lines=self._manifest_lines,
            missing=sum(each.holes for each in connections if each.state != "open"),
            open_segments=self._open,
            damaged_files=[p.name("damaged") for p in sorted(places) if "damaged" in places[p]],
            frames=sum(each.archived for each in connections),
            declared_lost=sum(each.declared_lost for each in connections),
            overlap=sum(each.overlap for each in connections),
            duplicates=self._duplicates,
            gaps=self._gaps,
            elsewhere=self._far,
            elsewhere_bytes=self._far_bytes,
        )

    def _prove_manifest(self, place: Place, kinds: set[Kind]) -> None:
        """A manifest, and the segment it speaks of."""
        name = place.name("manifest")
        content = self._root.read(name)
        try:
            known = manifest.decode(content, name)
        except TooNew:
            raise
        except Damaged as error:
            self._problems.append(Problem(kind="manifest", message=error.message, file=name))
            if "sealed" in kinds:
                self._without_manifest(place)
            return
        link = manifest.link(known, content)
        self._chains.setdefault(place.writer, []).append(
            Known(file=name, link=link, previous=known.previous)
        )
        self._duplicates += known.duplicates
        self._gaps += len(known.contents.gaps)
        if (known.name, known.writer, known.feed) != (place.name(), place.writer, place.feed):
            text = f"it is the manifest of {known.name}."
            self._problems += concerned("misplaced", name, text, known.contents.connections)
        kind: Kind = "sealed" if "sealed" in kinds else "open"
        reason = self._prove_bytes(place, kind, known) if kind in kinds else "it is gone."
        if kind not in kinds and self._elsewhere.get(known.name) == known.sha256:
            self._far += 1
            self._far_bytes += known.bytes
        elif reason is None:
            self._segments += 1
            self._bytes += known.bytes
            self._lines += known.contents.lines
        else:
            self._problems += concerned("segment", place.name(), reason, known.contents.connections)
            self._manifest_bytes += known.bytes
            self._manifest_lines += known.contents.lines
        self._problems += self._union.add(place, known.contents)

    def _prove_bytes(self, place: Place, kind: Kind, known: Manifest) -> str | None:
        """Why the bytes of a segment are not those its manifest tells of; None when they are."""
        found = self._scan(place, kind)
        if found.bytes != known.bytes:
            return f"it has {found.bytes} bytes; its manifest tells of {known.bytes}."
        if found.sha256 != known.sha256:
            return "its digest is not the one in its manifest: its bytes were changed."
        if found.fault is not None:
            return f"it cannot be read: {found.fault}."
        if found.tally.twice:
            return f"it holds {found.tally.twice[0].message_id} twice."
        if found.tally.contents() != known.contents:
            return "its lines are not those its manifest tells of."
        return None

    def _take_open(self, place: Place) -> None:
        """A segment that is not sealed: what can be read counts, a torn tail is no fault."""
        found = self._scan(place, "open")
        contents = found.tally.contents()
        self._open.append(OpenSegment(place.name("open"), contents.lines, found.bytes))
        self._lines += contents.lines
        self._gaps += len(contents.gaps)
        self._problems += self._union.add(place, contents, is_open=True)

    def _without_manifest(self, place: Place) -> None:
        """A sealed segment that nothing vouches for."""
        contents = self._scan(place, "sealed").tally.contents()
        self._problems += concerned(
            "manifest", place.name("manifest"), "it is gone.", contents.connections
        )
        self._problems += self._union.add(place, contents)

    def _heads(self) -> dict[str, Head | None]:
        """The head of every writer; None for one that cannot be read."""
        heads: dict[str, Head | None] = {}
        for name in files.names(self._root, layout.WRITERS):
            writer = layout.head_writer(name)
            if writer is None:
                continue
            try:
                heads[writer] = manifest.read_head(self._root, writer)
            except TooNew:
                raise
            except Damaged as error:
                heads[writer] = None
                self._problems.append(Problem(kind="head", message=error.message, file=name))
        return heads

    def _prove_chains(self, heads: dict[str, Head | None]) -> None:
        for writer in sorted(self._chains.keys() | heads.keys()):
            broken = writer in heads and heads[writer] is None
            found = prove_chain(
                writer, layout.head(writer), self._chains.get(writer, []), heads.get(writer)
            )
            self._problems += [each for each in found if not (broken and each.kind == "head")]

    def _scan(self, place: Place, kind: Kind) -> Scanned:
        """Read a segment; one that is sealed while we look has its other name by now."""
        try:
            found = scan(self._root.open(place.name(kind)), place.feed, self._union.watch)
        except FileNotFoundError:
            if kind != "open":
                raise
            kind = "sealed"
            found = scan(self._root.open(place.name(kind)), place.feed, self._union.watch)
        self._advance(place.name(kind))
        return found

    def _advance(self, name: str) -> None:
        self._done += files.size(self._root, name)
        self._progress(min(self._done, self._total), self._total)
