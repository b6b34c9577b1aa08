"""`ssmd connector` and `ssmd archiver` against the FAKE API: list, status, logs, deploy, delete."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ssmd.cli.root import root
from ssmd.feeds import registry
from ssmd.operator.names import FINALIZER, SKIP_DRAIN, labels
from tests.operator.fleet.world import NAMESPACE, World, world

FEED = registry.names()[1]
ENVIRONMENT = "name: prod\ntransport: {url: 'nats://bus.rec.svc:4222'}\n"
WELL = [
    {"type": "Ready", "status": "True", "reason": "Recording", "observedGeneration": 1},
    {"type": "Lagging", "status": "False", "reason": "Well", "observedGeneration": 1},
]


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """An env.yaml."""
    path = tmp_path / "env.yaml"
    path.write_text(ENVIRONMENT)
    return path


def connector(name: str = "spot", **spec: object) -> dict[str, Any]:
    """A Connector."""
    return {
        "apiVersion": "ssmd.io/v1alpha1",
        "kind": "Connector",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"feed": FEED, "environment": "prod", **spec},
    }


async def tell(found: World, name: str, **status: object) -> None:
    """Say how a Connector is, as the operator would."""
    await found.tell("ssmd.io/v1alpha1", "Connector", name, dict(status))


async def test_a_feed_is_deployed_with_its_configuration(tmp_path: Path, environment: Path) -> None:
    """The ConfigMaps are the files as they are; again changes nothing; another number, only that."""
    async with world(tmp_path) as found:
        words = ("connector", "deploy", "spot", "--feed", FEED, "--env", str(environment))
        done = await found.ssmd(*words, "--json")
        assert done.exit_code == 0, done.output
        told = json.loads(done.stdout.splitlines()[-1])
        assert [each["done"] for each in told] == ["made", "made", "made"]
        text = registry.path_of(FEED).read_text()
        assert found.get("ConfigMap", f"feed-{FEED}")["data"] == {"feed.yaml": text}
        assert found.get("ConfigMap", "env-prod")["data"] == {"env.yaml": ENVIRONMENT}
        assert found.get("Connector", "spot")["spec"]["replicas"] == 1

        found.api.journal.clear()
        again = await found.ssmd(*words)
        assert "made" not in again.stdout
        assert not found.api.writes(changed=True)
        more = await found.ssmd(*words, "--replicas", "3", "--image", "example/ssmd:2")
        assert more.exit_code == 0, more.output
        assert "Connector spot: changed" in more.stdout
        spec = found.get("Connector", "spot")["spec"]
        assert (spec["replicas"], spec["image"], spec["version"]) == (3, "example/ssmd", "2")


async def test_a_known_feed_is_not_put_over_what_the_cluster_has(
    tmp_path: Path, environment: Path
) -> None:
    """A file says what is to be; a name, what is meant."""
    async with world(tmp_path) as found:
        await found.ssmd("connector", "deploy", "--feed", FEED, "--env", str(environment))
        own = tmp_path / "own.yaml"
        own.write_text(registry.path_of(FEED).read_text() + "\n# ours\n")
        put = await found.ssmd("connector", "deploy", "--feed", str(own), "--env", "prod")
        assert put.exit_code == 0, put.output
        assert found.get("ConfigMap", f"feed-{FEED}")["data"]["feed.yaml"].endswith("# ours\n")
        await found.ssmd("connector", "deploy", "--feed", FEED, "--env", "prod")
        assert found.get("ConfigMap", f"feed-{FEED}")["data"]["feed.yaml"].endswith("# ours\n")


async def test_a_dry_run_is_judged_by_the_cluster_and_keeps_nothing(
    tmp_path: Path, environment: Path
) -> None:
    """And a ConfigMap that is not there is named when it is not a dry run."""
    async with world(tmp_path) as found:
        words = ("connector", "deploy", "spot", "--feed", FEED, "--env")
        dry = await found.ssmd(*words, str(environment), "--dry-run")
        assert dry.exit_code == 0, dry.output
        assert found.api.objects("Connector", NAMESPACE) == []
        assert found.api.objects("ConfigMap", NAMESPACE) == []
        real = await found.ssmd(*words, "nowhere")
        assert real.exit_code == 0, real.output
        assert "ConfigMap env-nowhere is not there" in real.stderr


async def test_an_archiver_is_deployed(tmp_path: Path, environment: Path) -> None:
    """With its volume, and the upload.yaml's own words."""
    upload = tmp_path / "upload.yaml"
    upload.write_text("url: s3://bucket/ssmd\nretention: {keep_s: 86400}\n")
    async with world(tmp_path) as found:
        words = ("archiver", "deploy", "a", "--feed", FEED, "--env", str(environment))
        done = await found.ssmd(*words, "--size", "7Gi", "--upload", str(upload))
        assert done.exit_code == 0, done.output
        spec = found.get("Archiver", "a")["spec"]
        assert spec["storage"]["size"] == "7Gi"
        assert spec["upload"] == {"url": "s3://bucket/ssmd", "retention": {"keep_s": 86400.0}}
        assert [each["feed"] for each in spec["sources"]] == [FEED]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("connector", "deploy", "x"), "Give --feed and --env"),
        (("connector", "deploy", "x", "--feed", "nothing-such", "--env", "p"), "no feed"),
        (("archiver", "deploy", "--feed", FEED, "--env", "p"), "Give a NAME"),
        (
            ("archiver", "deploy", "a", "--feed", FEED, "--env", "p", "--size", "big"),
            "storage.size",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_a_cluster_is_asked(
    words: tuple[str, ...], said: str
) -> None:
    """There is no cluster here."""
    answer = CliRunner(env={"KUBECONFIG": "/nowhere/at/all"}).invoke(root, list(words))
    assert answer.exit_code != 0
    assert said in answer.output + str(answer.exception)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty|nothing in it"),
        ("[1, 2]", "document 1: that is no object"),
        ("kind: Connector", "document 1: that is no object"),
        ("{apiVersion: v1, kind: Secret, metadata: {name: x}}", "kubectl apply"),
        (
            "{apiVersion: ssmd.io/v1alpha1, kind: Archiver, metadata: {name: x}}",
            "ssmd archiver deploy",
        ),
        (
            json.dumps(connector(replica=2)),
            "replicas",
        ),
    ],
)
def test_a_file_that_is_none_is_refused_with_the_place(
    tmp_path: Path, text: str, said: str
) -> None:
    """Document, path, nearest key."""
    path = tmp_path / "x.yaml"
    path.write_text(text)
    answer = CliRunner().invoke(root, ["connector", "deploy", "-f", str(path)])
    assert answer.exit_code != 0
    assert any(each in str(answer.exception) for each in said.split("|")), answer.exception


