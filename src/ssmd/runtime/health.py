"""What a service says about itself over HTTP: alive, ready (and why not), metrics."""

import asyncio
import errno
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ssmd.model.errors import Busy, ConfigError, SsmdError
from ssmd.runtime import metrics

_STARTING: Final = "starting"
_OK: Final = HTTPStatus.OK
_UNAVAILABLE: Final = HTTPStatus.SERVICE_UNAVAILABLE

_Route = Callable[[web.Request], Awaitable[web.Response]]


class Health:
    """The conditions a service depends on. To be used from the event loop's thread.

    Attributes:
        alive: False asks whoever supervises the process to end it.
    """

    def __init__(self) -> None:
        self.alive = True
        self._conditions: dict[str, str | None] = {}
        self._warnings: dict[str, str] = {}
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

    Raises:
        Busy: The port is taken.
        ConfigError: The address is not one of this machine's.
    """
    app = web.Application()
    app.add_routes(
        [
            web.get("/health", _answer(lambda: (health.alive, {"reasons": []}))),
            web.get("/ready", _answer(lambda: _readiness(health))),
            web.get("/metrics", _metrics),
        ]
    )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except (OSError, OverflowError) as error:
        await runner.cleanup()
        raise _refusal(host, port, error) from error
    return Address(host, int(runner.addresses[0][1]), runner)


def _readiness(health: Health) -> tuple[bool, dict[str, list[str]]]:
    ok, reasons = health.ready()
    return ok, {"reasons": reasons, "warnings": health.warnings}


def _answer(question: Callable[[], tuple[bool, dict[str, list[str]]]]) -> _Route:
    async def answer(request: web.Request) -> web.Response:
        ok, sentences = question()
        body = msgspec.json.encode({"status": "ok" if ok else "not_ok", **sentences})
        return web.Response(
            body=body, status=_OK if ok else _UNAVAILABLE, content_type="application/json"
        )

    return answer


async def _metrics(request: web.Request) -> web.Response:
    return web.Response(
        body=generate_latest(metrics.REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST}
    )


def _refusal(host: str, port: int, error: OSError | OverflowError) -> SsmdError:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return Busy(
            f"Port {port} on {host} is taken by another process.",
            remedy="Give another port, or 0 for a free one.",
        )
    return ConfigError(
        f"Cannot listen on {host}:{port}: {error}.",
        remedy="Give an address of this machine and a port we may open.",
    )
