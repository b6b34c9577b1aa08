"""What live services showed of one feed: sockets, messages, silence, subscriptions, the stream. Pure.

The value of each check over all its shards is the least (sockets), the sum (messages,
subscriptions), or the greatest (silence): never that of one series. The queries are those of
`queries`; everything else here is arithmetic over their answers.
"""

from collections.abc import Mapping
from typing import Final

from ssmd.model.timestamp import SECOND_NS, format_rfc3339
from ssmd.quality.checks.shards import (
    Answer,
    Planned,
    by_shard,
    category,
    increases,
    processes,
    shown,
)
from ssmd.quality.checks.told import (
    DAY_S,
    PAUSE_STEP_S,
    PLANNED,
    Away,
    Expected,
    NotHere,
    Pause,
    StreamTold,
    Told,
)
from ssmd.quality.finding import Measured
from ssmd.quality.window import Window

WS: Final = "ws_connected"
FLOW: Final = "message_flow"
IDLE: Final = "idle_time"
MARKETS: Final = "markets_subscribed"
STREAM: Final = "stream_has_data"
NAMES: Final = (WS, FLOW, IDLE, MARKETS, STREAM)
"""The checks of this family."""
_DISCONNECTED: Final = "Look at the log of its connector, and at the venue's status page."
_SILENT: Final = "Look at `ssmd status`, and at the log of its connector: no frame came."
_YOUNG: Final = "It was wanted for less than five minutes of that day."


def queries(labels: Mapping[str, str], window: Window) -> dict[str, str]:
    """What Prometheus is asked about a feed, by check: at the window's end.

    Args:
        labels: The labels of the feed's series.
        window: The day; of one that runs, messages are counted since it began.
    """
    inside = ",".join(f'{name}="{_quoted(value)}"' for name, value in labels.items())
    selected = f"{{{inside}}}"
    lasting = f"{max(1, int(window.seconds))}s" if window.running else "24h"
    connector = "ssmd_connector_"
    return {
        WS: f"{connector}websocket_connected{selected}",
        FLOW: f"increase({connector}messages_total{selected}[{lasting}])",
        IDLE: f"{connector}idle_seconds{selected}",
        MARKETS: f"{connector}markets_subscribed{selected}",
        PLANNED: f"{connector}shards_total{selected}",
    }


def signals(
    told: Told | Away | NotHere, bus: StreamTold | Away | NotHere, expected: Expected
) -> tuple[Measured, ...]:
    """Every check of this family.

    Args:
        told: What Prometheus said, or why it did not.
        bus: What the bus said, or why it did not.
        expected: What there is reason to expect.
    """
    return (*_prometheus(told, expected), stream_has_data(bus))


def _prometheus(told: Told | Away | NotHere, expected: Expected) -> tuple[Measured, ...]:
    names = NAMES[:-1]
    if isinstance(told, Away):
        return tuple(
            Measured(name=name, value=None, state="unknown", evidence=told.why, cap=told.cap)
            for name in names
        )
    if isinstance(told, NotHere):
        return tuple(_not_applicable(name, told.why) for name in names)
    if told.beyond:
        return tuple(
            Measured(name=name, value=None, state="unknown", evidence=told.beyond) for name in names
        )
    return (
        ws_connected(told, expected),
        message_flow(told, expected),
        idle_time(told, expected),
        markets_subscribed(told, expected),
    )


def ws_connected(told: Told, expected: Expected) -> Measured:
    """1 when every shard of the plan had its socket, at the window's end."""
    answer = told.answers[WS]
    values = by_shard(answer.samples, max, _planned(told))
    if not values:
        return _nothing(WS, told, expected)
    told_of = {category(sample.labels) for sample in answer.samples}
    values |= {name: 0.0 for name in expected.divisions if name not in told_of}
    least = min(values.values())
    evidence = f"{_asked(told, answer)}; least of {shown(values, float)}."
    paused = expected.pause(told.at)
    if least < 1 and paused:
        return _not_applicable(WS, f"{evidence} The venue pauses: {paused}.")
    return Measured(name=WS, value=least, evidence=evidence, remedy=_DISCONNECTED)


def message_flow(told: Told, expected: Expected) -> Measured:
    """How many messages the day brought, over all shards and types."""
    answer = told.answers[FLOW]
    share = expected.share
    full, why = _baseline(expected, share)
    if not answer.samples:
        if expected.is_young and told.answers[WS].samples:
            evidence = f"{_asked(told, answer)}. {_YOUNG}"
            return Measured(name=FLOW, value=None, state="unknown", evidence=evidence)
        return _nothing(FLOW, told, expected)
    values = increases(answer.samples)
    total = round(sum(values.values()))
    evidence = f"{_asked(told, answer)}; sum of {shown(values, float)}.{why}"
    if total == 0 and share == 0:
        return _not_applicable(FLOW, f"{evidence} The venue paused all the time.")
    return Measured(
        name=FLOW,
        value=float(total),
        evidence=evidence,
        full=full,
        excused=_no_messages(told, expected) if total == 0 else "",
        remedy=_SILENT,
    )


