"""How the pods are watched, and how many of them may be taken away at once. Pure."""

from collections.abc import Sequence

from ssmd.operator.manifests.facts import Facts, Manifest
from ssmd.operator.manifests.owned import metadata
from ssmd.operator.names import ROLE, object_name, selector
from ssmd.operator.spec.workload import Workload


def budget(facts: Facts, role: str) -> Manifest:
    """One pod of a resource at a time may be taken away on purpose.

    Not none: with one pod that would hold up the draining of its node for ever. What goes ends by
    SIGTERM, which drains it, and begins again elsewhere; an archiver's stream waits on the bus
    meanwhile. What is broken anyway may go at once.

    Args:
        facts: Whose pods.
        role: Which of them: Jobs cannot be counted, and a budget that tries to lets nothing go.
    """
    owner = facts.owner
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(owner, object_name(owner.name, owner.kind)),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": selector(owner.name, owner.kind) | {ROLE: role}},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def pod_monitors(spec: Workload, facts: Facts, ports: Sequence[str]) -> list[Manifest]:
    """The PodMonitor of the Prometheus operator, if it is asked for.

    Args:
        spec: What is asked for.
        facts: Whose pods.
        ports: Names of the ports with metrics.
    """
    wanted = spec.monitoring
    if not wanted.pod_monitor:
        return []
    owner = facts.owner
    found = metadata(owner, object_name(owner.name, owner.kind))
    own = found["labels"]
    assert isinstance(own, dict)  # noqa: S101 - made by `metadata`
    return [
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PodMonitor",
            "metadata": found | {"labels": dict(wanted.labels) | own},
            "spec": {
                "selector": {"matchLabels": selector(owner.name, owner.kind)},
                "podMetricsEndpoints": [
                    {"port": port, "path": "/metrics", "interval": f"{wanted.interval_s}s"}
                    for port in ports
                ],
            },
        }
    ]
