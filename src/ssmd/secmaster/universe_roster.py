"""Which of a venue's instruments a universe wants, kept in step with rows and with the time. Pure."""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

import msgspec

from ssmd.model.filters import LASTING, MOVING, Filters, Predicate
from ssmd.model.instrument import Instrument, Status
from ssmd.model.venue import Clocked
from ssmd.secmaster.times import nanoseconds

_NEVER: Final = (None, None, None)


class _Held(msgspec.Struct):
    """An instrument that passes, or may without another word from the venue.

    Attributes:
        item: What is stated of it, volumes left out.
        id: Its number in the database: what was listed first has the lowest.
        change: Of the row.
    """

    item: Instrument
    id: int
    change: int


class Roster:
    """The instruments of one venue that filters keep, at any moment.

    An instrument passes if it does as it is stated, or as its venue's clock makes it: one that
    opens without a word is wanted when its time has come. An end is not anticipated: it is believed
    when it is stated, for last messages may come late.

    Rows go in, whether they are read from the database or come as changes; what is wanted depends
    on the rows as they are now and on the time, and on nothing else. Only what may pass is kept.

    Args:
        filters: What is wanted.
        clocked: What becomes of an instrument when a time of its own has come.
        most: Most instruments wanted. Those that were listed first stay: what comes later never
            puts out what is recorded already.
    """

    def __init__(self, filters: Filters, clocked: Iterable[Clocked], most: int) -> None:
        self._predicate = Predicate(filters)
        self._clocked = tuple(clocked)
        self._most = most
        self.statuses = self._reachable(filters.statuses)
        self.asks_activity = any(name in MOVING for name in filters.given)
        self._held: dict[str, _Held] = {}
        self._moving: dict[str, tuple[int, tuple[Any, Any, Any]]] = {}
        self._passing: dict[str, int] = {}
        self._turns: dict[str, int] = {}
        self._due: list[tuple[int, str]] = []
        self._fresh: set[str] = set()
        self._wanted: tuple[str, ...] | None = None
        self._now = 0

    @property
    def wanted(self) -> tuple[str, ...]:
        """The symbols that are wanted as of the last `settle`, in order of their listing."""
        if self._wanted is None:
            ordered = sorted(self._passing, key=lambda symbol: (self._passing[symbol], symbol))
            self._wanted = tuple(islice(ordered, self._most))
        return self._wanted

    @property
    def given_up(self) -> tuple[str, ...]:
        """The symbols that pass and find no room, as of the last `settle`."""
        if len(self._passing) <= self._most:
            return ()
        return tuple(sorted(self._passing.keys() - set(self.wanted)))

    @property
    def waiting(self) -> int:
        """How many may come to pass by time or by trading."""
        return len(self._held) - len(self._passing)

    @property
    def due(self) -> int | None:
        """The next moment (ns) at which time alone may change what is wanted; None when never."""
        while self._due and self._turns.get(self._due[0][1]) != self._due[0][0]:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def put(self, row: Mapping[str, Any]) -> None:
        """An instrument as it is stated now, in columns of the table `instrument`.

        Raises:
            ValueError: It cannot be read; what was stated before stands.
        """
        item = _instrument(row)
        wanted = item.status in self.statuses and not self._predicate.failed(item, 0, LASTING)
        if row["listed"] and wanted:
            self._held[item.symbol] = _Held(item, row["id"], row["change_id"])
        else:
            self._held.pop(item.symbol, None)
        self._fresh.add(item.symbol)

    def drop(self, row: Mapping[str, Any]) -> None:
        """A row of `instrument` is gone; nothing happens when a later one stands there by now."""
        held = self._held.get(row["symbol"])
        if held is not None and held.change <= row["change_id"]:
            del self._held[row["symbol"]]
            self._fresh.add(row["symbol"])

    def move(self, row: Mapping[str, Any]) -> None:
        """What is traded of an instrument, in columns of the table `activity`."""
        if self.asks_activity:
            volumes = (row["volume"], row["volume_24h"], row["liquidity"])
            self._moving[row["symbol"]] = (row["change_id"], volumes)
            self._fresh.add(row["symbol"])

    def still(self, row: Mapping[str, Any]) -> None:
        """A row of `activity` is gone; nothing happens when a later one stands there by now."""
        change, _ = self._moving.get(row["symbol"], (0, _NEVER))
        if change and change <= row["change_id"]:
            del self._moving[row["symbol"]]
            self._fresh.add(row["symbol"])

    def settle(self, now_ts: int) -> None:
        """Judge again what changed, and what is due.

        Args:
            now_ts: What time it is, ns since the Unix epoch, UTC.
        """
        symbols, self._fresh = self._fresh, set()
        if now_ts < self._now:  # the clock was set back
            symbols |= self._held.keys()
        self._now = now_ts
        while (due := self.due) is not None and due <= now_ts:
            symbols.add(heapq.heappop(self._due)[1])
        for symbol in symbols:
            self._judge(symbol, now_ts)

    def _judge(self, symbol: str, now_ts: int) -> None:
        held = self._held.get(symbol)
        before = self._passing.pop(symbol, None)
        turn = None if held is None else self._turn(symbol, held, now_ts)
        if self._passing.get(symbol) != before:
            self._wanted = None
        if turn is None:
            self._turns.pop(symbol, None)
        elif self._turns.get(symbol) != turn:
            self._turns[symbol] = turn
            heapq.heappush(self._due, (turn, symbol))

    def _turn(self, symbol: str, held: _Held, now_ts: int) -> int | None:
        """Let an instrument pass if it does; when time alone may change that."""
        item = self._whole(symbol, held)
        turns = [self._predicate.turns(item, now_ts)]
        for status, when in self._lives(item):
            if when > now_ts:
                turns.append(when)
                break
            stood = item
            if status != item.status:
                stood = msgspec.structs.replace(item, status=status)
            if not self._predicate.failed(stood, now_ts):
                self._passing[symbol] = held.id
                break
        return min((ts for ts in turns if ts is not None), default=None)

    def _lives(self, item: Instrument) -> Iterator[tuple[Status, int]]:
        """The states an instrument has by its venue's clock, and since when; the stated one first."""
        status, since = item.status, 0
        yield status, since
        for _ in self._clocked:
            rule = next((each for each in self._clocked if each.status == status), None)
            when: int | None = None if rule is None else getattr(item, rule.when)
            if rule is None or when is None:
                return
            status, since = rule.becomes, max(since, when)
            yield status, since

    def _whole(self, symbol: str, held: _Held) -> Instrument:
        """What is stated of an instrument, volumes included."""
        if not self.asks_activity:
            return held.item
        _, (volume, volume_24h, liquidity) = self._moving.get(symbol, (0, _NEVER))
        return msgspec.structs.replace(
            held.item, volume=volume, volume_24h=volume_24h, liquidity=liquidity
        )

    def _reachable(self, statuses: Iterable[Status]) -> frozenset[Status]:
        """The states that are wanted, or become so by the clock."""
        found = set(statuses)
        for _ in self._clocked:
            found |= {rule.status for rule in self._clocked if rule.becomes in found}
        return frozenset(found)


def _instrument(row: Mapping[str, Any]) -> Instrument:
    return Instrument(
        venue=row["venue"],
        symbol=row["symbol"],
        kind=row["kind"],
        status=row["status"],
        title=row["title"],
        event=row["event"],
        series=row["series"],
        category=row["category"],
        tags=None if row["tags"] is None else tuple(row["tags"]),
        open_ts=nanoseconds(row["open_at"]),
        close_ts=nanoseconds(row["close_at"]),
        expiry_ts=nanoseconds(row["expiry_at"]),
    )
