"""One check of `ssmd doctor`, and how many of them run side by side, each within its time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Literal

import msgspec

from ssmd.model.errors import SsmdError
from ssmd.runtime.clock import Clock, within
from ssmd.runtime.secrets import excerpt

State = Literal["ok", "warn", "fail", "skipped"]
"""`warn` may be so and deserves a look; `fail` keeps something from working."""

_MOST: Final = 1000
"""Characters of what was seen; who quotes a server cannot know how much it says."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at, and what was found.

    Attributes:
        name: What was looked at.
        state: Whether it is as it should be; `skipped` was not looked at, and `seen` says why.
        seen: What was found, a sentence.
        remedy: What to do; empty when there is nothing to do.
    """

    name: str
    state: State
    seen: str
    remedy: str = ""


class Look(msgspec.Struct, frozen=True):
    """Something to look at.

    Attributes:
        name: What the check is called when it does not come to an end.
        look: Looks; gives one check or several.
    """

    name: str
    look: Callable[[], Awaitable[Sequence[Check]]]


async def examine(looks: Sequence[Look], clock: Clock, limit_s: float) -> list[Check]:
    """Look at everything side by side; no failure of one keeps another from its end.

    Args:
        looks: What to look at.
        clock: What time it is.
        limit_s: Longest time for each, in seconds.
    """
    found = await asyncio.gather(*(_within(each, clock, limit_s) for each in looks))
    return [_shown(check) for checks in found for check in checks]


async def _within(each: Look, clock: Clock, limit_s: float) -> Sequence[Check]:
    try:
        return await within(clock, limit_s, _asked(each))
    except TimeoutError:
        seen = f"There was no answer within {limit_s:g} s."
        remedy = "Look whether it is overloaded or unreachable; --timeout waits longer."
        return [Check(name=each.name, state="fail", seen=seen, remedy=remedy)]


async def _asked(each: Look) -> Sequence[Check]:
    try:
        return await each.look()
    except SsmdError as error:
        return [Check(name=each.name, state="fail", seen=error.message, remedy=error.remedy)]
    except (OSError, msgspec.MsgspecError) as error:
        remedy = "Look at the path or address that is named, and at our rights there."
        return [Check(name=each.name, state="fail", seen=f"{error}.", remedy=remedy)]
    except Exception as error:  # noqa: BLE001 - whoever asks a doctor is not to be shown a traceback
        seen = f"The check itself failed: {type(error).__name__}: {error}."
        return [Check(name=each.name, state="fail", seen=seen, remedy="Report it: it is a bug.")]


def _shown(check: Check) -> Check:
    """The check with whatever is secret masked, whoever quoted it."""
    return msgspec.structs.replace(
        check, seen=excerpt(check.seen, _MOST), remedy=excerpt(check.remedy, _MOST)
    )
