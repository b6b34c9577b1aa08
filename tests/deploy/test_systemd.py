"""The units: systemd takes them, they run our commands, and they may do little else."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ssmd.archive.errors import StillAtWork, WriterBusy
from ssmd.bus.errors import ServerMissing
from ssmd.feeds import registry
from ssmd.feeds.archiver import ArchiverConfig
from ssmd.feeds.environment import EnvironmentConfig
from ssmd.feeds.machine import MachineConfig
from ssmd.runtime import settings
from tests.deploy.commands import parse
from tests.shared import REPOSITORY

FOLDER = REPOSITORY / "deploy" / "systemd"
UNITS = sorted(path.name for path in FOLDER.glob("*.service"))
PROGRAM = "/opt/ssmd/bin/ssmd"
COMMON = FOLDER / "ssmd-.service.d" / "10-confined.conf"
CREDENTIALS = sorted(FOLDER.glob("ssmd-connector@*.service.d/credentials.conf"))
RECORDING = [name for name in UNITS if name != "ssmd-dq-daily.service"]
each_unit = pytest.mark.parametrize("name", UNITS)


class Unit:
    """Unit files, one after the other: every value of each key, in order."""

    def __init__(self, *files: Path) -> None:
        self.lines: dict[str, list[str]] = {}
        for file in files:
            for line in file.read_text(encoding="utf-8").splitlines():
                key, found, value = line.partition("=")
                if found and not line.startswith("#"):
                    self.lines.setdefault(key, []).append(value)

    def one(self, key: str) -> str:
        """The value that counts."""
        return self.lines[key][-1]


def unit(name: str) -> Unit:
    """A unit with what all have in common."""
    return Unit(COMMON, FOLDER / name)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as they would lie in /etc/systemd/system, with a program that is there."""
    program = tmp_path / "ssmd"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    folder = tmp_path / "units"
    shutil.copytree(FOLDER, folder)
    for path in folder.glob("*.service"):
        text = path.read_text(encoding="utf-8")
        assert PROGRAM in text
        path.write_text(text.replace(PROGRAM, str(program)), encoding="utf-8")
    for feed in registry.names():
        shutil.copy(folder / "ssmd-connector@.service", folder / f"ssmd-connector@{feed}.service")
    return folder


