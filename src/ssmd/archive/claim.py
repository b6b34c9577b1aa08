"""One `ssmd up` a directory: who runs here, and on which bus."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from ssmd.bus.settings import BusSettings
from ssmd.model.errors import Busy


class Owner(msgspec.Struct, frozen=True):
    """Who holds a directory, and what is recorded there.

    Attributes:
        pid: The process.
        bus: Address of its bus; empty until it is known.
        streams: The prefix of the subjects of every stream recorded, by stream.
    """

    pid: int
    bus: str = ""
    streams: dict[str, str] = {}

    @property
    def settings(self) -> BusSettings:
        """How to reach its bus."""
        return BusSettings(url=self.bus)


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
        self.tell(Owner(os.getpid()))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.ftruncate(self._file, 0)
        os.close(self._file)

    def tell(self, owner: Owner) -> None:
        """Tell other processes of this machine what is recorded here, and on which bus."""
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, msgspec.json.encode(owner), 0)


def owner_of(run_dir: Path) -> Owner | None:
    """Whoever records here and has a bus; None when nobody does."""
    path = _path(run_dir)
    owner = _read(path)
    return owner if owner and owner.bus and _is_held(path) else None


def _is_held(path: Path) -> bool:
    """Whether a live process holds the claim: what a killed one wrote is of no use."""
    file = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(file)


def _path(run_dir: Path) -> Path:
    return run_dir / "up.lock"


def _read(path: Path) -> Owner | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Owner)
    except (OSError, msgspec.DecodeError):
        return None
