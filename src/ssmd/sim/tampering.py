"""What goes wrong with one socket's market data between the market and the wire. Pure.

Talk about the connection is never touched: a fault of the data must not look like one of the talk.
"""

import math
import re
from collections.abc import Sequence

import msgspec

from ssmd.model.simulated import Emission
from ssmd.sim.faults import Drift, Duplicate, Gap, Reorder


class _Order(msgspec.Struct):
    fault: Gap | Duplicate | Reorder
    left: int

    def fits(self, emission: Emission) -> bool:
        return self.fault.symbol in {None, *emission.symbols}


class _Renaming(msgspec.Struct, frozen=True):
    key: re.Pattern[bytes]
    by: bytes
    until: float


class Tampering:
    """The faults ordered for one socket; each message obeys the oldest order that fits it."""

    def __init__(self) -> None:
        self._orders: list[_Order] = []
        self._held: tuple[_Order, Emission] | None = None
        self._renamings: list[_Renaming] = []

    def add(self, fault: Gap | Duplicate | Reorder | Drift, mono: float) -> None:
        """Order a fault, from this monotonic time on."""
        if not isinstance(fault, Drift):
            self._orders.append(_Order(fault, fault.count))
            return
        until = math.inf if fault.for_s is None else mono + fault.for_s
        key = re.compile(rb'"%b"(?=\s*:)' % re.escape(fault.field.encode()))
        self._renamings.append(_Renaming(key, b'"%b"' % fault.to.encode(), until))

    def apply(
        self, emissions: Sequence[Emission], mono: float
    ) -> tuple[Sequence[Emission], Sequence[Emission]]:
        """What is to be sent in place of these messages, in order, and what never will be."""
        if not (self._orders or self._renamings):
            return emissions, ()
        self._renamings = [renaming for renaming in self._renamings if mono < renaming.until]
        sent: list[Emission] = []
        withheld: list[Emission] = []
        for emission in emissions:
            if emission.symbols:
                self._place(self._renamed(emission), sent, withheld)
            else:
                sent.append(emission)
        self._orders = [order for order in self._orders if order.left > 0]
        return sent, withheld

    def end(self) -> Sequence[Emission]:
        """The socket is gone: what was held back will never be sent."""
        held, self._held = self._held, None
        return () if held is None else (held[1],)

    def _place(self, emission: Emission, sent: list[Emission], withheld: list[Emission]) -> None:
        if self._held is not None and self._held[0].fits(emission):
            swap, earlier = self._held
            self._held = None
            swap.left -= 1
            sent += [emission, earlier]
            return
        order = self._order(emission)
        if order is None:
            sent.append(emission)
        elif isinstance(order.fault, Reorder):
            self._held = order, emission
        else:
            order.left -= 1
            if isinstance(order.fault, Duplicate):
                sent += [emission, emission]
            else:
                withheld.append(emission)

    def _order(self, emission: Emission) -> _Order | None:
        """The oldest order that fits; only one message at a time can be held back."""
        for order in self._orders:
            busy = self._held is not None and isinstance(order.fault, Reorder)
            if order.left > 0 and not busy and order.fits(emission):
                return order
        return None

    def _renamed(self, emission: Emission) -> Emission:
        payload = emission.payload
        for renaming in self._renamings:
            payload = renaming.key.sub(renaming.by.replace(b"\\", b"\\\\"), payload)
        return (
            emission
            if payload is emission.payload
            else msgspec.structs.replace(emission, payload=payload)
        )
