"""Where the API server keeps the kinds of objects we use. Pure."""

from typing import Final

import msgspec

from ssmd.operator.names import API_VERSION, KINDS, plural

ALL_NAMESPACES: Final = "*"
"""Instead of a namespace: all of them."""


class Place(msgspec.Struct, frozen=True):
    """Where the API server keeps one kind.

    Attributes:
        group: The API's group; empty for the core.
        version: The API's version.
        kind: The kind.
        plural: The kind in paths.
        namespaced: Whether its objects are in namespaces.
    """

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True


_CORE: Final = {
    "ConfigMap": "configmaps",
    "Secret": "secrets",  # pragma: allowlist secret
    "Pod": "pods",
    "Service": "services",
    "ServiceAccount": "serviceaccounts",
    "PersistentVolumeClaim": "persistentvolumeclaims",
    "Event": "events",
}
_GROUPED: Final[dict[tuple[str, str], str]] = {
    ("apps/v1", "Deployment"): "deployments",
    ("apps/v1", "ReplicaSet"): "replicasets",
    ("apps/v1", "StatefulSet"): "statefulsets",
    ("batch/v1", "Job"): "jobs",
    ("batch/v1", "CronJob"): "cronjobs",
    ("policy/v1", "PodDisruptionBudget"): "poddisruptionbudgets",
    ("networking.k8s.io/v1", "NetworkPolicy"): "networkpolicies",
    ("coordination.k8s.io/v1", "Lease"): "leases",
    ("monitoring.coreos.com/v1", "PodMonitor"): "podmonitors",
    ("monitoring.coreos.com/v1", "ServiceMonitor"): "servicemonitors",
    ("rbac.authorization.k8s.io/v1", "Role"): "roles",
    ("rbac.authorization.k8s.io/v1", "RoleBinding"): "rolebindings",
    ("kustomize.toolkit.fluxcd.io/v1", "Kustomization"): "kustomizations",
    ("helm.toolkit.fluxcd.io/v2", "HelmRelease"): "helmreleases",
    ("argoproj.io/v1alpha1", "Application"): "applications",
    **{(API_VERSION, kind): plural(kind) for kind in KINDS},
}
_OF_THE_CLUSTER: Final = {
    ("v1", "Namespace"): "namespaces",
    ("v1", "Node"): "nodes",
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"): "customresourcedefinitions",
    ("rbac.authorization.k8s.io/v1", "ClusterRole"): "clusterroles",
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"): "clusterrolebindings",
    ("scheduling.k8s.io/v1", "PriorityClass"): "priorityclasses",
}


def place(api_version: str, kind: str) -> Place:
    """Where a kind is kept.

    Raises:
        LookupError: A kind we do not use.
    """
    group, _, version = api_version.rpartition("/")
    if found := _OF_THE_CLUSTER.get((api_version, kind)):
        return Place(group, version, kind, found, namespaced=False)
    found = _CORE.get(kind) if api_version == "v1" else _GROUPED.get((api_version, kind))
    if found is None:
        message = f"{api_version} {kind} is no kind we use"
        raise LookupError(message)
    return Place(group, version, kind, found)
