"""Asks the venue's REST whether an instrument moves while its stream says nothing."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec

from ssmd.connector.settings import Tuning
from ssmd.model.errors import SsmdError
from ssmd.model.records import Verdict
from ssmd.model.rest import Witness
from ssmd.model.venue import Venue
from ssmd.runtime.clock import Clock

_LOOK_S: Final = 5.0
"""Pause between two looks at counters, in seconds, or an eighth of the silence in question."""
_DOUBLINGS: Final = 5
"""A witness is asked again after its first pause, twice that, and so on: ten minutes in all."""

Heard = tuple[tuple[str, int], ...]
"""Connections and how much came on each: differs as soon as anything comes."""


class Statement(msgspec.Struct, frozen=True):
    """What the witness said.

    Attributes:
        digest: Of the instrument's state: equal digests, nothing happened.
        evidence: Where the answers are kept.
    """

    digest: bytes
    evidence: str


class Inquiry:
    """How a witness is heard.

    Args:
        venue: Whose witness it is.
        ask: Asks it; raises `SsmdError` when REST does not answer.
        clock: The time.
        tuning: How patiently it is asked.

    Attributes:
        look_s: Pause between two looks at counters, in seconds.
    """

    def __init__(
        self,
        venue: Venue,
        ask: Callable[[Witness], Awaitable[Statement]],
        clock: Clock,
        tuning: Tuning,
    ) -> None:
        self.look_s = min(_LOOK_S, tuning.frozen_s / 8)
        self._venue = venue
        self._ask = ask
        self._clock = clock
        self._first_s = tuning.witness_s

    async def hear(
        self, symbols: Mapping[str, frozenset[str]], heard: Callable[[], Heard]
    ) -> tuple[Verdict | None, str]:
        """What the witness makes of a silence; no verdict when it ended meanwhile.

        Args:
            symbols: Who is silent, on which channels.
            heard: What was heard of them so far.
        """
        before = heard()
        try:
            first = await self._all(symbols)
            if not first:
                return "unknown", "the venue's REST cannot tell"
            for turn in range(_DOUBLINGS):
                await self._clock.sleep(self._first_s * 2.0**turn)
                if heard() != before:
                    return None, ""
                again = await self._all({name: symbols[name] for name in first})
                moved = [name for name in again if again[name].digest != first[name].digest]
                if moved:
                    # What is on its way may arrive before the answer is believed.
                    await self._clock.sleep(self.look_s)
                    if heard() != before:
                        return None, ""
                    name = moved[0]
                    return "frozen", f"{first[name].evidence} and {again[name].evidence} differ"
        except SsmdError as error:
            return "unknown", error.message
        places = ", ".join(statement.evidence for statement in first.values())
        return "quiet", f"{places} and later ones agree"

    async def _all(self, symbols: Mapping[str, frozenset[str]]) -> dict[str, Statement]:
        """A statement about each; those of whom REST cannot tell are left out."""
        found = {}
        for name, channels in symbols.items():
            witness = self._venue.rest.witness(name, channels, secrets.token_hex(4))
            if witness is not None:
                found[name] = await self._ask(witness)
        return found
