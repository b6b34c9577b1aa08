"""What a store refuses.

SsmdError
├── ConfigError
│   └── StoreRefused     no credentials, wrong ones, no such bucket, an address nobody understands
└── Unavailable
    ├── StoreAway        the store does not answer, or answers that it cannot just now
    └── NotProved        what the store gives back is not what it was given
"""

from ssmd.model.errors import ConfigError, Unavailable


class StoreRefused(ConfigError):
    """The store does not let us in, or the address is wrong: trying again does not help."""

    def __init__(self, url: str, reason: str, *, remedy: str) -> None:
        super().__init__(f"{url} cannot be used: {reason}.", remedy=remedy)


class StoreAway(Unavailable):
    """The store does not answer, or answers that it cannot just now."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"{url} does not answer: {reason}.",
            remedy="Check the network and the address; what is not uploaded stays here, and is"
            " tried again.",
        )


class NotProved(Unavailable):
    """What the store gives back is not what it was given."""

    def __init__(self, url: str, name: str, *, wanted: str, found: str) -> None:
        super().__init__(
            f"{url} gives other bytes for {name} than it was given: sha256 {found[:12]} instead of"
            f" {wanted[:12]}.",
            remedy="It is uploaded again; if it happens often, do not trust this store.",
        )
