"""The chart installs what `ssmd operator manifests` prints, and refuses values that mean nothing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from helm_python import chart
from helm_python.errors import HelmValuesError
from scripts import crds_page, kubernetes

import ssmd
from ssmd.feeds.feed import FeedConfig
from ssmd.operator import install
from ssmd.operator.crds.definitions import definitions
from ssmd.operator.names import KINDS, plural
from ssmd.operator.spec.parse import parse
from ssmd.runtime import settings
from tests.operator.crds.made import SMALLEST
from tests.operator.install.judged import Object, judge, key, plain, read

FOLDER = kubernetes.FOLDER / "helm/ssmd"
MUCH: Object = {
    "image": {"repository": "here/ssmd", "tag": "sha256:0", "pullSecrets": ["mine"]},
    "replicas": 3,
    "clusterWide": True,
    "serviceAccount": {"annotations": {"cloud/role": "x"}},
    "podAnnotations": {"a": "1"},
    "podLabels": {"b": "2"},
    "env": {"NO_COLOR": "1"},
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "networkPolicy": {"egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]},
    "feeds": {"kraken": kubernetes.FEED.read_text(encoding="utf-8")},
    "environments": {"prod": "name: prod\n"},
    "connectors": {"north": SMALLEST["Connector"]},
    "archivers": {"main": SMALLEST["Archiver"]},
    "secmasterSyncs": {"listings": SMALLEST["SecmasterSync"]},
    "qualityChecks": {"daily": SMALLEST["QualityCheck"]},
    "apis": {"main": SMALLEST["Api"]},
}
"""Values that use every template."""


@pytest.fixture(scope="module")
def loaded() -> Iterator[chart.Chart]:
    """The chart, as Helm reads it."""
    with chart.Chart.load(FOLDER) as found:
        yield found


def rendered(found: chart.Chart, namespace: str, values: Object | None = None) -> list[Object]:
    """The objects Helm would apply."""
    texts = found.render(values, name="any", namespace=namespace)
    return [each for name, text in texts.items() if name.endswith(".yaml") for each in read(text)]


def ours(objects: list[Object]) -> dict[Any, Object]:
    """Objects by what tells them apart, without Helm's own label."""
    for each in objects:
        each["metadata"]["labels"].pop("helm.sh/chart", None)
    return {key(each): each for each in objects}


def test_what_is_made_is_current() -> None:
    """A right, or a field, that is in the sources and not in the chart is one nobody has."""
    stale = [
        name
        for name, text in kubernetes.files().items()
        if not (kubernetes.FOLDER / name).is_file()
        or (kubernetes.FOLDER / name).read_text(encoding="utf-8") != text
    ]
    if crds_page.PAGE.read_text(encoding="utf-8") != crds_page.page():
        stale.append(str(crds_page.PAGE))
    assert not stale, "run: .venv/bin/python -m scripts.kubernetes"


def test_nothing_is_left_over() -> None:
    """A file that was made once, for a kind that is no more, is installed for ever."""
    assert {path.name for path in (FOLDER / "crds").iterdir()} == {
        f"{plural(kind)}.yaml" for kind in KINDS
    }


def test_helm_has_nothing_against_it() -> None:
    """Linted strictly, as it is and with everything; an icon is not needed."""
    for values in (None, MUCH):
        report = chart.lint(FOLDER, values, strict=True, kube_version="v1.29.0")
        assert report["errors"] == []
        assert [each["error"] for each in report["messages"]] == ["icon is recommended"]


@pytest.mark.parametrize("namespace", ["ssmd", "lab"])
@pytest.mark.parametrize("wide", [False, True])
def test_it_installs_what_the_command_prints(
    loaded: chart.Chart, namespace: str, wide: bool
) -> None:
    """Two ways to one state: object by object, field by field."""
    made = ours(rendered(loaded, namespace, {"clusterWide": wide}))
    wanted = install.Wanted(namespace=namespace, cluster_wide=wide)
    printed = plain(install.manifests(wanted))
    assert made == ours([each for each in printed if each["kind"] != "CustomResourceDefinition"])


