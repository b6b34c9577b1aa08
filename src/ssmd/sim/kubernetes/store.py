"""What is kept: objects by kind, one counter of versions, and a bounded history of changes."""

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ssmd.sim.kubernetes import refusal
from ssmd.sim.kubernetes.owners import Owners
from ssmd.sim.kubernetes.shapes import Object

Key = tuple[str, str]
"""Group and plural."""
Place = tuple[str, str]
"""Namespace ("" without) and name."""

FIRST: Final = 1


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one object.

    Attributes:
        version: The counter after it.
        key: Of which kind.
        namespace: Where; "" without.
        old: What was before; None when it was created.
        new: What is after; None when it is gone. Of one that is gone `last` tells how it was.
        last: Of one that is gone: as it was, with the version of its end.
    """

    version: int
    key: Key
    namespace: str
    old: Object | None
    new: Object | None
    last: Object | None = None


class Store:
    """Objects and their history. Objects in it are never changed in place.

    Args:
        history: How many changes are remembered.

    Attributes:
        version: The counter of changes.
        owners: Who depends on whom.
    """

    def __init__(self, history: int) -> None:
        self.version = FIRST
        self.owners = Owners()
        self._objects: dict[Key, dict[Place, Object]] = {}
        self._history: deque[Change] = deque(maxlen=history)
        self._oldest = FIRST
        self._waiting: set[asyncio.Future[None]] = set()

    def get(self, key: Key, place: Place) -> Object | None:
        """One object; None if it is not there."""
        return self._objects.get(key, {}).get(place)

    def all(self, key: Key, namespace: str = "") -> list[Object]:
        """All objects of a kind, in the order of their places; of one namespace if it is given."""
        places = self._objects.get(key, {})
        return [places[p] for p in sorted(places) if not namespace or p[0] == namespace]

    def everything(self) -> Iterator[tuple[Key, Place, Object]]:
        """Every object there is."""
        for key, places in list(self._objects.items()):
            for place, value in list(places.items()):
                yield key, place, value

    def put(self, key: Key, place: Place, value: Object) -> Object:
        """Keep an object under a new version; gives it with that version in it."""
        self.version += 1
        old = self.get(key, place)
        value = _versioned(value, self.version)
        self._objects.setdefault(key, {})[place] = value
        self.owners.note((key, place), old, value)
        self._remember(Change(self.version, key, place[0], old, value))
        return value

    def drop(self, key: Key, place: Place, last: Object | None = None) -> Object:
        """Let go of an object; gives it as it was, with the version of its end."""
        self.version += 1
        old = self._objects[key].pop(place)
        self.owners.note((key, place), old, None)
        last = _versioned(old if last is None else last, self.version)
        self._remember(Change(self.version, key, place[0], old, None, last))
        return last

    def since(self, version: int) -> list[Change]:
        """What changed after a version.

        Raises:
            Refusal: 410, it is not remembered that far back.
        """
        if version < self._oldest:
            raise refusal.gone(version, self._oldest)
        return list(self._newest(version))[::-1]

    def expire(self) -> None:
        """Forget all changes."""
        self._history.clear()
        self._oldest = self.version

    async def changed(self, version: int) -> None:
        """Wait until something changed after a version."""
        while self.version <= version:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.add(future)
            try:
                await future
            finally:
                self._waiting.discard(future)

    def _newest(self, version: int) -> Iterator[Change]:
        for change in reversed(self._history):
            if change.version <= version:
                return
            yield change

    def _remember(self, change: Change) -> None:
        if len(self._history) == self._history.maxlen:
            self._oldest = self._history[0].version
        self._history.append(change)
        for future in self._waiting:
            if not future.done():
                future.set_result(None)


def _versioned(value: Object, version: int) -> Object:
    return {**value, "metadata": {**value["metadata"], "resourceVersion": str(version)}}
