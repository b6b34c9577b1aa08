"""`ssmd archiver drain` as a Job runs it: what it prints, how it ends, and killed in the middle."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from ssmd.archive import layout
from ssmd.archive.errors import StillAtWork
from ssmd.archive.lock import COMPACTOR, alone
from ssmd.archive.store.local import LocalStore
from ssmd.cli import archiver_drain
from ssmd.cli.root import root as command
from tests.archive.drained import CONFIG, differing, left_open, open_segments
from tests.archive.upload.scene import wrongs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An archive that was left open, and the files that say how it was made and where it goes."""
    left_open(tmp_path / "data", slots=2)
    config = msgspec.to_builtins(CONFIG) | {"storage": {"path": str(tmp_path / "data")}}
    (tmp_path / "archiver.yaml").write_text(json.dumps(config), encoding="utf-8")
    far = (tmp_path / "far").as_uri()
    (tmp_path / "upload.yaml").write_text(json.dumps({"url": far}), encoding="utf-8")
    return tmp_path


def words(folder: Path, *more: str) -> list[str]:
    """What is typed."""
    return ["archiver", "drain", "--config", str(folder / "archiver.yaml"), *more]


def run(folder: Path, *more: str) -> Result:
    """Run the command here."""
    return CliRunner().invoke(command, words(folder, *more))


def test_a_job_reads_the_result_in_the_last_line(folder: Path) -> None:
    """Exit 0 and numbers, when every copy is proved."""
    answer = run(folder, "--upload", str(folder / "upload.yaml"), "--json")
    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.stdout.splitlines()[-1])
    assert (found["ok"], found["left"], found["left_in_all"]) == (True, [], 0)
    assert found["sealed"] == found["slots"] == 2
    assert found["verified"] == found["uploaded"] > 10
    assert found["bytes"] > 1000
    assert found["store"] == str(folder / "far")
    assert [rung for rung in ("Sealing", "Making tables", "Uploading", "Verifying")
            if f"{rung}..." not in answer.stderr] == []  # fmt: skip


def test_a_person_is_told_where_the_only_copy_is(folder: Path) -> None:
    """Without --upload nothing leaves this machine, and nobody may think that it did."""
    answer = run(folder)
    assert answer.exit_code == 0
    assert "Nothing leaves this machine" in answer.stdout
    assert answer.stdout.splitlines()[-1].endswith("is finished, and the only copy.")
    assert not (folder / "far").exists()


def test_what_is_left_is_named_and_costs_1(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person sees every line, a program the first names and how many there are."""
    monkeypatch.setattr(archiver_drain, "_FEW", 2)
    for name in ("a", "b", "c"):
        (folder / "data" / layout.RAW / name).write_bytes(b"?")
    upload = ("--upload", str(folder / "upload.yaml"))
    answer = run(folder, *upload)
    assert answer.exit_code == 1
    assert "LEFT: raw/a: the store does not hold it." in answer.stdout
    assert "  and 1 more" in answer.stdout
    assert "keep it" in answer.stdout.splitlines()[-1]
    found = json.loads(run(folder, *upload, "--json").stdout.splitlines()[-1])
    assert (found["ok"], len(found["left"]), found["left_in_all"]) == (False, 2, 3)


def test_a_compactor_at_work_costs_1(folder: Path) -> None:
    """Not 2: nothing is wrong with the question, and asking later helps."""
    with alone(layout.lock(folder / "data", COMPACTOR), shared=True):
        answer = run(folder)
    assert isinstance(answer.exception, StillAtWork)
    assert answer.exception.exit_code == 1
    assert open_segments(folder / "data")


def test_a_mistyped_folder_costs_2(folder: Path) -> None:
    """It must not look drained."""
    answer = run(folder, "--dir", str(folder / "dota"))
    assert answer.exit_code == 2
    assert not (folder / "dota").exists()


def test_killed_at_any_moment_it_goes_on_where_it_was(folder: Path) -> None:
    """SIGKILL before, amid and after the upload; what is there is whole, one more run ends it."""
    far = LocalStore(folder / "far")
    whole = words(folder, "--upload", str(folder / "upload.yaml"), "--json")
    for files in (0, 1, 9):
        process = subprocess.Popen(
            [sys.executable, "-m", "ssmd", *whole],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        with process.stderr as said:
            for line in said:
                if line.startswith("Making tables" if not files else "Uploading"):
                    break
            while len(list(far.files(""))) < files and process.poll() is None:
                pass
            process.send_signal(signal.SIGKILL)
            process.wait(30)
        assert wrongs(far) == []
    answer = run(folder, "--upload", str(folder / "upload.yaml"), "--json")
    assert answer.exit_code == 0, answer.output
    assert differing(folder / "data", far) == []
