"""A Connector: its places, one share after the other, without ever ceasing to record."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from ssmd.feeds import share as shares
from ssmd.model.errors import ConfigError
from ssmd.operator import conditions, rollout
from ssmd.operator.cluster import Manifest
from ssmd.operator.conditions import Look
from ssmd.operator.manifests import connector as manifests
from ssmd.operator.manifests.facts import Facts, Owner, Place, Share
from ssmd.operator.names import CATEGORY, REPLICA, REVISION, SHARE, SLOT, SLOTS, selector
from ssmd.operator.observe import moment
from ssmd.operator.pods import PodFacts, PodWord, of, seconds
from ssmd.operator.reading import Found
from ssmd.operator.reconcile.hands import Hands, skips_drain, status_of
from ssmd.operator.rollout import Action, Plan, Seen
from ssmd.operator.spec.connector import ConnectorSpec
from ssmd.operator.spec.status import ConnectorStatus, PlaceStatus

_DEPLOYMENT: Final = ("apps/v1", "Deployment")
_SHOWN: Final = 200
_CRASHES: Final = 3
DRAIN_S: Final = 5.0
"""While something drains it is looked at so often, in seconds."""


class There(msgspec.Struct, frozen=True, kw_only=True):
    """What there is of a Connector.

    Attributes:
        deployments: Its Deployments by place.
        pods: Its pods.
        seen: The same, as a rollout sees it.
    """

    deployments: Mapping[Place, Manifest]
    pods: Sequence[PodFacts]
    seen: Sequence[Seen]


async def look(
    hands: Hands, resource: Manifest, owner: Owner, spec: ConnectorSpec, found: Found
) -> float | None:
    """Bring a Connector nearer to what is wanted, and say how it is.

    Returns:
        When to look again at the latest, in seconds from now; None when only a change matters.
    """
    before = status_of(resource, ConnectorStatus)
    there = await _there(hands, owner)
    facts = None if spec.paused or found.complaints else found.facts
    plan = None
    if facts is not None:
        wanted = {
            share: manifests.revision(spec, facts, share) for share in manifests.shares(spec, facts)
        }
        plan = rollout.plan(wanted, there.seen, spec.rollout, before.rollout, hands.now())
        if plan.memory != before.rollout and plan.memory.attempts:
            noted = msgspec.structs.replace(before, rollout=plan.memory)
            await hands.say(resource, before, noted)  # a try counts, whatever happens to us next
        resource = await hands.hold(resource)
        await _shared(hands, resource, spec, facts)
        for action in plan.actions:
            await _act(hands, resource, spec, facts, there, action)
    await hands.complain(resource, found.complaints)
    words = await hands.observer.look(there.pods)
    status = _status(hands, resource, spec, found, there, plan, words, before)
    await hands.say(resource, before, status)
    if plan is None:
        return None
    wake = None if plan.wake is None else max(0.1, plan.wake - hands.now())
    if plan.stage == "draining" or any(not each.running for each in there.seen):
        return DRAIN_S if wake is None else min(wake, DRAIN_S)
    return wake


async def finalize(hands: Hands, resource: Manifest, owner: Owner) -> float | None:
    """Let a Connector go once none of its processes runs: each hands over or keeps what it has."""
    there = await _there(hands, owner)
    for each in there.seen:
        live = there.deployments[each.place]
        if each.running:
            await hands.applier.scale_down(live)
    left = [pod for pod in there.pods if not pod.over]
    asked = any(each.running for each in there.seen)
    if (left or asked) and not skips_drain(resource):
        names = ", ".join(pod.name for pod in left[:3])
        message = f"{len(left)} processes drain: {names}." if left else "Its processes drain."
        await hands.events.tell(resource, "Draining", "Its processes drain before it goes.")
        before = status_of(resource, ConnectorStatus)
        answers = [
            conditions.Answer("Ready", "False", "Draining", message),
            conditions.Answer("Progressing", "True", "Draining", message),
        ]
        generation = resource["metadata"].get("generation", 0)
        status = msgspec.structs.replace(
            before,
            phase="Draining",
            observed_generation=generation,
            conditions=conditions.merged(answers, before.conditions, generation, hands.stamp()),
        )
        await hands.say(resource, before, status)
        return DRAIN_S
    for live in there.deployments.values():
        await hands.applier.delete(live)
    await hands.release(resource)
    return None


async def _there(hands: Hands, owner: Owner) -> There:
    found = await hands.applier.owned(
        owner.kind, owner.name, owner.namespace, owner.uid, _DEPLOYMENT
    )
    listed = await hands.cluster.list(
        "v1", "Pod", namespace=owner.namespace, labels=selector(owner.name, owner.kind)
    )
    pods = [of(pod) for pod in listed]
    deployments = {}
    for each in found:
        if each["metadata"].get("deletionTimestamp"):
            continue
        place = _place(each["metadata"].get("labels") or {})
        if place is None or place.name(owner.name) != each["metadata"]["name"]:
            await hands.applier.delete(each)  # nothing of ours has no place: somebody relabelled it
        else:
            deployments[place] = each
    seen = [_seen(place, each, pods) for place, each in deployments.items()]
    return There(deployments=deployments, pods=pods, seen=seen)


def _place(labels: Mapping[str, str]) -> Place | None:
    slot = next((each for each in SLOTS if each == labels.get(SLOT)), None)
    replica = labels.get(REPLICA, "")
    if slot is None or not replica.isdecimal():
        return None
    return Place(share=Share(category=labels.get(CATEGORY, ""), replica=int(replica)), slot=slot)


def _seen(place: Place, deployment: Manifest, pods: Sequence[PodFacts]) -> Seen:
    metadata, spec = deployment["metadata"], deployment["spec"]
    notes = metadata.get("annotations") or {}
    revision = notes.get(REVISION, "")
    mine = [pod for pod in pods if _place(pod.labels) == place and not pod.over]
    ready = [
        pod.ready_since
        for pod in mine
        if pod.labels.get(REVISION) == revision and pod.ready_since is not None
    ]
    return Seen(
        place=place,
        revision=revision,
        of=_of(notes.get(SHARE, "")),
        running=spec.get("replicas", 1) > 0,
        pods=len(mine),
        ready_since=min(ready, default=None),
        started=seconds(metadata.get("creationTimestamp")),
        restarts=max((pod.restarts for pod in mine), default=0),
    )


def _of(text: str) -> int:
    try:
        return shares.parse(text).of
    except ConfigError:
        return 0


async def _shared(hands: Hands, resource: Manifest, spec: ConnectorSpec, facts: Facts) -> None:
    shared = manifests.shared(spec, facts)
    for manifest in shared:
        await hands.ensure(resource, manifest)
    await hands.sweep(resource, facts.owner, shared)


async def _act(
    hands: Hands,
    resource: Manifest,
    spec: ConnectorSpec,
    facts: Facts,
    there: There,
    action: Action,
) -> None:
    live = there.deployments.get(action.place)
    if action.verb == "up":
        for manifest in manifests.place(spec, facts, action.place, running=True):
            looked = manifest["kind"] == "Deployment"
            await hands.ensure(resource, manifest, live if looked else None, looked=looked)
    elif live is not None and action.verb == "down":
        await hands.applier.scale_down(live)
    elif live is not None:
        await hands.applier.delete(live)
    if action.reason:
        text = action.place.name(facts.owner.name)
        if action.verb == "up":
            text += f" ({manifests.revision(spec, facts, action.place.share)})"
        await hands.events.tell(
            resource,
            action.reason,
            f"{text}: {action.message}",
            kind="Warning" if action.reason == "TakenBack" else "Normal",
        )


def _status(
    hands: Hands,
    resource: Manifest,
    spec: ConnectorSpec,
    found: Found,
    there: There,
    plan: Plan | None,
    words: Mapping[str, PodWord],
    before: ConnectorStatus,
) -> ConnectorStatus:
    generation = resource["metadata"].get("generation", 0)
    recorded = {
        each.place.share for each in there.seen if each.running and each.ready_since is not None
    }
    wanted = before.wanted_replicas
    if plan is not None and found.facts is not None:
        chosen = set(manifests.shares(spec, found.facts))
        wanted, recorded = len(chosen), recorded & chosen
    troubles = [f"{pod.name}: {pod.trouble}" for pod in there.pods if pod.trouble]
    seen = Look(
        complaints=found.complaints,
        paused=spec.paused,
        wanted=wanted,
        ready=len(recorded),
        words=[words.get(pod.name, PodWord(pod=pod.name)) for pod in _asked(there.pods)],
        troubles=troubles,
        stage="complete" if plan is None else plan.stage,
        rollout=before.rollout if plan is None else plan.memory,
    )
    answers = conditions.of_connector(seen)
    chosen_by = selector(resource["metadata"]["name"], "Connector")
    answered = [word for word in words.values() if word.answered]
    live = [shard for word in answered for shard in word.shards]
    return ConnectorStatus(
        observed_generation=generation,
        conditions=conditions.dated(answers, before.conditions, generation, hands.stamp()),
        phase=_phase(spec, seen, plan),
        replicas=sum(each.running for each in there.seen),
        wanted_replicas=wanted,
        ready_replicas=len(recorded),
        selector=",".join(f"{k}={v}" for k, v in chosen_by.items()),
        messages=sum(word.messages for word in answered),
        last_message_time=moment(max((word.last for word in answered), default=0.0)),
        connection_state=_connection(answers),
        revision=seen.rollout.revision,
        places=tuple(_told(each, resource, there) for each in sorted(there.seen, key=_order)),
        shards=tuple(live[:_SHOWN]),
        rollout=seen.rollout,
    )


def _asked(pods: Sequence[PodFacts]) -> list[PodFacts]:
    return [pod for pod in pods if not pod.over and not pod.draining]


def _order(each: Seen) -> Place:
    return each.place


def _phase(spec: ConnectorSpec, seen: Look, plan: Plan | None) -> str:
    if spec.paused:
        return "Paused"
    if not seen.ready and (seen.wanted or plan is None):
        return "Pending"
    if plan is None or seen.ready < seen.wanted or plan.stage in {"waiting", "given_up"}:
        return "Degraded"
    return "Running" if plan.stage == "complete" else "Rolling"


def _connection(answers: Sequence[conditions.Answer]) -> str:
    reason = next(each.reason for each in answers if each.type == "Connected")
    words = {
        "Connected": "Connected",
        "PartlyConnected": "Partial",
        "SomeDoNotAnswer": "Partial",
        "Disconnected": "Disconnected",
    }
    return words.get(reason, "Unknown")


def _told(each: Seen, resource: Manifest, there: There) -> PlaceStatus:
    mine = [pod for pod in there.pods if _place(pod.labels) == each.place and not pod.over]
    if not each.running:
        phase = "Draining"
    elif each.ready_since is not None:
        phase = "Ready"
    elif each.restarts >= _CRASHES:
        phase = "CrashLooping"
    else:
        phase = "NotReady" if each.restarts else "Starting"
    return PlaceStatus(
        name=each.place.name(resource["metadata"]["name"]),
        replica=each.place.share.replica,
        slot=each.place.slot,
        revision=each.revision,
        phase=phase,
        category=each.place.share.category or None,
        pod=mine[-1].name if mine else None,
        restarts=each.restarts,
    )
