"""The spool's knobs, as numbers."""

import msgspec


class SpoolLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How the spool behaves.

    Attributes:
        fsync_s: Longest time between a write and its fsync, in seconds.
        max_bytes: Most bytes on disk; beyond it frames are declared lost.
        file_bytes: A file that reaches this is followed by a new one.
        low_disk_bytes: Less free space than this is warned of.
        min_free_bytes: Less free space than this counts as a full disk.
        memory_bytes: Most memory for envelopes waiting for the bus; the rest is read back.
        retry_s: Pause between attempts to write again after the disk refused, in seconds.
    """

    fsync_s: float = 0.05
    max_bytes: int = 8 << 30
    file_bytes: int = 64 << 20
    low_disk_bytes: int = 1 << 30
    min_free_bytes: int = 0
    memory_bytes: int = 32 << 20
    retry_s: float = 1.0
