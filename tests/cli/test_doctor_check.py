"""The checks of `ssmd doctor` side by side: each within its time, none keeps another from its end."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from ssmd.cli.apart import Nowhere, apart
from ssmd.cli.doctor_check import Check, Look, examine
from ssmd.model.errors import ConfigError, Unavailable
from ssmd.runtime.clock import SystemClock
from ssmd.runtime.secrets import MASK, Secrets

CLOCK = SystemClock()


def good(name: str) -> Look:
    """A look that finds all well."""

    async def look() -> Sequence[Check]:
        return [Check(name=name, state="ok", seen="All is well.")]

    return Look(name, look)


def bad(error: BaseException) -> Look:
    """A look that raises."""

    async def look() -> Sequence[Check]:
        raise error

    return Look("bad", look)


@pytest.mark.parametrize(
    ("error", "seen", "remedy"),
    [
        (Unavailable("It is away.", remedy="Start it."), "It is away.", "Start it."),
        (ConfigError("It is wrong.", remedy="Mend it."), "It is wrong.", "Mend it."),
        (OSError(13, "Permission denied", "/x"), "[Errno 13] Permission denied: '/x'.", "rights"),
        (ZeroDivisionError("by zero"), "The check itself failed: ZeroDivisionError", "bug"),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_what_is_raised_is_a_check_that_failed(
    error: Exception, seen: str, remedy: str
) -> None:
    """A traceback helps nobody who asks what is wrong; the others come to their end."""
    first, second = await examine([bad(error), good("other")], CLOCK, 5.0)
    assert (first.name, first.state) == ("bad", "fail")
    assert first.seen.startswith(seen)
    assert remedy in first.remedy
    assert second.state == "ok"


async def test_what_hangs_fails_in_time_and_all_run_side_by_side() -> None:
    """Ten that hang take the time of one."""
    began = threading.Event()

    async def hang() -> Sequence[Check]:
        began.set()
        await asyncio.Event().wait()
        return []

    mono = CLOCK.mono()
    looks = [Look(f"slow {n}", hang) for n in range(10)]
    found = await examine([*looks, good("quick")], CLOCK, 0.2)
    assert began.is_set()
    assert [check.state for check in found] == ["fail"] * 10 + ["ok"]
    assert found[3].seen == "There was no answer within 0.2 s."
    assert CLOCK.mono() - mono < 1.5  # ten after one another take two seconds


async def test_what_blocks_a_thread_for_ever_is_not_waited_for() -> None:
    """A share of files that does not answer: the process ends all the same."""
    freed = threading.Event()

    async def block() -> Sequence[Check]:
        await apart(lambda: freed.wait(30))
        return []

    (found,) = await examine([Look("disk", block)], CLOCK, 0.1)
    assert found.state == "fail"
    thread = next(t for t in threading.enumerate() if t.name == "ssmd-apart")
    assert thread.daemon
    freed.set()
    await asyncio.to_thread(thread.join)


async def test_work_apart_gives_what_it_gives_and_raises_what_it_raises() -> None:
    """It is as if it had been called."""
    assert await apart(lambda: 7) == 7
    nothing: dict[str, int] = {}
    with pytest.raises(KeyError, match="x"):
        await apart(lambda: nothing["x"])


async def test_no_check_shows_a_secret() -> None:
    """Whoever quotes a server, a file or a URL cannot know what is in it."""
    secret = "hunter2-of-the-doctor"  # pragma: allowlist secret
    Secrets({"password": secret})
    error = Unavailable(f"postgresql://me:{secret}@h/db is away.", remedy=f"Not {secret}.")
    (found,) = await examine([bad(error)], CLOCK, 5.0)
    assert secret not in found.seen + found.remedy
    assert MASK in found.seen


def test_log_lines_that_would_tear_a_screen_go_nowhere() -> None:
    """And take no memory."""
    stream = Nowhere()
    assert stream.write("a line") == 6
    assert stream.getvalue() == ""
