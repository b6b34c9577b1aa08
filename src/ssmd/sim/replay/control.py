"""A replay's own HTTP door: where it is, and steps."""

from http import HTTPStatus
from typing import Final

from aiohttp import web

from ssmd.model.errors import Busy
from ssmd.sim.replay.pace import Pace
from ssmd.sim.replay.replay import Replay

_MOST: Final = 1_000_000


class Control:
    """Answers `GET /` with where the replay is, and `POST /step?count=N`, which lets N pass."""

    def __init__(self, replay: Replay, pace: Pace) -> None:
        self._replay = replay
        self._pace = pace
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> str:
        """Listen; gives the address. Port 0 takes a free one.

        Raises:
            Busy: The port is taken, or the address is not ours.
        """
        app = web.Application()
        app.router.add_get("/", self._state)
        app.router.add_post("/step", self._step)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            await runner.cleanup()
            message = f"Cannot listen on {host}:{port}: {error}."
            raise Busy(message, remedy="Choose another port, or 0 for a free one.") from error
        self._runner = runner
        return f"http://{host}:{runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening; twice is fine."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _state(self, request: web.Request) -> web.Response:
        replay = self._replay
        state = {"served": replay.served, "total": replay.total, "speed": self._pace.speed}
        return web.json_response(state)

    async def _step(self, request: web.Request) -> web.Response:
        text = request.query.get("count", "1")
        count = int(text) if text.isascii() and text.isdigit() else 0
        if self._pace.speed != "step" or not 1 <= count <= _MOST:
            problem = {"error": f"count is 1 to {_MOST}, and the speed must be step"}
            return web.json_response(problem, status=HTTPStatus.BAD_REQUEST)
        self._pace.step(count)
        return await self._state(request)
