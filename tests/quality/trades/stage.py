"""A venue's simulation, recorded, and its own REST to compare the record with."""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from ssmd.archive.importer import import_capture
from ssmd.archive.settings import ArchiveSettings
from ssmd.model.envelope import Envelope
from ssmd.model.fact import Trade as TradeFact
from ssmd.model.frame import Now, Opcode
from ssmd.model.timestamp import SECOND_NS
from ssmd.quality.trades.archived import subject
from ssmd.quality.trades.comparing import Result, run
from ssmd.sim.manual_clock import ManualClock
from ssmd.sim.rest import RestServer
from tests.access.world import Played
from tests.connector.parts import until

AFTER_S = 200.0
"""REST is asked so long after the end: nothing of it is too fresh at any venue."""
SECONDS = 75.0


class Stage:
    """What one venue's simulation said to a client of ours, and all it did.

    Attributes:
        venue: The venue.
        symbol: The instrument that is compared.
        lines: Every frame, as a line of a capture.
        traded: Numbers of the lines that tell of trades of it as news.
        begin: When it began, ns.
        end: When it ended.
    """

    def __init__(self, name: str, *, rate: float = 4.0) -> None:
        self._played = Played(name, rate=rate, seed=1)
        self.venue = self._played.venue
        self.symbol = self._played.market.symbols[0]
        channels = [
            each
            for each in sorted(self.venue.channels)
            if self.venue.rest.history(each, self.symbol, 0, 1) is not None
        ]
        self.begin = self._played.now.wall
        self._played.want(self.venue.subscriptions(tuple(channels), (self.symbol,)))
        self._played.live(SECONDS)
        self.lines = list(self._played.lines)
        self.end = self._played.now.wall
        self.traded = [n for n, line in enumerate(self.lines) if self.trades(line)]

    def trades(self, line: str) -> list[TradeFact]:
        """The trades of the instrument that a frame tells as news, by the venue's own reader."""
        payload = json.loads(line)["raw"].encode()
        for kind in sorted(self.venue.types):
            decoded = self.venue.rows(_envelope(kind, payload))
            found = [
                fact
                for row in decoded.rows
                for fact in self.venue.facts(row)
                if isinstance(fact, TradeFact)
                and fact.symbol == self.symbol
                and not fact.is_snapshot
            ]
            if found and not decoded.rejects:
                return found  # types of several ages may be read alike
        return []

    def record(self, root: Path, lines: Sequence[str] | None = None) -> Path:
        """An archive of some of the frames; of all of them unless told otherwise."""
        capture = root.parent / f"{root.name}.jsonl"
        capture.write_text("\n".join(self.lines if lines is None else lines), encoding="utf-8")
        import_capture(
            capture,
            self.venue.id,
            self.venue,
            root,
            clock=ManualClock(self.end),
            settings=ArchiveSettings(interval_s=60),
        )
        return root

    async def compare(
        self,
        root: Path,
        window: tuple[int, int] | None = None,
        *,
        after_s: float = AFTER_S,
        prepare: Callable[[RestServer], None] = lambda _: None,
    ) -> Result:
        """Ask the venue's REST over a socket, and compare."""
        later = self.end + round(after_s * SECOND_NS)
        clock = ManualClock(later, self._played.now.mono + after_s)
        ledger = root.parent / f"{root.name}-rest"
        ledger.mkdir(exist_ok=True)
        server = RestServer(self._played.market, clock=clock, directory=ledger)
        base = await server.start("127.0.0.1", 0)
        prepare(server)
        try:
            comparing = asyncio.create_task(
                run(
                    root,
                    self.venue,
                    subject(root, self.venue.id, self.symbol),
                    window or (self.begin, self.end),
                    addresses={name: f"{base}/{name}" for name in self.venue.rest.services},
                    clock=clock,
                )
            )
            await until(comparing.done, clock)
            return await comparing
        finally:
            await server.stop()

    @property
    def told(self) -> list[TradeFact]:
        """Every trade that was told as news."""
        return [fact for number in self.traded for fact in self.trades(self.lines[number])]

    @property
    def now(self) -> Now:
        """When the conversation ended."""
        return self._played.now


def _envelope(kind: str, payload: bytes) -> Envelope:
    return Envelope(
        feed="f", category=None, type=kind, symbols=(), connection="c", ordinal=0, record=None,
        part=0, parts=1, opcode=Opcode.TEXT, sequence=None, ts_event=None, ts_recv=1,
        payload=payload,
    )  # fmt: skip
