"""Logs: one event cannot drown the others, and incidents always pass."""

import io
import json
import logging as standard
from collections.abc import Iterator

import pytest
import structlog

from ssmd.runtime import logging, metrics
from ssmd.runtime.secrets import Secrets
from ssmd.sim.manual_clock import ManualClock


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = standard.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def configured(
    *, json_lines: bool | None = True, quiet: bool = False, per_minute: int = 3
) -> tuple[io.StringIO, ManualClock]:
    stream, clock = io.StringIO(), ManualClock()
    logging.configure(json_lines, quiet, stream=stream, clock=clock, per_minute=per_minute)
    return stream, clock


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_where_no_terminal_is() -> None:
    """Machines read them; the time is the clock's, nanoseconds and all."""
    stream, _ = configured(json_lines=None)
    structlog.get_logger().info("a.thing", n=1, odd=b"bytes", feed="f")
    (line,) = lines(stream)
    assert line == {
        "at": "2027-01-15T08:00:00.000000000Z",
        "event": "a.thing",
        "level": "info",
        "n": 1,
        "odd": line["odd"],
        "feed": "f",
    }


def test_people_get_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal a line is for eyes."""
    stream, _ = configured(json_lines=False)
    structlog.get_logger().info("a.thing", n=1)
    assert "a.thing" in stream.getvalue()
    assert "{" not in stream.getvalue()
    assert capsys.readouterr().out == ""


def test_repeats_beyond_the_budget_are_counted_not_written() -> None:
    """A flood of one event must not hide the rest, nor fill the disk."""
    stream, clock = configured()
    before = metrics.LOG_LINES_DROPPED._value.get()
    for n in range(10):
        structlog.get_logger().info("flood", n=n)
    structlog.get_logger().info("other")
    assert [line["event"] for line in lines(stream)] == ["flood"] * 3 + ["other"]
    assert metrics.LOG_LINES_DROPPED._value.get() - before == 7
    clock.leap(61)
    structlog.get_logger().info("later")
    structlog.get_logger().info("flood", n=99)
    told = lines(stream)[4:]
    assert [line["event"] for line in told] == ["log.lines_dropped", "later", "flood"]
    assert (told[0]["of"], told[0]["lines"]) == ("flood", 7)


def test_what_was_dropped_is_said_before_the_end() -> None:
    """A process that ends within the minute still owes its summary."""
    stream, _ = configured()
    for _ in range(5):
        structlog.get_logger().info("flood")
    logging.flush()
    last = lines(stream)[-1]
    assert (last["event"], last["of"], last["lines"]) == ("log.lines_dropped", "flood", 2)
    logging.flush()
    assert lines(stream)[-1] == last
    assert len(lines(stream)) == 4


def test_made_up_event_names_share_one_budget() -> None:
    """The budget itself must stay bounded."""
    budget = logging.Budget(per_minute=1)
    for n in range(1000):
        assert budget.admit(f"event-{n}", 0.0)
    assert budget.admit("one more", 0.0)
    assert not budget.admit("and another", 0.0)


def test_an_incident_passes_quiet_and_the_budget() -> None:
    """What somebody must see does not depend on a log level."""
    stream, _ = configured(quiet=True)
    before = metrics.INCIDENTS.labels("on.fire")._value.get()
    structlog.get_logger().info("chatter")
    for _ in range(10):
        logging.incident("on.fire", where="here")
    assert [line["event"] for line in lines(stream)] == ["on.fire"] * 10
    assert all(line["incident"] is True for line in lines(stream))
    assert metrics.INCIDENTS.labels("on.fire")._value.get() - before == 10


def test_no_secret_reaches_a_line() -> None:
    """Whatever the field is called, and wherever in it the value stands."""
    stream, _ = configured(per_minute=100)
    held = Secrets({"api_key": "very-secret-value-1"})
    log = structlog.get_logger()
    log.warning("x", url="wss://h/?k=very-secret-value-1", api_key="another", held=held)
    log.warning("x", nested={"deep": ["very-secret-value-1"]})
    log.warning("x", exc_info=ValueError("very-secret-value-1"))
    assert "very-secret-value-1" not in stream.getvalue()
    assert "another" not in stream.getvalue()
    assert "[secret]" in stream.getvalue()


def test_a_traceback_for_people_shows_no_locals() -> None:
    """Pretty tracebacks print the locals of every frame, credentials among them."""
    stream, _ = configured(json_lines=False)

    def broken(held: str) -> None:
        raise OSError(len(held))

    try:
        broken("held-in-a-local")
    except OSError:
        structlog.get_logger().warning("x", exc_info=True)
    assert "OSError: 15" in stream.getvalue()
    assert "held-in-a-local" not in stream.getvalue().replace('broken("held-in-a-local")', "")


def test_lines_of_libraries_become_ours() -> None:
    """Libraries log by the standard library: same form, same budget, same masks."""
    stream, _ = configured()
    for n in range(5):
        standard.getLogger("some.library").warning("it broke %d times", n)
    told = lines(stream)
    assert [line["event"] for line in told] == ["library.some.library"] * 3
    assert told[0]["message"] == "it broke 0 times"


def test_a_closed_stream_stops_nobody() -> None:
    """The terminal went away; the recording must not."""
    stream, _ = configured()
    stream.close()
    structlog.get_logger().warning("unheard")
