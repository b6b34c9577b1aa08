"""What live services showed: each check seen bad and good, and services that do not tell."""

import pytest

from ssmd.quality.checks import signals
from ssmd.quality.checks.signals import FLOW, IDLE, MARKETS, STREAM, WS
from ssmd.quality.checks.told import Away, NotHere, StreamTold
from tests.quality.told import AT, a_told, changed, looked, score, series


def test_a_good_day_is_worth_everything() -> None:
    """Every check is known, full, shows where it is from, and makes no issue."""
    found = looked()
    assert list(found) == list(signals.NAMES)
    assert [found[name].value for name in signals.NAMES] == [1, 1500, 3.5, 5, 1]
    for measured in found.values():
        assert score(measured) == (100, ())
    for name in signals.NAMES[:-1]:
        assert found[name].evidence.startswith(f"query of {name} at 2026-11-22T23:59:59Z: 2 series")
        assert "shard " in found[name].evidence


# --- each check, red and green


def test_ws_connected_red() -> None:
    """One shard without its socket is a disconnected feed, however many have theirs."""
    measured = looked(changed(ws=series({"0": 1, "1": 0})))[WS]
    worth, issues = score(measured)
    assert worth == 0
    assert issues[0].startswith("kraken-futures: ws_connected is 0")
    assert "shard 1=0, 0=1" in issues[0], "the worst shard is named first"
    assert "log of its connector" in issues[0]


def test_ws_connected_green() -> None:
    """All shards have their sockets."""
    assert score(looked()[WS]) == (100, ())


def test_message_flow_red() -> None:
    """A whole day without a message is an issue; a thin one only scores less."""
    worth, issues = score(looked(changed(flow=series({"0": 0, "1": 0})))[FLOW])
    assert worth == 0
    assert issues[0].startswith("kraken-futures: message_flow is 0")
    thin = looked(changed(flow=series({"0": 100, "1": 150})))[FLOW]
    assert score(thin) == (25, ())


def test_message_flow_green() -> None:
    """The shards' messages add up to a full day."""
    assert score(looked()[FLOW]) == (100, ())


@pytest.mark.parametrize(
    ("idle_s", "worth"), [(59.9, 100), (60.0, 75), (119.9, 75), (120.0, 25), (299.9, 25)]
)
def test_idle_time_green(idle_s: float, worth: float) -> None:
    """The steps of the founding notes; none of them wakes anybody."""
    measured = looked(changed(idle=series({"0": 0.1, "1": idle_s})))[IDLE]
    assert score(measured) == (worth, ())


def test_idle_time_red() -> None:
    """Five minutes without a frame on one shard: it is stale, though the other is busy."""
    worth, issues = score(looked(changed(idle=series({"0": 0.1, "1": 300})))[IDLE])
    assert worth == 0
    assert issues[0].startswith("kraken-futures: idle_time is 300")


def test_markets_subscribed_red() -> None:
    """Nothing acknowledged is worth nothing."""
    assert score(looked(changed(markets=series({"0": 0, "1": 0})))[MARKETS]) == (0, ())
    assert score(looked(changed(markets=series({"0": 0, "1": 1})))[MARKETS]) == (50, ())


def test_markets_subscribed_green() -> None:
    """The shards' subscriptions add up."""
    assert score(looked()[MARKETS]) == (100, ())


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (StreamTold(stream="PROD_X", missing=True), "no stream PROD_X"),
        (StreamTold(stream="PROD_X"), "0 messages, none ever"),
        (StreamTold(stream="PROD_X", stored=9, last_ts=AT, behind=4), "4 not archived"),
    ],
)
def test_stream_has_data_red(stream: StreamTold, said: str) -> None:
    """It is not there, never held anything, or lost what was not archived."""
    measured = looked(stream=stream)[STREAM]
    assert score(measured) == (0, ())
    assert said in measured.evidence


def test_stream_has_data_green() -> None:
    """It holds messages; or it held some, and the archive has them all."""
    measured = looked()[STREAM]
    assert score(measured) == (100, ())
    assert (
        "PROD_X: 9 messages, the last of 2026-11-22T23:59:59Z; 0 not archived" in measured.evidence
    )
    purged = looked(stream=StreamTold(stream="PROD_X", stored=9, last_ts=AT))[STREAM]
    assert score(purged) == (100, ())
    assert "All 9 that it ever held are archived" in purged.evidence


# --- services that do not tell


def test_prometheus_away_caps_and_wakes_nobody() -> None:
    """What it would have told is unknown, counts as 50, and says why; the bus is not concerned."""
    found = looked(Away("Prometheus is away.", 50))
    for name in signals.NAMES[:-1]:
        assert score(found[name]) == (50, ())
        assert (found[name].state, found[name].evidence) == ("unknown", "Prometheus is away.")
    assert score(found[STREAM]) == (100, ())


def test_no_series_is_nothing_with_the_evidence() -> None:
    """Prometheus is there and knows nothing of a configured feed: 0, one issue, what to do."""
    found = looked(a_told(watched="It watched 3 targets then."))
    issues = [issue for each in found.values() for issue in score(each)[1]]
    for name in signals.NAMES[:-1]:
        assert score(found[name])[0] == 0
        assert f"query of {name} at 2026-11-22T23:59:59Z: no series" in found[name].evidence
        assert "It watched 3 targets then." in found[name].evidence
    assert len(issues) == 1
    assert "has no series of it" in issues[0]
    assert "labels" in issues[0]


def test_a_metric_that_is_missing_alone_is_an_issue_of_its_own() -> None:
    """The sockets are told of and messages are not: that is not said by the sockets."""
    worth, issues = score(looked(changed(flow=()))[FLOW])
    assert worth == 0
    assert len(issues) == 1


def test_no_prometheus_on_purpose_is_no_fault() -> None:
    """On a machine without one nothing is capped: what it could tell cannot be."""
    found = looked(NotHere("There is none."))
    assert {found[name].state for name in signals.NAMES[:-1]} == {"not_applicable"}
    assert score(found[WS]) == (None, ())


def test_a_bus_that_is_away_is_unknown() -> None:
    """A laptop's stopped bus says nothing about a day that is over."""
    measured = looked(stream=NotHere("It is away."))[STREAM]
    assert (measured.state, measured.evidence) == ("unknown", "It is away.")
    assert score(measured) == (None, ())


def test_a_day_before_prometheus_remembers_is_unknown() -> None:
    """Its silence about last year is no silence of last year's."""
    found = looked(a_told(beyond="It keeps 15 days."))
    for name in signals.NAMES[:-1]:
        assert found[name].state == "unknown"
        assert score(found[name]) == (None, ())
