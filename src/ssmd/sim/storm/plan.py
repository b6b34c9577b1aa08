"""Which faults strike when: a function of one integer. Pure."""

from collections.abc import Sequence
from random import Random
from typing import Final, get_args

import msgspec

from ssmd.sim.faults import GarbageKind
from ssmd.sim.storm.catalog import BY_NAME, Kind

STRIKES: Final = 6
"""Faults of one schedule, unless fewer are asked for."""
_FIRST_S: Final = 0.3
_GARBAGE: Final = tuple(sorted(set(get_args(GarbageKind)) - {"oversize", "huge"}))
_STEPS_S: Final = (2.0, 45.0, 900.0, 7200.0)
LARGEST_STEP_S: Final = 2 * max(_STEPS_S)
"""Greatest distance of two settings of one clock, in seconds."""


class Strike(msgspec.Struct, frozen=True, kw_only=True):
    """One fault of a schedule.

    Attributes:
        at_s: When, in seconds from the first frame archived.
        fault: Its name in the catalogue.
        for_s: How long it lasts, in seconds; 0 for a blow.
        amount: How much of it, from 0 to 1: what it means depends on the fault.
        spec: The command to the simulated venue, but for its `{symbol}`; empty when it is none of
            its faults.
    """

    at_s: float
    fault: str
    for_s: float
    amount: float
    spec: str

    @property
    def kind(self) -> Kind:
        """What the catalogue says of it."""
        return BY_NAME[self.fault]

    def command(self, symbols: Sequence[str]) -> str:
        """The command to a venue of which these instruments are recorded."""
        return self.spec.format(symbol=f",symbol={symbols[0]}" if symbols else "")

    @property
    def step_s(self) -> float:
        """How far a clock is set, in seconds."""
        size = _STEPS_S[min(len(_STEPS_S) - 1, int(self.amount * len(_STEPS_S)))]
        return -size if self.fault == "clock_back" else size


def schedule(
    seed: int, *, seconds: float, kinds: Sequence[Kind], strikes: int = STRIKES
) -> tuple[Strike, ...]:
    """The faults of a schedule, in the order of time; the same integer gives the same.

    No fault comes twice before all came once, so that few schedules see many faults.

    Args:
        seed: The integer.
        seconds: How long traffic flows before everything is healed.
        kinds: What may happen.
        strikes: How many happen.
    """
    chance = Random(seed)  # noqa: S311 - a simulation, not a secret
    drawn: list[Kind] = []
    while kinds and len(drawn) < strikes:
        drawn += chance.sample(list(kinds), min(len(kinds), strikes - len(drawn)))
    moments = sorted(chance.uniform(_FIRST_S, max(_FIRST_S, seconds)) for _ in drawn)
    return tuple(_strike(kind, at, chance) for kind, at in zip(drawn, moments, strict=True))


def _strike(kind: Kind, at_s: float, chance: Random) -> Strike:
    for_s = round(chance.uniform(kind.shortest_s, kind.longest_s), 3)
    amount = round(chance.random(), 6)
    spec = kind.spec.format(for_s=for_s, garbage=chance.choice(_GARBAGE), symbol="{symbol}")
    return Strike(at_s=round(at_s, 3), fault=kind.name, for_s=for_s, amount=amount, spec=spec)


def halves(strikes: Sequence[Strike]) -> list[tuple[Strike, ...]]:
    """Smaller schedules that may still show what the whole one shows, the smallest first."""
    middle = len(strikes) // 2
    parts = [tuple(strikes[:middle]), tuple(strikes[middle:])]
    without = [tuple(strikes[:at]) + tuple(strikes[at + 1 :]) for at in range(len(strikes))]
    return [part for part in (*parts, *without) if 0 < len(part) < len(strikes)]
