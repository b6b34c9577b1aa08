"""What a comparison of trades amounts to: counts, sizes, a status, and the trades behind them. Pure."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final, Literal

import msgspec

from ssmd.archive.ledger.spans import Span, joined, near, shared
from ssmd.model.rest import Retold
from ssmd.model.timestamp import SECOND_NS, format_rfc3339
from ssmd.quality.trades.matching import Matching, Pair, Trade, match, silences

Status = Literal["OK", "WARN(missing)", "WARN(extra)", "WARN(mismatched)", "UNKNOWN"]
"""The worst that was found, `missing` before the others; `UNKNOWN` when nothing was compared."""

SILENCE_S: Final = 60.0
"""Longer stretches without a trade are named when REST cannot tell whether there were any."""
_BY_ID: Final = "id"
_BY_VALUE: Final = "price, size, side and time"


class Sizes(msgspec.Struct, frozen=True):
    """What changed hands, in the venue's unit of the instrument.

    Attributes:
        api: In the venue's trades.
        archive: In the archived ones.
    """

    api: Decimal
    archive: Decimal


class Listed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A trade that is not in both, or not equal in both.

    Attributes:
        what: `missing`, `extra` or `mismatched`.
        ts: When it was by the venue's clock, RFC 3339: as REST tells it, if it does.
        price: As REST tells it, if it does.
        size: Likewise.
        side: Likewise.
        id: The venue's id.
        archived: What is archived of it instead, of what is mismatched, by name.
        ts_recv: When we received it.
        on_record: Whether the ledger knows that something is missing then.
    """

    what: Literal["missing", "extra", "mismatched"]
    ts: str
    price: Decimal | None
    size: Decimal | None
    side: str | None = None
    id: str | None = None
    archived: dict[str, Decimal | str | None] = {}
    ts_recv: str | None = None
    on_record: bool = False


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument's archived trades against the venue's own.

    Attributes:
        status: What came of it.
        why: Why nothing, or not all, could be compared; empty when all was.
        since: From when on trades were compared, ns.
        until: Up to when, ns, not included.
        by: What told that two are one.
        api: How many trades REST tells.
        archive: How many are archived; of what could not be compared, too, when nothing could.
        matched: How many are the same in both.
        missing: How many only REST tells.
        missing_on_record: Of these, those of a time of which the ledger knows that something is
            missing.
        extra: How many are archived alone.
        mismatched: How many are in both, with another price, size or side.
        fetched: How many of the archived trades a backfill brought: those REST told before.
        repeated: How many archived trades had the id of another.
        untold: How many archived trades are too small for the venue's history.
        match_rate: `matched` of `api`; None when REST tells of none.
        size: What changed hands.
        silences: Stretches of more than a minute without a trade, [from, to], RFC 3339; only when
            nothing was compared.
        caveats: What the comparison does not show.
        trades: What is not in both, or not equal in both, by time.
    """

    status: Status
    why: str
    since: int
    until: int
    by: str
    api: int
    archive: int
    matched: int
    missing: int
    missing_on_record: int
    extra: int
    mismatched: int
    fetched: int
    repeated: int
    untold: int
    match_rate: float | None
    size: Sizes
    silences: list[list[str]]
    caveats: tuple[str, ...]
    trades: tuple[Listed, ...]


def compare(
    ours: Sequence[Trade],
    theirs: Sequence[Trade],
    window: Span,
    settled: Iterable[Span],
    how: Retold,
    *,
    lost: Sequence[Span] = (),
    why: str = "",
) -> Comparison:
    """Compare trades of a window.

    Both sides hold a margin on either side of the window, for times differ: a trade of the window
    is looked for in the margin too, and what lies there is judged by nobody.

    Args:
        ours: What is archived of the window and its margins.
        theirs: What REST tells of them.
        window: [from, to), ns, by the venue's clock.
        settled: Of which time REST told everything.
        how: What the venue's two words for one trade have in common.
        lost: When the ledger knows that something is missing.
        why: Why not all of it is settled.
    """
    whole = joined(settled)
    judged = shared([window], whole)
    kept = [each for each in ours if not _is_untold(each, how)]
    untold = sum(_is_untold(each, how) and _within(each, judged) for each in ours)
    if not judged:
        return _unknown(kept, window, how, why or "REST told of no part of this time")
    found = match(kept, theirs, how)
    early, late = round(how.early_s * SECOND_NS), round(how.late_s * SECOND_NS)
    surely = [
        (since + early, until - late) for since, until in whole if until - since > early + late
    ]
    within = Matching(
        pairs=tuple(pair for pair in found.pairs if _within(pair.theirs, judged)),
        missing=tuple(each for each in found.missing if _within(each, judged)),
        extra=tuple(each for each in found.extra if _within(each, shared([window], surely))),
        repeated=found.repeated,
    )
    return _judged(within, window, how, lost=joined(lost), why=why, untold=untold)


def _judged(
    found: Matching, window: Span, how: Retold, *, lost: Sequence[Span], why: str, untold: int
) -> Comparison:
    same = [pair for pair in found.pairs if not pair.differs]
    other = [pair for pair in found.pairs if pair.differs]
    api = len(found.pairs) + len(found.missing)
    on_record = [_within(each, lost) for each in found.missing]
    listed = [
        *(_missing(each, known) for each, known in zip(found.missing, on_record, strict=True)),
        *map(_extra, found.extra),
        *map(_mismatched, other),
    ]
    return Comparison(
        status=_status(found, other),
        why=why,
        since=window[0],
        until=window[1],
        by=_BY_ID if how.by_id else _BY_VALUE,
        api=api,
        archive=len(found.pairs) + len(found.extra),
        matched=len(same),
        missing=len(found.missing),
        missing_on_record=sum(on_record),
        extra=len(found.extra),
        mismatched=len(other),
        fetched=sum(each.is_fetched for each in (*(p.ours for p in found.pairs), *found.extra)),
        repeated=found.repeated,
        untold=untold,
        match_rate=len(same) / api if api else None,
        size=Sizes(
            api=_sum((*(pair.theirs for pair in found.pairs), *found.missing)),
            archive=_sum((*(pair.ours for pair in found.pairs), *found.extra)),
        ),
        silences=[],
        caveats=how.caveats,
        trades=tuple(sorted(listed, key=lambda each: each.ts)),
    )


def _unknown(ours: Sequence[Trade], window: Span, how: Retold, why: str) -> Comparison:
    """Nothing could be compared: what there is, and where there is nothing."""
    mine = [each for each in ours if window[0] <= each.ts < window[1]]
    return Comparison(
        status="UNKNOWN",
        why=why,
        since=window[0],
        until=window[1],
        by=_BY_ID if how.by_id else _BY_VALUE,
        api=0,
        archive=len(mine),
        matched=0,
        missing=0,
        missing_on_record=0,
        extra=0,
        mismatched=0,
        fetched=sum(each.is_fetched for each in mine),
        repeated=0,
        untold=0,
        match_rate=None,
        size=Sizes(api=Decimal(0), archive=_sum(mine)),
        silences=[
            [format_rfc3339(since), format_rfc3339(until)]
            for since, until in silences(mine, *window, SILENCE_S)
        ],
        caveats=how.caveats,
        trades=(),
    )


def _status(found: Matching, other: Sequence[Pair]) -> Status:
    if found.missing:
        return "WARN(missing)"
    if found.extra:
        return "WARN(extra)"
    return "WARN(mismatched)" if other else "OK"


def _within(trade: Trade, spans: Sequence[Span]) -> bool:
    return any(near(spans, trade.ts, trade.ts + 1))


def _is_untold(trade: Trade, how: Retold) -> bool:
    return how.smallest is not None and trade.size is not None and trade.size < how.smallest


def _sum(trades: Iterable[Trade]) -> Decimal:
    return sum((each.size for each in trades if each.size is not None), Decimal(0))


def _missing(trade: Trade, on_record: bool) -> Listed:
    return _listed("missing", trade, on_record=on_record)


def _extra(trade: Trade) -> Listed:
    return _listed("extra", trade, ts_recv=_spelled(trade.ts_recv))


def _mismatched(pair: Pair) -> Listed:
    archived = {name: getattr(pair.ours, name) for name in pair.differs}
    recv = _spelled(pair.ours.ts_recv)
    return _listed("mismatched", pair.theirs, archived=archived, ts_recv=recv)


def _listed(
    what: Literal["missing", "extra", "mismatched"], trade: Trade, **more: object
) -> Listed:
    told = {name: getattr(trade, name) for name in ("price", "size", "side", "id")}
    return Listed(what=what, ts=format_rfc3339(trade.ts), **told, **more)  # type: ignore[arg-type]


def _spelled(ts: int | None) -> str | None:
    return None if ts is None else format_rfc3339(ts)
