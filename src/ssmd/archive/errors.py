"""What the archive refuses.

SsmdError
├── Unavailable
│   └── DiskRefused      the disk is full or failing; nothing uncommitted was acknowledged
├── Busy
│   └── WriterBusy       another process writes here as the same writer
└── Damaged              a line, manifest or head file is not what was written
"""

from pathlib import Path

from ssmd.model.errors import Busy, Unavailable


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
