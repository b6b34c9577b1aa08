"""What the ledger says of a day's minutes, and of its gaps, as researchers are told it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from ssmd import venues
from ssmd.access.completeness import Told
from ssmd.access.times import Range
from ssmd.archive.ledger.absences import is_stop
from ssmd.archive.ledger.condition import CONDITIONS, Minutes, conditions
from ssmd.archive.ledger.entries import (
    Condition,
    Coverage,
    Gap,
    Hole,
    Intent,
    Ledger,
    Loss,
    Outage,
    Repair,
)
from ssmd.archive.ledger.facts import MINUTE_NS
from ssmd.archive.ledger.gaps import FROZEN, UNWITNESSED
from ssmd.archive.ledger.spans import Span, joined, shared
from ssmd.archive.ledger.words import IMPORT, PENDING
from ssmd.model.timestamp import SECOND_NS
from ssmd.quality.checks.truth_facts import Conditions
from ssmd.quality.window import Window

_START: Final = "start"
_CHECKSUM: Final = "checksum"
_WORST: Final = 3
_NOT_WANTED: Final = CONDITIONS.index("not_wanted")
_PAUSED: Final = CONDITIONS.index("venue_paused")


def told(root: Path, feed: str, venue: str, window: Window) -> Conditions | None:
    """What the ledger says of a day; None when it says nothing.

    Neither the moment between the first wish and its acknowledgement, nor that recording was told to
    stop, is a loss: nobody was promised anything then. Nor is anything lost while the venue pauses by
    its own calendar, though it may end connections then.

    Args:
        root: The archive.
        feed: The feed's name.
        venue: Its venue, whose calendar tells when nothing is traded.
        window: Which day.
    """
    both = Told(root, feed, Range(window.since, window.until))
    ledger = both.ledger
    if ledger.until <= ledger.since:
        return None
    wider = msgspec.structs.replace(
        both.wider, entries=tuple(e for e in both.wider.entries if not _is_edge(e, both.wider))
    )
    counts: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    instruments = 0
    pause = venues.load(venue).pause
    paused = _paused(window, pause)
    for one in conditions(wider, window.since, window.until, pause):
        here = _counts(one, paused)
        counts.update(here)
        instruments += 1
        if bad := here.get("lost", 0) + here.get("degraded", 0):
            missed[one.symbol or "all"] += bad
    gaps = [e for e in ledger.entries if isinstance(e, Gap)]
    frozen = _frozen(ledger, gaps, window)
    begun = [gap for gap in gaps if gap.since >= window.since]
    return Conditions(
        counts={name: counts[name] for name in CONDITIONS if counts[name]},
        instruments=instruments,
        wished=any(isinstance(e, Intent) for e in ledger.entries),
        watched=any(isinstance(e, Intent) and e.reason != IMPORT for e in ledger.entries),
        repairs=dict(Counter(e.reason for e in ledger.entries if isinstance(e, Repair))),
        worst=tuple(missed.most_common(_WORST)),
        reasons=_reasons(ledger),
        checksums=len({(g.connection, g.record) for g in begun if g.reason == _CHECKSUM}),
        frozen_ns=sum(until - since for spans in frozen.values() for since, until in spans),
        frozen=tuple(sorted(frozen)),
        unwitnessed=sum(gap.reason == UNWITNESSED for gap in gaps),
    )


def wanted_share(root: Path, feed: str, window: Window) -> float | None:
    """Which share of a day anything of a feed was wanted, by its wishes on record.

    Returns:
        0 when it was not to be recorded: it began later, or what was wanted had ended. None when
        nobody can say: no wish is on record.
    """
    ledger = Told(root, feed, Range(window.since, window.until)).ledger
    wishes = [e for e in ledger.entries if isinstance(e, Intent)]
    if not wishes:
        whole = Told(root, feed, Range()).ledger
        has_wishes = any(isinstance(e, Intent) and e.reason != IMPORT for e in whole.entries)
        return 0.0 if has_wishes else None
    spans = joined((e.since, window.until if e.until is None else e.until) for e in wishes)
    within = shared(spans, [(window.since, window.until)])
    return sum(until - since for since, until in within) / (window.until - window.since)


def _paused(window: Window, pause: Callable[[int], str | None]) -> list[int]:
    """The minutes of a day, from 0, of which the venue pauses all."""
    first = window.since // MINUTE_NS
    return [
        minute - first
        for minute in range(first, -(-window.until // MINUTE_NS))
        if pause(minute * MINUTE_NS) and pause(minute * MINUTE_NS + MINUTE_NS - 1)
    ]


def _counts(one: Minutes, paused: Sequence[int]) -> dict[Condition, int]:
    """An instrument's minutes of each condition; what was wanted in a pause was paused."""
    whole = bytearray(one.whole)
    for minute in paused:
        if whole[minute] != _NOT_WANTED:
            whole[minute] = _PAUSED
    return msgspec.structs.replace(one, whole=bytes(whole)).counts()


def _is_edge(entry: object, ledger: Ledger) -> bool:
    """Whether an entry is the moment a subscription takes to begin, or an end that was asked for."""
    if not isinstance(entry, Outage):
        return False
    is_set_up = (
        entry.reason == _START and entry.until is not None and entry.until - entry.since < SECOND_NS
    )
    return is_set_up or is_stop(entry, ledger)


def _reasons(ledger: Ledger) -> dict[str, int]:
    """How much is missing, by kind and reason; a subscription's outage counts once per connection."""
    found: Counter[str] = Counter()
    for e in ledger.entries:
        if isinstance(e, Gap) and e.reason != UNWITNESSED:
            found[f"gaps ({e.reason})"] += 1
        elif isinstance(e, Hole) and e.reason != PENDING:
            found[f"holes ({e.reason})"] += 1
        elif isinstance(e, Loss):
            found[f"losses ({e.reason})"] += 1
    outages = {(e.connection, e.reason) for e in ledger.entries if _is_outage(e, ledger)}
    found.update(f"outages ({reason})" for _, reason in outages)
    return dict(sorted(found.items()))


def _is_outage(entry: object, ledger: Ledger) -> bool:
    return isinstance(entry, Outage) and not _is_edge(entry, ledger)


def _frozen(ledger: Ledger, gaps: list[Gap], window: Window) -> dict[str, list[Span]]:
    """When which instruments were frozen; a whole connection is all it held then."""
    spans: dict[str, list[Span]] = defaultdict(list)
    covers = [e for e in ledger.entries if isinstance(e, Coverage)]
    for gap in gaps:
        if gap.reason != FROZEN:
            continue
        since = max(gap.since, window.since)
        until = min(window.until if gap.until is None else gap.until, ledger.until, window.until)
        held = {
            cover.symbol or "all"
            for cover in covers
            if cover.connection == gap.connection
            and cover.since < until
            and (cover.until is None or cover.until > since)
        }
        for symbol in gap.symbols or sorted(held) or ("all",):
            if until > since:
                spans[symbol].append((since, until))
    return {symbol: joined(each) for symbol, each in spans.items()}
