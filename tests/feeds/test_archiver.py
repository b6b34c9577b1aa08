"""archiver.yaml: what is archived, where, and how often."""

from typing import Any

import pytest

from ssmd.feeds.archiver import ArchiverConfig
from ssmd.model.errors import ConfigError
from ssmd.runtime import settings

SOURCE = {"stream": "PROD_A", "feed": "a"}


def archiver(**changes: object) -> ArchiverConfig:
    return settings.convert({"sources": [SOURCE], **changes}, ArchiverConfig, where="archiver.yaml")


def test_the_defaults_are_those_of_the_design() -> None:
    """Quarter hours, two days on the bus, four slots."""
    read = archiver()
    assert (read.rotation.interval_s, read.rotation.max_open_slots) == (900, 4)
    assert read.keep_s == 172_800
    assert read.commit.messages * 4 <= 50_000
    assert read.sources[0].consumer is None


@pytest.mark.parametrize("interval_s", [60, 900, 3600, 86_400])
def test_segments_are_aligned_to_the_clock(interval_s: int) -> None:
    """A slot's name is a time of day: it must be whole minutes that divide a day."""
    assert archiver(rotation={"interval_s": interval_s}).rotation.interval_s == interval_s


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"rotation": {"interval_s": 420 * 60 + 1}}, "whole minutes that divides a day"),
        ({"rotation": {"interval_s": 7 * 60}}, "whole minutes that divides a day"),
        ({"rotation": {"interval_s": 30}}, "at `rotation.interval_s`"),
        ({"sources": []}, "at `sources`"),
        ({"sources": [SOURCE, SOURCE]}, "a stream stands twice"),
        ({"sources": [{**SOURCE, "consumer": "mine"}]}, "at `sources[0].consumer`"),
        ({"sources": [{**SOURCE, "filter": "a.>"}]}, "`sources[0].filter` is not a known key"),
        ({"commit": {"messages": 50_000}}, "at `commit.messages`"),
        ({"url": "nats://u:p@h"}, "holds credentials"),
        ({"storage": {"low_disk_bytes": 1}}, "low_disk_bytes must not be less"),
    ],
)
def test_what_is_wrong_is_refused(changes: dict[str, Any], expected: str) -> None:
    """Before anything is written."""
    with pytest.raises(ConfigError) as caught:
        archiver(**changes)
    assert expected in str(caught.value)
