"""Deletion: grace, finalizers, namespaces with what is in them, and the garbage collector.

Source: Kubernetes' documentation of finalizers, owners and dependents, and garbage collection. The
collector works at once, where a real one takes a moment.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from ssmd.sim.kubernetes import definitions, refusal
from ssmd.sim.kubernetes.asked import Asked, User
from ssmd.sim.kubernetes.kinds import Kind
from ssmd.sim.kubernetes.pipeline import DEFINITIONS
from ssmd.sim.kubernetes.registry import Registry
from ssmd.sim.kubernetes.shapes import Object
from ssmd.sim.kubernetes.store import Place, Store
from ssmd.sim.kubernetes.writes import Writes

FOREGROUND: Final = "foregroundDeletion"
ORPHAN: Final = "orphan"
_POLICIES: Final = {"Background", "Foreground", "Orphan"}
_PODS: Final = ("", "pods")
_NAMESPACES: Final = ("", "namespaces")
_GRACE_S: Final = 30
_COLLECTOR: Final = User("system:serviceaccount:kube-system:generic-garbage-collector")


class Removal:
    """Takes objects away.

    Args:
        store: Where objects are kept.
        registry: Which kinds there are.
        writes: Changes what is only marked.
    """

    def __init__(self, store: Store, registry: Registry, writes: Writes) -> None:
        self._store = store
        self._registry = registry
        self._writes = writes
        writes.ends = self.ends

    def delete(self, asked: Asked) -> tuple[Object, bool]:
        """Delete an object, or mark it; gives it as it is now, and whether it is gone.

        Raises:
            Refusal: 404, it is not there; 409, it is another than the request means.
        """
        old = self._writes.existing(asked)
        options = _options(asked)
        _preconditions(asked, old, options)
        grace = _grace(asked.kind, old, options)
        finalizers = list(old["metadata"].get("finalizers") or ())
        policy = options.get("propagationPolicy", "Background")
        for name, wanted in ((FOREGROUND, "Foreground"), (ORPHAN, "Orphan")):
            if policy == wanted and name not in finalizers:
                finalizers.append(name)
        content = asked.kind.key in {_NAMESPACES, DEFINITIONS}
        if not finalizers and not grace and not content:
            return self._gone(asked, old)
        marked = self._mark(asked, old, finalizers, grace)
        if asked.dry:
            return marked, False
        if content:
            self._empty(asked.kind, old)
        self.collect()
        return marked, False

    def settle(self, kind: Kind, value: Object) -> None:
        """After a write: let go of what was only waiting for its finalizers; collect."""
        meta = value["metadata"]
        if self.ends(kind, value):
            place = (meta.get("namespace", ""), meta["name"])
            if self._store.get(kind.key, place) is not None:
                self._drop(kind, place, value)
        self.collect()

    def ends(self, kind: Kind, value: Object) -> bool:
        """Whether nothing keeps an object that is being deleted."""
        meta = value["metadata"]
        if not meta.get("deletionTimestamp") or meta.get("finalizers"):
            return False
        if kind.key == _PODS:
            return not meta.get("deletionGracePeriodSeconds")
        return kind.key != _NAMESPACES or not self._holds(meta["name"])

    def collect(self) -> None:
        """Collect garbage, wherever something happened, until there is none."""
        touched = self._store.owners.touched
        while touched:
            key, place = spot = min(touched)
            touched.discard(spot)
            value = self._store.get(key, place)
            if value is not None:
                self._collect(key, place, value)

    def _gone(self, asked: Asked, old: Object) -> tuple[Object, bool]:
        if asked.dry:
            return old, True
        last = self._drop(asked.kind, asked.place)
        self.collect()
        return last, True

    def _mark(self, asked: Asked, old: Object, finalizers: list[str], grace: int) -> Object:
        """Mark an object as being deleted; a second time only shortens its grace."""
        meta = old["metadata"]
        before = meta.get("deletionGracePeriodSeconds")
        again = meta.get("deletionTimestamp") and finalizers == list(meta.get("finalizers") or ())
        if again and (before is None or grace >= before):
            return old
        now = datetime.strptime(self._writes.now(), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        until = now + timedelta(seconds=grace)

        def change(value: Object) -> None:
            value["metadata"]["deletionTimestamp"] = until.strftime("%Y-%m-%dT%H:%M:%SZ")
            value["metadata"]["deletionGracePeriodSeconds"] = grace
            if finalizers:
                value["metadata"]["finalizers"] = finalizers
            if "generation" in value["metadata"]:
                value["metadata"]["generation"] += 1
            if asked.kind.key == _NAMESPACES:
                value["status"] = {**value.get("status", {}), "phase": "Terminating"}

        return self._writes.replace(asked, old, change)

    def _drop(self, kind: Kind, place: Place, last: Object | None = None) -> Object:
        last = self._store.drop(kind.key, place, last)
        if kind.key == DEFINITIONS:
            self._registry.undefine(definitions.kinds(last)[0].key)
        namespace = self._store.get(_NAMESPACES, ("", place[0])) if place[0] else None
        if namespace is not None and namespace["metadata"].get("deletionTimestamp"):
            self.settle(self._registry.stored(_NAMESPACES), namespace)
        return last

    def _holds(self, namespace: str) -> bool:
        return any(place[0] == namespace for _, place, _ in self._store.everything())

    def _content(self, namespace: str) -> list[tuple[tuple[str, str], Place]]:
        return [(key, place) for key, place, _ in self._store.everything() if place[0] == namespace]

    def _empty(self, kind: Kind, value: Object) -> None:
        """Delete what is in a namespace, or the objects of a definition; then it, when it is empty."""
        if kind.key == _NAMESPACES:
            content = self._content(value["metadata"]["name"])
        else:
            key = definitions.kinds(value)[0].key
            content = [(key, place) for k, place, _ in self._store.everything() if k == key]
        for key, place in content:
            self._delete_ours(key, place, "Background")
        place = ("", value["metadata"]["name"])
        current = self._store.get(kind.key, place)
        if current is None or current["metadata"].get("finalizers"):
            return
        left = any(self._store.get(*each) is not None for each in content)
        if not left:
            self._drop(kind, place)

    def _delete_ours(self, key: tuple[str, str], place: Place, policy: str) -> None:
        """Delete as the controllers do."""
        if self._store.get(key, place) is None:
            return
        kind = self._registry.stored(key)
        body = {"propagationPolicy": policy}
        self.delete(Asked("delete", kind, place[0], place[1], "", _COLLECTOR, body=body))

    def _collect(self, key: tuple[str, str], place: Place, value: Object) -> None:
        """Look at one object: its owners, or what the collector's own finalizers wait for."""
        meta = value["metadata"]
        references = meta.get("ownerReferences") or ()
        if meta.get("deletionTimestamp"):
            if ORPHAN in (meta.get("finalizers") or ()):
                self._orphan(key, place, value)
            elif FOREGROUND in (meta.get("finalizers") or ()):
                self._foreground(key, place, value)
            return
        there = [each for each in references if self._owns(each["uid"], place)]
        if len(there) == len(references):
            return
        if there:
            self._change(key, place, _with_owners(there))
        else:
            self._delete_ours(key, place, "Background")

    def _owns(self, uid: str, place: Place) -> bool:
        """Whether the owner is there: in the cluster, or in the dependent's namespace."""
        spot = self._store.owners.spot(uid)
        return spot is not None and spot[1][0] in {"", place[0]}

    def _orphan(self, key: tuple[str, str], place: Place, value: Object) -> None:
        """Let the dependents live without their owner."""
        uid = value["metadata"]["uid"]
        for below, where, each in self._dependents(uid):
            left = [r for r in each["metadata"]["ownerReferences"] if r["uid"] != uid]
            self._change(below, where, _with_owners(left))
        self._release(key, place, ORPHAN)

    def _foreground(self, key: tuple[str, str], place: Place, value: Object) -> None:
        """Delete the dependents first; the owner goes when none that blocks it is left."""
        uid = value["metadata"]["uid"]
        for below, where, each in self._dependents(uid):
            if not each["metadata"].get("deletionTimestamp"):
                self._delete_ours(below, where, "Foreground")
        blocked = any(_blocks(each, uid) for _, _, each in self._dependents(uid))
        if not blocked and self._store.get(key, place) is not None:
            self._release(key, place, FOREGROUND)

    def _dependents(self, uid: str) -> list[tuple[tuple[str, str], Place, Object]]:
        found = ((*spot, self._store.get(*spot)) for spot in self._store.owners.dependents(uid))
        return [(key, place, value) for key, place, value in found if value is not None]

    def _release(self, key: tuple[str, str], place: Place, finalizer: str) -> None:
        def change(value: Object) -> None:
            left = [f for f in value["metadata"].get("finalizers") or () if f != finalizer]
            value["metadata"]["finalizers"] = left
            if not left:
                del value["metadata"]["finalizers"]

        self._change(key, place, change)

    def _change(self, key: tuple[str, str], place: Place, change: Callable[[Object], None]) -> None:
        kind = self._registry.stored(key)
        asked = Asked("update", kind, place[0], place[1], "", _COLLECTOR)
        value = self._writes.replace(asked, self._writes.existing(asked), change)
        if self.ends(kind, value):
            self._drop(kind, place)


