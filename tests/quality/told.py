"""What services told of a feed, made up for tests, and what the checks make of it."""

from collections.abc import Callable, Mapping
from datetime import date

from ssmd.feeds.policy import load_policy
from ssmd.feeds.registry import load_feed
from ssmd.model.timestamp import SECOND_NS
from ssmd.quality.checks import signals
from ssmd.quality.checks.shards import Answer, Sample
from ssmd.quality.checks.signals import FLOW, IDLE, MARKETS, WS
from ssmd.quality.checks.told import PLANNED, Away, Expected, NotHere, StreamTold, Told
from ssmd.quality.finding import Measured
from ssmd.quality.scoring import judge
from ssmd.quality.window import Window, begin

DAY = date(2026, 11, 22)
CLOSED = Window(date=DAY, since=begin(DAY), until=begin(date(2026, 11, 23)), running=False)
AT = CLOSED.until - 1
POLICY = load_policy()
FEED = "kraken-futures"
CHECKS = POLICY.of(load_feed(FEED).quality)

Pause = Callable[[int], str | None]


def never(ts: int) -> str | None:
    """A venue that never pauses."""
    return None


def always(ts: int) -> str | None:
    """A venue that is closed."""
    return "holiday"


def running(seconds: float) -> Window:
    return Window(
        date=DAY, since=begin(DAY), until=begin(DAY) + round(seconds * SECOND_NS), running=True
    )


def series(values: Mapping[str, float], instance: str = "a:1", **labels: str) -> tuple[Sample, ...]:
    """One sample a shard."""
    return tuple(
        Sample({"shard": shard, "instance": instance, **labels}, value)
        for shard, value in values.items()
    )


def a_told(
    *,
    ws: tuple[Sample, ...] = (),
    flow: tuple[Sample, ...] = (),
    idle: tuple[Sample, ...] = (),
    markets: tuple[Sample, ...] = (),
    planned: float | None = None,
    at: int = AT,
    **more: str,
) -> Told:
    given_ = {WS: ws, FLOW: flow, IDLE: idle, MARKETS: markets}
    answers = {name: Answer(f"query of {name}", samples) for name, samples in given_.items()}
    shards = () if planned is None else (Sample({}, planned),)
    answers[PLANNED] = Answer("query of the plan", shards)
    return Told(where="http://prometheus", at=at, answers=answers, **more)


GOOD = a_told(
    ws=series({"0": 1, "1": 1}),
    flow=series({"0": 700, "1": 800}, message_type="trade"),
    idle=series({"0": 0.2, "1": 3.5}),
    markets=series({"0": 3, "1": 2}),
    planned=2,
)
STREAMED = StreamTold(stream="PROD_X", messages=9, stored=100, last_ts=AT, asked_at=AT)


def looked(
    told: Told | Away | NotHere = GOOD,
    *,
    stream: StreamTold | NotHere = STREAMED,
    window: Window = CLOSED,
    pause: Pause = never,
    **more: object,
) -> dict[str, Measured]:
    baseline = CHECKS[FLOW].scale.full
    expected = Expected(window=window, pause=pause, **{"baseline": baseline, **more})  # type: ignore[arg-type]
    return {each.name: each for each in signals.signals(told, stream, expected)}


def score(measured: Measured) -> tuple[float | None, tuple[str, ...]]:
    """What it is worth by the shipped policy, and what issues it makes."""
    report, issues = judge(FEED, [measured], CHECKS, {"signals": 1})
    found = next(check for check in report.checks if check.name == measured.name)
    return found.score, issues


def changed(**more: tuple[Sample, ...]) -> Told:
    """A good feed with something else."""
    good = {
        "ws": GOOD.answers[WS].samples,
        "flow": GOOD.answers[FLOW].samples,
        "idle": GOOD.answers[IDLE].samples,
        "markets": GOOD.answers[MARKETS].samples,
    }
    return a_told(planned=2, **(good | more))  # type: ignore[arg-type]
