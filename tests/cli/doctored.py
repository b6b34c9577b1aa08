"""What the tests of `ssmd doctor` share: plans, what is found, and a server that says nothing."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from ssmd import venues
from ssmd.cli.configured import Plan
from ssmd.cli.doctor import diagnose
from ssmd.cli.doctor_check import Check
from ssmd.feeds import registry
from ssmd.feeds.environment import EnvironmentConfig
from ssmd.runtime.clock import SystemClock

CLOCK = SystemClock()
CLOSED = next(
    name for name in registry.names() if venues.load(registry.load_feed(name).venue).account
)
OPEN = next(
    name for name in registry.names() if not venues.load(registry.load_feed(name).venue).account
)
ACCOUNT = venues.load(registry.load_feed(CLOSED).venue).account


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of this machine's own environment is looked at."""
    for name in ("NATS_URL", "DATABASE_URL", "PROMETHEUS_URL", "SSMD_ARCHIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def plan(folder: Path, *names: str, **changes: object) -> Plan:
    """A plan of some feeds."""
    made = Plan(
        source="a test",
        root=folder,
        environment=EnvironmentConfig(name="test"),
        feeds=tuple(registry.load_feed(name) for name in names),
        keeps=False,
    )
    return msgspec.structs.replace(made, **changes)


async def checks(made: Plan, *, offline: bool = True, limit_s: float = 3.0) -> dict[str, Check]:
    """What is found, by name."""
    found = await diagnose(made, CLOCK, limit_s=limit_s, offline=offline)
    return {check.name: check for check in found}


@contextmanager
def mute() -> Iterator[int]:
    """A server that takes connections and never says a word; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []
        ends = threading.Event()

        def serve() -> None:
            while not ends.is_set():
                connection, _ = server.accept()
                held.append(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        port = server.getsockname()[1]
        yield port
        ends.set()
        with socket.create_connection(("127.0.0.1", port)):
            thread.join()
        for each in held:
            each.close()
