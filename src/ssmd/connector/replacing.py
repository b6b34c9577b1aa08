"""When a connection is replaced by a successor that is made first, and when it is not, after all."""

import random
from typing import Final

import structlog

from ssmd.connector.connection import Connection
from ssmd.connector.settings import Tuning
from ssmd.model.subscription import Subscription
from ssmd.runtime import backoff
from ssmd.runtime.clock import Clock

GENTLE: Final = frozenset({"unconfirmed", "records_lost"})
"""Reasons to leave a connection that still serves: it goes only when its successor is there."""

log = structlog.get_logger("ssmd.connector")


class Replacing:
    """Decides about planned successors of one shard's connection; tries again, ever more slowly."""

    def __init__(self, clock: Clock, tuning: Tuning) -> None:
        self._clock = clock
        self._tuning = tuning
        self._asked = False
        self._attempt = 0
        self._not_before = 0.0

    def ask(self) -> None:
        """Somebody wants another connection."""
        self._asked = True

    def begun(self) -> None:
        """A new connection counts: whatever was asked for is done."""
        self._asked = False
        self._attempt = 0
        self._not_before = 0.0

    def is_due(self, old: Connection) -> bool:
        """Whether to try now to replace a connection."""
        now = self._clock.mono()
        if now < self._not_before:
            return False
        planned_s = self._tuning.planned_s
        aged = bool(planned_s) and now - old.opened_mono >= (planned_s or 0.0)
        return self._asked or aged or old.leaving in GENTLE

    def failed(self) -> float:
        """No successor came of an attempt; gives the pause until the next, in seconds."""
        pause_s = backoff.delay(
            self._attempt,
            self._tuning.backoff_base_s,
            self._tuning.backoff_cap_s,
            # Half of it for certain: the old connection serves, there is no hurry.
            (1.0 + random.random()) / 2,  # noqa: S311 - jitter keeps no secret
        )
        self._attempt += 1
        self._asked = True  # whatever the reason was, it stays one
        self._not_before = self._clock.mono() + pause_s
        return pause_s

    def rejected(self, successor: Connection, missing: int) -> None:
        """A successor came and is worth less than what there is; the old connection stays."""
        retry_s = self.failed()
        log.warning(
            "connector.successor_rejected",
            connection=successor.id,
            reason=successor.leaving or "planned_failed",
            missing=missing,
            retry_s=round(retry_s, 3),
        )


def serves(connection: Connection) -> bool:
    """Whether a connection, its socket being open, is worth keeping until there is a better one."""
    return connection.leaving is None or connection.leaving in GENTLE


def missing(
    old: Connection, successor: Connection, wanted: frozenset[Subscription]
) -> frozenset[Subscription]:
    """What would be lost by the change: held now, still wanted, and not even refused over there.

    A successor that has its answer to everything loses nothing: what it lacks was refused. But one
    that holds nothing at all replaces nobody, whatever it was told.
    """
    held = old.session.acknowledged & wanted
    lacking = held - successor.session.acknowledged
    if lacking == held:
        return held
    return frozenset() if successor.session.ready else lacking - successor.refused
