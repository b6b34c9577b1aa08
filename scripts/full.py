"""The long forms of the tests, in pieces of less than ten minutes, resumable.

A finished piece is remembered under `.state/full/` for as long as source and tests do not change;
run the command again to go on where it stopped. `make full ARGS="--fresh"` begins anew,
`ARGS="--seed 42"` repeats a run, `ARGS="--only kill"` takes the pieces with `kill` in their name,
`ARGS="--list"` shows them.
"""

import argparse
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
STATE: Final = ROOT / ".state" / "full"
PIECE_S: Final = 590
LONG: Final = "full or e2e or integration"


def tree() -> str:
    """A digest of everything a result depends on."""
    digest = hashlib.sha256()
    for top in ("src", "tests", "requirements", "pyproject.toml"):
        path = ROOT / top
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def tier(seed: int) -> dict[str, str]:
    """The environment in which tests are long; the seeds of storms stand in their names."""
    return os.environ | {"SSMD_TEST_TIER": "full", "SSMD_TEST_SEED": str(seed)}


def pieces(seed: int) -> list[tuple[str, list[str]]]:
    """What there is to run: each long test for itself, the short ones of a file together."""
    listed = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", LONG],
        cwd=ROOT,
        env=tier(seed),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode not in {0, 5}:
        sys.exit(listed.stdout + listed.stderr)
    long = [line for line in listed.stdout.splitlines() if "::" in line]
    short = sorted(str(file.relative_to(ROOT)) for file in (ROOT / "tests").rglob("test_*.py"))
    return [
        *((f"short tests of {name}", ["-m", f"not ({LONG})", name]) for name in short),
        *((name, ["-m", LONG, name]) for name in long),
    ]


def run_piece(arguments: list[str], seed: int) -> tuple[bool, str]:
    """Run one piece: whether it is green, and what it said."""
    try:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                f"--timeout={PIECE_S - 10}",
                f"--hypothesis-seed={seed}",
                *arguments,
            ],
            cwd=ROOT,
            env=tier(seed),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PIECE_S,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        said = late.stdout.decode(errors="replace") if late.stdout else ""
        return False, f"over {PIECE_S} s\n{said}"
    return done.returncode in {0, 5}, done.stdout  # 5: every test of the file is a long one


def choose_seed(wanted: int | None, digest: str) -> int:
    """The seed of this run: the one asked for, the one of the run being resumed, or a new one."""
    note = STATE / "run.json"
    before: dict[str, object] = json.loads(note.read_text()) if note.exists() else {}
    resumed = before.get("seed") if before.get("tree") == digest else None
    if wanted is not None:
        seed = wanted
    elif isinstance(resumed, int):
        seed = resumed
    else:
        seed = secrets.randbelow(2**31)
    if resumed != seed:
        shutil.rmtree(STATE, ignore_errors=True)
        STATE.mkdir(parents=True)
        note.write_text(json.dumps({"seed": seed, "tree": digest}))
    return seed


def main() -> int:
    """Run what is not finished yet; 0 when all of it is green."""
    parser = argparse.ArgumentParser(prog="make full", description=__doc__)
    parser.add_argument("--fresh", action="store_true", help="forget what is finished")
    parser.add_argument("--seed", type=int, help="repeat a run with its seed")
    parser.add_argument("--only", default="", help="only pieces with this in their name")
    parser.add_argument("--list", action="store_true", help="show the pieces and stop")
    asked = parser.parse_args()
    if asked.fresh:
        shutil.rmtree(STATE, ignore_errors=True)
    seed = choose_seed(asked.seed, tree())
    todo = [(name, how) for name, how in pieces(seed) if asked.only in name]
    red = 0
    print(f"seed {seed}; {len(todo)} pieces; finished ones are in {STATE.relative_to(ROOT)}")
    for number, (name, how) in enumerate(todo, 1):
        done = STATE / hashlib.sha256(name.encode()).hexdigest()[:16]
        line = f"[{number}/{len(todo)}] {name}"
        if done.exists():
            print(f"{line}: finished before, {done.read_text().strip()}")
            continue
        if asked.list:
            print(line)
            continue
        started = time.monotonic()
        green, said = run_piece(how, seed)
        took = f"{time.monotonic() - started:.0f} s, seed {seed}"
        if green:
            done.write_text(took)
            last = said.strip().splitlines()[-1:]
            print(f"{line}: {took}; {' '.join(last)}", flush=True)
        else:
            red += 1
            print(f"{line}: FAILED after {took}\n{said}", flush=True)
    return 1 if red else 0


if __name__ == "__main__":
    sys.exit(main())
