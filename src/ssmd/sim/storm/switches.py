"""The clock and the disk of a storm: the machine's own, until a control file says otherwise."""

import contextlib
import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from ssmd.archive import durable
from ssmd.connector.spool.device import SYSTEM, Device
from ssmd.model.frame import Now
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime.clock import Clock

LOOK_S: Final = 0.02
"""Pause between two looks at the control file, in seconds."""


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What a control file orders; everything is as usual without it.

    Attributes:
        step_s: How far the wall clock is off, in seconds.
        asleep_s: How long the machine says it was suspended, in seconds, beyond what it was.
        write: Name of the error that writes meet (`ENOSPC`); empty for none.
        sync: Name of the error that fsyncs meet (`EIO`); empty for none.
        full: Whether the disk says that it has no free space.
    """

    step_s: float = 0.0
    asleep_s: float = 0.0
    write: str = ""
    sync: str = ""
    full: bool = False


def order(file: Path, orders: Orders) -> None:
    """Write a control file, whole or not at all."""
    draft = file.with_suffix(".draft")
    draft.write_bytes(msgspec.json.encode(orders))
    draft.replace(file)


class Switches:
    """What is ordered now; `follow` keeps it up to date.

    Attributes:
        orders: What is ordered.
    """

    def __init__(self, file: Path, clock: Clock) -> None:
        self._file = file
        self._synced = _marks(file)
        self._clock = clock
        self.orders = Orders()
        self.look()

    def look(self) -> None:
        """Read the control file, if there is one."""
        with contextlib.suppress(FileNotFoundError):
            self.orders = msgspec.json.decode(self._file.read_bytes(), type=Orders)

    async def follow(self) -> None:
        """Look again and again; never returns."""
        while True:
            await self._clock.sleep(LOOK_S)
            self.look()

    def spool(self) -> Device:
        """A disk under a spool that fails as ordered."""

        def write(descriptor: int, data: memoryview) -> int:
            self._meet(self.orders.write)
            return SYSTEM.write(descriptor, data)

        def sync(descriptor: int) -> None:
            self._meet(self.orders.sync)
            written = os.fstat(descriptor)
            SYSTEM.sync(descriptor)
            _mark(self._synced, written)

        def free(directory: Path) -> int:
            return 0 if self.orders.full else SYSTEM.free(directory)

        return Device(write=write, sync=sync, free=free)

    def archive(self) -> durable.Device:
        """A disk under an archive that fails as ordered."""

        def write(descriptor: int, data: memoryview) -> int:
            self._meet(self.orders.write)
            return durable.SYSTEM.write(descriptor, data)

        def sync(descriptor: int) -> None:
            self._meet(self.orders.sync)
            durable.SYSTEM.sync(descriptor)

        def sync_data(descriptor: int) -> None:
            self._meet(self.orders.sync)
            durable.SYSTEM.sync_data(descriptor)

        return durable.Device(write=write, sync=sync, sync_data=sync_data)

    def _meet(self, name: str) -> None:
        if name:
            code = getattr(errno, name)
            raise OSError(code, os.strerror(code))


def synced(file: Path, path: Path) -> int:
    """How many bytes of a spool's file were made durable for sure: what the last fsync found.

    Args:
        file: The control file of whoever wrote it.
        path: The spool's file.
    """
    try:
        return int((_marks(file) / str(path.stat().st_ino)).read_text())
    except FileNotFoundError:
        return 0


def _marks(file: Path) -> Path:
    """Where a service notes what it made durable, a file an inode."""
    return file.with_suffix(".synced")


def _mark(folder: Path, written: os.stat_result) -> None:
    """Note a length, in one write of always the same size: a killed process leaves it whole."""
    folder.mkdir(exist_ok=True)
    handle = os.open(folder / str(written.st_ino), os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        os.pwrite(handle, b"%020d" % written.st_size, 0)
    finally:
        os.close(handle)


class SteppedClock:
    """A clock whose wall time is off by what is ordered; its monotonic time is the real one."""

    def __init__(self, clock: Clock, switches: Switches) -> None:
        self._clock = clock
        self._switches = switches

    def now(self) -> Now:
        """Both clocks at one moment."""
        now = self._clock.now()
        return Now(now.wall + self._step_ns, now.mono)

    def wall(self) -> int:
        """Nanoseconds since the Unix epoch, UTC, as far off as ordered."""
        return self._clock.wall() + self._step_ns

    def mono(self) -> float:
        """Monotonic seconds, never stepped."""
        return self._clock.mono()

    def asleep(self) -> float:
        """Seconds the machine has been suspended, with what is ordered on top."""
        return self._clock.asleep() + self._switches.orders.asleep_s

    async def sleep(self, seconds: float) -> None:
        """Wait on the monotonic clock."""
        await self._clock.sleep(seconds)

    @property
    def _step_ns(self) -> int:
        return int(self._switches.orders.step_s * SECOND_NS)


def files(directory: Path, names: Iterable[str]) -> dict[str, Path]:
    """The control file of each service, by its name; the directory is made."""
    directory.mkdir(parents=True, exist_ok=True)
    return {name: directory / f"{name}.json" for name in names}
