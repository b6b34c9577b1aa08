"""The change stream as a feed of the archive: proved like any other, though it is of no venue."""

import asyncio
import contextlib
from pathlib import Path

import pytest
from click.testing import CliRunner

from ssmd.archive import reader
from ssmd.archive.service import archive
from ssmd.archive.verify import verify
from ssmd.cli.root import root as command
from ssmd.feeds.archiver import ArchiverConfig, Source
from ssmd.model.envelope import Envelope
from ssmd.model.errors import ConfigError
from ssmd.runtime.health import Health
from ssmd.runtime.tasks import Stop
from ssmd.secmaster.changes.settings import FEED
from tests.secmaster.changes.world import CLOCK, STREAM, Replay, World, everything, until

pytestmark = pytest.mark.integration


def kept_in(root: Path) -> list[Envelope]:
    """What can be read of an archive; nothing before it is begun."""
    with contextlib.suppress(ConfigError):
        return [each.envelope for each in reader.read(root)]
    return []


async def test_what_is_archived_of_two_publishers_is_proved_and_replays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is killed, the next closes its connection: nothing is missing, and the files say all."""
    world, kept = World(tmp_path), tmp_path / "archive"
    try:
        await world.start()
        monkeypatch.setenv("NATS_URL", world.nats.url)
        first = await world.publish()
        await world.execute(
            "INSERT INTO series (venue, symbol, title, details, payload)"
            " SELECT 'v', 'S' || g, 't', '{}', '{}' FROM generate_series(1, 50) g"
        )
        await world.drained()
        await world.kill(first)
        second = await world.publish()
        await world.execute("UPDATE series SET title = 'u'")
        expected = (await world.drained()).state()
        assert await world.end(second) == 0
        stop = Stop()
        config = ArchiverConfig(sources=(Source(stream=STREAM, feed=FEED),))
        archiving = asyncio.create_task(
            archive(config, kept, world.bus, stop, health=Health(), clock=CLOCK)
        )
        told = len(await everything(world.bus))

        async def archived() -> bool:
            return len(kept_in(kept)) >= told

        await until(archived, "everything is archived")
        stop.request("test")
        await archiving
    finally:
        await world.close()
    report = await asyncio.to_thread(verify, kept)
    assert report.ok
    assert [len(report.connections), sum(c.holes for c in report.connections)] == [2, 0]
    replay = Replay()
    for envelope in kept_in(kept):
        replay.take(envelope)
    assert replay.state() == expected
    assert replay.reading.void == 0
    for words, says in (
        (["gaps", str(kept)], "Nothing is missing"),
        (["compactor", "once", "--dir", str(kept)], "0 slots"),
        (["data", "query", "SELECT count(*) AS n FROM trades", str(kept)], "1 rows"),
    ):
        found = await asyncio.to_thread(CliRunner().invoke, command, words)
        assert found.exit_code == 0, found.output
        assert says in found.output
