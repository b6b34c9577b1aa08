"""One `ssmd up` a directory: who runs here, and on which bus."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from ssmd.bus.settings import BusSettings
from ssmd.model.errors import Busy


class _Owner(msgspec.Struct, frozen=True):
    """Who holds a directory."""

    pid: int
    bus: str


class Claim:
    """Holds a directory for this process; the kernel lets go when the process ends, however."""

    def __init__(self, run_dir: Path) -> None:
        self._path = _path(run_dir)

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            owner = _read(self._path)
            pid = owner.pid if owner else "?"
            message = f"{self._path.parent.parent} is in use: `ssmd up` runs there as pid {pid}."
            raise Busy(message, remedy="Stop that one, or give another --dir.") from error
        self.tell("")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.ftruncate(self._file, 0)
        os.close(self._file)

    def tell(self, bus: str) -> None:
        """Tell other processes of this machine where the bus is."""
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, msgspec.json.encode(_Owner(os.getpid(), bus)), 0)


def bus_of(run_dir: Path) -> BusSettings | None:
    """The bus of whoever runs here; None when nobody does."""
    owner = _read(_path(run_dir))
    return BusSettings(url=owner.bus) if owner and owner.bus else None


def _path(run_dir: Path) -> Path:
    return run_dir / "up.lock"


def _read(path: Path) -> _Owner | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Owner)
    except (OSError, msgspec.DecodeError):
        return None
