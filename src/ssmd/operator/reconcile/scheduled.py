"""SecmasterSync and QualityCheck: a CronJob each, and what its last run said."""

from typing import Any, Final

import msgspec

from ssmd.operator import conditions
from ssmd.operator.cluster import Manifest
from ssmd.operator.conditions import Look
from ssmd.operator.manifests import scheduled
from ssmd.operator.manifests.complaint import Complaint
from ssmd.operator.manifests.facts import Facts, Owner
from ssmd.operator.names import object_name, selector
from ssmd.operator.pods import seconds
from ssmd.operator.reading import Found
from ssmd.operator.reconcile import archives
from ssmd.operator.reconcile.hands import Hands, status_of
from ssmd.operator.spec.schedules import QualityCheckSpec, SecmasterSyncSpec
from ssmd.operator.spec.status import ScheduledStatus

_LONGEST: Final = 200


class _Verdict(msgspec.Struct):
    """What a check leaves behind, as far as it matters here."""

    grade: str = ""
    composite: float | None = None
    error: str = ""

    @property
    def words(self) -> str:
        """The same for people."""
        score = "" if self.composite is None else f"{self.composite:g}"
        return self.error or f"{self.grade} {score}".strip()


async def look(
    hands: Hands,
    resource: Manifest,
    owner: Owner,
    spec: SecmasterSyncSpec | QualityCheckSpec,
    found: Found,
) -> float | None:
    """Bring it nearer to what is wanted, and say how its last run was."""
    before = status_of(resource, ScheduledStatus)
    complaints = list(found.complaints)
    facts = None if spec.paused or complaints else found.facts
    if facts is not None:
        wanted, more = await _wanted(hands, spec, facts)
        complaints += more
        if not more:
            for manifest in wanted:
                await hands.ensure(resource, manifest)
            await hands.sweep(resource, owner, wanted)
    await hands.complain(resource, complaints)
    status = await _status(hands, resource, owner, spec, complaints, before)
    await hands.say(resource, before, status)
    return None


async def _wanted(
    hands: Hands, spec: SecmasterSyncSpec | QualityCheckSpec, facts: Facts
) -> tuple[list[dict[str, object]], list[Complaint]]:
    if isinstance(spec, SecmasterSyncSpec):
        return scheduled.secmaster(spec, facts), []
    archive = await archives.find(hands, facts.owner.namespace, spec.archive)
    if isinstance(archive, Complaint):
        return [], [archive]
    return scheduled.quality(spec, facts, archive.claim), []


async def _status(
    hands: Hands,
    resource: Manifest,
    owner: Owner,
    spec: SecmasterSyncSpec | QualityCheckSpec,
    complaints: list[Complaint],
    before: ScheduledStatus,
) -> ScheduledStatus:
    generation = resource["metadata"].get("generation", 0)
    name = object_name(owner.name, owner.kind)
    cron = await hands.cluster.find("batch/v1", "CronJob", name, owner.namespace)
    told: dict[str, Any] = (cron or {}).get("status") or {}
    jobs = await _jobs(hands, owner)
    last = max(jobs, key=_began, default=None)
    outcome, why = ("", "") if last is None else _outcome(last)
    said, verdict = await _said(hands, owner, last) if last is not None else ("", None)
    failed = f"The last run failed: {said or why or 'see its log.'}" if outcome == "Failed" else ""
    seen = Look(complaints=complaints, paused=spec.paused, wanted=1, ready=int(cron is not None))
    answers = conditions.of_scheduled(seen, failed)
    return ScheduledStatus(
        observed_generation=generation,
        conditions=conditions.dated(answers, before.conditions, generation, hands.stamp()),
        phase=_phase(spec, cron, told, failed),
        last_schedule_time=told.get("lastScheduleTime"),
        last_successful_time=told.get("lastSuccessfulTime"),
        last_result=(said or why or outcome or before.last_result)[:_LONGEST],
        grade=verdict.grade if verdict else before.grade,
        score=verdict.composite if verdict else before.score,
    )


def _phase(
    spec: SecmasterSyncSpec | QualityCheckSpec,
    cron: Manifest | None,
    told: dict[str, Any],
    failed: str,
) -> str:
    if spec.paused or spec.suspend:
        return "Paused"
    if cron is None:
        return "Pending"
    if told.get("active"):
        return "Running"
    return "Failed" if failed else "Scheduled"


async def _jobs(hands: Hands, owner: Owner) -> list[Manifest]:
    return await hands.cluster.list(
        "batch/v1", "Job", namespace=owner.namespace, labels=selector(owner.name, owner.kind)
    )


async def _said(hands: Hands, owner: Owner, job: Manifest) -> tuple[str, _Verdict | None]:
    """What the last pod of a Job left behind when it ended: a verdict, or its last words."""
    uid = job["metadata"]["uid"]
    pods = await hands.cluster.list(
        "v1", "Pod", namespace=owner.namespace, labels=selector(owner.name, owner.kind)
    )
    mine = [
        pod
        for pod in pods
        if any(each["uid"] == uid for each in pod["metadata"].get("ownerReferences") or ())
    ]
    last = max(mine, key=_began, default=None)
    if last is None:
        return "", None
    for each in (last.get("status") or {}).get("containerStatuses") or ():
        ended = (each.get("state") or {}).get("terminated") or {}
        text = (ended.get("message") or "").strip()
        if not text:
            continue
        try:
            verdict = msgspec.json.decode(text, type=_Verdict)
        except msgspec.MsgspecError:
            return text.splitlines()[-1], None
        return verdict.words or text.splitlines()[-1], verdict if verdict.grade else None
    return "", None


def _began(each: Manifest) -> float:
    return seconds(each["metadata"].get("creationTimestamp"))


def _outcome(job: Manifest) -> tuple[str, str]:
    for each in (job.get("status") or {}).get("conditions") or ():
        if each.get("type") in {"Complete", "Failed"} and each.get("status") == "True":
            return each["type"], each.get("message") or ""
    return "", ""
