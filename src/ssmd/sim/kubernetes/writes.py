"""Create, update, patch, apply: from a request to the next version of an object."""

import secrets
import string
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime.clock import Clock
from ssmd.sim.kubernetes import definitions, managed, pipeline, refusal
from ssmd.sim.kubernetes.asked import Asked
from ssmd.sim.kubernetes.kinds import Kind
from ssmd.sim.kubernetes.patching import APPLY, patched
from ssmd.sim.kubernetes.pipeline import DEFINITIONS, Mutates
from ssmd.sim.kubernetes.registry import Registry
from ssmd.sim.kubernetes.shapes import Object, Value
from ssmd.sim.kubernetes.store import Store
from ssmd.sim.kubernetes.validation import Rule

_SUFFIX: Final = string.digits + string.ascii_lowercase
_CONDITIONAL: Final = {("coordination.k8s.io", "leases"), DEFINITIONS}
"""Built-in kinds that an update must name the version of; all custom kinds do."""
_POLICIES: Final = ("networking.k8s.io", "networkpolicies")
_BORN: Final[dict[tuple[str, str], Object]] = {
    ("", "namespaces"): {"phase": "Active"},
    ("", "pods"): {"phase": "Pending", "qosClass": "BestEffort"},
    ("", "persistentvolumeclaims"): {"phase": "Pending"},
    ("", "services"): {"loadBalancer": {}},
    ("apps", "replicasets"): {"replicas": 0},
    ("apps", "statefulsets"): {"replicas": 0, "availableReplicas": 0},
    ("policy", "poddisruptionbudgets"): {
        "disruptionsAllowed": 0,
        "currentHealthy": 0,
        "desiredHealthy": 0,
        "expectedPods": 0,
    },
}
_OURS: Final = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "resourceVersion",
    "selfLink",
)


