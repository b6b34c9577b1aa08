"""What can be wrong with a security master: values of what its tables and the feeds say. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import sqrt
from typing import Final

import msgspec

from ssmd.quality.finding import Measured

_HOUR_S: Final = 3600.0
_NAMED: Final = 3


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """When a venue was last asked what it lists.

    Attributes:
        venue: Its id.
        good_s: Seconds since the last good round; None when there was none.
        whole_s: Seconds since a good round saw all that is listed; likewise.
        error: What the last round that failed died of.
    """

    venue: str
    good_s: float | None
    whole_s: float | None
    error: str | None = None


class Odd(msgspec.Struct, frozen=True, kw_only=True):
    """Some things of one venue that are odd in the same way.

    Attributes:
        venue: Whose.
        what: In which way.
        number: How many.
        samples: A few of them.
    """

    venue: str
    what: str
    number: int
    samples: tuple[str, ...] = ()

    def __str__(self) -> str:
        named = f" ({', '.join(self.samples)}{', ...' * (self.number > len(self.samples))})"
        return f"{self.venue}: {self.number} {self.what}{named if self.samples else ''}"


class Subscribed(msgspec.Struct, frozen=True, kw_only=True):
    """What one feed subscribes to now, as its ledger says, against the security master.

    Attributes:
        feed: The feed.
        number: How many instruments it subscribes to.
        closed: Those that trade no longer.
        unknown: How many the security master does not have.
        wanted: How many its universe wants of the security master; None when it does not follow it.
        unsubscribed: Those of them to which nobody is subscribed.
        why: Why nothing can be said of it; empty when something can.
    """

    feed: str
    number: int = 0
    closed: tuple[str, ...] = ()
    unknown: int = 0
    wanted: int | None = None
    unsubscribed: tuple[str, ...] = ()
    why: str = ""


class MasterFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a security master.

    Attributes:
        rounds: How each venue was asked.
        instruments: How many instruments there are.
        events: How many listed events.
        ill_named: Instruments without a proper id.
        anomalies: Instruments in a state that cannot be.
        unknown_statuses: States in a venue's words that nobody knows.
        before: Active instruments by venue and kind, so long ago; a venue that was not known then
            is not in it.
        now: The same, now.
        orphans: What hangs in the air.
        collisions: Names that mean several active instruments.
        subscribed: What feeds subscribe to; None when no archive was looked at.
    """

    rounds: tuple[Known, ...]
    instruments: int
    events: int = 0
    ill_named: tuple[Odd, ...] = ()
    anomalies: tuple[Odd, ...] = ()
    unknown_statuses: tuple[Odd, ...] = ()
    before: Mapping[tuple[str, str], int] = {}
    now: Mapping[tuple[str, str], int] = {}
    orphans: tuple[Odd, ...] = ()
    collisions: tuple[Odd, ...] = ()
    subscribed: tuple[Subscribed, ...] | None = None


def measured(facts: MasterFacts, *, noise: float) -> tuple[Measured, ...]:
    """Every check's value.

    Args:
        facts: What is known.
        noise: A count may change by so many times its square root without a word.
    """
    both = facts.instruments + facts.events
    return (
        _age("staleness", facts.rounds, lambda each: each.good_s, "a good round"),
        _age("unseen", facts.rounds, lambda each: each.whole_s, "a round that saw all"),
        _number("namespace", facts.ill_named),
        _share("status_anomalies", facts.anomalies, facts.instruments, "instruments"),
        _number("unknown_statuses", facts.unknown_statuses),
        _stability(facts, noise),
        _share("orphans", facts.orphans, both, "instruments and events"),
        _number("alias_collisions", facts.collisions),
        *_subscriptions(facts.subscribed),
    )


def _age(
    name: str, rounds: Sequence[Known], age: Callable[[Known], float | None], what: str
) -> Measured:
    """Hours since something of the venue that waits longest; that it never was is an issue."""
    told = [
        f"{each.venue} {'never' if (since := age(each)) is None else f'{since / _HOUR_S:.1f} h ago'}"
        + (f" (last error: {each.error})" if each.error and since is None else "")
        for each in rounds
    ]
    evidence = f"hours since {what}: {', '.join(told) or 'there is no venue'}"
    never = [each.venue for each in rounds if age(each) is None]
    ages = [since for each in rounds if (since := age(each)) is not None]
    if never or not ages:
        issue = f"never had {what}: {', '.join(never)}" if never else ""
        return Measured(name=name, value=None, state="unknown", evidence=evidence, issue=issue)
    return Measured(name=name, value=max(ages) / _HOUR_S, evidence=evidence)


