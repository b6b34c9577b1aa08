"""A Connector's objects: a Deployment for every place, and what its places share. Pure."""

from typing import Final

from ssmd.feeds.feed import FeedConfig
from ssmd.operator.manifests import health, images, monitoring, mounts, network, pod, variables
from ssmd.operator.manifests.facts import Facts, Manifest, Owner, Place, Share
from ssmd.operator.manifests.owned import claim, metadata
from ssmd.operator.manifests.quantity import MIB, mebibytes, number
from ssmd.operator.names import (
    ENVIRONMENT_FOLDER,
    ENVIRONMENT_KEY,
    FEED_FOLDER,
    FEED_KEY,
    REVISION,
    SHARE,
    SPOOL_ROOT,
    Slot,
    labels,
    object_name,
    selector,
    service_name,
)
from ssmd.operator.spec.connector import ConnectorSpec

ROLE: Final = "record"
_LOGS_MIB: Final = 256
"""Room for what the node keeps of a container's output, and a little more."""


def shares(spec: ConnectorSpec, facts: Facts) -> list[Share]:
    """Every process that is wanted: so many replicas of each category, or of the feed."""
    return [
        Share(category=category, replica=replica)
        for category in categories(spec, facts.feeds[spec.feed])
        for replica in range(spec.replicas)
    ]


def categories(spec: ConnectorSpec, feed: FeedConfig) -> tuple[str, ...]:
    """What is recorded by itself: the categories asked for, else all; one without a name if none."""
    return spec.categories or tuple(feed.categories) or ("",)


def revision(spec: ConnectorSpec, facts: Facts, share: Share) -> str:
    """A few hex digits that are others when anything is that a share's pod sees.

    Neither the slot nor what is named after it counts: the same revision fits in both.
    """
    return pod.digest(_template(spec, facts, share, None))


def place(spec: ConnectorSpec, facts: Facts, place: Place, *, running: bool) -> list[Manifest]:
    """What stands in a place: a Deployment of one pod or none, after its claim if it has one.

    Args:
        spec: What is asked for.
        facts: Of which resource.
        place: Where.
        running: Whether its pod is to run; else it drains and goes, and may come back.
    """
    owner, share = facts.owner, place.share
    words = _words(spec, share, place.slot)
    found = _template(spec, facts, share, place.slot)
    current = revision(spec, facts, share)
    _labels(found)[REVISION] = current
    deployment: Manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(owner, place.name(owner.name), words)
        | {"annotations": {REVISION: current, SHARE: f"{share.replica}/{spec.replicas}"}},
        "spec": {
            "replicas": int(running),
            "revisionHistoryLimit": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": _selector(owner, words)},
            "template": found,
        },
    }
    if spec.spool.type == "emptyDir":
        return [deployment]
    spool = claim(
        owner,
        spool_claim(owner, place),
        words,
        size=spec.spool.size,
        mode="ReadWriteOnce",
        storage_class=spec.spool.storage_class_name,
        keep=spec.spool.on_delete == "retain",
    )
    return [spool, deployment]


def spool_claim(owner: Owner, place: Place) -> str:
    """Name of a place's claim: `{cr}-connector[-{category}]-{replica}-{slot}-spool`."""
    share = place.share
    words = (share.category, str(share.replica), place.slot, "spool")
    return object_name(owner.name, "Connector", *(word for word in words if word))


def shared(spec: ConnectorSpec, facts: Facts) -> list[Manifest]:
    """What places share: where they are asked, how many may go at once, whom they may talk to, who watches."""
    feed = facts.feeds[spec.feed]
    talks = [
        network.bus_ports(facts.environment, spec.env),
        network.venue_ports(feed, facts),
        network.database_ports(facts.environment, spec.env) if feed.universe.secmaster else (),
    ]
    return [
        *(_health(spec, facts, share) for share in shares(spec, facts)),
        monitoring.budget(facts, ROLE),
        *network.policies(spec, facts, serves=[spec.port], talks=talks),
        *monitoring.pod_monitors(spec, facts, [pod.METRICS]),
    ]


