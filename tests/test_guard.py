"""The guard of `tests/guard` bites, in every way a socket can be opened."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvloop

from tests.guard import loopback

OUTSIDE = "192.0.2.1"
"""An address that belongs to nobody (RFC 5737)."""


@pytest.fixture
def caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A report of our own: what is caught on purpose must not fail this very test."""
    report = tmp_path / "caught.txt"
    report.touch()
    monkeypatch.setenv(loopback.REPORT, str(report))
    return report


def _connect() -> None:
    with socket.socket() as client:
        client.connect((OUTSIDE, 80))


def _connect_ex() -> None:
    with socket.socket() as client:
        client.connect_ex((OUTSIDE, 80))


def _send() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.sendto(b"x", (OUTSIDE, 53))


def _resolve() -> None:
    socket.getaddrinfo("example.invalid", 80)


def _listen() -> None:
    with socket.socket() as server:
        server.bind(("", 0))


@pytest.mark.parametrize("leave", [_connect, _connect_ex, _send, _resolve, _listen])
def test_a_socket_beyond_loopback_is_refused(leave: Callable[[], None], caught: Path) -> None:
    """Whatever the call, it raises before a packet leaves, and is written down."""
    with pytest.raises(loopback.BeyondLoopback):
        leave()
    assert len(caught.read_text().splitlines()) == 1


async def _dial(loop: asyncio.AbstractEventLoop) -> None:
    await loop.create_connection(asyncio.Protocol, OUTSIDE, 80)


async def _dial_by_name(loop: asyncio.AbstractEventLoop) -> None:
    await loop.create_connection(asyncio.Protocol, host="example.invalid", port=80)


async def _serve(loop: asyncio.AbstractEventLoop) -> None:
    await loop.create_server(asyncio.Protocol, None, 0)


@pytest.mark.parametrize("leave", [_dial, _dial_by_name, _serve])
@pytest.mark.parametrize("factory", [asyncio.SelectorEventLoop, uvloop.new_event_loop])
def test_no_event_loop_is_a_way_out(
    factory: Callable[[], asyncio.AbstractEventLoop],
    leave: Callable[[asyncio.AbstractEventLoop], Awaitable[None]],
    caught: Path,
) -> None:
    """The uvloop library connects in C, past Python's audit events; its loop is guarded itself."""

    async def run() -> None:
        await leave(asyncio.get_running_loop())

    with asyncio.Runner(loop_factory=factory) as runner, pytest.raises(loopback.BeyondLoopback):
        runner.run(run())
    assert caught.read_text()


def test_a_child_process_is_guarded_and_reports(caught: Path) -> None:
    """A service started by a test cannot leave either, nor hide that it tried."""
    code = f"import socket\ntry: socket.create_connection(('{OUTSIDE}', 80), 1)\nexcept Exception: print('swallowed')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "swallowed\n"
    assert OUTSIDE in caught.read_text()


def test_a_swallowed_trespass_fails_its_test(tmp_path: Path) -> None:
    """Code that catches everything and tries again would otherwise hide its call home."""
    root = Path(__file__).parent.parent
    sample = tmp_path / "test_sample.py"
    sample.write_text(
        "import socket\n"
        "def test_that_calls_home():\n"
        f"    try: socket.create_connection(('{OUTSIDE}', 80), 1)\n"
        "    except Exception: pass\n"
    )
    plugin = ["-p", "tests.conftest", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugin, sample],
        capture_output=True,
        text=True,
        check=False,
        cwd=root,
    )
    assert done.returncode == 1, done.stdout
    assert "a socket beyond loopback was asked for" in done.stdout


async def test_loopback_is_free(tmp_path: Path) -> None:
    """Sockets on this machine, by address, by name or by path, are nobody's business."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for host in ("127.0.0.1", "localhost"):
        _, writer = await asyncio.open_connection(host, port)
        writer.close()
        await writer.wait_closed()
    server.close()
    await server.wait_closed()
    unix = await asyncio.start_unix_server(lambda _, writer: writer.close(), tmp_path / "s")
    unix.close()
    await unix.wait_closed()
