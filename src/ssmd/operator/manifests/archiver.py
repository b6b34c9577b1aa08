"""An Archiver's objects: its files, its storage, the pod, and the Job that ends it well. Pure."""

from typing import Final

import msgspec

from ssmd.feeds.defaults import ComponentDefaults
from ssmd.operator.manifests import (
    archiver_files,
    health,
    images,
    monitoring,
    mounts,
    network,
    pod,
    variables,
)
from ssmd.operator.manifests.archiver_files import CONFIG_KEY, UPLOAD_KEY
from ssmd.operator.manifests.facts import Facts, Manifest, Owner
from ssmd.operator.manifests.owned import claim, config_map, metadata
from ssmd.operator.names import (
    ARCHIVE_ROOT,
    ARCHIVER_FOLDER,
    ROLE,
    labels,
    object_name,
    selector,
    service_name,
)
from ssmd.operator.spec.archiver import ArchiverSpec

ARCHIVES: Final = "archive"
DRAINS: Final = "drain"
TABLES: Final = "tables"
_SCRATCH_MIB: Final = 1024
_DISK: Final = "2Gi"
_DRAIN_RETRIES: Final = 3
_NOTHING: Final = ComponentDefaults()


def objects(spec: ArchiverSpec, facts: Facts, *, running: bool) -> list[Manifest]:
    """Everything of an Archiver but the Job that ends it.

    Args:
        spec: What is asked for.
        facts: Of which resource.
        running: Whether its pod is to run.

    Raises:
        ConfigError: The spec is not acceptable: see `complaints.of_archiver`.
    """
    owner = facts.owner
    files = archiver_files.files(spec, facts)
    ports = _ports(spec)
    return [
        config_map(owner, _name(owner, "config"), files),
        *_claims(spec, owner),
        _deployment(spec, facts, files, running=running),
        _health(spec, owner, ports),
        monitoring.budget(facts, ARCHIVES),
        *network.policies(
            spec, facts, serves=[port.number for port in ports], talks=_talks(spec, facts)
        ),
        *monitoring.pod_monitors(spec, facts, [port.name for port in ports]),
    ]


def drain_job(spec: ArchiverSpec, facts: Facts) -> Manifest:
    """The Job that seals, uploads and proves what is left, once the archiver has gone.

    Raises:
        ConfigError: The spec is not acceptable.
    """
    owner = facts.owner
    files = archiver_files.files(spec, facts)
    wanted = pod.Pod(
        labels=labels(owner.name, owner.kind, role=DRAINS),
        containers=(_draining(spec, facts),),
        scratch_mib=_SCRATCH_MIB,
        ends=True,
        config=files,
    )
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(owner, _name(owner, DRAINS), {"role": DRAINS}),
        "spec": {
            "backoffLimit": _DRAIN_RETRIES,
            "activeDeadlineSeconds": spec.drain_deadline_s,
            "template": pod.template(spec, facts, wanted),
        },
    }


def _health(spec: ArchiverSpec, owner: Owner, ports: list[pod.Port]) -> Manifest:
    words = {"role": ARCHIVES, "environment": spec.environment}
    chosen = selector(owner.name, owner.kind) | {ROLE: ARCHIVES}
    return health.service(owner, service_name(owner.name, owner.kind), words, chosen, ports)


def claim_name(spec: ArchiverSpec, owner: Owner) -> str:
    """The claim that holds the archive: one that was there, or `{cr}-archiver-data`."""
    return spec.storage.existing_claim or _name(owner, "data")


def _deployment(
    spec: ArchiverSpec, facts: Facts, files: dict[str, str], *, running: bool
) -> Manifest:
    owner = facts.owner
    archives, *tables = _ports(spec)
    wanted = pod.Pod(
        labels=labels(owner.name, owner.kind, role=ARCHIVES),
        containers=(
            _archiving(spec, facts, archives),
            *(_compacting(spec, facts, port) for port in tables),
        ),
        scratch_mib=_SCRATCH_MIB,
        config=files,
    )
    chosen = selector(owner.name, owner.kind) | {ROLE: ARCHIVES}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(owner, _name(owner), {"role": ARCHIVES}),
        "spec": {
            "replicas": int(running),
            "revisionHistoryLimit": 1,
            "strategy": {"type": "Recreate"},  # one writer: the claim is nobody else's meanwhile
            "selector": {"matchLabels": chosen},
            "template": pod.template(spec, facts, wanted),
        },
    }


