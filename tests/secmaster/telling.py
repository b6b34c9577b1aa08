"""Messages of the made-up venue about its instruments, and the venue that reads them."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from ssmd.model.envelope import Envelope
from ssmd.model.fact import Fact, Lifecycle, Outcome, Trade
from ssmd.model.frame import Opcode
from ssmd.model.row import Decoded, Row
from ssmd.model.venue import Venue
from tests.secmaster.bazaar import Bazaar

CONNECTION = "bazaar-0-019ac0de-0000-7000-8000-000000000000"
TOLD = "told"
"""The type of its messages about instruments; `trade` tells of none."""


class _Row(Row, frozen=True, kw_only=True):
    """One entry of a message."""

    kind: str
    fields: dict[str, Any]


def _rows(envelope: Envelope) -> Decoded:
    entries = msgspec.json.decode(envelope.payload, type=list[tuple[str, dict[str, Any]]])
    return Decoded(
        tuple(_Row(symbol=fields["symbol"], kind=kind, fields=fields) for kind, fields in entries)
    )


def _facts(row: Row) -> Iterable[Fact]:
    assert isinstance(row, _Row)
    kinds: dict[str, type[Fact]] = {"event": Lifecycle, "outcome": Outcome, "trade": Trade}
    yield msgspec.convert(row.fields, kinds[row.kind], strict=False)


def talking(shop: Bazaar) -> Venue:
    """The exchange, with a WebSocket that tells of instruments."""
    return msgspec.structs.replace(
        shop.venue(),
        types=frozenset({TOLD, "trade", "_control"}),
        rows=_rows,
        facts=_facts,
        tells={TOLD: frozenset({_Row, Lifecycle, Outcome}), "trade": frozenset({Trade})},
    )


def happened(symbol: str, event: str, status: str | None = None, **more: Any) -> tuple[str, Any]:  # noqa: ANN401 - fields
    """One entry: something happened."""
    return "event", {"symbol": symbol, "event": event, "status": status, **more}


def ended(symbol: str, result: str | None = None, value: str | None = None) -> tuple[str, Any]:
    """One entry: how it ended."""
    found: dict[str, Any] = {"symbol": symbol, "outcome": result}
    if value is not None:
        found["value"] = str(Decimal(value))
    return "outcome", found


def message(ordinal: int, received: int, *entries: tuple[str, Any], kind: str = TOLD) -> Envelope:
    """A frame of one connection."""
    return Envelope(
        "bazaar", None, kind, (), CONNECTION, ordinal, None, 0, 1, Opcode.TEXT,
        None, None, received, msgspec.json.encode(entries),
    )  # fmt: skip
