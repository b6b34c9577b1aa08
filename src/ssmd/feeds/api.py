"""api.yaml: how the HTTP API serves an archive, and within which bounds."""

import ipaddress
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta

from ssmd.feeds.values import Name, Section, Text, check_bus_url, check_database_url

_KIB = 1 << 10
_MIB = 1 << 20
_HOUR_S = 3600

Port = Annotated[int, Meta(ge=0, le=65_535)]
"""A TCP port; 0 takes a free one."""


class RequestLimits(Section, frozen=True, kw_only=True):
    """What one request, and all of them together, may cost.

    Attributes:
        body_bytes: Longest body of a request, in bytes.
        head_bytes: Longest request line and headers together, in bytes.
        head_s: Longest time until a request's headers and body have come, in seconds.
        request_s: Longest time until an answer that is not streamed, in seconds.
        stream_s: Longest time of a download, in seconds.
        idle_s: A reader that takes nothing of an answer for so long is let go, in seconds.
        threads: Questions to files that are answered at once; the others wait.
        downloads: Downloads that are made at once; the others wait.
        wait_s: Longest wait for one of those places, in seconds.
        connections: Most connections at once.
    """

    body_bytes: Annotated[int, Meta(ge=_KIB, le=16 * _MIB)] = 64 * _KIB
    head_bytes: Annotated[int, Meta(ge=4 * _KIB, le=_MIB)] = 32 * _KIB
    head_s: Annotated[float, Meta(gt=0, le=600)] = 10.0
    request_s: Annotated[float, Meta(gt=0, le=_HOUR_S)] = 60.0
    stream_s: Annotated[float, Meta(gt=0, le=24 * _HOUR_S)] = 4.0 * _HOUR_S
    idle_s: Annotated[float, Meta(gt=0, le=_HOUR_S)] = 60.0
    threads: Annotated[int, Meta(ge=1, le=64)] = 4
    downloads: Annotated[int, Meta(ge=1, le=1024)] = 8
    wait_s: Annotated[float, Meta(gt=0, le=600)] = 15.0
    connections: Annotated[int, Meta(ge=1, le=100_000)] = 2_000


class LiveLimits(Section, frozen=True, kw_only=True):
    """What one live stream, and all of them together, may cost.

    Attributes:
        clients: Most live streams at once.
        per_key: Most live streams of one key at once.
        queue_bytes: Most bytes that wait for one reader; what comes then is skipped, and counted.
        queue_messages: Most messages that wait for one reader, likewise.
        slow_s: A reader whose queue stays full for so long is let go, in seconds.
        heartbeat_s: Longest silence on a stream, in seconds.
        recheck_s: How often it is asked whether a stream's key still holds, in seconds.
    """

    clients: Annotated[int, Meta(ge=1, le=100_000)] = 1_000
    per_key: Annotated[int, Meta(ge=1, le=100_000)] = 200
    queue_bytes: Annotated[int, Meta(ge=64 * _KIB, le=256 * _MIB)] = 2 * _MIB
    queue_messages: Annotated[int, Meta(ge=16, le=1_000_000)] = 8_192
    slow_s: Annotated[float, Meta(gt=0, le=600)] = 10.0
    heartbeat_s: Annotated[float, Meta(gt=0, le=600)] = 5.0
    recheck_s: Annotated[float, Meta(gt=0, le=600)] = 5.0


class KeyLimits(Section, frozen=True, kw_only=True):
    """How keys are looked at.

    Attributes:
        cache_s: How long a key that was looked up is believed, in seconds: a revoked one stops
            within it.
        rate: Requests a second of a key that names no rate of its own.
        burst: Requests at once of such a key.
        guesses: Failed attempts of one address that are answered before it has to wait.
        guesses_s: How long until that many are allowed again, in seconds.
        flush_s: How often counts of use, and the audit of what was read, are written, in seconds.
        audit_days: How long accesses stay in the audit, in days; acts of administration stay for good.
    """

    cache_s: Annotated[float, Meta(gt=0, le=300)] = 3.0
    rate: Annotated[float, Meta(gt=0, le=100_000)] = 20.0
    burst: Annotated[int, Meta(ge=1, le=100_000)] = 100
    guesses: Annotated[int, Meta(ge=1, le=10_000)] = 20
    guesses_s: Annotated[float, Meta(gt=0, le=86_400)] = 60.0
    flush_s: Annotated[float, Meta(gt=0, le=600)] = 2.0
    audit_days: Annotated[float, Meta(gt=0, le=36_500)] = 90.0


class WatchedService(Section, frozen=True, kw_only=True):
    """A service on another machine that the API looks at.

    Attributes:
        name: Its name, as the status page shows it.
        url: Base address of its health server, `http://host:8080`.
    """

    name: Text
    url: Text

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
            raise ValueError(
                f"the address {self.url!r} is not one of a health server: write http://host:8080"
            )


class ApiConfig(Section, frozen=True, kw_only=True):
    """How the HTTP API serves an archive, and within which bounds.

    Attributes:
        host: The address to listen on.
        port: The port to listen on; 0 takes a free one.
        environment: Of which environment the bus's streams are.
        nats_url: Address of the bus, for what is live; None takes `NATS_URL`, or goes without.
        database_url: Address of the security master; None takes `DATABASE_URL`, or the archive's
            embedded one.
        cors_origins: Pages of other origins that may read answers; none by default.
        identity_header: A header in which a proxy tells who asks, for the audit; None ignores all.
        trusted_proxies: Addresses or networks whose `identity_header` and `X-Forwarded-For` are believed.
        services: Health servers on other machines to look at, besides those of this one.
        limits: What requests may cost.
        live: What live streams may cost.
        keys: How keys are looked at.
    """

    host: Text = "127.0.0.1"
    port: Port = 8000
    environment: Name = "local"
    nats_url: Text | None = None
    database_url: Text | None = None
    cors_origins: tuple[Text, ...] = ()
    identity_header: Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")] | None = None
    trusted_proxies: tuple[Text, ...] = ()
    services: tuple[WatchedService, ...] = ()
    limits: RequestLimits = RequestLimits()
    live: LiveLimits = LiveLimits()
    keys: KeyLimits = KeyLimits()

    def __post_init__(self) -> None:
        if self.nats_url is not None:
            check_bus_url(self.nats_url)
        if self.database_url is not None:
            check_database_url(self.database_url)
        for origin in self.cors_origins:
            _check_origin(origin)
        for network in self.trusted_proxies:
            ipaddress.ip_network(network, strict=False)  # its ValueError says what is wrong
        if self.identity_header is not None and not self.trusted_proxies:
            raise ValueError(
                "`identity_header` is believed of nobody: name the proxy in `trusted_proxies`"
            )


def _check_origin(origin: str) -> None:
    parts = urlsplit(origin)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query:
        raise ValueError(f"`cors_origins`: {origin!r} is no origin: write https://page.example.com")
