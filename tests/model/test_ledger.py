"""What events become in the ledger, and whom a record concerns."""

import pytest

from ssmd.model.event import (
    Control,
    Event,
    Gap,
    Reconnect,
    Refused,
    Repaired,
    Send,
    Subscribed,
    Unsubscribed,
)
from ssmd.model.ledger import symbols_of, to_record
from ssmd.model.records import Leaving, LedgerRecord, Lost
from ssmd.model.subscription import Subscription

BOOK = Subscription("book", "A/B")
ALL = Subscription("instrument")


@pytest.mark.parametrize(
    ("event", "symbols"),
    [
        (Subscribed(BOOK), ("A/B",)),
        (Subscribed(ALL), ()),
        (Unsubscribed(BOOK), ("A/B",)),
        (Refused(BOOK, "no"), ("A/B",)),
        (Gap("book", ("A/B", "C/D"), "checksum", 1, 2), ("A/B", "C/D")),
        (Repaired("book", ("A/B",), "snapshot"), ("A/B",)),
    ],
)
def test_every_fact_of_the_ledger_keeps_its_frame_and_its_symbols(
    event: Event, symbols: tuple[str, ...]
) -> None:
    """A fact that lost its frame or its symbols could not be explained later."""
    record = to_record(event, 7)
    assert record is not None
    assert symbols_of(record) == symbols
    assert getattr(record, "ordinal", None) == 7


@pytest.mark.parametrize("event", [Control("pong"), Send(b"x"), Reconnect("silence")])
def test_talk_is_no_fact(event: Event) -> None:
    """The ledger is what we meant, were able to, and missed: not every word."""
    assert to_record(event, 1) is None


@pytest.mark.parametrize("record", [Leaving(reason="pong"), Lost(ordinals=(), reason="oversize")])
def test_what_concerns_a_whole_connection_concerns_no_symbol(record: LedgerRecord) -> None:
    """Such a record must not look like news of one instrument."""
    assert symbols_of(record) == ()
