"""Whether the archive's ledger says where and why something is missing, held against what struck.

The venue's ledger has the machine's own clock, and so have the strikes: which fault ended a
connection, and which made a gap, is told without any time of the archive, whose clocks are struck
too.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

import msgspec

from ssmd.archive.ledger.entries import Coverage, Entry, Gap, Hole, Ledger, Loss, Outage
from ssmd.model.timestamp import SECOND_NS, format_rfc3339
from ssmd.sim.ledger import SocketRecord
from ssmd.sim.oracle import Conservation, Missing
from ssmd.sim.storm.catalog import BY_NAME, Kind

T = TypeVar("T", bound=Entry)
SLACK_NS: Final = 3 * SECOND_NS
"""What a fault did may show this much later than its strike: processes are real."""
_BEGINNINGS: Final = frozenset({"start", "never"})
"""Reasons of outages before the first acknowledgement: nothing ended."""
_KEEPS_NOTHING: Final = "spool_full"
_ASKED_ANEW: Final = "unsubscribed"
_UNSAID: Final = "died"
"""What is known of a process that ended while its spool kept nothing, its last words neither."""
_DRAINED: Final = ("shutdown",)
_EVER: Final = 1 << 62


class Struck(msgspec.Struct, frozen=True, kw_only=True):
    """A strike as it went.

    Attributes:
        fault: Its name.
        since: When it began, ns, by the machine's clock.
        until: When it was over and its effect seen, ns.
        seen: Whether it had an effect.
        effect: What was seen, for people.
    """

    fault: str
    since: int
    until: int
    seen: bool
    effect: str

    @property
    def kind(self) -> Kind:
        """What the catalogue says of it."""
        return BY_NAME[self.fault]


class Explained(msgspec.Struct):
    """What came of it.

    Attributes:
        intervals: Intervals of missing messages that the ledger explains.
        problems: What it does not explain, or explains wrongly, a sentence each.
    """

    intervals: int = 0
    problems: list[str] = []


class Reasons:
    """Judges one ledger.

    Args:
        ledger: What the archive says is missing, and why.
        conservation: What is missing, and which connection each socket was.
        sockets: What the venue sent, socket by socket.
        struck: What struck.
        drained: When everything was asked to end, ns, by the machine's clock.
    """

    def __init__(
        self,
        ledger: Ledger,
        conservation: Conservation,
        sockets: Sequence[SocketRecord],
        struck: Sequence[Struck],
        drained: int,
    ) -> None:
        self._ledger = ledger
        self._conservation = conservation
        self._struck = struck
        self._drained = drained
        by_number = {socket.number: socket for socket in sockets}
        self._sockets = {
            connection: by_number[number] for number, connection in conservation.served.items()
        }
        self._times_prove = not any(each.kind.outlasts for each in struck)
        self._result = Explained(problems=[])

    def judge(self) -> Explained:
        """Where: every missing message lies in an entry. Why: every entry has its fault."""
        for missing in self._conservation.missing:
            if self._is_told(missing):
                self._result.intervals += 1
        for cover in {each.connection: each for each in self._of(Coverage)}.values():
            self._check_cover(cover)
        for ended in {(each.connection, each.reason): each for each in self._of(Outage)}.values():
            self._check_outage(ended)
        for loss in self._of(Loss):
            self._check_loss(loss)
        for gap in self._of(Gap):
            self._check_gap(gap)
        self._check_gaps_told()
        return self._result

    # --- where

    def _is_told(self, missing: Missing) -> bool:
        """Whether an entry of the ledger holds these messages; else that is a problem."""
        if missing.received:
            told = self._is_declared(missing)
        elif missing.connection is None or not self._covers(missing.connection):
            told = self._is_beyond(missing) or any(
                _holds(entry, missing) for entry in self._of(Outage)
            )
            told = told or not self._times_prove
        else:
            told = self._is_beyond(missing) or self._is_in_outage(missing, missing.connection)
        if not told:
            self._complain(
                f"Messages {missing.first} to {missing.last} of socket {missing.socket}"
                f" ({missing.connection or 'not archived'}), sent {_text(missing.since)} to"
                f" {_text(missing.until)}, are not archived, and the ledger does not say so."
            )
        return told

    def _is_beyond(self, missing: Missing) -> bool:
        """Whether they were sent when everything was asked to end: beyond the ledger's horizon."""
        return missing.since >= self._drained

    def _is_declared(self, missing: Missing) -> bool:
        """Whether losses and holes hold every one of these ordinals."""
        entries: list[Loss | Hole] = [*self._of(Loss), *self._of(Hole)]
        ordinals = {
            number
            for entry in entries
            if entry.connection == missing.connection
            for number in range(entry.ordinals[0], entry.ordinals[1] + 1)
        }
        return all(number in ordinals for number in range(missing.first, missing.last + 1))

    def _is_in_outage(self, missing: Missing, connection: str) -> bool:
        """Whether each subscription the connection had is out, or held elsewhere, meanwhile."""
        entries: list[Outage | Coverage] = [*self._of(Outage), *self._of(Coverage)]
        for cover in self._covers(connection):
            if cover.ended == "unsubscribed":
                continue
            begin = max(missing.since, cover.until or 0)
            others = [
                entry
                for entry in entries
                if (entry.channel, entry.symbol) == (cover.channel, cover.symbol)
                and (isinstance(entry, Outage) or entry.connection != connection)
            ]
            if not self._times_prove:
                told = any(entry.connection == connection for entry in others) or len(others) > 1
            else:
                told = begin > missing.until or _is_covered(begin, missing.until, others)
            if not told:
                return False
        return True

    def _covers(self, connection: str) -> list[Coverage]:
        return [cover for cover in self._of(Coverage) if cover.connection == connection]

    def _check_cover(self, cover: Coverage) -> None:
        """Nobody is covered by a socket that is not open yet: that would hide an outage."""
        socket = self._sockets.get(cover.connection)
        if socket is not None and self._times_prove and cover.since < socket.opened:
            self._complain(
                f"{cover.connection} is said to cover {cover.channel} {cover.symbol or ''} from"
                f" {_text(cover.since)} on, before its socket was open."
            )

    # --- why

    def _check_outage(self, outage: Outage) -> None:
        """The fault that ended its connection must be one that ends connections so."""
        socket = self._sockets.get(outage.connection)
        if socket is None or outage.reason in _BEGINNINGS:
            return  # of no socket of this venue: the oracle tells of those
        if outage.reason == _ASKED_ANEW:
            allowed = self._renewing(outage)
            ended = outage.since
        else:
            ended = socket.closed or max((message.ts for message in socket.emitted()), default=0)
            allowed = self._allowed(ended, lambda kind: kind.ends)
            stopped = not allowed.isdisjoint(_DRAINED)
            if stopped and _KEEPS_NOTHING in self._allowed(ended, lambda kind: kind.losses):
                allowed.add(_UNSAID)
            if ended >= self._drained:
                allowed.update(_DRAINED)
        if outage.reason not in allowed:
            self._complain(
                f"The outage of {outage.channel} {outage.symbol or ''} after {outage.connection}"
                f" is said to be `{outage.reason}`; what struck then"
                f" ({_text(ended)}) gives {_listed(allowed)}."
            )

    def _renewing(self, outage: Outage) -> set[str]:
        """A subscription is asked for anew after a gap: whatever makes gaps may bring that about.

        A venue may answer late: as long as the gap lasts.
        """
        if any(_is_anew(outage, gap) for gap in self._of(Gap)):
            return {_ASKED_ANEW}
        if self._times_prove:
            near = self._allowed(outage.since, lambda kind: kind.gaps)
            near |= self._allowed(outage.since + SLACK_NS, lambda kind: kind.gaps)
        else:
            near = {reason for strike in self._struck for reason in strike.kind.gaps}
        return {_ASKED_ANEW} if near else set()

    def _check_loss(self, loss: Loss) -> None:
        socket = self._sockets.get(loss.connection)
        if socket is None:
            return
        sent = [m.ts for m in socket.emitted() if loss.ordinals[0] <= m.number <= loss.ordinals[1]]
        if not sent:
            return
        # What a fault takes may have been sent before it: it was on its way to a disk.
        allowed = self._allowed(sent[0] + SLACK_NS, lambda kind: kind.losses)
        allowed |= self._allowed(sent[-1], lambda kind: kind.losses)
        if loss.reason not in allowed:
            self._complain(
                f"The loss of {loss.ordinals[0]} to {loss.ordinals[1]} of {loss.connection} is said"
                f" to be `{loss.reason}`; what struck then gives {_listed(allowed)}."
            )

    def _check_gap(self, gap: Gap) -> None:
        found = self._sent(gap)
        if found is None:
            return
        allowed = self._allowed(found, lambda kind: kind.gaps)
        if gap.reason not in allowed:
            self._complain(
                f"The gap at frame {gap.ordinal} of {gap.connection} is said to be"
                f" `{gap.reason}`; what struck then gives {_listed(allowed)}."
            )

    def _check_gaps_told(self) -> None:
        """What was withheld on purpose, and noticed, must be a gap of the ledger."""
        found = [ts for gap in self._of(Gap) if (ts := self._sent(gap)) is not None]
        for strike in self._struck:
            told = any(strike.since <= ts <= strike.until + SLACK_NS for ts in found)
            # A spool that keeps nothing keeps no record of a gap either.
            told = told or any(
                _KEEPS_NOTHING in other.kind.losses and _meet(strike, other)
                for other in self._struck
            )
            if strike.fault == "gap" and strike.seen and not told:
                self._complain("The venue withheld messages, and the ledger has no gap of then.")

    def _sent(self, gap: Gap) -> int | None:
        """When the frame that showed a gap was sent, ns."""
        socket = self._sockets.get(gap.connection)
        if socket is None or gap.ordinal is None:
            return None
        return next((m.ts for m in socket.emitted() if m.number == gap.ordinal), None)

    def _allowed(self, ts: int, of: Callable[[Kind], Iterable[str]]) -> set[str]:
        """What the faults that struck at a time, or a little before, may bring about."""
        return {
            reason
            for strike in self._struck
            if strike.since <= ts <= strike.until + SLACK_NS
            for reason in of(strike.kind)
        }

    def _of(self, kind: type[T]) -> list[T]:
        return [entry for entry in self._ledger.entries if isinstance(entry, kind)]

    def _complain(self, problem: str) -> None:
        self._result.problems.append(problem)


def _is_anew(outage: Outage, gap: Gap) -> bool:
    """Whether a subscription is without data because a gap of its own is being repaired."""
    return (
        (gap.connection, gap.channel) == (outage.connection, outage.channel)
        and (not gap.symbols or outage.symbol in gap.symbols)
        and gap.since <= outage.since <= _end(gap)
    )


def _meet(one: Struck, other: Struck) -> bool:
    return one.since <= other.until + SLACK_NS and other.since <= one.until + SLACK_NS


def _holds(entry: Entry, missing: Missing) -> bool:
    return entry.since <= missing.until and missing.since <= _end(entry)


def _is_covered(since: int, until: int, entries: Iterable[Entry]) -> bool:
    """Whether the union of entries covers a time."""
    reached = since
    for entry in sorted(entries, key=lambda entry: entry.since):
        if entry.since <= reached:
            reached = max(reached, _end(entry))
    return reached >= until


def _end(entry: Entry) -> int:
    return _EVER if entry.until is None else entry.until


def _listed(reasons: Iterable[str]) -> str:
    return " or ".join(f"`{reason}`" for reason in sorted(reasons)) or "no reason at all"


def _text(ts: int) -> str:
    return format_rfc3339(ts)
