"""How a venue is reached and spoken to, from one day on."""

from datetime import date
from typing import Annotated, Any, Literal

from msgspec import Meta, field

from ssmd.feeds.values import Section, Text, check_endpoint, check_rest


class Protocol(Section, frozen=True, kw_only=True):
    """How the venue talks.

    Attributes:
        transport: What carries the messages; only `wss` is supported so far.
        message: How they are written; only `json` is supported so far.
        version: The venue's name of the protocol's version.
    """

    transport: Literal["wss", "https", "multicast", "tcp"] = "wss"
    message: Literal["json", "itch", "fix", "sbe", "protobuf"] = "json"
    version: Text | None = None

    def __post_init__(self) -> None:
        if self.transport != "wss":
            raise ValueError(f"transport `{self.transport}` is not supported yet: only `wss` is")
        if self.message != "json":
            raise ValueError(f"message `{self.message}` is not supported yet: only `json` is")


class LimitOverrides(Section, frozen=True, kw_only=True):
    """Stricter or different figures than the venue's own; what is absent keeps the venue's.

    Attributes:
        subscriptions_per_connection: Most subscriptions one connection may hold; not above the
            venue's.
        sends_per_second: Most messages we may send on one connection, per second; not above the
            venue's.
        silence_s: Longest healthy silence, in seconds.
        ping_interval_s: Pause between our own keepalives, in seconds.
        pong_intervals: A pong older than this many ping intervals ends the connection.
        ack_timeout_s: Longest wait for the answer to a subscribe request, in seconds.
        connections: Most connections to the venue at once; not above the venue's.
        connect_interval_s: Shortest pause between two connection attempts, in seconds.
    """

    subscriptions_per_connection: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    sends_per_second: Annotated[float, Meta(gt=0, le=10_000)] | None = None
    silence_s: Annotated[float, Meta(ge=0.5, le=3600)] | None = None
    ping_interval_s: Annotated[float, Meta(ge=0.1, le=600)] | None = None
    pong_intervals: Annotated[float, Meta(ge=1, le=10)] | None = None
    ack_timeout_s: Annotated[float, Meta(ge=0.1, le=600)] | None = None
    connections: Annotated[int, Meta(ge=1, le=1000)] | None = None
    connect_interval_s: Annotated[float, Meta(ge=0, le=600)] | None = None


class Version(Section, frozen=True, kw_only=True):
    """How the venue is reached and spoken to, from one day on.

    Attributes:
        version: Its name.
        effective_from: First day it holds, UTC.
        effective_to: Last day it holds, UTC; None until something newer does.
        protocol: How the venue talks.
        endpoint: Address of the WebSocket, without credentials.
        rest: Other addresses of the venue's REST services, by name; what is absent keeps the
            venue's.
        auth_method: How we are let in; `oauth` and `mtls` are not supported yet.
        rate_limit_per_second: Older name of `limits.sends_per_second`.
        max_symbols_per_connection: Most symbols one connection may carry, whatever the channels.
        supports_orderbook: Whether the venue sends order books.
        supports_trades: Whether it sends trades.
        supports_historical: Whether missed data can be fetched later.
        limits: Other figures than the venue's own.
        parser_config: The venue's own parameters of a session, checked by the venue.
    """

    version: Text
    effective_from: date
    effective_to: date | None = None
    protocol: Protocol = Protocol()
    endpoint: Text
    rest: dict[Text, Text] = field(default_factory=dict)
    auth_method: Literal["api_key", "oauth", "mtls", "none"] = "none"
    rate_limit_per_second: Annotated[float, Meta(gt=0, le=10_000)] | None = None
    max_symbols_per_connection: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    supports_orderbook: bool = False
    supports_trades: bool = False
    supports_historical: bool = False
    limits: LimitOverrides = LimitOverrides()
    parser_config: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_endpoint(self.endpoint)
        for address in self.rest.values():
            check_rest(address)
        if self.auth_method in {"oauth", "mtls"}:
            raise ValueError(
                f"auth_method `{self.auth_method}` is not supported yet: use `api_key` or `none`"
            )
        if self.effective_to is not None and self.effective_to < self.effective_from:
            raise ValueError("effective_to lies before effective_from")
        if self.rate_limit_per_second and self.limits.sends_per_second:
            raise ValueError(
                "rate_limit_per_second and limits.sends_per_second say the same: keep one"
            )
