"""A stream that goes in the moment between its making and the look at its end."""

import asyncio
from pathlib import Path

import pytest

from ssmd.bus.streams import Streams
from ssmd.runtime.tasks import Stop
from ssmd.secmaster.changes.service import Capture
from ssmd.secmaster.changes.settings import ChangesSettings
from tests.secmaster.changes.world import CLOCK, ENVIRONMENT, World, until

pytestmark = pytest.mark.integration

SETTINGS = ChangesSettings(environment=ENVIRONMENT, retry_s=0.5)


class Unlucky(Capture):
    """Whose stream somebody deletes, twice, as soon as it was seen to be there."""

    deleted = 0

    async def _stream(self, stop: Stop) -> None:
        await super()._stream(stop)
        if self.deleted < 2:
            self.deleted += 1
            async with await Streams.connect(self._bus, CLOCK) as streams:
                await streams.delete(SETTINGS.stream)


async def test_a_stream_deleted_under_its_feet_is_made_again(tmp_path: Path) -> None:
    """Nobody has to start the publisher again."""
    world, stop = World(tmp_path), Stop()
    await world.start()
    capture = Unlucky(world.address, world.bus, SETTINGS, clock=CLOCK)
    task = asyncio.create_task(capture.main(stop))

    async def publishes() -> bool:
        if task.done():
            await task
        return capture.deleted == 2 and capture.health.ready()[0]

    try:
        await until(publishes, "it publishes")
        stop.request("test")
        await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await world.close()
