"""env.yaml: where a feed is recorded."""

from typing import Any

import pytest

from ssmd.feeds.environment import (
    ConnectorSettings,
    EnvironmentConfig,
    Secmaster,
    SpoolSettings,
)
from ssmd.feeds.registry import stream_of
from ssmd.model.errors import ConfigError
from ssmd.model.subscription import Limits
from ssmd.runtime import settings
from ssmd.secmaster.changes.settings import ChangesSettings
from tests.feeds.made import feed

WITH_PASSWORD = "postgresql://u:pw@db/ssmd"  # pragma: allowlist secret
WITH_PARAMETER = "postgresql://db/ssmd?password=pw"  # pragma: allowlist secret
KEY = {"type": "api_key", "fields": ["api_key", "private_key"], "source": "env:K,P"}


def environment(**changes: object) -> EnvironmentConfig:
    return settings.convert({"name": "prod", **changes}, EnvironmentConfig, where="env.yaml")


def refusal(**changes: object) -> str:
    with pytest.raises(ConfigError) as caught:
        environment(**changes)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_the_defaults_are_those_of_the_design() -> None:
    """Figures that operators read in the documentation."""
    read = environment()
    c, s = read.connector, read.spool
    assert (c.watchdog_s, c.send_timeout_s, c.max_frame_bytes) == (120.0, 10.0, 64 << 20)
    limits = c.limits(Limits(subscriptions_per_connection=1, sends_per_second=1))
    assert (limits.silence_s, limits.pong_intervals) == (90.0, 2.0)
    assert s.fsync_interval_s == 0.05
    told = stream_of(feed(), read)
    assert (told.stream, told.subject_prefix) == ("PROD_A_FEED", "prod.a-feed")
    assert stream_of(feed(category="spot"), read).stream == "PROD_A_FEED_SPOT"
    assert not read.transport.allow_discard


def test_names_of_stream_and_subjects_can_be_given() -> None:
    """For a bus with rules of its own."""
    read = environment(transport={"stream": "S", "subject_prefix": "x.y"})
    told = stream_of(feed(), read)
    assert (told.stream, told.subject_prefix) == ("S", "x.y")


def test_the_old_spelling_is_answered() -> None:
    """The promise in so many words: exit 2 with `did you mean "type"`."""
    said = refusal(transport={"transport_type": "nats", "url": "nats://bus:4222"})
    assert "`transport.transport_type` is not a known key." in said
    assert 'Did you mean "type"?' in said


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"transport": {"type": "mqtt"}}, "transport type `mqtt` is not supported yet"),
        ({"transport": {"type": "memory"}}, "transport type `memory` is not supported yet"),
        ({"transport": {"storage": "memory"}}, "forgets what is not archived"),
        ({"transport": {"url": "http://bus"}}, "begin it with nats://"),
        ({"transport": {"url": "nats://example.com"}}, "placeholder"),
        ({"transport": {"url": "nats://u:p@bus:4222"}}, "holds credentials"),
        ({"transport": {"url": "nats://bus:4222,nats://"}}, "names no host"),
        ({"transport": {"window": 100_000}}, "at `transport.window`"),
        ({"transport": {"stream": "a.b"}}, "at `transport.stream`"),
        ({"transport": {"subject_prefix": "a.>"}}, "at `transport.subject_prefix`"),
        ({"storage": {"type": "s3", "bucket": "b"}}, "storage `s3` is not supported yet"),
        ({"storage": {"bucket": "b"}}, "storage `s3` is not supported yet"),
        ({"secmaster": {"url": "http://x"}}, "`secmaster.url` is not a known key"),
        ({"secmaster": {"database_url": "http://x/y"}}, "write postgresql://USER@HOST"),
        ({"secmaster": {"database_url": "postgresql://db"}}, "write postgresql://USER@HOST"),
        ({"secmaster": {"database_url": "postgresql://<host>/db"}}, "is a placeholder"),
        ({"secmaster": {"database_url": WITH_PASSWORD}}, "holds a password"),
        ({"secmaster": {"database_url": WITH_PARAMETER}}, "holds a password"),
        ({"secmaster": {"stream": "a.b"}}, "at `secmaster.stream`"),
        ({"subscription": {}}, "pacing follows the venue's limits"),
        ({"subscription": {"batch_size": 257}}, "at `subscription.batch_size`"),
        ({"schedule": {}}, "`schedule` is not supported"),
        ({"schema": "trade:v1"}, "`schema` has no meaning here"),
        ({"cache": {"type": "redis"}}, "`cache` is not supported yet"),
        ({"cdc": {"enabled": True}}, "write `source: secmaster` under `universe`"),
        ({"lifecycle": {"enabled": True}}, "`lifecycle` is not supported yet"),
        ({"keys": {"k": {**KEY, "source": "env:K"}}}, "at `keys.k`: source names 1 places for 2"),
        ({"keys": {"k": {**KEY, "source": "vault:K,P"}}}, "at `keys.k.source`"),
        ({"keys": {"k": {**KEY, "fields": ["a", "a"]}}}, "a field stands twice"),
        ({"keys": {"k": {**KEY, "value": "x"}}}, "`keys.k.value` is not a known key"),
        ({"connector": {"silence_s": 120, "watchdog_s": 90}}, "watchdog_s 90 must be more"),
        ({"connector": {"send_timeout_s": 61}}, "at `connector.send_timeout_s`"),
        ({"connector": {"max_frame_bytes": 1}}, "at `connector.max_frame_bytes`"),
        ({"connector": {"backoff_cap_s": 0.1}}, "backoff_cap_s must not be less"),
        ({"spool": {"max_bytes": 1 << 20}}, "at least four times file_bytes"),
        ({"spool": {"fsync_interval_s": 6}}, "at `spool.fsync_interval_s`"),
        ({"spool": {"low_disk_bytes": 1}}, "low_disk_bytes must not be less"),
        ({"spool": {"maxBytes": 1}}, 'Did you mean "max_bytes"?'),
    ],
)
def test_what_is_wrong_or_not_supported_is_refused(changes: dict[str, Any], expected: str) -> None:
    """Unknown keys were ignored, mqtt and s3 parsed and did nothing: never again."""
    assert expected in refusal(**changes)


