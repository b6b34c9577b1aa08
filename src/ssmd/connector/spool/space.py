"""Room: on the disk, and within the spool's own bound; and what stands there, for people to see."""

from pathlib import Path
from typing import Final

from ssmd.connector.spool.device import Device
from ssmd.connector.spool.settings import SpoolLimits
from ssmd.connector.spool.shelf import Shelf
from ssmd.connector.telemetry import Telemetry
from ssmd.model.timestamp import SECOND_NS

_MIB: Final = 1 << 20


class Space:
    """Looks at the disk under a spool.

    Attributes:
        warning: A sentence when free space is getting scarce; empty otherwise.
    """

    def __init__(
        self,
        directory: Path,
        limits: SpoolLimits,
        shelf: Shelf,
        device: Device,
        telemetry: Telemetry,
    ) -> None:
        self.warning = ""
        self._directory = directory
        self._limits = limits
        self._shelf = shelf
        self._device = device
        self._telemetry = telemetry
        self._oldest: tuple[int, int | None] = (-1, None)

    @property
    def free(self) -> int:
        """Bytes free on the disk."""
        return self._device.free(self._directory)

    @property
    def is_full(self) -> bool:
        """Whether so little is free that we do not write."""
        return self.free < self._limits.min_free_bytes

    def has(self, size: int) -> bool:
        """Whether `size` more bytes are within the bound, dropping what the bus has if need be."""
        if self._shelf.size + size > self._limits.max_bytes:
            dropped = self._shelf.drop_acknowledged(self._limits.max_bytes - size)
            if dropped:
                self._telemetry.bound_dropped(dropped)
        return self._shelf.size + size <= self._limits.max_bytes

    def look(self, wall: int, durable: int) -> None:
        """Report what there is, durable up to a position, at a wall time in ns; warn when scarce."""
        free, wanted = self.free, self._limits.low_disk_bytes
        if free >= wanted:
            self.warning = ""
        else:
            if not self.warning:
                self._telemetry.disk_low(free, wanted)
            self.warning = (
                f"disk space is low: {free // _MIB} MiB are free under {self._directory}, "
                f"less than {wanted // _MIB} MiB"
            )
        self._telemetry.spool_sizes(
            free_bytes=free,
            size_bytes=self._shelf.size,
            files=len(self._shelf.files),
            unpublished=self._shelf.unacked,
            unarchived=self._shelf.unarchived,
            age_s=self._age_s(wall),
        )
        self._telemetry.rungs(
            received=self._shelf.active.last,
            spooled=durable,
            published=self._shelf.published,
            archived=self._shelf.first_unarchived - 1,
        )

    def _age_s(self, wall: int) -> float:
        """How long ago the oldest record that is not archived was received; 0 without one."""
        if not self._shelf.unarchived:
            return 0.0
        position = self._shelf.first_unarchived
        if position != self._oldest[0]:
            entries = self._shelf.read(position, 1)
            self._oldest = (position, entries[0].envelope.ts_recv if entries else None)
        received = self._oldest[1]
        return 0.0 if received is None else max(0.0, (wall - received) / SECOND_NS)
