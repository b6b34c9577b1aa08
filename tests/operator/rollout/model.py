"""A cluster of places, as far as a rollout sees it: pods become ready, fail, and drain."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from ssmd.feeds.share import Share as Held
from ssmd.operator.manifests.facts import Place, Share
from ssmd.operator.rollout import Action, Plan, Seen, plan
from ssmd.operator.spec.connector import Rollout
from ssmd.operator.spec.status import RolloutStatus

CATEGORIES: Final = ("crypto", "sports", "politics")
SYMBOLS: Final[tuple[str | None, ...]] = (*(f"I-{n}" for n in range(24)), None)
Instrument = tuple[str, str | None]
EVERY: Final = [(category, symbol) for category in CATEGORIES for symbol in SYMBOLS]


@dataclass
class There:
    """One place that is there, and its pod."""

    place: Place
    revision: str
    of: int
    started: float
    running: bool = True
    pods: int = 1
    ready_since: float | None = None
    restarts: int = 0

    def holds(self, instrument: Instrument) -> bool:
        """Whether its process, once ready, records this."""
        category, symbol = instrument
        mine = self.place.share.category
        if mine and mine != category:
            return False
        return Held(self.place.share.replica, self.of).holds(symbol)

    @property
    def records(self) -> bool:
        """Whether it records at this moment."""
        return self.running and self.ready_since is not None


@dataclass
class Cluster:
    """What is wanted, what there is, and what is remembered."""

    rules: Rollout = field(
        default_factory=lambda: Rollout(ready_s=5, deadline_s=60, backoff_s=10, attempts=3)
    )
    now: float = 1_000_000.0
    replicas: int = 1
    categories: tuple[str, ...] = ()
    content: int = 0
    there: dict[Place, There] = field(default_factory=dict)
    memory: RolloutStatus = field(default_factory=RolloutStatus)
    taken_back: int = 0
    twins: list[float] = field(default_factory=list)

    @property
    def wanted(self) -> dict[Share, str]:
        """The revision of every share."""
        return {
            Share(category=category, replica=replica): f"{self.content}@{self.replicas}"
            for category in self.categories or ("",)
            for replica in range(self.replicas)
        }

    def covered(self) -> set[Instrument]:
        """What is wanted, and recorded by somebody who is ready."""
        meant = [each for each in EVERY if not self.categories or each[0] in self.categories]
        recording = [each for each in self.there.values() if each.records]
        return {each for each in meant if any(one.holds(each) for one in recording)}

    def look(self) -> Plan:
        """A plan for what there is; what it remembers is kept."""
        made = plan(self.wanted, self._seen(), self.rules, self.memory, self.now)
        if made.memory.revision != self.memory.revision:
            self.taken_back = 0
            self.twins.clear()
        self.memory = made.memory
        return made

    def do(self, actions: Iterable[Action]) -> None:
        """Carry out actions; none may uncover anything, and none may surprise."""
        for action in actions:
            before = self.covered()
            {"up": self._up, "down": self._down, "remove": self._remove}[action.verb](action)
            if self.replicas:
                lost = before - self.covered()
                assert not lost, f"{action} uncovered {sorted(map(str, lost))[:3]}"

    def settle(self) -> Plan:
        """Let all pods behave until nothing is left to do."""
        made = self.look()
        for _ in range(400):
            made = self.look()
            self.do(made.actions)
            if made.stage in {"complete", "given_up"}:
                return made
            for each in self.there.values():
                if not each.running:
                    each.pods = 0
                elif each.ready_since is None:
                    each.ready_since = self.now
            self.now = max(self.now + 1.0, min(made.wake or 0.0, self.now + 30.0))
        message = f"it does not come to rest: {made}"
        raise AssertionError(message)

    def _seen(self) -> list[Seen]:
        return [
            Seen(
                place=each.place,
                revision=each.revision,
                of=each.of,
                running=each.running,
                pods=each.pods,
                ready_since=each.ready_since,
                started=each.started,
                restarts=each.restarts,
            )
            for each in self.there.values()
        ]

    def _up(self, action: Action) -> None:
        wanted = self.wanted[action.place.share]
        there = self.there.get(action.place)
        if there is None:
            made = There(action.place, wanted, self.replicas, self.now)
            self.there[action.place] = made
            if action.reason == "TwinStarted":
                self.twins.append(self.now)
        elif not there.running:
            assert there.revision == wanted, "another revision was put over one that had drained"
            there.running, there.pods = True, 1
        else:
            assert there.revision == wanted, "a running process was given another revision"

    def _down(self, action: Action) -> None:
        there = self.there[action.place]
        there.running, there.ready_since = False, None
        self.taken_back += action.reason == "TakenBack"

    def _remove(self, action: Action) -> None:
        there = self.there.pop(action.place)
        assert not there.running
        assert not there.pods, "a place was removed before its pod had drained"
