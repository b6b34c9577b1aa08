"""A small server that speaks the API's contract, behind the real layers: what the page is tried on.

What it tells is set by the test: faults, sizes and ends that a recording would take hours to show.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.responses import Response, StreamingResponse

from ssmd.api import problems
from ssmd.api.app import layered
from ssmd.api.callers import NoKeys
from ssmd.api.context import Context
from ssmd.api.problems import Refused
from ssmd.api.routes import page
from ssmd.api.server import address, bound, server
from ssmd.feeds.api import ApiConfig
from ssmd.runtime.clock import SystemClock

HOSTILE = '<img src=x onerror="window.stolen=1">'
"""What a venue may call an instrument; it must be shown, and never run."""
NAME = "sim:BTC/USD"
PRICE = "64123.1234567891"
"""More digits than a float has."""


def when(seconds: float = 0.0) -> str:
    """A time so long ago, as the API writes it."""
    at = datetime.now(UTC) - timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "789Z"


class Told:
    """What the server is to say.

    Attributes:
        instruments: How many there are.
        key: What a caller must show; None asks for none.
        refused: Paths that are refused for want of a scope.
        is_up: Whether the feed's connector answers.
        stale_s: How old the server's own knowledge is.
        is_empty: Whether nothing was recorded yet.
        asked: Paths that were asked for.
        since: When something went missing.
    """

    def __init__(self) -> None:
        self.instruments = 50
        self.key: str | None = None
        self.refused: set[str] = set()
        self.is_up = True
        self.stale_s = 0.0
        self.is_empty = False
        self.asked: list[str] = []
        self.since = when(600)

    def feed(self, name: str = "sim") -> dict[str, Any]:
        """A feed's state; one that was never heard of knows nothing."""
        state: dict[str, Any] = dict.fromkeys(
            ["shards", "planned", "requested", "acknowledged", "receiving", "refused", "overflow",
             "waiting", "suspects", "frames", "rate", "lag", "idle_s", "gaps", "lost", "reconnects",
             "coverage_today", "grade", "score"]
        )  # fmt: skip
        state |= {"feed": name, "venue": "sim", "reasons": [], "up": self.is_up}
        if name == "sim":
            state |= {
                "grade": "green",
                "score": 97,
                "requested": 50,
                "receiving": 49,
                "rate": 200.4,
            }
            state |= {
                "coverage_today": 0.99999,
                "lag": 1234567,
                "idle_s": 0.2,
                "gaps": 1,
                "lost": 0,
            }
        if not self.is_up:
            state["reasons"] = ["The connector does not answer."]
        return state

    def status(self) -> dict[str, Any]:
        """Of everything."""
        feeds = [] if self.is_empty else [self.feed(), self.feed("unheard")]
        services = [{"name": "archiver", "ok": True, "reasons": []}]
        return {"at": when(), "ok": self.is_up, "feeds": feeds, "services": services,
                "stale_s": self.stale_s}  # fmt: skip


def listed(told: Told, query: dict[str, str]) -> dict[str, Any]:
    """A page of instruments; one of them has a hostile name."""
    begin = int(query.get("cursor") or 0)
    end = min(told.instruments, begin + int(query.get("limit") or 100))
    names = [
        NAME,
        f"sim:{HOSTILE}",
        *(f"sim:I{each:05}/USD" for each in range(2, told.instruments)),
    ]
    items = [
        {"feed": "sim", "instrument": each, "symbol": each[4:], "messages": 5, "first": when(9),
         "last": when()}
        for each in names[begin:end]
    ]  # fmt: skip
    return {"items": items, "next": str(end) if end < told.instruments else None}


def _page(*items: dict[str, Any]) -> dict[str, Any]:
    return {"items": list(items), "next": None}


def _bars() -> dict[str, Any]:
    items = [{"ts": when(60 * each), "close": f"{64000 + each}.5"} for each in range(90, 0, -1)]
    return {"items": items, "next": None, "incomplete": []}


def _book() -> dict[str, Any]:
    sides = [("bid", PRICE), ("ask", "64124.5")]
    items = [{"side": side, "level": 1, "price": price, "size": "0.50", "book_ok": True,
              "ts_recv": when()} for side, price in sides]  # fmt: skip
    return {"items": items, "next": None, "incomplete": []}


def _hours() -> dict[str, Any]:
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=3)
    words = ["complete", "quiet", "lost", "venue_paused", "degraded", "unknown"]
    items = [
        {"start": (start + timedelta(hours=each)).isoformat(), "condition": words[each % 6]}
        for each in range(60)
    ]
    return {"items": items, "next": None}


def _heat() -> dict[str, Any]:
    return {"feeds": ["sim"], "dates": ["2026-11-22", "2026-11-23"], "cells": [[97.5, None]]}