def analyze(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """What `systemd-analyze` says; skips the test, loudly, where there is none."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("not run here: there is no `systemd-analyze` on this machine")
    return subprocess.run(
        [program, *map(str, words)],
        env={"SYSTEMD_UNIT_PATH": f"{folder}:", "PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )


def services(folder: Path) -> Iterator[Path]:
    """Every unit that can be started: templates as their instances."""
    yield from (path for path in sorted(folder.glob("*.service")) if "@." not in path.name)


def test_systemd_takes_them(installed: Path) -> None:
    """No unknown key, no value it does not understand, no program that is not there."""
    done = analyze(installed, "verify", *services(installed), *installed.glob("*.timer"))
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_would_say_what_is_wrong(installed: Path) -> None:
    """The test above can fail."""
    with (installed / "ssmd-archiver.service").open("a", encoding="utf-8") as file:
        file.write("[Service]\nRestrat=always\nTimeoutStopSec=soon\n")
    done = analyze(installed, "verify", installed / "ssmd-archiver.service")
    assert "Restrat" in done.stderr
    assert "soon" in done.stderr


def test_systemd_calls_them_safe(installed: Path) -> None:
    """At most 2.0 of 10 by its own measure, for each of them."""
    for path in services(installed):
        done = analyze(installed, "security", "--offline=yes", "--threshold=20", "--no-pager", path)
        assert done.returncode == 0, done.stdout[-300:]


@each_unit
def test_every_command_is_one_of_ours(name: str, tmp_path: Path) -> None:
    """Each option exists; each file it names lies here as an example, and is acceptable."""
    program, *words = unit(name).one("ExecStart").split()
    assert program == PROGRAM
    for feed in registry.names():
        told = [word.replace("%i", feed) for word in words]
        told = [
            str(FOLDER / word.removeprefix("/etc/ssmd/")) if word.startswith("/etc/ssmd/") else word
            for word in told
        ]
        told = [
            str(tmp_path / word.removeprefix("/var/")) if word.startswith("/var/") else word
            for word in told
        ]
        assert parse(told).params


def test_our_files_are_what_our_programs_read() -> None:
    """Typed, strict, of one mind: what is recorded is archived and judged, under one root."""
    environment = settings.load(FOLDER / "env.yaml", EnvironmentConfig)
    archive = settings.load(FOLDER / "archiver.yaml", ArchiverConfig)
    machine = settings.load(FOLDER / "ssmd.yaml", MachineConfig)
    assert environment.name == machine.environment == "prod"
    assert environment.storage.path == archive.storage.path == machine.dir == "/var/lib/ssmd/data"
    wanted = [
        (at.stream, choice.feed)
        for choice in machine.feeds
        for at in registry.streams_of(registry.load_feed(choice.feed), environment)
    ]
    assert [(source.stream, source.feed) for source in archive.sources] == wanted
    for name in ("ssmd-secmaster.service", "ssmd-cdc.service"):
        assert f"--env-name {environment.name} " in unit(name).one("ExecStart")


def test_credentials_are_where_the_environment_looks() -> None:
    """`LoadCredential` of the unit gives just the files that env.yaml names for that feed."""
    environment = settings.load(FOLDER / "env.yaml", EnvironmentConfig)
    assert len(CREDENTIALS) == len(environment.keys) > 0
    for path in CREDENTIALS:
        name = path.parent.name.removesuffix(".d")
        feed = name.removeprefix("ssmd-connector@").removesuffix(".service")
        loaded = [each.partition(":") for each in Unit(path).lines["LoadCredential"]]
        wanted = environment.keys[feed].source.removeprefix("file:").split(",")
        assert [f"/run/credentials/{name}/{each}" for each, _, _ in loaded] == wanted
        assert all(source.startswith("/etc/ssmd/secrets/") for _, _, source in loaded)


@each_unit
def test_a_wrong_configuration_is_not_tried_again(name: str) -> None:
    """Exit 2 is for good; what dies is started again, and not for ever."""
    found = unit(name)
    assert found.one("RestartPreventExitStatus") == "2"
    assert int(found.one("StartLimitBurst")) > 0
    assert found.one("StartLimitIntervalSec") != "0"
    assert found.one("Restart") == ("on-failure" if name in RECORDING else "no")


def test_exit_2_is_what_cannot_get_better_by_itself() -> None:
    """What the units take for final is final: a drain that is under way is not."""
    assert WriterBusy(Path(), "writer", "Process 1").exit_code == 2
    assert ServerMissing().exit_code == 2
    assert StillAtWork(Path(), "A drain").exit_code == 1


@pytest.mark.parametrize("name", RECORDING)
def test_there_is_time_to_drain(name: str) -> None:
    """The main process is asked alone, and its children by it; `up` waits a minute for the bus."""
    found = unit(name)
    assert found.one("KillMode") == "mixed"
    seconds = {"90s": 90, "5min": 300}[found.one("TimeoutStopSec")]
    assert seconds >= (300 if name in {"ssmd-up.service", "ssmd-compactor.service"} else 60)


@each_unit
def test_it_writes_to_its_own_folders_alone(name: str) -> None:
    """Whatever the command names lies in what systemd makes for it."""
    found = unit(name)
    assert (found.one("ProtectSystem"), found.one("User")) == ("strict", "ssmd")
    assert found.one("StateDirectory") == found.one("CacheDirectory") == "ssmd"
    for word in found.one("ExecStart").split():
        if word.startswith("/") and word != PROGRAM:
            assert re.match(r"/(etc|var/lib)/ssmd/", word), word


def test_the_pipeline_in_one_and_in_parts_keep_apart() -> None:
    """Two archivers on one folder: the second would be refused, and so is not begun."""
    parts = [name for name in RECORDING if name != "ssmd-up.service"]
    assert all(unit(name).one("Conflicts") == "ssmd-up.service" for name in parts)
    told = unit("ssmd-up.service").one("Conflicts").split()
    assert set(told) == {name for name in parts if "@" not in name}


def test_the_morning_is_utc_and_made_up_for() -> None:
    """A day is a UTC day; a machine that was off judges it when it is back."""
    timer = Unit(FOLDER / "ssmd-dq-daily.timer")
    assert timer.one("OnCalendar").endswith(" UTC")
    assert timer.one("Persistent") == "yes"


def test_no_two_services_listen_at_one_port() -> None:
    """Those of the units and of the example for a connector are different."""
    texts = [
        path.read_text(encoding="utf-8") for path in sorted(FOLDER.iterdir()) if path.is_file()
    ]
    ports = re.findall(r"127\.0\.0\.1:(91\d\d)", "".join(texts))
    assert len(ports) == len(set(ports)) >= 5
