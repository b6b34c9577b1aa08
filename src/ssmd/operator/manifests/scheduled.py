"""SecmasterSync's and QualityCheck's objects: what runs by the clock. Pure."""

from typing import Final

from ssmd.feeds.defaults import ComponentDefaults
from ssmd.feeds.machine import FeedChoice, MachineConfig, MasterSettings
from ssmd.operator.manifests import beside, images, monitoring, mounts, network, pod, variables
from ssmd.operator.manifests.archiver_files import text
from ssmd.operator.manifests.facts import Facts, Manifest
from ssmd.operator.manifests.owned import config_map, metadata
from ssmd.operator.names import (
    ARCHIVE_ROOT,
    FEED_KEY,
    FEEDS_FOLDER,
    POLICY_FOLDER,
    QUALITY_FOLDER,
    ROLE,
    labels,
    object_name,
    selector,
)
from ssmd.operator.spec.schedules import QualityCheckSpec, Scheduled, SecmasterSyncSpec

SYNCS: Final = "sync"
CHANGES: Final = "changes"
CHECKS: Final = "check"
MACHINE_KEY: Final = "ssmd.yaml"
VERDICT: Final = "/dev/termination-log"
"""Where the node reads what a container says at its end: what came of it comes back with the pod."""

_NOBODY: Final = ComponentDefaults()
_SCRATCH_MIB: Final = 1024
_DISK: Final = "2Gi"
_MODES: Final = {"auto": (), "full": ("--full",), "incremental": ("--incremental",)}
_NOTICES: Final = (25, 443, 465, 587)
"""Mail, in its three ways, and web hooks."""


def secmaster(spec: SecmasterSyncSpec, facts: Facts) -> list[Manifest]:
    """A SecmasterSync's objects: the CronJob, and the process that tells changes if it is wanted."""
    changes = [_changes(spec, facts)] if spec.changes.enabled else []
    ports = [spec.port] if changes else []
    talks: list[set[int]] = [
        *(network.venue_ports(facts.feeds[feed], facts) for feed in spec.feeds),
        network.database_ports(facts.environment, spec.env),
        network.bus_ports(facts.environment, spec.env) if changes else set(),
    ]
    return [
        _cron_job(spec, facts, _syncing(spec, facts), SYNCS),
        *changes,
        *network.policies(spec, facts, serves=ports, talks=talks),
        *(monitoring.pod_monitors(spec, facts, [pod.METRICS]) if changes else []),
    ]


def quality(spec: QualityCheckSpec, facts: Facts, claim: str) -> list[Manifest]:
    """A QualityCheck's objects: the CronJob, and what it is told.

    Args:
        spec: What is asked for.
        facts: Of which resource.
        claim: The claim with the archive.
    """
    owner = facts.owner
    files = {MACHINE_KEY: text(machine(spec, facts))}
    talks: list[set[int]] = [
        network.bus_ports(facts.environment, spec.env),
        network.database_ports(facts.environment, spec.env),
        network.url_ports(spec.prometheus_url, spec.env.get("PROMETHEUS_URL")),
        set(_NOTICES) if spec.notify else set(),
    ]
    return [
        config_map(owner, object_name(owner.name, owner.kind, "config"), files),
        _cron_job(spec, facts, _checking(spec, facts, claim, files), CHECKS),
        *network.policies(spec, facts, serves=[], talks=talks),
    ]


def machine(spec: QualityCheckSpec, facts: Facts) -> MachineConfig:
    """What the check is told of the feeds and their environment: an ssmd.yaml."""
    environment = facts.environment
    transport = {k: v for k, v in environment.keys.items() if v.type == "transport"}
    return MachineConfig(
        dir=ARCHIVE_ROOT,
        environment=environment.name,
        feeds=tuple(FeedChoice(feed=_feed_file(feed)) for feed in spec.feeds),
        nats_url=environment.transport.url,
        secmaster=MasterSettings(database_url=environment.secmaster.database_url),
        keys=transport,
    )


def _cron_job(spec: Scheduled, facts: Facts, wanted: pod.Pod, role: str) -> Manifest:
    """One run at a time: a late one is left out rather than doubled."""
    owner = facts.owner
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": metadata(owner, object_name(owner.name, owner.kind), {"role": role}),
        "spec": {
            "schedule": spec.schedule,
            "timeZone": spec.time_zone,
            "suspend": spec.suspend,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": spec.deadline_s,
            "successfulJobsHistoryLimit": spec.keep,
            "failedJobsHistoryLimit": spec.keep,
            "jobTemplate": {
                "metadata": {"labels": labels(owner.name, owner.kind, role=role)},
                "spec": {
                    "backoffLimit": spec.retries,
                    "activeDeadlineSeconds": spec.deadline_s,
                    "template": pod.template(spec, facts, wanted),
                },
            },
        },
    }


