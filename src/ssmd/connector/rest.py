"""REST requests as a connection of their own: requests on record, bodies kept like frames."""

import asyncio
import platform
from collections.abc import Mapping
from typing import Final, Protocol

import msgspec

import ssmd
from ssmd.connector.spool.lives import Life
from ssmd.connector.telemetry import Telemetry
from ssmd.feeds.share import WHOLE, Share
from ssmd.model.envelope import BACKFILL, CONNECTION, LEDGER, REST, SENT, Envelope
from ssmd.model.frame import Opcode
from ssmd.model.records import Backfilled, Closed, Fetched, Opened
from ssmd.model.records import encode as encode_record
from ssmd.model.rest import Span
from ssmd.runtime.clock import Clock
from ssmd.runtime.http import Answer, Asked
from ssmd.runtime.identity import new_connection_id
from ssmd.runtime.timekeeping import Timekeeper

_OK: Final = 200
SHARD: Final = "rest"
"""Stands in opening records where WebSocket connections have the number of their shard."""


class Lives(Protocol):
    """Which connections there are."""

    def before(self, shard: str, reason: str) -> tuple[str | None, str]:
        """What a new connection of a shard follows, and why it is made."""
        ...

    def begin(self, connection: str, feed: str, category: str | None) -> Life:
        """A connection is made; its counters begin."""
        ...


class Keeper(Protocol):
    """Keeps what is said and received: a spool, or an archive.

    Attributes:
        writable: Set while something can be kept.
    """

    writable: asyncio.Event

    @property
    def lives(self) -> Lives: ...  # noqa: D102 - see Spool
    def write(self, envelope: Envelope) -> None: ...  # noqa: D102 - see Spool
    def flush(self) -> None: ...  # noqa: D102 - see Spool
    def finish(self, life: Life, closed: Closed) -> None: ...  # noqa: D102 - see Spool


class Rotation(msgspec.Struct, frozen=True, kw_only=True):
    """When a REST connection is closed and another begun.

    Attributes:
        age_s: It is this old, in seconds.
        frames: It holds so many answers.
    """

    age_s: float = 86_400.0
    frames: int = 10_000


class _Open:
    """One life: its counters, and requests that are not answered yet."""

    def __init__(self, life: Life, mono: float) -> None:
        self.life = life
        self.opened_mono = mono
        self.pending = 0
        self.ends = False
        self.pages: dict[int, _Page] = {}


