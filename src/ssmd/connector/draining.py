"""The end of a connector: the bus is given what is left, within bounds."""

from typing import Final, Protocol

from ssmd.connector.settings import Tuning
from ssmd.connector.spool.spool import Spool
from ssmd.connector.telemetry import Telemetry
from ssmd.runtime.clock import Clock

_LOOK_S: Final = 0.02


class Bus(Protocol):
    """What is asked of a publisher."""

    @property
    def connected(self) -> bool:
        """Whether messages can be sent at this moment."""
        ...


async def drain(
    spool: Spool, bus: Bus, *, clock: Clock, tuning: Tuning, telemetry: Telemetry
) -> None:
    """Wait until the bus has taken everything, but not for ever.

    A bus that is away is waited for `tuning.away_s`, one that is slow for `tuning.drain_s`. What it
    did not take by then is no failure: it stays in the spool, durable and told in the log, and the
    next connector on that spool publishes it. Whoever throws the spool away throws it away.
    """
    spool.flush()
    began = seen = clock.mono()
    while spool.unpublished:
        now = clock.mono()
        seen = now if bus.connected else seen
        if now - began > tuning.drain_s or now - seen > tuning.away_s:
            break
        await clock.sleep(_LOOK_S)
    if spool.unpublished:
        telemetry.left_in_spool(spool.unpublished)
    await spool.sync()
