"""A real HTTP server: every answer of the simulated venue is in the ledger before it is sent."""

import ssl
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web

from ssmd.model.errors import Busy
from ssmd.model.simulated import Answer, SimulatedMarket
from ssmd.runtime.clock import Clock
from ssmd.sim import telemetry
from ssmd.sim.faults import Http
from ssmd.sim.recorded import Recorded
from ssmd.sim.rest_ledger import RestLedger

_SHUTDOWN_S: Final = 0.2
_FAILED: Final = b'{"error":"made to fail"}'


class _Failing(msgspec.Struct):
    fault: Http
    after: int
    left: int


class RestServer:
    """Answers `GET {base}/{service}{path}?{query}` as the market does, or as a recording has it.

    Args:
        market: Who answers.
        clock: Its time.
        directory: Where the ledger goes.
        tls: Serve `https://` with this context; None serves `http://`.
        recorded: What is answered before the market is asked; faults come before it.
    """

    def __init__(
        self,
        market: SimulatedMarket,
        *,
        clock: Clock,
        directory: Path,
        tls: ssl.SSLContext | None = None,
        recorded: Recorded | None = None,
    ) -> None:
        self._market = market
        self._recorded = recorded or Recorded()
        self._clock = clock
        self._directory = directory
        self._tls = tls
        self._runner: web.AppRunner | None = None
        self._ledger: RestLedger | None = None
        self._failing: list[_Failing] = []
        self._delay_s = 0.0

    async def start(self, host: str, port: int) -> str:
        """Listen; gives the base address of all services. Port 0 takes a free one.

        Raises:
            Busy: The port is taken, or the address is not ours.
        """
        app = web.Application()
        app.router.add_route("*", "/{all:.*}", self._serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port, ssl_context=self._tls).start()
        except (OSError, OverflowError) as error:
            await runner.cleanup()
            message = f"Cannot listen on {host}:{port}: {error}."
            raise Busy(message, remedy="Choose another port, or 0 for a free one.") from error
        self._runner = runner
        local = f"{host}:{runner.addresses[0][1]}"
        self._ledger = RestLedger(self._directory, local, self._clock.wall())
        return f"{'https' if self._tls else 'http'}://{local}"

    async def stop(self) -> None:
        """Stop listening; whoever waits for an answer does so in vain."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
        if self._ledger is not None:
            self._ledger.close()

    def fail(self, fault: Http) -> None:
        """Let requests fail, after those that failed before."""
        self._failing.append(_Failing(fault, fault.after, fault.count))

    def slow(self, delay_s: float) -> None:
        """Answer every later request this much later, in seconds; 0 is normal."""
        self._delay_s = delay_s

    async def _serve(self, request: web.Request) -> web.Response:
        """Answer one request; what could not be written down is not said."""
        if self._delay_s > 0:
            await self._clock.sleep(self._delay_s)
        service, slash, path = request.path.removeprefix("/").partition("/")
        asked = (request.method, service, slash + path or "/")
        query = list(request.query.items())
        answer = self._answer(asked, query)
        try:
            if self._ledger is None:
                return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
            gone = request.transport is None or request.transport.is_closing()
            self._ledger.append(asked, query, answer, self._clock.now(), gone=gone)
        except OSError as error:
            telemetry.rest_failed(request.path, str(error))
            if request.transport is not None:
                request.transport.close()
            return web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR)
        telemetry.answered(service, answer.status)
        headers = {"Content-Type": "application/json", **answer.headers}
        return web.Response(body=answer.body, status=answer.status, headers=headers)

    def _answer(self, asked: tuple[str, str, str], query: Sequence[tuple[str, str]]) -> Answer:
        """What is answered: by a fault, from a recording, or by the market."""
        method, service, path = asked
        if method != "GET":
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED.value, _FAILED)
        for failing in self._failing:
            if not path.startswith(failing.fault.path):
                continue
            if failing.after > 0:
                failing.after -= 1
                break
            failing.left -= 1
            if failing.left <= 0:
                self._failing.remove(failing)
            return _failure(failing.fault)
        try:
            told = self._recorded.answer(service, path, query)
            return told or self._market.rest(service, path, query, self._clock.now())
        except Exception as error:  # noqa: BLE001 - a bug of the market is an answer too, and told
            telemetry.rest_failed(path, repr(error))
            return Answer(HTTPStatus.INTERNAL_SERVER_ERROR.value, _FAILED)


def _failure(fault: Http) -> Answer:
    after = fault.retry_after_s
    return Answer(fault.status, _FAILED, {} if after is None else {"Retry-After": f"{after:g}"})
