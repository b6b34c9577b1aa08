"""Made-up entries of a ledger; times in seconds."""

from typing import Any

from ssmd.archive.ledger.entries import (
    Coverage,
    Entry,
    Gap,
    Hole,
    Intent,
    Ledger,
    Loss,
    Outage,
    Repair,
)

S = 1_000_000_000
OLD, NEW = "kraken-0-old", "kraken-0-new"
FILE = "raw/feed=kraken/date=2026-11-23/0000-w-0.jsonl.zst"


def ns(seconds: float | None) -> int | None:
    """Nanoseconds; None stays."""
    return None if seconds is None else round(seconds * S)


def base(since: float, until: float | None, reason: str, connection: str = OLD) -> dict[str, Any]:
    """What every entry has."""
    return {
        "feed": "f",
        "since": round(since * S),
        "until": ns(until),
        "reason": reason,
        "connection": connection,
        "record": 7,
        "file": FILE,
    }


def outage(since: float, until: float | None, symbol: str | None = "X", channel: str = "trade",
           reason: str = "reset", connection: str = OLD) -> Outage:  # fmt: skip
    """Nobody held it."""
    return Outage(
        **base(since, until, reason, connection), channel=channel, symbol=symbol, ended_by=NEW
    )


def gap(since: float, until: float | None, *symbols: str, channel: str = "book") -> Gap:
    """The venue skipped something."""
    return Gap(
        **base(since, until, "checksum"),
        channel=channel,
        symbols=symbols,
        expected=1,
        found=2,
        ordinal=9,
    )


def hole(since: float, until: float, *symbols: str) -> Hole:
    """We lost something."""
    return Hole(**base(since, until, "missing"), symbols=symbols, ordinals=(3, 5))


def loss(since: float, until: float, *symbols: str) -> Loss:
    """We could not keep something."""
    return Loss(**base(since, until, "spool_full"), symbols=symbols, ordinals=(4, 4))


def repair(since: float, until: float, symbol: str = "X", channel: str = "trade",
           reason: str = "backfill") -> Repair:  # fmt: skip
    """It was made good."""
    return Repair(
        **base(since, until, reason), channel=channel, symbols=(symbol,), ordinal=2, facts=3
    )


def intent(
    since: float, until: float | None, symbol: str | None = "X", channel: str = "trade"
) -> Intent:
    """It was wanted."""
    return Intent(
        **base(since, until, "start"),
        channel=channel,
        symbol=symbol,
        ended="" if until is None else "plan",
    )


def coverage(since: float, until: float | None, symbol: str | None = "X", channel: str = "trade",
             connection: str = OLD) -> Coverage:  # fmt: skip
    """It was held."""
    return Coverage(
        **base(since, until, "start", connection),
        channel=channel,
        symbol=symbol,
        ordinal=1,
        ended="",
    )


def ledger(*entries: Entry, since: float = 0, until: float = 1000) -> Ledger:
    """A ledger of one venue."""
    return Ledger(
        feed="f",
        venue="v",
        since=round(since * S),
        until=round(until * S),
        entries=entries,
        activity=(),
    )
