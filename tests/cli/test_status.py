"""What the figures of a feed are put into words for, and what they are not."""

from collections.abc import Mapping

import pytest

from ssmd.cli.status import _sentences
from ssmd.quality.standing import feed_status
from ssmd.runtime.scrape import Samples


def told(offset_s: float, error_s: float, source: str) -> str:
    """What is said of a feed whose connector has this of the clock."""
    values: dict[str, list[tuple[Mapping[str, str], float]]] = {
        "ssmd_connector_markets_requested": [({"feed": "f"}, 1.0)],
        "ssmd_connector_markets_subscribed": [({"feed": "f"}, 1.0)],
        "ssmd_clock_offset_seconds": [({}, offset_s)],
        "ssmd_clock_error_seconds": [({}, error_s)],
        "ssmd_clock_source": [
            ({"source": each}, float(each == source)) for each in ("kernel", "venue", "unknown")
        ],
    }
    return " ".join(_sentences(feed_status("f", "connector-f", Samples(values), [])))


@pytest.mark.parametrize(
    ("offset_s", "error_s", "source", "said"),
    [
        (0.4, 0.5, "venue", ""),
        (-0.4, 0.01, "kernel", "this machine's clock is -0.400 s from the right time."),
        (0.65, 0.5, "venue", "this machine's clock is +0.650 s from the right time."),
        (9.0, 0.0, "unknown", ""),
    ],
)
def test_a_clock_is_called_wrong_when_it_surely_is(
    offset_s: float, error_s: float, source: str, said: str
) -> None:
    """A venue tells its time in whole seconds: half a second of difference may be none."""
    assert told(offset_s, error_s, source) == said
