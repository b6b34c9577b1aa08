"""An Api: readers of one archive behind one Service; Kubernetes replaces them one by one."""

from collections.abc import Mapping, Sequence

from ssmd.operator import conditions
from ssmd.operator.cluster import Manifest
from ssmd.operator.conditions import Look
from ssmd.operator.manifests import api as manifests
from ssmd.operator.manifests.complaint import Complaint
from ssmd.operator.manifests.facts import Owner
from ssmd.operator.manifests.pod import METRICS
from ssmd.operator.names import ENVIRONMENT, MANAGED_BY, MANAGER, REVISION, object_name
from ssmd.operator.pods import PodFacts, PodWord, of
from ssmd.operator.reading import Found
from ssmd.operator.reconcile import archives
from ssmd.operator.reconcile.archives import Archive
from ssmd.operator.reconcile.hands import Hands, status_of
from ssmd.operator.rollout import Stage
from ssmd.operator.spec.api import ApiSpec, WatchedAddress
from ssmd.operator.spec.status import ApiStatus


async def look(
    hands: Hands, resource: Manifest, owner: Owner, spec: ApiSpec, found: Found
) -> float | None:
    """Bring an Api nearer to what is wanted, and say how it is."""
    before = status_of(resource, ApiStatus)
    complaints = list(found.complaints)
    archive = await archives.find(hands, owner.namespace, spec.archive)
    if isinstance(archive, Complaint):
        complaints.append(archive)
    elif found.facts is not None and not complaints and not spec.paused:
        wanted = manifests.objects(
            spec,
            found.facts,
            archive.claim,
            one_node=archive.one_node,
            found=await _beside(hands, owner, spec) if spec.watch else (),
        )
        live = await _deployment(hands, owner)
        for manifest in wanted:
            looked = manifest["kind"] == "Deployment"
            await hands.ensure(resource, manifest, live if looked else None, looked=looked)
        await hands.sweep(resource, owner, wanted)
    await hands.complain(resource, complaints)
    listed = await hands.cluster.list(
        "v1", "Pod", namespace=owner.namespace, labels=manifests.chosen(owner)
    )
    pods = [of(pod) for pod in listed]
    words = await hands.observer.look(pods)
    live = await _deployment(hands, owner)
    seen = _seen(spec, complaints, live, pods, words)
    claim = archive.claim if isinstance(archive, Archive) else before.claim
    status = _status(hands, resource, owner, spec, seen, claim, before)
    await hands.say(resource, before, status)
    return None


async def _beside(hands: Hands, owner: Owner, spec: ApiSpec) -> list[WatchedAddress]:
    """Where the Connectors and Archivers of its namespace and environment tell how they are."""
    listed = await hands.cluster.list(
        "v1",
        "Service",
        namespace=owner.namespace,
        labels={MANAGED_BY: MANAGER, ENVIRONMENT: spec.environment},
    )
    return [address for each in listed for address in _addresses(each)]


def _addresses(service: Manifest) -> list[WatchedAddress]:
    """One for each port; the first is called as the Service is."""
    name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
    return [
        WatchedAddress(
            name=name if port.get("name") == METRICS else f"{name}-{port.get('name', '')}",
            url=f"http://{name}.{namespace}.svc:{port['port']}",
        )
        for port in service["spec"].get("ports") or ()
    ]


async def _deployment(hands: Hands, owner: Owner) -> Manifest | None:
    name = object_name(owner.name, owner.kind)
    return await hands.cluster.find("apps/v1", "Deployment", name, owner.namespace)


def _seen(
    spec: ApiSpec,
    complaints: Sequence[Complaint],
    live: Manifest | None,
    pods: Sequence[PodFacts],
    words: Mapping[str, PodWord],
) -> Look:
    """How many there should be its Deployment says: an autoscaler may have taken that over."""
    asked = [pod for pod in pods if not pod.over and not pod.draining]
    wanted = spec.replicas if live is None else live["spec"].get("replicas", 1)
    ready = [pod for pod in asked if pod.ready_since is not None]
    current = None if live is None else live["spec"]["template"]["metadata"]["labels"].get(REVISION)
    fresh = sum(pod.labels.get(REVISION) == current for pod in ready)
    left = len(asked) > wanted or any(pod.draining for pod in pods)
    return Look(
        complaints=complaints,
        paused=spec.paused,
        wanted=wanted,
        ready=len(ready),
        words=[words.get(pod.name, PodWord(pod=pod.name)) for pod in asked],
        troubles=[f"{pod.name}: {pod.trouble}" for pod in pods if pod.trouble],
        stage=_stage(wanted, len(ready), fresh, left=left),
    )


def _stage(wanted: int, ready: int, fresh: int, *, left: bool) -> Stage:
    if ready < wanted:
        return "starting"
    if fresh < wanted:
        return "twin"
    return "draining" if left else "complete"


def _status(
    hands: Hands,
    resource: Manifest,
    owner: Owner,
    spec: ApiSpec,
    seen: Look,
    claim: str,
    before: ApiStatus,
) -> ApiStatus:
    generation = resource["metadata"].get("generation", 0)
    answers = conditions.of_api(seen)
    chosen = manifests.chosen(owner)
    return ApiStatus(
        observed_generation=generation,
        conditions=conditions.dated(answers, before.conditions, generation, hands.stamp()),
        phase=_phase(spec, seen),
        replicas=len(seen.words),
        ready_replicas=seen.ready,
        selector=",".join(f"{key}={value}" for key, value in chosen.items()),
        claim=claim,
        url=manifests.url(spec, owner),
    )


def _phase(spec: ApiSpec, seen: Look) -> str:
    if spec.paused:
        return "Paused"
    if not seen.ready:
        return "Pending" if seen.wanted else "Running"
    if seen.complaints or seen.ready < seen.wanted:
        return "Degraded"
    return "Rolling" if seen.stage == "twin" else "Running"
