"""One writer's chain of manifests: sealing adds a link, and the head says where it ends."""

from pathlib import Path

from ssmd.archive import durable, manifest
from ssmd.archive.contents import Contents, Position
from ssmd.archive.layout import Place
from ssmd.archive.manifest import FORMAT, BusLoss, Head, Link, Manifest, SealedBy
from ssmd.archive.rewrite import Sealed


class Chain:
    """Where a writer's chain ends, and how it grows.

    Attributes:
        last: The newest manifest; None before the first.
        position: The newest bus position that is durable.
        bus_losses: What the bus lost since the newest manifest.
    """

    def __init__(self, root: Path, writer: str) -> None:
        self.last: Link | None = None
        self.position: Position | None = None
        self.bus_losses: list[BusLoss] = []
        self._milestones: list[tuple[int, Position]] = []
        self._passed = self._created = 0
        self._root = root
        self._writer = writer
        self._head: Link | None = None

    def learn(self, link: Link) -> None:
        """Take in a manifest that exists."""
        if self.last is None or link.number > self.last.number:
            self.last = link

    def learn_position(self, position: Position | None) -> None:
        """Take in a bus position that is durable; the one of the latest commit counts."""
        if position is not None and (
            self.position is None or position.commit > self.position.commit
        ):
            self.position = position

    def learn_milestone(self, ts: int | None, position: Position | None) -> None:
        """Take in that everything up to a position was sealed with data received until `ts`."""
        if ts is not None and position is not None:
            self._milestones.append((ts, position))

    def milestone(self, created: int, before: int) -> int:
        """The greatest stream sequence of this incarnation sealed before a time, ns; 0 if none."""
        passed = [
            position.sequence
            for ts, position in self._milestones
            if ts < before and position.created == created
        ]
        self._milestones = [each for each in self._milestones if each[0] >= before]
        self._passed = max([self._passed if self._created == created else 0, *passed])
        self._created = created
        return self._passed

    def known(self) -> list[Position]:
        """Positions that are durable, the newest first: that of now, then those of the seals."""
        passed = {position.commit: position for _, position in self._milestones}
        if self.position is not None:
            passed[self.position.commit] = self.position
        return [passed[commit] for commit in sorted(passed, reverse=True)]

    def rewind(self, sequence: int) -> None:
        """What was sealed beyond a sequence is not in the stream, or stands elsewhere in it."""
        self._milestones = [each for each in self._milestones if each[1].sequence <= sequence]
        self._passed = min(self._passed, sequence)

    def learn_head(self) -> None:
        """Take in what the head file says; a manifest it knows and we do not find still counts.

        Raises:
            Damaged: The file is not what was written.
        """
        head = manifest.read_head(self._root, self._writer)
        if head is not None:
            self._head = head.last
            if head.last is not None:
                self.learn(head.last)
            self.learn_position(head.position)

    def seal(
        self,
        place: Place,
        sealed: Sealed,
        contents: Contents,
        *,
        slot: int,
        interval_s: int,
        by: SealedBy,
        counts: tuple[int, int] = (0, 0),
    ) -> Manifest:
        """Write the manifest of a finished file, then give the file its sealed name.

        Args:
            place: Which segment.
            sealed: Its size and digest; the file is durable under its open name.
            contents: What it holds.
            slot: When its slot begins, ns.
            interval_s: Length of a slot, in seconds.
            by: Who seals it.
            counts: Overlaps and duplicates to report with it.

        Raises:
            OSError: The disk refused; the next start finishes or repeats the sealing.
        """
        link = self.last
        made = Manifest(
            format=FORMAT,
            name=place.name(),
            feed=place.feed,
            writer=self._writer,
            number=1 if link is None else link.number + 1,
            previous=link,
            slot=slot,
            interval_s=interval_s,
            sealed_by=by,
            bytes=sealed.bytes,
            sha256=sealed.sha256,
            contents=contents,
            overlaps=counts[0],
            duplicates=counts[1],
            position=self.position,
            bus_losses=tuple(self.bus_losses),
        )
        content = manifest.encode(made)
        durable.replace(self._root / place.name("manifest"), content)
        self.last = manifest.link(made, content)
        self.bus_losses.clear()
        self.learn_milestone(contents.last_ts, self.position)
        self.finish(place)
        self.write_head()
        return made

    def finish(self, place: Place) -> None:
        """Give a segment that has its manifest its sealed name."""
        path = self._root / place.name("open")
        durable.rename(path, self._root / place.name())
        durable.sync_directory(path.parent)

    def repair_head(self) -> None:
        """Write the head again when a crash left it behind the newest manifest."""
        if self._head != self.last:
            self.write_head()

    def write_head(self) -> None:
        """State where the chain ends."""
        manifest.write_head(
            self._root,
            Head(format=FORMAT, writer=self._writer, last=self.last, position=self.position),
        )
        self._head = self.last