class _Page:
    """A page of an instrument's history: whose, and the frame that holds it once it came."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.ordinal: int | None = None


class RestConnection:
    """Keeps the record of a feed's REST requests. A `runtime.http.Recorder`.

    A connection begins with the first request, and again with the first one after it was closed.
    Requests that are under way when it has grown too old are still answered on it.
    """

    def __init__(
        self,
        feed: str,
        category: str | None,
        venue: str,
        addresses: Mapping[str, str],
        *,
        spool: Keeper,
        clock: Clock,
        telemetry: Telemetry,
        rotation: Rotation | None = None,
        reason: str = "start",
        partial: frozenset[str] = frozenset(),
        timekeeper: Timekeeper | None = None,
        share: Share = WHOLE,
    ) -> None:
        """Begin nothing yet.

        Args:
            feed: The feed's name.
            category: Its division, if any.
            venue: The venue's name.
            addresses: Of the REST services, by name.
            spool: Where everything is kept.
            clock: The time.
            telemetry: Told of every answer.
            rotation: When another connection is begun.
            reason: Why the first is.
            partial: Channels that say more than their history tells.
            timekeeper: Told of the venue's time, and asked how right ours is; None makes one.
            share: Which connector of the feed's asks.
        """
        self._feed = feed
        self._category = category
        self._venue = venue
        self._endpoint = ",".join(dict.fromkeys(addresses.values()))
        self._spool = spool
        self._clock = clock
        self._telemetry = telemetry
        self._rotation = rotation or Rotation()
        self._open: dict[str, _Open] = {}
        self._current: _Open | None = None
        self._reason = reason
        self._partial = partial
        self._timekeeper = timekeeper or Timekeeper(clock)
        self._shard = share.rest
        self.trouble = ""
        """What was wrong with the last answer about now, in one phrase; empty if all was well."""

    @property
    def id(self) -> str | None:
        """The connection that requests are recorded on now; None while there is none."""
        return None if self._current is None else self._current.life.connection

    async def ready(self) -> None:
        """Wait until the spool keeps what it is given."""
        await self._spool.writable.wait()

    def sent(self, url: str) -> Asked:
        """A request is about to be sent: on record before it is."""
        current = self._usable()
        current.pending += 1
        request = msgspec.json.encode({"method": "GET", "url": url})
        self._say(current.life, SENT, request)
        self._spool.flush()
        return Asked(current.life.connection, current.life.record)

    def answered(self, asked: Asked, answer: Answer, purpose: str) -> None:
        """It was answered, or given up."""
        self._timekeeper.heard(answer)
        current = self._open.get(asked.connection)
        if current is None:
            return  # closed meanwhile: its record ends there
        body = answer.body
        page = current.pages.get(asked.record)
        ordinal = None if body is None else self._keep(current.life, body, answer, page)
        fetched = Fetched(
            request=asked.record,
            ordinal=ordinal,
            status=answer.status,
            duration_s=answer.duration_s,
            purpose=purpose,
            error=answer.error,
        )
        self._say(current.life, LEDGER, encode_record(fetched))
        trouble = answer.error or ("" if answer.status == _OK else f"HTTP {answer.status}")
        self._telemetry.rest_answered(
            asked.connection,
            status=answer.status,
            size=0 if body is None else len(body),
            seconds=answer.duration_s,
            error=answer.error,
        )
        if page is None:  # of the past there is no hurry: its trouble is nobody else's
            self.trouble = trouble
            self._leave(current)

    def brings(self, asked: Asked, symbol: str) -> None:
        """The answer to a request will be a page of an instrument's history.

        It is kept as that, and its connection stays open until it is `read`.
        """
        self._open[asked.connection].pages[asked.record] = _Page(symbol)

    def settled(self, asked: Asked, channel: str, span: Span, cause: str) -> bool:
        """A page settled a span: on record beside it.

        Args:
            asked: The request that brought the page.
            channel: Whose facts it holds.
            span: What it is whole for.
            cause: What made us ask, as in `Backfilled`.

        Returns:
            Whether it is on record; not so when the connection was closed meanwhile.
        """
        current = self._open.get(asked.connection)
        page = None if current is None else current.pages.get(asked.record)
        if current is None or page is None:
            return False
        said = Backfilled(
            channel=channel,
            symbol=page.symbol,
            since=span.since,
            until=span.until,
            facts=span.facts,
            ordinal=None if span.gone else page.ordinal,
            cause=cause,
            whole=channel not in self._partial,
        )
        self._say(current.life, LEDGER, encode_record(said), (page.symbol,))
        return True

    def read(self, asked: Asked) -> None:
        """Nothing more is said of a page."""
        current = self._open.get(asked.connection)
        if current is not None and current.pages.pop(asked.record, None) is not None:
            self._leave(current)

    def close(self, reason: str = "shutdown") -> None:
        """Write the closing record; nothing happens when nothing was ever asked."""
        for each in list(self._open.values()):
            self._finish(each, reason)

    def _leave(self, current: _Open) -> None:
        """A request needs its connection no longer."""
        current.pending -= 1
        if current.ends and not current.pending:
            self._finish(current, "planned")

    def _usable(self) -> _Open:
        """The connection for another request."""
        current = self._current
        if current is not None and self._is_full(current):
            current.ends = True
            self._current = None
            if not current.pending:
                self._finish(current, "planned")
        if self._current is None:
            self._current = self._begin(self._reason)
        return self._current

    def _is_full(self, current: _Open) -> bool:
        age_s = self._clock.mono() - current.opened_mono
        return age_s >= self._rotation.age_s or current.life.ordinal + 1 >= self._rotation.frames

    def _begin(self, reason: str) -> _Open:
        previous, reason = self._spool.lives.before(f"{self._feed}-{self._shard}", reason)
        connection = new_connection_id(self._feed, self._shard, self._clock)
        opened = Opened(
            feed=self._feed,
            venue=self._venue,
            shard=SHARD,
            endpoint=self._endpoint,
            local="",
            peer="",
            previous=previous,
            reason=reason,
            version=ssmd.__version__,
            host=platform.node(),
            clock=self._timekeeper.state(),
        )
        life = self._spool.lives.begin(connection, self._feed, self._category)
        current = self._open[connection] = _Open(life, self._clock.mono())
        self._reason = "planned"
        self._say(life, CONNECTION, encode_record(opened))
        self._telemetry.rest_opened(connection, reason)
        return current

    def _finish(self, current: _Open, reason: str) -> None:
        life = current.life
        del self._open[life.connection]
        if current is self._current:
            self._current = None
        closed = Closed(
            last_ordinal=life.ordinal,
            last_record=life.record + 1,
            by="connector",
            reason=reason,
            lifetime_s=round(self._clock.mono() - current.opened_mono, 6),
        )
        self._spool.finish(life, closed)

    def _keep(self, life: Life, body: bytes, answer: Answer, page: _Page | None) -> int:
        """Write a body like a frame; gives its ordinal."""
        ordinal = life.next_ordinal()
        told = page is not None and answer.status == _OK
        if page is not None:
            page.ordinal = ordinal
        envelope = Envelope(
            feed=life.feed,
            category=life.category,
            type=BACKFILL if told else REST,
            symbols=(page.symbol,) if page is not None and told else (),
            connection=life.connection,
            ordinal=ordinal,
            record=None,
            part=0,
            parts=1,
            opcode=_opcode(body),
            sequence=None,
            ts_event=None,
            ts_recv=answer.received.wall,
            payload=body,
        )
        self._spool.write(envelope)
        return ordinal

    def _say(self, life: Life, kind: str, payload: bytes, symbols: tuple[str, ...] = ()) -> None:
        self._spool.write(life.say(kind, payload, self._clock.wall(), symbols))


def _opcode(body: bytes) -> Opcode:
    try:
        body.decode()
    except UnicodeDecodeError:
        return Opcode.BINARY
    return Opcode.TEXT
