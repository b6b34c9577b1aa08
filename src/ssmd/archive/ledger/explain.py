"""One instrument, one moment, one sentence. Pure."""

from collections.abc import Iterable, Sequence

import msgspec

from ssmd.archive.ledger.absences import Absence, absences
from ssmd.archive.ledger.entries import (
    Condition,
    Coverage,
    Entry,
    Gap,
    Intent,
    Ledger,
    Unproved,
)
from ssmd.archive.ledger.facts import MINUTE_NS, UNREAD
from ssmd.archive.ledger.gaps import UNWITNESSED
from ssmd.model.timestamp import SECOND_NS, format_rfc3339


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """Data frames of an instrument that the archive holds of one minute, on one connection.

    Attributes:
        connection: Which connection.
        ordinals: The first and the last of them.
        frames: How many.
        file: The segment that holds them (the first, when there are several).
        source: `live`, or `rest` when they were fetched afterwards.
    """

    connection: str
    ordinals: tuple[int, int]
    frames: int
    file: str
    source: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What can be said of an instrument at a moment.

    Attributes:
        feed: The feed's name.
        instrument: `venue:symbol`.
        time: The moment, RFC 3339.
        condition: Of its minute.
        sentence: What happened, for people.
        evidence: What shows it, one line each.
    """

    feed: str
    instrument: str
    time: str
    condition: Condition
    sentence: str
    evidence: tuple[str, ...]


def explain(
    ledger: Ledger,
    symbol: str,
    ts: int,
    condition: Condition,
    heard: Sequence[Heard],
    *,
    wider: Ledger | None = None,
    unread: str = "",
) -> Explanation:
    """Say what happened.

    Args:
        ledger: Of a time around the moment.
        symbol: The venue's own string for the instrument.
        ts: The moment, ns.
        condition: Of the minute it lies in.
        heard: What the archive holds of this minute.
        wider: The ledger of a longer time, as `absences` takes it.
        unread: Why not all of this minute could be read; empty when all was.
    """
    name = f"{ledger.venue}:{symbol}"
    known = absences(ledger, symbol, wider)
    at = [each for each in known if _within(each.since, each.until, ts)]
    if at:
        first = min(at, key=lambda each: _ORDER.index(each.kind))
        sentence = f"{name} at {_clock(ts)} is {condition}: {_absence(first, ledger)}"
        evidence = [line for each in at for line in _shown(each)]
    else:
        evidence = [_covered(each) for each in _coverage(ledger, symbol, ts)]
        minute = [each for each in known if _touches(each, ts - ts % MINUTE_NS)]
        verdict = (
            f"was captured, in a minute that is {condition}"
            if minute and evidence
            else f"is {condition}"
        )
        sentence = f"{name} at {_clock(ts)} {verdict}: {_presence(ledger, symbol, ts, heard)}"
        if minute:
            sentence += f" In the same minute, {_absence(minute[0], ledger)}"
            evidence += [line for each in minute for line in _shown(each)]
    for doubt in _doubts(ledger, symbol, ts - ts % MINUTE_NS):
        sentence += f" {_doubt(doubt)}"
        evidence.append(f"{doubt.table} ({doubt.reason}): {doubt.connection}")
    return Explanation(
        feed=ledger.feed,
        instrument=name,
        time=format_rfc3339(ts),
        condition=condition,
        sentence=sentence,
        evidence=tuple(
            dict.fromkeys((*evidence, *map(_told, heard), *([unread] if unread else ())))
        ),
    )


_ORDER = ("outage", "hole", "loss", "gap")
_WORDS = {
    "lost": "the connection broke",
    "closed": "the venue closed the connection",
    "died": "its process died",
    "shutdown": "its process was told to stop",
    "host_suspended": "the machine was suspended",
    "start": "it was being set up",
    "refused": "the venue refused the subscription",
    "never": "the venue never acknowledged it",
    "unknown": "its end is not on record",
    "silence": "it fell silent and was given up",
    "watchdog": "it fell silent and was cut",
}
_HOLES = {
    "pending": "not archived yet; they may be on their way.",
    "records": "records of ours about that time are missing, so it is not known what was held.",
}
_REPAIRED = {
    "no": "",
    "partly": " Part of it was fetched from the venue's history afterwards.",
    "snapshot": " A snapshot made the state right again; what was said meanwhile is not here.",
    "twin": " Another connection heard all of it, so nothing is missing.",
    "backfill": " The venue's history of that time was fetched afterwards (source=rest).",
}


def _absence(each: Absence, ledger: Ledger) -> str:
    """What is missing, and why."""
    span = f"from {_clock(each.since)} {_to(each)}"
    proof = each.evidence
    because = _WORDS.get(each.reason, each.reason)
    if each.kind == "outage":
        after = _after(ledger, each)
        what = f"no connection held it {span}, because {because} (`{each.reason}`){after}."
    elif each.kind == "gap":
        what = (
            f"the venue's own messages on {', '.join(proof.channels)} have a gap {span}"
            f" (`{each.reason}`)."
        )
    elif each.kind == "hole":
        lost = _HOLES.get(each.reason, "in no file, and that is our loss.")
        if each.reason == UNREAD:
            lost = f"{proof.file} held them, and it is gone or cannot be read."
        what = f"{_frames(each)}, received {span}: {lost}"
    else:
        what = f"{_frames(each)}, received {span}: could not be kept (`{each.reason}`)."
    return what + _REPAIRED[proof.repaired]


def _doubts(ledger: Ledger, symbol: str, minute: int) -> list[Unproved | Gap]:
    """What of an instrument is in doubt in a minute, though nothing of it is missing then."""
    return [
        each
        for each in ledger.entries
        if (isinstance(each, Unproved) or (isinstance(each, Gap) and each.reason == UNWITNESSED))
        and (not each.symbols or symbol in each.symbols)
        and each.since < minute + MINUTE_NS
        and (each.until is None or each.until > minute)
    ]


def _doubt(each: Unproved | Gap) -> str:
    span = f"from {_clock(each.since)} {_to(each)}"
    if isinstance(each, Gap):
        return f"It was silent {span}, and no witness could say whether anything had happened."
    first, last = each.ordinals
    return (
        f"What {each.connection} holds of its {each.channel} is not proved {span}: frames"
        f" {first}..{last} are missing."
    )


def _after(ledger: Ledger, each: Absence) -> str:
    """Who brought an instrument back."""
    if each.until is None:
        return ""
    brought = [
        (entry.since, entry.connection)
        for entry in ledger.entries
        if isinstance(entry, Coverage)
        and each.since < entry.since <= each.until
        and each.instrument in {None, f"{ledger.venue}:{entry.symbol}"}
    ]
    return f"; {min(brought)[1]} brought it back" if brought else ""


def _presence(ledger: Ledger, symbol: str, ts: int, heard: Sequence[Heard]) -> str:
    """Why nothing is missing, or nothing is known."""
    intents = [e for e in _of(ledger, symbol) if isinstance(e, Intent)]
    if ts >= ledger.until:
        return f"the archive knows nothing after {_clock(ledger.until)}."
    if ts < ledger.since:
        return f"the archive knows nothing before {_clock(ledger.since)}."
    if not any(_within(each.since, each.until, ts) for each in intents):
        when = _nearest(intents, ts)
        return f"nobody had asked for it then{when}."
    frames = sum(each.frames for each in heard)
    covering = _coverage(ledger, symbol, ts)
    held = " and ".join(sorted({each.connection for each in covering}))
    if not held:
        there = f"; {frames} frames about it are archived of that minute" if frames else ""
        return f"no connection is known to have held it then{there}."
    if frames:
        return f"{held} held it, and {frames} frames about it were archived in that minute."
    return f"{held} held it, and the venue said nothing about it in that minute."


def _nearest(intents: Iterable[Intent], ts: int) -> str:
    before = max((e.until for e in intents if e.until is not None and e.until <= ts), default=None)
    after = min((e.since for e in intents if e.since > ts), default=None)
    parts = [
        "" if before is None else f" (it had been until {_clock(before)})",
        "" if after is None else f" (it was from {_clock(after)} on)",
    ]
    return "".join(parts)


def _coverage(ledger: Ledger, symbol: str, ts: int) -> list[Coverage]:
    return [
        entry
        for entry in _of(ledger, symbol)
        if isinstance(entry, Coverage) and _within(entry.since, entry.until, ts)
    ]


def _of(ledger: Ledger, symbol: str) -> list[Intent | Coverage]:
    """What was wanted and held of an instrument: by its name, else with all others."""
    found = [e for e in ledger.entries if isinstance(e, Intent | Coverage)]
    return [e for e in found if e.symbol == symbol] or [e for e in found if e.symbol is None]


def _shown(each: Absence) -> Iterable[str]:
    """The evidence of something missing."""
    proof = each.evidence
    where = proof.connection or "no connection"
    if proof.record is not None:
        where += f" record {proof.record}"
    if proof.ordinals is not None:
        where += f", {_frames(each)}"
    yield f"{each.kind} ({each.reason}): {where}" + (f", in {proof.file}" if proof.file else "")


def _covered(entry: Coverage) -> str:
    frame = "" if entry.ordinal is None else f", acknowledged in frame {entry.ordinal}"
    return (
        f"coverage of {entry.channel}: {entry.connection} record {entry.record} since"
        f" {_clock(entry.since)}{frame}" + (f", in {entry.file}" if entry.file else "")
    )


def _told(heard: Heard) -> str:
    first, last = heard.ordinals
    return (
        f"{heard.frames} frames ({heard.source}): {heard.connection} ordinals {first}..{last},"
        f" in {heard.file}"
    )


def _frames(each: Absence) -> str:
    ordinals = each.evidence.ordinals
    if ordinals is None:
        return "frames"
    first, last = ordinals
    return f"frame {first}" if first == last else f"frames {first}..{last}"


def _to(each: Absence | Entry) -> str:
    if each.until is None:
        return "on, to this moment"
    lasting = (each.until - each.since) / SECOND_NS
    return f"to {_clock(each.until)} ({lasting:.3f} s)"


def _touches(each: Absence, minute: int) -> bool:
    return each.since < minute + MINUTE_NS and (each.until is None or each.until > minute)


def _within(since: int, until: int | None, ts: int) -> bool:
    return since <= ts and (until is None or ts < until)


def _clock(ts: int) -> str:
    """A time for people, to the millisecond, UTC."""
    return f"{format_rfc3339(ts)[:23]}Z"
