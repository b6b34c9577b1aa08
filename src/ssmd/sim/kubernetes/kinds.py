"""The kinds the fake API serves: Kubernetes' own, and those that definitions add."""

from dataclasses import dataclass, field
from typing import Final

from ssmd.sim.kubernetes.shapes import Object, Shape, builtin

ALL_VERBS: Final = (
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind in one version.

    Attributes:
        group: "" for the core group.
        version: Such as v1.
        kind: Its name in objects.
        plural: Its name in addresses.
        namespaced: Whether its objects are in namespaces.
        shape: Its fields.
        short: Short names.
        status: Whether `/status` is apart.
        scale: Where `/scale` finds its values: keys `spec`, `status`, `selector`; None without.
        generation: `spec`: counts changes of it; `all`: of everything but metadata; "": none.
        schema: Of a kind that a definition added: its OpenAPI schema.
        columns: Of such a kind: what a table shows beside the name.
        singular: Its name for one.
        categories: Groups of kinds it is listed in, such as `all`.
        served: Whether requests reach it.
        storage: Whether this is the version objects are kept in.
    """

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True
    shape: Shape = field(default_factory=lambda: Shape("any"), compare=False)
    short: tuple[str, ...] = ()
    status: bool = False
    scale: dict[str, str] | None = field(default=None, compare=False)
    generation: str = ""
    schema: Object | None = field(default=None, compare=False)
    columns: tuple[Object, ...] = field(default=(), compare=False)
    singular: str = ""
    categories: tuple[str, ...] = ()
    served: bool = True
    storage: bool = True

    @property
    def api_version(self) -> str:
        """As objects name it: `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def key(self) -> tuple[str, str]:
        """What all versions of the kind share."""
        return (self.group, self.plural)

    @property
    def custom(self) -> bool:
        """Whether a definition added it."""
        return self.schema is not None

    def subresources(self) -> tuple[str, ...]:
        """What is below one of its objects."""
        names = ["status"] if self.status else []
        names += ["scale"] if self.scale is not None else []
        names += ["log"] if self.key == ("", "pods") else []
        return tuple(names)


_SCALE: Final = {
    "spec": ".spec.replicas",
    "status": ".status.replicas",
    "selector": ".spec.selector",
}
# group, version, kind, plural, type, short names, options
_BUILTIN: Final = """
-                          v1 Namespace namespaces core.v1.Namespace ns cluster,status
-                          v1 Node nodes core.v1.Node no cluster,status
-                          v1 ConfigMap configmaps core.v1.ConfigMap cm -
-                          v1 Secret secrets core.v1.Secret - -
-                          v1 Pod pods core.v1.Pod po status,spec
-                          v1 Service services core.v1.Service svc status
-                          v1 ServiceAccount serviceaccounts core.v1.ServiceAccount sa -
-                          v1 PersistentVolumeClaim persistentvolumeclaims core.v1.PersistentVolumeClaim pvc status
-                          v1 Event events core.v1.Event ev -
events.k8s.io              v1 Event events events.v1.Event ev -
apps                       v1 Deployment deployments apps.v1.Deployment deploy status,scale,spec,all
apps                       v1 StatefulSet statefulsets apps.v1.StatefulSet sts status,scale,spec,all
apps                       v1 ReplicaSet replicasets apps.v1.ReplicaSet rs status,scale,spec,all
batch                      v1 Job jobs batch.v1.Job - status,spec,all
batch                      v1 CronJob cronjobs batch.v1.CronJob cj status,spec,all
policy                     v1 PodDisruptionBudget poddisruptionbudgets policy.v1.PodDisruptionBudget pdb status,spec
networking.k8s.io          v1 NetworkPolicy networkpolicies networking.v1.NetworkPolicy netpol spec
rbac.authorization.k8s.io  v1 Role roles rbac.v1.Role - -
rbac.authorization.k8s.io  v1 RoleBinding rolebindings rbac.v1.RoleBinding - -
rbac.authorization.k8s.io  v1 ClusterRole clusterroles rbac.v1.ClusterRole - cluster
rbac.authorization.k8s.io  v1 ClusterRoleBinding clusterrolebindings rbac.v1.ClusterRoleBinding - cluster
coordination.k8s.io        v1 Lease leases coordination.v1.Lease - -
scheduling.k8s.io          v1 PriorityClass priorityclasses scheduling.v1.PriorityClass pc cluster,whole
apiextensions.k8s.io       v1 CustomResourceDefinition customresourcedefinitions - crd cluster,status,spec
"""


def _definition_shape() -> Shape:
    """A CustomResourceDefinition: the schema in it is anything, its lists are as Kubernetes says."""
    versions = Shape("list", item=Shape("any"), atomic=True)
    spec = Shape("object", fields={"versions": versions}, open=True)
    fields = {
        "apiVersion": Shape("scalar", "string"),
        "kind": Shape("scalar", "string"),
        "metadata": builtin("meta.v1.ObjectMeta"),
        "spec": spec,
        "status": Shape("any"),
    }
    return Shape("object", fields=fields)


def builtin_kinds() -> list[Kind]:
    """All kinds of Kubernetes' own that are served."""
    kinds: list[Kind] = []
    for line in _BUILTIN.strip().splitlines():
        group, version, kind, plural, shape, short, options = line.split()
        words = options.split(",")
        generation = "spec" if "spec" in words else "all" if "whole" in words else ""
        kinds.append(
            Kind(
                group="" if group == "-" else group,
                version=version,
                kind=kind,
                plural=plural,
                namespaced="cluster" not in words,
                shape=_definition_shape() if shape == "-" else builtin(shape),
                short=() if short == "-" else (short,),
                status="status" in words,
                scale=_SCALE if "scale" in words else None,
                generation=generation,
                singular=kind.lower(),
                categories=("all",) if "all" in words else (),
            )
        )
    return kinds
