"""An Archiver: one writer of one archive; it goes when everything is proved to be safe."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ssmd.operator import conditions
from ssmd.operator.cluster import Manifest
from ssmd.operator.conditions import Answer, Look
from ssmd.operator.manifests import archiver as manifests
from ssmd.operator.manifests.facts import Facts, Owner
from ssmd.operator.names import ROLE, object_name, selector
from ssmd.operator.observe import moment
from ssmd.operator.pods import PodFacts, PodWord, of, seconds
from ssmd.operator.reading import Found
from ssmd.operator.reconcile.hands import Hands, skips_drain, status_of
from ssmd.operator.spec.archiver import ArchiverSpec
from ssmd.operator.spec.status import ArchiverStatus

DRAIN_S: Final = 5.0
"""While it drains it is looked at so often, in seconds."""
RETRY_S: Final = 60.0
"""Pause before a drain that failed is tried again, in seconds; it doubles, up to an hour."""
_LONGEST_S: Final = 3600.0
_FAILED: Final = "DrainFailed"


async def look(
    hands: Hands, resource: Manifest, owner: Owner, spec: ArchiverSpec, found: Found
) -> float | None:
    """Bring an Archiver nearer to what is wanted, and say how it is."""
    before = status_of(resource, ArchiverStatus)
    facts = None if spec.paused or found.complaints else found.facts
    if facts is not None:
        resource = await hands.hold(resource)
        wanted = manifests.objects(spec, facts, running=True)
        live = await hands.cluster.find(
            "apps/v1", "Deployment", object_name(owner.name, owner.kind), owner.namespace
        )
        for manifest in wanted:
            looked = manifest["kind"] == "Deployment"
            await hands.ensure(resource, manifest, live if looked else None, looked=looked)
        await hands.sweep(resource, owner, wanted)
    await hands.complain(resource, found.complaints)
    pods = await _pods(hands, owner, manifests.ARCHIVES)
    words = await hands.observer.look(pods)
    status = _status(hands, resource, spec, found, pods, words, before)
    await hands.say(resource, before, status)
    return None


async def finalize(
    hands: Hands,
    resource: Manifest,
    owner: Owner,
    spec: ArchiverSpec | None,
    found: Found | None,
) -> float | None:
    """Let an Archiver go: its pod first, then a Job proves that all is sealed and uploaded.

    Args:
        hands: What it is done with.
        resource: The resource.
        owner: The same, as owner of its objects.
        spec: What it asks for; None when that cannot be read.
        found: What it is configured by; None likewise.
    """
    if skips_drain(resource):
        await hands.events.tell(
            resource, "DrainSkipped", "It goes without proof that all is safe.", kind="Warning"
        )
        await hands.release(resource)
        return None
    if not await _stopped(hands, owner):
        await _tell(hands, resource, "Draining", "The archiver seals what is open, and ends.")
        return DRAIN_S
    if not await _anything_kept(hands, owner, spec):
        await hands.release(resource)
        return None
    if spec is None or found is None or found.facts is None:
        why = found.complaints[0].message if found and found.complaints else "The spec is invalid."
        return await _blocked(hands, resource, f"The drain cannot be made: {why}")
    return await _drain(hands, resource, owner, spec, found.facts)


async def _drain(
    hands: Hands, resource: Manifest, owner: Owner, spec: ArchiverSpec, facts: Facts
) -> float | None:
    wanted = manifests.drain_job(spec, facts)
    name = object_name(owner.name, owner.kind, manifests.DRAINS)
    live = await hands.cluster.find("batch/v1", "Job", name, owner.namespace)
    if live is None:
        for manifest in manifests.objects(spec, facts, running=False):
            if manifest["kind"] != "Deployment":
                await hands.ensure(resource, manifest)
        await hands.cluster.apply(wanted, force=True)
        await _tell(
            hands, resource, "DrainStarted", "A Job seals, uploads and proves what is left."
        )
        return DRAIN_S
    outcome, why = _outcome(live)
    if outcome == "Complete":
        await _tell(hands, resource, "Drained", "All is sealed, and proved to be where it belongs.")
        await hands.release(resource)
        return None
    if outcome != "Failed":
        return DRAIN_S
    text = why or "see the log of its pod."
    message = f"The drain failed: {text} It is tried again; {_way_out(owner)}"
    await _tell(hands, resource, _FAILED, message, kind="Warning")
    return await _again(hands, resource, live)


async def _again(hands: Hands, resource: Manifest, job: Manifest) -> float:
    """A failed Job is removed after a pause, and made anew at the next look.

    The pause is twice what went by from the deletion to this try: it doubles by itself, and needs
    no memory.
    """
    before = status_of(resource, ArchiverStatus)
    began, ended = seconds(job["metadata"].get("creationTimestamp")), _ended(job)
    pause = min(
        _LONGEST_S, max(RETRY_S, 2 * (began - seconds(resource["metadata"]["deletionTimestamp"])))
    )
    left = ended + pause - hands.now()
    if left > 0:
        return min(left, _LONGEST_S)
    await hands.applier.delete(job)
    await hands.say(resource, before, msgspec.structs.replace(before, drain="It is tried again."))
    return DRAIN_S


async def _stopped(hands: Hands, owner: Owner) -> bool:
    """Whether the archiver's pod has gone; it is asked to."""
    name = object_name(owner.name, owner.kind)
    live = await hands.cluster.find("apps/v1", "Deployment", name, owner.namespace)
    mine = live is not None and any(
        each["uid"] == owner.uid for each in live["metadata"].get("ownerReferences", ())
    )
    asked = False
    if live is not None and mine and live["spec"].get("replicas", 1) > 0:
        await hands.applier.scale_down(live)
        asked = True
    pods = await _pods(hands, owner, manifests.ARCHIVES)
    return not asked and all(pod.over for pod in pods)


