"""A file through which a running simulator is told to misbehave: one fault spec per line.

A file needs no port and no client, works the same over TLS, and shows afterwards what was asked.
"""

import os
from pathlib import Path
from typing import Final

NAME: Final = "control"
"""The file's name in the ledger directory."""


def send(directory: Path, spec: str) -> None:
    """Tell the simulator whose ledger lies in this directory; it obeys within a few ticks.

    Raises:
        OSError: The file cannot be written.
    """
    file = os.open(directory / NAME, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, spec.encode() + b"\n")
    finally:
        os.close(file)


class Commands:
    """Reads what is new in the control file; lines from before the start are not obeyed."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME
        self._path.touch()
        self._read = self._path.stat().st_size

    def new(self) -> list[str]:
        """Complete lines that came since the last call."""
        if self._path.stat().st_size <= self._read:
            return []
        with self._path.open("rb") as file:
            file.seek(self._read)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._read += len(whole) + len(newline)
        return [line for line in whole.decode(errors="replace").split("\n") if line.strip()]
