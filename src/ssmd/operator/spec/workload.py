"""What every kind of resource has in common: the pods it runs, and what they are given. Pure."""

from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

DnsName = Annotated[
    str, Meta(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?\Z", min_length=1, max_length=253)
]
"""Name of an object in Kubernetes. `\\Z` and not `$`: Python's `$` lets a line's end pass."""
FeedName = Annotated[str, Meta(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?\Z", max_length=40)]
"""Name of a feed, an environment or a category: as in feed.yaml and env.yaml."""
Variable = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*\Z", max_length=256)]
Key = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]+\Z", max_length=253)]
LabelValue = Annotated[
    str, Meta(pattern=r"^([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?\Z", max_length=63)
]
Labels = Annotated[dict[str, LabelValue], Meta(max_length=64)]
Quantity = Annotated[
    str,
    Meta(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?\Z", max_length=32),
]
"""An amount, as Kubernetes writes them."""
Amounts = Annotated[
    dict[
        str,
        Annotated[
            Quantity, Meta(extra_json_schema={"x-kubernetes-int-or-string": True, "minimum": 0})
        ],
    ],
    Meta(max_length=16),
]
"""Amounts by kind; a whole number may be written without quotes."""
Plain = dict[str, Any]
"""What Kubernetes itself defines: handed on as it is."""
Cron = Annotated[
    str,
    Meta(
        pattern=r"^(@(hourly|daily|weekly|monthly|yearly|annually|midnight)"
        r"|[0-9A-Za-z*/,?-]+( [0-9A-Za-z*/,?-]+){4})\Z",
        max_length=100,
    ),
]
"""When something runs: five fields of cron, UTC."""
AbsolutePath = Annotated[str, Meta(pattern=r"^(/[!-.0-9;-~]+)+\Z", max_length=512)]
Categories = Annotated[
    tuple[FeedName, ...],
    Meta(max_length=32, extra_json_schema={"x-kubernetes-list-type": "set"}),
]
Feeds = Annotated[
    tuple[FeedName, ...],
    Meta(min_length=1, max_length=32, extra_json_schema={"x-kubernetes-list-type": "set"}),
]

MOUNTED: Final = ("/etc/ssmd", "/var/lib/ssmd", "/data", "/tmp", "/dev")  # noqa: S108 - in a pod
"""Folders that pods have already: nothing may be mounted there, below or above."""
GRACE_S: Final = 90


class Part(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    rename="camel",
):
    """What every part of a resource is: strict, and spelled as Kubernetes spells."""


def refuse_twice(what: str, values: Iterable[str]) -> None:
    """Refuse a list in which something stands twice.

    Raises:
        ValueError: It does.
    """
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{what} {value!r} stands twice")
        seen.add(value)


class SecretVariable(Part, frozen=True, kw_only=True):
    """An environment variable out of a Secret.

    Attributes:
        name: The variable.
        secret: The Secret.
        key: Its key.
    """

    name: Variable
    secret: DnsName
    key: Key


class SecretFile(Part, frozen=True, kw_only=True):
    """A Secret as files, readable by the pod alone.

    Attributes:
        secret: The Secret; its keys become files in `/etc/ssmd/secrets/{secret}`.
        path: Another folder for them, outside of what the pod mounts anyway.
    """

    secret: DnsName
    path: AbsolutePath | None = None

    def __post_init__(self) -> None:
        if self.path is None:
            return
        if "/.." in self.path:
            raise ValueError("`path` may not lead upwards")
        for root in MOUNTED:
            if f"{self.path}/".startswith(f"{root}/") or root.startswith(f"{self.path}/"):
                raise ValueError(
                    f"`path` may not be in, or above, {root}: the pod has that already"
                )


class Resources(Part, frozen=True, kw_only=True):
    """What a container is given.

    Attributes:
        requests: What it is sure to have, by kind.
        limits: What it may have at most, by kind.
    """

    requests: Amounts = {}
    limits: Amounts = {}


class NetworkRules(Part, frozen=True, kw_only=True):
    """Whom the pods may talk to; whatever is not named is refused.

    Attributes:
        enabled: Whether a NetworkPolicy is made; without, the cluster's own rules hold.
        egress: Further rules, as Kubernetes writes them under `spec.egress` of a NetworkPolicy.
        scrapers: Who may read metrics and health, as Kubernetes writes a `from`; everybody when
            empty.
    """

    enabled: bool = True
    egress: Annotated[tuple[Plain, ...], Meta(max_length=64)] = ()
    scrapers: Annotated[tuple[Plain, ...], Meta(max_length=64)] = ()


class Monitoring(Part, frozen=True, kw_only=True):
    """How the pods' metrics are found.

    Attributes:
        pod_monitor: Whether a PodMonitor of the Prometheus operator is made.
        annotations: Whether the pods carry the `prometheus.io` annotations.
        labels: Further labels of the PodMonitor, by which a Prometheus chooses.
        interval_s: Pause between two scrapes, in seconds.
    """

    pod_monitor: bool = False
    annotations: bool = True
    labels: Labels = {}
    interval_s: Annotated[int, Meta(ge=1, le=600)] = 15


class Workload(Part, frozen=True, kw_only=True):
    """How the pods of a resource are run.

    Attributes:
        image: Container image, without tag; without it, the feed's default or the operator's own.
        version: Its tag; likewise.
        image_pull_policy: When it is fetched; without it, as Kubernetes decides.
        image_pull_secrets: Secrets that open the registry.
        resources: What each container is given; without it, the feed's default or ours.
        env: Environment variables.
        env_from: Whole ConfigMaps and Secrets as variables, as Kubernetes writes `envFrom`.
        secret_env: Variables out of Secrets.
        secret_files: Secrets as files.
        node_selector: Labels a node must have.
        tolerations: Taints that do not matter, as Kubernetes writes them.
        affinity: Where pods should be, as Kubernetes writes it.
        priority_class_name: Their priority.
        topology_key: Pods of one resource are spread over the values of this label of nodes;
            empty spreads nothing.
        pod_labels: Further labels of the pods.
        pod_annotations: Further annotations of the pods.
        service_account_name: The pods' account, for clouds that tie rights to it; no token of it
            is mounted.
        run_as_user: Number of the user in the pod.
        termination_grace_s: Time to drain before a pod is killed, in seconds.
        network: Whom the pods may talk to.
        monitoring: How the pods' metrics are found.
        port: Where health and metrics are served.
        paused: Leaves everything as it is: nothing is made, changed or removed.
    """

    image: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    version: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    image_pull_secrets: Annotated[
        tuple[DnsName, ...],
        Meta(max_length=16, extra_json_schema={"x-kubernetes-list-type": "set"}),
    ] = ()
    resources: Resources | None = None
    env: Annotated[
        dict[Variable, Annotated[str, Meta(max_length=32_768)]], Meta(max_length=128)
    ] = {}
    env_from: Annotated[tuple[Plain, ...], Meta(max_length=32)] = ()
    secret_env: Annotated[
        tuple[SecretVariable, ...],
        Meta(
            max_length=64,
            extra_json_schema={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
            },
        ),
    ] = ()
    secret_files: Annotated[
        tuple[SecretFile, ...],
        Meta(
            max_length=32,
            extra_json_schema={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["secret"],
            },
        ),
    ] = ()
    node_selector: Labels = {}
    tolerations: Annotated[tuple[Plain, ...], Meta(max_length=32)] = ()
    affinity: Plain = {}
    priority_class_name: DnsName | None = None
    topology_key: Annotated[str, Meta(max_length=317)] = "kubernetes.io/hostname"
    pod_labels: Labels = {}
    pod_annotations: Annotated[
        dict[str, Annotated[str, Meta(max_length=32_768)]], Meta(max_length=64)
    ] = {}
    service_account_name: DnsName | None = None
    run_as_user: Annotated[int, Meta(ge=1, le=2_147_483_647)] = 10001
    termination_grace_s: Annotated[int, Meta(ge=10, le=3600)] = GRACE_S
    network: NetworkRules = NetworkRules()
    monitoring: Monitoring = Monitoring()
    port: Annotated[int, Meta(ge=1024, le=65_534)] = 8080
    paused: bool = False

    def __post_init__(self) -> None:
        refuse_twice("the Secret", self.image_pull_secrets)
        refuse_twice("the variable", (*self.env, *(each.name for each in self.secret_env)))
        refuse_twice("the Secret", (each.secret for each in self.secret_files))
        refuse_twice("the path", (each.path for each in self.secret_files if each.path))
