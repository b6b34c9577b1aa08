"""Silence is told from quiet, over days and over frozen instruments."""

import math
from random import Random

import pytest

from ssmd.connector.rhythm import Flow, Rhythm, RhythmLimits, Voice
from tests.tier import SEED, scale

LOOK_S = 30.0
DAY_S = 86_400


class Market:
    """Instruments with rates of their own, over a day with a quiet night and a pause."""

    def __init__(self, size: int, seed: int) -> None:
        self.rng = Random(seed)
        # From a message a second to one in half an hour, as listings are.
        self.rates: dict[Voice, float] = {
            ("trade", f"S{n}"): 10 ** self.rng.uniform(-3.2, 0.3) for n in range(size)
        }
        self.night = {name: self.rng.uniform(0.3, 3.0) / 20 for name in self.rates}
        self.counts = dict.fromkeys(self.rates, 0)
        self.frozen: set[Voice] = set()

    @staticmethod
    def is_pause(second: float) -> bool:
        """Two hours in which the venue does nothing at all."""
        return 8 * 3600 <= second % DAY_S < 10 * 3600

    def pass_time(self, second: float) -> None:
        """What happens in one look's time."""
        night = 2 * 3600 <= second % DAY_S < 7 * 3600
        for name, rate in self.rates.items():
            if name in self.frozen or self.is_pause(second):
                continue
            mean = rate * LOOK_S * (self.night[name] if night else 1.0)
            self.counts[name] += poisson(self.rng, mean)


def poisson(rng: Random, mean: float) -> int:
    if mean > 20:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count


def live(
    market: Market, rhythm: Rhythm, begin: float, end: float, *, calendar: bool = True
) -> dict[Voice, float]:
    """Let time pass; who was suspected, and after how many seconds of silence."""
    found: dict[Voice, float] = {}
    second = begin
    while second < end:
        market.pass_time(second)
        second += LOOK_S
        rhythm.look(market.counts, second, paused=calendar and market.is_pause(second - LOOK_S))
        for suspect in rhythm.suspects(second):
            found.setdefault(suspect.voice, suspect.silent_s)
    return found


@pytest.mark.timeout(240)
def test_a_day_with_a_quiet_night_and_a_pause_raises_no_alarm() -> None:
    """500 instruments, 24 hours: whoever cries wolf is switched off."""
    market = Market(500, SEED)
    assert live(market, Rhythm(), 0.0, DAY_S * scale(gate=1, full=4)) == {}


@pytest.mark.parametrize("hour", [1.0, 3.0, 12.0])
def test_one_frozen_instrument_of_500_is_found(hour: float) -> None:
    """By day and in the quiet of the night; and nobody else is."""
    market, rhythm = Market(500, SEED + 1), Rhythm()
    assert live(market, rhythm, 0.0, hour * 3600) == {}
    busy = sorted(market.rates, key=market.rates.__getitem__)[-60]
    market.frozen.add(busy)
    found = live(market, rhythm, hour * 3600, (hour + 1) * 3600)
    assert set(found) == {busy}


def test_a_stop_of_everything_is_nobody_s_silence() -> None:
    """Without a calendar, too: when nobody speaks, nobody misses anything."""
    market, rhythm = Market(100, SEED), Rhythm()
    live(market, rhythm, 0.0, 7200.0)
    market.frozen |= set(market.rates)
    assert live(market, rhythm, 7200.0, 4 * 3600.0) == {}


A, B, C, NOBODY = (("trade", name) for name in ("A", "B", "C", "nobody"))


def busy(rhythm: Rhythm, *, until: float = 600.0) -> dict[Voice, int]:
    """Two instruments that have one message each in every second."""
    counts = {A: 0, B: 0, C: 0}
    for second in range(int(until)):
        counts = {name: count + 1 for name, count in counts.items()}
        rhythm.look(counts, float(second))
    return counts


def go_on(rhythm: Rhythm, counts: dict[Voice, int], *, seconds: int, **more: object) -> float:
    """Everybody speaks but A."""
    mono = 600.0
    for _ in range(seconds):
        counts |= {B: counts[B] + 1, C: counts[C] + 1}
        rhythm.look(counts, mono, **more)  # type: ignore[arg-type]
        mono += 1
    return mono - 1


def test_what_is_missed_is_counted_by_the_peers() -> None:
    """One of three equal voices misses half of what the other two say."""
    rhythm = Rhythm()
    counts = busy(rhythm)
    mono = go_on(rhythm, counts, seconds=150)
    (suspect,) = rhythm.suspects(mono)
    assert suspect.voice == A
    assert suspect.missed == pytest.approx(150, rel=0.02)
    assert suspect.silent_s == pytest.approx(150, abs=1)
    assert rhythm.missed(A) == suspect.missed
    assert rhythm.missed(NOBODY) == 0.0


def test_a_short_silence_is_no_matter() -> None:
    """Seconds and messages must both be many."""
    rhythm = Rhythm(RhythmLimits(missed=10.0, silent_s=60.0))
    counts = busy(rhythm)
    assert rhythm.suspects(go_on(rhythm, counts, seconds=50)) == []


