"""Logs: for people on a terminal, JSON otherwise, within a budget that incidents do not need."""

import logging
import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final, TextIO

import msgspec
import structlog

from ssmd.model.timestamp import format_rfc3339
from ssmd.runtime import metrics
from ssmd.runtime.clock import Clock, SystemClock
from ssmd.runtime.secrets import masked

Fields = MutableMapping[str, Any]

PER_MINUTE: Final = 60
"""Lines of one event allowed in a minute."""

_MOST_EVENTS: Final = 1000
_WINDOW_S: Final = 60.0
_DROPPED_EVENT: Final = "log.lines_dropped"
_SECRET_KEYS: Final = ("secret", "password", "passwd", "token", "private_key", "api_key")


class Budget:
    """Counts lines per event and minute. Pure but for its own counts."""

    def __init__(self, per_minute: int = PER_MINUTE) -> None:
        self._per_minute = per_minute
        self._windows: dict[str, tuple[float, int]] = {}

    def admit(self, event: str, mono: float) -> bool:
        """Whether one more line of this event may be written at this monotonic time."""
        if event not in self._windows and len(self._windows) >= _MOST_EVENTS:
            event = ""  # whoever makes up event names shares one budget
        began, lines = self._windows.get(event, (mono, 0))
        self._windows[event] = (began, lines + 1)
        return lines < self._per_minute

    def expired(self, mono: float) -> dict[str, int]:
        """Lines dropped per event in the minutes that ended since the last call."""
        over = {e: n for e, (began, n) in self._windows.items() if mono - began >= _WINDOW_S}
        return self._forget(over)

    def flush(self) -> dict[str, int]:
        """Lines dropped per event in the minutes still running; they begin anew."""
        return self._forget({event: lines for event, (_, lines) in self._windows.items()})

    def _forget(self, over: Mapping[str, int]) -> dict[str, int]:
        for event in over:
            del self._windows[event]
        return {e: n - self._per_minute for e, n in over.items() if n > self._per_minute}


class _Gate:
    """The budget as a structlog processor."""

    def __init__(self, budget: Budget, clock: Clock) -> None:
        self._budget = budget
        self._clock = clock

    def __call__(self, logger: object, method: str, fields: Fields) -> Fields:
        event = str(fields.get("event", ""))
        if fields.get("incident") or event == _DROPPED_EVENT:
            return fields
        mono = self._clock.mono()
        _report(self._budget.expired(mono))
        if self._budget.admit(event, mono):
            return fields
        metrics.LOG_LINES_DROPPED.inc()
        raise structlog.DropEvent

    def flush(self) -> None:
        """Say what was dropped in the minute that still runs."""
        _report(self._budget.flush())


_gates: list[_Gate] = []


def configure(
    json: bool | None = None,
    quiet: bool = False,
    *,
    stream: TextIO | None = None,
    clock: Clock | None = None,
    per_minute: int = PER_MINUTE,
) -> None:
    """Set up logging for this process; the last call wins.

    Args:
        json: One JSON object per line; None chooses by whether the stream is a terminal.
        quiet: Warnings and incidents only.
        stream: Where to; standard error when None.
        clock: Time of the lines and of the budget; the machine's own when None.
        per_minute: Lines of one event allowed in a minute; the rest are counted.
    """
    target = sys.stderr if stream is None else stream
    times = SystemClock() if clock is None else clock
    people = target.isatty() if json is None else not json
    gate = _Gate(Budget(per_minute), times)
    _gates[:] = [gate]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            gate,
            structlog.processors.format_exc_info,
            _mask,
            _stamp(times),
            _renderer(people, target),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.WARNING if quiet else logging.INFO
        ),
        logger_factory=lambda *_: _Writer(target),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_FromStandard()]
    root.setLevel(logging.WARNING)


def incident(event: str, **fields: object) -> None:
    """Write what somebody must see: no level and no budget holds it back, and it is counted."""
    metrics.INCIDENTS.labels(event).inc()
    structlog.get_logger().error(event, incident=True, **fields)


def flush() -> None:
    """Write the summary of lines dropped so far: call before the process ends."""
    for gate in _gates:
        gate.flush()


def _report(dropped: Mapping[str, int]) -> None:
    for event, lines in sorted(dropped.items()):
        structlog.get_logger().warning(_DROPPED_EVENT, of=event or "others", lines=lines)


class _Writer:
    """Writes lines; a closed terminal or a full disk must not stop a recording."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            metrics.LOG_LINES_DROPPED.inc()

    debug = info = warning = error = critical = msg


class _FromStandard(logging.Handler):
    """Brings the lines of libraries into ours; their free text is a field, not an event."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(
            record.levelno,
            f"library.{record.name}",
            message=record.getMessage(),
            exc_info=record.exc_info,
        )


def _mask(logger: object, method: str, fields: Fields) -> Fields:
    for key, value in fields.items():
        if key.lower().endswith(_SECRET_KEYS):
            fields[key] = "[secret]"
        elif isinstance(value, str):
            fields[key] = masked(value)
        elif not isinstance(value, (int, float, bool, type(None))):
            text = str(value)
            if (clean := masked(text)) != text:
                fields[key] = clean
    return fields


def _stamp(clock: Clock) -> structlog.typing.Processor:
    def stamp(logger: object, method: str, fields: Fields) -> Fields:
        return {"at": format_rfc3339(clock.wall()), **fields}

    return stamp


def _renderer(people: bool, stream: TextIO) -> structlog.typing.Processor:
    if not people:
        return structlog.processors.JSONRenderer(serializer=_json)
    colors = stream.isatty() and not os.environ.get("NO_COLOR")
    return structlog.dev.ConsoleRenderer(
        colors=colors,
        timestamp_key="at",
        exception_formatter=structlog.dev.plain_traceback,  # pretty ones print locals, keys too
    )


def _json(fields: object, **_: object) -> str:
    return msgspec.json.encode(fields, enc_hook=repr).decode()
