"""The operator's own pods, and what surrounds them. Pure."""

from typing import Final

from ssmd.operator.install_rights import Object
from ssmd.operator.names import MANAGED_BY, MANAGER

NAME: Final = MANAGER
"""Of everything that belongs to the operator itself."""
LABELS: Final = {
    "app.kubernetes.io/name": "ssmd",
    "app.kubernetes.io/component": "operator",
}
"""Find the operator's own objects, and its pods."""
PRIORITY: Final = 1_000_000
"""Before what has no class of its own: whoever keeps others running is evicted after them."""

_PORT: Final = 8080
_USER: Final = 10001
_DNS: Final = 53
_API_SERVERS: Final = (443, 6443)
_SCRATCH: Final = "/tmp"  # noqa: S108 - a volume of the pod's own
_SCRATCH_SIZE: Final = "64Mi"


def metadata(name: str, namespace: str | None) -> Object:
    """Name and labels of an object of ours; without namespace for one of the whole cluster."""
    found: Object = {"name": name}
    if namespace is not None:
        found["namespace"] = namespace
    return found | {"labels": dict(LABELS)}


def deployment(namespace: str, image: str, replicas: int, *, cluster_wide: bool) -> Object:
    """The operator's pods: one of them works, the others wait.

    Args:
        namespace: Where they are, and what they watch unless it is everything.
        image: What they run, and what they have others run who name no image.
        replicas: So many.
        cluster_wide: Whether every namespace is watched.
    """
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(NAME, namespace),
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": dict(LABELS)},
            "template": {
                "metadata": {
                    "labels": dict(LABELS),
                    "annotations": {
                        "prometheus.io/scrape": "true",
                        "prometheus.io/port": str(_PORT),
                        "prometheus.io/path": "/metrics",
                    },
                },
                "spec": _pod(image, cluster_wide=cluster_wide),
            },
        },
    }


def _pod(image: str, *, cluster_wide: bool) -> Object:
    return {
        "serviceAccountName": NAME,
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        "priorityClassName": NAME,
        "terminationGracePeriodSeconds": 30,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": dict(LABELS)},
            }
        ],
        "containers": [_container(image, cluster_wide=cluster_wide)],
        "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": _SCRATCH_SIZE}}],
    }


def _container(image: str, *, cluster_wide: bool) -> Object:
    whom = ["--all-namespaces"] if cluster_wide else []
    return {
        "name": "operator",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["ssmd"],
        "args": ["operator", "run", "--listen", f"[$(POD_IP)]:{_PORT}", *whom],
        "env": [
            _from_pod("POD_IP", "status.podIP"),
            _from_pod("POD_NAME", "metadata.name"),
            _from_pod("POD_NAMESPACE", "metadata.namespace"),
            {"name": "HOME", "value": _SCRATCH},
            {"name": "SSMD_IMAGE", "value": image},
        ],
        "ports": [{"name": "metrics", "containerPort": _PORT, "protocol": "TCP"}],
        "startupProbe": _probe("/health", period_s=1, failures=60),
        "livenessProbe": _probe("/health", period_s=10, failures=6),
        "readinessProbe": _probe("/ready", period_s=2, failures=3),
        "resources": {
            "requests": {"cpu": "50m", "memory": "192Mi", "ephemeral-storage": "64Mi"},
            "limits": {"memory": "512Mi", "ephemeral-storage": "256Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": "scratch", "mountPath": _SCRATCH}],
    }


def _from_pod(name: str, path: str) -> Object:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def _probe(path: str, *, period_s: int, failures: int) -> Object:
    return {
        "httpGet": {"path": path, "port": "metrics"},
        "periodSeconds": period_s,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }


def priority_class() -> Object:
    """What keeps the operator from being evicted before those it looks after."""
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": metadata(NAME, None),
        "value": PRIORITY,
        "description": "The SSMD operator: it keeps others running.",
    }


def budget(namespace: str) -> Object:
    """One of the pods at a time may be taken away on purpose."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(NAME, namespace),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": dict(LABELS)}},
    }


def policy(namespace: str, *, cluster_wide: bool) -> Object:
    """Whom the operator may talk to: names, the API server, and the pods it made; metrics come in.

    An API server has no label, and its port differs: the two that are usual are open.
    """
    ours: Object = {"podSelector": {"matchLabels": {MANAGED_BY: MANAGER}}}
    if cluster_wide:
        ours["namespaceSelector"] = {}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(NAME, namespace),
        "spec": {
            "podSelector": {"matchLabels": dict(LABELS)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"ports": [{"protocol": "TCP", "port": _PORT}]}],
            "egress": [
                {"ports": [{"protocol": kind, "port": _DNS} for kind in ("UDP", "TCP")]},
                {"ports": [{"protocol": "TCP", "port": port} for port in _API_SERVERS]},
                {"to": [ours]},
            ],
        },
    }
