"""Asking a pull consumer for messages, and noticing when it no longer answers."""

import asyncio
import contextlib
from collections import deque
from functools import partial
from typing import Final

import msgspec

from ssmd.bus import api, codec, telemetry, wire
from ssmd.bus.link import Link
from ssmd.runtime.clock import Clock, within

_HEARTBEAT: Final = 100
_ENDED: Final = frozenset({404, 408})
_CONFLICT: Final = 409
_PIN: Final = 423
_FULL: Final = ("Message Size Exceeds MaxBytes", "Batch Completed")
_GRACE_S: Final = 1.0
"""Added to two heartbeats before silence counts as failure, in seconds."""


class PullSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How messages are asked for.

    Attributes:
        batch: Most messages per request; two requests are kept outstanding.
        batch_bytes: Most bytes per request; a single larger message still comes.
        expires_s: Life of a request, in seconds.
        heartbeat_s: Longest silence of a healthy server, in seconds; at most half of `expires_s`.
    """

    batch: int = 500
    batch_bytes: int = 16 << 20
    expires_s: float = 30.0
    heartbeat_s: float = 5.0


class Failure(msgspec.Struct, frozen=True):
    """Why no more messages come until the consumer is made anew."""

    kind: telemetry.Rebuilding
    reason: str


class _Request:
    """One request the server has not finished, and its own subscription.

    A subscription each, because a delivery names the subject it was published to, not the request.
    In a cluster its end may overtake its messages [ran]: those wait for the other servers, the
    end does not. So it is kept until what its end spoke of has come.

    Attributes:
        left: How many messages it may still bring.
        unused: How many of those will not come; 0 before its end.
        ended: When its end came, monotonic seconds; None before.
        sid: Number of its subscription.
    """

    __slots__ = ("ended", "left", "sid", "unused")

    def __init__(self, left: int) -> None:
        self.left = left
        self.unused = 0
        self.ended: float | None = None
        self.sid = 0


class Puller:
    """Keeps two requests outstanding, unless as much is waiting to be fetched already.

    Args:
        link: The connection; its loss is a failure, because what was in flight is gone.
        stream: Name of the stream.
        consumer: Name of the consumer.
        settings: How messages are asked for.
        clock: What time it is.
        group: Priority group; empty when the consumer has none.
        pin: The pin already held; empty when none.

    Attributes:
        pin: What the server gave us to say that the consumer is ours; empty until a message came.
        failure: Set once; then nothing more comes.
    """

    def __init__(
        self,
        link: Link,
        stream: str,
        consumer: str,
        settings: PullSettings,
        clock: Clock,
        *,
        group: str = "",
        pin: str = "",
    ) -> None:
        self.pin = pin
        self.failure: Failure | None = None
        self._link = link
        self._subject = f"{api.PREFIX}CONSUMER.MSG.NEXT.{stream}.{consumer}".encode()
        self._settings = settings
        self._clock = clock
        self._group = group
        self._requests: list[_Request] = []
        self._trailing: list[_Request] = []
        self._waiting: deque[wire.Msg] = deque()
        self._arrived = asyncio.Event()
        self._heard = clock.mono()
        link.on_lost.append(self._lost)
        self._watchdog = asyncio.create_task(self._watch())
        self._ask()

    def close(self) -> None:
        """Ask no more; what is waiting is dropped."""
        self._watchdog.cancel()
        with contextlib.suppress(ValueError):
            self._link.on_lost.remove(self._lost)
        for request in (*self._requests, *self._trailing):
            self._link.unsubscribe(request.sid)
        self._requests.clear()
        self._trailing.clear()
        self._waiting.clear()

    async def fetch(self, timeout_s: float) -> list[wire.Msg]:
        """Messages that have come, at least one unless the time runs out or all has failed."""
        if not self._waiting and self.failure is None:
            self._arrived.clear()
            with contextlib.suppress(TimeoutError):
                await within(self._clock, timeout_s, self._arrived.wait())
        found = list(self._waiting)
        self._waiting.clear()
        self._ask()
        return found

    def fail(self, kind: telemetry.Rebuilding, reason: str) -> None:
        """Nothing that comes from now on can be trusted, nor what is waiting."""
        if self.failure is None:
            self.failure = Failure(kind, reason)
            self._waiting.clear()
            self._arrived.set()

    def _ask(self) -> None:
        settings = self._settings
        # Until the pin is ours one request is enough: a second one could be pinned on its own.
        most = 1 - len(self._trailing) if self._group and not self.pin else 2
        while (
            self.failure is None
            and len(self._requests) < most
            and len(self._waiting) < settings.batch
        ):
            if not self._requests:
                self._heard = self._clock.mono()
            request = _Request(settings.batch)
            self._requests.append(request)
            inbox = b"%b.p%d" % (self._link.inbox, id(request))
            request.sid = self._link.subscribe(inbox, partial(self._received, request))
            body = api.Pull(
                batch=settings.batch,
                max_bytes=settings.batch_bytes,
                expires=int(settings.expires_s * api.NS),
                idle_heartbeat=int(settings.heartbeat_s * api.NS),
                group=self._group,
                id=self.pin,
            )
            if not self._link.write(wire.publish(self._subject, msgspec.json.encode(body), inbox)):
                self._lost()

    def _received(self, request: _Request, message: wire.Msg) -> None:
        self._heard = self._clock.mono()
        if not message.reply:
            self._status(request, message)
            return
        if self.failure is not None:
            return
        if self._group:
            pin = (codec.header(message.headers, b"Nats-Pin-Id") or b"").decode()
            if self.pin and pin != self.pin:
                self.fail("pin_lost", "the server gave the pin to another request")
                return
            self.pin = pin
        self._waiting.append(message)
        self._arrived.set()
        request.left -= 1
        if request.left == request.unused:
            self._finish(request)

    def _status(self, request: _Request, message: wire.Msg) -> None:
        """What the server says about a request instead of a message."""
        status = codec.status(message.headers)
        words = codec.description(message.headers)
        if status == _HEARTBEAT:
            return
        if status in _ENDED or (status == _CONFLICT and words in _FULL):
            unused = codec.header(message.headers, b"Nats-Pending-Messages") or b""
            request.unused = int(unused) if unused.isdigit() else request.left
            if request.left > request.unused and request in self._requests:
                request.ended = self._heard
                self._requests.remove(request)
                self._trailing.append(request)
            else:
                self._finish(request)
            self._ask()
            return
        self._finish(request)
        if status == _PIN:
            self.fail("pin_lost", words)
        else:
            self.fail("errors", f"{words or 'no answer'} ({status})")

    def _finish(self, request: _Request) -> None:
        for kept in (self._requests, self._trailing):
            if request in kept:
                kept.remove(request)
                self._link.unsubscribe(request.sid)

    def _lost(self) -> None:
        self.fail("disconnected", self._link.problem or "the connection ended")

    async def _watch(self) -> None:
        """A server that owes a heartbeat and is silent has forgotten us."""
        limit = 2 * self._settings.heartbeat_s + _GRACE_S
        while True:
            await self._clock.sleep(self._settings.heartbeat_s)
            now = self._clock.mono()
            if self._requests and now - self._heard > limit:
                self.fail("heartbeats", f"no heartbeat for {limit} s")
            if any(each.ended is not None and now - each.ended > limit for each in self._trailing):
                self.fail("heartbeats", f"messages sent {limit} s ago have not come")
