"""THE ONE DOOR: the command `ssmd`. Wires everything; nothing imports it."""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; a Ctrl-C while it is still being imported is answered like any other."""
    try:
        from ssmd.cli.root import main as run  # noqa: PLC0415 - most of the start is this import

        run()
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        sys.exit(130)
