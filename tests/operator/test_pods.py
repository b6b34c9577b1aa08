"""Pods as they are rendered, run for real: command, variables and mounts are what `ssmd` takes."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from ssmd.feeds.environment import EnvironmentConfig
from ssmd.operator.manifests import archiver, connector, scheduled
from ssmd.operator.manifests.facts import Facts, Manifest, Owner, Place
from ssmd.operator.names import Kind
from ssmd.operator.spec.archiver import ArchiverSpec
from ssmd.operator.spec.connector import ConnectorSpec
from ssmd.operator.spec.parse import parse
from ssmd.operator.spec.schedules import QualityCheckSpec
from ssmd.runtime import settings
from ssmd.runtime.clock import today
from tests.operator.cluster import CLOCK, Lab, lab
from tests.operator.market import ENVIRONMENT, FEED, Market, market

pytestmark = pytest.mark.e2e
CLAIM = "north-archiver-data"


def facts(kind: Kind, it: Lab, made: Market) -> Facts:
    """What rendering needs besides a spec."""
    return Facts(
        owner=Owner(kind=kind, name="north", namespace=it.namespace, uid="none"),
        environment=settings.parse(made.environment_yaml(), EnvironmentConfig, where="env"),
        feeds={FEED: made.feed},
        digests={},
        image="none",
        today=today(CLOCK),
    )


def unowned(manifests: list[Manifest]) -> list[Any]:
    """Objects of a resource that is not there: nobody is to collect them."""
    for each in manifests:
        metadata = each["metadata"]
        assert isinstance(metadata, dict)
        metadata.pop("ownerReferences", None)
    return list(manifests)


async def test_rendered_pods_record_and_drain(tmp_path: Path) -> None:
    """A connector, killed in between, and an archiver, drained by its Job: nothing is missing."""
    async with market(tmp_path) as made, lab(tmp_path) as it:
        await it.configure(made)
        sources = [{"feed": FEED}]
        text: dict[str, Any] = {"environment": ENVIRONMENT, "sources": sources, "tables": False}
        archives = parse("Archiver", text)
        assert isinstance(archives, ArchiverSpec)
        records = parse("Connector", {"feed": FEED, "environment": ENVIRONMENT})
        assert isinstance(records, ConnectorSpec)
        of_archiver, of_connector = facts("Archiver", it, made), facts("Connector", it, made)
        wanted: list[Any] = list(archiver.objects(archives, of_archiver, running=True))
        for share in connector.shares(records, of_connector):
            place = Place(share=share, slot="a")
            wanted += connector.place(records, of_connector, place, running=True)
        for each in unowned(wanted):
            await it.cluster.apply(each)
        await it.ready(2, "a connector and an archiver")
        name = next(name for name in it.node.pods if name.startswith("north-connector-0-a"))
        it.node.kill_pod(name, signal.SIGKILL)

        async def again() -> bool:
            return it.node.pods[name].containers[0].restarts == 1 and it.node.pods[name].ready

        await it.until(again, "the killed connector to record again")
        made.quiet()
        for each in wanted:
            if each["kind"] == "Deployment" and "connector" in each["metadata"]["name"]:
                await it.api.merge(
                    "deployments", each["metadata"]["name"], {"spec": {"replicas": 0}}
                )
        await it.ready(1, "the connector to drain")
        await it.api.merge("deployments", "north-archiver", {"spec": {"replicas": 0}})
        await it.ready(0, "the archiver to seal")
        (job,) = unowned([archiver.drain_job(archives, of_archiver)])
        await it.cluster.apply(job)

        async def proved() -> bool:
            found = await it.api.get("jobs", "north-archiver-drain")
            return found is not None and found.get("status", {}).get("succeeded") == 1

        await it.until(proved, "the drain to prove everything")
        made.judge(it.node.claim(CLAIM))
        await checked(it, made)


async def checked(it: Lab, made: Market) -> None:
    """Judge what was recorded by a QualityCheck's pod; its verdict comes back with the pod."""
    archive = {"archiver": "north"}
    text = {"environment": ENVIRONMENT, "feeds": [FEED], "schedule": "@daily", "archive": archive}
    spec = parse("QualityCheck", text)
    assert isinstance(spec, QualityCheckSpec)
    for each in unowned(scheduled.quality(spec, facts("QualityCheck", it, made), CLAIM)):
        await it.cluster.apply(each)
    await it.node.controllers.trigger("north-qualitycheck", "now")
    said: list[str] = []

    async def judged() -> bool:
        said[:] = [
            status["state"]["terminated"].get("message", "")
            for pod in await it.api.list("pods")
            for status in pod.get("status", {}).get("containerStatuses", [])
            if status["name"] == scheduled.CHECKS and "terminated" in status["state"]
        ]
        return bool(said)

    await it.until(judged, "the day to be judged")
    verdict = json.loads(said[0])
    assert FEED in verdict["feeds"]