def test_what_is_switched_off_may_stand_there() -> None:
    """`enabled: false` says what is so."""
    assert environment(cdc={"enabled": False}, lifecycle={"enabled": False}).cdc is not None


def test_another_feed_than_the_one_meant_is_refused() -> None:
    """The right feed.yaml with the wrong env.yaml fills the wrong stream."""
    environment().require_feed("a")
    environment(feed="a").require_feed("a")
    with pytest.raises(ConfigError, match="is for the feed 'a', not 'b'"):
        environment(feed="a").require_feed("b")


def test_credentials_are_fetched_by_type_and_field() -> None:
    """The venue sees its fields, not the bus's password; nothing of it shows in the settings."""
    read = environment(
        keys={
            "venue": KEY,
            "bus": {"type": "transport", "fields": ["password"], "source": "env:W"},
            "spare": {"type": "api_key", "required": False, "fields": ["x"], "source": "env:NONE"},
        }
    )
    found = read.secrets(environ={"K": "id-1234567", "P": "key-1234567", "W": "word-1234567"})
    assert dict(found) == {"api_key": "id-1234567", "private_key": "key-1234567"}
    assert dict(read.secrets("transport", environ={"W": "word-1234567"})) == {
        "password": "word-1234567"
    }
    assert "1234567" not in repr((read, found))
    with pytest.raises(ConfigError, match="K is not set"):
        read.secrets(environ={})


def test_two_keys_for_one_field_are_refused() -> None:
    """Which one would be used?"""
    read = environment(keys={"a": KEY, "b": KEY})
    with pytest.raises(ConfigError, match="give the field 'api_key'"):
        read.secrets(environ={"K": "1", "P": "2"})


def test_the_environments_timers_win_over_feed_and_venue() -> None:
    """Operators tune here; what they leave out keeps the venue's figure."""
    venue = Limits(subscriptions_per_connection=5, sends_per_second=1, ping_interval_s=15)
    limits = ConnectorSettings(silence_s=7, pong_intervals=3).limits(venue)
    assert (limits.silence_s, limits.pong_intervals, limits.ping_interval_s) == (7, 3, 15)
    assert limits.subscriptions_per_connection == 5
    with pytest.raises(ConfigError, match="watchdog_s 60 is not more"):
        ConnectorSettings(watchdog_s=60).limits(venue)


def test_every_figure_has_bounds() -> None:
    """A threshold of zero or of a century is a slip, not a wish."""
    for section in (ConnectorSettings, SpoolSettings):
        for name in section.__struct_fields__:
            for wild in (-1, 10**18, float("nan"), float("inf")):
                with pytest.raises(ConfigError):
                    settings.convert({name: wild}, section, where="x")


def test_the_stream_of_changes_is_named_for_its_environment() -> None:
    """Its publisher derives the same name."""
    assert EnvironmentConfig(name="some-env").changes_stream() == "SOME_ENV_SECMASTER"
    other = EnvironmentConfig(name="prod", secmaster=Secmaster(stream="SHARED_SECMASTER"))
    assert other.changes_stream() == "SHARED_SECMASTER"
    assert ChangesSettings(environment="some-env").stream == "SOME_ENV_SECMASTER"
