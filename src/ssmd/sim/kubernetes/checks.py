"""What the server refuses of built-in kinds: names, required fields, references, what cannot change.

The basic rules only; docs/decisions/0032 names what is not checked. Source: Kubernetes' reference.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

from ssmd.sim.kubernetes import selectors
from ssmd.sim.kubernetes.refusal import Cause, bad_value, required, unsupported
from ssmd.sim.kubernetes.shapes import Object, Shape, Value

_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_VALUE: Final = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_QUALIFIED: Final = re.compile(
    r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
)
_DATA_KEY: Final = re.compile(r"[-._a-zA-Z0-9]+")
_ENV: Final = re.compile(r"[^=\x00-\x1f\x7f]+")
_QUANTITY: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?")
_CRON: Final = re.compile(r"(@\w+( \w+)?|\S+( \S+){4})")
_LABEL_MAX, _SUBDOMAIN_MAX = 63, 253
_LABEL_WHY: Final = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must"
    " start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for"
    " validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_SUBDOMAIN_WHY: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.',"
    " and must start and end with an alphanumeric character (e.g. 'example.com', regex used for"
    " validation is"
    " '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_VALUE_WHY: Final = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.',"
    " and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or"
    " '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_LABEL_NAMED: Final = {("", "namespaces"), ("", "services")}
_PATH_NAMED: Final = "rbac.authorization.k8s.io"


def metadata(key: tuple[str, str], value: Object) -> Iterator[Cause]:
    """What is wrong with names, labels, annotations, owners."""
    meta = value["metadata"]
    name = meta.get("name", "")
    if not name:
        yield (
            "FieldValueRequired",
            "Required value: name or generateName is required",
            "metadata.name",
        )
    elif key in _LABEL_NAMED:
        if not _LABEL.fullmatch(name) or len(name) > _LABEL_MAX:
            yield bad_value("metadata.name", name, _LABEL_WHY)
    elif key[0] != _PATH_NAMED and (not _SUBDOMAIN.fullmatch(name) or len(name) > _SUBDOMAIN_MAX):
        yield bad_value("metadata.name", name, _SUBDOMAIN_WHY)
    yield from labels(meta.get("labels") or {}, "metadata.labels")
    yield from _owners(meta)
    for finalizer in meta.get("finalizers") or ():
        if not _QUALIFIED.fullmatch(finalizer):
            yield bad_value("metadata.finalizers", finalizer, "name part must be qualified")


def _owners(meta: Object) -> Iterator[Cause]:
    for number, owner in enumerate(meta.get("ownerReferences") or ()):
        for field in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(field):
                at = f"metadata.ownerReferences[{number}].{field}"
                yield bad_value(at, owner.get(field, ""), f"{field} must not be empty")
    if sum(bool(owner.get("controller")) for owner in meta.get("ownerReferences") or ()) > 1:
        why = "Only one reference can have Controller set to true."
        yield bad_value("metadata.ownerReferences", "", why)


def labels(pairs: Object, at: str) -> Iterator[Cause]:
    """What is wrong with labels."""
    for key, value in pairs.items():
        if not _QUALIFIED.fullmatch(key) or len(key.rpartition("/")[2]) > _LABEL_MAX:
            yield bad_value(at, key, "name part must consist of alphanumeric characters")
        if not isinstance(value, str) or not _VALUE.fullmatch(value):
            yield bad_value(at, value, _VALUE_WHY)
        elif len(value) > _LABEL_MAX:
            yield bad_value(at, value, "must be no more than 63 characters")


def complete(shape: Shape, value: Value, at: str = "") -> Iterator[Cause]:
    """Required fields that are not there, at any depth."""
    if isinstance(value, dict):
        for name in shape.required:
            if value.get(name) in (None, "", []):
                yield required(f"{at}.{name}" if at else name)
        for name, inner in value.items():
            below = shape.at(name)
            if below is not None and name != "status":
                where = f"{at}[{name}]" if shape.kind == "map" else f"{at}.{name}".lstrip(".")
                yield from complete(below, inner, where)
    elif isinstance(value, list) and shape.kind == "list":
        for number, inner in enumerate(value):
            yield from complete(shape.items, inner, f"{at}[{number}]")


def acceptable(key: tuple[str, str], value: Object) -> Iterator[Cause]:
    """What is wrong with an object's own fields."""
    function = _BY_KIND.get(key)
    if function is not None:
        yield from function(value)


def unchanged(key: tuple[str, str], old: Object, new: Object) -> Iterator[Cause]:
    """Fields that changed and must not."""
    for path in _IMMUTABLE.get(key, ()):
        before, after = _at(old, path), _at(new, path)
        if before != after:
            yield bad_value(path, after, "field is immutable")
    if key == ("", "persistentvolumeclaims"):
        yield from _claim_unchanged(old.get("spec", {}), new.get("spec", {}))
    if key in {("", "configmaps"), ("", "secrets")} and old.get("immutable"):
        for name in ("data", "binaryData", "stringData"):
            if old.get(name) != new.get(name):
                yield (
                    "FieldValueForbidden",
                    "Forbidden: field is immutable when `immutable` is set",
                    name,
                )
    if key == ("", "pods"):
        yield from _pod_unchanged(old.get("spec", {}), new.get("spec", {}))


