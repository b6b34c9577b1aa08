"""What the archive refuses.

SsmdError
├── Unavailable
│   └── DiskRefused      the disk is full or failing; nothing uncommitted was acknowledged
├── Busy
│   ├── WriterBusy       another process writes here as the same writer
│   └── StillAtWork      what needs the archive to itself met somebody (exit code 1)
└── Damaged              a line, manifest or head file is not what was written
    └── TooNew           a newer program wrote it
"""

from pathlib import Path

import msgspec

from ssmd.model.errors import Busy, Damaged, Unavailable


class DiskRefused(Unavailable):
    """The disk is full or failing; what was not committed will be delivered again."""

    def __init__(self, root: Path, error: OSError) -> None:
        super().__init__(
            f"The archive at {root} cannot be written: {error.strerror or error}.",
            remedy="Free space or replace the disk; recording resumes by itself.",
        )
        self.errno = error.errno


class WriterBusy(Busy):
    """Another process writes into this archive as the same writer."""

    def __init__(self, root: Path, writer: str, owner: str) -> None:
        super().__init__(
            f"{owner} already writes into {root} as {writer}.",
            remedy="Stop it, or choose another directory.",
        )
        self.owner = owner


class StillAtWork(Busy):
    """What needs the archive to itself met somebody at work there."""

    retryable = True
    exit_code = 1

    def __init__(self, root: Path, who: str) -> None:
        super().__init__(
            f"{who} still works in {root}.",
            remedy="Stop it, wait until it has ended, and try again.",
        )


class TooNew(Damaged):
    """A newer program wrote it."""

    def __init__(self, name: str, *, found: int, known: int, needs: str) -> None:
        super().__init__(
            f"{name} has format {found}; this program knows up to {known}.",
            remedy=f"It needs {f'ssmd {needs} or newer' if needs else 'a newer ssmd'}: upgrade.",
        )


class _Version(msgspec.Struct):
    """What every version of a file says of itself.

    Attributes:
        format: Version of the format.
        needs: The oldest ssmd that reads it; from the second format on every file says so.
    """

    format: int
    needs: str = ""


_version = msgspec.json.Decoder(_Version)


def refuse_newer(content: bytes, name: str, known: int) -> None:
    """Refuse what a newer program wrote, before anything else is read of it.

    Args:
        content: A JSON file's bytes.
        name: Its name.
        known: The newest format that is understood.

    Raises:
        TooNew: Its format is newer.
    """
    try:
        found = _version.decode(content)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return
    if found.format > known:
        raise TooNew(name, found=found.format, known=known, needs=found.needs)
