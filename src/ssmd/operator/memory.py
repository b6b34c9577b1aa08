"""What the operator remembers of what it applied; losing it costs a round of writes that change nothing."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ssmd.operator.fields import fingerprint

Key = tuple[str, str, str]
"""Kind, namespace, name."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One object we applied.

    Attributes:
        asked: Digest of what was asked for.
        found: Fingerprint of what there was afterwards.
        checked: When that was last found to be so, monotonic seconds.
    """

    asked: str
    found: str
    checked: float


class Memory:
    """Every object we applied."""

    def __init__(self) -> None:
        self._entries: dict[Key, Entry] = {}

    def get(self, key: Key) -> Entry | None:
        """What is remembered of an object."""
        return self._entries.get(key)

    def keep(self, key: Key, entry: Entry) -> None:
        """Remember an object."""
        self._entries[key] = entry

    def forget(self, key: Key) -> None:
        """Forget an object: it is applied again when it is next wanted."""
        self._entries.pop(key, None)

    def clear(self) -> None:
        """Forget everything: what happened meanwhile was not seen."""
        self._entries.clear()

    def saw(self, live: Mapping[str, Any], *, gone: bool) -> bool:
        """The watch brought an object.

        Returns:
            Whether it is not what we left: what was remembered of it is forgotten then.
        """
        key = key_of(live)
        entry = self._entries.get(key)
        if entry is None or (not gone and fingerprint(live) == entry.found):
            return False
        self.forget(key)
        return True


def key_of(manifest: Mapping[str, Any]) -> Key:
    """What an object is remembered by."""
    metadata = manifest["metadata"]
    return manifest["kind"], metadata.get("namespace", ""), metadata["name"]
