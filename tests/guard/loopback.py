"""No test, and no process a test starts, may open a socket beyond loopback.

An audit hook sees every call Python itself makes; uvloop resolves and connects in C without telling
Python, so its loop's methods are wrapped as well. A trespass raises, and is also written down: code
under test that swallows the exception (and tries again after a backoff) is found out all the same.

This module is imported by `sitecustomize` in child processes, so it imports the standard library
alone. It cannot see programs that are not Python: a nats-server must be told to listen on 127.0.0.1.
"""

import functools
import ipaddress
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

REPORT = "SSMD_TEST_GUARD"
"""Environment variable: the file in which trespasses are written down."""


class BeyondLoopback(RuntimeError):
    """A test tried to reach the world outside this machine."""


def is_loopback(host: object) -> bool:
    """Whether a host, as handed to the socket module, stays on this machine."""
    if host is None:
        return True
    text = host.decode() if isinstance(host, bytes) else str(host)
    if text == "localhost":
        return True
    try:
        return ipaddress.ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        return False


def trespass(event: str, arguments: tuple[Any, ...]) -> str | None:
    """The forbidden address an audit event is about; None when it is harmless."""
    if event == "socket.getaddrinfo":
        host = arguments[0]
        return None if is_loopback(host) else f"resolve {host!r}"
    if event in {"socket.gethostbyname", "socket.gethostbyaddr"}:
        return None if is_loopback(arguments[0]) else f"resolve {arguments[0]!r}"
    if event in {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"}:
        address = arguments[1]
        if not isinstance(address, tuple) or is_loopback(address[0]):
            return None  # AF_UNIX and the like are paths; a connected sendmsg has no address
        return f"{event.removeprefix('socket.')} {address!r}"
    return None


def _refuse(what: str) -> None:
    report = os.environ.get(REPORT)
    if report:
        with Path(report).open("a", encoding="utf-8") as file:
            file.write(f"{what} (process {os.getpid()}: {' '.join(sys.argv)[:80]})\n")
    raise BeyondLoopback(f"tests stay on loopback, this would {what}")


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event.startswith("socket.") and (what := trespass(event, arguments)) is not None:
        _refuse(what)


def _hosts(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """The hosts a call of a loop's method is about."""
    if name == "sock_connect":
        return [args[1][0]] if isinstance(args[1], tuple) else []
    if name == "getaddrinfo":
        return [args[0] if args else kwargs.get("host")]
    if name == "create_datagram_endpoint":
        ends = (*args[1:3], kwargs.get("local_addr"), kwargs.get("remote_addr"))
        return [end[0] for end in ends if isinstance(end, tuple)]
    given = args[1] if len(args) > 1 else kwargs.get("host")
    hosts = list(given) if isinstance(given, (list, tuple)) else [given]
    if name == "create_server" and hosts == [None] and kwargs.get("sock") is None:
        return ["0.0.0.0"]  # noqa: S104 - what a missing host means to a server
    return hosts


def _guarded(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def checked(loop: object, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passes all on
        for host in _hosts(name, args, kwargs):
            if not is_loopback(host):
                _refuse(f"{name} {host!r}")
        return method(loop, *args, **kwargs)

    return checked


def _wrap_uvloop() -> None:
    try:
        import uvloop  # noqa: PLC0415 - absent in a bare interpreter, where there is nothing to wrap
    except ImportError:
        return
    for name in (
        "create_connection",
        "create_server",
        "create_datagram_endpoint",
        "getaddrinfo",
        "sock_connect",
    ):
        setattr(uvloop.Loop, name, _guarded(name, getattr(uvloop.Loop, name)))


@functools.cache
def install() -> None:
    """Guard this process, for as long as it lives."""
    sys.addaudithook(_hook)
    _wrap_uvloop()
