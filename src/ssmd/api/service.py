"""The API as a service: it answers until SIGTERM, says goodbye to its streams, and ends."""

from collections.abc import Callable
from pathlib import Path

from ssmd.api import telemetry
from ssmd.api.app import application, layered
from ssmd.api.callers import Doorkeeper, NoKeys
from ssmd.api.context import Context
from ssmd.api.lookout.watching import lookout
from ssmd.api.server import address, bound, server
from ssmd.bus.settings import BusSettings
from ssmd.feeds.api import ApiConfig
from ssmd.feeds.values import is_loopback
from ssmd.model.errors import ConfigError
from ssmd.runtime import service
from ssmd.runtime.clock import Clock, SystemClock
from ssmd.runtime.health import Health
from ssmd.runtime.tasks import Stop, Tasks

NAME = "api"


async def run(
    root: Path,
    config: ApiConfig,
    doorkeeper: Callable[[Path, ApiConfig, Clock], Doorkeeper] | None,
    *,
    bus: BusSettings | None = None,
    run_dir: Path | None = None,
    listen: tuple[str, int] = ("127.0.0.1", 0),
    clock: Clock | None = None,
    ready: Callable[[str], None] = lambda _url: None,
) -> int:
    """Answer until SIGTERM.

    Args:
        root: The archive; it need not be there yet.
        config: Where to listen, and within which bounds.
        doorkeeper: Makes who lets callers in; None for one user of this machine, without keys.
        bus: Where live messages come from; None for nowhere.
        run_dir: Where the run file goes; None writes none.
        listen: Host and port of the health server; port 0 takes a free one.
        clock: The time; the machine's own when None.
        ready: Told the address once it answers.

    Returns:
        The exit code.

    Raises:
        ConfigError: It would listen to the world without keys, or cannot listen there.
        SsmdError: What ended the service; it carries the exit code.
    """
    times: Clock = SystemClock() if clock is None else clock
    if doorkeeper is None and not is_loopback(config.host):
        raise ConfigError(
            f"Without keys the API may listen on this machine alone, not on {config.host}.",
            remedy="Leave `--host` out, or leave `--no-keys` out and make a key: `ssmd keys create`.",
        )
    made = bound(config.host, config.port)
    url = address(made)
    health = Health()

    async def main(stop: Stop) -> None:
        keeper = NoKeys() if doorkeeper is None else doorkeeper(root, config, times)
        context = Context(root, config, times, keeper, bus)
        serving = server(layered(application(context)), config.limits)
        lookout(context)  # rates are remembered from the start, whoever asks first

        async def serve() -> None:
            await serving.serve([made])

        async with Tasks(stop, times) as tasks:
            tasks.start("serve", serve, restart=False, may_end=True)
            while not serving.started and not stop.requested.is_set():
                await times.sleep(0.01)
            telemetry.listening(url, keys=doorkeeper is not None)
            health.set("http", ok=True)
            ready(url)
            await stop.wait()
            context.ending.set()
            serving.should_exit = True
            while "serve" in tasks.names:
                await times.sleep(0.02)

    return await service.run(
        NAME,
        main,
        health=health,
        run_dir=run_dir,
        listen=listen,
        details={"url": url, "dir": str(root), "keys": doorkeeper is not None},
        clock=times,
    )
