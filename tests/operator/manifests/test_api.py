"""An Api: readers behind a Service, told by a file of its own, and never without keys."""

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as trying

from ssmd.feeds.api import ApiConfig
from ssmd.feeds.values import is_loopback
from ssmd.operator import names
from ssmd.operator.manifests import api
from ssmd.operator.manifests.api_files import CONFIG_KEY
from ssmd.operator.manifests.facts import Facts, Owner
from ssmd.operator.manifests.variables import SCRATCH
from ssmd.operator.spec.api import ApiSpec, WatchedAddress
from ssmd.runtime import settings
from tests.operator.manifests.scenes import FULL_ENVIRONMENT, SCENES, asked, facts, templates
from tests.operator.manifests.test_properties import long_names

SERVICE = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
LEAST = "environment: prod\narchive: {archiver: north}\nenv: {DATABASE_URL: 'postgresql://db/x'}\n"
KNOWN = facts("Api", {})


def rendered(text: str = "", known: Facts = KNOWN, *, one_node: bool = False) -> list[Any]:
    """The objects of an Api of which a little more is said."""
    spec = asked(ApiSpec, LEAST + text)
    return list(api.objects(spec, known, "north-archiver-data", one_node=one_node))


def only(objects: list[Any], kind: str) -> Any:  # noqa: ANN401 - a tree of plain values
    """The one object of a kind."""
    (found,) = [each for each in objects if each["kind"] == kind]
    return found