def _archiving(spec: ArchiverSpec, facts: Facts, port: pod.Port) -> pod.Container:
    args = ("archiver", "run", *_config_option(), "--dir", ARCHIVE_ROOT, "--listen", port.listen)
    return _container(spec, facts, "archiver", args, port, ("100m", "256Mi", "1Gi"))


def _compacting(spec: ArchiverSpec, facts: Facts, port: pod.Port) -> pod.Container:
    args = ("compactor", "run", "--dir", ARCHIVE_ROOT, *_upload_option(spec), "--listen")
    return _container(
        spec, facts, "compactor", (*args, port.listen), port, ("100m", "512Mi", "2Gi")
    )


def _draining(spec: ArchiverSpec, facts: Facts) -> pod.Container:
    args = (*("archiver", "drain"), *_config_option(), "--dir", ARCHIVE_ROOT, *_upload_option(spec))
    return _container(spec, facts, "drain", args, None, ("100m", "512Mi", "2Gi"))


def _container(
    spec: ArchiverSpec,
    facts: Facts,
    name: str,
    args: tuple[str, ...],
    port: pod.Port | None,
    room: tuple[str, str, str],
) -> pod.Container:
    default = default_of(spec, facts)
    owner = facts.owner
    return pod.Container(
        name=name,
        image=images.image(spec, default, facts.image),
        args=args,
        env=variables.entries(spec, after=variables.bus_keys(spec, facts.environment)),
        resources=images.resources(spec, default, images.ours(*room, _DISK)),
        mounts=(
            mounts.config("config", ARCHIVER_FOLDER, _name(owner, "config")),
            mounts.claimed("archive", ARCHIVE_ROOT, claim_name(spec, owner)),
            *mounts.secrets(spec.secret_files),
        ),
        port=port,
    )


def default_of(spec: ArchiverSpec, facts: Facts) -> ComponentDefaults:
    """How the feeds say an archiver is deployed: of each field, what the first says that says it."""
    found = _NOTHING
    for source in spec.sources:
        more = facts.feeds[source.feed].defaults.archiver
        missing = {
            field: getattr(more, field)
            for field in ComponentDefaults.__struct_fields__
            if getattr(found, field) == getattr(_NOTHING, field)
        }
        found = msgspec.structs.replace(found, **missing)
    return found


def _config_option() -> tuple[str, str]:
    return "--config", f"{ARCHIVER_FOLDER}/{CONFIG_KEY}"


def _upload_option(spec: ArchiverSpec) -> tuple[str, ...]:
    return () if spec.upload is None else ("--upload", f"{ARCHIVER_FOLDER}/{UPLOAD_KEY}")


def _ports(spec: ArchiverSpec) -> list[pod.Port]:
    found = [pod.Port(name=pod.METRICS, number=spec.port)]
    return [*found, pod.Port(name=TABLES, number=spec.port + 1)] if spec.tables else found


def _talks(spec: ArchiverSpec, facts: Facts) -> list[set[int]]:
    return [
        network.bus_ports(facts.environment, spec.env),
        network.store_ports(archiver_files.upload(spec)),
    ]


def _claims(spec: ArchiverSpec, owner: Owner) -> list[Manifest]:
    storage = spec.storage
    if storage.existing_claim is not None:
        return []
    return [
        claim(
            owner,
            claim_name(spec, owner),
            size=storage.size,
            mode=storage.access_mode,
            storage_class=storage.storage_class_name,
            keep=storage.on_delete == "retain",
        )
    ]


def _name(owner: Owner, *suffix: str) -> str:
    return object_name(owner.name, owner.kind, *suffix)
