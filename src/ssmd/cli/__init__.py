"""THE ONE DOOR: the command `ssmd`. Wires everything; nothing imports it."""

from ssmd.cli.root import main

__all__ = ["main"]