async def test_a_file_of_several_documents_is_deployed(tmp_path: Path) -> None:
    """ConfigMaps and resources, in its order."""
    path = tmp_path / "x.yaml"
    path.write_text(
        "---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: env-prod}, data: {a: b}}\n---\n"
        + json.dumps(connector())
        + "\n---\n"
    )
    async with world(tmp_path) as found:
        done = await found.ssmd("connector", "deploy", "-f", str(path))
        assert done.exit_code == 0, done.output
        assert found.get("ConfigMap", "env-prod")["data"] == {"a": "b"}
        assert found.get("Connector", "spot")["spec"]["feed"] == FEED


async def test_fields_of_somebody_else_are_not_taken_unasked(tmp_path: Path) -> None:
    """Who owns them is named; --force takes them."""
    async with world(tmp_path) as found:
        await found.owned_by("argo", connector(replicas=5))
        words = ("connector", "deploy", "spot", "--feed", FEED, "--env", "prod", "--replicas", "2")
        refused = await found.ssmd(*words)
        assert refused.exit_code == 1
        assert "argo" in str(refused.exception)
        assert found.get("Connector", "spot")["spec"]["replicas"] == 5
        forced = await found.ssmd(*words, "--force")
        assert forced.exit_code == 0, forced.output
        assert found.get("Connector", "spot")["spec"]["replicas"] == 2


