"""Answers that are too long to be made before they are sent."""

import re
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Final

import polars as pl
from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from ssmd.access import encoding
from ssmd.api.context import Context
from ssmd.api.formats.choosing import MEDIA
from ssmd.api.problems import Refused

INCOMPLETE: Final = "SSMD-Incomplete"
"""How many stretches of the time are missing and were not made good."""
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST: Final = 120
_SUFFIX: Final[dict[encoding.Format, str]] = {
    "ndjson": "ndjson",
    "csv": "csv",
    "arrow": "arrows",
    "parquet": "parquet",
}


class Stream(StreamingResponse):
    """A long answer; whoever makes it is told when the reader leaves."""

    def __init__(
        self, pieces: AsyncGenerator[bytes, None], media: str, headers: dict[str, str]
    ) -> None:
        super().__init__(pieces, media_type=media, headers=headers)
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        async with aclosing(self._pieces):
            await super().__call__(scope, receive, send)


def check_version(request: Request) -> None:
    """Refuse a protocol that cannot tell a whole stream from a broken one.

    Raises:
        Refused: 426.
    """
    if request.scope["http_version"] == "1.0":
        raise Refused(
            426,
            "http",
            "HTTP/1.0 cannot tell a whole download from a broken one.",
            "Use HTTP/1.1, or `format=json`.",
            {"Upgrade": "HTTP/1.1", "Connection": "Upgrade"},
        )


async def download(
    context: Context,
    kind: encoding.Format,
    name: str,
    frame: pl.LazyFrame,
    losses: int,
) -> Stream:
    """The rows of a frame as one long answer, made as fast as it is taken.

    Args:
        context: Where it is made.
        kind: The format.
        name: What the file is called, without its ending.
        frame: The rows.
        losses: How many stretches of their time are missing.
    """
    schema = frame.collect_schema()

    def rows() -> Iterable[pl.DataFrame]:
        return frame.collect_batches(maintain_order=True)

    pieces = context.work.pieces(lambda: encoding.encoded(kind, schema, rows()))
    begun = await _begun(pieces)
    safe = _UNSAFE.sub("-", name)[:_LONGEST].strip("-.") or "data"
    headers = {
        "Content-Disposition": f'attachment; filename="{safe}.{_SUFFIX[kind]}"',
        "Cache-Control": "no-store",
        INCOMPLETE: str(losses),
    }
    return Stream(begun, MEDIA[kind], headers)


async def _begun(pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The same, with the first piece made: what cannot begin is refused before anything is sent."""
    first = await anext(pieces, b"")

    async def all_of_it() -> AsyncGenerator[bytes, None]:
        async with aclosing(pieces):
            if first:
                yield first
            async for piece in pieces:
                if piece:
                    yield piece

    return all_of_it()
