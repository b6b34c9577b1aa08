"""What holds of pods beyond what anybody complained of."""

from typing import Any

import click
import pytest

from ssmd.bus import settings as bus
from ssmd.cli.root import root
from ssmd.feeds.defaults import ComponentDefaults
from ssmd.feeds.upload import UploadSettings
from ssmd.operator import install_pods, names
from ssmd.operator.manifests import connector, images, network, variables
from ssmd.operator.manifests.facts import Place
from ssmd.operator.spec.connector import ConnectorSpec
from tests.operator.manifests.scenes import (
    SCENES,
    asked,
    connector_objects,
    divided,
    facts,
    templates,
)


def test_the_operator_may_always_ask_its_pods() -> None:
    """Whoever else may read metrics, the operator tells how the pods are by what they say."""
    objects: list[Any] = SCENES["connector-full"]()
    (policy,) = [each for each in objects if each["kind"] == "NetworkPolicy"]
    (rule,) = policy["spec"]["ingress"]
    labels = rule["from"][0]["podSelector"]["matchLabels"]
    assert labels == install_pods.LABELS
    assert len(rule["from"]) == 3


def test_an_api_may_ask_what_it_shows() -> None:
    """Whoever else may read metrics: its pods are found by the label that the policy names."""
    objects: list[Any] = SCENES["archiver-full"]()
    (policy,) = [each for each in objects if each["kind"] == "NetworkPolicy"]
    (template,) = templates(SCENES["api-full"]())
    chosen = policy["spec"]["ingress"][0]["from"][1]
    assert chosen["podSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()


def test_each_share_is_asked_by_a_service_of_its_own() -> None:
    """Whichever of its places records, and no other share; also while it is not ready."""
    spec = asked(ConnectorSpec, "{feed: kalshi, environment: prod, replicas: 2}")
    known = facts("Connector", {"kalshi": divided()})
    services: list[Any] = [
        each for each in connector.shared(spec, known) if each["kind"] == "Service"
    ]
    assert len(services) == len(connector.shares(spec, known)) == 4
    for share, service in zip(connector.shares(spec, known), services, strict=True):
        found = {
            other
            for other in connector.shares(spec, known)
            for slot in names.SLOTS
            for template in templates(
                connector.place(spec, known, Place(share=other, slot=slot), running=True)
            )
            if service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
        }
        assert found == {share}
        assert service["spec"]["publishNotReadyAddresses"] is True
        assert service["metadata"]["labels"][names.ENVIRONMENT] == "prod"


def test_the_archivers_service_has_every_process_of_its_pod() -> None:
    """Who archives and who makes tables are two, on two ports; its drain is not behind them."""
    objects: list[Any] = SCENES["archiver-plain"]()
    (service,) = [each for each in objects if each["kind"] == "Service"]
    running, draining = templates(objects)
    ports = {
        p["name"]: p["containerPort"] for c in running["spec"]["containers"] for p in c["ports"]
    }
    assert {each["targetPort"]: each["port"] for each in service["spec"]["ports"]} == ports
    selector = service["spec"]["selector"]
    assert selector.items() <= running["metadata"]["labels"].items()
    assert not selector.items() <= draining["metadata"]["labels"].items()


def test_the_variables_of_the_bus_are_those_that_are_read() -> None:
    """The operator's table of them is the bus's own, whose room it must not enter."""
    read = {field: name for name, field in bus._VARIABLES.items() if field != "url"}
    assert read == dict(variables.BUS)


def test_a_places_pods_are_its_own() -> None:
    """No two Deployments choose the same pods, whatever else they share."""
    spec = asked(ConnectorSpec, "{feed: kalshi, environment: prod, replicas: 2}")
    known = facts("Connector", {"kalshi": divided()})
    chosen = []
    for share in connector.shares(spec, known):
        for slot in names.SLOTS:
            objects: list[Any] = connector.place(
                spec, known, Place(share=share, slot=slot), running=False
            )
            (deployment,) = objects
            assert deployment["spec"]["replicas"] == 0
            labels = deployment["spec"]["template"]["metadata"]["labels"]
            selector = deployment["spec"]["selector"]["matchLabels"]
            assert selector.items() <= labels.items()
            chosen.append((selector, labels))
    assert len(chosen) == 8
    for number, (selector, _) in enumerate(chosen):
        others = [labels for at, (_, labels) in enumerate(chosen) if at != number]
        assert not [labels for labels in others if selector.items() <= labels.items()]


@pytest.mark.parametrize(
    ("spec", "own", "image"),
    [
        ({}, "host:5000/ssmd:1.2", "host:5000/ssmd:1.2"),
        ({}, "host:5000/ssmd", "host:5000/ssmd"),
        ({}, "ssmd@sha256:ab", "ssmd@sha256:ab"),
        ({"version": "2"}, "host:5000/ssmd:1.2", "host:5000/ssmd:2"),
        ({"version": "2"}, "ssmd@sha256:ab", "ssmd:2"),
        ({"version": "sha256:cd"}, "host:5000/ssmd:1.2", "host:5000/ssmd@sha256:cd"),
        ({"image": "other/one"}, "host:5000/ssmd:1.2", "other/one:1.2"),
        ({"image": "other/one", "version": "3"}, "ssmd:1", "other/one:3"),
    ],
)
def test_image_and_version_are_found_each_for_itself(
    spec: dict[str, str], own: str, image: str
) -> None:
    """A spec may name the image, its version, both or none; a registry's port is no tag."""
    wanted = ConnectorSpec(
        feed="a", environment="b", image=spec.get("image"), version=spec.get("version")
    )
    assert images.image(wanted, ComponentDefaults(), own) == image


@pytest.mark.parametrize(
    ("url", "ports"),
    [
        ("nats://a", {4222}),
        ("nats://a:5,tls://b:6", {5, 6}),
        ("nats://[::1]:7", {7}),
        ("tls://a,nats://b:9", {4222, 9}),
    ],
)
def test_the_ports_of_the_bus_are_let_through(url: str, ports: set[int]) -> None:
    """Every address of the bus, with its port or without."""
    environment = facts(
        "Connector", environment=f"{{name: prod, transport: {{url: '{url}'}}}}"
    ).environment
    assert network.bus_ports(environment, {}) == ports
    nowhere = facts("Connector", environment="{name: prod}").environment
    assert network.bus_ports(nowhere, {"NATS_URL": url}) == ports
    assert network.bus_ports(nowhere, {}) == {4222}


def test_the_ports_of_databases_and_stores_are_let_through() -> None:
    """As far as they are written down; what comes out of a Secret has the usual one."""
    environment = facts("Connector").environment
    assert network.database_ports(environment, {}) == {5432}
    assert network.database_ports(environment, {"DATABASE_URL": "postgresql://u@h:6000/d"}) == {
        6000
    }
    assert network.database_ports(environment, {"PGPORT": "6001"}) == {6001}
    assert network.store_ports(None) == set()
    assert network.store_ports(UploadSettings(url="file:///mnt/far")) == set()
    assert network.store_ports(UploadSettings(url="s3://b/p")) == {443}
    own = UploadSettings(url="s3://b/p", options={"aws_endpoint_url": "http://minio:9000"})
    assert network.store_ports(own) == {9000}
    assert network.url_ports("http://a", "https://b", None, "http://c:9090") == {80, 443, 9090}


def test_a_spool_on_the_node_counts_against_the_nodes_disk() -> None:
    """The limit has room for spool, scratch folder and output, or the pod would be put out."""

    def limit(text: str) -> str:
        spec = asked(ConnectorSpec, f"{{feed: kraken, environment: prod, {text}}}")
        objects: list[Any] = connector_objects(spec, facts("Connector"))
        (template,) = templates(objects)
        limits: dict[str, str] = template["spec"]["containers"][0]["resources"]["limits"]
        return limits["ephemeral-storage"]

    assert limit("spool: {size: 10Gi}") == "10752Mi"
    assert limit("spool: {size: 10Gi, type: persistentVolumeClaim}") == "512Mi"


@pytest.mark.parametrize("scene", ["archiver-plain", "secmaster-plain", "quality-plain"])
def test_a_pod_that_ends_by_itself_is_not_started_in_its_place(scene: str) -> None:
    """A Job counts its pods; a service is started again, and only services are probed and spread."""
    objects: list[Any] = SCENES[scene]()
    for each in objects:
        for template in templates([each]):
            spec, serves = template["spec"], each["kind"] == "Deployment"
            assert (spec.get("restartPolicy") == "Never") is not serves
            assert ("topologySpreadConstraints" in spec) is serves
            assert all(("livenessProbe" in c) is serves for c in spec["containers"])


def test_every_option_is_one_that_ssmd_takes() -> None:
    """What containers are told is understood by the commands themselves, word for word."""
    told = [
        container["args"]
        for scene in SCENES.values()
        for template in templates(scene())
        for container in template["spec"]["containers"]
    ]
    for args in told:
        command, rest = command_of(args)
        known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
        assert {word for word in rest if word.startswith("--")} <= known
    assert {tuple(args[:2]) for args in told} == {
        ("connector", "run"),
        ("archiver", "run"),
        ("archiver", "drain"),
        ("compactor", "run"),
        ("secmaster", "sync"),
        ("cdc", "run"),
        ("dq", "daily"),
        ("api", "run"),
    }


def command_of(args: list[str]) -> tuple[click.Command, list[str]]:
    """The command that arguments lead to, and what is left of them."""
    command: click.Command | None = root
    rest = list(args)
    while isinstance(command, click.Group):
        context = click.Context(command)
        command = command.get_command(context, rest.pop(0))
    assert command is not None, args
    return command, rest
