"""The entries of `/tickers`: how products stand, and what holding a perpetual costs.

https://docs.kraken.com/api/docs/futures-api/trading/get-tickers
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from ssmd.model.fields import Fields, decode, exactly
from ssmd.model.listing import FundingState, Reject
from ssmd.venues.kraken_futures.messages import canonical

VENUE_ID: Final = "kraken-futures"
_COSTS: Final = ("fundingRate", "fundingRatePrediction", "markPrice", "indexPrice", "openInterest")
_NEVER_NEGATIVE: Final = ("markPrice", "openInterest")
_LONGEST: Final = 60


class Ticker(msgspec.Struct, frozen=True):
    """How a product stood when the venue made an answer.

    Attributes:
        values: The entry's fields.
        payload: The entry as it came.
        ts: When the answer was made, ns; None when it does not say.
    """

    values: Mapping[str, object] = {}
    payload: bytes = b""
    ts: int | None = None

    @property
    def fields(self) -> Fields:
        """The entry's fields, as if nobody had asked yet."""
        return Fields(dict(self.values))


class Tickers:
    """The tickers there are, by symbol whatever its case; those of indices have no instrument.

    Attributes:
        rejects: What could not be taken.
    """

    def __init__(self) -> None:
        self.rejects: list[Reject] = []
        self._told: dict[str, dict[int | None, Ticker]] = {}

    def add(self, entries: Sequence[bytes], ts: int | None, where: str = "tickers") -> None:
        """The objects of one answer, made at a time, called `where` in sentences."""
        for at, entry in enumerate(entries):
            try:
                values = decode(entry)
                symbol = canonical(Fields(values).need_text("symbol"))
            except (ValueError, RecursionError) as error:
                reason = f"{where}[{at}]: {error}"
                self.rejects.append(Reject(reason=reason, entity="funding", payload=entry))
                continue
            told = self._told.setdefault(symbol.upper(), {})
            if ts in told:
                self.rejects.append(
                    Reject(
                        reason=f"{where}[{at}]: {symbol[:_LONGEST]!r} once more",
                        kind="duplicate",
                        entity="funding",
                        symbol=symbol,
                        payload=entry,
                    )
                )
            elif isinstance(values, dict):
                told[ts] = Ticker(values, entry, ts)

    def latest(self, symbol: str) -> Ticker:
        """How a product stands; without a field when there is no ticker of it."""
        told = self._told.get(symbol.upper(), {})
        return max(told.values(), key=lambda ticker: ticker.ts or 0, default=Ticker())

    def costs(self, symbol: str) -> tuple[list[FundingState], list[Reject]]:
        """What holding a perpetual costs, by every answer that tells of it."""
        told = [_state(symbol, each) for each in self._told.get(symbol.upper(), {}).values()]
        return (
            [each for each in told if isinstance(each, FundingState)],
            [each for each in told if isinstance(each, Reject)],
        )


def _state(symbol: str, ticker: Ticker) -> FundingState | Reject | None:
    """What one ticker says of it; None when it says nothing."""
    fields = ticker.fields
    # Rates and prices are binary fractions, written out to their last digit.
    told = {name: fields.rate(name) for name in _COSTS}
    bad = next(iter(fields.inexact.items()), None)
    below = [name for name in _NEVER_NEGATIVE if (told[name] or 0) < 0]
    if bad is not None or below:
        name, text = bad or (below[0], str(told[below[0]]))
        return Reject(
            reason=f"the ticker of {symbol[:_LONGEST]!r} has {name} {text[:_LONGEST]}",
            kind="unreadable" if exactly(text) is None else "absurd",
            entity="funding",
            symbol=symbol,
            payload=ticker.payload,
        )
    if all(value is None for value in told.values()):
        return None
    return FundingState(
        venue=VENUE_ID,
        symbol=symbol,
        ts=ticker.ts,
        rate=told["fundingRate"],
        prediction=told["fundingRatePrediction"],
        mark_price=told["markPrice"],
        index_price=told["indexPrice"],
        open_interest=told["openInterest"],
    )
