"""Which connection counts, of several that tell the same: elected within a slot. Pure.

What has no id of its own is taken from one connection at a time, for each table and symbol. It is
changed where a state begins, as `twins.election` does over the whole ledger; here what came before
the slot is known by its carry alone: who was primary then, and whose states were broken.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from ssmd.archive.ledger.spans import Span, joined, without
from ssmd.archive.tables.built import Carry, Standing, Subject
from ssmd.archive.twins.election import Primary, Run, elect
from ssmd.model.records import (
    Acknowledged,
    Closed,
    ConnectionRecord,
    Ended,
    GapFound,
    GapRepaired,
    Judged,
    LedgerRecord,
    Opened,
)
from ssmd.model.timestamp import SECOND_NS

EDGE_NS: Final = 2 * SECOND_NS
"""How long before the others a connection may have spoken last and be taken to go on."""
FORGET_NS: Final = 3600 * SECOND_NS
"""How long a connection without a closing record may be silent before it is given up."""
ALL: Final = ""
"""Stands for every symbol of a connection."""


class Life(msgspec.Struct):
    """What a slot shows of a connection.

    Attributes:
        is_carried: Whether it was there before the slot.
        first: When its first frame in the slot came, ns; None when none has a time.
        last: When the last one came.
        ordinal: Its last frame so far, also of the slots before; None when there is none.
        part: The last piece of it.
        is_closed: Whether its closing record is here.
        is_followed: Whether another one was opened in its place.
    """

    is_carried: bool = False
    first: int | None = None
    last: int | None = None
    ordinal: int | None = None
    part: int = 0
    is_closed: bool = False
    is_followed: bool = False


class Connections:
    """What a slot shows of connections, as far as elections are about it."""

    def __init__(self, carry: Carry) -> None:
        self._carry = carry
        self.lives: dict[str, Life] = {}
        for name, standing in carry.connections.items():
            self.lives[name] = Life(
                True,
                ordinal=standing.ordinal,
                part=standing.part,
                is_followed=standing.is_followed,
            )
        self._anchors: dict[tuple[str, str], dict[str, set[int]]] = defaultdict(dict)
        self._times: dict[tuple[str, int], int] = {}
        self._breaks: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._repairs: list[tuple[str, tuple[str, ...], int | None, int]] = []
        self._ended: dict[tuple[str, str], bool] = {}

    def frame(self, connection: str, ordinal: int, part: int, ts: int | None) -> None:
        """A frame, or a piece of one, in its order."""
        life = self.lives.get(connection)
        if life is None:
            life = self.lives[connection] = Life()
        life.ordinal, life.part = ordinal, part
        if ts is not None:
            if life.first is None or ts < life.first:
                life.first = ts
            if life.last is None or ts > life.last:
                life.last = ts

    def heard(
        self, connection: str, ordinal: int, part: int, times: tuple[int, int] | None
    ) -> None:
        """All frames of a connection so far: the last of them, and when the first and last came."""
        life = self._life(connection)
        life.ordinal, life.part = ordinal, part
        if times is not None:
            life.first, life.last = times

    def snapshot(self, connection: str, ordinal: int, ts: int, told: Collection[Subject]) -> None:
        """A frame in which states begin.

        Args:
            connection: Of which connection.
            ordinal: Which frame.
            ts: When it was received, ns.
            told: The tables that told a state, and of which symbols.
        """
        self._times[connection, ordinal] = ts
        for table, symbol in told:
            self._anchors[connection, symbol].setdefault(table, set()).add(ts)

    def record(
        self, connection: str, ts: int | None, record: ConnectionRecord | LedgerRecord
    ) -> None:
        """One of our own records."""
        match record:
            case Opened():
                self._life(connection)
                if record.previous:
                    self._life(record.previous).is_followed = True
            case Closed():
                self._life(connection).is_closed = True
            case Acknowledged() | Ended():
                self._ended[connection, record.symbol or ALL] = isinstance(record, Ended)
            case GapFound():
                for symbol in record.symbols or (ALL,):
                    self._breaks[connection, symbol].append(ts or 0)
            case Judged() if record.verdict == "frozen":
                since = (ts or 0) - int(record.silent_s * SECOND_NS)
                for symbol in record.symbol.split(","):
                    self._breaks[connection, symbol].append(since)
            case GapRepaired():
                repair = connection, record.symbols or (ALL,), record.ordinal, ts or 0
                self._repairs.append(repair)
            case _:
                pass

    def _life(self, connection: str) -> Life:
        return self.lives.setdefault(connection, Life())

    def go_on(self, end: int) -> dict[str, Standing]:
        """The connections that may go on after the slot's end."""
        return {
            name: Standing(
                ordinal=-1 if life.ordinal is None else life.ordinal,
                part=life.part,
                last_ts=life.last if life.last is not None else self._last(name),
                is_followed=life.is_followed,
            )
            for name, life in sorted(self.lives.items())
            if not life.is_closed
            and not (life.is_followed and life.is_carried and life.last is None)
            and (life.last or self._last(name) or end) + FORGET_NS > end
        }

    def _last(self, name: str) -> int | None:
        known = self._carry.connections.get(name)
        return None if known is None else known.last_ts

    def broken(self, connection: str, symbol: str, start: int, end: int) -> list[Span]:
        """When a state could not be read on from what came before."""
        sinces = [
            *self._breaks.get((connection, symbol), ()),
            *self._breaks.get((connection, ALL), ()),
        ]
        if {symbol, ALL} & set(self._carry.broken.get(connection, ())):
            sinces.append(start)
        if not sinces:
            return []
        ends = sorted(
            {
                *self.anchors(connection, symbol),
                *(
                    self._times.get((connection, -1 if ordinal is None else ordinal), ts)
                    for who, symbols, ordinal, ts in self._repairs
                    if who == connection and {symbol, ALL} & set(symbols)
                ),
            }
        )
        spans = []
        for since in sinces:
            at = bisect_right(ends, since)
            spans.append((since, ends[at] if at < len(ends) else end))
        return joined(spans)

    def still_broken(self, end: int) -> dict[str, list[str]]:
        """Whose states are not whole at the slot's end: connections, symbols."""
        found: dict[str, list[str]] = {}
        carried = {
            (name, symbol) for name, symbols in self._carry.broken.items() for symbol in symbols
        }
        for name, symbol in sorted(carried | self._breaks.keys()):
            life = self.lives.get(name)
            if life is None or life.is_closed:
                continue
            spans = self.broken(name, symbol, 0, end)
            if spans and spans[-1][1] >= end:
                found.setdefault(name, []).append(symbol)
        return found

    def anchors(self, connection: str, symbol: str) -> list[int]:
        """When a state began that can be read from there on alone, ns.

        At the beginning of a connection that is when the last kind of snapshot has come.
        """
        found = self._anchors.get((connection, symbol))
        if not found:
            return []
        life = self.lives.get(connection)
        firsts = [min(times) for times in found.values()]
        begun = min(firsts) if life is None or life.is_carried else max(firsts)
        return sorted(ts for times in found.values() for ts in times if ts >= begun)

    def is_ended(self, connection: str, symbol: str) -> bool:
        """Whether the venue confirmed that it says no more of a symbol there."""
        return self._ended.get((connection, symbol), False)


