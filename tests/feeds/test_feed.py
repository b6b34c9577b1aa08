"""feed.yaml: what is accepted, what is refused, and which version holds when."""

import json
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.feeds.feed import FeedConfig
from ssmd.model.errors import ConfigError
from ssmd.model.subscription import Limits
from ssmd.runtime import settings
from tests.feeds.made import feed, feed_tree, version_tree

LIMITS = Limits(subscriptions_per_connection=200, sends_per_second=10.0)
DAY = date(2026, 6, 1)


def refusal(**changes: object) -> str:
    with pytest.raises(ConfigError) as caught:
        feed(**changes)
    return str(caught.value)


def test_a_full_feed_is_read() -> None:
    """Everything the earlier system's files could say has its place."""
    text = """
name: a-feed
venue: a-venue
category: spot
display_name: A feed
type: websocket
status: deprecated
capture_locations: [{site: fra, type: colo, provider: p, region: eu, clock: ptp}]
versions:
  - version: v2
    effective_from: 2026-01-01
    effective_to: 2026-12-31
    protocol: {transport: wss, message: json, version: '2'}
    endpoint: wss://stream.venue.net/v2
    auth_method: api_key
    rate_limit_per_second: 5
    max_symbols_per_connection: 50
    supports_orderbook: true
    supports_trades: true
    supports_historical: false
    limits: {silence_s: 30, connections: 3}
    parser_config: {depth: 10}
calendar: {timezone: America/New_York, holiday_calendar: nyse, open_time: '09:30', close_time: '16:00'}
message_types:
  trade: {identifier_field: symbol, timestamp_field: ts, timestamp_format: rfc3339, sequenced: true,
          sequence_field: seq, sequence_scope: per_product, sequence_group_by: symbol, fanout: data}
universe: {source: static, symbols: [A/B, C/D], channels: [trade, book]}
defaults:
  connector:
    image: registry/ssmd
    version: 1.2.3
    resources: {requests: {cpu: 100m, memory: 256Mi}}
    transport: {type: nats, stream: S, subject_prefix: p.q}
    auth: {secret: venue-keys, fields: {api-key: api_key}}
  archiver: {rotation_s: 900}
"""
    read = settings.parse(text, FeedConfig, where="feed.yaml")
    assert read.universe.symbols == ("A/B", "C/D")
    assert read.category == "spot"
    assert read.endpoint(DAY) == "wss://stream.venue.net/v2"
    assert read.parameters(DAY) == {"depth": 10}
    limits = read.limits(LIMITS, DAY)
    assert (limits.sends_per_second, limits.silence_s, limits.connections) == (5.0, 30.0, 3)
    assert limits.subscriptions_per_connection == 100
    assert limits.ack_timeout_s == LIMITS.ack_timeout_s


def test_the_old_spelling_of_a_transport_is_answered() -> None:
    """Every environment of the earlier system had it, and nobody noticed that it did nothing."""
    said = refusal(defaults={"connector": {"transport": {"transport_type": "nats"}}})
    assert 'Did you mean "type"?' in said
    said = refusal(defaults={"connector": {"transport": {"subjectPrefix": "x"}}})
    assert 'Did you mean "subject_prefix"?' in said


@pytest.mark.parametrize(
    "url",
    [
        "wss://feed.example.com/v2",
        "wss://example.org",
        "wss://stream.example/v2",
        "wss://a-feed.venue.net/MISSING_FEED_CONFIGMAP",
        "wss://<host>/v2",
        "wss://{host}/v2",
        "wss://CHANGE-ME/v2",
        "wss://${HOST}/v2",
        "http://venue.net/v2",
        "https://venue.net/v2",
        "wss:///v2",
        "wss://",
        "venue.net",
        "wss://venue.net:99999/",
        "wss://venue.net:port/",
        "wss://key:pass@venue.net/v2",
        "wss://[::1/v2",
        "ws://venue.net/v2",
        "ws://192.168.1.1:80/v2",
        "wss://venue.net/v2 ",
    ],
)
def test_an_endpoint_that_cannot_be_meant_is_refused_at_load(url: str) -> None:
    """A placeholder once ran for days, reconnecting to nobody."""
    said = refusal(versions=[version_tree("1", "2026-01-01", endpoint=url)])
    assert "versions[0]" in said
    assert "pass" not in said.replace("placeholder", "")
    with pytest.raises(ConfigError):
        feed().with_endpoint(url)


