"""How a service runs: signals, health server, run file, and a truthful return code."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec

from ssmd import __version__
from ssmd.model.errors import SsmdError
from ssmd.model.timestamp import format_rfc3339
from ssmd.runtime import logging, telemetry
from ssmd.runtime.clock import Clock, SystemClock
from ssmd.runtime.health import Health, serve
from ssmd.runtime.tasks import Stop, Tasks
from ssmd.runtime.timekeeping import Timekeeper

__all__ = ["RunFile", "Stop", "Tasks", "read_run_file", "run"]

_FIELDS: Final = ("name", "pid", "started_at", "health")
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class RunFile(msgspec.Struct, frozen=True, kw_only=True):
    """What a running service tells other processes of this machine.

    Attributes:
        name: The service's name.
        pid: Its process id.
        started_at: When it started, RFC 3339.
        health: Base URL of its health server.
        details: Whatever else it wants known.
    """

    name: str
    pid: int
    started_at: str
    health: str
    details: dict[str, object] = {}


async def run(
    name: str,
    main: Callable[[Stop], Awaitable[None]],
    *,
    health: Health,
    run_dir: Path | None = None,
    listen: tuple[str, int] = ("127.0.0.1", 0),
    details: Mapping[str, object] | None = None,
    clock: Clock | None = None,
    announce: Literal["ready", "listening"] = "ready",
    timekeeper: Timekeeper | None = None,
) -> int:
    """Run a service until its main returns.

    The first SIGTERM or SIGINT sets `stop.requested`, upon which main drains and returns; a
    second one ends the process at once, by that signal. When the service is ready for the first
    time (or listens, as `announce` says), `run_dir/{name}.json` says so; a clean end removes it.

    Args:
        name: The service's name, also of its run file.
        main: The service itself.
        health: Its conditions; served meanwhile.
        run_dir: Where the run file goes; None writes none.
        listen: Host and port of the health server; port 0 takes a free one.
        details: More for the run file; read when the service is ready, so main may fill it.
        clock: The time; the machine's own when None.
        announce: When the run file is written: a service whose readiness hangs on somebody far
            away says where it listens at once.
        timekeeper: How right the clock is; None asks the kernel alone.

    Returns:
        0 when main returned and nothing broke; 1 when something did.

    Raises:
        SsmdError: What main raised, or a supervised task that cannot be restarted: it carries
            the exit code.
    """
    times: Clock = SystemClock() if clock is None else clock
    keeper = timekeeper or Timekeeper(times)
    stop = Stop()
    started_at = format_rfc3339(times.wall())
    address = await serve(health, *listen)
    told = RunFile(name=name, pid=os.getpid(), started_at=started_at, health=address.url)
    telemetry.started(name, health=address.url, version=__version__)
    code = 1
    try:
        with _signals(name, stop), health.looking(lambda: _look(health, stop, keeper)):
            waits = announce == "ready"
            shown = {} if details is None else details
            async with _announced(health, told, run_dir, shown, waits=waits):
                code = await _outcome(name, main, stop)
    finally:
        await address.close()
        telemetry.ended(name, code=code)
        logging.flush()
    return code


def read_run_file(path: Path) -> RunFile | None:
    """What the service says; None while there is no complete run file.

    The service may be dead since: compare the pid.
    """
    try:
        values = msgspec.json.decode(path.read_bytes(), type=dict[str, object])
        known = {key: values.pop(key) for key in _FIELDS}
        return msgspec.convert({**known, "details": values}, RunFile)
    except (OSError, KeyError, msgspec.DecodeError):
        return None


def _look(health: Health, stop: Stop, keeper: Timekeeper) -> None:
    telemetry.clock(keeper.state())
    if stop.requested.is_set():  # what it was connected to it gives up now, one by one
        health.set("service", ok=False, reason=f"it ends: {stop.reason}")


async def _outcome(name: str, main: Callable[[Stop], Awaitable[None]], stop: Stop) -> int:
    try:
        await main(stop)
    except SsmdError:
        raise
    except Exception as error:  # noqa: BLE001 - the last place where a crash becomes an exit code
        telemetry.crashed(name, error=error)
        return 1
    if isinstance(stop.error, SsmdError):
        raise stop.error
    return int(stop.error is not None)


@contextlib.contextmanager
def _signals(name: str, stop: Stop) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    asked: list[str] = []

    def ask(number: signal.Signals) -> None:
        if asked:  # by the signal itself: nothing here may be needed to work any more
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        asked.append(number.name)
        telemetry.stopping(name, reason=number.name)
        stop.request(number.name)

    for number in _SIGNALS:
        loop.add_signal_handler(number, ask, number)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


@contextlib.asynccontextmanager
async def _announced(
    health: Health,
    told: RunFile,
    run_dir: Path | None,
    details: Mapping[str, object],
    *,
    waits: bool,
) -> AsyncIterator[None]:
    """Write the run file once it may be read; remove it at the end."""
    path = None if run_dir is None else run_dir / f"{told.name}.json"

    async def announce() -> None:
        if waits:
            await health.wait_ready()
        if path is not None:
            fields = {key: getattr(told, key) for key in _FIELDS}
            _replace(path, msgspec.json.encode({**details, **fields}, enc_hook=str))
        await health.wait_ready()
        telemetry.ready(told.name)

    announcement = asyncio.create_task(announce(), name=f"announce-{told.name}")
    try:
        yield
    finally:
        announcement.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await announcement
        if path is not None:
            written = read_run_file(path)
            if written is not None and written.pid == told.pid:
                path.unlink(missing_ok=True)


def _replace(path: Path, body: bytes) -> None:
    """Others see the whole file or none of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    draft.write_bytes(body)
    draft.replace(path)
