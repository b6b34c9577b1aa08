"""What the bus refuses, and what to do about it.

SsmdError
├── Unavailable
│   ├── BusAway          no server answers, or none lets us in
│   ├── ApiRefused       JetStream answered a request with an error that may pass
│   ├── Displaced        something stands in a chained stream where our message should
│   └── Rebuilt          the consumer must be opened again; discard what is not committed
│       └── PinLost      because another archiver holds it now
├── ConfigError
│   ├── StreamUnfit      the stream does not cover the prefix, or throws away what is not archived
│   └── ServerMissing    there is no nats-server program on this machine
└── Damaged
    └── Foreign          a message on the stream is not an envelope of ours
"""

from ssmd.model.errors import ConfigError, Damaged, Unavailable


class BusAway(Unavailable):
    """No server answers, or none lets us in."""

    def __init__(self, servers: str, reason: str) -> None:
        super().__init__(
            f"The bus at {servers} cannot be used: {reason}.",
            remedy="Check NATS_URL and the credentials, and that nats-server runs there.",
        )
        self.reason = reason


class ApiRefused(Unavailable):
    """JetStream answered a request with an error."""

    def __init__(self, subject: str, code: int, err_code: int, description: str) -> None:
        super().__init__(
            f"JetStream refused {subject}: {description} ({code}, {err_code}).",
            remedy="Look at the server's log; if it is out of space, purge or enlarge the store.",
        )
        self.code = code
        self.err_code = err_code


class Displaced(Unavailable):
    """Something stands in a chained stream where a message of ours should; begin at its end."""

    def __init__(self, stream: str, reason: str) -> None:
        super().__init__(
            f"The chain on the stream {stream} is broken: {reason}.",
            remedy="Begin again at the stream's end; see who else writes to it.",
        )
        self.reason = reason


class Rebuilt(Unavailable):
    """The consumer must be opened again; discard what is not committed first."""

    def __init__(self, durable: str, reason: str) -> None:
        super().__init__(
            f"The consumer {durable!r} must be opened again: {reason}.",
            remedy="Discard what is not committed, then open the consumer again.",
        )
        self.reason = reason


class PinLost(Rebuilt):
    """Another archiver holds the consumer now; discard what is not committed and open again."""


class StreamUnfit(ConfigError):
    """The stream cannot be trusted with what is not archived yet."""

    def __init__(self, stream: str, reason: str, *, remedy: str) -> None:
        super().__init__(f"The stream {stream} cannot be used: {reason}.", remedy=remedy)


class ServerMissing(ConfigError):
    """There is no nats-server program on this machine."""

    def __init__(self) -> None:
        super().__init__(
            "No nats-server program was found.",
            remedy="Set NATS_URL to a running server, or SSMD_NATS_BIN to the program.",
        )


class Foreign(Damaged):
    """A message on the stream is not an envelope of ours."""

    def __init__(self, subject: str, reason: str) -> None:
        super().__init__(
            f"A message on {subject} is not an envelope: {reason}.",
            remedy="Find out who else publishes under this prefix, and move them elsewhere.",
        )