def _with_owners(left: list[Object]) -> Callable[[Object], None]:
    def change(value: Object) -> None:
        value["metadata"]["ownerReferences"] = left
        if not left:
            del value["metadata"]["ownerReferences"]

    return change


def _blocks(value: Object, uid: str) -> bool:
    references = value["metadata"].get("ownerReferences") or ()
    return any(r["uid"] == uid and r.get("blockOwnerDeletion") for r in references)


def _options(asked: Asked) -> Object:
    """What the request says of how to delete.

    Raises:
        Refusal: 422, the policy is not known.
    """
    options = dict(asked.body) if isinstance(asked.body, dict) else {}
    for name in ("propagationPolicy", "gracePeriodSeconds"):
        if name in asked.query:
            options.setdefault(name, asked.query[name])
    policy = options.get("propagationPolicy")
    if policy is not None and policy not in _POLICIES:
        cause = refusal.unsupported("propagationPolicy", policy, sorted(_POLICIES))
        raise refusal.invalid("DeleteOptions", "meta.k8s.io", "", [cause])
    if options.get("orphanDependents"):
        options["propagationPolicy"] = "Orphan"
    return options


def _preconditions(asked: Asked, old: Object, options: Object) -> None:
    wanted = options.get("preconditions") or {}
    for name, field in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        there = old["metadata"][name]
        if wanted.get(name) and wanted[name] != there:
            kind, own = asked.kind.kind, asked.name
            message = (
                f'Operation cannot be fulfilled on {kind} "{own}": the {field} in the precondition'
                f" ({wanted[name]}) does not match the {field} in record ({there})."
            )
            raise refusal.Refusal(409, message, details={"name": own, "kind": kind})


def _grace(kind: Kind, old: Object, options: Object) -> int:
    """For how long a pod may go on, in seconds; who is on no node, or has ended, has no grace."""
    if kind.key != _PODS:
        return 0
    spec = old.get("spec", {})
    if not spec.get("nodeName") or old.get("status", {}).get("phase") in {"Succeeded", "Failed"}:
        return 0
    asked = options.get("gracePeriodSeconds")
    return int(spec.get("terminationGracePeriodSeconds", _GRACE_S) if asked is None else asked)
