"""The pod template that all kinds share: as safe as a pod made by hand with care. Pure."""

import hashlib
from typing import Final

import msgspec

from ssmd.operator.manifests.facts import Facts, Manifest
from ssmd.operator.manifests.mounts import Mount, scratch
from ssmd.operator.manifests.variables import SCRATCH, secrets_of
from ssmd.operator.names import CONFIG, REVISION, selector
from ssmd.operator.spec.workload import Workload

METRICS: Final = "metrics"
SCRATCH_MIB: Final = 256
"""Room below /tmp where nobody needs more: Python's and our own short-lived files."""

_STARTS_WITHIN_S: Final = 900
"""A spool of many gigabytes is read before a connector is alive to anything else."""


class Port(msgspec.Struct, frozen=True, kw_only=True):
    """Where a container answers.

    Attributes:
        name: The port's name.
        number: Its number.
    """

    name: str
    number: int

    @property
    def listen(self) -> str:
        """The pod's own address with it; brackets, for the address may be one of IPv6."""
        return f"[$(POD_IP)]:{self.number}"


class Container(msgspec.Struct, frozen=True, kw_only=True):
    """One process.

    Attributes:
        name: The container's name.
        image: What it runs.
        args: What `ssmd` is told.
        env: Its variables.
        resources: What it is given.
        mounts: What it sees besides its scratch folder.
        port: Where it tells how it is; None for what ends by itself.
        clients: Where it answers others; None for what answers nobody.
        lingers_s: So long it goes on answering once it is to end, in seconds: whoever sends it
            clients has to hear of that first.
    """

    name: str
    image: str
    args: tuple[str, ...]
    env: list[Manifest]
    resources: Manifest
    mounts: tuple[Mount, ...]
    port: Port | None = None
    clients: Port | None = None
    lingers_s: int = 0


class Pod(msgspec.Struct, frozen=True, kw_only=True):
    """A pod.

    Attributes:
        labels: Its labels.
        containers: Its processes.
        scratch_mib: Room below /tmp, in MiB.
        affinity: Where it should be, unless the spec says.
        ends: Whether it ends by itself: then it is not started again in its place.
        config: Configuration of our own making that it mounts: another one, another pod.
    """

    labels: dict[str, str]
    containers: tuple[Container, ...]
    scratch_mib: int = SCRATCH_MIB
    affinity: Manifest = {}
    ends: bool = False
    config: dict[str, str] = {}


def template(spec: Workload, facts: Facts, pod: Pod) -> Manifest:
    """A pod template under the restricted Pod Security Standard."""
    return {
        "metadata": {
            "labels": dict(spec.pod_labels) | pod.labels,
            "annotations": _annotations(spec, facts, pod),
        },
        "spec": _security(spec) | _running(spec, pod) | _scheduling(spec, facts, pod),
    }


def digest(value: object) -> str:
    """A few hex digits that are others when a tree of plain values is another."""
    plain = msgspec.json.encode(value, order="deterministic")
    return hashlib.sha256(plain).hexdigest()[:12]


def mark(template: Manifest) -> None:
    """Label a template by what its pods see: which pods are of it can be told then."""
    revision = digest(template)
    metadata = template["metadata"]
    assert isinstance(metadata, dict)  # noqa: S101 - made by `template`
    metadata["labels"][REVISION] = revision


def _annotations(spec: Workload, facts: Facts, pod: Pod) -> dict[str, str]:
    found = dict(spec.pod_annotations)
    port = next((each.port for each in pod.containers if each.port is not None), None)
    if spec.monitoring.annotations and port is not None:
        found |= {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": str(port.number),
            "prometheus.io/path": "/metrics",
        }
    used = _references(spec, pod)
    seen = sorted(each for each in facts.digests.items() if each[0] in used)
    return found | {CONFIG: digest([seen, pod.config])}


