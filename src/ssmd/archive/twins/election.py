"""Which connection counts: one per instrument and time, changed only where a state begins."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from ssmd.archive.ledger.entries import Coverage, Gap
from ssmd.archive.ledger.spans import Span, joined, without
from ssmd.archive.twins.told import Told
from ssmd.model.timestamp import SECOND_NS

SLACK_NS = SECOND_NS
"""How long before its acknowledgement is on record a subscription may have spoken: some venues
acknowledge with the first snapshot itself."""

Anchors = Mapping[tuple[str, str], Sequence[int]]
"""By connection and symbol: when a state began that can be read from there on alone, ns."""


class Run(msgspec.Struct, frozen=True, order=True):
    """A stretch of one connection that can be read for an instrument without a break.

    Attributes:
        since: From when on, ns.
        until: Up to when, ns.
        connection: Which connection.
        anchors: When within it a state begins; empty when its facts need none, so that it may
            be entered anywhere.
    """

    since: int
    until: int
    connection: str
    anchors: tuple[int, ...] = ()

    def enter(self, earliest: int, latest: int | None = None) -> int | None:
        """The first moment from `earliest` on at which it can be entered; None when there is none.

        With `latest` the last such moment up to it.
        """
        last = self.until - 1 if latest is None else min(latest, self.until - 1)
        if not self.anchors:
            moment = max(self.since, earliest) if latest is None else last
            return moment if max(self.since, earliest) <= moment <= last else None
        fit = [at for at in self.anchors if earliest <= at <= last]
        return (fit[0] if latest is None else fit[-1]) if fit else None


class Primary(msgspec.Struct, frozen=True, order=True):
    """From when to when a connection's rows of an instrument are the ones to take.

    Attributes:
        symbol: The venue's own string.
        since: From when on, ns, included.
        until: Up to when, ns, not included.
        connection: Which connection.
        is_sound: Whether its rows can be read alone; not so while its book is broken, or before
            its first state: then it is merely the one that was there.
    """

    symbol: str
    since: int
    until: int
    connection: str
    is_sound: bool = True


def primaries(
    symbol: str, coverage: Sequence[Coverage], gaps: Iterable[Gap], states: Anchors, horizon: int
) -> list[Primary]:
    """Who is primary for an instrument whenever anybody held it, in order.

    First who can be read; where nobody can, who was there.

    Args:
        symbol: The venue's own string.
        coverage: The ledger's.
        gaps: The ledger's.
        states: See `anchors`.
        horizon: Up to when all is known, ns: what has not ended ends there.
    """
    sound = elect(symbol, runs(symbol, coverage, gaps, states, horizon))
    read = joined((each.since, each.until) for each in sound)
    left = [
        Run(since, until, connection)
        for connection, spans in _held(symbol, coverage, horizon).items()
        for since, until in without(spans, read)
    ]
    spare = [msgspec.structs.replace(each, is_sound=False) for each in elect(symbol, left)]
    return sorted([*sound, *spare])


def anchors(rows: Iterable[Told]) -> Anchors:
    """When a state begins on each connection, as its snapshots tell.

    At the beginning of a connection that is when the last kind of snapshot has come; afterwards
    every snapshot begins one, for nothing else was broken.
    """
    firsts: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    times: dict[tuple[str, str], set[int]] = defaultdict(set)
    for told in rows:
        row, ts = told.row, told.ts_recv
        if not row.is_snapshot or row.symbol is None or ts is None:
            continue
        key = (told.connection, row.symbol)
        known = firsts[key]
        known[row.table] = min(ts, known.get(row.table, ts))
        times[key].add(ts)
    return {
        key: sorted(ts for ts in found if ts >= max(firsts[key].values()))
        for key, found in times.items()
    }


def runs(
    symbol: str,
    coverage: Iterable[Coverage],
    gaps: Iterable[Gap],
    states: Anchors,
    horizon: int,
) -> list[Run]:
    """The stretches of every connection that can be read for an instrument.

    A gap ends a stretch; the next begins with the snapshot that repaired it.

    Args:
        symbol: The venue's own string.
        coverage: The ledger's.
        gaps: The ledger's.
        states: See `anchors`.
        horizon: Up to when all is known, ns: what has not ended ends there.
    """
    broken: dict[str, list[Span]] = defaultdict(list)
    for gap in gaps:
        if not gap.symbols or symbol in gap.symbols:
            until = horizon if gap.until is None else gap.until
            broken[gap.connection].append((gap.since, until))
    found = []
    for connection, covered in _held(symbol, coverage, horizon).items():
        states_here = states.get((connection, symbol), ())
        for since, until in without(covered, joined(broken[connection])):
            inside = tuple(at for at in states_here if since <= at < until)
            if since < until and (inside or not states_here):
                found.append(Run(since, until, connection, inside))
    return sorted(found)


def elect(symbol: str, stretches: Sequence[Run]) -> list[Primary]:
    """One primary after the other, each entered where its state begins, changed as seldom as can.

    A stretch is held until another that reaches further was entered, which is at its last state
    before the end of the one held: known in hindsight. Where none can be entered, none is primary.
    """
    made: list[Primary] = []
    now = min((run.since for run in stretches), default=0)
    while True:
        open_now = [
            (at, -run.until, run) for run in stretches if (at := run.enter(now)) is not None
        ]
        if not open_now:
            return made
        begun, _, held = min(open_now)
        while (found := _successor(stretches, held, begun)) is not None:
            entered, successor = found
            if entered > begun:
                made.append(Primary(symbol, begun, entered, held.connection))
            begun, held = entered, successor
        made.append(Primary(symbol, begun, held.until, held.connection))
        now = held.until


def _successor(stretches: Iterable[Run], held: Run, begun: int) -> tuple[int, Run] | None:
    """The stretch that reaches furthest of those that can be entered while another is held."""
    reaching = [
        (run.until, run.connection, at, run)
        for run in stretches
        if run.until > held.until and (at := run.enter(begun, held.until)) is not None
    ]
    if not reaching:
        return None
    _, _, at, run = max(reaching)
    return at, run


def _held(symbol: str, coverage: Iterable[Coverage], horizon: int) -> dict[str, list[Span]]:
    """When each connection held an instrument, on whatever channel."""
    spans: dict[str, list[Span]] = defaultdict(list)
    for entry in coverage:
        if entry.symbol == symbol:
            until = horizon if entry.until is None else min(entry.until, horizon)
            spans[entry.connection].append((entry.since - SLACK_NS, until))
    return {connection: joined(held) for connection, held in spans.items()}
