"""What holds of everything that is rendered, whatever is asked for."""

import re
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ssmd.operator import names
from ssmd.operator.manifests import archiver, connector, needs, scheduled
from ssmd.operator.manifests.facts import Facts, Owner, Place, Share
from ssmd.operator.spec.archiver import ArchiverSpec, FeedSource
from ssmd.operator.spec.connector import ConnectorSpec, Rollout, SpoolVolume
from ssmd.operator.spec.schedules import Changes, SecmasterSyncSpec
from ssmd.operator.spec.workload import (
    Monitoring,
    NetworkRules,
    Resources,
    SecretFile,
    SecretVariable,
)
from tests.operator.manifests.pod_security import violations
from tests.operator.manifests.scenes import SCENES, divided, facts, templates

DNS = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
VOLUME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")

words = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
long_names = st.from_regex(
    r"[a-z]([a-z0-9-]{0,80}[a-z0-9])?(\.[a-z][a-z0-9]{0,60})?", fullmatch=True
)
maps = st.dictionaries(words, words, max_size=2)
resources = st.none() | st.builds(
    Resources,
    requests=st.just({"cpu": "1"}),
    limits=st.sampled_from([{}, {"memory": "1Gi"}]),
)

specs = st.builds(
    ConnectorSpec,
    feed=st.just("kalshi"),
    environment=st.just("prod"),
    categories=st.sampled_from([(), ("crypto",), ("rates", "crypto")]),
    replicas=st.integers(0, 3),
    spool=st.builds(
        SpoolVolume,
        type=st.sampled_from(["emptyDir", "persistentVolumeClaim"]),
        size=st.sampled_from(["10Gi", "20Gi"]),
        on_delete=st.sampled_from(["retain", "delete"]),
    ),
    rollout=st.builds(Rollout, ready_s=st.integers(0, 9)),
    image=st.none() | words,
    version=st.none() | words,
    image_pull_policy=st.sampled_from([None, "Always"]),
    image_pull_secrets=st.sampled_from([(), ("registry",)]),
    resources=resources,
    env=maps,
    env_from=st.sampled_from([(), ({"secretRef": {"name": "s"}},)]),
    secret_env=st.sampled_from([(), (SecretVariable(name="S", secret="s", key="k"),)]),
    secret_files=st.sampled_from([(), (SecretFile(secret="a.b"), SecretFile(secret="c", path="/x"))]),
    node_selector=maps,
    topology_key=st.sampled_from(["", "kubernetes.io/hostname"]),
    pod_labels=maps,
    pod_annotations=maps,
    run_as_user=st.integers(1, 70_000),
    termination_grace_s=st.integers(10, 99),
    network=st.builds(NetworkRules, enabled=st.booleans()),
    monitoring=st.builds(
        Monitoring, pod_monitor=st.booleans(), annotations=st.booleans(), labels=maps
    ),
    port=st.integers(1024, 65_534),
    paused=st.booleans(),
)  # fmt: skip

FEEDS = {"kalshi": divided()}


def everything(spec: ConnectorSpec, known: Facts) -> list[Any]:
    """Both places of every share, and what they share."""
    found: list[Any] = connector.shared(spec, known)
    for share in connector.shares(spec, known):
        for slot in names.SLOTS:
            found += connector.place(spec, known, Place(share=share, slot=slot), running=True)
    return found


@given(spec=specs, name=long_names)
@settings(max_examples=25, deadline=None)
def test_names_are_valid_and_unique(spec: ConnectorSpec, name: str) -> None:
    """Names are DNS names, labels are labels, and no two objects of a kind have one name."""
    known = facts("Connector", FEEDS, name=name)
    objects = everything(spec, known)
    keys = [(each["kind"], each["metadata"]["name"]) for each in objects]
    assert len(set(keys)) == len(keys)
    for each in objects:
        assert DNS.fullmatch(each["metadata"]["name"])
        assert len(each["metadata"]["name"]) <= 63
        for value in each["metadata"]["labels"].values():
            assert LABEL.fullmatch(value)
    for template in templates(objects):
        assert all(LABEL.fullmatch(value) for value in template["metadata"]["labels"].values())
        volumes = [each["name"] for each in template["spec"]["volumes"]]
        assert all(VOLUME.fullmatch(volume) for volume in volumes)
        assert len(set(volumes)) == len(volumes)
        (container,) = template["spec"]["containers"]
        variables = [each["name"] for each in container["env"]]
        assert len(set(variables)) == len(variables)
        assert {each["name"] for each in container["volumeMounts"]} == set(volumes)


@given(name=long_names)
@settings(max_examples=25, deadline=None)
def test_names_of_the_other_kinds_are_valid(name: str) -> None:
    """However long a resource's name is; a CronJob's leaves room for what its Jobs append."""
    checks = SecmasterSyncSpec(
        environment="prod", feeds=("kalshi",), schedule="@daily", changes=Changes(enabled=True)
    )
    keeps = ArchiverSpec(environment="prod", sources=(FeedSource(feed="kalshi"),))
    of_archiver = facts("Archiver", FEEDS, name=name)
    objects: list[Any] = scheduled.secmaster(checks, facts("SecmasterSync", FEEDS, name=name))
    objects += archiver.objects(keeps, of_archiver, running=True)
    objects.append(archiver.drain_job(keeps, of_archiver))
    for each in objects:
        found = each["metadata"]["name"]
        assert DNS.fullmatch(found)
        assert len(found) <= (52 if each["kind"] == "CronJob" else 63)
    keys = [(each["kind"], each["metadata"]["name"]) for each in objects]
    assert len(set(keys)) == len(keys)


