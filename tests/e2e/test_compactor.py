"""`ssmd compactor run`: tables of whatever is sealed, uploaded and proved, until it is told to end."""

import signal
from pathlib import Path

import pytest

import ssmd
from ssmd.runtime.scrape import scrape
from tests.archive.tables.made import record, rows
from tests.archive.tables.test_build import day
from tests.e2e.command import last, run_file, running
from tests.e2e.command import ssmd as command

pytestmark = pytest.mark.e2e


async def test_what_is_sealed_becomes_tables_and_lies_in_the_store_too(tmp_path: Path) -> None:
    """It waits for an archive, goes on with what comes, and ends in order; the copy is whole."""
    root, store, runs = tmp_path / "data", tmp_path / "store", tmp_path / "runs"
    root.mkdir()
    upload = tmp_path / "upload.yaml"
    upload.write_text(f"url: file://{store}\ninterval_s: 0.2\n")
    words = ["compactor", "run", "--dir", str(root), "--upload", str(upload)]
    with running(tmp_path / "compactor", *words, "--run-dir", str(runs)) as compactor:
        told = await run_file(compactor, runs / "compactor.json")
        assert told["upload"] == f"file://{store}"
        record(root, day(slots=2))
        await compactor.until(lambda: len(rows(root, "trades", "trade_id")) == 20, "two slots")
        await compactor.until(
            lambda: len(list(store.rglob("*.parquet"))) == len(list(root.rglob("*.parquet"))),
            "all of it in the store",
        )
        samples = await scrape(told["health"])
        assert samples.total("ssmd_tables_built_total") == 2
        assert samples.total("ssmd_tables_failures_total") == 0
        assert samples.total("ssmd_archive_upload_failures_total") == 0
        compactor.signal(signal.SIGTERM)
        assert await compactor.ended() == 0, compactor.err
    proved = last(command("restore", f"file://{store}", "--json"))
    assert proved["ok"] is True
    assert proved["slots"] == 2
    assert ssmd.open(f"file://{store}").trades().collect().height == 20


def test_an_upload_file_that_is_wrong_is_refused(tmp_path: Path) -> None:
    """Before anything starts: where in the file, and what to write instead."""
    wrong = tmp_path / "upload.yaml"
    wrong.write_text("url: s3://bucket\nretension:\n  keep_s: 10\n")
    answer = command("compactor", "run", "--dir", tmp_path / "data", "--upload", wrong)
    assert answer.returncode == 2
    assert "retension" in answer.stderr
    assert "retention" in answer.stderr
    assert "Traceback" not in answer.stderr
