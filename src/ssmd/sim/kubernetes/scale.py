"""The subresource `/scale`: the number of replicas alone, whatever the kind."""

from typing import Final

from ssmd.sim.kubernetes import refusal
from ssmd.sim.kubernetes.asked import Asked
from ssmd.sim.kubernetes.kinds import Kind
from ssmd.sim.kubernetes.patching import APPLY, patched
from ssmd.sim.kubernetes.shapes import Object, Value, builtin
from ssmd.sim.kubernetes.writes import Writes

_VERSION: Final = "autoscaling/v1"


def read(asked: Asked, value: Object) -> Object:
    """The Scale of an object."""
    paths = asked.kind.scale
    if paths is None:
        raise refusal.no_such_path()
    meta = value["metadata"]
    status: Object = {"replicas": _at(value, paths["status"]) or 0}
    if paths.get("selector"):
        selector = _at(value, paths["selector"])
        if selector:
            status["selector"] = selector if isinstance(selector, str) else _written(selector)
    names = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    return {
        "kind": "Scale",
        "apiVersion": _VERSION,
        "metadata": {name: meta[name] for name in names if name in meta},
        "spec": {"replicas": _at(value, paths["spec"]) or 0},
        "status": status,
    }


def write(asked: Asked, writes: Writes) -> Object:
    """Change the number of replicas by an update or a patch of the Scale.

    Raises:
        Refusal: 400, 404, 409, 415 or 422.
    """
    paths = asked.kind.scale
    if paths is None:
        raise refusal.no_such_path()
    old = writes.existing(asked)
    scale = read(asked, old)
    if asked.verb == "update" or asked.media == APPLY:
        wanted = asked.body
    else:
        kind = Kind("autoscaling", "v1", "Scale", "scales", shape=builtin("autoscaling.v1.Scale"))
        wanted = patched(_as(asked, kind), scale)
    if isinstance(wanted, dict):
        _require_scale(asked, wanted)
    replicas = wanted.get("spec", {}).get("replicas", 0) if isinstance(wanted, dict) else None
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise refusal.bad_request('Scale in version "v1" cannot be handled as a Scale')
    if replicas < 0:
        cause = refusal.bad_value("spec.replicas", replicas, "must be greater than or equal to 0")
        raise refusal.invalid("Scale", "autoscaling", asked.name, [cause])
    body: Object = {"apiVersion": asked.kind.api_version, "kind": asked.kind.kind}
    version = (wanted.get("metadata") or {}).get("resourceVersion")
    body["metadata"] = {"resourceVersion": version} if version else {}
    _put(body, paths["spec"], replicas)
    media = APPLY if asked.media == APPLY else "application/merge-patch+json"
    value = writes.patch(_as(asked, asked.kind, body=body, media=media))
    return read(asked, value)


def _require_scale(asked: Asked, wanted: Object) -> None:
    """Raise 400 or 422 when what is sent says that it is something else."""
    version, kind = wanted.get("apiVersion", _VERSION), wanted.get("kind", "Scale")
    if (version, kind) != (_VERSION, "Scale"):
        code = 400 if asked.verb == "update" else 422
        message = f'no kind "{kind}" is registered for version "{version}" in scheme'
        raise refusal.Refusal(code, message)


def _as(asked: Asked, kind: Kind, *, body: Value = None, media: str = "") -> Asked:
    return Asked(
        "patch",
        kind,
        asked.namespace,
        asked.name,
        asked.subresource,
        asked.user,
        query=asked.query,
        body=asked.body if body is None else body,
        media=media or asked.media,
        agent=asked.agent,
    )


def _at(value: Value, path: str) -> Value:
    for name in path.strip(".").split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _put(value: Object, path: str, inner: Value) -> None:
    *parents, last = path.strip(".").split(".")
    for name in parents:
        value = value.setdefault(name, {})
    value[last] = inner


def _written(selector: Object) -> str:
    """A LabelSelector as text."""
    pairs = selector.get("matchLabels") or {}
    return ",".join(f"{key}={value}" for key, value in sorted(pairs.items()))
