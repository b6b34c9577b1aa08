"""The status machine: what may become of an instrument, and whose word counts. Pure.

An instrument goes forward: it is listed, trades, closes, is decided, is paid. What goes back does
so for a reason that the table names:

- `paused` is no end: trading goes on afterwards, as it does after a `deactivated` of any venue.
- `closed` opens again when the venue says so (it moved the time of closing), never by our clock.
- `determined` is closed again while its result is disputed.
- `settled` and `void` are ends. Only an amendment (`sql`: an operator) takes them back.
- What our clock inferred, the venue may take back: at once by moving the time (`Said.postponed`), or
  by still saying otherwise when the time is long past. The clock does not insist: see `sweep`.

Three speak of a status, and not at the same moment. A page of REST may be as old as the venue's cache,
so that news of a WebSocket within `REST_LAG` of it is not overruled by it, unless the page is further
along; and news that is told late is not held against what was said after it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from ssmd.model.instrument import Status

Source: TypeAlias = Literal["rest", "ws", "clock", "sql"]
"""Who says it: a listing, a WebSocket, the time that the listing names, an operator."""

Judgement: TypeAlias = Literal["applied", "unchanged", "stale", "refused"]
"""What becomes of what is said; `stale` is older than what is known, and nobody's fault."""

STATUSES: Final[tuple[Status, ...]] = get_args(Status)
ENDS: Final[frozenset[Status]] = frozenset({"settled", "void"})
"""After these nothing is expected any more."""
REST_LAG: Final = timedelta(seconds=30)
"""How much older than its arrival an answer over REST may be."""

_FORWARD: Final[Mapping[Status, frozenset[Status]]] = {
    "pre_open": frozenset({"active", "paused", "closed", "determined", "settled", "void"}),
    "active": frozenset({"paused", "closed", "determined", "settled", "void"}),
    "paused": frozenset({"active", "closed", "determined", "settled", "void"}),
    "closed": frozenset({"determined", "settled", "void"}),
    "determined": frozenset({"settled", "void", "closed"}),
    "settled": frozenset(),
    "void": frozenset(),
}
"""What may follow on what, whoever says so."""
_REOPENED: Final[frozenset[Status]] = frozenset({"active", "paused"})
_RANK: Final[Mapping[Status, int]] = {
    "pre_open": 0,
    "active": 1,
    "paused": 1,
    "closed": 2,
    "determined": 3,
    "settled": 4,
    "void": 4,
}


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How an instrument stands, as far as we know.

    Attributes:
        status: In our vocabulary.
        raw_status: In the venue's words, when it was last said.
        source: Who said so.
        at: Since when; None when nobody knows.
    """

    status: Status
    raw_status: str
    source: Source
    at: datetime | None


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says about how it stands.

    Attributes:
        status: In our vocabulary.
        raw_status: In the venue's words.
        source: Who says so.
        at: When it was so: the venue's time of an event, when a page was fetched.
        postponed: Whether it says as well that the time by which our clock went is yet to come.
    """

    status: Status
    raw_status: str
    source: Source
    at: datetime
    postponed: bool = False


class Verdict(msgspec.Struct, frozen=True):
    """What becomes of what was said.

    Attributes:
        judgement: The decision.
        why: The reason, when it was not applied although it differs.
    """

    judgement: Judgement
    why: str = ""


def may_follow(before: Status, after: Status, source: Source) -> bool:
    """Whether a transition is in the table; an instrument may always stay as it is."""
    if before == after or source == "sql" or after in _FORWARD[before]:
        return True
    return before == "closed" and after in _REOPENED and source != "clock"


def judge(now: Standing, said: Said) -> Verdict:
    """Decide what becomes of what is said about an instrument."""
    if said.status == now.status:
        return _worded(now, said)
    if now.source == "clock" and said.source == "rest" and said.postponed:
        return Verdict("applied")
    if _is_older(now, said):
        return Verdict("stale", "it was said before what is known")
    contradicts = now.source == "clock" and said.source == "rest" and now.status not in ENDS
    if contradicts or may_follow(now.status, said.status, said.source):
        return Verdict("applied")
    return Verdict("refused", f"{now.status} never becomes {said.status}")


def _worded(now: Standing, said: Said) -> Verdict:
    """The status stays; its words in the venue's language may be news."""
    if said.raw_status in ("", now.raw_status):
        return Verdict("unchanged")
    if _is_older(now, said):
        return Verdict("stale", "it was said before what is known")
    return Verdict("applied")


def _is_older(now: Standing, said: Said) -> bool:
    """Whether it was said before the present status was; an operator always has the last word."""
    if now.at is None or said.source == "sql":
        return False
    if said.source == "rest" and now.source in ("ws", "clock"):
        ahead = _RANK[said.status] > _RANK[now.status]
        return said.at < now.at or (not ahead and said.at - REST_LAG < now.at)
    if said.source == "ws" and now.source == "rest":
        return said.at < now.at - REST_LAG
    return said.at < now.at
