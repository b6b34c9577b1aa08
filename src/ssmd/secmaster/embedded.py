"""A PostgreSQL of our own, on this machine only, for those who have none."""

import asyncio
import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from ssmd.model.errors import Unavailable
from ssmd.runtime.children import Child
from ssmd.runtime.clock import Clock
from ssmd.secmaster import programs, telemetry
from ssmd.secmaster.address import Address
from ssmd.secmaster.errors import FolderUnfit, ServerTaken

DATABASE: Final = "postgres"
USER: Final = "postgres"
_READY_S: Final = 60.0
"""Longest wait for the server, in seconds: after a crash it reads its log first."""
_STOP_S: Final = 30.0
_LOOK_S: Final = 0.05
_SOCKET_BYTES: Final = 103
"""What the shortest of our systems allows a socket's path, with the zero at its end."""
_SOCKET: Final = ".s.PGSQL.5432"
_READY_LINE: Final = 7
"""Index of the line of postmaster.pid that says whether it answers."""
_SETTINGS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "wal_level": "logical",
    "max_wal_senders": "8",
    "max_replication_slots": "8",
    # A reader of changes that is gone for good may not fill the disk: its slot is lost instead, and
    # it begins again with a snapshot.
    "max_slot_wal_keep_size": "1GB",
    "max_wal_size": "512MB",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    "log_line_prefix": "%m [%p] ",
}


