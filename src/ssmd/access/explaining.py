"""What became of an instrument at a moment, with what shows it."""

from pathlib import Path
from typing import Final

from ssmd.access.asked import Asked, asked
from ssmd.archive import reader
from ssmd.archive.ledger import store
from ssmd.archive.ledger.explain import Explanation, Heard, explain
from ssmd.archive.ledger.facts import MINUTE_NS
from ssmd.model.envelope import BACKFILL
from ssmd.model.errors import Damaged
from ssmd.model.timestamp import SECOND_NS

_AROUND_NS: Final = 3600 * SECOND_NS
"""How much of the ledger is read around a moment: a repair may come late."""


def explained(root: Path, feed: str | None, instrument: str, ts: int) -> list[Explanation]:
    """What became of an instrument at a moment, by every feed that held it.

    Args:
        root: The archive.
        feed: Only this feed.
        instrument: `venue:symbol`, or the venue's own symbol.
        ts: The moment, ns.

    Raises:
        ConfigError: There is no such archive, feed or instrument.
    """
    known = asked(root, feed, instrument, max(0, ts - _AROUND_NS), ts + _AROUND_NS)
    return [_explained(root, _reaching(root, each), ts) for each in known]


def _reaching(root: Path, each: Asked) -> Asked:
    """Where nothing is known of a time, the whole ledger tells how far it reaches."""
    ledger = each.ledger
    if each.is_known:
        return each
    whole = store.load(root, ledger.feed)
    return Asked(whole, each.symbol, whole)


def _explained(root: Path, each: Asked, ts: int) -> Explanation:
    ledger, symbol = each.ledger, each.symbol
    assert symbol is not None  # noqa: S101 - an instrument was asked for
    minute = ts - ts % MINUTE_NS
    (minutes,) = each.conditions(minute, minute + MINUTE_NS)
    heard: dict[str, Heard] = {}
    unread = ""
    try:
        _hear(root, ledger.feed, symbol, minute, heard)
    except Damaged as error:
        unread = f"not all of the minute can be read: {error.message}"
    return explain(
        ledger,
        symbol,
        ts,
        minutes.at(ts),
        list(heard.values()),
        wider=each.wider,
        unread=unread,
    )


def _hear(root: Path, feed: str, symbol: str, minute: int, found: dict[str, Heard]) -> None:
    """What the archive holds of an instrument's minute, by connection.

    Raises:
        Damaged: A segment cannot be read to its end; what could be is there.
    """
    until = minute + MINUTE_NS
    for line in reader.read(root, feed, symbol=symbol, since=minute, until=until):
        envelope = line.envelope
        if envelope.ordinal is None:
            continue
        known = found.get(envelope.connection)
        first, last = (envelope.ordinal,) * 2 if known is None else known.ordinals
        found[envelope.connection] = Heard(
            connection=envelope.connection,
            ordinals=(min(first, envelope.ordinal), max(last, envelope.ordinal)),
            frames=1 if known is None else known.frames + 1,
            file=line.file if known is None else known.file,
            source="rest" if envelope.type == BACKFILL else "live",
        )
