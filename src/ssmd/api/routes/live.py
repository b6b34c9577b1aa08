"""What comes in now: server-sent events, and the same over a WebSocket."""

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Request, WebSocket
from fastapi.responses import Response
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocketDisconnect

from ssmd.access.names import Register
from ssmd.api.aborting import abort
from ssmd.api.callers import Caller, ForLive, said
from ssmd.api.context import Context, Reached
from ssmd.api.formats.download import Stream as Streamed
from ssmd.api.live.hub import Hubs, Reader
from ssmd.api.live.line import Encode
from ssmd.api.live.message import Message, parse_mark, sse, text
from ssmd.api.live.reading import Stream, Wish
from ssmd.api.problems import Refused, documented
from ssmd.api.reading import instant_of
from ssmd.api.routes.selecting import FeedPath
from ssmd.api.routing import router as strict
from ssmd.archive.store.opening import as_store
from ssmd.bus.settings import BusSettings
from ssmd.feeds.registry import names as shipped
from ssmd.model.errors import ConfigError

router: APIRouter = strict("live")

PROTOCOL: Final = "ssmd.v1"
"""What a WebSocket is answered with that offers it, beside the key that it may show so."""
_LONGEST: Final = 512
_CLOSED: Final = {"slow": 1013, "key": 1008, "ending": 1001}
"""With which code a WebSocket ends."""
_EXAMPLE: Final = 'id: 1795435200000000001.1795430000000000000-42\\nevent: message\\ndata: {"feed":"f","type":"trade",...}\\n\\n'

Types = Annotated[
    list[str] | None,
    Query(
        alias="type",
        max_length=50,
        description="Only this message type; several times for several. Without, all data; `_connection` and other records of ours are given by name alone.",
    ),
]
Names = Annotated[
    list[str] | None,
    Query(
        alias="instrument",
        max_length=1000,
        description="Only this instrument, `venue:symbol` or the venue's symbol; several times for several.",
    ),
]
Start = Annotated[
    str | None,
    Query(
        max_length=64, description="History from this time on first (UTC), then what comes; `-1m`."
    ),
]
After = Annotated[
    str | None,
    Query(
        max_length=_LONGEST,
        description="Go on after the event with this id; the header `Last-Event-ID` wins.",
    ),
]


@router.get(
    "/v1/live/{feed}",
    summary="Live messages, as server-sent events",
    response_class=Response,
    responses={
        200: {
            "description": "Events without an end: `message`, `seam` (history is over), `heartbeat`, `skipped` (the reader was too slow for so many), `reset` (the bus does not hold what came next), `trouble`, and last `closed` with a reason.",
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
        },
        **documented(429, 503),
    },
)
async def events(
    request: Request,
    context: Reached,
    caller: ForLive,
    feed: FeedPath,
    types: Types = None,
    names: Names = None,
    start: Start = None,
    after: After = None,
    last: Annotated[
        str | None,
        Header(alias="Last-Event-ID", description="Go on after this event.", max_length=_LONGEST),
    ] = None,
) -> Response:
    """History where it is asked for, then what comes, each message once; bounded for slow readers."""
    wish = await _wish(context, caller, request, feed, types, names, start, last or after)
    found = _events(context, caller, request, feed, wish, sse, Message.sse)
    first = await anext(found)  # what cannot begin is refused before anything is sent

    async def all_of_it() -> AsyncGenerator[bytes, None]:
        async with aclosing(found):
            yield first
            async for piece in found:
                yield piece

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Streamed(all_of_it(), "text/event-stream", headers)


@router.websocket("/v1/live/{feed}/ws")
async def socket(
    websocket: WebSocket,
    context: Reached,
    caller: ForLive,
    feed: str,
    types: Types = None,
    names: Names = None,
    start: Start = None,
    after: After = None,
) -> None:
    """The same events as JSON texts: `{"event", "id", "data"}`; nothing is expected of the client."""
    wish = await _wish(context, caller, websocket, feed, types, names, start, after)
    found = _events(context, caller, websocket, feed, wish, text, Message.json)
    async with aclosing(found):
        first = await anext(found)
        offered = websocket.scope.get("subprotocols", ())
        await websocket.accept(PROTOCOL if PROTOCOL in offered else None)
        try:
            reason = await _send(websocket, first)
            async for piece in found:
                reason = await _send(websocket, piece) or reason
            await websocket.close(_CLOSED.get(reason or "", 1000), reason)
        except WebSocketDisconnect:
            return


