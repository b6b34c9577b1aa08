"""Which image runs, and what it is given. Pure."""

from typing import Final

from ssmd.feeds.defaults import ComponentDefaults
from ssmd.operator.manifests.facts import Manifest
from ssmd.operator.spec.workload import Workload

_DIGEST: Final = "sha256:"

Given = dict[str, dict[str, str]]
"""Requests and limits, by kind."""


def image(spec: Workload, default: ComponentDefaults, own: str) -> str:
    """The image with its tag: what the spec says, else the feed's default, else the operator's own.

    Name and tag are found each for itself: a spec that names a version alone runs that version of
    the usual image.

    Args:
        spec: What is asked for.
        default: What the feed says of this component.
        own: The operator's own image and tag.
    """
    repository, tag = _apart(own)
    name = spec.image or default.image or repository
    version = spec.version or default.version or tag
    if not version:
        return name
    return f"{name}@{version}" if version.startswith(_DIGEST) else f"{name}:{version}"


def _apart(image_and_tag: str) -> tuple[str, str]:
    """Name and tag (or digest); a colon before the last slash belongs to a port."""
    name, at, digest = image_and_tag.partition("@")
    folder, slash, last = name.rpartition("/")
    word, _, tag = last.partition(":")
    return f"{folder}{slash}{word}", digest if at else tag


def resources(spec: Workload, default: ComponentDefaults, ours: Given) -> Manifest:
    """What a container is given: what the spec says, else the feed's default, else `ours`."""
    if spec.resources is not None:
        found: Given = {
            "requests": dict(spec.resources.requests),
            "limits": dict(spec.resources.limits),
        }
    else:
        found = default.resources.plain() or ours
    return {kind: dict(amounts) for kind, amounts in found.items() if amounts}


def ours(cpu: str, memory: str, most: str, disk: str) -> Given:
    """What a container is given when nobody says otherwise.

    There is no limit of processor time: who is throttled in a burst loses the burst.

    Args:
        cpu: Processor time it is sure to have.
        memory: Memory it is sure to have.
        most: Memory it may have at most.
        disk: Room on the node's disk it may have at most, its scratch folders included.
    """
    return {
        "requests": {"cpu": cpu, "memory": memory, "ephemeral-storage": "256Mi"},
        "limits": {"memory": most, "ephemeral-storage": disk},
    }