def _claim_unchanged(old: Object, new: Object) -> Iterator[Cause]:
    """Only the size asked for may grow."""

    def rest(spec: Object) -> Object:
        return {
            k: v
            for k, v in spec.items()
            if k not in {"resources", "volumeName", "volumeAttributesClassName"}
        }

    if rest(old) != rest(new) or (
        old.get("volumeName") and old.get("volumeName") != new.get("volumeName")
    ):
        why = (
            "Forbidden: spec is immutable after creation except resources.requests and"
            " volumeAttributesClassName for bound claims"
        )
        yield ("FieldValueForbidden", why, "spec")


def _pod_unchanged(old: Object, new: Object) -> Iterator[Cause]:
    def rest(spec: Object) -> Object:
        changing = {
            "tolerations",
            "activeDeadlineSeconds",
            "terminationGracePeriodSeconds",
            "nodeName",
        }
        kept = {k: v for k, v in spec.items() if k not in changing}
        for name in ("containers", "initContainers"):
            kept[name] = [
                {k: v for k, v in c.items() if k not in {"image", "resources"}}
                for c in spec.get(name) or ()
            ]
        return kept

    if rest(old) != rest(new) or (old.get("nodeName") and old["nodeName"] != new.get("nodeName")):
        why = (
            "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
            "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations`"
        )
        yield ("FieldValueForbidden", why, "spec")


def _at(value: Value, path: str) -> Value:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _pod(value: Object) -> Iterator[Cause]:
    yield from _pod_spec(value.get("spec", {}), "spec")


def _pod_spec(spec: Object, at: str) -> Iterator[Cause]:
    volumes = {volume.get("name") for volume in spec.get("volumes") or ()}
    if not spec.get("containers"):
        return  # said as required already
    names: set[str] = set()
    for where in ("initContainers", "containers"):
        for number, container in enumerate(spec.get(where) or ()):
            path = f"{at}.{where}[{number}]"
            name = container.get("name", "")
            if name and not _LABEL.fullmatch(name):
                yield bad_value(f"{path}.name", name, _LABEL_WHY)
            if name in names:
                yield ("FieldValueDuplicate", f'Duplicate value: "{name}"', f"{path}.name")
            names.add(name)
            if not container.get("image"):
                yield required(f"{path}.image")
            yield from _container(container, path, volumes)
    for number, name in enumerate(volume.get("name", "") for volume in spec.get("volumes") or ()):
        if name and not _LABEL.fullmatch(name):
            yield bad_value(f"{at}.volumes[{number}].name", name, _LABEL_WHY)


def _container(container: Object, at: str, volumes: set[Value]) -> Iterator[Cause]:
    for number, mount in enumerate(container.get("volumeMounts") or ()):
        if mount.get("name") not in volumes:
            message = f'Not found: "{mount.get("name")}"'
            yield ("FieldValueNotFound", message, f"{at}.volumeMounts[{number}].name")
    for number, variable in enumerate(container.get("env") or ()):
        name = variable.get("name", "")
        if name and not _ENV.fullmatch(name):
            yield bad_value(f"{at}.env[{number}].name", name, "a valid environment variable name")
        if variable.get("value") and variable.get("valueFrom"):
            why = "may not be specified when `value` is not empty"
            yield bad_value(f"{at}.env[{number}].valueFrom", "", why)
    for number, port in enumerate(container.get("ports") or ()):
        if not 0 < port.get("containerPort", 0) < 1 << 16:
            why = "must be between 1 and 65535, inclusive"
            yield bad_value(f"{at}.ports[{number}].containerPort", port.get("containerPort"), why)
    yield from _resources(container.get("resources") or {}, f"{at}.resources")


def _resources(resources: Object, at: str) -> Iterator[Cause]:
    for where in ("requests", "limits"):
        for name, amount in (resources.get(where) or {}).items():
            if not _QUANTITY.fullmatch(str(amount)):
                why = "quantities must match the regular expression"
                yield bad_value(f"{at}.{where}[{name}]", amount, why)


