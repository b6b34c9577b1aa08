"""Everything that puts the operator into a cluster, in an order that can be applied. Pure."""

from typing import Final

import msgspec

from ssmd import __version__
from ssmd.operator import install_pods as pods
from ssmd.operator.crds.definitions import definitions
from ssmd.operator.install_pods import LABELS, NAME, metadata
from ssmd.operator.install_rights import LEADING, RIGHTS, WIDE, Object, Right, rules

IMAGE: Final = f"ssmd:{__version__}"
"""What runs when nobody names another image: this version, from wherever the cluster has it."""
NAMESPACE: Final = "ssmd"
"""Where the operator is when nobody names another namespace."""
LEADER: Final = f"{NAME}-leader"

_RBAC: Final = "rbac.authorization.k8s.io"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """How the operator is to be installed.

    Attributes:
        namespace: Where it is, and what it watches unless it watches everything.
        create_namespace: Whether the namespace is made.
        cluster_wide: Whether it watches every namespace.
        image: What it runs.
        replicas: Pods of it: one works, the others wait.
    """

    namespace: str = NAMESPACE
    create_namespace: bool = False
    cluster_wide: bool = False
    image: str = IMAGE
    replicas: int = 2


def manifests(wanted: Wanted) -> list[Object]:
    """Every object, in an order that `kubectl apply -f -` can take."""
    return [
        *([_namespace(wanted.namespace)] if wanted.create_namespace else []),
        *definitions(),
        pods.priority_class(),
        _account(wanted.namespace),
        *rights(wanted.namespace, cluster_wide=wanted.cluster_wide),
        pods.policy(wanted.namespace, cluster_wide=wanted.cluster_wide),
        pods.budget(wanted.namespace),
        pods.deployment(
            wanted.namespace, wanted.image, wanted.replicas, cluster_wide=wanted.cluster_wide
        ),
    ]


def rights(namespace: str, *, cluster_wide: bool) -> list[Object]:
    """Roles, and that the operator's account has them."""
    name = _cluster_name(NAME, namespace) if cluster_wide else NAME
    return [
        *_granted(
            name, (*RIGHTS, *WIDE) if cluster_wide else RIGHTS, namespace, in_cluster=cluster_wide
        ),
        *_granted(LEADER, LEADING, namespace, in_cluster=False),
    ]


def _cluster_name(name: str, namespace: str) -> str:
    """Roles of the whole cluster by namespace: two operators do not take them from each other."""
    return name if namespace == NAMESPACE else f"{name}-{namespace}"


def _namespace(name: str) -> Object:
    """The namespace, closed to pods that are less careful than ours."""
    labels = LABELS | {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def _account(namespace: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(NAME, namespace),
        "automountServiceAccountToken": False,
    }


def _granted(
    name: str, granted: tuple[Right, ...], namespace: str, *, in_cluster: bool
) -> list[Object]:
    """A role and its binding, in a namespace or in the whole cluster."""
    prefix = "Cluster" if in_cluster else ""
    return [
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": f"{prefix}Role",
            "metadata": metadata(name, None if in_cluster else namespace),
            "rules": rules(granted),
        },
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": f"{prefix}RoleBinding",
            "metadata": metadata(name, None if in_cluster else namespace),
            "roleRef": {"apiGroup": _RBAC, "kind": f"{prefix}Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": namespace}],
        },
    ]
