"""A simulated venue as a service: `ssmd sim run`."""

from collections.abc import Sequence
from pathlib import Path

from ssmd import venues
from ssmd.model.errors import ConfigError
from ssmd.model.simulated import SimulatedMarket, SimulationOptions
from ssmd.runtime import service
from ssmd.runtime.clock import Clock, SystemClock
from ssmd.runtime.health import Health
from ssmd.runtime.secrets import Secrets, resolve
from ssmd.runtime.service import Stop
from ssmd.sim import control, playback, recorded
from ssmd.sim.claim import claimed
from ssmd.sim.faults import (
    Checksum,
    Delist,
    Fault,
    Freeze,
    Listing,
    NoAck,
    SlowAck,
    Standing,
    parse,
)
from ssmd.sim.server import server_tls
from ssmd.sim.simulation import Simulation

NAME = "simulator"
"""The service's usual name, and so that of its run file."""
_UNPLAYABLE = Checksum | SlowAck | NoAck | Freeze | Listing | Delist | Standing


async def run(
    venue: str,
    *,
    ledger: Path,
    host: str = "127.0.0.1",
    port: int = 0,
    rest_port: int = 0,
    seed: int = 0,
    rate: float = 100.0,
    symbols: Sequence[str] = (),
    secrets: Sequence[str] = (),
    play: Path | None = None,
    speed: float = 1.0,
    faults: Sequence[str] = (),
    books_s: float | None = None,
    rest: Sequence[str] = (),
    certificate: Path | None = None,
    key: Path | None = None,
    run_dir: Path | None = None,
    listen: tuple[str, int] = ("127.0.0.1", 0),
    name: str = NAME,
    clock: Clock | None = None,
) -> int:
    """Serve a simulated venue until SIGTERM; then stop talking, say goodbye, close the ledger.

    The run file names the WebSocket's `url`, the base address of the `rest` services, the `ledger`
    and the `control` file, to which fault specs can be appended (`ssmd.sim.control.send`), `pause`
    and `resume` among them.

    Args:
        venue: Which venue to be.
        ledger: Directory for what was emitted and answered, for `faults.jsonl`, `refused.jsonl`
            and the control file.
        host: Where to listen.
        port: Where to listen; 0 takes a free port.
        rest_port: Where to listen for REST requests; 0 takes a free port.
        seed: The same seed gives the same market.
        rate: Data messages per second over all symbols of a client that subscribed to all.
        symbols: What is listed; empty for the venue's usual pairs.
        secrets: The account that is let in, `NAME=FILE` per field; the file holds the value.
        play: A capture to be played instead of a generated market.
        speed: Recorded seconds per second, when playing.
        faults: Specs of what goes wrong by itself (`ssmd.sim.faults`).
        books_s: Pause between two checkpoints of the books in the ledger, in seconds; None writes
            none.
        rest: Recorded bodies that are answered over REST, `PATH=FILE` per page
            (`ssmd.sim.recorded.load`).
        certificate: PEM file; with `key` it makes the server speak `wss://` and `https://`.
        key: PEM file.
        run_dir: Where the run file goes; None writes none.
        listen: Host and port of the health server.
        name: The service's name.
        clock: The time; the machine's own when None.

    Returns:
        0 after a clean end, 1 when something broke.

    Raises:
        ConfigError: Unknown venue, fault, symbol or capture, half of a certificate, a secret that
            cannot be read or that others can read, a recorded body that cannot be read, or a
            ledger that cannot be written.
        Busy: The port is taken, or another simulated venue writes this ledger.
    """
    times: Clock = SystemClock() if clock is None else clock
    planned = [parse(spec) for spec in faults]
    options = SimulationOptions(
        seed=seed, rate=rate, symbols=tuple(symbols), secrets=_account(secrets)
    )
    market = _market(venue, options, play, speed, planned)
    if (certificate is None) != (key is None):
        message = "A certificate needs its key, and a key its certificate."
        raise ConfigError(message, remedy="Give both, or neither for ws://.")
    bodies = recorded.load(rest)
    tls = server_tls(certificate, key) if certificate and key else None
    health = Health()
    details: dict[str, object] = {
        "venue": venue,
        "ledger": str(ledger),
        "control": str(ledger / control.NAME),
    }

    async def main(stop: Stop) -> None:
        simulation = Simulation(
            market,
            clock=times,
            directory=ledger,
            faults=planned,
            tls=tls,
            books_s=books_s,
            recorded=bodies,
        )
        details["url"] = await simulation.start(host, port, rest_port)
        details["rest"] = simulation.rest
        health.set("listening", ok=True)
        async with service.Tasks(stop, times) as tasks:
            tasks.start("turns", simulation.run, restart=False)
            await stop.wait()
        await simulation.stop()

    with claimed(ledger):
        return await service.run(
            name, main, health=health, run_dir=run_dir, listen=listen, details=details, clock=times
        )


def _account(specs: Sequence[str]) -> Secrets:
    """The fields of the account that is let in.

    Raises:
        ConfigError: One is not `NAME=FILE`, stands twice, or its file is not fit.
    """
    values: dict[str, str] = {}
    for spec in specs:
        name, equals, file = spec.partition("=")
        if not (name and equals and file) or name in values:
            message = "A secret is not understood, or stands twice."
            raise ConfigError(message, remedy="Write NAME=FILE; the file holds the value.")
        values |= resolve(name, f"file:{file}", (name,))
    return Secrets(values)


def _market(
    venue: str,
    options: SimulationOptions,
    play: Path | None,
    speed: float,
    faults: Sequence[Fault],
) -> SimulatedMarket:
    """The market to serve: generated, or a recording.

    Raises:
        ConfigError: The venue cannot be simulated, or the recording not as asked.
    """
    simulated = venues.load(venue).simulated
    if simulated is None:
        message = f"Nobody wrote the other side of {venue}."
        raise ConfigError(message, remedy="Choose another venue.")
    if play is None:
        return simulated(options)
    if speed <= 0:
        message = f"A recording cannot be played at speed {speed}."
        raise ConfigError(message, remedy="Give a speed above 0; 1 is as it was recorded.")
    impossible = sorted(
        {str(f.__struct_config__.tag) for f in faults if isinstance(f, _UNPLAYABLE)}
    )
    if impossible:
        message = f"A recording is played as it is: {', '.join(impossible)} cannot happen to it."
        raise ConfigError(message, remedy="Leave out --play, or the fault.")
    return playback.Playback(playback.load(play), speed=speed, venue=simulated(options))
