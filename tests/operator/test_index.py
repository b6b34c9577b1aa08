"""Which resource is looked at when an object changes."""

from typing import Any

import pytest

from ssmd.operator.index import Index, Key
from ssmd.operator.names import API_VERSION, KINDS, Kind, labels

KEYS = [Key(kind, "lab", "north") for kind in KINDS] + [Key(kind, "far", "north") for kind in KINDS]


@pytest.fixture
def index() -> Index:
    """One resource of each kind, in two namespaces."""
    made = Index()
    for key in KEYS:
        made.know(key)
    return made


def changed(kind: str, *, of: str = API_VERSION, **metadata: Any) -> dict[str, Any]:  # noqa: ANN401
    """An object of the namespace `lab`."""
    return {"apiVersion": of, "kind": kind, "metadata": {"namespace": "lab", **metadata}}


@pytest.mark.parametrize(
    ("kind", "readers"),
    [
        ("Connector", {"Api"}),
        ("Archiver", {"Api", "QualityCheck"}),
        ("SecmasterSync", set()),
        ("QualityCheck", set()),
        ("Api", set()),
    ],
)
def test_a_resource_concerns_itself_and_who_reads_it(
    index: Index, kind: Kind, readers: set[str]
) -> None:
    """A claim that is mounted, a Service that is shown: of the same namespace, and no other."""
    found = index.concerned(changed(kind, name="south"))
    assert found[0] == Key(kind, "lab", "south")
    assert {(key.kind, key.namespace) for key in found[1:]} == {(each, "lab") for each in readers}


@pytest.mark.parametrize("kind", KINDS)
def test_what_belongs_to_a_resource_concerns_it_alone(index: Index, kind: Kind) -> None:
    """A pod, or a Deployment, by its labels; the same labels of somebody else's are nothing."""
    pod = changed("Pod", of="v1", name="p", labels=labels("north", kind))
    assert index.concerned(pod) == [Key(kind, "lab", "north")]
    pod["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "somebody"
    assert index.concerned(pod) == []


def test_a_configuration_concerns_whoever_refers_to_it(index: Index) -> None:
    """Whether it is there or not."""
    mine = Key("Api", "lab", "north")
    index.refers(mine, ["env-prod"])
    assert index.concerned(changed("ConfigMap", of="v1", name="env-prod")) == [mine]
    assert index.concerned(changed("ConfigMap", of="v1", name="env-test")) == []
