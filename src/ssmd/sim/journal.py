"""A file of JSON lines beside the ledger: what was done to the venue, told before it happens."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from ssmd.model.frame import Now
from ssmd.model.simulated import Emission

FAULTS: Final = "faults.jsonl"
"""Faults that were applied, and market data that was never sent because of them."""
REFUSED: Final = "refused.jsonl"
"""Upgrade requests that were refused; of their headers the names only."""


def note(directory: Path, name: str, entries: Iterable[Mapping[str, object]]) -> None:
    """Append lines, in one write.

    Raises:
        OSError: They could not be written.
    """
    lines = b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
    with (directory / name).open("ab", buffering=0) as file:
        file.write(lines)


def note_withheld(directory: Path, socket: int, emissions: Iterable[Emission], now: Now) -> None:
    """Note market data that a socket will never be sent.

    Raises:
        OSError: It could not be written.
    """
    note(
        directory,
        FAULTS,
        (
            {
                "ts": now.wall,
                "withheld": socket,
                "symbols": emission.symbols,
                "raw": emission.payload.decode(errors="replace"),
            }
            for emission in emissions
        ),
    )
