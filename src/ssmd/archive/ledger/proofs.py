"""When what messages build was not proved, because some of them are missing. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from ssmd.archive.ledger.anew import channels
from ssmd.archive.ledger.carry import At, Book, Key, Life
from ssmd.archive.ledger.entries import Unproved
from ssmd.archive.ledger.facts import Anew
from ssmd.archive.presence import Presence, Range

_NEVER: Final = 1 << 62


class Books:
    """What open connections hold that their messages build."""

    def __init__(self, lives: Iterable[Life]) -> None:
        """Go on with what is known of connections."""
        self._open = {
            (life.connection, book.channel, book.symbol): book
            for life in lives
            for book in life.books
            if book.until is None
        }

    def begin(self, life: Life, key: Key, ordinal: int | None, venue: str) -> None:
        """A subscription was acknowledged; it may be one to anything."""
        if key[0] in channels(venue):
            book = Book(*key, -1 if ordinal is None else ordinal)
            self._open[life.connection, *key] = book
            life.books.append(book)

    def end(self, at: At, key: Key, ordinal: int | None) -> None:
        """It ended, and its connection goes on."""
        book = self._open.pop((at.connection, *key), None)
        if book is not None:
            book.last, book.until = ordinal, at.ts


class Proofs:
    """Where the connections of which frames are missing stated something anew."""

    def __init__(self, feed: str, stated: Iterable[Anew]) -> None:
        self._feed = feed
        self._stated: dict[str, dict[tuple[str, str], list[tuple[int, int]]]] = {}
        for one in sorted(set(stated)):
            mine = self._stated.setdefault(one.connection, {})
            mine.setdefault((one.channel, one.symbol), []).append((one.ordinal, one.ts))

    def unproved(
        self, life: Life, missing: Range, since: int, *, declared: bool
    ) -> Iterator[Unproved]:
        """What frames that are missing leave unproved, one entry for all of the same end.

        Args:
            life: Their connection.
            missing: Which frames.
            since: When the last one before them came, ns.
            declared: Whether all of them are declared lost.
        """
        ends: dict[tuple[str, int | None, bool], list[str]] = {}
        for book in life.books:
            if book.is_concerned(missing):
                until = self._end(life, book, missing[1])
                place = (book.channel, until, book.symbol is None)
                ends.setdefault(place, []).append(book.symbol or "")
        for (channel, until, is_whole), symbols in ends.items():
            yield Unproved(
                feed=self._feed,
                since=since,
                until=None if until is None else max(since, until),
                reason="loss" if declared else "hole",
                connection=life.connection,
                record=None,
                file="",
                channel=channel,
                symbols=() if is_whole else tuple(sorted(set(symbols))),
                ordinals=missing,
            )

    def carried(self, connection: str, missing: Iterable[Range]) -> list[Anew]:
        """What is to be known tomorrow: what ended the doubt that missing frames raised."""
        kept = {
            Anew(connection, *told[at], *place)
            for place, told in self._stated.get(connection, {}).items()
            for _, last in missing
            if (at := bisect_right(told, (last, _NEVER))) < len(told)
        }
        return sorted(kept)

    def _end(self, life: Life, book: Book, last: int) -> int | None:
        """When a book was proved again after a frame, or was held no longer, ns."""
        told = self._stated.get(life.connection, {}).get((book.channel, book.symbol or ""), [])
        at = bisect_right(told, (last, _NEVER))
        ends = [told[at][1]] if at < len(told) else []
        if book.until is not None:
            ends.append(book.until)
        if life.over is not None:
            ends.append(life.over if life.frame is None else life.frame)
        return min(ends, default=None)


def gone(presence: Presence) -> list[Range]:
    """Frames that are not here, declared or not, and have later ones that are."""
    return presence.frames.missing(0, presence.frames.last)


def torn(presences: Mapping[str, Presence]) -> set[str]:
    """Connections that such frames are missing of."""
    return {who for who, presence in presences.items() if gone(presence)}