def test_whoever_pauses_often_is_not_asked_at_once() -> None:
    """The longest pause made lately, three times over."""
    rhythm = Rhythm(RhythmLimits(missed=10.0))
    counts = busy(rhythm)
    mono = go_on(rhythm, counts, seconds=100)
    counts[A] += 1
    rhythm.look(counts, mono)
    for second in range(1, 400):
        counts |= {B: counts[B] + 1, C: counts[C] + 1}
        rhythm.look(counts, mono + second)
        assert bool(rhythm.suspects(mono + second)) == (second >= 300)


def test_an_excuse_is_remembered() -> None:
    """The witness said it was quiet: such a silence is no news for a while."""
    rhythm = Rhythm(RhythmLimits(missed=10.0))
    counts = busy(rhythm)
    mono = go_on(rhythm, counts, seconds=100)
    assert rhythm.suspects(mono)
    rhythm.excuse(A, mono)
    rhythm.excuse(NOBODY, mono)
    assert rhythm.suspects(mono) == []


@pytest.mark.parametrize("reason", [{"paused": True}, {"away": {A}}])
def test_a_pause_by_calendar_and_a_lost_connection_prove_nothing(
    reason: dict[str, object],
) -> None:
    """Neither counts as silence of the instrument, and the count begins after them."""
    rhythm = Rhythm()
    counts = busy(rhythm)
    assert rhythm.suspects(go_on(rhythm, counts, seconds=500, **reason)) == []
    assert rhythm.missed(A) == 0.0


def test_a_new_connection_counts_from_nothing() -> None:
    """Its counters went back, and what they show was said."""
    rhythm = Rhythm(RhythmLimits(missed=10.0, silent_s=10.0))
    busy(rhythm)
    counts = {A: 1, B: 1, C: 1}
    rhythm.look(counts, 600.0)
    assert rhythm.suspects(601.0) == []
    assert rhythm.missed(A) == 0.0


def test_what_is_no_longer_subscribed_is_forgotten() -> None:
    """A delisted instrument is not missed, and is new when it comes back."""
    rhythm = Rhythm(RhythmLimits(missed=1.0, silent_s=1.0))
    counts = busy(rhythm)
    gone = counts.pop(A)
    for second in range(100):
        counts = {name: count + 1 for name, count in counts.items()}
        rhythm.look(counts, 600.0 + second)
    rhythm.look({**counts, A: gone}, 701.0)
    assert rhythm.suspects(800.0) == []


def test_a_newcomer_has_no_rhythm_yet() -> None:
    """Fifty messages first."""
    rhythm = Rhythm(RhythmLimits(missed=1.0, silent_s=1.0))
    counts = busy(rhythm, until=30)
    assert rhythm.suspects(go_on(rhythm, counts, seconds=100)) == []


def test_what_was_frozen_is_no_rhythm() -> None:
    """A silence that was not its own does not make it more patient the next time."""
    rhythm = Rhythm(RhythmLimits(missed=10.0))
    counts = busy(rhythm)
    mono = go_on(rhythm, counts, seconds=100)
    rhythm.blame(A, mono)
    rhythm.blame(NOBODY, mono)
    assert rhythm.suspects(mono) == []
    counts[A] += 1
    for second in range(1, 70):
        counts |= {B: counts[B] + 1, C: counts[C] + 1}
        rhythm.look(counts, mono + second)
    assert [suspect.voice for suspect in rhythm.suspects(mono + 69)] == [A]


def flown(flow: Flow, *, begin: float, end: float, every: float = 1.0, count: int = 0) -> int:
    """Data at a steady pace on one connection."""
    mono = begin
    while mono < end:
        count += 1
        assert flow.look("c", count, mono) == 0.0
        mono += every
    return count


def test_a_shard_that_says_nothing_at_all_is_found() -> None:
    """Keepalives go on and nobody is left to compare with: only its own past can tell."""
    flow = Flow(RhythmLimits(silent_s=60.0))
    count = flown(flow, begin=0.0, end=600.0)
    assert flow.look("c", count, 650.0) == 0.0
    assert flow.look("c", count, 660.0) == pytest.approx(61.0)
    assert flow.look("c", count + 1, 661.0) == 0.0


def test_a_shard_that_often_pauses_is_not_asked_at_once() -> None:
    """Three times the longest pause it made lately; an excuse counts as one."""
    flow = Flow(RhythmLimits(silent_s=60.0))
    count = flown(flow, begin=0.0, end=6000.0, every=50.0)
    assert flow.look("c", count, 5950.0 + 149.0) == 0.0
    assert flow.look("c", count, 5950.0 + 150.0) > 0
    flow.excuse(5950.0 + 150.0)
    assert flow.look("c", count, 5950.0 + 449.0) == 0.0
    assert flow.look("c", count, 5950.0 + 450.0) > 0


@pytest.mark.parametrize("why", ["young", "paused", "another connection"])
def test_some_silence_of_a_shard_proves_nothing(why: str) -> None:
    """Too little was heard, the venue pauses, or a new connection has only begun."""
    flow = Flow(RhythmLimits(silent_s=60.0))
    count = flown(flow, begin=0.0, end=20.0 if why == "young" else 600.0)
    name = "d" if why == "another connection" else "c"
    assert flow.look(name, count, 5000.0, paused=why == "paused") == 0.0