@given(spec=specs)
@settings(max_examples=25, deadline=None)
def test_every_pod_is_admitted_and_rendering_is_deterministic(spec: ConnectorSpec) -> None:
    """Whatever is asked for, the restricted standard admits it; asked twice, it is the same."""
    known = facts("Connector", FEEDS)
    objects = everything(spec, known)
    assert objects == everything(spec, known)
    for template in templates(objects):
        assert violations(template) == []


def without_slot(template: Any) -> Any:  # noqa: ANN401 - a tree of plain values
    """A pod template without its slot, what is named after it, and the revision itself."""
    plain = msgspec.json.decode(msgspec.json.encode(template))
    for label in (names.SLOT, names.REVISION):
        del plain["metadata"]["labels"][label]
    for volume in plain["spec"]["volumes"]:
        volume.pop("persistentVolumeClaim", None)
    return plain


@given(one=specs, two=specs, digest=st.sampled_from("12"), today=st.booleans())
@settings(max_examples=40, deadline=None)
def test_the_revision_is_another_when_the_pod_would_be(
    one: ConnectorSpec, two: ConnectorSpec, digest: str, today: bool
) -> None:
    """A revision changes if and only if a pod would see something else; a slot is nothing to see."""
    known = facts("Connector", FEEDS)
    other = msgspec.structs.replace(known, digests={**known.digests, "configmap/env-prod": digest})
    two = one if today else two
    share = Share(category="crypto", replica=0)
    seen = {}
    for key, (spec, fact) in enumerate(((one, known), (two, other))):
        for slot in names.SLOTS:
            objects = connector.place(spec, fact, Place(share=share, slot=slot), running=True)
            (template,) = templates(objects)
            assert template["metadata"]["labels"][names.REVISION] == connector.revision(
                spec, fact, share
            )
            seen[key, slot] = without_slot(template)
        assert seen[key, "a"] == seen[key, "b"]
    same = connector.revision(one, known, share) == connector.revision(two, other, share)
    kinds = one.spool.type == two.spool.type
    assert same == (seen[0, "a"] == seen[1, "a"] and kinds)


def test_what_no_pod_sees_changes_no_revision() -> None:
    """Settings of the rollout, of the network or of who watches need no new pod."""
    known, share = facts("Connector", FEEDS), Share(category="crypto", replica=0)
    plain = ConnectorSpec(feed="kalshi", environment="prod")
    before = connector.revision(plain, known, share)
    for change in (
        {"rollout": Rollout(ready_s=60)},
        {"paused": True},
        {"network": NetworkRules(enabled=False)},
        {"monitoring": Monitoring(pod_monitor=True, labels={"a": "b"}, interval_s=60)},
        {"categories": ("crypto",)},
    ):
        assert connector.revision(msgspec.structs.replace(plain, **change), known, share) == before
    owner = Owner(kind="Connector", name="north", namespace="lab", uid="another")
    moved = msgspec.structs.replace(known, owner=owner)
    assert connector.revision(plain, moved, share) == before


def test_another_number_of_replicas_is_another_revision() -> None:
    """Who records a fourth is told so: shares of different divisions never stand side by side."""
    known, share = facts("Connector", FEEDS), Share(category="crypto", replica=0)
    found = {
        connector.revision(
            ConnectorSpec(feed="kalshi", environment="prod", replicas=number), known, share
        )
        for number in (1, 2, 3, 4)
    }
    assert len(found) == 4


@given(spec=specs)
@settings(max_examples=20, deadline=None)
def test_what_pods_refer_to_is_what_is_needed(spec: ConnectorSpec) -> None:
    """Each ConfigMap and Secret that a pod cannot start without is among the needs, and no other."""
    known = facts("Connector", FEEDS)
    found = needs.of(spec, FEEDS)
    for template in templates(everything(spec, known)):
        assert referred(template) == (set(found.config_maps), set(found.secrets))


def referred(template: Any) -> tuple[set[str], set[str]]:  # noqa: ANN401 - a tree of plain values
    """The ConfigMaps and the Secrets that a pod template refers to, and must have."""
    maps, secrets = set(), set()
    for volume in template["spec"]["volumes"]:
        maps |= {volume["configMap"]["name"]} if "configMap" in volume else set()
        secrets |= {volume["secret"]["secretName"]} if "secret" in volume else set()
    for container in template["spec"]["containers"]:
        for each in container["env"]:
            reference = each.get("valueFrom", {}).get("secretKeyRef")
            secrets |= set() if reference is None else {reference["name"]}
        for each in container.get("envFrom", []):
            for key, names_of in (("configMapRef", maps), ("secretRef", secrets)):
                if key in each and not each[key].get("optional"):
                    names_of.add(each[key]["name"])
    return maps, secrets


def test_the_needs_of_every_scene_are_found() -> None:
    """Archiver and what runs by the clock: nothing is referred to that is not their own or needed."""
    for name in ("archiver-plain", "secmaster-plain", "quality-plain", "api-plain"):
        objects: list[Any] = SCENES[name]()
        own = {each["metadata"]["name"] for each in objects if each["kind"] == "ConfigMap"}
        for template in templates(objects):
            maps, _ = referred(template)
            assert maps - own <= {"feed-kraken", "env-prod"}