def container(objects: list[Any]) -> Any:  # noqa: ANN401 - a tree of plain values
    """The one process of a pod."""
    (found,) = only(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    return found


def told(objects: list[Any]) -> ApiConfig:
    """What the process is told, read by the reader that reads it."""
    return settings.parse(only(objects, "ConfigMap")["data"][CONFIG_KEY], ApiConfig, where="it")


def test_what_is_asked_for_is_what_the_process_is_told() -> None:
    """Every field of the spec that is the API's own arrives, and so does where bus and database are."""
    found = told(SCENES["api-full"]())
    environment = facts("Api", {}, FULL_ENVIRONMENT).environment
    assert (found.host, found.port, found.environment) == ("::", 8443, "prod")
    assert found.nats_url == environment.transport.url
    variables = {each["name"]: each.get("value") for each in container(SCENES["api-full"]())["env"]}
    assert variables["DATABASE_URL"] == environment.secmaster.database_url
    assert found.cors_origins == ("https://desk.local",)
    assert (found.identity_header, found.trusted_proxies) == ("X-User", ("10.0.0.0/8",))
    assert [(each.name, each.url) for each in found.services] == [
        ("far", "https://far.local"),
        ("kraken", "http://north-connector.lab.svc:8081"),
        ("north-archiver", "http://north-archiver.lab.svc:8080"),
    ]
    assert (found.limits.threads, found.limits.request_s) == (8, 30.0)
    assert (found.live.clients, found.keys.rate) == (200, 5.0)


def test_a_service_that_is_named_is_asked_where_it_is_said_to_be() -> None:
    """What the operator finds under the same name does not win over what a person wrote."""
    spec = asked(ApiSpec, LEAST + "services: [{name: a, url: 'http://mine'}]\n")
    there = [WatchedAddress(name=name, url=f"http://{name}.lab.svc:8080") for name in "ba"]
    found = told(list(api.objects(spec, KNOWN, "claim", one_node=False, found=there)))
    assert [(each.name, each.url) for each in found.services] == [
        ("a", "http://mine"),
        ("b", "http://b.lab.svc:8080"),
    ]


def test_every_setting_of_the_api_can_be_asked_for() -> None:
    """A setting that api.yaml has and the resource has not is one that a cluster cannot have."""
    elsewhere = {"host": "address", "port": "http_port"}
    from_environment = {"environment", "nats_url", "database_url"}
    wanted = {
        elsewhere.get(name, name)
        for name in ApiConfig.__struct_fields__
        if name not in from_environment
    }
    assert wanted <= set(ApiSpec.__struct_fields__)


@pytest.mark.parametrize("scene", ["api-plain", "api-full", "api-of-a-claim"])
def test_nobody_is_let_in_without_a_key(scene: str) -> None:
    """What answers others than its own pod asks for keys: there is no way to say otherwise."""
    objects: list[Any] = SCENES[scene]()
    assert "--no-keys" not in container(objects)["args"]
    assert not is_loopback(told(objects).host)


@pytest.mark.parametrize("scene", ["api-plain", "api-full", "api-of-a-claim"])
def test_the_service_leads_to_the_pods_and_health_stays_inside(scene: str) -> None:
    """Its selector finds them, its port is the one that is listened on; metrics are not behind it."""
    objects: list[Any] = SCENES[scene]()
    service, deployment = only(objects, "Service"), only(objects, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    (port,) = service["spec"]["ports"]
    numbers = {each["name"]: each["containerPort"] for each in container(objects)["ports"]}
    assert numbers[port["targetPort"]] == told(objects).port
    assert port["targetPort"] != container(objects)["readinessProbe"]["httpGet"]["port"]
    listen = container(objects)["args"][container(objects)["args"].index("--listen") + 1]
    assert listen.endswith(f":{numbers['metrics']}")


def test_one_more_answers_before_one_goes() -> None:
    """A rollout, a node that drains, a proxy that has not heard yet: somebody answers."""
    one, three = rendered(), rendered("replicas: 3\n")
    for objects in (one, three):
        strategy = only(objects, "Deployment")["spec"]["strategy"]
        assert strategy["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
        (command,) = [each["exec"]["command"] for each in container(objects)["lifecycle"].values()]
        assert command[-1] == f"import time; time.sleep({api._LINGERS_S})"
        grace = only(objects, "Deployment")["spec"]["template"]["spec"]
        assert grace["terminationGracePeriodSeconds"] > api._LINGERS_S
    assert [each for each in one if each["kind"] == "PodDisruptionBudget"] == []
    assert only(three, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_a_claim_of_one_node_keeps_its_readers_together() -> None:
    """Pods that are spread over nodes would wait for a volume that is elsewhere."""
    together = only(rendered("replicas: 2\n", one_node=True), "Deployment")["spec"]["template"]
    apart = only(rendered("replicas: 2\n"), "Deployment")["spec"]["template"]
    assert "topologySpreadConstraints" not in together["spec"]
    terms = together["spec"]["affinity"]["podAffinity"][
        "preferredDuringSchedulingIgnoredDuringExecution"
    ]
    components = [
        each["podAffinityTerm"]["labelSelector"]["matchLabels"][names.COMPONENT] for each in terms
    ]
    assert components == ["archiver", "api"]
    assert [each["weight"] for each in terms] == sorted(each["weight"] for each in terms)[::-1]
    assert "topologySpreadConstraints" in apart["spec"]


def test_clients_come_in_by_one_port_and_scrapers_by_the_other() -> None:
    """Who may ask for data may not read metrics for that, nor the other way round."""
    policy = only(SCENES["api-full"](), "NetworkPolicy")
    health, clients = policy["spec"]["ingress"]
    assert [each["port"] for each in health["ports"]] == [9000]
    assert [each["port"] for each in clients["ports"]] == [8443]
    assert clients["from"] == [{"podSelector": {"matchLabels": {"app": "gateway"}}}]
    assert clients["from"][0] not in health["from"]
    everybody = only(rendered(), "NetworkPolicy")["spec"]["ingress"][1]
    assert "from" not in everybody


def test_it_may_ask_bus_database_and_the_services_it_shows() -> None:
    """A port that is left out of the policy is one that never answers."""
    policy = only(SCENES["api-full"](), "NetworkPolicy")
    ports = {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}
    assert ports == {53, 4443, 6432, 8080, 8081, 443, 9999}


def test_another_file_is_another_pod() -> None:
    """A bound that is changed reaches the processes: they are replaced; a label of a Service is not."""

    def digest(text: str) -> str:
        template = only(rendered(text), "Deployment")["spec"]["template"]
        return str(template["metadata"]["annotations"][names.CONFIG])

    assert digest("limits: {threads: 5}\n") != digest("")
    assert digest("service: {port: 80}\nreplicas: 4\n") == digest("")


@given(name=long_names)
@trying(max_examples=50, deadline=None)
def test_a_service_has_a_name_that_dns_takes(name: str) -> None:
    """However the resource is called; and the address that is told leads there."""
    known = facts("Api", {}, name=name)
    service = only(rendered(known=known), "Service")["metadata"]["name"]
    assert SERVICE.fullmatch(service)
    assert api.url(asked(ApiSpec, LEAST), known.owner) == f"http://{service}.lab.svc:8000"


@pytest.mark.parametrize("name", ["1st", "a.b", "9." + "x" * 80, "a.b-api"])
def test_names_that_only_a_service_cannot_have_are_kept_apart(name: str) -> None:
    """What is written otherwise is not what another resource is called."""
    alike = name.replace(".", "-")
    alike = alike if alike[0].isalpha() else f"s-{alike}"
    found = {names.service_name(each, "Api") for each in {name, alike}}
    assert len(found) == 2
    assert all(SERVICE.fullmatch(each) for each in found)


def test_the_same_is_the_same() -> None:
    """Rendered twice it is the same: nothing is written to a cluster that has it already."""
    for scene in ("api-plain", "api-full", "api-of-a-claim"):
        assert msgspec.json.encode(SCENES[scene]()) == msgspec.json.encode(SCENES[scene]())


def test_the_archive_is_only_read() -> None:
    """Whoever breaks into what faces clients cannot write what was recorded."""
    for scene in ("api-plain", "api-full", "api-of-a-claim"):
        for template in templates(SCENES[scene]()):
            (process,) = template["spec"]["containers"]
            mounts = {each["mountPath"]: each for each in process["volumeMounts"]}
            assert mounts["/data"]["readOnly"] is True
            args = process["args"]
            assert args[args.index("--run-dir") + 1].startswith(f"{SCRATCH}/")


def test_of_two_resources_no_object_is_shared() -> None:
    """An Api beside an Archiver of the same name, and beside another Api."""
    mine = {(each["kind"], each["metadata"]["name"]) for each in rendered()}
    other = Owner(kind="Api", name="south", namespace="lab", uid="uid-south")
    theirs = rendered(known=msgspec.structs.replace(KNOWN, owner=other))
    assert not mine & {(each["kind"], each["metadata"]["name"]) for each in theirs}
    archiver: list[Any] = SCENES["archiver-plain"]()
    assert not mine & {(each["kind"], each["metadata"]["name"]) for each in archiver}