async def _send(websocket: WebSocket, piece: bytes) -> str | None:
    """Send events, one a message; the reason, when the last says why it ends."""
    reason = None
    for line in piece.splitlines():
        await websocket.send_text(line.decode())
        if line.startswith(b'{"event":"closed"'):
            reason = str(json.loads(line)["data"]["reason"])
    return reason


async def _events(
    context: Context,
    caller: Caller,
    connection: HTTPConnection,
    feed: str,
    wish: Wish,
    encode: Encode,
    spell: Callable[[Message], bytes],
) -> AsyncGenerator[bytes, None]:
    """The events of one reader.

    Raises:
        Refused: There are too many, or no such feed.
        Unavailable: There is no bus, or it does not answer.
    """
    hubs = context.the(Hubs, Hubs)
    limits = context.config.live
    if hubs.count >= limits.clients:
        raise _full(503, f"{limits.clients} live streams are open.")
    if hubs.of_key(caller.key) >= limits.per_key:
        raise _full(429, f"This key has {limits.per_key} live streams open.")
    async with hubs.hub(feed, _bus(context), caller.key) as hub:
        reader = Reader(
            limits, wish.types, wish.names, encode, spell, lambda: abort(connection.scope)
        )
        async with aclosing(Stream(context, caller, hub, wish, reader).events()) as found:
            async for piece in found:
                yield piece


async def _wish(
    context: Context,
    caller: Caller,
    connection: HTTPConnection,
    feed: str,
    types: list[str] | None,
    names: list[str] | None,
    start: str | None,
    after: str | None,
) -> Wish:
    """What is wanted, within what the caller may see.

    Raises:
        Refused: 400, 403 or 404.
    """
    caller.check_feed(feed)
    said(connection).feeds = [feed]
    now = context.clock.wall()
    since, _ = caller.within(instant_of(start, context, "start"), None)
    caller.within(now, now)
    mark = None
    if after is not None:
        mark = parse_mark(after)
        if mark is None:
            raise Refused(
                400, "position", "That is no id of an event.", "Leave it out, or give `start`."
            )
        caller.within(mark.ts or None, None)
    return Wish(
        types=tuple(types or ()),
        names=await context.work.run(lambda: _symbols(context, feed, names)),
        mark=mark,
        start=None if start is None or mark is not None else since,
    )


def _symbols(context: Context, feed: str, names: list[str] | None) -> frozenset[str] | None:
    """The venue's own strings of instruments, with and without the venue.

    Raises:
        Refused: 404, when there is no such feed.
    """
    register = Register(as_store(context.root), context.root)
    try:
        known: Any = register.feeds()
    except ConfigError:  # nothing is archived yet; the bus may have it
        known = ()
    if feed not in known and feed not in shipped():
        raise Refused(
            404, "not-there", f"There is no feed {feed[:100]!r} here.", "See /v1/datasets/feeds."
        )
    if names is None:
        return None
    venue = register.venue(feed) if feed in known else ""
    return frozenset([*names, *(name.removeprefix(f"{venue}:") for name in names)])


def _bus(context: Context) -> BusSettings:
    """Where the feeds come in.

    Raises:
        Refused: 503, when nobody records here.
    """
    bus = context.bus
    if bus is None:
        raise Refused(
            503,
            "unavailable",
            "Nobody records here now, so nothing is live.",
            "Start `ssmd up`, or name a bus: --nats-url.",
            {"Retry-After": "5"},
        )
    return bus


def _full(status: int, detail: str) -> Refused:
    return Refused(status, "full", detail, "Close one, or try later.", {"Retry-After": "5"})
