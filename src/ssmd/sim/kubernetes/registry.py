"""Which kinds are served where, and the discovery documents that say so."""

from collections.abc import Iterable
from typing import Final

from ssmd.sim.kubernetes import refusal
from ssmd.sim.kubernetes.kinds import ALL_VERBS, Kind, builtin_kinds
from ssmd.sim.kubernetes.shapes import Object

VERSION: Final = {"major": "1", "minor": "34", "gitVersion": "v1.34.0-fake", "platform": "fake"}
_SUBRESOURCE_VERBS: Final = {
    "status": ("get", "patch", "update"),
    "scale": ("get", "patch", "update"),
    "log": ("get",),
}


class Registry:
    """All kinds; definitions add some and take them away."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str, str], Kind] = {}
        for kind in builtin_kinds():
            self._add(kind)

    def find(self, group: str, version: str, plural: str) -> Kind:
        """The kind at an address.

        Raises:
            Refusal: 404, nobody serves it.
        """
        kind = self._kinds.get((group, version, plural))
        if kind is None or not kind.served:
            raise refusal.no_such_path()
        return kind

    def stored(self, key: tuple[str, str]) -> Kind:
        """The version in which objects of a kind are kept.

        Raises:
            KeyError: There is no such kind.
        """
        for kind in self._kinds.values():
            if kind.key == key and kind.storage:
                return kind
        raise KeyError(key)

    def named(self, name: str) -> Kind:
        """A kind by its name in objects, or its plural, `group/Kind` when two share it.

        Raises:
            KeyError: There is no such kind.
        """
        group, slash, word = name.rpartition("/")
        for kind in self._kinds.values():
            if word in (kind.kind, kind.plural) and (not slash or kind.group == group):
                return kind
        raise KeyError(name)

    def define(self, kinds: Iterable[Kind]) -> None:
        """Serve these versions of one kind, and no others of it."""
        new = list(kinds)
        self.undefine(new[0].key)
        for kind in new:
            self._add(kind)

    def undefine(self, key: tuple[str, str]) -> None:
        """Serve a kind no longer."""
        for place in [place for place, kind in self._kinds.items() if kind.key == key]:
            del self._kinds[place]

    def taken(self, kinds: Iterable[Kind]) -> bool:
        """Whether a kind of Kubernetes' own has one of these places."""
        return any(
            (found := self._kinds.get((k.group, k.version, k.plural))) and not found.custom
            for k in kinds
        )

    def versions(self) -> Object:
        """`/api`."""
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}

    def groups(self) -> Object:
        """`/apis`."""
        groups = sorted({kind.group for kind in self._kinds.values() if kind.group})
        told = [each for each in map(self._group, groups) if each["versions"]]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": told}

    def group(self, name: str) -> Object:
        """`/apis/GROUP`.

        Raises:
            Refusal: 404, there is no such group.
        """
        told = self._group(name)
        if not told["versions"]:
            raise refusal.no_such_path()
        return {"kind": "APIGroup", "apiVersion": "v1", **told}

    def resources(self, group: str, version: str) -> Object:
        """`/api/v1` or `/apis/GROUP/VERSION`.

        Raises:
            Refusal: 404, there is no such version.
        """
        kinds = [
            kind
            for kind in self._kinds.values()
            if (kind.group, kind.version) == (group, version) and kind.served
        ]
        if not kinds:
            raise refusal.no_such_path()
        told: list[Object] = []
        for kind in sorted(kinds, key=lambda each: each.plural):
            told.append(_resource(kind))
            told += [_subresource(kind, name) for name in kind.subresources()]
        version = f"{group}/{version}" if group else version
        return {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": version,
            "resources": told,
        }

    def _group(self, name: str) -> Object:
        versions: list[Object] = []
        for kind in self._kinds.values():
            told = {"groupVersion": kind.api_version, "version": kind.version}
            if kind.group == name and kind.served and told not in versions:
                versions.append(told)
        versions.sort(key=lambda each: _rank(each["version"]))
        preferred = versions[0] if versions else {}
        return {"name": name, "versions": versions, "preferredVersion": preferred}

    def _add(self, kind: Kind) -> None:
        self._kinds[kind.group, kind.version, kind.plural] = kind


def _rank(version: str) -> tuple[int, str]:
    """Stable before beta before alpha; within those the later first is not needed here."""
    stage = 2 if "alpha" in version else 1 if "beta" in version else 0
    return (stage, version)


def _resource(kind: Kind) -> Object:
    told: Object = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": list(ALL_VERBS),
    }
    if kind.short:
        told["shortNames"] = list(kind.short)
    if kind.categories:
        told["categories"] = list(kind.categories)
    return told


def _subresource(kind: Kind, name: str) -> Object:
    return {
        "name": f"{kind.plural}/{name}",
        "singularName": "",
        "namespaced": kind.namespaced,
        "kind": "Scale" if name == "scale" else kind.kind,
        "verbs": list(_SUBRESOURCE_VERBS[name]),
    }
