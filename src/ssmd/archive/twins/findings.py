"""What twins disagree on: each difference is somebody's loss, or a venue that says two things."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Literal

import msgspec

from ssmd.archive.ledger.entries import Coverage
from ssmd.archive.ledger.spans import Span, joined, shared
from ssmd.archive.twins.merge import Identity, identity
from ssmd.archive.twins.told import Told
from ssmd.model.row import Row
from ssmd.model.timestamp import SECOND_NS

EDGE_NS = 2 * SECOND_NS
"""How far from the ends of a common stretch nothing is compared: the same message reaches two
sockets at two times."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Something two captures tell differently.

    Attributes:
        kind: `value`: one id, two contents. `absent`: a fact that one connection told and the
            other, being live, did not. `count`: facts without an id, told a different number of
            times.
        table: Of which kind of row.
        symbol: Of which instrument; None when of none.
        native_id: The venue's own id, if it has one.
        ts_recv: When it was first received, ns.
        connections: Who told it, then who did not (or the two who differ).
        detail: What differs, in one sentence.
    """

    kind: Literal["value", "absent", "count"]
    table: str
    symbol: str | None
    native_id: str | None
    ts_recv: int
    connections: tuple[str, str]
    detail: str


def differences(rows: Iterable[Told], coverage: Iterable[Coverage]) -> Iterator[Difference]:
    """Hold what several connections told of the same time against each other.

    Rows of snapshots repeat what may be known and are not compared, nor are fetched ones.

    Args:
        rows: In any order.
        coverage: The ledger's: two connections are compared where both held the instrument.
    """
    by_symbol: dict[str, list[Told]] = defaultdict(list)
    for told in sorted(rows, key=lambda told: told.place):
        if told.source == "live" and not told.row.is_snapshot and told.ts_recv is not None:
            by_symbol[told.row.symbol or ""].append(told)
    for (symbol, one, other), spans in _common(coverage).items():
        for since, until in spans:
            inner = (since + EDGE_NS, until - EDGE_NS)
            yield from _compare(by_symbol.get(symbol, []), (one, other), (since, until), inner)


def _compare(
    told: Iterable[Told], pair: tuple[str, str], whole: tuple[int, int], inner: tuple[int, int]
) -> Iterator[Difference]:
    """Two connections over one common stretch: facts of the inner part, sought in the whole."""
    by_id: tuple[dict[Identity, Told], dict[Identity, Told]] = ({}, {})
    loose: tuple[dict[object, list[Told]], dict[object, list[Told]]] = (
        defaultdict(list),
        defaultdict(list),
    )
    for each in told:
        if each.connection not in pair or not whole[0] <= (each.ts_recv or 0) < whole[1]:
            continue
        side = pair.index(each.connection)
        fact = identity(each)
        if fact is not None:
            by_id[side].setdefault(fact, each)
        else:
            loose[side][(each.row.table, content(each.row))].append(each)
    for side in (0, 1):
        for fact, mine in by_id[side].items():
            theirs = by_id[1 - side].get(fact)
            if theirs is None:
                if _within(mine, inner):
                    yield _absent(mine, pair[1 - side])
            elif side == 0 and content(mine.row) != content(theirs.row):
                yield _value(mine, theirs)
    yield from _counts(loose, pair, inner)


def _counts(
    loose: tuple[Mapping[object, list[Told]], Mapping[object, list[Told]]],
    pair: tuple[str, str],
    inner: tuple[int, int],
) -> Iterator[Difference]:
    """Facts without an id: as often here as there, or somebody lacks some."""
    for fact in {**loose[0], **loose[1]}:
        mine, theirs = loose[0].get(fact, []), loose[1].get(fact, [])
        more, fewer = (0, 1) if len(mine) >= len(theirs) else (1, 0)
        sample = (mine, theirs)[more]
        if len(mine) == len(theirs) or not all(_within(each, inner) for each in sample):
            continue
        first = sample[0]
        yield Difference(
            kind="count",
            table=first.row.table,
            symbol=first.row.symbol,
            native_id=None,
            ts_recv=first.ts_recv or 0,
            connections=(pair[more], pair[fewer]),
            detail=f"told {len(sample)} times by the one, {min(len(mine), len(theirs))} by the other",
        )


def content(row: Row) -> tuple[tuple[str, object], ...]:
    """What a row says, apart from where it stands."""
    fields = msgspec.structs.asdict(row)
    fields["inexact"] = tuple(sorted(row.inexact.items()))
    return tuple(sorted(fields.items()))


def _absent(mine: Told, connection: str) -> Difference:
    return Difference(
        kind="absent",
        table=mine.row.table,
        symbol=mine.row.symbol,
        native_id=mine.row.native_id,
        ts_recv=mine.ts_recv or 0,
        connections=(mine.connection, connection),
        detail="told by the one and not by the other, which held the instrument",
    )


def _value(mine: Told, theirs: Told) -> Difference:
    here, there = dict(content(mine.row)), dict(content(theirs.row))
    changed = [name for name in here if here[name] != there.get(name)]
    said = ", ".join(f"{name} {here[name]} and {there.get(name)}" for name in changed)
    return Difference(
        kind="value",
        table=mine.row.table,
        symbol=mine.row.symbol,
        native_id=mine.row.native_id,
        ts_recv=min(mine.ts_recv or 0, theirs.ts_recv or 0),
        connections=(mine.connection, theirs.connection),
        detail=f"one id, two contents: {said}",
    )


def _within(told: Told, span: tuple[int, int]) -> bool:
    return span[0] <= (told.ts_recv or 0) < span[1]


def _common(coverage: Iterable[Coverage]) -> dict[tuple[str, str, str], list[Span]]:
    """Where two connections held an instrument, on every channel that both have of it."""
    held: dict[str, dict[str, dict[str, list[Span]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    for entry in coverage:
        if entry.symbol is not None:
            held[entry.symbol][entry.connection][entry.channel].append((entry.since, _end(entry)))
    common: dict[tuple[str, str, str], list[Span]] = {}
    for symbol, connections in held.items():
        for one, other in combinations(sorted(connections), 2):
            mine, theirs = connections[one], connections[other]
            spans: list[Span] | None = None
            for channel in mine.keys() & theirs.keys():
                both = shared(joined(mine[channel]), joined(theirs[channel]))
                spans = both if spans is None else shared(spans, both)
            if spans:
                common[symbol, one, other] = spans
    return common


def _end(entry: Coverage) -> int:
    return 1 << 62 if entry.until is None else entry.until