def _number(name: str, odd: Sequence[Odd]) -> Measured:
    return Measured(name=name, value=float(sum(each.number for each in odd)), evidence=_named(odd))


def _share(name: str, odd: Sequence[Odd], whole: int, what: str) -> Measured:
    number = sum(each.number for each in odd)
    if not whole:
        return Measured(name=name, value=None, state="unknown", evidence=f"there are no {what}")
    return Measured(
        name=name, value=number / whole, evidence=f"{number} of {whole} {what}: {_named(odd)}"
    )


def _stability(facts: MasterFacts, noise: float) -> Measured:
    """The largest change of a count of active instruments that chance does not explain.

    Instruments come and go by themselves, so that a count moves by about its square root: what
    moves by less than `noise` times that is no change at all, however large its share of a small
    count.
    """
    name = "count_stability"
    if not facts.before:
        return Measured(
            name=name, value=None, state="not_applicable", evidence="no venue was known so long ago"
        )
    venues = {venue for venue, _ in facts.before}
    told: list[tuple[float, str]] = []
    for venue, kind in sorted({*facts.before, *(key for key in facts.now if key[0] in venues)}):
        before, now = (counts.get((venue, kind), 0) for counts in (facts.before, facts.now))
        is_noise = abs(now - before) <= noise * sqrt(max(now, before))
        change = 0.0 if is_noise else abs(now - before) / max(before, 1)
        told.append((change, f"{venue} {kind}: {before} to {now}"))
    told.sort(key=lambda each: -each[0])
    return Measured(
        name=name, value=told[0][0], evidence=f"active {'; '.join(text for _, text in told)}"
    )


def _subscriptions(feeds: Sequence[Subscribed] | None) -> tuple[Measured, Measured]:
    names = "subscribed_but_closed", "active_but_unsubscribed"
    if feeds is None:
        why = "no archive was looked at"
        return _without(names[0], why), _without(names[1], why)
    known = [each for each in feeds if not each.why]
    reasons = [f"{each.feed}: {each.why}" for each in feeds if each.why]
    following = [each for each in known if each.wanted is not None]
    subscribed = sum(each.number for each in known)
    wanted = sum(each.wanted or 0 for each in following)
    closed = [(each.feed, each.closed) for each in known if each.closed]
    lacking = [(each.feed, each.unsubscribed) for each in following if each.unsubscribed]
    first = (
        _of_feeds(names[0], closed, subscribed, "subscribed instruments trade no longer", reasons)
        if subscribed
        else _without(names[0], "; ".join(reasons) or "nothing is subscribed to")
    )
    if unknown := sum(each.unknown for each in known):
        evidence = f"{first.evidence}; {unknown} are not in the security master"
        first = msgspec.structs.replace(first, evidence=evidence)
    second = (
        _of_feeds(names[1], lacking, wanted, "wanted instruments have no subscription", reasons)
        if wanted
        else _without(names[1], "no feed that is recorded now follows the security master")
    )
    return first, second


def _of_feeds(
    name: str,
    found: Sequence[tuple[str, tuple[str, ...]]],
    whole: int,
    what: str,
    reasons: Sequence[str],
) -> Measured:
    number = sum(len(symbols) for _, symbols in found)
    each = [
        f"{feed}: {', '.join(symbols[:_NAMED])}{', ...' * (len(symbols) > _NAMED)}"
        for feed, symbols in found
    ]
    return Measured(
        name=name,
        value=number / whole,
        evidence="; ".join((f"{number} of {whole} {what}", *each, *reasons)),
    )


def _without(name: str, why: str) -> Measured:
    return Measured(name=name, value=None, state="not_applicable", evidence=why)


def _named(odd: Iterable[Odd]) -> str:
    return "; ".join(map(str, odd)) or "none"
