"""Which of a venue's instruments a feed wants: pure functions of what the venue states."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from ssmd.model.instrument import Instrument, Status
from ssmd.model.timestamp import SECOND_NS

Word = Annotated[str, Meta(min_length=1, max_length=1000)]
"""What a field may have to say."""

Least = Annotated[Decimal, Meta(extra_json_schema={"minimum": 0})]
"""A quantity that must be reached; read exactly."""

_DECADE_S: Final = 10 * 366 * 86_400
_Test = Callable[[Instrument, int], bool]


class Filters(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What an instrument must be like; it must pass every filter that is given.

    An instrument that does not state what a filter asks about does not pass it.

    Attributes:
        categories: The venue's division it is in, one of these; case does not matter.
        tags: The venue's labels, at least one of these; case does not matter.
        series: The venue's id of the series it belongs to, one of these.
        keywords: At least one of these stands in its title, its event or its symbol; case does
            not matter.
        min_volume: Traded since it was listed, at least; in the venue's unit.
        min_volume_24h: Traded in the last day, at least; in the venue's unit.
        min_liquidity: Rests in its book, at least; as the venue counts it.
        close_within_s: Trading ends so many seconds from now at most; what should have ended
            so long ago at most, and still has a wanted status, passes too.
        statuses: Its state, one of these.
    """

    categories: tuple[Word, ...] = ()
    tags: tuple[Word, ...] = ()
    series: tuple[Word, ...] = ()
    keywords: tuple[Word, ...] = ()
    min_volume: Least | None = None
    min_volume_24h: Least | None = None
    min_liquidity: Least | None = None
    close_within_s: Annotated[float, Meta(gt=0, le=_DECADE_S)] | None = None
    statuses: Annotated[tuple[Status, ...], Meta(min_length=1)] = ("active",)

    def __post_init__(self) -> None:
        for name in _MINIMA:
            least: Decimal | None = getattr(self, name)
            if least is not None and not (least.is_finite() and least >= 0):
                raise ValueError(f"{name} is no quantity: write a number that is not negative")

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the filters that are set, in the order in which they are applied."""
        return tuple(name for name in NAMES if getattr(self, name) not in (None, ()))


_MINIMA: Final = {
    "min_volume": "volume",
    "min_volume_24h": "volume_24h",
    "min_liquidity": "liquidity",
}
_SUBJECTS: Final = {
    "statuses": "status",
    "categories": "category",
    "series": "series",
    "tags": "tags",
    "close_within_s": "close_ts",
    **_MINIMA,
}
"""Which field a filter asks about; what `keywords` asks about is always stated."""
NAMES: Final = ("statuses", "categories", "series", "tags", "keywords", "close_within_s", *_MINIMA)
"""Every filter, in the order in which they are applied."""
LASTING: Final = ("categories", "series", "tags", "keywords")
"""Those that neither trading nor time can change: only the venue's own statement does."""
MOVING: Final = tuple(_MINIMA)
"""Those that trading changes."""


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What passed, and what did not and why.

    Attributes:
        kept: The instruments that passed, as last stated, by symbol.
        listed: How many different symbols were looked at.
        excluded: How many each given filter excluded; an instrument counts for the first one it
            does not pass, so that these and `kept` add up to `listed`.
        absent: Given filters about something that no instrument stated: they cannot be meant.
    """

    kept: tuple[Instrument, ...]
    listed: int
    excluded: Mapping[str, int]
    absent: tuple[str, ...]


class Predicate:
    """Whether single instruments pass filters, at any moment: what every universe asks."""

    def __init__(self, filters: Filters) -> None:
        self._given = filters.given
        self._tests = {name: _test(filters, name) for name in self._given}
        self._within_ns = round((filters.close_within_s or 0) * SECOND_NS)

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the filters that are set, in the order in which they are applied."""
        return self._given

    def failed(self, item: Instrument, now_ts: int, names: Collection[str] = NAMES) -> str:
        """The first given filter that an instrument does not pass; empty when it passes all.

        Args:
            item: The instrument.
            now_ts: What time it is, ns since the Unix epoch, UTC.
            names: Only these are asked.
        """
        for name, test in self._tests.items():
            if name in names and not test(item, now_ts):
                return name
        return ""

    def turns(self, item: Instrument, now_ts: int) -> int | None:
        """The next moment (ns) at which time alone may change that; None when there is none."""
        if not self._within_ns or item.close_ts is None:
            return None
        moments = (item.close_ts - self._within_ns, item.close_ts + self._within_ns + 1)
        return min((ts for ts in moments if ts > now_ts), default=None)


