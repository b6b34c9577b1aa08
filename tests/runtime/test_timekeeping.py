"""How right the clock is, and who says so."""

import struct

import pytest

from ssmd.model.records import ClockState
from ssmd.model.rest import Request
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime import adjtimex, clock_metrics, telemetry
from ssmd.runtime.recorder import Answer
from ssmd.runtime.timekeeping import Timekeeper, told
from ssmd.sim.manual_clock import ManualClock
from tests.runtime.test_http import Notes, a_client
from tests.runtime.web import replies, serving

AT = 1_800_000_000
"""Fri, 15 Jan 2027 08:00:00 GMT."""
DATE = "Fri, 15 Jan 2027 08:00:00 GMT"
PLL, UNSYNC, NANO = 0x0001, 0x0040, 0x2000


def timex(offset: int, status: int, greatest_us: int = 2_500) -> bytes:
    """`struct timex` as the kernel fills it."""
    return struct.pack("@I4li", 0, offset, 0, greatest_us, 16_000_000, status).ljust(208, b"\0")


def answered(clock: ManualClock, date: str | None, duration_s: float = 0.5) -> Answer:
    return Answer(status=200, body=b"", received=clock.now(), duration_s=duration_s, date=date)


@pytest.mark.parametrize(
    ("answer", "raw", "offset_s"),
    [
        (0, timex(-1_250, PLL), -0.00125),
        (0, timex(1_250, PLL | NANO), 0.00000125),
        (4, timex(0, 0), 0.0),
    ],
)
def test_a_kernel_that_keeps_the_clock_says_how_right_it_is(
    answer: int, raw: bytes, offset_s: float
) -> None:
    """Microseconds or nanoseconds, as its status has it; a leap second under way changes nothing."""
    state = adjtimex.parse(answer, raw)
    assert state is not None
    assert state.source == "kernel"
    assert state.offset_s == pytest.approx(offset_s)
    assert state.error_s == pytest.approx(0.0025)


@pytest.mark.parametrize(
    ("answer", "raw"), [(-1, timex(7, PLL)), (5, timex(7, PLL)), (0, timex(7, PLL | UNSYNC))]
)
def test_a_kernel_whose_clock_nobody_keeps_says_nothing(answer: int, raw: bytes) -> None:
    """An offset of 0 of a clock that runs free would be a lie."""
    assert adjtimex.parse(answer, raw) is None


def test_this_machines_kernel_can_be_asked() -> None:
    """Without rights, and whatever it says: nothing is set by asking."""
    state = adjtimex.read()
    assert state is None or state.source == "kernel"


def test_the_kernel_wins_over_the_venue() -> None:
    """Its word is a thousand times as exact."""
    clock = ManualClock(wall=AT * SECOND_NS)
    kernel = ClockState(source="kernel", offset_s=0.001, error_s=0.002)
    keeper = Timekeeper(clock, lambda: kernel)
    keeper.heard(answered(clock, DATE))
    assert keeper.state() == kernel


async def test_the_venue_is_believed_for_an_hour() -> None:
    """Clocks drift: what it said long ago proves nothing."""
    clock = ManualClock(wall=AT * SECOND_NS)
    keeper = Timekeeper(clock, lambda: None)
    assert keeper.state() == ClockState(source="unknown")
    keeper.heard(answered(clock, DATE))
    keeper.heard(answered(clock, None))
    assert keeper.state().source == "venue"
    await clock.advance(3599)
    assert keeper.state().source == "venue"
    await clock.advance(2)
    assert keeper.state() == ClockState(source="unknown")


@pytest.mark.parametrize("wrong_s", [-40.0, 0.0, 0.3, 40.0])
@pytest.mark.parametrize("within_s", [0.0, 0.4, 0.999])
@pytest.mark.parametrize("under_way_s", [0.0, 0.2, 0.5])
def test_the_truth_lies_within_what_is_said_of_a_date(
    wrong_s: float, within_s: float, under_way_s: float
) -> None:
    """Wherever in its second, and wherever between question and answer, it was written."""
    received_s = AT + within_s + (0.5 - under_way_s) + wrong_s  # by our clock, wrong by so much
    clock = ManualClock(wall=round(received_s * SECOND_NS))
    state = told(answered(clock, DATE))
    assert state is not None
    assert state.offset_s is not None
    assert state.error_s == pytest.approx(0.75)
    assert abs(state.offset_s - -wrong_s) <= 0.75 + 1e-6


@pytest.mark.parametrize("date", [None, "", "yesterday", "Fri, 99 Jan 2027 08:00:00 GMT"])
def test_a_date_that_is_none_says_nothing(date: str | None) -> None:
    """Venues stand behind caches and old servers."""
    assert told(answered(ManualClock(), date)) is None


async def test_the_date_of_an_answer_out_of_a_cache_is_not_believed() -> None:
    """It says when somebody else asked."""
    clock, notes = ManualClock(), Notes()
    kept = (200, b"[]", {"Date": DATE, "Age": "30"})
    async with (
        serving(replies((200, b"[]", {"Date": DATE}), kept)) as web,
        a_client(web, clock, notes) as http,
    ):
        for _ in range(2):
            await http.fetch(Request("/x"), "test")
    assert [answer.date for _, answer, _ in notes.answers] == [DATE, None]


def test_what_is_shown_is_the_source_in_use() -> None:
    """One of the three is 1; an offset nobody knows is not shown as the last one known."""
    telemetry.clock(ClockState(source="venue", offset_s=-1.5, error_s=0.75))
    shown = {name: clock_metrics.SOURCE.labels(name)._value.get() for name in clock_metrics.SOURCES}
    assert shown == {"kernel": 0.0, "venue": 1.0, "unknown": 0.0}
    assert clock_metrics.OFFSET._value.get() == -1.5
    assert clock_metrics.ERROR._value.get() == 0.75
    telemetry.clock(ClockState(source="unknown"))
    assert clock_metrics.SOURCE.labels("unknown")._value.get() == 1.0
    assert (clock_metrics.OFFSET._value.get(), clock_metrics.ERROR._value.get()) == (0.0, 0.0)
