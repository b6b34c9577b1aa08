"""A row with where it comes from."""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import msgspec

from ssmd.model.envelope import BACKFILL, Envelope
from ssmd.model.row import Decoded, Row

Source = Literal["live", "rest"]
"""Whether the venue told it by itself, or was asked for it afterwards."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A row with its provenance.

    Attributes:
        row: The fact.
        connection: Which connection it came on.
        ordinal: Its frame there; None when it came in none.
        part: The piece of the frame.
        index: The row's number within the piece, from 0.
        ts_recv: When it was received, ns; None in imports of captures without times.
        source: `rest` for rows of a backfill. The request that brought it is named by the
            `Fetched` record of its frame.
    """

    row: Row
    connection: str
    ordinal: int | None
    part: int
    index: int
    ts_recv: int | None
    source: Source

    @property
    def place(self) -> tuple[int, str, int, int, int]:
        """Where it stands among all others: by receipt, then by connection and frame."""
        return (
            self.ts_recv or 0,
            self.connection,
            -1 if self.ordinal is None else self.ordinal,
            self.part,
            self.index,
        )


def tell(envelopes: Iterable[Envelope], rows: Callable[[Envelope], Decoded]) -> Iterator[Told]:
    """Every row of some envelopes, in their order.

    Args:
        envelopes: What the archive holds.
        rows: The venue's reader.
    """
    for envelope in envelopes:
        source: Source = "rest" if envelope.type == BACKFILL else "live"
        for index, row in enumerate(rows(envelope).rows):
            yield Told(
                row=row,
                connection=envelope.connection,
                ordinal=envelope.ordinal,
                part=envelope.part,
                index=index,
                ts_recv=envelope.ts_recv,
                source=source,
            )
