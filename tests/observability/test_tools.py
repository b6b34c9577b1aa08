"""`make tools` is quick when there is nothing to do, and never stands in the way of the tests."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.shared import REPOSITORY

SCRIPT = REPOSITORY / "scripts" / "tools.sh"
NEEDED = ("env", "tee", "chmod", "rm", "sort", "cat", "true", "wc", "cp")
PROGRAMS = ("prometheus", "promtool", "chromium")
PACKAGES = "chromium prometheus"


class Machine:
    """A machine on which everything is made up but a few programs of every machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.policy = folder / "policy-rc.d"
        self.bin.mkdir()
        for name in NEEDED:
            found = shutil.which(name)
            assert found is not None, name
            (self.bin / name).symlink_to(found)

    def has(self, name: str, script: str = "exit 0") -> None:
        """There is a program that does this."""
        file = self.bin / name
        file.write_text(f"#!{shutil.which('bash')}\n{script}\n")
        file.chmod(0o755)

    def user(self, number: int) -> None:
        """Who runs it."""
        self.has("id", f"echo {number}")

    def apt(self, script: str = "") -> None:
        """An apt-get that writes down how it was called, and what was so meanwhile."""
        log = self.folder / "apt.log"
        made = "; ".join(f'cp "$(command -v env)" "{self.bin}/{name}"' for name in PROGRAMS)
        told = f'echo "RUNLEVEL=$RUNLEVEL policy=$("{self.policy}"; echo $?) $*" >> "{log}"'
        self.has(
            "apt-get", f"{told}\n{script}\ncode=$?\n[ $code -ne 0 ] || {{ {made}; }}\nexit $code"
        )

    @property
    def asked(self) -> list[str]:
        """How apt-get was called."""
        log = self.folder / "apt.log"
        return log.read_text().splitlines() if log.exists() else []

    def run(self) -> subprocess.CompletedProcess[str]:
        """What `make tools` runs."""
        bash = shutil.which("bash")
        assert bash is not None
        return subprocess.run(
            [bash, SCRIPT],
            env={"PATH": str(self.bin), "SSMD_POLICY_RC_D": str(self.policy)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine without the programs, and without apt-get."""
    return Machine(tmp_path)


def test_with_everything_there_it_does_nothing(machine: Machine) -> None:
    """It runs before every gate."""
    for name in PROGRAMS:
        machine.has(name)
    done = machine.run()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("who", ["root", "sudo"])
def test_it_installs_and_starts_no_daemon(machine: Machine, who: str) -> None:
    """A package of Debian starts its service, unless it is told not to."""
    machine.user(0 if who == "root" else 1000)
    machine.has("sudo", '[ "$1" = -n ] || exit 1\nshift\nexec "$@"')
    machine.has("systemctl", f'echo "$*" >> "{machine.folder}/systemctl.log"')
    machine.apt()
    done = machine.run()
    assert done.returncode == 0, done
    assert "SKIPPED" not in done.stderr
    (call,) = machine.asked
    assert call.startswith("RUNLEVEL=1 policy=101 ")
    assert call.endswith(f" install -y --no-install-recommends {PACKAGES}")
    assert not machine.policy.exists()
    assert (machine.folder / "systemctl.log").read_text() == f"--quiet disable {PACKAGES}\n"


def test_a_policy_that_is_there_is_left(machine: Machine) -> None:
    """Somebody else's rule about daemons is not ours to take away."""
    machine.user(0)
    machine.apt()
    machine.policy.write_text("#!/bin/sh\nexit 101\n")
    machine.policy.chmod(0o755)
    assert machine.run().returncode == 0
    assert machine.policy.exists()


def test_old_lists_of_packages_are_fetched_anew(machine: Machine) -> None:
    """A fresh container knows no package at all."""
    machine.user(0)
    machine.apt(f'[ "$(cat "{machine.folder}/apt.log" | wc -l)" -ne 1 ]')
    done = machine.run()
    assert done.returncode == 0, done
    assert [call.split()[-1] for call in machine.asked] == ["prometheus", "update", "prometheus"]
    assert all(PACKAGES in call for call in machine.asked[::2])


@pytest.mark.parametrize(
    ("user", "apt", "said"),
    [
        (1000, "exit 0", "That takes root."),
        (0, None, "There is no apt-get here."),
        (0, "echo 'E: no network' >&2; exit 100", "apt-get could not (above)."),
        (0, "exit 0", "The package has no prometheus."),
    ],
)
def test_without_it_the_way_is_said_and_nothing_fails(
    machine: Machine, user: int, apt: str | None, said: str
) -> None:
    """No root, no network: the gate runs all the same, and says what it did not test."""
    machine.user(user)
    machine.has("sudo", "exit 1")
    if apt is not None:
        machine.has("apt-get", apt)
    done = machine.run()
    assert done.returncode == 0
    assert f"Not installed: {PACKAGES}. {said} Their tests will be SKIPPED." in done.stderr
    assert done.stderr.rstrip().endswith(f"sudo apt-get install --no-install-recommends {PACKAGES}")
    assert not machine.policy.exists()


def test_the_gate_calls_it() -> None:
    """What nobody calls is not installed."""
    assert "make tools" in (REPOSITORY / ".ci" / "run").read_text()
    assert os.access(SCRIPT, os.X_OK)
