"""Which archived trade is which of the venue's: by id, or by what else there is to tell them. Pure."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Final

import msgspec

from ssmd.model.rest import Retold
from ssmd.model.timestamp import SECOND_NS

COMPARED: Final = ("price", "size", "side")
"""What must be equal of trades that have one id."""


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """One trade, as the archive or the venue has it.

    Attributes:
        ts: When it was, by the venue's clock, ns; by ours where the venue tells no time.
        price: In quote currency; None when it cannot be told exactly.
        size: What changed hands; likewise.
        side: What the aggressor did, `buy` or `sell`; None when nobody says.
        id: The venue's own id; None when it has none.
        ts_recv: When we received it, ns; None of what REST tells.
        is_fetched: Whether a backfill brought it, not the stream.
    """

    ts: int
    price: Decimal | None
    size: Decimal | None
    side: str | None = None
    id: str | None = None
    ts_recv: int | None = None
    is_fetched: bool = False


class Pair(msgspec.Struct, frozen=True):
    """One trade that both have.

    Attributes:
        ours: As it is archived.
        theirs: As REST tells it.
        differs: What of it is not equal; empty when all is well.
    """

    ours: Trade
    theirs: Trade
    differs: tuple[str, ...] = ()


class Matching(msgspec.Struct, frozen=True, kw_only=True):
    """What belongs together, and what is left over; by time.

    Attributes:
        pairs: What both have.
        missing: What only REST tells.
        extra: What only the archive has.
        repeated: How many archived trades had the id of another.
    """

    pairs: tuple[Pair, ...]
    missing: tuple[Trade, ...]
    extra: tuple[Trade, ...]
    repeated: int


def match(ours: Iterable[Trade], theirs: Iterable[Trade], how: Retold) -> Matching:
    """Find for every trade its other half.

    Where the venue has ids, equal ids are one trade, whatever else is said of it; what lacks an id
    is known by price, size, side and time. Of trades that are equal in these, each is paired with
    one: as many as the other side has.

    Args:
        ours: What is archived.
        theirs: What REST tells.
        how: What the venue's two words for one trade have in common.
    """
    mine, repeated = _distinct(ours, how)
    told, _ = _distinct(theirs, how)
    pairs: list[Pair] = []
    if how.by_id:
        by_id = {each.id: each for each in told if each.id is not None}
        pairs = [
            Pair(each, by_id[each.id], differing(each, by_id[each.id]))
            for each in mine
            if each.id is not None and each.id in by_id
        ]
    left = _Left(mine, told, pairs)
    left.pair(lambda _: True, lambda each: not how.by_id or each.id is None, _whole, how)
    left.pair(lambda each: each.id is None, lambda _: True, _whole, how)
    left.pair(lambda each: each.side is None, lambda _: not how.by_id, _sideless, how)
    return Matching(
        pairs=tuple(sorted(left.pairs, key=lambda pair: pair.theirs.ts)),
        missing=tuple(left.theirs),
        extra=tuple(left.ours),
        repeated=repeated,
    )


def differing(ours: Trade, theirs: Trade) -> tuple[str, ...]:
    """What two words for one trade do not agree on; what one does not state is no disagreement."""
    return tuple(
        name
        for name in COMPARED
        if (one := getattr(ours, name)) is not None
        and (other := getattr(theirs, name)) is not None
        and one != other
    )


def silences(trades: Iterable[Trade], since: int, until: int, longest_s: float) -> list[list[int]]:
    """Stretches of a time without any trade, [from, to] in ns, that are longer than so much."""
    times = [since, *sorted(each.ts for each in trades if since <= each.ts < until), until]
    return [[one, other] for one, other in pairwise(times) if other - one > longest_s * SECOND_NS]


class _Left:
    """What has no other half yet, by time.

    Attributes:
        pairs: What has one.
        ours: Archived trades without.
        theirs: The venue's trades without.
    """

    def __init__(
        self, ours: Sequence[Trade], theirs: Sequence[Trade], pairs: Iterable[Pair]
    ) -> None:
        self.pairs = list(pairs)
        self.ours = _without(ours, [pair.ours for pair in self.pairs])
        self.theirs = _without(theirs, [pair.theirs for pair in self.pairs])

    def pair(
        self,
        is_ours: Callable[[Trade], bool],
        is_theirs: Callable[[Trade], bool],
        key: Callable[[Trade], Hashable],
        how: Retold,
    ) -> None:
        """Pair what is equal in a key, and near enough in time.

        The spans in which a trade may be told again are all equally long. So to give each in turn
        the earliest that is left pairs as many as can be.
        """
        waiting: dict[Hashable, list[Trade]] = defaultdict(list)
        for each in reversed(self.theirs):
            if is_theirs(each):
                waiting[key(each)].append(each)
        made: list[Pair] = []
        early, late = round(how.early_s * SECOND_NS), round(how.late_s * SECOND_NS)
        for each in self.ours:
            found = waiting.get(key(each)) if is_ours(each) else None
            while found and found[-1].ts < each.ts - early:
                found.pop()
            if found and found[-1].ts <= each.ts + late:
                made.append(Pair(each, found.pop()))
        self.pairs += made
        self.ours = _without(self.ours, [pair.ours for pair in made])
        self.theirs = _without(self.theirs, [pair.theirs for pair in made])


def _whole(trade: Trade) -> Hashable:
    return trade.price, trade.size, trade.side


def _sideless(trade: Trade) -> Hashable:
    return trade.price, trade.size


def _without(trades: Iterable[Trade], taken: Iterable[Trade]) -> list[Trade]:
    """What is left, each by itself: trades may be equal in everything."""
    gone = {id(each) for each in taken}
    return [each for each in trades if id(each) not in gone]


def _distinct(trades: Iterable[Trade], how: Retold) -> tuple[list[Trade], int]:
    """By time, each id once, and how many were left out for that."""
    found: list[Trade] = []
    known: set[str] = set()
    repeated = 0
    for each in sorted(trades, key=lambda trade: trade.ts):
        if how.by_id and each.id is not None:
            if each.id in known:
                repeated += 1
                continue
            known.add(each.id)
        found.append(each)
    return found, repeated