def _health(spec: ConnectorSpec, facts: Facts, share: Share) -> Manifest:
    """Whichever of a share's places records."""
    owner, words = facts.owner, _words(spec, share, None)
    suffix = (word for word in (share.category, str(share.replica)) if word)
    name = service_name(owner.name, owner.kind, *suffix)
    told = words | {"environment": spec.environment}
    port = pod.Port(name=pod.METRICS, number=spec.port)
    return health.service(owner, name, told, _selector(owner, words), [port])


def _words(spec: ConnectorSpec, share: Share, slot: Slot | None) -> dict[str, str]:
    """What tells a place's objects from those of others, as labels."""
    found = {"role": ROLE, "feed": spec.feed, "replica": str(share.replica)}
    if share.category:
        found["category"] = share.category
    return found if slot is None else found | {"slot": slot}


def _selector(owner: Owner, words: dict[str, str]) -> dict[str, str]:
    """It can never be changed, so the feed, which can be, is not in it."""
    whole = labels(owner.name, owner.kind, **{k: v for k, v in words.items() if k != "feed"})
    shown = selector(owner.name, owner.kind)
    return {key: value for key, value in whole.items() if key in shown or key.startswith("ssmd.io")}


def _labels(template: Manifest) -> dict[str, str]:
    found = template["metadata"]
    assert isinstance(found, dict)  # noqa: S101 - made by `pod.template`
    names: dict[str, str] = found["labels"]
    return names


def _template(spec: ConnectorSpec, facts: Facts, share: Share, slot: Slot | None) -> Manifest:
    feed, owner = facts.feeds[spec.feed], facts.owner
    default = feed.defaults.connector
    version = feed.effective(facts.today).version
    port = pod.Port(name=pod.METRICS, number=spec.port)
    container = pod.Container(
        name="connector",
        image=images.image(spec, default, facts.image),
        args=_args(spec, share, port),
        env=variables.entries(spec, variables.credentials(feed)),
        resources=images.resources(spec, default, images.ours("100m", "256Mi", "1Gi", _disk(spec))),
        mounts=(
            mounts.feed(spec.feed),
            mounts.environment(spec.environment),
            _spool(spec, owner, share, slot),
            *mounts.secrets(spec.secret_files),
        ),
        port=port,
    )
    words = _words(spec, share, slot) | {"version": label_value(version)}
    wanted = pod.Pod(labels=labels(owner.name, owner.kind, **words), containers=(container,))
    return pod.template(spec, facts, wanted)


def label_value(text: str) -> str:
    """A text as a label may have it: cut, and with dashes for what is not allowed."""
    allowed = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in text)
    return allowed[:63].strip("-_.")


def _args(spec: ConnectorSpec, share: Share, port: pod.Port) -> tuple[str, ...]:
    category = ("--category", share.category) if share.category else ()
    part = ("--share", f"{share.replica}/{spec.replicas}") if spec.replicas > 1 else ()
    return (
        *("connector", "run"),
        *("--feed", f"{FEED_FOLDER}/{FEED_KEY}"),
        *("--env", f"{ENVIRONMENT_FOLDER}/{ENVIRONMENT_KEY}"),
        *("--dir", SPOOL_ROOT),
        *("--listen", port.listen),
        *category,
        *part,
    )


def _spool(spec: ConnectorSpec, owner: Owner, share: Share, slot: Slot | None) -> mounts.Mount:
    if spec.spool.type == "emptyDir":
        return mounts.scratch("spool", SPOOL_ROOT, spec.spool.size)
    name = "" if slot is None else spool_claim(owner, Place(share=share, slot=slot))
    return mounts.claimed("spool", SPOOL_ROOT, name)


def _disk(spec: ConnectorSpec) -> str:
    """All that may be written on the node: more, and the pod would be put out."""
    spool = number(spec.spool.size) if spec.spool.type == "emptyDir" else 0
    return mebibytes(spool + (pod.SCRATCH_MIB + _LOGS_MIB) * MIB)
