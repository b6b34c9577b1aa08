"""Connector and archiver as a storm starts them: the shipped services on a clock and a disk of ours.

`python -m ssmd.sim.storm.entry --control DIR --spools DIR connector run ...` understands the
options of `ssmd connector run` and `ssmd archiver run` that a pipeline gives.
"""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec

from ssmd.archive import durable
from ssmd.bus.settings import from_env
from ssmd.feeds.archiver import ArchiverConfig
from ssmd.feeds.environments import load_environment
from ssmd.feeds.registry import load_feed
from ssmd.model.errors import Unavailable
from ssmd.runtime import logging, loop, settings
from ssmd.runtime.clock import SystemClock
from ssmd.sim.storm.switches import SteppedClock, Switches


def main(arguments: list[str]) -> int:
    """Run the service that is asked for; gives its exit code."""
    asked = _parser().parse_args(arguments)
    logging.configure()
    return loop.run(_connector(asked) if asked.service == "connector" else _archiver(asked))


async def _connector(asked: argparse.Namespace) -> int:
    from ssmd.connector import service as connector  # noqa: PLC0415 - half of the other's start

    feed = load_feed(str(asked.feed))
    environment = load_environment(asked.env)
    name = f"connector-{feed.name}"
    switches = Switches(asked.control / f"{name}.json", SystemClock())
    bus = from_env()
    if environment.transport.url is not None:
        bus = msgspec.structs.replace(bus, url=environment.transport.url)
    running = connector.run(
        feed,
        environment,
        directory=asked.spools / feed.name,
        bus=bus,
        run_dir=asked.run_dir,
        listen=_address(asked.listen),
        name=name,
        clock=SteppedClock(SystemClock(), switches),
        device=switches.spool(),
    )
    return await _followed(running, switches)


async def _archiver(asked: argparse.Namespace) -> int:
    from ssmd.archive import service as archiver  # noqa: PLC0415 - half of the other's start

    switches = Switches(asked.control / "archiver.json", SystemClock())
    running = archiver.run(
        settings.load(asked.config, ArchiverConfig),
        directory=asked.dir,
        run_dir=asked.run_dir,
        listen=_address(asked.listen),
        clock=SteppedClock(SystemClock(), switches),
    )
    with durable.use(switches.archive()):
        return await _followed(running, switches)


async def _followed(running: Coroutine[Any, Any, int], switches: Switches) -> int:
    """Run a service while the control file is looked at."""
    following = asyncio.create_task(switches.follow())
    try:
        return await running
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ssmd.sim.storm.entry", description=__doc__)
    parser.add_argument("--control", type=Path, required=True)
    parser.add_argument("--spools", type=Path, required=True)
    services = parser.add_subparsers(dest="service", required=True)
    for name, files in (("connector", ("--feed", "--env")), ("archiver", ("--config",))):
        of_service = services.add_parser(name)
        of_service.add_argument("run", choices=["run"])
        for option in (*files, "--dir", "--run-dir"):
            of_service.add_argument(option, type=Path, required=True)
        of_service.add_argument("--listen", default="127.0.0.1:0")
    return parser


if __name__ == "__main__" and (CODE := main(sys.argv[1:])):
    # Only the cli exits: a failure leaves by an exception, which is what the parent sees.
    MESSAGE = f"The service ended with {CODE}."
    raise Unavailable(MESSAGE, remedy="Read what it logged before.")
