"""What a container is given: read as Kubernetes reads it, and refused where it cannot be meant."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.resources import Resources, quantity
from ssmd.model.errors import ConfigError
from tests.feeds.made import feed


def given_to(**resources: object) -> FeedConfig:
    """A feed whose connector is given this."""
    return feed(defaults={"connector": {"resources": resources}})


def test_amounts_are_numbers_with_kubernetes_suffixes() -> None:
    """By its own table: thousands and 1024s."""
    amounts = {"500m": "0.5", "2": "2", "1.5": "1.5", "1k": "1000", "128Mi": "134217728"}
    for text, number in {**amounts, "1G": "1000000000", "1Gi": "1073741824"}.items():
        assert quantity(text) == Decimal(number), text
    assert quantity(1) == 1
    assert quantity(0.25) == Decimal("0.25")


def test_what_a_container_takes_is_text() -> None:
    """Numbers of YAML become what Kubernetes shows; nothing is said where nothing was."""
    read = given_to(requests={"cpu": 1, "memory": "256Mi"}, limits={"cpu": 1.5})
    assert read.defaults.connector.resources.plain() == {
        "requests": {"cpu": "1", "memory": "256Mi"},
        "limits": {"cpu": "1.5"},
    }
    assert feed().defaults.connector.resources.plain() == {}


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"requests": {"memory": "128m"}}, "is 0.128 bytes: 128m is hardly meant, write 128Mi"),
        ({"limits": {"ephemeral-storage": 10}}, "is 10 bytes"),
        ({"requests": {"mem": "1Gi"}}, "no kind of resource 'mem'. Did you mean \"memory\""),
        ({"requests": {"cpu": 2}, "limits": {"cpu": "500m"}}, "requests.cpu 2 is more than limits"),
        (
            {"requests": {"memory": "2Gi"}, "limits": {"memory": "2G"}},
            "requests.memory 2Gi is more than limits.memory 2G",
        ),
        ({"requests": {"cpu": "a lot"}}, "defaults.connector.resources.requests.cpu"),
        ({"requests": {"cpu": "1mi"}}, "defaults.connector.resources.requests.cpu"),
        ({"requests": {"cpu": -1}}, "defaults.connector.resources.requests.cpu"),
        ({"request": {"cpu": 1}}, 'Did you mean "requests"'),
    ],
)
def test_what_cannot_be_meant_is_refused(resources: dict[str, Any], expected: str) -> None:
    """A pod that cannot be scheduled is found out when it is read, not when it is needed."""
    with pytest.raises(ConfigError) as caught:
        given_to(**resources)
    assert expected in str(caught.value)


def test_kinds_of_ones_own_are_let_through() -> None:
    """Devices and huge pages have names with a stroke, or a size."""
    read = Resources(limits={"vendor.net/gpu": 1, "hugepages-2Mi": "64Mi"})
    assert read.plain() == {"limits": {"vendor.net/gpu": "1", "hugepages-2Mi": "64Mi"}}


@given(
    st.integers(1, 4000),
    st.integers(1, 4000),
    st.sampled_from(["m", "", "k"]),
    st.sampled_from(["m", "", "k"]),
)
def test_requests_are_never_above_limits(least: int, most: int, own: str, other: str) -> None:
    """Whatever the suffixes: what is accepted is in order, and what is refused is not."""
    asked, bound = f"{least}{own}", f"{most}{other}"
    tree = {"requests": {"cpu": asked}, "limits": {"cpu": bound}}
    try:
        msgspec.convert(tree, Resources)
    except msgspec.ValidationError:
        assert quantity(asked) > quantity(bound)
    else:
        assert quantity(asked) <= quantity(bound)
