"""What change capture refuses.

ConfigError
├── StreamTaken      another database publishes to the stream
└── SlotTaken        another database, or another program, has a slot of this name
"""

from ssmd.model.errors import ConfigError


class StreamTaken(ConfigError):
    """Two databases publish to one stream: each would undo the other."""

    def __init__(self, stream: str, ours: str, theirs: str) -> None:
        super().__init__(
            f"The stream {stream} is written by the database {theirs} while ours is {ours}.",
            remedy="Give one of the two environments another name and another prefix.",
        )


class SlotTaken(ConfigError):
    """A slot of our name is not ours."""

    def __init__(self, slot: str, plugin: str) -> None:
        super().__init__(
            f"The replication slot {slot!r} belongs to another database or program ({plugin}).",
            remedy="Name another slot with --slot.",
        )