async def test_the_list_says_what_is_not_well(tmp_path: Path) -> None:
    """Of one namespace, or of all."""
    async with world(tmp_path) as found:
        empty = await found.ssmd("connector", "list")
        assert "No Connector is there" in empty.stdout
        found.api.create(connector())
        bad = [{"type": "Connected", "status": "False", "reason": "Away"}]
        await tell(found, "spot", phase="Degraded", conditions=bad, wantedReplicas=3, messages=7)
        listed = await found.ssmd("connector", "list", "--json", "-A")
        (line,) = json.loads(listed.stdout.splitlines()[-1])
        assert (line["trouble"], line["wanted"], line["messages"]) == (["Connected"], 3, 7)
        shown = await found.ssmd("connector", "list")
        assert "Degraded" in shown.stdout
        assert "Connected" in shown.stdout


async def test_the_status_is_an_exit_code(tmp_path: Path) -> None:
    """0 only when the operator has seen the newest spec, and says that it is ready."""
    async with world(tmp_path) as found:
        found.api.create(connector())
        new = await found.ssmd("connector", "status", "spot")
        assert new.exit_code == 1
        assert "has not looked" in new.stdout
        shard = {"name": "f-0", "pod": "p", "connected": True, "messages": 5}
        place = {"name": "d", "replica": 0, "slot": "a", "revision": "abc", "phase": "Ready"}
        await tell(
            found, "spot", observedGeneration=1, conditions=WELL, shards=[shard], places=[place]
        )
        well = await found.ssmd("connector", "status", "spot")
        assert well.exit_code == 0, well.output
        assert "f-0" in well.stdout
        gone = await found.ssmd("connector", "status", "nobody")
        assert gone.exit_code == 1
        assert "nobody" in str(gone.exception)


async def test_logs_carry_their_pods_name(tmp_path: Path) -> None:
    """Those of every container; a pod that is not there is named with those that are."""
    async with world(tmp_path) as found:
        found.api.create(connector())
        none = await found.ssmd("connector", "logs", "spot")
        assert none.exit_code == 1
        for number in (0, 1):
            found.pod(f"p{number}", labels("spot", "Connector"))
            found.api.set_log(NAMESPACE, f"p{number}", f"one {number}\ntwo {number}\n")
        said = await found.ssmd("connector", "logs", "spot", "--tail", "1")
        assert said.stdout.splitlines() == ["p0/x: two 0", "p1/x: two 1"]
        one = await found.ssmd("connector", "logs", "spot", "--pod", "p1")
        assert one.stdout.splitlines() == ["p1/x: one 1", "p1/x: two 1"]
        other = await found.ssmd("connector", "logs", "spot", "--pod", "p7")
        assert "p0, p1" in str(other.exception)


async def test_a_delete_waits_for_the_drain(tmp_path: Path) -> None:
    """And says what keeps it; --skip-drain marks it for the operator."""
    async with world(tmp_path) as found:
        held = connector()
        held["metadata"]["finalizers"] = [FINALIZER]
        found.api.create(held)
        dry = await found.ssmd("connector", "delete", "spot", "--dry-run")
        assert "would be deleted" in dry.stdout
        assert "deletionTimestamp" not in found.get("Connector", "spot")["metadata"]
        late = await found.ssmd("connector", "delete", "spot", "--timeout", "1s", "--skip-drain")
        assert late.exit_code == 1
        assert "still there" in str(late.exception)
        metadata = found.get("Connector", "spot")["metadata"]
        assert metadata["annotations"][SKIP_DRAIN] == "true"
        assert metadata["deletionTimestamp"]
        found.api.create(connector("free"))
        gone = await found.ssmd("connector", "delete", "free", "--json")
        assert gone.exit_code == 0, gone.output
        assert json.loads(gone.stdout.splitlines()[-1])["gone"] is True
        assert [each["metadata"]["name"] for each in found.api.objects("Connector")] == ["spot"]


async def test_a_cluster_that_is_away_is_named(tmp_path: Path) -> None:
    """Which one was asked, and what to do."""
    async with world(tmp_path) as found:
        await found.api.stop()
        answer = await found.ssmd("connector", "list")
        assert answer.exit_code == 1
        assert found.api.url in str(answer.exception)
        await found.api.start()