def primaries(
    subject: Subject,
    tellers: Mapping[str, int | None],
    connections: Connections,
    before: str | None,
    slot: Span,
) -> list[Primary]:
    """Who is primary for a table's symbol during a slot, in order.

    First who can be read on; then who was there before and is not broken; then who was there.

    Args:
        subject: The table and the symbol.
        tellers: Who tells of it in the slot, and when for the last time.
        connections: What the slot shows of them.
        before: Who was primary when the slot began; None when nobody else told the same.
        slot: The slot.
    """
    _, symbol = subject
    newest = max((connections.lives[name].last or slot[0] for name in tellers), default=slot[0])
    first: list[Run] = []
    second: list[Run] = []
    third: list[Run] = []
    for name, told in tellers.items():
        life = connections.lives[name]
        goes_on = not (life.is_closed or life.is_followed) and (
            (life.last or slot[0]) + EDGE_NS >= newest
        )
        if connections.is_ended(name, symbol):
            since, until = _held(life, told, slot)
        else:
            since, until = _held(life, slot[1] if goes_on else life.last, slot)
        third.append(Run(since, until, name))
        anchors = connections.anchors(name, symbol)
        for low, high in without(
            [(since, until)], connections.broken(name, symbol, slot[0], slot[1])
        ):
            inside = [at for at in anchors if low <= at < high]
            if name == before and low == slot[0]:
                inside.insert(0, low)
            if inside or (not anchors and not life.is_carried):
                first.append(Run(low, high, name, tuple(inside)))
            if life.is_carried and low == slot[0]:
                second.append(Run(low, high, name))
    made: list[Primary] = []
    for tier, runs in enumerate((first, second, third)):
        taken = joined((each.since, each.until) for each in made)
        left = [
            msgspec.structs.replace(run, since=low, until=high, anchors=fit)
            for run in runs
            for low, high in without([(run.since, run.until)], taken)
            if (fit := tuple(at for at in run.anchors if low <= at < high)) or not run.anchors
        ]
        made += [
            msgspec.structs.replace(each, is_sound=tier == 0)
            for each in elect(symbol, sorted(left))
        ]
    return sorted(made)


def _held(life: Life, last: int | None, slot: Span) -> Span:
    """From when to when a connection may tell, of what it tells for the last time then."""
    since = slot[0] if life.is_carried or life.first is None else life.first
    return since, min(slot[1], max(since, slot[0] if last is None else last) + 1)


class Primaries:
    """Looks up who is primary at a time.

    Attributes:
        tellers: Between whom it was decided.
    """

    def __init__(self, elected: Iterable[Primary], tellers: Iterable[str]) -> None:
        self.tellers = frozenset(tellers)
        self._elected: Sequence[Primary] = sorted(elected)
        self._sinces = [each.since for each in self._elected]

    @property
    def last(self) -> str | None:
        """Who is when the slot ends."""
        return self._elected[-1].connection if self._elected else None

    def takes(self, connection: str, ts: int | None) -> bool:
        """Whether what a connection tells then is to be taken; without a time, always.

        Where nobody was elected it belongs to the primary that is nearest in time.
        """
        if ts is None or not self._elected:
            return True
        after = bisect_right(self._sinces, ts)
        around = self._elected[max(0, after - 1) : after + 1]
        nearest = min(around, key=lambda each: (_distance(each, ts), each.since))
        return connection == nearest.connection


def _distance(primary: Primary, ts: int) -> int:
    """How far a time is from a primary's own; 0 within it."""
    return max(primary.since - ts, ts - primary.until + 1, 0)
