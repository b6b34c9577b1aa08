"""Which resource is to be looked at when something changes. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from ssmd.operator.names import (
    API_VERSION,
    COMPONENT,
    INSTANCE,
    KINDS,
    MANAGED_BY,
    MANAGER,
    Kind,
    component,
    selector,
)

_READERS: Final[Mapping[str, tuple[Kind, ...]]] = {
    "Archiver": ("QualityCheck", "Api"),
    "Connector": ("Api",),
}
"""What looks at resources of a kind: mounts their claims, or shows how they are."""


class Key(NamedTuple):
    """One resource.

    Attributes:
        kind: Its kind.
        namespace: Its namespace.
        name: Its name.
    """

    kind: Kind
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


class Index:
    """The resources that are known, what they refer to, and what belongs to them."""

    def __init__(self) -> None:
        self._keys: set[Key] = set()
        self._labels: dict[tuple[str, str, str], Key] = {}
        self._maps: dict[Key, frozenset[str]] = {}
        self._troubles: dict[Key, tuple[str, ...]] = {}

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def know(self, key: Key) -> None:
        """There is such a resource."""
        self._keys.add(key)
        self._labels[self._label(key)] = key

    def forget(self, key: Key) -> None:
        """There is no such resource any more."""
        self._keys.discard(key)
        self._maps.pop(key, None)
        self._troubles.pop(key, None)
        self._labels.pop(self._label(key), None)

    def refers(self, key: Key, maps: Iterable[str]) -> None:
        """A resource refers to these ConfigMaps."""
        self._maps[key] = frozenset(maps)

    def tells(self, key: Key, troubles: Iterable[str]) -> None:
        """A resource's status says that these conditions are not as they should be."""
        self._troubles[key] = tuple(troubles)

    def troubled(self, kind: Kind) -> Counter[str]:
        """How many resources of a kind are not as they should be, by condition."""
        mine = (names for key, names in self._troubles.items() if key.kind == kind)
        return Counter(name for names in mine for name in names)

    def keys(self) -> list[Key]:
        """All resources that are known."""
        return sorted(self._keys)

    def count(self, kind: Kind) -> int:
        """How many of a kind are known."""
        return sum(key.kind == kind for key in self._keys)

    def concerned(self, changed: Mapping[str, Any]) -> list[Key]:
        """The resources that a change of an object concerns."""
        metadata = changed["metadata"]
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        found = []
        if changed.get("apiVersion") == API_VERSION and changed["kind"] in KINDS:
            found = [Key(changed["kind"], namespace, name)]
        elif (owner := self._owner(metadata.get("labels") or {}, namespace)) is not None:
            found = [owner]
        if changed["kind"] == "ConfigMap":
            found += [
                key
                for key, maps in self._maps.items()
                if key.namespace == namespace and name in maps
            ]
        readers = _READERS.get(changed["kind"], ())
        return found + [k for k in self._keys if k.kind in readers and k.namespace == namespace]

    def _owner(self, labels: Mapping[str, str], namespace: str) -> Key | None:
        if labels.get(MANAGED_BY) != MANAGER:
            return None
        return self._labels.get((namespace, labels.get(COMPONENT, ""), labels.get(INSTANCE, "")))

    def _label(self, key: Key) -> tuple[str, str, str]:
        return key.namespace, component(key.kind), selector(key.name, key.kind)[INSTANCE]