class Writes:
    """Changes objects as requests ask.

    Args:
        store: Where objects are kept.
        registry: Which kinds there are.
        clock: The time they are given.
        rule: Judges CEL rules of definitions; None judges none.

    Attributes:
        mutators: Webhooks: the kind they are for, and what they do.
        ends: Whether a write ends an object that is being deleted; Removal sets it.
    """

    def __init__(self, store: Store, registry: Registry, clock: Clock, rule: Rule | None) -> None:
        self._store = store
        self._registry = registry
        self._clock = clock
        self._rule = rule
        self.mutators: list[tuple[str, Mutates]] = []
        self._addresses = 0
        self.ends: Callable[[Kind, Object], bool] = lambda _kind, _value: False

    def now(self) -> str:
        """The time as objects hold it: RFC 3339, whole seconds."""
        moment = datetime.fromtimestamp(self._clock.wall() // SECOND_NS, UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    def create(self, asked: Asked) -> Object:
        """A new object.

        Raises:
            Refusal: 400, 403, 404, 409 or 422.
        """
        value = pipeline.decoded(asked, asked.body)
        self._born(asked, value)
        if value["metadata"].pop("resourceVersion", None):
            message = "resourceVersion should not be set on objects to be created"
            raise refusal.Refusal(500, message, reason="")
        filled = pipeline.filled(asked.kind, value)
        filled["metadata"].pop("managedFields", None)
        told = {name: filled.pop(name) for name in _told(asked.kind) if name in filled}
        managed.updated(asked.kind.shape, {}, filled, asked.writer(), self.now())
        return self._create(asked, {**filled, **told})

    def update(self, asked: Asked) -> Object:
        """An object as it is sent, in place of the one that is there.

        Raises:
            Refusal: 400, 404, 409 or 422.
        """
        old = self.existing(asked)
        value = pipeline.decoded(asked, asked.body)
        self._addressed(asked, value)
        version = value["metadata"].get("resourceVersion")
        if not version and (asked.kind.custom or asked.kind.key in _CONDITIONAL):
            cause = refusal.bad_value(
                "metadata.resourceVersion", 0, "must be specified for an update"
            )
            raise refusal.invalid(asked.kind.kind, asked.kind.group, asked.name, [cause])
        return self._write(asked, old, value)

    def patch(self, asked: Asked) -> Object:
        """An object with a patch, of the kind that the media type says, laid over it.

        Raises:
            Refusal: 400, 404, 409, 415 or 422.
        """
        if asked.media == APPLY:
            return self.apply(asked)
        if asked.query.get("force"):
            cause = (
                "FieldValueForbidden",
                "Forbidden: may not be specified for non-apply patch",
                "force",
            )
            raise refusal.invalid("PatchOptions", "meta.k8s.io", "", [cause])
        old = self.existing(asked)
        value = _decoded(asked, patched(asked, old))
        self._addressed(asked, value)
        return self._write(asked, old, value)

    def apply(self, asked: Asked) -> Object:
        """Server-side apply; an object that is not there is made.

        Raises:
            Refusal: 400, 404, 409 or 422.
        """
        if not asked.query.get("fieldManager"):
            cause = refusal.required("fieldManager", "is required for apply patch")
            raise refusal.invalid("PatchOptions", "meta.k8s.io", "", [cause])
        config = asked.body if isinstance(asked.body, dict) else {}
        _require_kind(asked, config)
        pipeline.decoded(asked, config)
        if (config.get("metadata") or {}).get("managedFields"):
            raise refusal.bad_request("metadata.managedFields must be nil")
        old = self._store.get(asked.kind.key, asked.place)
        if old is None and asked.subresource:
            raise asked.not_found()
        uid = (config.get("metadata") or {}).get("uid")
        if old is None and uid:
            cause = refusal.bad_value("metadata.uid", uid, "field is immutable")
            raise refusal.invalid(asked.kind.kind, asked.kind.group, asked.name, [cause])
        config = self._configuration(asked, config)
        if old is not None:
            self._same_version(asked, old, config)
        force = asked.query.get("force") in {"true", "1"}
        writer = asked.writer(managed.APPLY)
        base = old or {}
        live = {**base, "apiVersion": asked.kind.api_version, "kind": asked.kind.kind}
        value = managed.applied(asked.kind.shape, live, config, writer, now=self.now(), force=force)
        if old is None:
            self._born(asked, value)
            return self._create(asked, pipeline.filled(asked.kind, value))
        return self._commit(asked, old, value)

    def existing(self, asked: Asked) -> Object:
        """The object a request is about.

        Raises:
            Refusal: 404, it is not there.
        """
        old = self._store.get(asked.kind.key, asked.place)
        if old is None:
            raise asked.not_found()
        return {**old, "apiVersion": asked.kind.api_version}

    def replace(self, asked: Asked, old: Object, change: Callable[[Object], None]) -> Object:
        """Change what a user is not asked about (deletion, finalizers of ours); gives the result."""
        new = {**old, "metadata": dict(old["metadata"])}
        change(new)
        return new if asked.dry else self._store.put(asked.kind.key, asked.place, new)

    def _configuration(self, asked: Asked, config: Object) -> Object:
        """What an apply states, of what this address is about."""
        result = {**config, "metadata": dict(config.get("metadata") or {})}
        result["metadata"]["name"] = result["metadata"].get("name") or asked.name
        if asked.kind.namespaced:
            result["metadata"].setdefault("namespace", asked.namespace)
        self._addressed(asked, result)
        if asked.subresource == "status":
            meta = {
                k: v
                for k, v in result["metadata"].items()
                if k in {"name", "namespace", "resourceVersion"}
            }
            return {
                "metadata": meta,
                **{k: v for k, v in result.items() if k in {"status", "apiVersion", "kind"}},
            }
        if asked.kind.status:
            result.pop("status", None)
        return result

    def _born(self, asked: Asked, value: Object) -> None:
        """What the server says of a new object itself."""
        self._addressed(asked, value)
        meta = value["metadata"]
        for name in _OURS[:5]:
            meta.pop(name, None)
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = meta["generateName"] + "".join(secrets.choice(_SUFFIX) for _ in range(5))
        meta["uid"] = str(uuid.uuid4())
        meta["creationTimestamp"] = self.now()
        if asked.kind.generation:
            meta["generation"] = 1
        if asked.kind.status:
            value.pop("status", None)
            if not asked.kind.custom:
                value["status"] = dict(_BORN.get(asked.kind.key, {}))
        if asked.kind.key == ("", "services"):
            self._address(value.get("spec") or {})

    def _address(self, spec: Object) -> None:
        """Give a service an address of its own."""
        if spec.get("type", "ClusterIP") != "ExternalName" and not spec.get("clusterIP"):
            self._addresses += 1
            spec["clusterIP"] = f"10.96.{self._addresses // 254}.{self._addresses % 254 + 1}"

    def _addressed(self, asked: Asked, value: Object) -> None:
        """Raise 400 when an object is sent to another's address."""
        meta = value["metadata"] = dict(value["metadata"])
        if asked.name and meta.get("name", asked.name) != asked.name:
            message = (
                f"the name of the object ({meta['name']}) does not match the name on the URL"
                f" ({asked.name})"
            )
            raise refusal.bad_request(message)
        if asked.name:
            meta["name"] = asked.name
        if not asked.kind.namespaced:
            meta.pop("namespace", None)
        elif meta.get("namespace", asked.namespace) != asked.namespace:
            message = (
                "the namespace of the provided object does not match the namespace sent on the"
                " request"
            )
            raise refusal.bad_request(message)
        else:
            meta["namespace"] = asked.namespace

    def _create(self, asked: Asked, value: Object) -> Object:
        """Admit, check and keep a new object."""
        kind = asked.kind
        place = (asked.namespace, value["metadata"].get("name", ""))
        if kind.namespaced:
            self._open_namespace(asked, place[1])
        value = self._admitted(kind, value)
        pipeline.check(kind, None, value, self._rule)
        if self._store.get(kind.key, place) is not None:
            raise refusal.exists(kind.plural, kind.group, place[1])
        if kind.key == DEFINITIONS:
            value = self._defined(value)
        if asked.dry:
            return value
        value = self._store.put(kind.key, place, value)
        self._serve(kind, value)
        return value

    def _open_namespace(self, asked: Asked, name: str) -> None:
        namespace = self._store.get(("", "namespaces"), ("", asked.namespace))
        if namespace is None:
            raise refusal.not_found("namespaces", "", asked.namespace)
        if namespace["metadata"].get("deletionTimestamp"):
            kind = asked.kind
            raise refusal.terminating(kind.plural, kind.group, name, asked.namespace)

    def _same_version(self, asked: Asked, old: Object, value: Object) -> None:
        """Raise 409 when the request was made for another version of the object."""
        meta = value["metadata"]
        version = meta.get("resourceVersion")
        if version and version != old["metadata"]["resourceVersion"]:
            raise asked.stale()
        if meta.get("uid") and meta["uid"] != old["metadata"]["uid"]:
            refused = asked.stale()
            refused.message = (
                f"{refused.message.partition(':')[0]}: Precondition failed: UID in precondition:"
                f" {meta['uid']}, UID in object meta: {old['metadata']['uid']}"
            )
            raise refused

    def _write(self, asked: Asked, old: Object, value: Object) -> Object:
        """An ordinary write: the server's own fields stay, the other half stays, owners are noted."""
        self._same_version(asked, old, value)
        if asked.subresource == "status":
            status = {"status": value["status"]} if "status" in value else {}
            rest = {k: v for k, v in old.items() if k != "status"}
            value = {**rest, **status, "metadata": dict(old["metadata"])}
        else:
            value = self._kept(asked.kind, old, value)
        value = pipeline.filled(asked.kind, value)
        managed.updated(asked.kind.shape, old, value, asked.writer(), self.now())
        return self._commit(asked, old, value)

    def _kept(self, kind: Kind, old: Object, value: Object) -> Object:
        """What a write to the object itself cannot change."""
        if kind.status:
            value.pop("status", None)
            if "status" in old:
                value["status"] = old["status"]
        if kind.key == ("", "services"):
            spec, before = value.setdefault("spec", {}), old.get("spec", {})
            if not spec.get("clusterIP") and before.get("clusterIP"):
                spec["clusterIP"] = before["clusterIP"]
        return value

    def _commit(self, asked: Asked, old: Object, value: Object) -> Object:
        """Admit, check and keep the next version of an object; the same again changes nothing."""
        kind, meta = asked.kind, value["metadata"]
        for name in _OURS:
            meta.pop(name, None)
            if name in old["metadata"]:
                meta[name] = old["metadata"][name]
        # A real server takes a policy's empty list for a change, and drops it: each time again.
        restless = kind.key == _POLICIES and pipeline.compact(kind.shape, value) != value
        value = pipeline.filled(kind, value)
        if not asked.subresource:
            value = self._admitted(kind, value)
        pipeline.check(kind, old, value, self._rule)
        if managed.same(old, value) and not restless:
            return old
        if kind.generation and (restless or _spec(kind, old) != _spec(kind, value)):
            value["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
        if kind.key == DEFINITIONS and not asked.subresource:
            value = self._defined(value)
        if asked.dry or self.ends(kind, value):  # whoever ends is not kept, but dropped
            return value
        value = self._store.put(kind.key, asked.place, value)
        self._serve(kind, value)
        return value

    def _admitted(self, kind: Kind, value: Object) -> Object:
        """Let webhooks change the object; what they leave out is filled in again."""
        for name, function in self.mutators:
            if name in {kind.kind, kind.plural, "*"}:
                value = function(value) or value
                value = pipeline.filled(kind, value)
        return value

    def _defined(self, value: Object) -> Object:
        if self._registry.taken(definitions.kinds(value)):
            cause = refusal.bad_value("spec.group", value["spec"]["group"], "is served already")
            raise refusal.invalid("CustomResourceDefinition", DEFINITIONS[0], "", [cause])
        return definitions.established(value, self.now())

    def _serve(self, kind: Kind, value: Object) -> None:
        if kind.key == DEFINITIONS and not value["metadata"].get("deletionTimestamp"):
            self._registry.define(definitions.kinds(value))


def _require_kind(asked: Asked, config: Object) -> None:
    """Raise 400 when an apply does not say what it applies."""
    version, kind = config.get("apiVersion", ""), config.get("kind", "")
    if (version, kind) != (asked.kind.api_version, asked.kind.kind):
        group = "" if "/" in version else "/"
        raise refusal.bad_request(f"invalid object type: {group}{version}, Kind={kind}")


def _decoded(asked: Asked, value: Value) -> Object:
    """A patched object, read; what cannot be read is the patch's fault: 422."""
    try:
        return pipeline.decoded(asked, value)
    except refusal.Refusal as refused:
        if asked.strict:
            raise
        cause = refusal.bad_value("patch", asked.body, refused.message)
        raise refusal.invalid("", "", "", [cause]) from refused


def _told(kind: Kind) -> tuple[str, ...]:
    """What the server itself says of a new object: nobody owns it."""
    return ("spec", "status") if kind.key == ("", "namespaces") else ("status",) * kind.status


def _spec(kind: Kind, value: Object) -> Object:
    """What a generation counts the changes of."""
    if kind.generation == "spec":
        if kind.custom:
            return {k: v for k, v in value.items() if k not in {"metadata", "status"}}
        return {"spec": value.get("spec")}
    return {k: v for k, v in value.items() if k != "metadata"}
