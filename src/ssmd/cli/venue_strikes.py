"""How the faults of a storm that are the venue's own strike, and by what it is seen that they did."""

import os
import signal
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from ssmd.cli.scene import Scene
from ssmd.sim.storm.plan import Strike

_TRIES: Final = 4
_SHOWS_S: Final = 6.0


class Effect(msgspec.Struct, frozen=True):
    """What was seen of a fault.

    Attributes:
        seen: Whether it had an effect; without one it proves nothing.
        text: What was seen, for people.
    """

    seen: bool
    text: str


class VenueStrikes:
    """Strikes one scene from the venue's side.

    Attributes:
        ways: What strikes with each of the faults, by its name.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.ways: dict[str, Callable[[Strike], Awaitable[Effect]]] = {
            "slow_reader": self._slow_reader,
            "no_ack": self._reset_and_refuse,
            "locked_out": self._reset_and_refuse,
            "abort": self._connection_ends,
            "goodbye": self._connection_ends,
            "oversize": self._connection_ends,
            "gap": self._gap,
            "reorder": self._gap,
            "checksum": self._gap,
            "duplicate": self._told,
            "drift": self._told,
            "garbage": self._told,
            "flood": self._told,
            "fragments": self._told,
        }

    async def _told(self, strike: Strike) -> Effect:
        """A fault that shows in what the venue says it sent, and costs nothing."""
        scene = self._scene
        hit = await scene.befall(strike.command(scene.symbols))
        await scene.clock.sleep(strike.for_s)
        works = await scene.grows("ssmd_connector_frames_total")
        return Effect(bool(hit) and works, f"befell {len(hit)} sockets")

    async def _gap(self, strike: Strike) -> Effect:
        """Asked for until it shows: what befalls a book that is being asked for anew shows not."""
        scene = self._scene
        command = strike.command(scene.symbols)
        for attempt in range(1, _TRIES + 1):
            gaps = await scene.counter("ssmd_connector_gaps_total")
            hit = await scene.befall(command)
            if hit and await gaps.grows(_SHOWS_S):
                return Effect(
                    seen=True, text=f"befell {len(hit)} sockets {attempt} times; gap found"
                )
        return Effect(seen=False, text=f"befell sockets {_TRIES} times; no gap found")

    async def _connection_ends(self, strike: Strike) -> Effect:
        scene, name = self._scene, self._scene.connector
        mark = scene.mark(name)
        hit = await scene.befall(strike.command(scene.symbols))
        ended = await scene.says(name, "connector.ended", mark)
        await scene.says(name, "connector.opened", mark)
        reasons = sorted({str(line.get("reason")) for line in ended})
        return Effect(bool(hit and ended), f"{len(hit)} sockets; ended: {', '.join(reasons)}")

    async def _reset_and_refuse(self, strike: Strike) -> Effect:
        scene, name = self._scene, self._scene.connector
        mark = scene.mark(name)
        hit = await scene.befall(strike.command(scene.symbols))
        await scene.befall("abort")
        ended = await scene.says(name, "connector.ended", mark)
        await scene.clock.sleep(strike.for_s)
        opened = await scene.says(name, "connector.opened", mark)
        return Effect(
            bool(ended and opened), f"{len(hit)} sockets; in again after {strike.for_s:g} s"
        )

    async def _slow_reader(self, strike: Strike) -> Effect:
        """Stop reading until the venue has had enough."""
        scene = self._scene
        venue = f"sim-{scene.venue}"
        mark, pid = scene.mark(venue), scene.stage.pipeline.child(scene.connector).pid
        hit = await scene.befall(strike.command(scene.symbols))
        os.kill(pid, signal.SIGSTOP)
        try:
            await scene.befall(f"flood:factor=8,for={strike.for_s:g}")
            told = await scene.says(venue, "sim.socket_closed", mark)
        finally:
            os.kill(pid, signal.SIGCONT)
        reasons = sorted({str(line.get("reason")) for line in told})
        seen = bool(hit) and "slow_client" in reasons
        return Effect(seen, f"the venue ended {len(told)} sockets: {', '.join(reasons)}")
