"""`ssmd top` on a real terminal: a shard dies, then its process, and its row says so."""

import asyncio
import json
import logging
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from ssmd.cli.root import root
from ssmd.feeds import registry
from tests.e2e.acts import FEED, stage
from tests.e2e.command import ssmd
from tests.e2e.terminal import COLUMNS, Screen, terminal
from tests.e2e.test_venues import alive, machine, quick
from tests.tier import SEED

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
log = logging.getLogger(__name__)

CONNECTOR = f"connector-{FEED}"
_IS_UP = re.compile(r" 0 +up +\d+\.\d ")
_ROW = re.compile(r"[A-Z]+/[A-Z]+ +live +\d+\.\d +\d\.\ds +[1-9]\d* ")


def is_up(screen: Screen) -> bool:
    """Whether the shard is up, at a rate."""
    return any(map(_IS_UP.match, screen.lines)) and not screen.is_red("up")


async def test_a_dead_shard_and_a_dead_process_are_seen(tmp_path: Path) -> None:
    """Feeds, shards and instruments of a running pipeline, in eighty columns, by keys alone."""
    feed = quick(registry.load_feed(FEED))
    async with stage(
        tmp_path, rate=200.0, seed=SEED, machine=machine(tmp_path, feed), feed=feed
    ) as made:
        await alive(made)
        await asyncio.to_thread(check_snapshot, tmp_path)
        with terminal("top", str(tmp_path), "--interval", "0.3") as person:
            await person.until(lambda s: s.line(f" {FEED} ").count("1/1"), "the feed")
            await person.until(lambda s: "q Quit" in s.lines[-1], "the keys there are")
            person.press("\r")
            await person.until(is_up, "the shard, and its rate")
            person.press("\r")
            await person.until(lambda s: any(map(_ROW.search, s.lines)), "instruments")
            log.info("\n%s", "\n".join(person.screen.lines))
            person.press("\x1b")
            await person.until(is_up, "the shard again")

            made.fault("unauthorized:for=600")
            made.fault("abort")
            await person.until(lambda s: s.is_red("down since "), "the shard's end, in red")
            dead = person.screen.line("down since ")
            assert re.match(r" 0 +down since \d\d:\d\d:\d\dZ ", dead), dead
            log.info("\n%s", "\n".join(person.screen.lines))
            person.press("\r")
            await person.until(lambda s: s.line("/USD") and s.is_red("down"), "its instruments")
            person.press("\x1b")
            await person.until(lambda s: s.is_red("down since "), "the shard again")
            person.press("\x7f")
            await person.until(lambda s: s.is_red("down") and s.line(f" {FEED} "), "its feed")

            await made.pipeline.kill(CONNECTOR)
            await person.until(lambda s: s.is_red("no answer"), "the process's end")
            await person.until(lambda s: s.line(f"{CONNECTOR} does not answer."), "who it is")
            assert max(map(len, person.screen.lines)) <= COLUMNS
            log.info("\n%s", "\n".join(person.screen.lines))
            person.press("q")
            assert await person.ended() == 0

        answer = ssmd("top", tmp_path)
        assert answer.returncode == 0, answer
        assert re.search(rf"{FEED} +no answer", answer.stdout), answer.stdout
        assert "\x1b" not in answer.stdout


def check_snapshot(root: Path) -> None:
    """A pipe, a log, a program get two looks, and the end."""
    answer = ssmd("top", root, "--json")
    assert (answer.returncode, answer.stderr) == (0, "")
    found = json.loads(answer.stdout)
    (feeds,), (shards,) = found["feeds"], found["shards"]
    assert found["directory"] == str(root)
    assert (feeds["feed"], feeds["service"], feeds["state"]) == (FEED, CONNECTOR, "up")
    assert feeds["shards"] == feeds["planned"] == 1
    assert feeds["rate"] == shards["rate"] > 0
    assert (shards["shard"], shards["state"], shards["since_ts"]) == ("0", "up", None)
    assert shards["held"] > 0


def test_a_folder_where_nothing_is_recorded_is_said(tmp_path: Path) -> None:
    """An empty table would look like one that waits."""
    answer = CliRunner().invoke(root, ["top", str(tmp_path)])
    assert answer.exit_code == 0
    assert answer.output.startswith(f"Nothing is being recorded in {tmp_path}.")
    answer = CliRunner().invoke(root, ["top", str(tmp_path), "--json"])
    assert json.loads(answer.output)["feeds"] == []
