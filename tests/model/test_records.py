"""What we say about a connection survives being written."""

from math import isfinite
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model import records
from ssmd.model.records import (
    ConnectionRecord,
    LedgerRecord,
    Lost,
    Opened,
    Wanted,
    decode_connection,
    decode_ledger,
    encode,
)

LEDGER = get_args(LedgerRecord)
CONNECTION = get_args(ConnectionRecord)


def any_of(kinds: tuple[type, ...]) -> st.SearchStrategy[object]:
    return st.one_of([st.from_type(kind) for kind in kinds]).filter(
        lambda record: is_writable(msgspec.to_builtins(record))
    )


def is_writable(value: object) -> bool:
    """Whether JSON has it: no infinities, no integers beyond 64 bits."""
    match value:
        case dict():
            return all(map(is_writable, value.values()))
        case list() | tuple():
            return all(map(is_writable, value))
        case float():
            return isfinite(value)
        case int():
            return -(2**63) <= value < 2**64
    return True


@given(record=any_of(LEDGER))
def test_ledger_records_survive(record: LedgerRecord) -> None:
    """The ledger is a fold over these: nothing may change on the way."""
    assert decode_ledger(encode(record)) == record


@given(record=any_of(CONNECTION))
def test_connection_records_survive(record: ConnectionRecord) -> None:
    """Conservation is proved from these alone."""
    assert decode_connection(encode(record)) == record


def test_the_names_on_disk_do_not_change() -> None:
    """Old archives are read by these names for ever."""
    tags = {kind.__struct_config__.tag for kind in LEDGER + CONNECTION}
    assert tags == {
        "opened",
        "closed",
        "wanted",
        "unwanted",
        "subscribed",
        "unsubscribed",
        "refused",
        "gap",
        "repaired",
        "fetched",
        "judged",
        "backfilled",
        "reconnect",
        "lost",
    }
    assert encode(Wanted(channel="book", symbol=None, reason="plan")) == (
        b'{"event":"wanted","channel":"book","symbol":null,"reason":"plan"}'
    )
    assert encode(Lost(ordinals=((1, 2),), reason="spool_full")) == (
        b'{"event":"lost","ordinals":[[1,2]],"reason":"spool_full","records":[]}'
    )


def test_fields_of_a_later_version_are_skipped() -> None:
    """Shapes only grow: an old reader still understands."""
    record = decode_ledger(b'{"event":"reconnect","reason":"silence","mood":"calm"}')
    assert record == records.Leaving(reason="silence")


def test_a_record_of_the_other_kind_is_refused() -> None:
    """A data frame that looks like a record must not be folded into the ledger."""
    with pytest.raises(msgspec.DecodeError):
        decode_ledger(b'{"event":"opened"}')
    with pytest.raises(msgspec.DecodeError):
        decode_connection(b'{"channel":"trade"}')


def test_an_opening_record_may_lack_what_was_added_later() -> None:
    """`source` came for imports."""
    payload = (
        b'{"event":"opened","feed":"f","venue":"v","shard":0,"endpoint":"e","local":"","peer":"",'
        b'"previous":null,"reason":"start","version":"0","host":"h"}'
    )
    record = decode_connection(payload)
    assert isinstance(record, Opened)
    assert record.source is None