async def _anything_kept(hands: Hands, owner: Owner, spec: ArchiverSpec | None) -> bool:
    """Whether there is an archive at all: one that never ran has no claim to drain."""
    name = object_name(owner.name, owner.kind, "data")
    if spec is not None:
        name = manifests.claim_name(spec, owner)
    claim = await hands.cluster.find("v1", "PersistentVolumeClaim", name, owner.namespace)
    deployment = object_name(owner.name, owner.kind)
    ran = await hands.cluster.find("apps/v1", "Deployment", deployment, owner.namespace)
    return claim is not None and ran is not None


async def _blocked(hands: Hands, resource: Manifest, why: str) -> float:
    owner = resource["metadata"]["name"]
    message = (
        f"{why} Correct it; or let it go without proof: annotate {owner} ssmd.io/skip-drain=true."
    )
    await _tell(hands, resource, "DrainBlocked", message, kind="Warning")
    return RETRY_S


async def _tell(
    hands: Hands,
    resource: Manifest,
    reason: str,
    message: str,
    *,
    kind: Any = "Normal",  # noqa: ANN401 - a Literal of events
) -> None:
    await hands.events.tell(resource, reason, message, kind=kind)
    before = status_of(resource, ArchiverStatus)
    generation = resource["metadata"].get("generation", 0)
    bad = kind == "Warning"
    answers = [
        Answer("Ready", "False", reason, message),
        Answer("Degraded", "True" if bad else "False", reason, message),
        Answer("Progressing", "False" if reason == "DrainBlocked" else "True", reason, message),
    ]
    status = msgspec.structs.replace(
        before,
        observed_generation=generation,
        phase="Drained" if reason == "Drained" else "Draining",
        drain=message,
        ready_replicas=0,
        conditions=conditions.merged(answers, before.conditions, generation, hands.stamp()),
    )
    await hands.say(resource, before, status)


async def _pods(hands: Hands, owner: Owner, role: str) -> list[PodFacts]:
    found = await hands.cluster.list(
        "v1",
        "Pod",
        namespace=owner.namespace,
        labels=selector(owner.name, owner.kind) | {ROLE: role},
    )
    return [of(pod) for pod in found]


def _outcome(job: Manifest) -> tuple[str, str]:
    for each in (job.get("status") or {}).get("conditions") or ():
        if each.get("type") in {"Complete", "Failed"} and each.get("status") == "True":
            words = f"{each.get('reason') or ''}: {each.get('message') or ''}".strip(": ")
            return each["type"], f"{words}." if words else ""
    return "", ""


def _ended(job: Manifest) -> float:
    for each in (job.get("status") or {}).get("conditions") or ():
        if each.get("type") == "Failed":
            return seconds(each.get("lastTransitionTime"))
    return seconds(job["metadata"].get("creationTimestamp"))


def _way_out(owner: Owner) -> str:
    return (
        "to let it go without proof:"
        f" `kubectl annotate archiver {owner.name} -n {owner.namespace} ssmd.io/skip-drain=true`."
    )


def _status(
    hands: Hands,
    resource: Manifest,
    spec: ArchiverSpec,
    found: Found,
    pods: list[PodFacts],
    words: Mapping[str, PodWord],
    before: ArchiverStatus,
) -> ArchiverStatus:
    generation = resource["metadata"].get("generation", 0)
    asked = [pod for pod in pods if not pod.over and not pod.draining]
    ready = sum(pod.ready_since is not None for pod in asked)
    seen = Look(
        complaints=found.complaints,
        paused=spec.paused,
        wanted=1,
        ready=ready,
        words=[words.get(pod.name, PodWord(pod=pod.name)) for pod in asked],
        troubles=[f"{pod.name}: {pod.trouble}" for pod in pods if pod.trouble],
        stage="complete" if ready else "starting",
    )
    answers = conditions.of_archiver(seen)
    answered = [word for word in words.values() if word.answered]
    owner_name = resource["metadata"]["name"]
    chosen_by = selector(owner_name, "Archiver") | {ROLE: manifests.ARCHIVES}
    phase = "Running" if ready and not found.complaints else "Degraded" if ready else "Pending"
    return ArchiverStatus(
        observed_generation=generation,
        conditions=conditions.dated(answers, before.conditions, generation, hands.stamp()),
        phase="Paused" if spec.paused else phase,
        ready_replicas=ready,
        selector=",".join(f"{key}={value}" for key, value in chosen_by.items()),
        claim=spec.storage.existing_claim or object_name(owner_name, "Archiver", "data"),
        messages=sum(word.messages for word in answered),
        last_message_time=moment(max((word.last for word in answered), default=0.0)),
        sources=tuple(source for word in answered for source in word.sources),
    )
