"""Builds our Dockerfile without Docker, and runs what came out. A program of its own, for one test.

unshare --mount --propagation private python -m tests.deploy.building CONTEXT FOLDER

Each stage is a copy-on-write view of this machine, its Python taken for the base image's; RUN lines are
given to `sh` in it as they stand. All of it vanishes with this process. Prints what was seen as JSON.
"""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from ssmd import __version__
from tests.deploy.dockerfile import FILE, Stage, stages, words

IMAGE = "python:3-test@sha256:" + "0" * 64
USER = 10001
LOOKS: dict[str, list[str]] = {
    "version": ["ssmd", "--version"],
    "feeds": ["ssmd", "feed", "list", "--json"],
    "help": ["ssmd", "connector", "run", "--help"],
    "init": ["ssmd", "init", "--file", "/data/ssmd.yaml"],
    "identity": ["id", "-u"],
    "write": ["sh", "-c", "for d in / /opt/ssmd /etc/ssmd /usr; do touch $d/x && echo $d; done; true"],
    "libraries": [
        "python", "-W", "error::ImportWarning", "-c",
        "import duckdb, polars, matplotlib.pyplot as p; p.figure(); print(duckdb.sql('select 1'))",
    ],
}  # fmt: skip
"""What is asked of the image, as its user."""


def call(*command: str | Path, env: dict[str, str] | None = None) -> str:
    """Run a program; what it says, or an end to everything."""
    done = subprocess.run(
        [str(word) for word in command],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{command}\n{done.stdout[-4000:]}")
    return done.stdout


class Built:
    """A stage that was built, or is being."""

    def __init__(self, folder: Path, number: int) -> None:
        self.root = folder / f"root-{number}"
        upper, work = folder / f"upper-{number}", folder / f"work-{number}"
        for each in (self.root, upper, work):
            each.mkdir()
        options = f"lowerdir=/,upperdir={upper},workdir={work}"
        call("mount", "-t", "overlay", "overlay", "-o", options, self.root)
        call("mount", "-t", "proc", "proc", self.root / "proc")
        call("mount", "--rbind", "/dev", self.root / "dev")
        call("mount", "-t", "tmpfs", "tmpfs", self.root / "tmp")
        base = self.inside(sys.base_prefix)
        for each in (base, *base.parents):
            if each.is_relative_to(self.root):
                each.chmod(0o755)
        python = base / "bin" / "python"
        if not python.exists():
            python.symlink_to(f"{sys.base_prefix}/bin/python3")
        self.env = {
            "PATH": f"{sys.base_prefix}/bin:/usr/local/bin:/usr/bin:/bin",
            "HOME": os.environ.get("HOME", "/root"),
        } | {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))}
        self.folder = "/"

    def inside(self, path: str) -> Path:
        """A path of the stage as it is seen from here."""
        return self.root / path.lstrip("/")

    def build(self, stage: Stage, context: Path, others: dict[str, "Built"]) -> None:
        """Follow the instructions."""
        arguments = {
            "PYTHON_IMAGE": IMAGE,
            "VERSION": __version__,
            "SOURCE_DATE_EPOCH": "1700000000",
        }
        given: dict[str, str] = {}
        for step in stage.steps:
            match step.word:
                case "ARG":
                    name, _, default = step.rest.partition("=")
                    given[name] = arguments.get(name, default.strip('"'))
                case "ENV":
                    self.env = Stage("", "", [step]).variables(self.env)
                case "WORKDIR":
                    self.folder = step.rest
                    self.inside(step.rest).mkdir(parents=True, exist_ok=True)
                case "COPY":
                    self._copy(step.rest, context, others)
                case "RUN":
                    line = f"cd {self.folder} && {step.rest}"
                    call("/usr/sbin/chroot", self.root, "sh", "-c", line, env=self.env | given)
                case (
                    "LABEL"
                    | "USER"
                    | "EXPOSE"
                    | "STOPSIGNAL"
                    | "HEALTHCHECK"
                    | "ENTRYPOINT"
                    | "CMD"
                ):
                    pass
                case _:
                    sys.exit(f"an instruction this builder does not know: {step.word}")

    def _copy(self, rest: str, context: Path, others: dict[str, "Built"]) -> None:
        found = re.match(r"--from=(\S+)\s+", rest)
        source = others[found[1]].root if found else context
        *names, target = rest[found.end() if found else 0 :].split()
        into = self.inside(target if target.startswith("/") else f"{self.folder}/{target}")
        for name in names:
            path = source / name.lstrip("/")
            if target.endswith("/"):
                into.mkdir(parents=True, exist_ok=True)
                call("cp", "-a", path, into / path.name)
            else:
                call("cp", "-a", path, into)

    def look(self) -> dict[str, object]:
        """Run things in it as its user, with nothing to write to but what is meant for that."""
        call("mount", "-o", "remount,ro", self.root)
        for name in ("tmp", "data", "var/lib/ssmd"):
            call("mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", self.root / name)
        env = {name: value for name, value in self.env.items() if not name.startswith("PIP_")}
        drop = [
            "setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs",
            "--bounding-set=-all", "--inh-caps=-all",
        ]  # fmt: skip
        seen: dict[str, object] = {}
        for name, words_ in LOOKS.items():
            line = ["/usr/sbin/chroot", str(self.root), *drop, "--", *words_]
            done = subprocess.run(line, env=env, capture_output=True, text=True, check=False)
            seen[name] = [done.returncode, done.stdout, done.stderr]
        seen["sbom"] = json.loads(self.inside("/opt/ssmd/sbom.cdx.json").read_bytes())
        seen["env"] = env
        return seen


def main(context: Path, folder: Path) -> None:
    """Build every stage, look at the last."""
    _, found = stages(FILE.read_text(encoding="utf-8"))
    built: dict[str, Built] = {}
    begun = time.monotonic()
    made = None
    for number, stage in enumerate(found):
        made = Built(folder, number)
        made.build(stage, context, built)
        built[stage.name] = made
    assert made is not None
    assert words(found[-1].all("ENTRYPOINT")[0]) == ["ssmd"]
    sys.stdout.write(json.dumps(made.look() | {"seconds": time.monotonic() - begun}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
