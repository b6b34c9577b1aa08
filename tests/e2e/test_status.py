"""`ssmd status`: what is recorded, what is not, and who is dead, in one screen and one exit code."""

import asyncio
import json
import logging
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ssmd.cli.stage import Stage
from ssmd.feeds import registry
from ssmd.model.records import Acknowledged
from tests.e2e.acts import CLOCK, stage, total, until
from tests.e2e.command import last, ssmd
from tests.e2e.test_venues import alive, machine, quick, told
from tests.tier import SEED

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
log = logging.getLogger(__name__)

FEED = "kalshi"
"""It lists its instruments, has an account, and says no in so many words."""
WIDTH = 80


async def look(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """What the command says, while this process goes on serving what it asks."""
    return await asyncio.to_thread(ssmd, "status", root, *options)


async def figures(root: Path, code: int) -> dict[str, Any]:
    """What it says to a program; it ends with this code."""
    answer = await look(root, "--json")
    assert answer.returncode == code, answer
    assert len(answer.stdout.splitlines()) == 1
    result: dict[str, Any] = last(answer)
    assert result["ok"] is (code == 0)
    assert result["directory"] == str(root)
    return result


async def screen(root: Path, code: int) -> str:
    """What it says to a person: no line wider than the narrowest terminal, sentences aside."""
    answer = await look(root)
    assert answer.returncode == code, answer
    log.info("exit %d\n%s", code, answer.stdout)
    tables = [line.rstrip() for line in answer.stdout.splitlines() if line[:1] in set("┏┃┡│└")]
    assert all(len(line) <= WIDTH for line in tables)
    assert answer.stderr == ""
    return answer.stdout


async def held(root: Path) -> str:
    """An instrument that is recorded, as the archive tells."""
    found: set[str] = set()

    async def is_told() -> bool:
        found.update(e.symbol for e in told(root) if isinstance(e, Acknowledged) and e.symbol)
        return bool(found)

    await until(is_told, "the archive to tell what is held")
    return min(found)


async def refused_one(made: Stage, symbol: str) -> None:
    """An instrument comes back, and the venue will not have it."""
    wanted = await total(made, "ssmd_connector_markets_requested")

    async def is_smaller() -> bool:
        return await total(made, "ssmd_connector_markets_requested") < wanted

    async def is_refused() -> bool:
        return await total(made, "ssmd_connector_markets_refused") > 0

    made.fault(f"refuse:symbol={symbol}")
    made.fault(f"delist:symbol={symbol}")
    await until(is_smaller, "the universe to shrink")
    made.fault(f"listing:symbol={symbol}")
    await until(is_refused, "the venue to refuse what it listed again")


async def test_a_recording_is_shown_as_it_stands(tmp_path: Path) -> None:
    """Whole, then with something refused, then with its connector dead: never a false OK."""
    feed = quick(registry.load_feed(FEED))
    async with stage(
        tmp_path, rate=200.0, seed=SEED, machine=machine(tmp_path, feed), feed=feed
    ) as made:
        await alive(made)
        began = CLOCK.mono()
        whole = await figures(tmp_path, 0)
        log.info("answered after %.2f s", CLOCK.mono() - began)
        assert (whole["down"], whole["archiver"]) == ([], [])
        (shown,) = whole["feeds"]
        assert (shown["feed"], shown["service"]) == (FEED, f"connector-{FEED}")
        assert shown["shards"] == shown["planned"] > 0
        assert shown["requested"] == shown["acknowledged"] > 0
        assert 0 < shown["receiving"] <= shown["requested"]
        assert shown["refused"] == shown["overflow"] == shown["waiting"] == 0
        assert 0 < shown["kept"] < shown["listed"]
        assert sum(shown["excluded"].values()) == shown["listed"] - shown["kept"]
        assert shown["frames"] > 0
        assert shown["reasons"] == []
        assert shown["clock_offset_s"] is None or abs(shown["clock_offset_s"]) < 60
        text = await screen(tmp_path, 0)
        assert f"{shown['kept']} of {shown['listed']} listed instruments pass the filters" in text
        assert all(name in text for name in shown["excluded"])
        assert text.splitlines()[-1] == "OK"

        await refused_one(made, await held(tmp_path))

        async def is_told() -> bool:  # while it is asked for once more, it waits and is not refused
            return (await look(tmp_path)).returncode == 1

        await until(is_told, "the refusal to be told")
        (shown,) = (await figures(tmp_path, 1))["feeds"]
        assert 0 < shown["refused"] < shown["requested"]
        assert shown["acknowledged"] < shown["requested"]
        assert "refused" in " ".join(shown["reasons"])
        text = await screen(tmp_path, 1)
        assert f"{shown['refused']} of {shown['requested']} subscriptions are refused" in text
        assert text.splitlines()[-1] == "NOT OK"

        async def reconnected() -> bool:
            return await total(made, "ssmd_connector_shard_reconnects_total") > 0

        made.fault("abort")
        await until(reconnected, "the connection to be lost")
        (shown,) = (await figures(tmp_path, 1))["feeds"]
        assert shown["reconnects"] > 0
        assert shown["down_s"] >= 0

        await made.pipeline.kill(f"connector-{FEED}")
        dead, text = await asyncio.gather(figures(tmp_path, 1), screen(tmp_path, 1))
        assert dead["down"] == [f"connector-{FEED}"]
        assert dead["feeds"] == []
        assert f"DOWN: connector-{FEED} does not answer" in text
        assert str(made.pipeline.log(f"connector-{FEED}")) in text
        assert "Nothing is being recorded" in text


def test_a_folder_where_nothing_is_recorded_is_not_ok(tmp_path: Path) -> None:
    """A monitor that asks about the wrong folder must not be told that all is well."""
    answer = ssmd("status", tmp_path)
    assert answer.returncode == 1, answer
    (line,) = answer.stdout.splitlines()
    assert line.startswith(f"Nothing is being recorded in {tmp_path}.")
    assert f"ssmd up --dir {tmp_path}" in line
    answer = ssmd("status", tmp_path, "--json")
    assert answer.returncode == 1
    assert json.loads(answer.stdout) == {
        "directory": str(tmp_path),
        "ok": False,
        "feeds": [],
        "archiver": [],
        "compactor": [],
        "master": {},
        "down": [],
    }