def _workload(value: Object) -> Iterator[Cause]:
    """Deployment, StatefulSet, ReplicaSet: they choose what they make."""
    spec = value.get("spec", {})
    template = spec.get("template") or {}
    selector = spec.get("selector") or {}
    found = template.get("metadata", {}).get("labels") or {}
    if spec.get("replicas", 0) < 0:
        yield bad_value("spec.replicas", spec["replicas"], "must be greater than or equal to 0")
    if selector and not selector.get("matchLabels") and not selector.get("matchExpressions"):
        yield bad_value("spec.selector", {}, "empty selector is invalid for deployment")
    if selector and not selectors.matches(selector, found):
        why = "`selector` does not match template `labels`"
        yield bad_value("spec.template.metadata.labels", found, why)
    yield from labels(found, "spec.template.metadata.labels")
    policy = (template.get("spec") or {}).get("restartPolicy", "Always")
    if policy != "Always":
        yield unsupported("spec.template.spec.restartPolicy", policy, ["Always"])
    strategy = spec.get("strategy") or {}
    if strategy.get("type") == "Recreate" and strategy.get("rollingUpdate"):
        why = "Forbidden: may not be specified when strategy `type` is 'Recreate'"
        yield ("FieldValueForbidden", why, "spec.strategy.rollingUpdate")
    yield from _pod_spec(template.get("spec") or {}, "spec.template.spec")


def _job(value: Object) -> Iterator[Cause]:
    yield from _job_spec(value.get("spec", {}), "spec")


def _job_spec(spec: Object, at: str) -> Iterator[Cause]:
    template = spec.get("template") or {}
    policy = (template.get("spec") or {}).get("restartPolicy")
    if policy not in {"OnFailure", "Never"}:
        yield unsupported(f"{at}.template.spec.restartPolicy", policy, ["OnFailure", "Never"])
    yield from _pod_spec(template.get("spec") or {}, f"{at}.template.spec")


def _cron_job(value: Object) -> Iterator[Cause]:
    spec = value.get("spec", {})
    if spec.get("schedule") and not _CRON.fullmatch(spec["schedule"]):
        why = "expected exactly 5 fields"
        yield bad_value("spec.schedule", spec["schedule"], why)
    if len(value["metadata"].get("name", "")) > _LABEL_MAX - 11:
        yield bad_value(
            "metadata.name", value["metadata"]["name"], "must be no more than 52 characters"
        )
    yield from _job_spec((spec.get("jobTemplate") or {}).get("spec") or {}, "spec.jobTemplate.spec")


def _service(value: Object) -> Iterator[Cause]:
    spec = value.get("spec", {})
    ports = spec.get("ports") or ()
    if not ports and spec.get("type") != "ExternalName" and spec.get("clusterIP") != "None":
        yield required("spec.ports")
    for number, port in enumerate(ports):
        if len(ports) > 1 and not port.get("name"):
            yield required(f"spec.ports[{number}].name")


def _data(value: Object) -> Iterator[Cause]:
    for name in ("data", "binaryData"):
        for key, inner in (value.get(name) or {}).items():
            if not _DATA_KEY.fullmatch(key):
                yield bad_value(
                    f"{name}[{key}]",
                    key,
                    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
                )
            if not isinstance(inner, str):
                yield bad_value(f"{name}[{key}]", inner, "must be a string")


def _claim(value: Object) -> Iterator[Cause]:
    spec = value.get("spec", {})
    if not spec.get("accessModes"):
        yield (
            "FieldValueRequired",
            "Required value: at least 1 access mode is required",
            "spec.accessModes",
        )
    if not (spec.get("resources") or {}).get("requests", {}).get("storage"):
        yield required("spec.resources[storage]")


def _budget(value: Object) -> Iterator[Cause]:
    spec = value.get("spec", {})
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        yield bad_value("spec", "", "minAvailable and maxUnavailable cannot be both set")


def _event(value: Object) -> Iterator[Cause]:
    namespace = (value.get("involvedObject") or {}).get("namespace", "")
    if namespace and namespace != value["metadata"].get("namespace"):
        yield bad_value("involvedObject.namespace", namespace, "does not match event.namespace")


_BY_KIND: Final[dict[tuple[str, str], Callable[[Object], Iterator[Cause]]]] = {
    ("", "pods"): _pod,
    ("", "services"): _service,
    ("", "configmaps"): _data,
    ("", "events"): _event,
    ("", "secrets"): _data,
    ("", "persistentvolumeclaims"): _claim,
    ("apps", "deployments"): _workload,
    ("apps", "statefulsets"): _workload,
    ("apps", "replicasets"): _workload,
    ("batch", "jobs"): _job,
    ("batch", "cronjobs"): _cron_job,
    ("policy", "poddisruptionbudgets"): _budget,
}
_IMMUTABLE: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("apps", "deployments"): ("spec.selector",),
    ("apps", "replicasets"): ("spec.selector",),
    ("apps", "statefulsets"): (
        "spec.selector",
        "spec.serviceName",
        "spec.podManagementPolicy",
        "spec.volumeClaimTemplates",
    ),
    ("batch", "jobs"): ("spec.selector", "spec.template", "spec.completionMode"),
    ("", "secrets"): ("type",),
    ("rbac.authorization.k8s.io", "rolebindings"): ("roleRef",),
    ("rbac.authorization.k8s.io", "clusterrolebindings"): ("roleRef",),
    ("scheduling.k8s.io", "priorityclasses"): ("value",),
}
