"""Life and pace of a connection, as every session keeps them."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.keepalive import Keepalive
from ssmd.model.pace import Pace
from ssmd.model.subscription import Limits

LIMITS = Limits(
    subscriptions_per_connection=1,
    sends_per_second=1.0,
    silence_s=90.0,
    ping_interval_s=30.0,
    pong_intervals=2.0,
)


def opened(**limits: float) -> Keepalive:
    life = Keepalive(msgspec.structs.replace(LIMITS, **limits))
    life.open(100.0)
    return life


def test_only_what_was_received_is_life() -> None:
    """Neither pings of ours nor time passing keep a silent connection."""
    life = opened(pong_intervals=10.0)
    life.hear(150.0)
    assert life.is_ping_due(200.0)
    assert life.dead(240.0) is None
    assert life.dead(240.1) == "silence"


def test_a_pong_that_does_not_come_ends_a_talkative_connection() -> None:
    """Counted from the opening, then from the last pong."""
    life = opened()
    life.hear(161.0)
    assert life.dead(160.0) is None
    assert life.dead(160.1) == "pong"
    life.pong = 160.0
    assert life.dead(220.0) is None
    assert life.dead(220.1) == "pong"


def test_a_ping_is_due_once_an_interval() -> None:
    """Asked again at once, it is not due again."""
    life = opened()
    assert not life.is_ping_due(129.9)
    assert life.is_ping_due(130.0)
    assert not life.is_ping_due(130.0)
    assert life.is_ping_due(160.0)


def test_it_is_open_between_its_opening_and_its_end() -> None:
    """Outside of that nothing is sent."""
    life = Keepalive(LIMITS)
    assert not life.is_open
    life.open(0.0)
    assert life.is_open
    life.ended = True
    assert not life.is_open


@given(st.lists(st.floats(0, 2), max_size=200), st.sampled_from([0.4, 1.0, 5.0, 10.0]))
def test_no_window_of_time_holds_more_than_is_tolerated(pauses: list[float], rate: float) -> None:
    """Whatever the rhythm of the wishes."""
    pace, mono, sent = Pace(rate), 0.0, list[float]()
    for pause in pauses:
        mono += pause
        if pace.allows(mono):
            pace.sent(mono)
            sent.append(mono)
    count = max(1, int(rate))
    for first, after in zip(sent, sent[count:], strict=False):
        assert after - first >= count / rate
