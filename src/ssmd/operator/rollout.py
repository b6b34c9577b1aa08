"""How a Connector gets from what runs to what is wanted, without ever ceasing to record. Pure.

Every share of a feed has two places. What records stays until what replaces it is ready; then it is
scaled to nothing, drains, and its place is removed. Shares that are new come first, then one twin
after the other, then what is not wanted any more. A twin that does not become ready while its elder
is, is taken back and tried again later, less and less often.

What a process holds is a rendezvous share (`feeds.share`), so it is known what may go: of `n`
shares, share `i` held what, of `m` shares, `i` holds and those hold that are new (`n` to `m` - 1).
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final, Literal

import msgspec

from ssmd.model.timestamp import SECOND_NS, format_rfc3339, parse_rfc3339
from ssmd.operator.manifests.facts import Place, Share
from ssmd.operator.names import SLOTS
from ssmd.operator.spec.connector import Rollout
from ssmd.operator.spec.status import RolloutStatus

RESTARTS: Final = 3
"""A twin that was started again so often is not waited for any longer."""
LONGEST_S: Final = 3600.0
"""No pause between two tries is longer than this, in seconds."""

Verb = Literal["up", "down", "remove"]
Stage = Literal["complete", "starting", "twin", "draining", "waiting", "given_up"]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One place that there is.

    Attributes:
        place: Which.
        revision: What it runs.
        of: How many shares there were when it was made; 0 when that is not known.
        running: It is asked to run; else it drains, or has.
        pods: Pods there are, those that drain included.
        ready_since: Since when its pod has been ready, Unix seconds; None while it is not.
        started: When the place was made, Unix seconds.
        restarts: So often its container was started again.
    """

    place: Place
    revision: str
    of: int
    running: bool
    pods: int = 0
    ready_since: float | None = None
    started: float = 0.0
    restarts: int = 0


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do.

    Attributes:
        verb: `up` renders the place as it is wanted, and lets it run (doing it again changes
            nothing); `down` asks it to drain; `remove` removes what has drained.
        place: Where.
        reason: Why, in one CamelCase word; empty when nothing changes.
        message: Why, in a sentence.
    """

    verb: Verb
    place: Place
    reason: str = ""
    message: str = ""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done now, and what is to be remembered.

    Attributes:
        actions: What to do; memory is to be kept first.
        memory: What to remember.
        stage: How it stands, in one word.
        wake: When to look again at the latest, Unix seconds; None when only a change matters.
    """

    actions: tuple[Action, ...]
    memory: RolloutStatus
    stage: Stage
    wake: float | None = None


