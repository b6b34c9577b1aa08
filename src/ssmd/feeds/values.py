"""What our configuration files are made of: kinds of values, with their bounds. Pure."""

import ipaddress
import re
from typing import Annotated, Final
from urllib.parse import SplitResult, urlsplit

import msgspec
from msgspec import Meta


class Section(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What every part of our configuration files is: strict."""


Name = Annotated[
    str,
    Meta(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=40),
]
"""Lower-case letters, digits and inner dashes: it becomes part of subjects, paths and labels."""

Text = Annotated[str, Meta(min_length=1, max_length=1000)]
"""Something, and not a novel."""

Token = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]+$", max_length=128)]
"""Name of a stream or a consumer."""

Prefix = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", max_length=128)]
"""First tokens of subjects."""

Symbol = Annotated[str, Meta(min_length=1, max_length=512)]
"""An instrument, in the venue's own string."""

Day = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
"""A time of day, `HH:MM`."""

_PLACEHOLDERS: Final = re.compile(
    r"missing|placeholder|change-?_?me|todo|fixme|your-|[<>{}\s]|\$\(|xxx", re.IGNORECASE
)
_RESERVED: Final = re.compile(
    r"(^|\.)(example\.(com|org|net|edu)|example|invalid|test)$", re.IGNORECASE
)
_NATS_SCHEMES: Final = frozenset({"nats", "tls"})
_DATABASE_SCHEMES: Final = frozenset({"postgresql", "postgres"})


def check_endpoint(url: str) -> None:
    """Refuse what cannot be, or must not be, the address of a venue's WebSocket.

    Raises:
        ValueError: It is a placeholder, has another scheme than `wss`, no host, or holds
            credentials. `ws` is for this machine only.
    """
    parts = _split(url)
    if parts.scheme not in {"ws", "wss"}:
        raise ValueError(f"the endpoint {url!r} is not a WebSocket address: begin it with wss://")
    host = _host(url, parts)
    if parts.scheme == "ws" and not is_loopback(host):
        raise ValueError(f"the endpoint {url!r} is not encrypted: ws:// is for this machine only")


def check_rest(url: str) -> None:
    """Refuse what cannot be, or must not be, the address of a venue's REST service.

    Raises:
        ValueError: It is a placeholder, has another scheme than `https`, no host, or holds
            credentials. `http` is for this machine only.
    """
    parts = _split(url)
    if parts.scheme not in {"http", "https"}:
        raise ValueError(
            f"the address {url!r} is not one of a REST service: begin it with https://"
        )
    host = _host(url, parts)
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError(f"the address {url!r} is not encrypted: http:// is for this machine only")


def check_bus_url(url: str) -> None:
    """Refuse what cannot be the address of a bus; several may stand with commas between.

    Raises:
        ValueError: It is a placeholder, has a foreign scheme, no host, or holds credentials.
    """
    for address in url.split(","):
        parts = _split(address.strip())
        if parts.scheme not in _NATS_SCHEMES:
            raise ValueError(f"the bus address {address!r} is not one: begin it with nats://")
        _host(address.strip(), parts)


def check_database_url(url: str) -> None:
    """Refuse what cannot be, or must not be, the address of a PostgreSQL in a file.

    Raises:
        ValueError: It is a placeholder, has a foreign scheme, names no database, or holds a password.
    """
    parts = _split(url)
    if parts.scheme not in _DATABASE_SCHEMES or len(parts.path) < 2:  # noqa: PLR2004 - a slash and a name
        raise ValueError(
            "the address of the database is not one: write postgresql://USER@HOST:PORT/DATABASE"
        )
    if parts.password is not None or "password=" in parts.query:
        raise ValueError(
            "the address of the database holds a password: configuration is no place for one, use "
            "DATABASE_URL, PGPASSWORD or a .pgpass"
        )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _split(url: str) -> SplitResult:
    if _PLACEHOLDERS.search(url):
        raise ValueError(f"the address {url!r} is a placeholder: write the real one")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"the address {url!r} is not valid: {error}") from error
    return parts


def _host(url: str, parts: SplitResult) -> str:
    host = parts.hostname
    if not host:
        raise ValueError(f"the address {url!r} names no host")
    if "@" in parts.netloc:
        raise ValueError(
            f"the address of {host} holds credentials: configuration is no place for them, "
            "use `keys` or the environment"
        )
    if _RESERVED.search(host):
        raise ValueError(f"the address {url!r} is a placeholder: write the real one")
    return host
