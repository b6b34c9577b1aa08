"""How `ssmd top` finds out: services are asked for their metrics, a stream is listened to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import msgspec

from ssmd.archive import layout
from ssmd.archive.ledger import store
from ssmd.bus import reader
from ssmd.cli.apart import apart
from ssmd.cli.configured import load_plan
from ssmd.cli.top_heard import Heard
from ssmd.cli.top_model import Look, Service
from ssmd.feeds.registry import streams_of
from ssmd.model.envelope import LEDGER, Envelope
from ssmd.model.errors import SsmdError, Unavailable
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime.clock import Clock
from ssmd.runtime.scrape import complaints_of, scrape
from ssmd.runtime.service import RunFile, read_run_file

_REMEMBERED_NS: Final = 3600 * SECOND_NS
"""So much of the ledger is read for what is held and not heard."""


async def look(directory: Path, clock: Clock) -> Look:
    """Ask every connector that left a run file for its metrics, all at once."""
    told = [
        (each, feed)
        for path in sorted(layout.run_folder(directory).glob("*.json"))
        if (each := read_run_file(path)) is not None
        and isinstance(feed := each.details.get("feed"), str)
    ]
    services = await asyncio.gather(*(_ask(each, feed) for each, feed in told))
    now = clock.now()
    return Look(mono=now.mono, wall=now.wall, services=tuple(services))


async def _ask(told: RunFile, feed: str) -> Service:
    try:
        samples = await scrape(told.health)
        reasons = tuple(await complaints_of(told.health))
    except (Unavailable, msgspec.MsgspecError, ValueError):  # a stranger may have its port by now
        return Service(name=told.name, feed=feed, samples=None)
    return Service(name=told.name, feed=feed, samples=samples, reasons=reasons)


class Listener:
    """Listens to a feed on the bus while somebody looks at its instruments.

    The recorder is not asked: the bus sends a copy of what passes, without its payloads.

    Args:
        directory: The archive.
        feed: The feed's name.
        clock: What time it is.

    Attributes:
        heard: What is known of its instruments.
        since: When it began to listen, ns since the Unix epoch.
        trouble: Why nothing is heard; empty while there is no reason.
    """

    def __init__(self, directory: Path, feed: str, clock: Clock) -> None:
        now = clock.now()
        self.heard = Heard(feed, now.mono)
        self.since = now.wall
        self.trouble = ""
        self._directory = directory
        self._feed = feed
        self._clock = clock

    async def run(self) -> None:
        """Listen until cancelled; a failure is told, not raised."""
        await asyncio.gather(self._listen(), self._remember())

    async def _listen(self) -> None:
        try:
            plan = load_plan(self._directory, None, ())
            found = [each for each in plan.feeds if each.name == self._feed]
            settings = plan.bus()
            if settings is None or not found:
                self.trouble = f"Nobody here knows the bus of {self._feed}."
                return
            tails = []
            for each in streams_of(found[0], plan.environment):
                everything = f"{each.subject_prefix}.json.>"
                ours = f"{each.subject_prefix}.json.{LEDGER}.>"
                tails += [
                    reader.tail(settings, self._clock, each.stream, everything, payloads=False),
                    reader.tail(settings, self._clock, each.stream, ours),
                ]
            await asyncio.gather(*map(self._tail, tails))
        except SsmdError as error:
            self.trouble = error.message

    async def _tail(self, envelopes: AsyncIterator[Envelope]) -> None:
        async for envelope in envelopes:
            self.heard.take(envelope, self._clock.mono())

    async def _remember(self) -> None:
        """What the archive tells of the last hour, read beside the listening."""
        with contextlib.suppress(SsmdError, OSError):
            since = self.since - _REMEMBERED_NS
            ledger = await apart(lambda: store.load(self._directory, self._feed, since))
            self.heard.remember(ledger)
