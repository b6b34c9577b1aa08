"""How changes are published."""

import re
from typing import Final

import msgspec

from ssmd.model import subject
from ssmd.model.errors import ConfigError

FEED: Final = "secmaster"
"""The feed that the changes are in the archive."""
SHARD: Final = "cdc"
PREFIX: Final = "cdc"
SLOT: Final = "ssmd_cdc"

_PREFIX: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_SLOT: Final = re.compile(r"[a-z0-9_]{1,63}")


class ChangesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How changes are published."""

    environment: str = "prod"
    """Whose they are: first word of the stream's name."""

    prefix: str = PREFIX
    """First tokens of the subjects; two environments on one bus need different ones."""

    slot: str = SLOT
    """The replication slot; two databases of one server need different ones."""

    max_bytes: int = 16 << 30
    """Most the stream may hold, in bytes; a full one holds the changes back."""

    replicas: int = 1
    """Copies the bus keeps of the stream."""

    window: int = 256
    """Most messages outstanding."""

    idle_bytes: int = 16 << 20
    """So much log without a change of ours, and the stream is told that nothing happened."""

    safe_bytes: int = 128 << 20
    """Less than this left before the slot is lost is a warning, in bytes."""

    look_s: float = 5.0
    """Pause between two looks at the slot, in seconds."""

    confirm_s: float = 0.25
    """Pause between two confirmations to the database, in seconds."""

    standby_s: float = 0.5
    """Pause between two attempts to be the publisher, in seconds."""

    retry_s: float = 10.0
    """Longest pause before beginning again, in seconds."""

    drain_s: float = 5.0
    """Longest wait for the bus at the end, in seconds."""

    @property
    def stream(self) -> str:
        """The stream's name: `PROD_SECMASTER`."""
        return subject.stream(self.environment, FEED)

    def check(self) -> None:
        """Refuse what cannot work.

        Raises:
            ConfigError: A name is not one.
        """
        if not _PREFIX.fullmatch(self.prefix):
            message = f"{self.prefix!r} is no prefix of subjects."
            raise ConfigError(message, remedy="Use letters, digits, `_`, `-`, with dots between.")
        if not _SLOT.fullmatch(self.slot):
            message = f"{self.slot!r} is no name of a replication slot."
            raise ConfigError(message, remedy="Use at most 63 of a-z, 0-9 and `_`.")
