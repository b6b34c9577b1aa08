"""Many series of one shard: nothing counted twice, nothing left out, never the first series."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.quality.checks import signals
from ssmd.quality.checks.shards import Planned, Sample, by_shard, increases, shown
from ssmd.quality.checks.signals import FLOW, IDLE, MARKETS, WS, queries
from ssmd.quality.checks.told import PLANNED, Expected
from tests.quality.told import CLOSED, a_told, looked, never, running, series


def test_a_replaced_process_is_not_counted_twice() -> None:
    """Its gauges are still told for minutes: the shard has the best of both; messages add up."""
    old, new = "10.0.0.1:8080", "10.0.0.2:8080"
    told = a_told(
        ws=series({"0": 0}, old) + series({"0": 1}, new),
        flow=series({"0": 900}, old, message_type="t") + series({"0": 600}, new, message_type="t"),
        idle=series({"0": 250}, old) + series({"0": 1}, new),
        markets=series({"0": 5}, old) + series({"0": 5}, new),
        planned=1,
    )
    found = looked(told)
    assert [found[name].value for name in signals.NAMES[:-1]] == [1, 1500, 1, 5]
    assert "2 series of 2 processes" in found[WS].evidence


def test_a_process_that_two_jobs_scrape_counts_once() -> None:
    """The same instance under two jobs received its messages once."""
    twice = series({"0": 900}, message_type="t", job="a") + series(
        {"0": 901}, message_type="t", job="b"
    )
    assert increases(twice) == {"0": 901}


def test_message_types_add_up() -> None:
    """A shard's messages are those of all its types."""
    both = series({"0": 5}, message_type="t") + series({"0": 7}, message_type="b")
    assert increases(both) == {"0": 12}


@given(
    st.lists(
        st.tuples(st.sampled_from("012"), st.sampled_from("abc"), st.floats(0, 1e6)), min_size=1
    ),
    st.randoms(),
)
def test_no_order_of_series_changes_anything(
    told: list[tuple[str, str, float]], random: object
) -> None:
    """Never "the first series": they come as they like."""
    samples = [Sample({"shard": s, "instance": i}, value) for s, i, value in told]
    mixed = sorted(samples, key=lambda _: random.random())  # type: ignore[attr-defined]
    for best in (max, min):
        assert by_shard(samples, best, Planned()) == by_shard(mixed, best, Planned())
    assert increases(samples) == pytest.approx(increases(mixed))
    assert len(shown(increases(samples), float)) < 200


def test_of_many_shards_the_worst_are_shown() -> None:
    """Evidence is bounded, and begins with what matters."""
    values = {str(index): 1.0 for index in range(40)} | {"33": 0.0}
    text = shown(values, float)
    assert text.startswith("shard 33=0, ")
    assert text.endswith("and 34 more")


def test_the_queries_are_those_of_the_founding_notes() -> None:
    """Word for word; of a running day only what it had."""
    labels = {"feed": "kalshi", "category": "crypto"}
    selected = '{feed="kalshi",category="crypto"}'
    assert queries(labels, CLOSED) == {
        WS: f"ssmd_connector_websocket_connected{selected}",
        FLOW: f"increase(ssmd_connector_messages_total{selected}[24h])",
        IDLE: f"ssmd_connector_idle_seconds{selected}",
        MARKETS: f"ssmd_connector_markets_subscribed{selected}",
        PLANNED: f"ssmd_connector_shards_total{selected}",
    }
    assert queries(labels, running(90.5))[FLOW].endswith("[90s])")
    assert queries({"feed": 'a"\\'}, CLOSED)[WS].endswith('{feed="a\\"\\\\"}')


def test_divisions_do_not_hide_each_other() -> None:
    """Both have a first shard; the dead one counts, and what is subscribed adds up."""
    told = a_told(
        ws=series({"0": 1}, "a:1", category="x") + series({"0": 0}, "b:1", category="y"),
        flow=series({"0": 5}, "a:1", category="x") + series({"0": 7}, "b:1", category="y"),
        markets=series({"0": 5}, "a:1", category="x") + series({"0": 6}, "b:1", category="y"),
    )
    found = looked(told)
    assert (found[WS].value, found[FLOW].value, found[MARKETS].value) == (0, 12, 11)
    assert "y/0=0" in found[WS].evidence


def test_a_division_without_any_series_counts_as_not_connected() -> None:
    """Its connector runs nowhere: the others' sockets say nothing of it."""
    told = a_told(ws=series({"0": 1}, category="x"))
    alone = Expected(window=CLOSED, pause=never, divisions=("x",))
    both = Expected(window=CLOSED, pause=never, divisions=("x", "y"))
    assert signals.ws_connected(told, alone).value == 1
    missing = signals.ws_connected(told, both)
    assert missing.value == 0
    assert "y=0" in missing.evidence


def test_every_share_has_a_plan_of_its_own() -> None:
    """The second process's shards are numbered from 1000; what it does not plan any more is old."""
    planned = Planned([Sample({"instance": "a"}, 3), Sample({"instance": "b"}, 1)])
    ws = [
        Sample({"instance": "a", "shard": "2"}, 1),
        Sample({"instance": "b", "shard": "1000"}, 1),
        Sample({"instance": "b", "shard": "1001"}, 0),
    ]
    assert by_shard(ws, max, planned) == {"2": 1, "1000": 1}
    assert not planned.is_nothing
    assert Planned([Sample({"instance": "a"}, 0)]).is_nothing
    assert not Planned().is_nothing
