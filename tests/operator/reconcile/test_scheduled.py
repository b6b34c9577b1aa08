"""What runs by the clock: a CronJob, and what its last run said."""

from ssmd.operator.names import labels
from tests.operator.reconcile.world import World


async def test_a_check_needs_its_archiver_and_tells_its_verdict(world: World) -> None:
    """No CronJob before the Archiver is there; then one, and the grade of its last run."""
    spec = {
        "environment": "prod",
        "feeds": ["kraken"],
        "archive": {"archiver": "vault"},
        "schedule": "10 2 * * *",
        "env": {"DATABASE_URL": "postgresql://db.lab/ssmd"},
    }
    async with world.operated():
        await world.ask("QualityCheck", "daily", spec)
        of = {"kind": "QualityCheck", "name": "daily"}
        await world.until(lambda: world.is_so("Ready", "False", "ArchiverMissing", **of), "said")
        assert await world.get("CronJob", "daily-qualitycheck", "batch/v1") is None
        await world.ask(
            "Archiver", "vault", {"environment": "prod", "sources": [{"feed": "kraken"}]}
        )
        await world.until(lambda: world.is_so("Ready", "True", **of), "Ready")
        cron = await world.get("CronJob", "daily-qualitycheck", "batch/v1")
        assert cron is not None
        assert cron["spec"]["schedule"] == "10 2 * * *"
        await _run(world, cron, '{"grade": "GREEN", "composite": 97.5}')

        async def graded() -> bool:
            found = await world.get("QualityCheck", "daily")
            status = (found or {}).get("status") or {}
            return bool(status.get("grade") == "GREEN" and status.get("score") == 97.5)

        await world.until(graded, "the grade")


async def _run(world: World, cron: dict[str, object], words: str) -> None:
    """A Job of the CronJob, and its pod with its last words."""
    template = cron["spec"]["jobTemplate"]  # type: ignore[index] # a CronJob has one
    mine = labels("daily", "QualityCheck", role="check")
    job = await world.cluster.create(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "daily-1", "namespace": world.namespace, "labels": mine},
            "spec": template["spec"],
        }
    )
    owner = {"apiVersion": "batch/v1", "kind": "Job", "controller": True, "name": "daily-1"}
    pod = {"name": "daily-1-x", "namespace": world.namespace, "labels": mine}
    made = await world.cluster.create(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": pod | {"ownerReferences": [owner | {"uid": job["metadata"]["uid"]}]},
            "spec": template["spec"]["template"]["spec"],
        }
    )
    ended = {"exitCode": 0, "message": words, "reason": "Completed"}
    container = {"name": "check", "state": {"terminated": ended}, "ready": False}
    container |= {"restartCount": 0, "image": "x", "imageID": ""}
    await world.tell(made, {"phase": "Succeeded", "containerStatuses": [container]})
