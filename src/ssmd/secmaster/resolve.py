"""What a name means: from any scheme of any venue to instruments, and to their other names.

A name has a history. Asked with a date, it means what it meant then. Without one it means what it
means now; a name that means nothing any more is what it meant last, and is said to have ended.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Self

import msgspec
from psycopg.rows import tuple_row

from ssmd.secmaster.database import Session
from ssmd.secmaster.times import ALWAYS, FOREVER, written

_KNOWN: Final = (
    "{0}.known_from <= coalesce(%(known_at)s, 'infinity'::timestamptz)"
    " AND ({0}.known_to > %(known_at)s OR {0}.known_to = 'infinity')"
)
_ASKED: Final = f"""
SELECT q.n, a.venue, a.scheme, a.value, a.symbol, a.valid_from, a.valid_to,
       b.value AS name, b.valid_from AS name_from, b.valid_to AS name_to
FROM unnest(%(numbers)s::integer[], %(values)s::text[], %(venues)s::text[]) AS q (n, value, venue)
JOIN alias_version a ON a.value = q.value AND (q.venue IS NULL OR a.venue = q.venue)
    AND (%(scheme)s::text IS NULL OR a.scheme = %(scheme)s) AND {_KNOWN.format("a")}
LEFT JOIN alias_version b ON b.venue = a.venue AND b.symbol = a.symbol AND b.scheme = %(to)s
    AND {_KNOWN.format("b")}
"""  # noqa: S608 - nothing of it comes from outside
_ALL: Final = f"""
SELECT venue, scheme, value, symbol, valid_from::text, valid_to::text FROM alias_version a
WHERE {_KNOWN.format("a")}
"""  # noqa: S608 - nothing of it comes from outside
_BATCH: Final = 10_000


class Meaning(msgspec.Struct, frozen=True, gc=False):
    """A name of an instrument, over a stretch of time.

    Attributes:
        venue: Whose name.
        scheme: Which of its ways to name things: `symbol`, `wsname`, `event_ticker`, ...
        value: The name.
        symbol: The instrument, in the venue's own string.
        since: From when on.
        until: Until when; `FOREVER` while it is so.
    """

    venue: str
    scheme: str
    value: str
    symbol: str
    since: datetime
    until: datetime


class Match(msgspec.Struct, frozen=True, gc=False):
    """An instrument that a name means.

    Attributes:
        venue: Its venue.
        symbol: The venue's own string for it.
        schemes: In which schemes the name is one of its names.
        since: Since when, by the earliest of them.
        until: Until when; None while it is so.
        names: Its names in the scheme asked for, if one was.
    """

    venue: str
    symbol: str
    schemes: tuple[str, ...]
    since: datetime
    until: datetime | None
    names: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """`venue:symbol`."""
        return f"{self.venue}:{self.symbol}"

    def told(self) -> dict[str, object]:
        """As a program reads it; times are RFC 3339."""
        return {
            "instrument": self.id,
            "venue": self.venue,
            "symbol": self.symbol,
            "schemes": self.schemes,
            "since": written(self.since),
            "until": None if self.until is None else written(self.until),
            "names": self.names,
        }


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What a name means.

    Attributes:
        asked: As it was asked.
        matches: The instruments, by venue and symbol.
    """

    asked: str
    matches: tuple[Match, ...] = ()

    @property
    def state(self) -> str:
        """`found`, `ended` (it means nothing any more), `ambiguous`, or `unknown`."""
        if not self.matches:
            return "unknown"
        if len(self.matches) > 1:
            return "ambiguous"
        return "found" if self.matches[0].until is None else "ended"

    def told(self) -> dict[str, object]:
        """As a program reads it."""
        return {
            "asked": self.asked,
            "state": self.state,
            "matches": [each.told() for each in self.matches],
        }


class Resolver:
    """Every name there is, in this process.

    Args:
        meanings: All of them, as they are known at one time.
    """

    def __init__(self, meanings: Iterable[Meaning]) -> None:
        by_value: dict[str, list[Meaning]] = {}
        names: dict[tuple[str, str], list[Meaning]] = {}
        for each in meanings:
            by_value.setdefault(each.value, []).append(each)
            names.setdefault((each.venue, each.symbol), []).append(each)
        # Tuples of what holds nothing itself are let be by the garbage collector.
        self._by_value = {value: tuple(found) for value, found in by_value.items()}
        self._names = {its: tuple(found) for its, found in names.items()}

    @classmethod
    async def load(cls, session: Session, known_at: datetime | None = None) -> Self:
        """Read every name.

        Args:
            session: Of the database.
            known_at: As they were known when; as they are if left out.
        """
        times: dict[str, datetime] = {}
        meanings = []
        async with (
            session.transaction(),
            session.cursor("names", row_factory=tuple_row) as cursor,
        ):
            await cursor.execute(_ALL, {"known_at": known_at})
            while rows := await cursor.fetchmany(_BATCH):
                for venue, scheme, value, symbol, *span in rows:
                    for at in span:
                        if at not in times:
                            times[at] = _time(at)
                    since, until = span
                    meanings.append(
                        Meaning(venue, scheme, value, symbol, times[since], times[until])
                    )
        return cls(meanings)

    def resolve(
        self,
        asked: str,
        *,
        venue: str | None = None,
        scheme: str | None = None,
        to: str | None = None,
        at: datetime | None = None,
    ) -> Answer:
        """What a name means.

        Args:
            asked: The name; `venue:name` is understood too.
            venue: Of which venue.
            scheme: In which scheme.
            to: The scheme whose names of the instrument are wanted.
            at: When.
        """
        for value, of in _ways(asked, venue):
            found: Sequence[Meaning] = self._by_value.get(value, ())
            if of is not None or scheme is not None:
                found = [
                    each
                    for each in found
                    if (of is None or each.venue == of)
                    and (scheme is None or each.scheme == scheme)
                ]
            if found and (matches := _matches(found, at, self._names if to else {}, to)):
                return Answer(asked, matches)
        return Answer(asked)


