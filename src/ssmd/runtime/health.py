"""What a service says about itself over HTTP: alive, ready (and why not), metrics."""

import asyncio
import contextlib
import errno
from collections.abc import Awaitable, Callable, Iterator
from http import HTTPStatus
from typing import Final, Literal

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ssmd.model.errors import Busy, ConfigError, SsmdError
from ssmd.runtime import metrics

_STARTING: Final = "starting"
_DEAD: Final = "process: it does not do its work any more, and should be ended"
_OK: Final = HTTPStatus.OK
_UNAVAILABLE: Final = HTTPStatus.SERVICE_UNAVAILABLE

_Route = Callable[[web.Request], Awaitable[web.Response]]

Status = Literal["ok", "degraded", "not_ok"]
"""Ready; alive and not ready; to be ended by whoever supervises the process."""


class Health:
    """The conditions a service depends on. To be used from the event loop's thread.

    Attributes:
        alive: False asks whoever supervises the process to end it.
    """

    def __init__(self) -> None:
        self.alive = True
        self._conditions: dict[str, str | None] = {}
        self._warnings: dict[str, str] = {}
        self._looks: list[Callable[[], None]] = []
        self._ready = asyncio.Event()

    def set(self, name: str, ok: bool, reason: str = "") -> None:
        """State one condition; `reason` says why it does not hold."""
        self._conditions[name] = None if ok else reason or "not ok"
        self._announce()

    def warn(self, name: str, text: str) -> None:
        """Say what will go wrong before long; it is no reason not to be ready. Empty ends it."""
        if text:
            self._warnings[name] = text
        else:
            self._warnings.pop(name, None)

    @contextlib.contextmanager
    def looking(self, look: Callable[[], None]) -> Iterator[None]:
        """Have `look` bring conditions and gauges up to date before every answer, meanwhile.

        What is looked at now and then is as old as the last look; nobody is to be told that all
        is well a second after it was.
        """
        self._looks.append(look)
        try:
            yield
        finally:
            self._looks.remove(look)

    def look(self) -> None:
        """Bring everything up to date."""
        for look in list(self._looks):
            look()
        self._announce()

    @property
    def status(self) -> Status:
        """The service in one word."""
        if not self.alive:
            return "not_ok"
        return "ok" if self.ready()[0] else "degraded"

    @property
    def warnings(self) -> list[str]:
        """A sentence for everything that will go wrong before long."""
        return [f"{name}: {text}" for name, text in sorted(self._warnings.items())]

    def drop(self, name: str) -> None:
        """Forget a condition, say of a shard that is no longer planned."""
        self._conditions.pop(name, None)
        self._announce()

    def ready(self) -> tuple[bool, list[str]]:
        """Whether all conditions hold, and a sentence for each that does not."""
        if not self.alive:
            return False, [_DEAD]
        if not self._conditions:
            return False, [_STARTING]
        reasons = [f"{name}: {why}" for name, why in sorted(self._conditions.items()) if why]
        return not reasons, reasons

    async def wait_ready(self) -> None:
        """Wait until all conditions hold."""
        await self._ready.wait()

    def _announce(self) -> None:
        ready, _ = self.ready()
        metrics.READY.set(ready)
        if ready:
            self._ready.set()
        else:
            self._ready.clear()


class Address:
    """A health server that is listening.

    Attributes:
        host: The address it is bound to.
        port: The port it is bound to.
    """

    def __init__(self, host: str, port: int, runner: web.AppRunner) -> None:
        self.host = host
        self.port = port
        self._runner = runner

    @property
    def url(self) -> str:
        """Where a process on this machine reaches it."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::", ""} else self.host  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    async def close(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()


async def serve(health: Health, host: str, port: int) -> Address:
    """Listen for `/health`, `/ready` and `/metrics`; port 0 takes a free one.

    `/health` answers 200 while the process is alive, and 503 when it should be ended; a venue or a
    bus that is away is no reason for that. `/ready` answers 200 while all conditions hold. Both
    say `status` (`ok`, `degraded`, `not_ok`), `reasons` and `warnings`.

    Raises:
        Busy: The port is taken.
        ConfigError: The address is not one of this machine's.
    """
    app = web.Application()
    app.add_routes(
        [
            web.get("/health", _answer(health, lambda: health.alive)),
            web.get("/ready", _answer(health, lambda: health.ready()[0])),
            web.get("/metrics", _metrics(health)),
        ]
    )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except (OSError, OverflowError) as error:
        await runner.cleanup()
        raise refusal(host, port, error) from error
    return Address(host, int(runner.addresses[0][1]), runner)


def _answer(health: Health, well: Callable[[], bool]) -> _Route:
    """Both questions have one body; what a probe acts upon is the HTTP status."""

    async def answer(request: web.Request) -> web.Response:
        health.look()
        said = {
            "status": health.status,
            "reasons": health.ready()[1],
            "warnings": health.warnings,
        }
        return web.Response(
            body=msgspec.json.encode(said),
            status=_OK if well() else _UNAVAILABLE,
            content_type="application/json",
        )

    return answer


def _metrics(health: Health) -> _Route:
    async def answer(request: web.Request) -> web.Response:
        health.look()
        return web.Response(
            body=generate_latest(metrics.REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    return answer


def refusal(host: str, port: int, error: OSError | OverflowError) -> SsmdError:
    """Why nobody can listen there, with what to do."""
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return Busy(
            f"Port {port} on {host} is taken by another process.",
            remedy="Give another port, or 0 for a free one.",
        )
    return ConfigError(
        f"Cannot listen on {host}:{port}: {error}.",
        remedy="Give an address of this machine and a port we may open.",
    )
