"""The archive's knobs."""

from typing import Annotated

import msgspec


class ArchiveSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How segments are cut and how long is remembered."""

    interval_s: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 900
    """Length of a slot in seconds, counted from midnight UTC."""

    grace_s: Annotated[float, msgspec.Meta(ge=0)] = 60.0
    """How long after its slot a segment stays open for late data, in seconds."""

    hole_grace_s: Annotated[float, msgspec.Meta(ge=0)] = 60.0
    """How long after its end a connection may still be completed, in seconds; what is missing then
    is told as a hole."""

    open_segments: Annotated[int, msgspec.Meta(ge=1, le=64)] = 4
    """Most segments open at once; one more seals the one that was written to longest ago."""

    frame_bytes: Annotated[int, msgspec.Meta(ge=1024)] = 4 << 20
    """Uncompressed size at which a new zstd frame begins, in bytes: what a damaged byte can cost."""

    level: Annotated[int, msgspec.Meta(ge=1, le=19)] = 1
    """zstd level; 1 has gzip -6's ratio on market data at a fraction of its cost."""

    horizon_s: Annotated[float, msgspec.Meta(ge=0)] | None = 604_800.0
    """How long a closed and complete connection is remembered, in seconds, so that what the spool
    or the bus still hold of it is known as archived; None forgets nothing."""