def test_it_brings_the_definitions(loaded: chart.Chart) -> None:
    """Helm installs them before everything else."""
    found = [each for entry in loaded.crds for each in read(entry["data"])]
    assert ours(found) == ours(plain(definitions()))


def test_with_everything_it_is_still_taken(loaded: chart.Chart) -> None:
    """Every template, every branch: judged by Kubernetes' schemas and by ours."""
    objects = rendered(loaded, "lab", MUCH)
    judge(objects)
    kinds = {each["kind"]: each for each in objects}
    for kind in KINDS:
        assert parse(kind, kinds[kind]["spec"]) == parse(kind, SMALLEST[kind])
    pod = kinds["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"] == "here/ssmd@sha256:0"
    assert {"name": "SSMD_IMAGE", "value": "here/ssmd@sha256:0"} in container["env"]
    assert {"name": "NO_COLOR", "value": "1"} in container["env"]
    assert pod["imagePullSecrets"] == [{"name": "mine"}]


def test_what_is_switched_off_is_not_there(loaded: chart.Chart) -> None:
    """A second release leaves what the whole cluster shares to the first."""
    values = {"priorityClass": {"create": False}, "networkPolicy": {"enabled": False}}
    kinds = {each["kind"] for each in rendered(loaded, "lab", values)}
    assert not kinds & {"PriorityClass", "NetworkPolicy"}


def test_a_feed_is_handed_on_as_it_is_written(loaded: chart.Chart) -> None:
    """Byte for byte, comments and all: what a person checked is what the operator reads."""
    objects = ours(rendered(loaded, "lab", MUCH))
    text = objects[("v1", "ConfigMap", "lab", "feed-kraken")]["data"]["feed.yaml"]
    assert text == MUCH["feeds"]["kraken"]
    assert settings.parse(text, FeedConfig, where="feed-kraken").name == "kraken"
    odd = "a: 'no'\nb: |\n  {{ .Values }}\n  - 1:30 # é\n"
    again = ours(rendered(loaded, "lab", {"feeds": {"odd": odd}}))
    assert again[("v1", "ConfigMap", "lab", "feed-odd")]["data"]["feed.yaml"] == odd


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"replicas": 0}, "/replicas"),
        ({"replica": 2}, "replica"),
        ({"image": {"name": "x"}}, "/image"),
        ({"feeds": {"kraken": {"name": "kraken"}}}, "/feeds/kraken"),
        ({"feeds": {"Kraken": "name: kraken"}}, "'Kraken'"),
        ({"connectors": {"north": {"feed": "north"}}}, "/connectors/north"),
        (
            {"connectors": {"north": SMALLEST["Connector"] | {"spool": {"sise": "1Gi"}}}},
            "/connectors/north/spool",
        ),
        ({"archivers": {"main": {"environment": "p", "sources": []}}}, "/archivers/main/sources"),
        ({"networkPolicy": {"apiServerPorts": []}}, "/networkPolicy/apiServerPorts"),
        ({"env": {"A": 1}}, "/env/A"),
    ],
)
def test_values_that_mean_nothing_are_refused(
    loaded: chart.Chart, values: Object, place: str
) -> None:
    """A word misspelt in values is otherwise silence."""
    with pytest.raises(HelmValuesError, match=place):
        loaded.render(values, name="any", namespace="lab")


def test_every_value_has_a_schema_and_every_schema_a_value() -> None:
    """What values.yaml shows is all there is."""
    values = yaml.safe_load((FOLDER / "values.yaml").read_text(encoding="utf-8"))
    schema = json.loads((FOLDER / "values.schema.json").read_text(encoding="utf-8"))
    assert set(schema["properties"]) == set(values) | {"global"}
    for name, part in schema["properties"].items():
        if part.get("additionalProperties") is False:
            assert set(part["properties"]) == set(values[name])


def test_the_chart_is_of_this_version() -> None:
    """The image it names when nobody names another is the one this chart was made with."""
    about = yaml.safe_load(Path(FOLDER, "Chart.yaml").read_text(encoding="utf-8"))
    assert about["appVersion"] == ssmd.__version__
