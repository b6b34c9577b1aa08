"""`ssmd scale` against the FAKE API: what ends in which order, and what comes back."""

import json
from pathlib import Path
from typing import Any

from ssmd.operator.names import SCALED_FROM
from tests.operator.fleet.world import FLUX, NAMESPACE, World, world

ORDER = ["operator", "connector", "secmastersync", "archiver"]
EVERYTHING = {
    "ssmd-operator": 2,
    "a-archiver": 1,
    "c-connector-0-a": 1,
    "c-connector-1-a": 1,
    "s-secmastersync-changes": 1,
}
KEPT = {"kustomize.toolkit.fluxcd.io/name": "apps"}


def keeper(name: str, marks: dict[str, str] | None = None) -> dict[str, Any]:
    """A Kustomization of Flux."""
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": marks or {}},
        "spec": {"suspend": False},
    }


def suspended(found: World, name: str) -> bool:
    """Whether it is suspended."""
    told: bool = found.get("Kustomization", name)["spec"]["suspend"]
    return told


async def test_everything_ends_in_order_and_comes_back_as_it_was(tmp_path: Path) -> None:
    """The operator first, the archiver last; each stage has drained before the next begins."""
    async with world(tmp_path) as found:
        await found.installed()
        down = await found.ssmd("scale", "down", "--json", "--timeout", "30s")
        assert down.exit_code == 0, down.output
        assert set(found.replicas().values()) == {0}
        stages = list(dict.fromkeys(each.partition("/")[0] for each in found.ended))
        assert stages == ORDER
        assert found.get("CronJob", "q-qualitycheck")["spec"]["suspend"] is True
        assert len(json.loads(down.stdout.splitlines()[-1])["scaled"]) == 6

        again = await found.ssmd("scale", "down")
        assert (again.exit_code, again.stdout) == (0, "Nothing is to be scaled down.\n")

        up = await found.ssmd("scale", "up", "--json", "--timeout", "30s")
        assert up.exit_code == 0, up.output
        assert found.replicas() == EVERYTHING
        assert found.get("CronJob", "q-qualitycheck")["spec"]["suspend"] is False
        scaled = json.loads(up.stdout.splitlines()[-1])["scaled"]
        assert (scaled[0], scaled[-1]) == (
            f"Deployment {NAMESPACE}/a-archiver",
            f"Deployment {NAMESPACE}/ssmd-operator",
        )
        left = [
            each["metadata"]["name"]
            for each in found.api.objects("Deployment", NAMESPACE)
            if SCALED_FROM in (each["metadata"].get("annotations") or {})
        ]
        assert left == []


async def test_what_does_not_drain_stops_the_rest(tmp_path: Path) -> None:
    """An archiver that ended before a connector has drained would leave something behind."""
    async with world(tmp_path) as found:
        await found.installed()
        found.stuck.add("c-connector-1-a-0")
        down = await found.ssmd("scale", "down", "--timeout", "1s")
        assert down.exit_code == 1
        assert "c-connector-1-a-0" in str(down.exception)
        assert found.replicas()["a-archiver"] == 1
        assert found.replicas()["c-connector-1-a"] == 0

        found.stuck.clear()
        down = await found.ssmd("scale", "down", "--timeout", "30s")
        assert down.exit_code == 0, down.output
        assert set(found.replicas().values()) == {0}


async def test_who_would_undo_it_is_suspended_first(tmp_path: Path) -> None:
    """And whoever keeps the keeper before that; both go on at the end of `up`."""
    async with world(tmp_path, also=[FLUX]) as found:
        await found.installed(KEPT)
        found.api.create(keeper("apps", {"kustomize.toolkit.fluxcd.io/name": "cluster"}))
        found.api.create(keeper("cluster"))
        found.api.journal.clear()
        down = await found.ssmd("scale", "down", "--json", "--timeout", "30s")
        assert down.exit_code == 0, down.output
        wrote = [each.name for each in found.api.writes(changed=True) if each.manager == "ssmd-cli"]
        assert wrote[:3] == ["cluster", "apps", "ssmd-operator"]
        assert suspended(found, "apps")
        assert suspended(found, "cluster")
        told = json.loads(down.stdout.splitlines()[-1])
        assert told["gitops"] == [
            f"Flux Kustomization {NAMESPACE}/cluster",
            f"Flux Kustomization {NAMESPACE}/apps",
        ]

        up = await found.ssmd("scale", "up", "--timeout", "30s")
        assert up.exit_code == 0, up.output
        assert not suspended(found, "apps")
        assert not suspended(found, "cluster")


async def test_nothing_is_scaled_while_a_keeper_goes_on(tmp_path: Path) -> None:
    """It would undo it: one that cannot be suspended, and one that is not there to be."""
    async with world(tmp_path, also=[FLUX]) as found:
        await found.installed(KEPT)
        down = await found.ssmd("scale", "down")
        assert down.exit_code == 1
        assert "Flux Kustomization rec/apps cannot be suspended" in str(down.exception)
        assert found.replicas() == EVERYTHING

        found.api.create(keeper("apps"))

        def set_going(wanted: dict[str, Any]) -> None:
            wanted["spec"]["suspend"] = False

        found.api.mutate("Kustomization", set_going)
        down = await found.ssmd("scale", "down")
        assert down.exit_code == 1
        assert "set going again" in str(down.exception)
        assert found.replicas() == EVERYTHING


async def test_a_dry_run_names_everything_and_changes_nothing(tmp_path: Path) -> None:
    """What it says is what would be done."""
    async with world(tmp_path, also=[FLUX]) as found:
        await found.installed(KEPT)
        found.api.create(keeper("apps"))
        found.api.journal.clear()
        down = await found.ssmd("scale", "down", "--dry-run")
        assert down.exit_code == 0, down.output
        assert "would be suspended" in down.stderr
        assert "6 objects would be scaled down" in down.stdout
        mine = [each for each in found.api.writes(changed=True) if each.manager == "ssmd-cli"]
        assert mine == []
        assert found.replicas() == EVERYTHING


async def test_the_status_shows_what_was_scaled_down(tmp_path: Path) -> None:
    """With how many there were."""
    async with world(tmp_path) as found:
        await found.installed()
        await found.ssmd("scale", "down", "--timeout", "30s")
        told = await found.ssmd("scale", "status", "--json")
        stages = json.loads(told.stdout.splitlines()[-1])["stages"]
        assert stages[0]["name"] == "operator"
        assert stages[0]["targets"][0]["remembered"] == 2
        assert {each["running"] for stage in stages for each in stage["targets"]} == {0}


async def test_what_is_not_ready_in_time_is_named(tmp_path: Path) -> None:
    """The others come up all the same; the exit code says that not all is well."""
    async with world(tmp_path) as found:
        await found.installed()
        await found.ssmd("scale", "down", "--timeout", "30s")
        found.deaf.add("a-archiver")
        up = await found.ssmd("scale", "up", "--timeout", "1s")
        assert up.exit_code == 1
        assert f"NOT READY: Deployment {NAMESPACE}/a-archiver" in up.stdout
        assert found.replicas() == EVERYTHING
