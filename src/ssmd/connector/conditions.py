"""What a connector says of itself, looked at anew whenever somebody asks."""

from collections.abc import Callable
from typing import Final, Protocol

from ssmd.model.venue import Venue
from ssmd.runtime.clock import Clock
from ssmd.runtime.health import Health

_OWES: Final = "it is connected, and has stored nothing yet of what was received"


class Part(Protocol):
    """A part with a condition and a warning: a spool, a supervisor."""

    @property
    def condition(self) -> tuple[bool, str]:
        """Whether all is well, and a sentence when it is not."""
        ...

    @property
    def warning(self) -> str:
        """A sentence about what will go wrong before long, or is not as wished; else empty."""
        ...


class Bus(Protocol):
    """What is asked of a publisher."""

    @property
    def connected(self) -> bool:
        """Whether messages can be sent at this moment."""
        ...

    @property
    def problem(self) -> str:
        """Why not, for people."""
        ...


class Conditions:
    """Brings a connector's health up to what is so at this moment.

    Well means that another connector of the same share may end now: what is wanted is received
    here, kept, and taken by the bus. A market that is quiet is no matter of health: only what is
    connected, kept and published is. A venue that pauses by its calendar closes its connections,
    and they are as closed as others; the warning says why.

    Args:
        health: What is brought up to date.
        venue: The exchange, for its calendar.
        clock: What time it is.
        spool: Condition `spool`.
        shards: Condition `shards`.
    """

    def __init__(
        self, health: Health, venue: Venue, clock: Clock, spool: Part, shards: Part
    ) -> None:
        self._health = health
        self._venue = venue
        self._clock = clock
        self._parts = {"spool": spool, "shards": shards}
        self._bus: Bus | None = None
        self._fits: Callable[[], bool] = lambda: False
        self._owes: Callable[[], bool] = lambda: False

    def include(
        self, bus: Bus, fits: Callable[[], bool], owes: Callable[[], bool] = lambda: False
    ) -> None:
        """Say as `bus` what a publisher is like once the stream was found fit; others do before.

        Args:
            bus: The publisher.
            fits: Whether the stream was found fit.
            owes: Whether something was received and the stream has taken nothing yet.
        """
        self._bus, self._fits, self._owes = bus, fits, owes

    def look(self) -> None:
        """State every condition and warning."""
        for name, part in self._parts.items():
            ok, reason = part.condition
            self._health.set(name, ok=ok, reason=reason)
            self._health.warn(name, part.warning)
        if self._bus is not None and self._fits():
            problem = self._bus.problem or (_OWES if self._owes() else "")
            self._health.set("bus", ok=self._bus.connected and not problem, reason=problem)
        pause = self._venue.pause(self._clock.wall())
        self._health.warn("venue", f"it pauses by its calendar: {pause}" if pause else "")