def _references(spec: Workload, pod: Pod) -> set[str]:
    """What a pod is given of ConfigMaps and Secrets, as `configmap/NAME` and `secret/NAME`."""
    found: set[str] = set()
    for each in spec.env_from:
        for kind, key in (("configmap", "configMapRef"), ("secret", "secretRef")):
            if isinstance(named := each.get(key), dict):
                found.add(f"{kind}/{named.get('name')}")
    for container in pod.containers:
        found |= {f"secret/{name}" for name in secrets_of(container.env)}
        found |= {name for mount in container.mounts if (name := mount.reference)}
    return found


def _security(spec: Workload) -> Manifest:
    """Whoever breaks into a pod finds no root, no token, nothing to write but its own folders."""
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": spec.run_as_user,
            "runAsGroup": spec.run_as_user,
            "fsGroup": spec.run_as_user,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def _running(spec: Workload, pod: Pod) -> Manifest:
    room = scratch("scratch", SCRATCH, f"{pod.scratch_mib}Mi")
    mounts = {
        mount.volume: mount for container in pod.containers for mount in (room, *container.mounts)
    }
    found: Manifest = {
        "terminationGracePeriodSeconds": spec.termination_grace_s,
        "containers": [_container(spec, each, room) for each in pod.containers],
        "volumes": [mount.as_volume() for mount in mounts.values()],
    }
    return found | {"restartPolicy": "Never"} if pod.ends else found


def _container(spec: Workload, container: Container, room: Mount) -> Manifest:
    found: Manifest = {
        "name": container.name,
        "image": container.image,
        "command": ["ssmd"],
        "args": list(container.args),
        "env": container.env,
        "resources": container.resources,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [mount.as_mount() for mount in (room, *container.mounts)],
    }
    if spec.image_pull_policy is not None:
        found["imagePullPolicy"] = spec.image_pull_policy
    if spec.env_from:
        found["envFrom"] = [dict(each) for each in spec.env_from]
    if container.port is not None:
        found |= _answering(container.port)
    if container.clients is not None:
        found["ports"] = [_port(each) for each in (container.port, container.clients) if each]
    if container.lingers_s:
        found["lifecycle"] = {"preStop": {"exec": {"command": _lingering(container.lingers_s)}}}
    return found


def _port(port: Port) -> Manifest:
    return {"name": port.name, "containerPort": port.number, "protocol": "TCP"}


def _lingering(seconds: int) -> list[str]:
    """Python is there in every image; `sleep` may not be."""
    return ["python", "-c", f"import time; time.sleep({seconds})"]


def _answering(port: Port) -> Manifest:
    """Alive is whoever does its work; ready, whom others may rely on. SIGTERM drains."""
    health = {"path": "/health", "port": port.name}
    ready = {"path": "/ready", "port": port.name}
    return {
        "ports": [_port(port)],
        "startupProbe": {
            "httpGet": health,
            "periodSeconds": 1,
            "timeoutSeconds": 5,
            "failureThreshold": _STARTS_WITHIN_S,
        },
        "livenessProbe": {
            "httpGet": health,
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 6,
        },
        "readinessProbe": {
            "httpGet": ready,
            "periodSeconds": 2,
            "timeoutSeconds": 5,
            "failureThreshold": 3,
        },
    }


def _scheduling(spec: Workload, facts: Facts, pod: Pod) -> Manifest:
    found: Manifest = {}
    if spec.topology_key and not pod.ends:
        found["topologySpreadConstraints"] = [_spread(spec.topology_key, facts)]
    if spec.image_pull_secrets:
        found["imagePullSecrets"] = [{"name": name} for name in spec.image_pull_secrets]
    if affinity := spec.affinity or pod.affinity:
        found["affinity"] = dict(affinity)
    if spec.node_selector:
        found["nodeSelector"] = dict(spec.node_selector)
    if spec.tolerations:
        found["tolerations"] = [dict(each) for each in spec.tolerations]
    if spec.priority_class_name is not None:
        found["priorityClassName"] = spec.priority_class_name
    if spec.service_account_name is not None:
        found["serviceAccountName"] = spec.service_account_name
    return found


def _spread(key: str, facts: Facts) -> Manifest:
    """Apart if there is room: a pod that waits for a place of its own records nothing."""
    return {
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": selector(facts.owner.name, facts.owner.kind)},
    }