def answer(told: Told, path: str, query: dict[str, str]) -> Any:  # noqa: ANN401 - JSON
    """What is said to a question."""
    trade = {"ts_recv": when(), "price": PRICE, "size": "0.10", "side": "buy"}
    gap = {"feed": "sim", "instrument": NAME, "kind": "gap", "since": told.since, "until": when(590),
           "reason": "sequence", "repaired": ""}  # fmt: skip
    check = {"name": "coverage", "family": "c", "value": 1, "score": 97}
    score = {"feed": "sim", "date": "2026-11-22", "score": 97, "grade": "green", "checks": [check]}
    shard = {"shard": "0", "connected": True, "requested": 50, "frames": 9, "idle_s": None}
    broken = {"at": when(300), "shard": "0", "reason": "closed", "connection": "c", "down_s": 2.5}
    points = [
        {"at": when(5 * each), "rate": None if each == 4 else 200.0 + each} for each in range(60)
    ]
    lying = {"feed": "sim", "days": 2, "raw_bytes": 5_000_000, "table_bytes": 1_000, "segments": 9,
             "open": 1, "manifests": 9, "uploaded": None, "first": when(9e5), "last": when()}  # fmt: skip
    hit = {"instrument": NAME, "venue": "sim", "symbol": "BTC/USD", "kind": "spot",
           "status": "active", "title": HOSTILE, "score": 1.0}  # fmt: skip
    known: dict[str, Callable[[], Any]] = {
        "version": lambda: {"version": "0", "api": "v1", "at": when(), "keys": bool(told.key)},
        "operations/status": told.status,
        "operations/feeds/sim": told.feed,
        "operations/feeds/sim/rates": lambda: {"feed": "sim", "step_s": 5, "points": points},
        "operations/feeds/unheard/rates": lambda: {"feed": "unheard", "step_s": 5, "points": []},
        "operations/feeds/sim/shards": lambda: _page(shard),
        "operations/feeds/sim/reconnects": lambda: _page(broken),
        "operations/archive": lambda: {"bytes": "5001000", "files": 19,
                                       "feeds": [] if told.is_empty else [lying]},
        "datasets/feeds": lambda: _page(*[] if told.is_empty else [{"feed": "sim", "venue": "sim"}]),
        "datasets/instruments": lambda: listed(told, query),
        "datasets/condition": _hours,
        "data/bars": _bars,
        "data/book": _book,
        "data/trades": lambda: {**_page(trade), "incomplete": []},
        "ledger/gaps": lambda: _page(gap),
        "ledger/why": lambda: {"sentence": "The venue skipped three numbers.", "evidence": []},
        "quality/scores": lambda: _page(*[] if told.is_empty else [score]),
        "quality/heatmap": lambda: {"feeds": [], "dates": [], "cells": []} if told.is_empty else _heat(),
        "secmaster/search": lambda: _page(hit),
    }  # fmt: skip
    if path not in known:
        raise Refused(404, "no-such-path", f"There is no {path}.", "See /openapi.json.")
    return known[path]()


async def _beats(told: Told, context: Context) -> AsyncIterator[bytes]:
    """How feeds stand, again and again."""
    while not context.ending.is_set():
        yield b"event: status\r\ndata: " + msgspec.json.encode(told.status()) + b"\r\n\r\n"
        await context.clock.sleep(0.3)


async def _messages(context: Context) -> AsyncIterator[bytes]:
    """Messages as they come."""
    number = 0
    while not context.ending.is_set():
        number += 1
        event = {"feed": "sim", "type": "trade", "ts_recv": when(), "payload": {"p": HOSTILE}}
        yield b"id: %d\nevent: message\ndata: %b\n\n" % (number, msgspec.json.encode(event))
        await context.clock.sleep(0.2)


def _check(told: Told, path: str, request: Request) -> None:
    """Refuse whoever the test refuses."""
    shown = request.headers.get("authorization", "")
    if told.key is not None and path != "version" and shown != f"Bearer {told.key}":
        raise Refused(401, "key", "This key is not known.", "Give another.")
    if path in told.refused:
        raise Refused(403, "scope", "It takes the scope.", "Ask for one.")


def made(told: Told) -> FastAPI:
    """The application."""
    context = Context(Path("/nonexistent"), ApiConfig(), SystemClock(), NoKeys(), None)
    app = FastAPI()
    app.state.context = context
    problems.install(app)
    app.include_router(page.router)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/v1/{path:path}")
    async def any_of(path: str, request: Request) -> Response:
        told.asked.append(path)
        _check(told, path, request)
        streams = {
            "operations/watch": lambda: _beats(told, context),
            "live/sim": lambda: _messages(context),
        }
        if path in streams:
            return StreamingResponse(streams[path](), media_type="text/event-stream")
        found = answer(told, path, dict(request.query_params))
        return Response(msgspec.json.encode(found), media_type="application/json")

    return app


def _hand_over(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    loop.call_soon_threadsafe(call)


class Fake:
    """The server in a thread: it can end, and come back at the same address."""

    def __init__(self, make: Callable[[], FastAPI], port: int = 0) -> None:
        self._make = make
        self._end: Callable[[], None] | None = None
        self._thread: threading.Thread | None = None
        self.port = port
        self.url = ""
        self.start()

    def start(self) -> None:
        """Serve."""
        up = threading.Event()
        listening = bound("127.0.0.1", self.port)
        self.port = listening.getsockname()[1]
        self.url = address(listening)

        async def main() -> None:
            app = self._make()
            context = app.state.context
            running = server(layered(app), context.config.limits)
            loop = asyncio.get_running_loop()

            def leave() -> None:
                context.ending.set()
                running.should_exit = True

            self._end = lambda: _hand_over(loop, leave)
            task = asyncio.create_task(running.serve([listening]))
            while not running.started and not task.done():
                await asyncio.sleep(0.005)
            up.set()
            await task

        self._thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
        self._thread.start()
        assert up.wait(20)

    def stop(self) -> None:
        """End, and let nobody in."""
        if self._end is None or self._thread is None:
            return
        self._end()
        self._thread.join(20)
        assert not self._thread.is_alive()
        self._end = None
