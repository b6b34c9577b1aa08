"""What is wanted, held against what the venue answered: nobody's promise is taken for the deed."""

from collections.abc import Mapping
from typing import Final, Protocol

from ssmd.connector.settings import Tuning
from ssmd.connector.telemetry import Telemetry
from ssmd.model.session import Session
from ssmd.model.subscription import Subscription

_PATIENCE: Final = 10
"""Looks for which a session that is still asking is left to it."""
_MOST: Final = 50
"""Most subscriptions asked for again at one look, per shard."""


class Answered(Protocol):
    """What is read of a connection."""

    id: str
    wanted: frozenset[Subscription]
    refused: set[Subscription]
    refusal: str
    opened_mono: float

    @property
    def session(self) -> Session: ...  # noqa: D102 - see Connection
    def want(self, subscriptions: frozenset[Subscription], reason: str) -> None: ...  # noqa: D102 - see Connection


class Refusals:
    """What the venue refuses, over all connections: a new one that is not answered yet knows less.

    Attributes:
        words: The venue's own, when it last refused something.
    """

    def __init__(self) -> None:
        self.words = ""
        self._refused: dict[int, frozenset[Subscription]] = {}

    def look(
        self, planned: Mapping[int, frozenset[Subscription]], latest: Mapping[int, Answered]
    ) -> None:
        """Take in what was answered since.

        Args:
            planned: What each shard is to hold.
            latest: The last connection of each shard, over or not.
        """
        before = self._refused
        self._refused = {}
        for index, wanted in planned.items():
            refused = before.get(index, frozenset())
            connection = latest.get(index)
            if connection is not None:
                refused = (refused - connection.session.acknowledged) | connection.refused
                self.words = connection.refusal or self.words
            self._refused[index] = refused & wanted

    @property
    def refused(self) -> frozenset[Subscription]:
        """Everything wanted that the venue refuses."""
        return frozenset[Subscription]().union(*self._refused.values())

    def judge(self, wanted: frozenset[Subscription]) -> tuple[str, str]:
        """A sentence when everything is refused, and another when some of it is; else empty.

        A channel about all symbols comforts nobody whose symbols are all refused.
        """
        refused = self.refused
        single = frozenset(item for item in wanted if item.symbol is not None) or wanted
        if single and single <= refused:
            return f"every subscription was refused: {self.words}", ""
        if refused:
            return "", f"{len(refused)} of {len(wanted)} subscriptions are refused: {self.words}"
        return "", ""


class Reconciler:
    """Asks again for what was wanted long ago and neither acknowledged nor refused."""

    def __init__(self, tuning: Tuning, telemetry: Telemetry) -> None:
        self._tuning = tuning
        self._telemetry = telemetry
        self._missing: dict[int, tuple[str, frozenset[Subscription]]] = {}

    def look(self, index: int, connection: Answered, now_mono: float) -> None:
        """Look at one shard's connection; to be called every `reconcile_s`.

        What is missing at one look may be under way. Missing still at the next, on the same
        connection, it is asked for again: withdrawn and wanted anew, so that the session begins
        with it from nothing. Whatever is answered is left alone.
        """
        before = self._missing.pop(index, None)
        session = connection.session
        age_s = now_mono - connection.opened_mono
        if age_s < self._tuning.reconcile_s * (1 if session.ready else _PATIENCE):
            return
        missing = connection.wanted - session.acknowledged - connection.refused
        if not missing:
            return
        known = before[1] if before is not None and before[0] == connection.id else frozenset()
        again = frozenset(sorted(missing & known, key=str)[:_MOST])
        self._missing[index] = (connection.id, missing - again)
        if again:
            wanted = connection.wanted
            self._telemetry.shard(index).asked_again(len(again), connection.id)
            connection.want(wanted - again, "reconcile")
            connection.want(wanted, "reconcile")