async def resolve_many(
    session: Session,
    asked: Sequence[str],
    *,
    venue: str | None = None,
    scheme: str | None = None,
    to: str | None = None,
    at: datetime | None = None,
    known_at: datetime | None = None,
) -> list[Answer]:
    """What names mean, in one call of the database however many there are.

    Args:
        session: Of the database.
        asked: The names; `venue:name` is understood too.
        venue: Of which venue.
        scheme: In which scheme.
        to: The scheme whose names of the instruments are wanted.
        at: When.
        known_at: As it was known when; as it is if left out.
    """
    ways = [(value, of) for each in asked for value, of in _ways(each, venue)]
    cursor = await session.execute(
        _ASKED,
        {
            "numbers": list(range(len(ways))),
            "values": [value for value, _ in ways],
            "venues": [of for _, of in ways],
            "scheme": scheme,
            "to": to,
            "known_at": known_at,
        },
    )
    found: list[set[Meaning]] = [set() for _ in ways]
    names: dict[tuple[str, str], list[Meaning]] = {}
    seen: set[Meaning] = set()
    for row in await cursor.fetchall():
        found[row["n"]].add(_meaning(row))
        if row["name"] is not None and to is not None:
            its, until = (row["venue"], row["symbol"]), row["name_to"]
            name = Meaning(its[0], to, row["name"], its[1], row["name_from"], until)
            if name not in seen:
                seen.add(name)
                names.setdefault(its, []).append(name)
    answers, at_way = [], 0
    for each in asked:
        answer = Answer(each)
        for _ in _ways(each, venue):
            if not answer.matches:
                answer = Answer(each, _matches(list(found[at_way]), at, names, to))
            at_way += 1
        answers.append(answer)
    return answers


def _ways(asked: str, venue: str | None) -> list[tuple[str, str | None]]:
    """How a text may be read: as a name; else as a venue with a name of its own."""
    head, colon, rest = asked.partition(":")
    ways: list[tuple[str, str | None]] = [(asked, venue)]
    if colon and head and rest and venue in {None, head}:
        ways.append((rest, head))
    return ways


def _matches(
    found: Sequence[Meaning],
    at: datetime | None,
    names: Mapping[tuple[str, str], Sequence[Meaning]],
    to: str | None,
) -> tuple[Match, ...]:
    """The instruments of those meanings that hold."""
    holding = _holding(found, at)
    if len(holding) == 1:  # as a rule, and a hundred thousand times a second
        return (_match((holding[0].venue, holding[0].symbol), holding, at, names, to),)
    by_instrument: dict[tuple[str, str], list[Meaning]] = {}
    for each in holding:
        by_instrument.setdefault((each.venue, each.symbol), []).append(each)
    return tuple(_match(key, by_instrument[key], at, names, to) for key in sorted(by_instrument))


def _match(
    key: tuple[str, str],
    its: Sequence[Meaning],
    at: datetime | None,
    names: Mapping[tuple[str, str], Sequence[Meaning]],
    to: str | None,
) -> Match:
    """One instrument, by the meanings that lead to it."""
    first = its[0]
    schemes: tuple[str, ...] = (first.scheme,)
    since, until = first.since, first.until
    if len(its) > 1:
        schemes = tuple(sorted({each.scheme for each in its}))
        since, until = min(each.since for each in its), max(each.until for each in its)
    called: tuple[str, ...] = ()
    if to is not None:
        found = [each for each in names.get(key, ()) if each.scheme == to]
        called = tuple(sorted({each.value for each in _holding(found, at)}))
    ended = None if until is FOREVER or until == FOREVER else until
    return Match(key[0], key[1], schemes, since, ended, called)


def _holding(meanings: Sequence[Meaning], at: datetime | None) -> Sequence[Meaning]:
    """Those that hold at a time; without one those that hold, else those that ended last."""
    if at is not None:
        return [each for each in meanings if each.since <= at < each.until]
    if len(meanings) <= 1:
        return meanings
    last = max(each.until for each in meanings)
    return [each for each in meanings if each.until == last]


def _time(text: str) -> datetime:
    """A time in PostgreSQL's words."""
    return {"infinity": FOREVER, "-infinity": ALWAYS}.get(text) or datetime.fromisoformat(text)


def _meaning(row: Mapping[str, Any]) -> Meaning:
    return Meaning(
        row["venue"],
        row["scheme"],
        row["value"],
        row["symbol"],
        row["valid_from"],
        row["valid_to"],
    )
