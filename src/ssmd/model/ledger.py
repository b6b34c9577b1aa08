"""What a session's events say in the ledger."""

from ssmd.model.event import Event, Gap, Refused, Repaired, Subscribed, Unsubscribed
from ssmd.model.records import (
    Acknowledged,
    Declined,
    Ended,
    Fetched,
    GapFound,
    GapRepaired,
    Leaving,
    LedgerRecord,
    Lost,
)


def to_record(event: Event, ordinal: int | None) -> LedgerRecord | None:
    """The record of an event; None when it is not one for the ledger.

    Args:
        event: What the session said.
        ordinal: Of the frame it said it about; None when time alone made it speak.
    """
    match event:
        case Subscribed(sub):
            return Acknowledged(channel=sub.channel, symbol=sub.symbol, ordinal=ordinal)
        case Unsubscribed(sub):
            return Ended(channel=sub.channel, symbol=sub.symbol, ordinal=ordinal)
        case Refused(sub, reason):
            return Declined(channel=sub.channel, symbol=sub.symbol, reason=reason, ordinal=ordinal)
        case Gap():
            return GapFound(
                channel=event.channel,
                symbols=event.symbols,
                kind=event.kind,
                expected=event.expected,
                found=event.found,
                ordinal=ordinal,
                subscription=event.subscription,
            )
        case Repaired():
            return GapRepaired(
                channel=event.channel, symbols=event.symbols, by=event.by, ordinal=ordinal
            )
    return None


def symbols_of(record: LedgerRecord) -> tuple[str, ...]:
    """Whom a record concerns."""
    match record:
        case Leaving() | Lost() | Fetched():
            return ()
        case GapFound() | GapRepaired():
            return record.symbols
        case _:
            return () if record.symbol is None else (record.symbol,)
