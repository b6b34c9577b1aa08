"""Where pods had better be: most storage is mounted on one node at a time. Pure."""

from collections.abc import Mapping

from ssmd.operator.manifests.facts import Manifest
from ssmd.operator.names import selector
from ssmd.operator.spec.schedules import ArchiveReference

_MOST = 100


def archive(reference: ArchiveReference, *others: Mapping[str, str]) -> Manifest:
    """An affinity: on the archiver's node if it can be, else beside others.

    Args:
        reference: The archive that is read; of a claim nobody knows who writes it.
        *others: Labels of pods that are as good, each less than those before.
    """
    writer = [] if reference.archiver is None else [selector(reference.archiver, "Archiver")]
    preferred = [
        {
            "weight": _MOST // number,
            "podAffinityTerm": {
                "labelSelector": {"matchLabels": dict(labels)},
                "topologyKey": "kubernetes.io/hostname",
            },
        }
        for number, labels in enumerate([*writer, *others], 1)
    ]
    if not preferred:
        return {}
    return {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}