@pytest.mark.parametrize(
    "url",
    ["wss://stream.venue.net/v2", "ws://127.0.0.1:9001/v2", "ws://localhost:1", "ws://[::1]:80/x"],
)
def test_a_real_endpoint_is_accepted(url: str) -> None:
    """Unencrypted is for simulated venues on this machine."""
    assert feed().with_endpoint(url).endpoint(DAY) == url


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"type": "rest"}, "type `rest` is not supported yet"),
        ({"type": "multicast"}, "type `multicast` is not supported yet"),
        ({"type": "carrier-pigeon"}, "at `type`"),
        ({"universe": {"source": "secmaster", "channels": ["t"]}}, "needs a section `secmaster`"),
        ({"universe": {"symbols": ["A"], "channels": []}}, "at `universe.channels`"),
        ({"universe": {"symbols": [""], "channels": ["t"]}}, "at `universe.symbols"),
        ({"versions": []}, "at `versions`"),
        ({"name": "Not A Name"}, "at `name`"),
        ({"name": "a.b"}, "at `name`"),
        ({"category": "*"}, "at `category`"),
        ({"defaults": {"signal": {}}}, "`signal` is not supported yet"),
        ({"defaults": {"archiver": {"transport": {"type": "mqtt"}}}}, "`mqtt` is not supported"),
        ({"message_types": {"t": {"sequenced": True}}}, "at `message_types.t`: `sequenced: true`"),
        (
            {"versions": [version_tree("1", "2026-01-01"), version_tree("1", "2026-02-01")]},
            "two versions have the version 1",
        ),
        (
            {"versions": [version_tree("1", "2026-01-01"), version_tree("2", "2026-01-01")]},
            "two versions have the effective_from 2026-01-01",
        ),
    ],
)
def test_what_is_wrong_or_not_supported_is_refused(changes: dict[str, Any], expected: str) -> None:
    """Parsing a wish and ignoring it is the worst answer."""
    assert expected in refusal(**changes)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"protocol": {"transport": "multicast"}}, "transport `multicast` is not supported yet"),
        ({"protocol": {"message": "fix"}}, "message `fix` is not supported yet"),
        ({"auth_method": "oauth"}, "auth_method `oauth` is not supported yet"),
        ({"auth_method": "mtls"}, "auth_method `mtls` is not supported yet"),
        ({"effective_to": "2025-12-31"}, "effective_to lies before effective_from"),
        ({"effective_from": "soon"}, "at `versions[0].effective_from`"),
        ({"limits": {"silence_s": 0}}, "at `versions[0].limits.silence_s`"),
        ({"limits": {"silense_s": 1}}, '"silence_s"'),
        ({"rate_limit_per_second": 1, "limits": {"sends_per_second": 1}}, "say the same"),
    ],
)
def test_what_is_wrong_in_a_version_is_refused(changes: dict[str, Any], expected: str) -> None:
    """With the version it stands in."""
    said = refusal(versions=[version_tree("1", "2026-01-01", **changes)])
    assert expected in said
    assert "versions[0]" in said


def test_the_version_of_the_day_is_chosen() -> None:
    """The first in the file was used whatever its dates: the wrong endpoint for a week."""
    read = feed(
        versions=[
            version_tree("3", "2026-09-01", endpoint="wss://three.venue.net"),
            version_tree("1", "2026-01-01", endpoint="wss://one.venue.net"),
            version_tree(
                "2", "2026-03-01", effective_to="2026-06-30", endpoint="wss://two.venue.net"
            ),
        ]
    )
    chosen = {
        day: read.effective(date.fromisoformat(day)).version
        for day in (
            "2026-01-01",
            "2026-02-28",
            "2026-03-01",
            "2026-06-30",
            "2026-07-01",
            "2030-01-01",
        )
    }
    assert list(chosen.values()) == ["1", "1", "2", "2", "1", "3"]
    with pytest.raises(ConfigError, match="No version of the feed 'a-feed' is effective on 2025"):
        read.effective(date(2025, 12, 31))


spans = st.lists(
    st.tuples(st.integers(0, 60), st.none() | st.integers(0, 30)),
    min_size=1,
    max_size=6,
    unique_by=lambda span: span[0],
)


@given(spans=spans, day=st.integers(-5, 100))
def test_the_effective_version_includes_the_day_and_none_newer_does(
    spans: list[tuple[int, int | None]], day: int
) -> None:
    """Whatever the order in the file, and however the dates overlap."""
    first = date(2026, 1, 1)
    read = feed(
        versions=[
            version_tree(
                str(begins),
                (first + timedelta(begins)).isoformat(),
                effective_to=None
                if lasts is None
                else (first + timedelta(begins + lasts)).isoformat(),
            )
            for begins, lasts in spans
        ]
    )
    holding = [b for b, lasts in spans if b <= day and (lasts is None or day <= b + lasts)]
    if holding:
        assert read.effective(first + timedelta(day)).version == str(max(holding))
    else:
        with pytest.raises(ConfigError):
            read.effective(first + timedelta(day))


def test_a_disabled_feed_is_not_recorded() -> None:
    """It can be shown and validated; asking where to connect is refused."""
    with pytest.raises(ConfigError, match="is disabled"):
        feed(status="disabled").endpoint(DAY)


@pytest.mark.parametrize(
    "override",
    [{"subscriptions_per_connection": 201}, {"sends_per_second": 11}, {"connections": 11}],
)
def test_an_override_cannot_ask_more_than_the_venue_tolerates(override: dict[str, int]) -> None:
    """256 was the venue's limit; 500 was accepted, and half the symbols stayed silent."""
    read = feed(versions=[version_tree("1", "2026-01-01", limits=override)])
    with pytest.raises(ConfigError, match="the venue tolerates"):
        read.limits(LIMITS, DAY)


def test_other_symbols_change_nothing_else() -> None:
    """`ssmd up` may narrow a feed."""
    read = feed(category="spot")
    assert read.with_symbols(["X/Y"]).universe.symbols == ("X/Y",)
    assert read.with_symbols(read.universe.symbols) == read


def test_json_is_yaml_too() -> None:
    """ConfigMaps made by programs hold JSON."""
    text = json.dumps(feed_tree())
    assert settings.parse(text, FeedConfig, where="x") == feed()
