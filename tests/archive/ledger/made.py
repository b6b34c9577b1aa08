"""Connections as a connector would record them, and the facts an archive would keep of them."""

from collections.abc import Iterable, Sequence

from ssmd.archive import layout
from ssmd.archive.ledger.carry import Carry
from ssmd.archive.ledger.collector import Collector
from ssmd.archive.ledger.entries import Entry, Ledger
from ssmd.archive.ledger.facts import Facts
from ssmd.archive.ledger.fold import fold
from ssmd.archive.presence import Presence
from ssmd.model import records
from ssmd.model.envelope import CONNECTION, LEDGER, Envelope
from ssmd.model.frame import Opcode
from ssmd.model.timestamp import SECOND_NS, connection_id

FEED = "kraken"
MIDNIGHT = 1_800_057_600 * SECOND_NS
"""2027-01-16T00:00:00Z: the second day begins."""
WRITER = "TEST_KRAKEN-aaaa"
BTC, ETH = ("trade", "BTC/USD"), ("trade", "ETH/USD")

Key = tuple[str, str | None]


class Scene:
    """Everything that was recorded, and who archived it."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, Envelope]] = []
        self._connections = 0

    def connect(
        self,
        at: int,
        *wants: Key,
        shard: int | str = 0,
        previous: "Wire | None" = None,
        reason: str = "start",
        shards: int | None = None,
        writer: str = WRITER,
        venue: str = "venue",
    ) -> "Wire":
        """Open a connection that wants something at once."""
        self._connections += 1
        wire = Wire(self, connection_id(FEED, shard, at, self._connections), writer)
        wire.opened(at, shard, previous, reason, shards, venue)
        for key in wants:
            wire.want(at, key, reason)
        return wire

    def facts(self, *, interval_s: int = 86_400) -> list[Facts]:
        """Of one segment for each slot and writer."""
        segments: dict[str, tuple[Collector, dict[str, Presence]]] = {}
        for writer, envelope in self.kept:
            start = layout.slot(envelope.ts_recv or 0, interval_s)
            name = layout.place(FEED, start, writer, 0).name()
            collector, presences = segments.setdefault(name, (Collector(), {}))
            collector.add(envelope)
            presences.setdefault(envelope.connection, Presence()).add(envelope)
        return [
            collector.facts(
                feed=FEED,
                segment=name,
                sha256="",
                held={who: presence.held() for who, presence in presences.items()},
            )
            for name, (collector, presences) in segments.items()
        ]

    def fold(self, until: int | None = None) -> Ledger:
        """The ledger of all of it at once."""
        return whole(self.facts(), until)


class Wire:
    """One connection: every method puts something on record at a time, ns."""

    def __init__(self, scene: Scene, connection: str, writer: str) -> None:
        self.id = connection
        self._scene = scene
        self._writer = writer
        self._ordinal = 0
        self._record = 0

    def opened(
        self,
        at: int,
        shard: int | str,
        previous: "Wire | None",
        reason: str,
        shards: int | None,
        venue: str,
    ) -> None:
        self.say(
            at,
            records.Opened(
                feed=FEED,
                venue=venue,
                shard=shard,
                endpoint="",
                local="",
                peer="",
                previous=previous.id if previous else None,
                reason=reason,
                version="0",
                host="here",
                shards=shards,
            ),
        )

    def say(self, at: int, record: records.ConnectionRecord | records.LedgerRecord) -> int:
        """Any record; gives its number."""
        kind = CONNECTION if isinstance(record, (records.Opened, records.Closed)) else LEDGER
        number, self._record = self._record, self._record + 1
        self._keep(at, kind, records.encode(record), record=number)
        return number

    def frame(self, at: int, *symbols: str, kind: str = "trade") -> int:
        """A frame; gives its ordinal."""
        ordinal, self._ordinal = self._ordinal, self._ordinal + 1
        self._keep(at, kind, b"{}", ordinal=ordinal, symbols=symbols)
        return ordinal

    def snapshot(self, at: int, symbol: str) -> None:
        """A frame that states a whole book."""
        ordinal, self._ordinal = self._ordinal, self._ordinal + 1
        self._keep(at, "book", b'{"type":"snapshot"}', ordinal=ordinal, symbols=(symbol,))

    def skip(self, count: int) -> tuple[int, int]:
        """Frames that are received and not archived; gives the first and the last."""
        first, self._ordinal = self._ordinal, self._ordinal + count
        return first, first + count - 1

    def want(self, at: int, key: Key, reason: str = "plan") -> None:
        self.say(at, records.Wanted(channel=key[0], symbol=key[1], reason=reason))

    def unwant(self, at: int, key: Key, reason: str = "plan") -> None:
        self.say(at, records.Unwanted(channel=key[0], symbol=key[1], reason=reason))

    def acknowledge(self, at: int, *keys: Key) -> None:
        """One frame that confirms each of them."""
        ordinal = self.frame(at, kind="_control")
        for channel, symbol in keys:
            self.say(at, records.Acknowledged(channel=channel, symbol=symbol, ordinal=ordinal))

    def end(self, at: int, key: Key) -> None:
        ordinal = self.frame(at, kind="_control")
        self.say(at, records.Ended(channel=key[0], symbol=key[1], ordinal=ordinal))

    def decline(self, at: int, key: Key) -> None:
        told = records.Declined(channel=key[0], symbol=key[1], reason="no", ordinal=None)
        self.say(at, told)

    def gap(self, at: int, channel: str, *symbols: str, ordinal: int | None = None) -> int:
        return self.say(
            at,
            records.GapFound(
                channel=channel,
                symbols=symbols,
                kind="sequence",
                expected=1,
                found=3,
                ordinal=ordinal,
            ),
        )

    def repair(self, at: int, channel: str, *symbols: str) -> None:
        told = records.GapRepaired(channel=channel, symbols=symbols, by="snapshot", ordinal=None)
        self.say(at, told)

    def backfill(
        self,
        at: int,
        key: Key,
        since: int,
        until: int,
        ordinal: int | None = 0,
        *,
        whole: bool = True,
    ) -> None:
        self.say(
            at,
            records.Backfilled(
                channel=key[0],
                symbol=key[1] or "",
                since=since,
                until=until,
                facts=1,
                ordinal=ordinal,
                cause="asked",
                whole=whole,
            ),
        )

    def judge(
        self,
        at: int,
        symbol: str,
        silent_s: float,
        action: str = "resubscribe",
        verdict: records.Verdict = "frozen",
    ) -> None:
        told = records.Judged(
            symbol=symbol,
            verdict=verdict,
            silent_s=silent_s,
            missed=9.0,
            evidence="",
            action=action,
        )
        self.say(at, told)

    def lose(self, at: int, *ordinals: tuple[int, int]) -> None:
        self.say(at, records.Lost(ordinals=ordinals, reason="spool_full"))

    def close(self, at: int, reason: str = "reset", by: str = "connector") -> None:
        told = records.Closed(
            last_ordinal=self._ordinal - 1,
            last_record=self._record,
            by="recovery" if by == "recovery" else "connector",
            reason=reason,
        )
        self.say(at, told)

    def _keep(
        self,
        at: int,
        kind: str,
        payload: bytes,
        *,
        ordinal: int | None = None,
        record: int | None = None,
        symbols: tuple[str, ...] = (),
    ) -> None:
        envelope = Envelope(
            FEED, None, kind, symbols, self.id, ordinal, record, 0, 1, Opcode.TEXT, None, None,
            at, payload,
        )  # fmt: skip
        self._scene.kept.append((self._writer, envelope))


def whole(facts: Sequence[Facts], until: int | None = None) -> Ledger:
    """Everything folded at once."""
    since = MIDNIGHT - layout.DAY_NS
    end = MIDNIGHT + layout.DAY_NS if until is None else until
    return fold(FEED, facts, carry=None, since=since, until=end)[0]


def by_day(facts: Iterable[Facts], days: int = 2) -> list[Ledger]:
    """One day after the other."""
    carry: Carry | None = None
    ledgers = []
    for day in range(days):
        since = MIDNIGHT + (day - 1) * layout.DAY_NS
        mine = [one for one in facts if _starts(one) == since]
        ledger, carry = fold(FEED, mine, carry=carry, since=since, until=since + layout.DAY_NS)
        ledgers.append(ledger)
    return ledgers


def of(ledger: Ledger, table: type[Entry]) -> list[Entry]:
    """The entries of one table, in order."""
    return [entry for entry in ledger.entries if isinstance(entry, table)]


def s(seconds: float) -> int:
    """A time, in seconds after the first day's noon, ns."""
    return MIDNIGHT - 12 * 3600 * SECOND_NS + round(seconds * SECOND_NS)


def _starts(facts: Facts) -> int:
    parsed = layout.parse(facts.segment)
    assert parsed is not None
    return layout.start(parsed[0]) // layout.DAY_NS * layout.DAY_NS
