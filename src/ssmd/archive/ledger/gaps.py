"""Gaps from their discovery to their repair, and what was repaired. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final

from ssmd.archive.ledger.carry import At, OpenGap
from ssmd.archive.ledger.entries import Gap, Repair
from ssmd.model.records import Backfilled, GapFound, GapRepaired, Judged
from ssmd.model.timestamp import SECOND_NS

FROZEN: Final = "frozen"
"""Why an instrument that stands still while its market moves has a gap."""
UNWITNESSED: Final = "unwitnessed"
"""Why an instrument is in doubt: it is silent, and no witness can say whether anything happened."""
_ALL: Final = ""


class Gaps:
    """The gaps of one feed."""

    def __init__(self, feed: str, gaps: Iterable[OpenGap], plain: Iterable[str]) -> None:
        self._feed = feed
        self.plain = set(plain)
        self._open: dict[tuple[str, int], OpenGap] = {}
        self._places: dict[tuple[str, str, str], dict[int, None]] = {}
        self._judged: dict[str, dict[tuple[str, int], None]] = {}
        self._of: dict[str, dict[int, None]] = {}
        self.entries: list[Gap | Repair] = []
        for gap in gaps:
            self._keep(gap)

    def has(self, connection: str) -> bool:
        """Whether a connection has gaps that are not over."""
        return bool(self._of.get(connection))

    def found(self, at: At, gap: GapFound, since: int) -> None:
        """The venue's counter or checksum shows one; `since` is the last message before it, ns."""
        symbols, frame = list(dict.fromkeys(gap.symbols)), gap.ordinal
        kept = OpenGap(at, since, gap.channel, symbols, gap.kind, gap.expected, gap.found, frame)
        self._keep(kept)
        if gap.channel in self.plain:
            self._end(kept, at.ts)

    def judged(self, at: At, verdict: Judged) -> None:
        """What a witness says of a silent instrument, or of a whole connection.

        A doubt about an instrument lasts until the next verdict about it, at most; one about a
        connection up to its verdict.
        """
        whole = not verdict.symbol or "," in verdict.symbol
        since = at.ts - round(verdict.silent_s * SECOND_NS)
        for place in list(self._judged.get(verdict.symbol, ())):
            if self._open[place].reason == UNWITNESSED:
                self._heal(self._open[place], verdict.symbol, since)
        if verdict.verdict == "quiet":
            return
        reason = FROZEN if verdict.verdict == FROZEN else UNWITNESSED
        gap = OpenGap(at, since, "", [] if whole else [verdict.symbol], reason, 0, 0, None)
        self._keep(gap)
        if reason == UNWITNESSED:
            if whole:
                self._end(gap, at.ts)
        elif verdict.action == "none":  # nothing will be done about it that could be seen here
            self._end(gap, at.ts)

    def repaired(self, at: At, told: GapRepaired, held: set[str]) -> None:
        """A snapshot made instruments whole again.

        A gap of all of a connection is over when all that is `held` by name is repaired; a repair
        that names none ends whatever there is on its channel.
        """
        begun = at.ts
        for symbol in told.symbols:
            for record in list(self._places.get((at.connection, told.channel, symbol), ())):
                gap = self._open[at.connection, record]
                begun = min(begun, gap.since)
                self._heal(gap, symbol, at.ts)
        if told.symbols:
            for record in list(self._places.get((at.connection, told.channel, _ALL), ())):
                gap = self._open[at.connection, record]
                begun = min(begun, gap.since)
                gap.named = sorted({*gap.named, *told.symbols})
                if held and held <= set(gap.named):
                    self._heal(gap, _ALL, at.ts)
        else:
            for record in list(self._of.get(at.connection, ())):
                gap = self._open[at.connection, record]
                if gap.channel == told.channel:
                    begun = min(begun, gap.since)
                    self._end(gap, at.ts)
        self.entries.append(
            Repair(
                feed=self._feed,
                since=begun,
                until=at.ts,
                reason="snapshot",
                connection=at.connection,
                record=at.record,
                file=at.file,
                channel=told.channel,
                symbols=told.symbols,
                ordinal=told.ordinal,
                facts=0,
            )
        )

    def backfilled(self, at: At, told: Backfilled) -> None:
        """The venue's history of a time is in the archive, or is known to be gone."""
        if told.whole and told.channel not in self.plain:
            self.plain.add(told.channel)
            for gap in list(self._open.values()):
                if gap.channel == told.channel:
                    self._end(gap, gap.found.ts)
        self.entries.append(
            Repair(
                feed=self._feed,
                since=told.since,
                until=told.until,
                reason="backfill" if told.whole else "partial",
                connection=at.connection,
                record=at.record,
                file=at.file,
                channel=told.channel,
                symbols=(told.symbol,),
                ordinal=told.ordinal,
                facts=told.facts,
            )
        )

    def acknowledged(self, at: At, symbol: str | None, previous: str | None) -> None:
        """What stood still is asked for anew, and was confirmed."""
        for place in list(self._judged.get(symbol or _ALL, ())):
            self._heal(self._open[place], symbol or _ALL, at.ts)
        for connection in (at.connection, previous):
            for record in list(self._places.get((connection or "", "", _ALL), ())):
                self._heal(self._open[connection or "", record], _ALL, at.ts)

    def over(self, connection: str, ts: int) -> None:
        """A connection ended, at its last frame: from there on it is an outage."""
        for record in list(self._of.get(connection, ())):
            self._end(self._open[connection, record], ts)

    def carried(self) -> list[OpenGap]:
        """What is to be known tomorrow."""
        return list(self._open.values())

    def told(self) -> Iterator[Gap | Repair]:
        """Everything so far, gaps that are not over included."""
        yield from self.entries
        for gap in self._open.values():
            yield from self._pieces(gap)

    def _keep(self, gap: OpenGap) -> None:
        connection, record = gap.found.connection, gap.found.record
        self._open[connection, record] = gap
        self._of.setdefault(connection, {})[record] = None
        for symbol in gap.symbols or (_ALL,):
            if symbol in gap.repaired:
                continue
            self._places.setdefault((connection, gap.channel, symbol), {})[record] = None
            if gap.reason in {FROZEN, UNWITNESSED} and symbol:
                self._judged.setdefault(symbol, {})[connection, record] = None

    def _heal(self, gap: OpenGap, symbol: str, ts: int) -> None:
        connection, record = gap.found.connection, gap.found.record
        self._places[connection, gap.channel, symbol].pop(record, None)
        self._judged.get(symbol, {}).pop((connection, record), None)
        gap.repaired[symbol] = max(ts, gap.since)
        if len(gap.repaired) == len(gap.symbols or (_ALL,)):
            del self._open[connection, record]
            del self._of[connection][record]
            self.entries += self._pieces(gap)

    def _end(self, gap: OpenGap, ts: int) -> None:
        for symbol in gap.symbols or [_ALL]:
            if symbol not in gap.repaired:
                self._heal(gap, symbol, ts)

    def _pieces(self, gap: OpenGap) -> Iterator[Gap]:
        """One entry for all instruments that a gap ended for at the same time."""
        ends: dict[int | None, list[str]] = {}
        for symbol in gap.symbols or (_ALL,):
            ends.setdefault(gap.repaired.get(symbol), []).append(symbol)
        for until, symbols in ends.items():
            yield Gap(
                feed=self._feed,
                since=gap.since,
                until=until,
                reason=gap.reason,
                connection=gap.found.connection,
                record=gap.found.record,
                file=gap.found.file,
                channel=gap.channel,
                symbols=tuple(symbols) if gap.symbols else (),
                expected=gap.expected,
                found=gap.came,
                ordinal=gap.ordinal,
            )
