"""An open segment whose writer died becomes one that can be sealed.

Every step leaves either the file as it was or the finished copy: a crash in the middle is met by
doing it again. The file is always copied, never mended in place: after a failed fsync the copy is
the only version whose bytes the kernel still promises to write.
"""

from pathlib import Path

import msgspec

from ssmd.archive import durable
from ssmd.archive.contents import Tally
from ssmd.archive.frames import Frames
from ssmd.archive.layout import Place
from ssmd.archive.rewrite import Sealed, draft, install
from ssmd.archive.settings import ArchiveSettings
from ssmd.model.errors import Damaged


class Recovered(msgspec.Struct, frozen=True):
    """An open segment that is finished and durable now.

    Attributes:
        sealed: Size and digest of the file.
        tally: What it holds.
        damage: What was wrong beyond a torn tail; the file as found is kept beside it. None when
            nothing was.
        cut: Decoded bytes that were given up: an unfinished last line, or what was damaged.
    """

    sealed: Sealed
    tally: Tally
    damage: str | None
    cut: int


class _Survey(msgspec.Struct, frozen=True):
    """How far a file can be read: whole frames, and whole lines after them."""

    tally: Tally
    good_raw: int
    whole: int
    whole_raw: int
    damage: str | None
    decoded: int


def recover(root: Path, place: Place, settings: ArchiveSettings) -> Recovered | None:
    """Cut an open segment to what can be read, and finish it.

    Returns:
        None when it held no envelope; it is gone then.

    Raises:
        OSError: The disk refused; the segment is as it was.
    """
    path = root / place.name("open")
    survey = _survey(path, place.feed, None)
    if survey.good_raw > survey.whole_raw and survey.damage and "checksum" in survey.damage:
        survey = _survey(path, place.feed, survey.whole_raw)
    if survey.damage is not None:
        _keep(path, root / place.name("damaged"))
    if not survey.tally.lines:
        durable.unlink(path)
        durable.sync_directory(path.parent)
        return None
    kept = survey.good_raw >= survey.whole_raw
    sealed = draft(
        path,
        whole=survey.whole if kept else 0,
        rest=survey.good_raw - (survey.whole_raw if kept else 0),
        frame_bytes=settings.frame_bytes,
        level=settings.level,
    )
    install(path)
    return Recovered(sealed, survey.tally, survey.damage, survey.decoded - survey.good_raw)


def _survey(path: Path, feed: str, limit: int | None) -> _Survey:
    tally = Tally()
    good = decoded = 0
    fault: str | None = None
    with path.open("rb") as file:
        frames = Frames(file)
        for text in frames.lines():
            decoded += len(text)
            if fault is None and (limit is None or decoded <= limit):
                try:
                    tally.read(text, feed)
                    good = decoded
                except Damaged as error:
                    fault = error.message
        return _Survey(tally, good, frames.whole, frames.whole_raw, fault or frames.damage, decoded)


def _keep(path: Path, beside: Path) -> None:
    """Keep a broken file as it was found: what we cannot read, somebody else perhaps can."""
    if not beside.exists():
        durable.link(path, beside)
        durable.sync_directory(path.parent)
