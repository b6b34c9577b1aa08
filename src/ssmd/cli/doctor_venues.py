"""What `ssmd doctor` asks of venues: are they reachable, and do our keys open their doors."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from ssmd.cli.configured import Plan
from ssmd.cli.doctor_check import Check, Look, State
from ssmd.cli.doctor_here import WRONG_S
from ssmd.connector.probe import reach
from ssmd.feeds import registry
from ssmd.feeds.account import account_secrets, strangers
from ssmd.feeds.feed import FeedConfig
from ssmd.model.errors import ConfigError
from ssmd.model.records import ClockState
from ssmd.model.subscription import Shard
from ssmd.model.venue import Handshake
from ssmd.runtime.clock import Clock, today

OFFLINE: Final = "--offline: nothing beyond this machine's own servers is asked."


def looks(
    plan: Plan,
    clock: Clock,
    limit_s: float,
    *,
    offline: bool,
    offset: Callable[[], Awaitable[ClockState]],
) -> list[Look]:
    """Two looks a feed: its keys, and its endpoint.

    Args:
        plan: What is configured.
        clock: What time it is.
        limit_s: Longest time for one look, in seconds.
        offline: Whether no venue is asked.
        offset: Tells how right the clock is: what is signed is stamped with it.
    """
    found = []
    for feed in plan.feeds:
        found += [
            _keys(plan, feed, clock, offset),
            _endpoint(plan, feed, clock, limit_s, offline=offline),
        ]
    return found


def _keys(
    plan: Plan, feed: FeedConfig, clock: Clock, offset: Callable[[], Awaitable[ClockState]]
) -> Look:
    name = f"keys {feed.name}"

    async def look() -> Sequence[Check]:
        venue = registry.venue(feed)
        if venue.account is None:
            seen = f"{venue.title} lets in everybody: no keys are needed."
            return [Check(name=name, state="skipped", seen=seen)]
        try:
            handshake = _handshake(plan, feed, clock)
        except ConfigError as error:
            state: State = "fail" if plan.named else "warn"
            return [Check(name=name, state=state, seen=error.message, remedy=error.remedy)]
        fields = ", ".join(each.name for each in venue.account.credentials)
        kept = f"{fields}: there, readable by us alone, and fit"
        if not handshake.headers:
            return [Check(name=name, state="ok", seen=f"{kept}.")]
        return [_stamped(name, f"{kept}; a request was signed with them", await offset())]

    return Look(name, look)


def _stamped(name: str, seen: str, state: ClockState) -> Check:
    """Whether the time that a signature carries will be believed."""
    if state.offset_s is None:
        remedy = "Keep the clock (see `clock`): a venue refuses what is stamped too far off."
        return Check(
            name=name, state="warn", seen=f"{seen}, by a clock nobody vouches for.", remedy=remedy
        )
    seen += f", by a clock that is {abs(state.offset_s):.3f} s off"
    if abs(state.offset_s) > WRONG_S:
        remedy = "Set the clock first: a venue refuses what is stamped so far off."
        return Check(name=name, state="fail", seen=f"{seen}.", remedy=remedy)
    return Check(name=name, state="ok", seen=f"{seen}.")


def _endpoint(plan: Plan, feed: FeedConfig, clock: Clock, limit_s: float, *, offline: bool) -> Look:
    name = f"venue {feed.name}"

    async def look() -> Sequence[Check]:
        if offline:
            return [Check(name=name, state="skipped", seen=OFFLINE)]
        try:
            handshake = _handshake(plan, feed, clock)
        except ConfigError:
            seen = (
                f"Nobody is let in at {feed.endpoint(today(clock))} without the keys; see `keys`."
            )
            return [Check(name=name, state="skipped", seen=seen)]
        found = await reach(handshake, clock, timeout_s=limit_s * 0.8)
        seen = f"{feed.endpoint(today(clock))} let us in after {found.took_s * 1000:.0f} ms."
        return [Check(name=name, state="ok", seen=seen)]

    return Look(name, look)


def _handshake(plan: Plan, feed: FeedConfig, clock: Clock) -> Handshake:
    """The request that opens a connection, signed for this moment where the venue wants that.

    Raises:
        ConfigError: The keys are missing or unfit, or no version of the feed is effective today.
    """
    venue = registry.venue(feed)
    endpoint = feed.endpoint(today(clock))
    wants = feed.effective(today(clock)).auth_method == "api_key"
    secrets = (
        account_secrets(feed, plan.environment)
        if wants
        else plan.environment.secrets(without=strangers(feed, plan.environment))
    )
    return venue.handshake(endpoint, Shard(feed.name, 0, frozenset()), secrets, clock.now())
