"""What can go wrong with a cluster, and what to do about it.

SsmdError
├── NoCluster        no API server could be found, or its credentials cannot be used (exit code 2)
├── Absent           there is no such object, or no such kind
├── Conflict         somebody else owns the fields, or was faster
├── Refused          the API server understood, and will not
├── Expired          what was watched from is older than the API server remembers
├── LeaderLost       another operator leads now
└── Unavailable      the API server is away, or busy (see `model.errors`)
"""

from typing import NamedTuple

from ssmd.model.errors import ConfigError, SsmdError


class NoCluster(ConfigError):
    """No API server could be found, or its credentials cannot be used."""


class Absent(SsmdError):
    """There is no such object, or no such kind."""


class Claim(NamedTuple):
    """One field that somebody else owns.

    Attributes:
        field: Where it is, as the API server writes it: `.spec.replicas`.
        manager: Who owns it, as far as the API server says.
    """

    field: str
    manager: str


class Conflict(SsmdError):
    """Somebody else owns the fields, or was faster.

    Attributes:
        claims: The fields, and who owns them; empty when somebody was faster.
    """

    retryable = True

    def __init__(self, message: str, *, remedy: str, claims: tuple[Claim, ...] = ()) -> None:
        super().__init__(message, remedy=remedy)
        self.claims = claims


class Refused(SsmdError):
    """The API server understood, and will not.

    Attributes:
        forbidden: It is our rights that are missing, not the request that is wrong.
    """

    def __init__(self, message: str, *, remedy: str, forbidden: bool = False) -> None:
        super().__init__(message, remedy=remedy)
        self.forbidden = forbidden


class Expired(SsmdError):
    """What was watched from is older than the API server remembers."""

    retryable = True


class LeaderLost(SsmdError):
    """Another operator leads now, or nobody can be told that we do."""
