"""Where the services of this machine can be scraped, as a file that a Prometheus follows.

They listen at free ports, so their addresses change with every start. A service keeps its name as
`instance`: what comes after a restart is the same series.
"""

import contextlib
from pathlib import Path

import msgspec

from ssmd.archive import layout


class Targets:
    """The list of a directory's services, in the format of Prometheus' `file_sd`.

    Args:
        root: The archive root.
    """

    def __init__(self, root: Path) -> None:
        self._path = layout.prometheus_targets(root)
        self._archive = str(root.resolve())
        self._addresses: dict[str, str] = {}

    def add(self, name: str, address: str) -> None:
        """A service answers at this base URL; what it had before is forgotten."""
        self._addresses[name] = address
        self._tell()

    def drop(self, name: str) -> None:
        """A service was asked to end. One that died stays: that it does not answer is news."""
        if self._addresses.pop(name, None) is not None:
            self._tell()

    def clear(self) -> None:
        """Nothing runs here."""
        self._addresses.clear()
        self._tell()

    def _tell(self) -> None:
        told = [
            {
                "targets": [address.partition("://")[2]],
                "labels": {"instance": name, "archive": self._archive},
            }
            for name, address in sorted(self._addresses.items())
        ]
        # A full disk ends no recording; the list is written anew with the next change.
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft = layout.temporary(self._path)
            draft.write_bytes(msgspec.json.format(msgspec.json.encode(told)))
            draft.replace(self._path)