class EmbeddedPostgres:
    """A supervised PostgreSQL that listens on a Unix socket alone.

    Args:
        folder: Where it keeps its data, its password and its log.
        clock: What time it is.
        settings: More of its settings, or others than ours.
        death_signal: What the kernel sends it when we die.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        *,
        settings: dict[str, str] | None = None,
        death_signal: signal.Signals = signal.SIGINT,
    ) -> None:
        self._folder = folder.resolve()
        self._data = self._folder / "data"
        self._clock = clock
        self._settings = {**_SETTINGS, **(settings or {})}
        self._death_signal = death_signal
        self._child: Child | None = None
        self._lock: int | None = None

    @property
    def pid(self) -> int:
        """Its process id; 0 while we do not run it."""
        return 0 if self._child is None or not self.is_running else self._child.pid

    @property
    def is_running(self) -> bool:
        """Whether the process that we started lives."""
        return self._child is not None and self._child.returncode is None

    @property
    def log(self) -> Path:
        """Where it writes what it has to say."""
        return self._folder / "postgres.log"

    @property
    def address(self) -> Address:
        """Where it listens; the same for as long as this machine is not started anew.

        Raises:
            Unavailable: It was never started here.
            FolderUnfit: It is another user's.
        """
        try:
            password = (self._folder / "password").read_text(encoding="utf-8").strip()
            socket = (self._folder / "socket").read_text(encoding="utf-8").strip()
        except FileNotFoundError as error:
            raise Unavailable(
                f"There is no security master in {self._folder}.",
                remedy="Run `ssmd secmaster sync`, or name another --dir.",
            ) from error
        except OSError as error:
            raise FolderUnfit(str(self._folder), str(error)) from error
        where = f"{USER}:{quote(password, safe='')}@/{DATABASE}"
        return Address(f"postgresql://{where}?host={quote(socket, safe='')}")

    @property
    def exists(self) -> bool:
        """Whether a database was made here."""
        return (self._data / "PG_VERSION").exists()

    def serving(self) -> bool:
        """Whether somebody runs it at this moment, and it answers.

        Raises:
            FolderUnfit: It is another user's.
        """
        lines = self._postmaster()
        return (
            len(lines) > _READY_LINE
            and lines[_READY_LINE].strip() == "ready"
            and programs.serves(int(lines[0]), self._data)
        )

    async def start(self) -> Address:
        """Start it, wait until it answers, and give its address.

        Raises:
            PostgresMissing: There is no such program here.
            OtherVersion: The programs here cannot read what lies there.
            FolderUnfit: There is no room, or it is not ours.
            ChildFailed: It does not start; the message quotes its log.
            ServerTaken: Somebody else runs it.
        """
        try:
            self._claim()
            try:
                await self._start()
            except BaseException:
                self._release()
                raise
        except OSError as error:
            raise FolderUnfit(str(self._folder), str(error)) from error
        return self.address

    async def restart(self) -> Address:
        """Start it again; if it still runs it is stopped first."""
        await self.stop()
        return await self.start()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._child is not None:
            self._child.kill()

    async def stop(self) -> None:
        """Ask it to end (sessions are cut), and wait until it has."""
        if self._child is not None:
            await self._child.end(_STOP_S, signal.SIGINT)
            self._child = None
        self._release()

    @contextlib.contextmanager
    def in_use(self) -> Iterator[int]:
        """Say that the database is used; whoever runs it for a while does not end it meanwhile.

        Raises:
            BlockingIOError: It is being ended.
            FolderUnfit: The folder is not ours.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            held = os.open(self._folder / "users", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise FolderUnfit(str(self._folder), str(error)) from error
        try:
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
            yield held
        finally:
            os.close(held)

    async def alone(self, held: int, at_most_s: float) -> None:
        """Wait until nobody else uses it, and keep others from beginning to.

        Args:
            held: What `in_use` gave.
            at_most_s: Longest wait, in seconds; then it is given up, which is no error.
        """
        deadline = self._clock.mono() + at_most_s
        told = False
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)  # trying gave it up
                if not told:
                    telemetry.waiting_for_others(str(self._folder), at_most_s)
                    told = True
                if self._clock.mono() > deadline or not self.is_running:
                    return
                await self._clock.sleep(_LOOK_S)
            else:
                return

    async def _start(self) -> None:
        who = programs.user(self._data)
        if self.exists:
            programs.own_all(self._data, who)
        else:
            await self._initialise(programs.find_programs(), who)
        folder = programs.find_programs(self._data)
        await self._end_predecessor()
        argv = [
            *programs.command(who, self._death_signal),
            str(folder / "postgres"),
            *("-D", str(self._data), "-k", str(self._socket_folder(who))),
        ]
        for name, value in self._settings.items():
            argv += ["-c", f"{name}={value}"]
        child = Child.spawn("postgres", argv, log=self.log, death_signal=self._death_signal)
        self._child = child

        async def answers() -> bool:
            return self.serving()

        try:
            await child.ready(answers, timeout_s=_READY_S, clock=self._clock)
        except BaseException:
            await child.end(_STOP_S, signal.SIGINT)
            raise
        telemetry.postgres_started(child.pid, str(self._folder))

    async def _initialise(self, folder: Path, who: int | None) -> None:
        """Make the cluster beside its place, then put it there: half a cluster is none."""
        made = self._folder / "data.new"
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(mode=0o700)
        password = self._folder / "password"
        password.unlink(missing_ok=True)
        password.touch(mode=0o600)  # closed to others from its first byte
        password.write_text(secrets.token_urlsafe(24), encoding="utf-8")
        programs.own(made, who)
        program = [str(folder / "initdb"), "-D", str(made), "-U", USER, "-E", "UTF8"]
        how = ["--no-locale", "-A", "scram-sha-256", f"--pwfile={password}", "--no-instructions"]
        argv = [*programs.command(who, signal.SIGKILL), *program, *how]
        found = await asyncio.to_thread(programs.run, argv)
        if found.returncode:
            words = found.stdout.decode(errors="replace").strip()[-600:]
            raise FolderUnfit(str(self._folder), " ".join(words.split()))
        made.rename(self._data)

    async def _end_predecessor(self) -> None:
        """Whoever started the server that still runs is dead: we hold his lock.

        A number left behind by a crash is forgotten when it is another process's by now:
        PostgreSQL would wait for that one.
        """
        deadline = self._clock.mono() + _STOP_S
        asked = False
        while lines := self._postmaster():
            pid = int(lines[0])
            if not programs.serves(pid, self._data):
                (self._data / "postmaster.pid").unlink(missing_ok=True)
                return
            if not asked:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGINT)
                asked = True
            if self._clock.mono() > deadline:
                raise ServerTaken(str(self._folder))
            await self._clock.sleep(_LOOK_S)

    def _socket_folder(self, who: int | None) -> Path:
        """A folder with a short name, of its server alone: a socket's path has few bytes."""
        note = self._folder / "socket"
        if note.exists():
            folder = Path(note.read_text(encoding="utf-8").strip())
            with contextlib.suppress(FileNotFoundError):
                found = folder.lstat()
                if stat.S_ISDIR(found.st_mode) and found.st_uid == (who or os.geteuid()):
                    return folder
        folder = Path(tempfile.mkdtemp(prefix="ssmd-pg-"))
        if len(os.fsencode(folder / _SOCKET)) > _SOCKET_BYTES:
            folder.rmdir()
            folder = Path(tempfile.mkdtemp(prefix="ssmd-pg-", dir="/tmp"))
        programs.own(folder, who)
        note.write_text(str(folder), encoding="utf-8")
        return folder

    def _postmaster(self) -> list[str]:
        """Lines of the file that a running server keeps beside its data; none when it has none."""
        try:
            text = (self._data / "postmaster.pid").read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise FolderUnfit(str(self._folder), str(error)) from error
        lines = text.splitlines()
        return lines if lines and lines[0].isdigit() else []

    def _claim(self) -> None:
        """Be the one who runs it.

        Raises:
            ServerTaken: Somebody else is.
        """
        if self._lock is not None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        held = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(held)
            raise ServerTaken(str(self._folder)) from error
        self._lock = held

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
