"""What stands under `spec` is judged again by the operator: what was meant is named."""

import pytest

from ssmd.model.errors import ConfigError
from ssmd.operator.names import KINDS
from ssmd.operator.spec.parse import parse
from tests.operator.crds.made import SMALLEST

CONNECTOR = SMALLEST["Connector"]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (CONNECTOR | {"replica": 3}, ("`replica` is not a known key", 'mean "replicas"')),
        (
            CONNECTOR | {"spool": {"storageClass": "fast"}},
            ("`spool.storageClass`", 'mean "storageClassName"'),
        ),
        (CONNECTOR | {"replicas": 65}, ("at `replicas`", "<= 64")),
        (
            CONNECTOR | {"secretEnv": [{"name": "A", "secret": "s", "key": "k", "keys": 1}]},
            ("`secretEnv[0].keys`", 'mean "key"'),
        ),
        (CONNECTOR | {"resources": {"requests": {"cpu": True}}}, ("resources.requests",)),
        (CONNECTOR | {"resources": {"requests": ["1"]}}, ("at `resources.requests`",)),
        (CONNECTOR | {"resources": "1"}, ("at `resources`",)),
        ({"environment": "prod"}, ("required field `feed`",)),
    ],
)
def test_a_refusal_names_the_place_and_what_was_meant(
    spec: dict[str, object], words: tuple[str, ...]
) -> None:
    """People see it in a condition: where, what, and what to do."""
    with pytest.raises(ConfigError) as refused:
        parse("Connector", spec, where="Connector lab/north")
    text = str(refused.value)
    assert text.startswith("Connector lab/north spec: ")
    assert [word for word in words if word not in text] == []


def test_a_value_is_explained_by_the_cluster() -> None:
    """The remedy leads to the page that is true for the version installed."""
    with pytest.raises(ConfigError, match=r"kubectl explain connector\.spec"):
        parse("Connector", CONNECTOR | {"port": 80})


def test_nulls_are_left_out_and_whole_numbers_are_amounts() -> None:
    """What the API server stores for `image:` with nothing behind it, and for `cpu: 2`."""
    resources = {"requests": {"cpu": 2, "memory": "1Gi"}, "limits": None}
    spec = parse("Connector", CONNECTOR | {"image": None, "resources": resources})
    assert spec.image is None
    assert spec.resources is not None
    assert spec.resources.requests == {"cpu": "2", "memory": "1Gi"}
    assert spec.resources.limits == {}


def test_every_kind_is_read() -> None:
    """The least of each kind; the complaint of another kind calls it by its own name."""
    for kind in KINDS:
        assert parse(kind, SMALLEST[kind]).port == 8080
        with pytest.raises(ConfigError, match=rf"^{kind} spec: `colour` is not a known key"):
            parse(kind, SMALLEST[kind] | {"colour": "red"})