def idle_time(told: Told, expected: Expected) -> Measured:
    """Seconds since the last frame of the most silent shard; the venue's pauses do not count."""
    answer = told.answers[IDLE]
    values = by_shard(answer.samples, min, _planned(told))
    if not values:
        return _nothing(IDLE, told, expected)
    longest = max(values.values())
    evidence = f"{_asked(told, answer)}; longest of {shown(values, lambda value: -value)}."
    paused_s = _paused_s(expected.pause, told.at, longest)
    if paused_s:
        evidence += f" The venue paused for {paused_s:.0f} s of that."
    silent_s = round(max(0.0, longest - paused_s), 3)
    return Measured(name=IDLE, value=silent_s, evidence=evidence, remedy=_SILENT)


def markets_subscribed(told: Told, expected: Expected) -> Measured:
    """How many subscriptions were acknowledged, over all shards, at the window's end."""
    answer = told.answers[MARKETS]
    values = by_shard(answer.samples, max, _planned(told))
    if not values:
        return _nothing(MARKETS, told, expected)
    total = sum(values.values())
    evidence = f"{_asked(told, answer)}; sum of {shown(values, float)}."
    paused = expected.pause(told.at)
    if total == 0 and paused:
        return _not_applicable(MARKETS, f"{evidence} The venue pauses: {paused}.")
    return Measured(name=MARKETS, value=total, evidence=evidence)


def _not_applicable(name: str, evidence: str) -> Measured:
    """There cannot be a value."""
    return Measured(name=name, value=None, state="not_applicable", evidence=evidence)


def stream_has_data(bus: StreamTold | Away | NotHere) -> Measured:
    """1 when the feed's stream holds messages, or has handed them all to the archive."""
    if not isinstance(bus, StreamTold):
        return Measured(name=STREAM, value=None, state="unknown", evidence=bus.why)
    if bus.missing:
        return Measured(
            name=STREAM, value=0.0, evidence=f"The bus has no stream {bus.stream}: nobody made it."
        )
    last = f"the last of {_moment(bus.last_ts)}" if bus.last_ts is not None else "none ever"
    now = f", asked at {_moment(bus.asked_at)}"
    evidence = f"{bus.stream}: {bus.messages} messages, {last}; {bus.behind} not archived{now}."
    has_all = bus.messages == 0 and bus.stored > 0 and bus.behind == 0
    if has_all:
        evidence += f" All {bus.stored} that it ever held are archived, and purged."
    return Measured(name=STREAM, value=float(bus.messages > 0 or has_all), evidence=evidence)


def _nothing(name: str, told: Told, expected: Expected) -> Measured:
    """Prometheus is there and has no series of the feed: nobody recorded it, unless none was to."""
    answer = told.answers[name]
    if _planned(told).is_nothing:
        why = "Nothing was wanted then: the plan had no shard."
        return _not_applicable(name, f"{_asked(told, answer)}. {why}")
    if expected.wanted_last is False and name != FLOW:
        why = "Nothing was wanted any more at that time."
        return _not_applicable(name, f"{_asked(told, answer)}. {why}")
    evidence = f"{_asked(told, answer)}.{' ' + told.watched if told.watched else ''}"
    if name == IDLE:  # a silence that nobody measured: it counts as the worst, without a number
        return Measured(name=name, value=None, state="unknown", evidence=evidence, cap=0.0)
    if name == WS:
        issue = (
            f"Prometheus at {told.where} has no series of it ({answer.query}): see that its"
            " connector runs, that Prometheus scrapes it, and that the labels are right."
        )
        return Measured(name=name, value=0.0, evidence=evidence, issue=issue)
    once = "" if told.answers[WS].samples else f"See {WS}."  # one issue, not one of each check
    return Measured(name=name, value=0.0, evidence=evidence, excused=once)


def _no_messages(told: Told, expected: Expected) -> str:
    """Why there need not be any; empty when there is no reason."""
    if expected.is_young:
        return _YOUNG
    return "Nothing was wanted: the plan had no shard." if _planned(told).is_nothing else ""


def _planned(told: Told) -> Planned:
    answer = told.answers.get(PLANNED)
    return Planned(() if answer is None else answer.samples)


def _asked(told: Told, answer: Answer) -> str:
    """What was asked, when, and how much came of it."""
    count = len(answer.samples)
    several = processes(answer.samples)
    of = f" of {several} processes" if several > 1 else ""
    return f"{answer.query} at {_moment(told.at)}: {count or 'no'} series{of}"


def _moment(ts: int) -> str:
    """A time for people, to the second."""
    return f"{format_rfc3339(ts)[:19]}Z"


def _baseline(expected: Expected, share: float) -> tuple[float | None, str]:
    """The messages that score 100 in this window, and why they are not the policy's."""
    if expected.baseline is None:
        return None, ""
    words = f" {expected.learned}" if expected.learned else ""
    if share >= 1 or share == 0:
        return (expected.baseline if expected.learned else None), words
    full = expected.zero + (expected.baseline - expected.zero) * share
    words += f" Full is {full:.4g}: {100 * share:.3g} % of a day's {expected.baseline:.0f}."
    return full, words


def _paused_s(pause: Pause, at: int, silent_s: float) -> float:
    """How much of the silence before a moment lay in a pause of the venue, in seconds."""
    whole = min(silent_s, float(DAY_S))
    steps = max(1, int(whole / PAUSE_STEP_S))
    step_s = whole / steps
    inside = sum(
        pause(at - round((index + 0.5) * step_s * SECOND_NS)) is not None for index in range(steps)
    )
    return inside * step_s


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
