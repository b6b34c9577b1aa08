"""The ledger of a feed from the facts of its segments. Pure: the same facts, the same ledger."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from ssmd.archive import layout
from ssmd.archive.ledger.carry import At, Carry, Cover, Key, Life, Line, Unclosed
from ssmd.archive.ledger.entries import Entry, Ledger, Outage
from ssmd.archive.ledger.facts import UNREAD, Facts
from ssmd.archive.ledger.gaps import Gaps
from ssmd.archive.ledger.lines import Covers, Lines, Wants, settle
from ssmd.archive.ledger.merge import identity, in_order, summed
from ssmd.archive.ledger.missing import Missing
from ssmd.archive.ledger.outages import outages
from ssmd.archive.ledger.proofs import Books
from ssmd.archive.ledger.relieved import Relieved, beyond
from ssmd.archive.ledger.silence import fallen, is_doubtful, newest
from ssmd.archive.ledger.story import Frames, Record, tell, writer
from ssmd.archive.ledger.words import IMPORT, UNKNOWN, coverage, intent, recorded, withdrawn
from ssmd.model.records import (
    HANDOVER,
    PLANNED,
    Acknowledged,
    Backfilled,
    Closed,
    Declined,
    Ended,
    GapFound,
    GapRepaired,
    Judged,
    Leaving,
    Lost,
    Opened,
    Unwanted,
    Wanted,
)

FORGOTTEN_NS: Final = 7 * layout.DAY_NS
"""How long the closing record of a connection that has a successor is waited for, ns."""

_AGAIN: Final = "reconcile"
"""Withdrawn only to be asked for anew, at once: the intent goes on."""


def fold(
    feed: str, facts: Sequence[Facts], *, carry: Carry | None, since: int, until: int
) -> tuple[Ledger, Carry]:
    """The ledger of a time, and what is to be known to go on from there.

    Folding one day after the other gives, merged, what folding all of them at once gives. What is
    still open stands in every day's ledger until it is over, then once more with its end.

    Args:
        feed: The feed's name.
        facts: Of all segments of that time, in any order, each once.
        carry: What the fold before this one left; None for the first.
        since: From when on, ns.
        until: Up to when it is asked for, ns.
    """
    known = Carry(feed=feed, venue="", began=None, newest=None)
    if carry is not None:
        known = msgspec.json.decode(msgspec.json.encode(carry), type=Carry)  # it is taken apart
    firsts = [held.first_ts for one in facts for held in one.held.values()]
    began = min((ts for ts in (known.began, *firsts) if ts is not None), default=None)
    run = _Fold(feed, facts, known)
    for at, record in tell(facts, run.frames, known):
        run.take(at, record)
    entries, left = run.end(began)
    ledger = Ledger(
        feed=feed,
        venue=left.venue,
        since=since if began is None else max(since, began),
        until=since if left.newest is None else min(until, left.newest),
        entries=in_order(entries),
        activity=summed(one.activity for one in facts),
    )
    return ledger, left


class _Fold:
    """One run over the records of a time."""

    def __init__(self, feed: str, facts: Sequence[Facts], carry: Carry) -> None:
        self.frames = Frames(facts)
        self._feed = feed
        self._venue = carry.venue
        self._lives = {life.connection: life for life in carry.lives}
        self._relieved = Relieved(carry.lives)
        self._lines = Lines(carry.lines)
        self._wants = Wants(self._lines, carry.wanted)
        self._covers = Covers(self._lines)
        self._gaps = Gaps(feed, carry.gaps, carry.plain)
        self._missing = Missing(feed, facts, self.frames.notes, carry.remains, carry.losses)
        self._newest = self.frames.newest(facts, carry.newest)
        self._silent: dict[str, int] = {}
        self._before_this = carry.doubted
        self._after_this: list[tuple[Line, Outage]] = []
        self._unread = {each.connection: each for one in facts for each in reversed(one.unread)}
        self._unproved = dict(carry.unproved)
        self._ended: dict[str, list[tuple[Key, Cover]]] = {}
        self._again: list[Entry] = []
        self._doubted: list[Outage] = []
        self._symbols = {who: set(life.symbols) for who, life in self._lives.items()}
        self._books = Books(carry.lives)
        self._next: dict[str, list[Life]] = {}
        self._waiting: dict[str, Life] = {}
        for life in carry.lives:
            self._next.setdefault(life.previous or "", []).append(life)
            if life.over is not None and self._wants.has(life.connection):
                self._waiting[life.connection] = life

    def take(self, at: At, record: Record | None) -> None:
        """The next record; None for the first frame of a connection."""
        if self._relieved:
            self._relieve(at.ts)
        if isinstance(record, Opened):
            self._opened(at, record)
            return
        life = self._life(at)
        if record is None:
            self._stated(life, at)
            return
        life.clock = at.ts
        if isinstance(record, Closed):
            self._closed(life, at, record)
            return
        if isinstance(record, Wanted) and record.reason == life.reason:
            life.spoken = at.record if life.burst else life.spoken
        else:
            self._stated(life, at)
        self._said(life, at, record)

    def end(self, began: int | None) -> tuple[list[Entry], Carry]:
        """Everything there is to tell, and what is to be known tomorrow."""
        for life in self._lives.values():
            self.frames.update(life)
        self._newest = newest(self._lives.values(), self._newest)
        self._relieve(self._newest or 0)
        self._silent = fallen(self._lives.values(), self._newest)
        found = {identity(entry): entry for entry in self._again}
        for entry in self._entries():
            found[identity(entry)] = entry
        for outage in self._before_this:
            found.setdefault(identity(outage), withdrawn(outage))
        return list(found.values()), self._carry(began)

    def _life(self, at: At) -> Life:
        """The connection of a record; one without an opening record begins with what is there."""
        life = self._lives.get(at.connection)
        if life is None:
            life = self._lives[at.connection] = Life(at, writer=writer(at.file), clock=at.ts)
        return life

    def _opened(self, at: At, record: Opened) -> None:
        life = self._lives[at.connection] = Life(
            at,
            record.reason,
            record.shard if isinstance(record.shard, int) else None,
            writer(at.file),
            record.previous,
            at.ts,
            shards=record.shards,
            asks=record.shard == "rest",
        )
        self._next.setdefault(record.previous or "", []).append(life)
        self._venue = record.venue or self._venue
        if record.reason == HANDOVER:
            self._relieved.add(self._lives.get(record.previous or ""))
        elif record.reason != PLANNED:
            for before in self._before(life):
                if before.over is None and not before.relieved:
                    self._over(before, at.ts, UNKNOWN, None)
        for lost in beyond(life, self._lives, list(self._waiting.values())):
            self._drop(lost, at.ts)

    def _relieve(self, ts: int) -> None:
        """Who was relieved and fell silent is over: it died, and nobody is left to say so."""
        for life, end in self._relieved.fallen(ts, self.frames.update):
            self._over(life, end, UNKNOWN, None)

    def _stated(self, life: Life, at: At) -> None:
        """The connection has said what it wants: what it did not repeat is not wanted any more."""
        if not life.burst:
            return
        life.burst = False
        unread = self._unread.get(life.connection)
        if unread is not None and unread.since > at.ts:
            unread = None
        if unread is None and self._missing.is_torn(life.connection, life.spoken + 1):
            return  # what is missing may have been a wish
        known = False
        for before in self._before(life):
            if before.over is None:
                return
            if unread is not None:
                known = self._assume(life, at, self._wants.of(before.connection)) or known
            self._drop(before, at.ts)
            before.spent = True
        if unread is not None and not known and life.opened.record == 0:
            self._assume(life, at, [(channel, None) for channel in unread.channels])

    def _assume(self, life: Life, at: At, keys: Sequence[Key]) -> bool:
        """What a connection wanted and held cannot be read: it is taken to be this."""
        if life.over is not None:
            return False
        begun = at._replace(record=life.opened.record, file=life.opened.file)
        for key in keys:
            self._wants.begin(begun, key, UNREAD)
            self._covers.begin(begun, key, UNREAD, None)
        return bool(keys)

    def _before(self, life: Life) -> Iterator[Life]:
        """The connections of its shard before this one that no other successor has replaced."""
        before = self._lives.get(life.previous or "")
        while before is not None and not before.spent:
            yield before
            before = self._lives.get(before.previous or "")

    def _closed(self, life: Life, at: At, record: Closed) -> None:
        died = record.by == "recovery"
        if not died and (life.spoken or life.connection in self._unread):
            self._stated(life, at)
        if life.closed is not None:
            return  # losses found afterwards are closed once more
        life.closed = at
        reason = "died" if died else record.reason
        if life.over is None:
            self._over(life, at.ts, reason, at)
        else:
            self._proved(life, at, reason)

    def _over(self, life: Life, ts: int, reason: str, end: At | None) -> None:
        """A connection ended."""
        connection = life.connection
        life.over = ts
        self.frames.update(life)
        frame = life.frame
        if frame is not None and life.deaf is not None:
            frame = min(frame, life.deaf)
        covers = self._covers.over(connection, frame, reason, end)
        if end is None:
            self._ended[connection] = covers
        self._gaps.over(connection, ts if frame is None else frame)
        succeeded = any(
            other.over is None and not other.burst for other in self._next.get(connection, ())
        )
        self._wants.over(connection, ts, succeeded=succeeded)
        if self._wants.has(connection):
            self._waiting[connection] = life

    def _drop(self, life: Life, ts: int) -> None:
        """What an ended connection still answers for is not wanted any more."""
        self._wants.drop(life.connection, ts)
        self._waiting.pop(life.connection, None)

    def _proved(self, life: Life, at: At, reason: str) -> None:
        """A closing record came late: it says why the connection ended."""
        for _, cover in self._ended.pop(life.connection, ()):
            cover.ended, cover.end = reason, at
        unproved = self._unproved.pop(life.connection, Unclosed())
        for held in unproved.coverages:
            self._again.append(msgspec.structs.replace(held, ended=reason))
            for cover in self._lines.of((held.channel, held.symbol)).covers:
                if cover.begun.connection == life.connection and cover.ended == UNKNOWN:
                    cover.ended, cover.end = reason, at
        for outage in unproved.outages:
            again = msgspec.structs.replace(outage, reason=reason, record=at.record, file=at.file)
            self._again.append(again)

    def _said(self, life: Life, at: At, record: Record) -> None:
        """A record about what is wanted, held, lost or repaired."""
        match record:
            case Wanted() | Unwanted() | Acknowledged() | Ended() | Declined():
                self._subscription(life, at, record)
            case GapFound():
                self._gaps.found(at, record, self._last_right(at, record))
            case GapRepaired():
                held = self._covers.named(at.connection, record.channel)
                self._gaps.repaired(at, record, held)
            case Backfilled():
                if self._missing.is_gone(at.connection, record.ordinal):
                    record = msgspec.structs.replace(record, ordinal=None)
                self._gaps.backfilled(at, record)
            case Judged():
                self._gaps.judged(at, record)
            case Leaving(since=int(since)):
                life.deaf = since
            case Lost():
                self._missing.lost(at, record, list(life.symbols))

    def _subscription(
        self, life: Life, at: At, record: Wanted | Unwanted | Acknowledged | Ended | Declined
    ) -> None:
        key = (record.channel, record.symbol)
        match record:
            case Wanted():
                if life.over is None:
                    self._wants.begin(at, key, record.reason)
            case Unwanted():
                if record.reason != _AGAIN:
                    self._wants.end(at, key, record.reason)
            case Acknowledged():
                self._acknowledged(life, at, record)
            case Ended():
                self._covers.end(at, key)
                self._books.end(at, key, record.ordinal)
            case Declined():
                self._covers.decline(at, key)

    def _acknowledged(self, life: Life, at: At, record: Acknowledged) -> None:
        if life.over is not None:
            return
        key = (record.channel, record.symbol)
        if self._covers.begin(at, key, life.reason, record.ordinal):
            known = self._symbols.setdefault(at.connection, set())
            if record.symbol is not None and record.symbol not in known:
                known.add(record.symbol)
                life.symbols.append(record.symbol)
            self._gaps.acknowledged(at, record.symbol, life.previous)
            self._books.begin(life, key, record.ordinal, self._venue)

    def _last_right(self, at: At, gap: GapFound) -> int:
        """When the last message before a gap came, ns, as far as it is known."""
        if gap.ordinal is None:
            return at.ts
        right = self.frames.rights.get((at.connection, at.record))
        if right is None and gap.symbols:
            right = self._covers.since(at.connection, gap.channel, gap.symbols)
        elif right is None:
            right = self._missing.before(at.connection, gap.ordinal)
        return at.ts if right is None else min(right, at.ts)

    def _entries(self) -> Iterator[Entry]:
        for line in self._lines:
            for want in line.wants:
                if not want.told:
                    yield intent(self._feed, line, want)
            for cover in line.covers:
                if not cover.told:
                    yield coverage(self._feed, line, cover, self._silent)
                    if cover.reason == IMPORT:
                        yield recorded(self._feed, line, cover)
            found = list(outages(self._feed, line, self._silent))
            if is_doubtful(line, self._silent):
                self._after_this += [(line, outage) for outage in found]
            self._doubted += [
                outage
                for outage in found
                if outage.reason == UNKNOWN and outage.connection not in self._silent
            ]
            yield from found
        yield from self._gaps.told()
        yield from self._missing.told(self._lives)

    def _carry(self, began: int | None) -> Carry:
        for connection, covers in self._ended.items():
            told = self._unproved.setdefault(connection, Unclosed())
            told.coverages += [
                coverage(self._feed, self._lines.of(key), cover, {}) for key, cover in covers
            ]
        doubted = [outage for told in self._unproved.values() for outage in told.outages]
        for told in self._unproved.values():
            told.outages = []
        for outage in {identity(outage): outage for outage in doubted + self._doubted}.values():
            self._unproved[outage.connection].outages.append(outage)
        lives = self._kept(self._newest or 0)
        frames = {who: life.frame for who, life in lives.items() if life.over is None}
        remains, losses = self._missing.carried(lives, self._newest or 0)
        lines = [line for line in self._lines if settle(line, frames)]
        return Carry(
            feed=self._feed,
            venue=self._venue,
            began=began,
            newest=self._newest,
            lives=list(lives.values()),
            wanted=self._wants.carried(),
            lines=lines,
            gaps=self._gaps.carried(),
            losses=losses,
            unproved={who: told for who, told in self._unproved.items() if who in lives},
            remains=remains,
            doubted=[one for line, one in self._after_this if one.since >= line.settled],
            plain=sorted(self._gaps.plain),
        )

    def _kept(self, newest: int) -> dict[str, Life]:
        """The connections that something may still follow from."""
        kept: dict[str, Life] = {}
        for life in sorted(self._lives.values(), key=lambda life: life.opened):
            connection, over = life.connection, life.over
            waits = over is None or self._wants.has(connection)
            if life.closed is None:
                waits = waits or (over is not None and newest - over < FORGOTTEN_NS)
            else:
                waits = waits or not self._missing.is_complete(connection)
            if waits or (not life.spent and life.previous in kept):
                kept[connection] = life
        return kept
