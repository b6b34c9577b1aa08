"""Everything the gate runs: quiet about what is green, closing with pytest's summary line.

`make test ARGS="-k spool"` hands the arguments on to pytest.
"""

import concurrent.futures
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from detect_secrets.core import baseline
from detect_secrets.core.secrets_collection import SecretsCollection

ROOT: Final = Path(__file__).parent.parent
BIN: Final = Path(sys.prefix) / "bin"
CODE: Final = [name for name in ("src", "tests", "scripts", "benchmarks") if (ROOT / name).is_dir()]
SKIPPED: Final = frozenset({".git", ".venv", ".state", ".hypothesis", "__pycache__", "data"})
BASELINE: Final = ".secrets.baseline"
GOLDEN: Final = "tests/operator/manifests/golden/"
"""Written from what is scanned (`scenes.py` beside it): names of Secrets, in lines nobody may mark."""

Outcome = tuple[bool, str]
"""Whether a check is green, and what it said."""


def run(*command: str) -> Outcome:
    """One tool of the venv, its output kept."""
    done = subprocess.run(
        [BIN / command[0], *command[1:]],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode == 0, done.stdout


def repository_files() -> list[str]:
    """What is, or will be, committed; without git, everything that tools did not make."""
    git = shutil.which("git")
    if git and (ROOT / ".git").exists():
        listed = subprocess.run(
            [git, "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if listed.returncode == 0:
            return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]
    found: list[str] = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [n for n in folders if n not in SKIPPED and not n.endswith("_cache")]
        found += [str(Path(folder, name).relative_to(ROOT)) for name in names]
    return found


def secrets() -> Outcome:
    """No credential is committed, beyond the made-up ones the baseline knows."""
    known = baseline.load(baseline.load_from_file(BASELINE))
    found = SecretsCollection()  # of paths from here, as in the baseline: main() changed to ROOT
    for name in repository_files():
        if not name.startswith(GOLDEN):
            found.scan_file(name)
    new = [f"{name}:{each.line_number} {each.type}" for name, each in found - known]
    return not new, "\n".join(sorted(new))


CHECKS: Final[dict[str, Callable[[], Outcome]]] = {
    "format": lambda: run("ruff", "format", "--check", "--output-format", "concise", *CODE),
    "lint": lambda: run("ruff", "check", "--output-format", "concise", *CODE),
    "import contracts": lambda: run("lint-imports", "--no-logo"),
    "dead code": lambda: run("python", "scripts/dead_code.py"),
    "secrets": secrets,
    "types": lambda: run("mypy", "--no-error-summary"),
}


def main(arguments: list[str]) -> int:
    """Run all checks, then all tests; 0 when everything is green."""
    os.chdir(ROOT)
    red: list[str] = []
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        running = {pool.submit(check): name for name, check in reversed(CHECKS.items())}
        for done in concurrent.futures.as_completed(running):
            green, said = done.result()
            if not green:
                red.append(running[done])
                print(f"--- {running[done]} ---\n{said.rstrip()}\n", flush=True)
    tests = subprocess.run(
        [BIN / "python", "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if red:
        print(f"make test: {', '.join(sorted(red))} failed (above the tests).", file=sys.stderr)
    return 1 if red or tests.returncode else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
