"""Finding an instrument by words that need not be spelt right.

The database counts which instruments share how many runs of three letters with the words; the best
of those are compared word by word here. No extension of PostgreSQL is needed.
"""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
from psycopg import sql

from ssmd.secmaster.database import Session

_TEXT: Final = (
    "lower(concat_ws(' ', symbol, title, base, quote, underlying, event, series, outcome, category,"
    " array_to_string(tags, ' '), aliases::text))"
)
_CANDIDATES: Final = """
SELECT venue, symbol, kind, status, listed, title, base, quote, underlying, event, series, outcome,
       category, tags, aliases
FROM (
    SELECT i.*, {shared} AS shared
    FROM instrument i CROSS JOIN LATERAL (SELECT {text} AS text OFFSET 0) AS t
    WHERE (%(venue)s::text IS NULL OR venue = %(venue)s) AND (listed OR %(unlisted)s)
) AS c
WHERE shared > 0 ORDER BY shared DESC, listed DESC, length(symbol), venue, symbol LIMIT %(most)s
"""
_SHARED: Final = "(strpos(t.text, {}) > 0)::integer"
_MOST: Final = 500
"""So many are compared word by word."""
_MOST_RUNS: Final = 100
"""Nobody types so many words to find one thing."""
_RUN: Final = 3
_KEPT: Final = 1 << 16
_WORD: Final = re.compile(r"[^\W_]+")
_LIKE: Final = 0.6
"""Words less alike than this have nothing to do with each other."""
_STARTS: Final = 0.95
_WITHIN: Final = 0.85
_NAMED: Final = 0.05
"""What being named so counts more than being described so."""


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument that was found.

    Attributes:
        venue: Its venue.
        symbol: The venue's own string for it.
        kind: What sort of contract it is.
        status: In our vocabulary.
        listed: Whether it is listed still.
        title: Its name for people.
        score: How well it fits, 0 to 1.
    """

    venue: str
    symbol: str
    kind: str
    status: str
    listed: bool
    title: str
    score: float

    @property
    def id(self) -> str:
        """`venue:symbol`."""
        return f"{self.venue}:{self.symbol}"


async def search(
    session: Session,
    words: str,
    *,
    venue: str | None = None,
    unlisted: bool = False,
    limit: int = 20,
) -> list[Hit]:
    """The instruments that fit some words, the best first.

    Args:
        session: Of the database.
        words: As somebody types them.
        venue: Only of this venue.
        unlisted: Whether those are wanted too that are not listed any more.
        limit: How many at most.
    """
    asked = _words(words)
    if not asked:
        return []
    shared = [sql.SQL(_SHARED).format(sql.Literal(run)) for run in runs(asked)[:_MOST_RUNS]]
    query = sql.SQL(_CANDIDATES).format(shared=sql.SQL(" + ").join(shared), text=sql.SQL(_TEXT))
    values = {"venue": venue, "unlisted": unlisted, "most": max(_MOST, limit)}
    found = await (await session.execute(query, values)).fetchall()
    return ranked(asked, found)[:limit]


def runs(words: Iterable[str]) -> list[str]:
    """The runs of three letters in words; short words as they are."""
    found: dict[str, None] = {}
    for word in words:
        if len(word) <= _RUN:
            found[word] = None
        for at in range(len(word) - _RUN + 1):
            found[word[at : at + _RUN]] = None
    return list(found)


def ranked(asked: Sequence[str], found: Iterable[Mapping[str, Any]]) -> list[Hit]:
    """Rows of instruments by how well they fit, without those that do not fit at all."""
    hits = []
    for row in found:
        named = _words(f"{row['symbol']} {row['base'] or ''} {row['aliases']}")
        described = _words(
            " ".join(
                (
                    *(row[name] or "" for name in ("title", "quote", "underlying", "event")),
                    *(row[name] or "" for name in ("series", "outcome", "category")),
                    *(row["tags"] or ()),
                )
            )
        )
        score = sum(max(_best(word, named), _best(word, described) - _NAMED) for word in asked)
        if score >= _LIKE * len(asked):
            told = {name: row[name] for name in Hit.__struct_fields__ if name != "score"}
            hits.append(Hit(**told, score=round(score / len(asked), 3)))
    hits.sort(
        key=lambda hit: (
            -hit.score,
            not hit.listed,
            hit.status != "active",
            len(hit.symbol),
            hit.id,
        )
    )
    return hits


def _best(word: str, among: Iterable[str]) -> float:
    """How well a word fits the one that it fits best."""
    return max((_alike(word, other) for other in among), default=0.0)


@lru_cache(maxsize=_KEPT)  # titles say the same words again and again
def _alike(word: str, other: str) -> float:
    if word == other:
        return 1.0
    if other.startswith(word):
        return _STARTS
    if word in other:
        return _WITHIN
    matcher = difflib.SequenceMatcher(None, word, other, autojunk=False)
    if matcher.real_quick_ratio() < _LIKE or matcher.quick_ratio() < _LIKE:
        return 0.0
    ratio = matcher.ratio()
    return ratio * _WITHIN if ratio >= _LIKE else 0.0


def _words(text: str) -> list[str]:
    return list(dict.fromkeys(_WORD.findall(text.lower())))
