"""THE ONE DOOR: the command `ssmd`. Wires everything; nothing imports it."""

import os
import signal
import sys
from types import FrameType
from typing import Final

__all__ = ["main"]

_INIT: Final = 1
"""The first process of a container: the kernel gives it no signal that it has no handler for."""


def main() -> None:
    """Run the command line; a Ctrl-C while it is still being imported is answered like any other."""
    if os.getpid() == _INIT:
        signal.signal(signal.SIGTERM, _end)  # a service has its own later
    try:
        from ssmd.cli.root import main as run  # noqa: PLC0415 - most of the start is this import

        run()
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        sys.exit(130)


def _end(number: int, _frame: FrameType | None) -> None:
    """End as any other process would without a handler: at once."""
    os._exit(128 + number)
