"""How services and feeds are shown over HTTP."""

from pydantic import Field

from ssmd.api.callers import Caller
from ssmd.api.lookout.memory import FeedNow, Standing
from ssmd.api.lookout.watching import Lookout
from ssmd.api.wire import Time, Wire

Count = int | None


class ServiceState(Wire):
    """How a service stands."""

    name: str = Field(description="Its name.", examples=["archiver"])
    ok: bool = Field(description="Whether it answers, and says that all is well.")
    reasons: list[str] = Field(description="Why not; none for a key that may not see all feeds.")


class FeedState(Wire):
    """How the recording of a feed stands. What nobody ever told is null."""

    feed: str = Field(description="Its name.", examples=["spot"])
    venue: str | None = Field(description="The venue; null until the ledger tells.")
    up: bool = Field(description="Whether somebody records it, and all who do answer.")
    reasons: list[str] = Field(description="Why it is not well; empty when it is.")
    grade: str | None = Field(description="`green`, `yellow`, `red`; null while not judged.")
    score: int | None = Field(description="0 to 100; null while not judged.")
    score_date: str | None = Field(description="The UTC day that was judged.")
    coverage_today: float | None = Field(description="Held of what was wanted today, 0 to 1.")
    coverage_at: Time | None = Field(description="When that was worked out.")
    seen_at: Time | None = Field(description="When its oldest figure was told.")
    rate: float | None = Field(description="Messages a second over the last 10 s.")
    shards: Count = Field(description="Connections that are open.")
    planned: Count = Field(description="Connections that are planned.")
    requested: Count = Field(description="Subscriptions wanted.")
    acknowledged: Count = Field(description="Subscriptions the venue confirmed.")
    receiving: Count = Field(description="Of these, of symbols that sent something.")
    refused: Count = Field(description="Subscriptions the venue refused.")
    overflow: Count = Field(description="Subscriptions that no connection may carry.")
    waiting: Count = Field(description="Subscriptions the venue has not answered yet.")
    suspects: Count = Field(description="Instruments silent beyond their rhythm.")
    frames: Count = Field(description="Frames since its connector started.")
    lag: Count = Field(description="Records received and not archived yet.")
    idle_s: float | None = Field(description="Longest silence of a connection, in seconds.")
    gaps: Count = Field(description="Gaps found since its connector started.")
    lost: Count = Field(description="Frames declared lost since then.")
    reconnects: Count = Field(description="Connections that ended since then.")


class Overview(Wire):
    """How everything stands."""

    at: Time = Field(description="What time it is there.")
    ok: bool = Field(description="Whether it records, and all is well.")
    stale_s: float | None = Field(description="Time since the services were looked at, in seconds.")
    feeds: list[FeedState] = Field(description="Every feed, by name.")
    services: list[ServiceState] = Field(description="Every service, by name.")


def feed_state(lookout: Lookout, now: FeedNow) -> FeedState:
    """A feed as it is shown."""
    status, scored = now.status, lookout.scores.get(now.feed)
    share = lookout.coverage.get(now.feed)

    def count(name: str) -> int | None:
        return None if status is None else int(getattr(status, name))

    return FeedState(
        feed=now.feed,
        venue=(share.venue or None) if share is not None else None,
        up=now.up,
        reasons=list(now.reasons),
        grade=None if scored is None else scored.grade,
        score=None if scored is None else scored.score,
        score_date=None if scored is None else scored.date,
        coverage_today=None if share is None else share.covered,
        coverage_at=None if share is None else lookout.folded_at,
        seen_at=now.at,
        rate=now.rate,
        shards=count("shards"),
        planned=count("planned"),
        requested=count("requested"),
        acknowledged=count("acknowledged"),
        receiving=count("receiving"),
        refused=count("refused"),
        overflow=count("overflow"),
        waiting=count("waiting"),
        suspects=count("suspects"),
        frames=count("frames"),
        lag=count("lag"),
        idle_s=None if status is None else status.idle_s,
        gaps=count("gaps"),
        lost=count("lost"),
        reconnects=count("reconnects"),
    )


def overview(lookout: Lookout, caller: Caller, at: int) -> Overview:
    """Everything that a caller may see."""
    feeds = [
        feed_state(lookout, lookout.memory.feed(name))
        for name in caller.only(lookout.memory.feeds())
    ]
    services = [
        _service(each, caller)
        for each in lookout.memory.services()
        if each.feed is None or caller.only([each.feed])
    ]
    return Overview(
        at=at,
        ok=any(each.requested for each in feeds) and all(each.ok for each in services),
        stale_s=lookout.stale_s(),
        feeds=feeds,
        services=services,
    )


def _service(standing: Standing, caller: Caller) -> ServiceState:
    """A service that serves all feeds speaks of feeds that not everybody may see."""
    shown = standing.feed is not None or caller.feeds is None
    return ServiceState(
        name=standing.service.name,
        ok=standing.up and not standing.reasons,
        reasons=list(standing.reasons) if shown else [],
    )
