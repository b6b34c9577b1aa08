"""Child processes: started here, ended here, and never left behind."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from ssmd.model.errors import ConfigError, Unavailable
from ssmd.runtime import telemetry
from ssmd.runtime.clock import Clock, SystemClock
from ssmd.runtime.service import RunFile, read_run_file

_PR_SET_PDEATHSIG: Final = 1
_TICK_S: Final = 0.02
"""Pause between two looks at a child: asking costs microseconds, and works in every sandbox."""
_LARGEST_LOG_BYTES: Final = 16 << 20
_TAIL_BYTES: Final = 2000

_libc = ctypes.CDLL(
    None, use_errno=True
)  # loaded now: nothing may be imported between fork and exec


class ChildFailed(Unavailable):
    """A child process ended, or did not become ready, when it was needed."""

    def __init__(self, child: "Child", what: str) -> None:
        tail = child.last_words()
        super().__init__(
            f"{child.name} (pid {child.pid}) {what}." + (f" It said last: {tail}" if tail else ""),
            remedy=f"Read its log, {child.log}.",
        )


class Child:
    """A process of our own. It dies with us, even by kill -9.

    Attributes:
        name: What people call it.
        pid: Its process id.
        log: Where its standard output and error go.
    """

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path, offset: int) -> None:
        self.name = name
        self.pid = process.pid
        self.log = log
        self._process = process
        self._offset = offset
        self._reported = False

    @classmethod
    def spawn(
        cls,
        name: str,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        death_signal: signal.Signals = signal.SIGTERM,
    ) -> "Child":
        """Start a process in a session of its own, so that a Ctrl-C in our terminal is ours.

        Args:
            name: What people call it.
            argv: Program and arguments; no shell reads them.
            log: File its output is appended to; beyond 16 MiB the old one is kept as `.1`.
            env: Its whole environment; ours when None.
            cwd: Its working directory; ours when None.
            death_signal: What the kernel sends it when we die. A process that is stopped then
                acts on SIGKILL alone.

        Raises:
            ConfigError: The program cannot be started.
            RuntimeError: Not called from the main thread: Linux ends the child with the *thread*
                that started it.
        """
        if threading.current_thread() is not threading.main_thread():
            message = "children are spawned from the main thread"
            raise RuntimeError(message)
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > _LARGEST_LOG_BYTES:
            log.replace(log.with_name(f"{log.name}.1"))
        with log.open("ab") as output:
            offset = output.tell()
            try:
                process = subprocess.Popen(  # noqa: S603 - no shell; argv is ours
                    list(argv),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=None if env is None else dict(env),
                    cwd=cwd,
                    start_new_session=True,
                    preexec_fn=_die_with_parent(os.getpid(), death_signal),  # noqa: PLW1509 - one system call
                )
            except (OSError, subprocess.SubprocessError) as error:
                raise ConfigError(
                    f"{name}: {argv[0]} cannot be started: {error}.",
                    remedy="Check that the program is installed and may be executed.",
                ) from error
        telemetry.child_started(name, pid=process.pid)
        return cls(name, process, log, offset)

    @property
    def returncode(self) -> int | None:
        """What it ended with, negative for a signal; None while it runs."""
        code = self._process.poll()
        if code is not None and not self._reported:
            self._reported = True
            telemetry.child_ended(self.name, pid=self.pid, code=code)
        return code

    async def ready(
        self,
        sign: Path | Callable[[], Awaitable[bool]],
        *,
        timeout_s: float = 30.0,
        clock: Clock | None = None,
    ) -> RunFile | None:
        """Wait until the child says that it is ready.

        Args:
            sign: Its run file, which counts only when this very process wrote it; or a question
                that is asked until the answer is yes.
            timeout_s: Longest wait, in seconds.
            clock: The time; the machine's own when None.

        Returns:
            The run file; None when a question was asked.

        Raises:
            ChildFailed: It ended, or did not become ready in time; the message quotes its log.
        """
        times: Clock = SystemClock() if clock is None else clock
        deadline = times.mono() + timeout_s
        while True:
            if isinstance(sign, Path):
                told = read_run_file(sign)
                if told is not None and told.pid == self.pid:
                    return told
            elif await sign():
                return None
            if (code := self.returncode) is not None:
                raise ChildFailed(self, f"ended with {code} before it was ready")
            if times.mono() >= deadline:
                raise ChildFailed(self, f"was not ready after {timeout_s:g} s")
            await times.sleep(_TICK_S)

    def terminate(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end; nothing happens when it ended already."""
        if self.returncode is None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once; nothing happens when it ended already."""
        self.terminate(signal.SIGKILL)

    async def wait(self, timeout_s: float | None = None, *, clock: Clock | None = None) -> int:
        """Wait until it ended, and give its return code; negative for a signal.

        Raises:
            TimeoutError: It runs still.
        """
        times: Clock = SystemClock() if clock is None else clock
        deadline = None if timeout_s is None else times.mono() + timeout_s
        while (code := self.returncode) is None:
            if deadline is not None and times.mono() >= deadline:
                raise TimeoutError
            await times.sleep(_TICK_S)
        return code

    async def end(self, grace_s: float = 10.0, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, wait, and kill it when the grace is over; gives its return code."""
        self.terminate(number)
        try:
            return await self.wait(grace_s)
        except TimeoutError:
            self.kill()
            return await self.wait()

    def last_words(self) -> str:
        """The end of what this process wrote to its log."""
        try:
            with self.log.open("rb") as stream:
                size = stream.seek(0, os.SEEK_END)
                stream.seek(max(self._offset, size - _TAIL_BYTES))
                return stream.read().decode(errors="replace").strip()
        except OSError:
            return ""


def _die_with_parent(parent: int, number: signal.Signals) -> Callable[[], None]:
    def arrange() -> None:
        if sys.platform == "linux":
            _libc.prctl(_PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:  # we died between the fork and the call above
            os.kill(os.getpid(), signal.SIGKILL)

    return arrange