def _syncing(spec: SecmasterSyncSpec, facts: Facts) -> pod.Pod:
    args = (
        *("secmaster", "sync"),
        *(word for feed in spec.feeds for word in ("--feed", _feed_file(feed))),
        *_MODES[spec.mode],
        *_database(facts),
        *("--dir", variables.SCRATCH),
        *("--verdict-file", VERDICT),
    )
    mounted = tuple(mounts.feeds(spec.feeds))
    return pod.Pod(
        labels=labels(facts.owner.name, facts.owner.kind, role=SYNCS),
        containers=(_container(spec, facts, SYNCS, args, mounted),),
        scratch_mib=_SCRATCH_MIB,
        ends=True,
    )


def _checking(spec: QualityCheckSpec, facts: Facts, claim: str, files: dict[str, str]) -> pod.Pod:
    policy = spec.policy
    args = (
        *("dq", "daily", ARCHIVE_ROOT),
        *("--config", f"{QUALITY_FOLDER}/{MACHINE_KEY}"),
        *(() if policy is None else ("--policy", f"{POLICY_FOLDER}/{policy.key}")),
        *_prometheus(spec),
        *(("--notify",) if spec.notify else ()),
        *("--verdict-file", VERDICT),
    )
    owner = facts.owner
    own = object_name(owner.name, owner.kind, "config")
    mounted = (
        mounts.config("config", QUALITY_FOLDER, own),
        *mounts.feeds(spec.feeds),
        *([] if policy is None else [mounts.config("policy", POLICY_FOLDER, policy.config_map)]),
        mounts.claimed("archive", ARCHIVE_ROOT, claim, read_only=True),
    )
    return pod.Pod(
        labels=labels(owner.name, owner.kind, role=CHECKS),
        containers=(_container(spec, facts, CHECKS, args, mounted),),
        scratch_mib=_SCRATCH_MIB,
        affinity=beside.archive(spec.archive),
        ends=True,
        config=files,
    )


def _changes(spec: SecmasterSyncSpec, facts: Facts) -> Manifest:
    owner = facts.owner
    port = pod.Port(name=pod.METRICS, number=spec.port)
    url = facts.environment.transport.url
    args = (
        *("cdc", "run", "--env-name", facts.environment.name),
        *("--replicas", str(spec.changes.replicas)),
        *_database(facts),
        *(() if url is None else ("--nats-url", url)),
        *("--dir", variables.SCRATCH, "--listen", port.listen),
    )
    wanted = pod.Pod(
        labels=labels(owner.name, owner.kind, role=CHANGES),
        containers=(_container(spec, facts, CHANGES, args, (), port),),
    )
    chosen = selector(owner.name, owner.kind) | {ROLE: CHANGES}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(
            owner, object_name(owner.name, owner.kind, CHANGES), {"role": CHANGES}
        ),
        "spec": {
            "replicas": 0 if spec.suspend else 1,
            "revisionHistoryLimit": 1,
            "strategy": {"type": "Recreate"},  # one slot in the database, one reader of it
            "selector": {"matchLabels": chosen},
            "template": pod.template(spec, facts, wanted),
        },
    }


def _container(
    spec: Scheduled,
    facts: Facts,
    name: str,
    args: tuple[str, ...],
    mounted: tuple[mounts.Mount, ...],
    port: pod.Port | None = None,
) -> pod.Container:
    return pod.Container(
        name=name,
        image=images.image(spec, _NOBODY, facts.image),
        args=args,
        env=variables.entries(
            spec, after=variables.bus_keys(spec, facts.environment) if name == CHANGES else []
        ),
        resources=images.resources(spec, _NOBODY, images.ours("100m", "256Mi", "2Gi", _DISK)),
        mounts=(*mounted, *mounts.secrets(spec.secret_files)),
        port=port,
    )


def _feed_file(feed: str) -> str:
    return f"{FEEDS_FOLDER}/{feed}/{FEED_KEY}"


def _database(facts: Facts) -> tuple[str, ...]:
    url = facts.environment.secmaster.database_url
    return () if url is None else ("--database", url)


def _prometheus(spec: QualityCheckSpec) -> tuple[str, ...]:
    """Where nobody says where Prometheus is, there is none: the check does not wait for one."""
    if spec.prometheus_url is not None:
        return "--prometheus", spec.prometheus_url
    return () if "PROMETHEUS_URL" in variables.given(spec) else ("--prometheus", "none")