class Selector:
    """Applies filters to a listing that comes in pages.

    Only what passes is held. A symbol that is listed more than once (a listing may move while
    its pages are fetched) counts once, as it was stated last.
    """

    def __init__(self, filters: Filters, now_ts: int) -> None:
        self._predicate = Predicate(filters)
        self._now_ts = now_ts
        self._given = filters.given
        self._unseen = [name for name in self._given if name in _SUBJECTS]
        self._verdicts: dict[str, str] = {}
        self._kept: dict[str, Instrument] = {}

    @property
    def kept(self) -> int:
        """How many have passed so far."""
        return len(self._kept)

    @property
    def named(self) -> frozenset[str]:
        """Every symbol looked at so far."""
        return frozenset(self._verdicts)

    def add(self, instruments: Iterable[Instrument]) -> None:
        """Look at some more."""
        for item in instruments:
            if self._unseen:
                self._unseen = [name for name in self._unseen if _asked(item, name) is None]
            failed = self._predicate.failed(item, self._now_ts)
            self._verdicts[item.symbol] = failed
            if failed:
                self._kept.pop(item.symbol, None)
            else:
                self._kept[item.symbol] = item

    def selection(self) -> Selection:
        """What came of everything looked at."""
        counts = Counter(self._verdicts.values())
        return Selection(
            kept=tuple(self._kept[symbol] for symbol in sorted(self._kept)),
            listed=len(self._verdicts),
            excluded={name: counts[name] for name in self._given},
            absent=tuple(self._unseen) if self._verdicts else (),
        )


def select(instruments: Iterable[Instrument], filters: Filters, now_ts: int) -> Selection:
    """Apply filters to a whole listing.

    Args:
        instruments: What the venue lists.
        filters: What is wanted of it.
        now_ts: What time it is, ns since the Unix epoch, UTC.
    """
    selector = Selector(filters, now_ts)
    selector.add(instruments)
    return selector.selection()


def _asked(item: Instrument, name: str) -> object:
    """What an instrument states about the subject of a filter; None when nothing."""
    return getattr(item, _SUBJECTS[name])


def _test(filters: Filters, name: str) -> _Test:
    """Whether an instrument passes one given filter, at a time in ns."""
    if name in _MINIMA:
        return _reaches(_MINIMA[name], getattr(filters, name))
    if name == "close_within_s":
        return _closes(round((filters.close_within_s or 0) * SECOND_NS))
    wanted = frozenset(getattr(filters, name))
    words = frozenset(word.casefold() for word in wanted)
    tests: dict[str, _Test] = {
        "statuses": lambda item, _: item.status in wanted,
        "categories": lambda item, _: (item.category or "").casefold() in words,
        "series": lambda item, _: item.series in wanted,
        "tags": lambda item, _: any(tag.casefold() in words for tag in item.tags or ()),
        "keywords": lambda item, _: _speaks_of(item, words),
    }
    return tests[name]


def _reaches(field: str, least: Decimal) -> _Test:
    def test(item: Instrument, _: int) -> bool:
        stated: Decimal | None = getattr(item, field)
        return stated is not None and stated >= least

    return test


def _closes(within_ns: int) -> _Test:
    return lambda item, now_ts: (
        item.close_ts is not None and abs(item.close_ts - now_ts) <= within_ns
    )


def _speaks_of(item: Instrument, words: frozenset[str]) -> bool:
    text = "\n".join((item.title, item.event or "", item.symbol)).casefold()
    return any(word in text for word in words)
