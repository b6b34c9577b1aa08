"""What live services told of a feed, and what there is reason to expect of it. Pure."""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from ssmd.model.timestamp import SECOND_NS
from ssmd.quality.checks.shards import Answer
from ssmd.quality.window import Window

PLANNED: Final = "planned"
"""The query that tells which shards there ought to be; no check by itself."""
EARLY_S: Final = 300.0
"""What was wanted for less may have shown nothing yet, in seconds: five minutes of scrapes."""
PAUSE_STEP_S: Final = 60.0
"""A venue's calendar is looked at this often, in seconds."""
DAY_S: Final = 86_400

Pause = Callable[[int], str | None]
"""The name of the venue's scheduled pause that a time (ns) lies in; None when it trades."""


class Away(msgspec.Struct, frozen=True):
    """A service that could have told did not.

    Attributes:
        why: The reason, a sentence.
        cap: What its checks count as, and the most they may score.
        remedy: What to do, a sentence.
    """

    why: str
    cap: float
    remedy: str = ""


class NotHere(msgspec.Struct, frozen=True):
    """There is no such service here, on purpose.

    Attributes:
        why: Who says so, a sentence.
    """

    why: str


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What Prometheus said of a feed.

    Attributes:
        where: Its address.
        at: The moment it was asked about, ns.
        answers: By check, and `PLANNED`.
        beyond: Why it cannot know of that time; empty when it can.
        watched: What else it watched then, a sentence; for when it knows nothing of the feed.
    """

    where: str
    at: int
    answers: Mapping[str, Answer]
    beyond: str = ""
    watched: str = ""


class StreamTold(msgspec.Struct, frozen=True, kw_only=True):
    """What the bus said of a feed's stream.

    Attributes:
        stream: Its name.
        messages: How many messages it holds.
        stored: How many it ever held.
        last_ts: When the last one came, ns; None when there was none.
        behind: How many of them are not archived yet.
        asked_at: When it was asked, ns.
        missing: Whether there is no such stream.
    """

    stream: str
    messages: int = 0
    stored: int = 0
    last_ts: int | None = None
    behind: int = 0
    asked_at: int = 0
    missing: bool = False


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What there is reason to expect of a feed.

    Attributes:
        window: The day.
        pause: The venue's calendar.
        wanted: The share of the window in which anything was wanted; None when nobody knows.
        wanted_last: Whether anything still was at its end; None when nobody knows.
        baseline: The whole day's messages that score 100; None keeps the policy's scale.
        zero: The messages that score 0.
        learned: Where the baseline is from, when it was learned; empty otherwise.
        divisions: The feed's divisions, each recorded by itself; none for a feed without.
    """

    window: Window
    pause: Pause
    wanted: float | None = None
    wanted_last: bool | None = None
    baseline: float | None = None
    zero: float = 0.0
    learned: str = ""
    divisions: tuple[str, ...] = ()

    @property
    def open_share(self) -> float:
        """The share of the window in which the venue traded by its calendar."""
        window = self.window
        step = round(PAUSE_STEP_S * SECOND_NS)
        looks = range(window.since, max(window.until, window.since + 1), step)
        return sum(self.pause(ts) is None for ts in looks) / len(looks)

    @property
    def is_young(self) -> bool:
        """Whether it was wanted for so short a time that there may be nothing to see yet."""
        return self.window.seconds * (1.0 if self.wanted is None else self.wanted) < EARLY_S

    @property
    def share(self) -> float:
        """The part of a whole day's messages that there is reason to expect."""
        wanted = 1.0 if self.wanted is None else self.wanted
        return wanted * self.open_share * min(1.0, self.window.seconds / DAY_S)
