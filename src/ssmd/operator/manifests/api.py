"""An Api's objects: what it is told, its pods, and the Service through which clients come. Pure."""

from collections.abc import Sequence
from typing import Final

import msgspec

from ssmd.feeds.defaults import ComponentDefaults
from ssmd.operator.manifests import (
    api_files,
    beside,
    images,
    monitoring,
    mounts,
    network,
    pod,
    variables,
)
from ssmd.operator.manifests.facts import Facts, Manifest, Owner
from ssmd.operator.manifests.owned import config_map, metadata
from ssmd.operator.names import (
    API_FOLDER,
    ARCHIVE_ROOT,
    HTTP,
    ROLE,
    labels,
    object_name,
    selector,
    service_name,
)
from ssmd.operator.spec.api import ApiSpec, WatchedAddress

SERVES: Final = "serve"
_NOBODY: Final = ComponentDefaults()
_SCRATCH_MIB: Final = 1024
_DISK: Final = "2Gi"
_RUN: Final = f"{variables.SCRATCH}/run"
"""The archive is read-only: where a process is reached it tells here."""
_LINGERS_S: Final = 5
"""So long it may be until the last proxy of a node has heard that a pod ends, in seconds."""


def objects(
    spec: ApiSpec,
    facts: Facts,
    claim: str,
    *,
    one_node: bool,
    found: Sequence[WatchedAddress] = (),
) -> list[Manifest]:
    """Everything of an Api.

    Args:
        spec: What is asked for.
        facts: Of which resource.
        claim: The claim with the archive.
        one_node: Whether that is mounted on one node at a time: the pods stand together then.
        found: Services that are shown besides those it names.

    Raises:
        ConfigError: The spec is not acceptable: see `complaints.of_api`.
    """
    owner = facts.owner
    files = api_files.files(spec, facts, found)
    return [
        config_map(owner, _name(owner, "config"), files),
        _deployment(spec, facts, files, claim, one_node=one_node),
        _service(spec, owner),
        *([monitoring.budget(facts, SERVES)] if spec.replicas > 1 else []),
        *network.policies(
            spec,
            facts,
            serves=[spec.port],
            talks=_talks(spec, facts, found),
            more=[network.open_to(spec.http_port, spec.clients)],
        ),
        *monitoring.pod_monitors(spec, facts, [pod.METRICS]),
    ]


def url(spec: ApiSpec, owner: Owner) -> str:
    """Where the cluster's pods reach it."""
    return (
        f"http://{service_name(owner.name, owner.kind)}.{owner.namespace}.svc:{spec.service.port}"
    )


def chosen(owner: Owner) -> dict[str, str]:
    """The labels that find its pods."""
    return selector(owner.name, owner.kind) | {ROLE: SERVES}


def _deployment(
    spec: ApiSpec, facts: Facts, files: dict[str, str], claim: str, *, one_node: bool
) -> Manifest:
    """Readers keep nothing: one more is there before one goes."""
    owner = facts.owner
    together = [chosen(owner)] if one_node else []
    wanted = pod.Pod(
        labels=labels(owner.name, owner.kind, role=SERVES),
        containers=(_serving(spec, facts, claim),),
        scratch_mib=_SCRATCH_MIB,
        affinity=beside.archive(spec.archive, *together),
        config=files,
    )
    placed = msgspec.structs.replace(spec, topology_key="") if one_node else spec
    template = pod.template(placed, facts, wanted)
    pod.mark(template)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(owner, _name(owner), {"role": SERVES}),
        "spec": {
            "replicas": spec.replicas,
            "revisionHistoryLimit": 1,
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
            },
            "selector": {"matchLabels": chosen(owner)},
            "template": template,
        },
    }


def _serving(spec: ApiSpec, facts: Facts, claim: str) -> pod.Container:
    owner = facts.owner
    port = pod.Port(name=pod.METRICS, number=spec.port)
    args = (
        *("api", "run"),
        *("--config", f"{API_FOLDER}/{api_files.CONFIG_KEY}"),
        *("--dir", ARCHIVE_ROOT),
        *("--listen", port.listen),
        *("--run-dir", _RUN),
    )
    return pod.Container(
        name="api",
        image=images.image(spec, _NOBODY, facts.image),
        args=args,
        env=variables.entries(
            spec, _database(facts), after=variables.bus_keys(spec, facts.environment)
        ),
        resources=images.resources(spec, _NOBODY, images.ours("250m", "512Mi", "2Gi", _DISK)),
        mounts=(
            mounts.config("config", API_FOLDER, _name(owner, "config")),
            mounts.claimed("archive", ARCHIVE_ROOT, claim, read_only=True),
            *mounts.secrets(spec.secret_files),
        ),
        port=port,
        clients=pod.Port(name=HTTP, number=spec.http_port),
        lingers_s=_LINGERS_S,
    )


def _database(facts: Facts) -> list[Manifest]:
    """A variable, and no setting: `ssmd keys` in the pod has to find it too."""
    url = facts.environment.secmaster.database_url
    return [] if url is None else [{"name": "DATABASE_URL", "value": url}]


def _service(spec: ApiSpec, owner: Owner) -> Manifest:
    found = metadata(owner, service_name(owner.name, owner.kind), {"role": SERVES})
    if spec.service.annotations:
        found["annotations"] = dict(spec.service.annotations)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": found,
        "spec": {
            "type": spec.service.type,
            "selector": chosen(owner),
            "ports": [
                {
                    "name": HTTP,
                    "port": spec.service.port,
                    "targetPort": HTTP,
                    "protocol": "TCP",
                    "appProtocol": "http",
                }
            ],
        },
    }


def _talks(spec: ApiSpec, facts: Facts, found: Sequence[WatchedAddress]) -> Sequence[set[int]]:
    return [
        network.bus_ports(facts.environment, spec.env),
        network.database_ports(facts.environment, spec.env),
        network.url_ports(*(each.url for each in api_files.watched(spec, found))),
    ]


def _name(owner: Owner, *suffix: str) -> str:
    return object_name(owner.name, owner.kind, *suffix)