def target(wanted: Mapping[Share, str]) -> str:
    """One digest for the revisions of all shares."""
    lines = [f"{share.category}/{share.replica}={wanted[share]}" for share in sorted(wanted)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def plan(
    wanted: Mapping[Share, str],
    seen: Iterable[Seen],
    rules: Rollout,
    memory: RolloutStatus,
    now: float,
) -> Plan:
    """What to do next.

    Args:
        wanted: The revision of every share that is wanted.
        seen: Every place there is.
        rules: How a new revision takes over.
        memory: What the last plan remembered.
        now: The time, Unix seconds.
    """
    return _Planner(wanted, list(seen), rules, memory, now).plan()


class _Planner:
    """One look at everything."""

    def __init__(
        self,
        wanted: Mapping[Share, str],
        seen: list[Seen],
        rules: Rollout,
        memory: RolloutStatus,
        now: float,
    ) -> None:
        self.wanted = wanted
        self.rules = rules
        self.now = now
        self.seen = sorted(seen, key=lambda each: each.place)
        digest = target(wanted)
        self.memory = memory if memory.revision == digest else RolloutStatus(revision=digest)
        self.actions: list[Action] = []
        self.wakes: list[float] = []

    def plan(self) -> Plan:
        for each in self.seen:
            self._settle(each)
        for share in sorted(self.wanted):
            self._start(share)
        downs = {action.place for action in self.actions if action.verb == "down"}
        twins = self._lagging()
        if not downs:
            self._twin(twins)
        stage = self._stage(twins)
        if stage == "complete":
            self.memory = RolloutStatus(revision=self.memory.revision)
        return Plan(
            actions=tuple(self.actions),
            memory=self.memory,
            stage=stage,
            wake=min(self.wakes, default=None),
        )

    # What there is

    def _settle(self, each: Seen) -> None:
        """What becomes of a place that there is."""
        if not each.running:
            self._settle_drained(each)
        elif not self._current(each):
            self._retire(each)
        elif (rival := self._rival(each)) is not None and rival.running:
            self._settle_pair(each, rival)
        else:
            self._act("up", each.place)
            self._await_steady(each)

    def _settle_drained(self, each: Seen) -> None:
        if each.pods:
            return
        rival = self._rival(each)
        matches = self.wanted.get(each.place.share) == each.revision
        if matches and (rival is None or not rival.running):
            self._act("up", each.place, "Started", "Nothing else records its share.")
        else:
            self._act("remove", each.place, "Removed", "It has drained.")

    def _settle_pair(self, each: Seen, rival: Seen) -> None:
        """A place that is wanted, beside one that runs too."""
        if self._current(rival):
            keeper = min(each, rival, key=lambda one: (not self._steady(one), one.place.slot))
            if keeper is not each and self._steady(keeper):
                self._act("down", each.place, "Drained", "Its twin is of the same revision.")
                return
        elif rival.ready_since is not None and each.ready_since is None:
            late = self.now - each.started >= self.rules.deadline_s
            if late or each.restarts >= RESTARTS:
                self._take_back(each, late)
                return
            self.wakes.append(each.started + self.rules.deadline_s)
        self._act("up", each.place)
        self._await_steady(each)

    def _take_back(self, each: Seen, late: bool) -> None:
        attempts = self.memory.attempts + 1
        pause = min(LONGEST_S, self.rules.backoff_s * 2.0 ** min(attempts - 1, 20))
        why = (
            f"It was not ready after {self.rules.deadline_s} s."
            if late
            else f"Its container ended {each.restarts} times."
        )
        at = self.now + pause
        self.wakes.append(at)
        self.memory = msgspec.structs.replace(
            self.memory, attempts=attempts, next_attempt_time=_text(at), reason=why
        )
        message = f"{why} The revision that recorded goes on recording."
        self._act("down", each.place, "TakenBack", message)

    def _retire(self, each: Seen) -> None:
        """A place that is not wanted as it is: it drains once others hold what it holds."""
        missing = [share for share in self._successors(each) if not self._held(share)]
        if not missing:
            self._act("down", each.place, "Drained", "What it holds is recorded by others now.")
            return
        rival = self._rival(each)
        if (
            rival is not None
            and rival.running
            and not self._current(rival)
            and self._spare(each, rival) is each
        ):
            self._act("down", each.place, "Drained", "Its place is needed; its twin records.")

    def _successors(self, each: Seen) -> list[Share]:
        """The shares, as wanted, that hold together whatever this place holds."""
        share = each.place.share
        same = [one for one in self.wanted if one.category == share.category]
        if not same:
            return list(self.wanted)
        if share not in self.wanted or not each.of:
            return same
        return [one for one in same if one == share or one.replica >= each.of]

    def _spare(self, one: Seen, other: Seen) -> Seen:
        """Of two places of a share, neither as wanted: the one whose going uncovers nothing."""
        if (one.ready_since is None) != (other.ready_since is None):
            return one if one.ready_since is None else other
        if one.ready_since is not None and one.of and other.of and one.of != other.of:
            return max(one, other, key=lambda each: each.of)  # of more shares each holds less
        return max(one, other, key=lambda each: (each.started, each.place.slot))

    # What there is not

    def _start(self, share: Share) -> None:
        """A share that nothing records is brought up at once."""
        there = self._of(share)
        if any(each.running for each in there) or self._acts(share, "up"):
            return
        free = [slot for slot in SLOTS if slot not in {each.place.slot for each in there}]
        if free:
            place = Place(share=share, slot=free[0])
            self._act("up", place, "Started", "Nothing records its share.")

    def _lagging(self) -> list[Share]:
        """The shares whose twin is still to come, the last one first.

        What an elder holds goes to its twin and to later shares; those are there then.
        """
        found = [
            share
            for share in self.wanted
            if (there := [each for each in self._of(share) if each.running])
            and not any(self._current(each) for each in there)
        ]
        return sorted(found, key=lambda share: (share.category, -share.replica))

    def _twin(self, lagging: list[Share]) -> None:
        if not lagging or not self._calm():
            return
        if self.memory.attempts >= self.rules.attempts:
            return
        after = self.memory.next_attempt_time
        if after is not None and self.now < (at := _seconds(after)):
            self.wakes.append(at)
            return
        (elder,) = self._of(lagging[0])
        slot = next(slot for slot in SLOTS if slot != elder.place.slot)
        place = Place(share=lagging[0], slot=slot)
        self._act("up", place, "TwinStarted", f"It is to take over from slot {elder.place.slot}.")

    def _calm(self) -> bool:
        """Whether nothing is on its way: one change at a time, and none while one is not well."""
        if any(action.reason for action in self.actions):
            return False
        for each in self.seen:
            if not each.running or (self._current(each) and not self._steady(each)):
                return False
            if self._rival(each) is not None:
                return False
        return True

    def _stage(self, lagging: list[Share]) -> Stage:
        spent = self.memory.attempts >= self.rules.attempts
        if lagging and spent:
            return "given_up"
        if self.memory.attempts and lagging:
            return "waiting"
        if lagging or any(
            self._current(each) and self._rival(each) is not None for each in self.seen
        ):
            return "twin"
        if not all(self._held(share) for share in self.wanted):
            return "starting"
        current = all(each.running and self._current(each) for each in self.seen)
        return "complete" if current and not self._changes() else "draining"

    # Words for all that

    def _act(self, verb: Verb, place: Place, reason: str = "", message: str = "") -> None:
        self.actions.append(Action(verb=verb, place=place, reason=reason, message=message))

    def _acts(self, share: Share, verb: Verb) -> bool:
        return any(each.verb == verb and each.place.share == share for each in self.actions)

    def _changes(self) -> bool:
        return any(action.reason for action in self.actions)

    def _of(self, share: Share) -> list[Seen]:
        return [each for each in self.seen if each.place.share == share]

    def _rival(self, each: Seen) -> Seen | None:
        others = (one for one in self._of(each.place.share) if one is not each)
        return next(others, None)

    def _current(self, each: Seen) -> bool:
        return self.wanted.get(each.place.share) == each.revision

    def _steady(self, each: Seen) -> bool:
        since = each.ready_since
        return each.running and since is not None and self.now - since >= self.rules.ready_s

    def _await_steady(self, each: Seen) -> None:
        if each.ready_since is not None and not self._steady(each):
            self.wakes.append(each.ready_since + self.rules.ready_s)

    def _held(self, share: Share) -> bool:
        """Whether the share, as wanted, is recorded by a process that has proved itself."""
        return any(self._current(each) and self._steady(each) for each in self._of(share))


def _text(seconds: float) -> str:
    return format_rfc3339(int(seconds * SECOND_NS))


def _seconds(text: str) -> float:
    return parse_rfc3339(text) / SECOND_NS
