"""Instruments made up for tests."""

from ssmd.model.instrument import Instrument


def listed(symbol: str, **changes: object) -> Instrument:
    """An instrument that can be traded."""
    values = {"venue": "v", "symbol": symbol, "kind": "event", "status": "active", **changes}
    return Instrument(**values)  # type: ignore[arg-type]
