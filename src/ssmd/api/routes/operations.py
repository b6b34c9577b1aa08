"""Whether it records, and how: feeds, shards, rates, reconnects."""

from typing import Annotated

from fastapi import Query
from pydantic import Field

from ssmd.api.callers import Caller, ForQuality
from ssmd.api.context import Context, Reached
from ssmd.api.lookout import folding, rates
from ssmd.api.lookout.memory import FeedNow
from ssmd.api.lookout.shown import FeedState, Overview, feed_state, overview
from ssmd.api.lookout.watching import Lookout, lookout
from ssmd.api.paging import Cursor, Index, Limit, Ns, cursor_of, start_of
from ssmd.api.problems import NotThere
from ssmd.api.routes.selecting import FeedPath
from ssmd.api.routing import router as routed
from ssmd.api.wire import Page, Time, Wire

router = routed("operations")
_CONNECTOR = "ssmd_connector_"


class Universe(Wire):
    """What the venue lists, and what of it is recorded; null where the feed names its symbols."""

    listed: int | None = Field(description="Instruments in the last round of discovery.")
    kept: int | None = Field(description="Of these, passed all filters.")
    excluded: dict[str, int] = Field(description="How many each filter kept out.")
    follows: bool | None = Field(description="Whether it follows the security master.")
    given_up: int | None = Field(description="Passed, and found no room in `max_instruments`.")


class FeedDetail(FeedState):
    """A feed, with its universe."""

    universe: Universe = Field(description="What is listed, and what of it is recorded.")
    services: list[str] = Field(description="Its connectors.")


class ShardState(Wire):
    """A connection, as its connector told it last."""

    shard: str = Field(description="Its number.", examples=["0"])
    connected: bool = Field(description="Whether its socket is open.")
    requested: int = Field(description="Subscriptions wanted.")
    acknowledged: int = Field(description="Subscriptions the venue confirmed.")
    receiving: int = Field(description="Of these, of symbols that sent something.")
    refused: int = Field(description="Subscriptions the venue refused.")
    frames: int = Field(description="Frames since the connector started.")
    idle_s: float = Field(description="Time since its last frame, in seconds.")
    reconnects: int = Field(description="Connections that ended since then.")
    service: str = Field(description="The connector.")


class Rate(Wire):
    """How fast it was."""

    at: Time = Field(description="When.")
    rate: float | None = Field(description="Messages a second over the step before; null unknown.")


class Rates(Wire):
    """The last half hour, the oldest first."""

    feed: str = Field(description="Of which feed.")
    step_s: int = Field(description="Between two points, in seconds.")
    points: list[Rate] = Field(description="Since the API began to look, at most.")


class Reconnect(Wire):
    """A connection that ended while something on it was wanted."""

    at: Time = Field(description="Its last archived frame.")
    shard: str = Field(description="Of which shard.")
    reason: str = Field(description="Why it ended.", examples=["silence"])
    connection: str = Field(description="Its id.")
    down_s: float | None = Field(description="Until all was held again, in seconds; null: not yet.")
    subscriptions: int = Field(description="How many were not held.")


@router.get("/v1/operations/status", summary="Is it recording?")
async def status(context: Reached, caller: ForQuality) -> Overview:
    """Every feed and service that the caller may see, as of the last look: at most seconds ago."""
    watch = await _watch(context)
    return overview(watch, caller, context.clock.wall())


@router.get("/v1/operations/feeds", summary="How every feed stands")
async def feeds(
    context: Reached, caller: ForQuality, limit: Limit = 100, cursor: Cursor = None
) -> Page[FeedState]:
    """Feeds that are recorded, or of which something is archived, by name."""
    watch = await _watch(context)
    start = start_of(cursor, "operations-feeds", limit, tuple[str])
    names = [name for name in caller.only(watch.memory.feeds()) if start is None or name > start[0]]
    shown = [feed_state(watch, watch.memory.feed(name)) for name in names[:limit]]
    more = cursor_of("operations-feeds", limit, [names[limit - 1]]) if names[limit:] else None
    return Page(items=shown, next=more)


@router.get("/v1/operations/feeds/{feed}", summary="How a feed stands")
async def feed_detail(context: Reached, caller: ForQuality, feed: FeedPath) -> FeedDetail:
    """One feed, with what its venue lists and what of it is recorded."""
    watch, now = await _feed(context, caller, feed)
    told = now.status
    universe = Universe(
        listed=None if told is None else told.listed,
        kept=None if told is None else told.kept,
        excluded={} if told is None else dict(told.excluded),
        follows=None if told is None else told.follows,
        given_up=None if told is None else told.given_up,
    )
    names = [each.service.name for each in now.services]
    return FeedDetail(**dict(feed_state(watch, now)), universe=universe, services=names)


@router.get("/v1/operations/feeds/{feed}/shards", summary="A feed's connections")
async def shards(
    context: Reached, caller: ForQuality, feed: FeedPath, limit: Limit = 100, cursor: Cursor = None
) -> Page[ShardState]:
    """Every connection, by connector and number."""
    _, now = await _feed(context, caller, feed)
    asked = [feed, limit]
    (begin,) = start_of(cursor, "shards", asked, tuple[Index]) or (0,)
    found = _shards(now)
    end = begin + limit
    more = cursor_of("shards", asked, [end]) if found[end:] else None
    return Page(items=found[begin:end], next=more)


@router.get("/v1/operations/feeds/{feed}/rates", summary="How fast a feed was")
async def past(context: Reached, caller: ForQuality, feed: FeedPath) -> Rates:
    """Messages a second over the last half hour, as far as the API has been looking."""
    watch, _ = await _feed(context, caller, feed)
    points = [Rate(at=each.at, rate=each.rate) for each in watch.memory.past(feed)]
    return Rates(feed=feed, step_s=rates.STEP_S, points=points)


@router.get("/v1/operations/feeds/{feed}/reconnects", summary="A feed's connections that ended")
async def reconnects(
    context: Reached,
    caller: ForQuality,
    feed: FeedPath,
    limit: Annotated[int, Query(ge=1, le=1000, description="Most items of one page.")] = 100,
    cursor: Cursor = None,
) -> Page[Reconnect]:
    """From the ledger, the newest first; a page may be short and yet have a `next`."""
    watch, _ = await _feed(context, caller, feed)
    since, until = caller.within(None, None)
    start = start_of(cursor, "reconnects", [feed, limit], tuple[Ns, str])
    before = (until, "") if until is not None else None
    found = await watch.apart.ask(
        folding.Broken(
            root=str(context.root),
            feed=feed,
            before=start or before,
            since=since or 0,
            limit=limit,
        ),
        folding.Breaks,
    )
    more = found.next and cursor_of("reconnects", [feed, limit], list(found.next))
    return Page(items=[_reconnect(each) for each in found.items], next=more)


async def _watch(context: Context) -> Lookout:
    watch = lookout(context)
    await watch.ready()
    return watch


async def _feed(context: Context, caller: Caller, feed: str) -> tuple[Lookout, FeedNow]:
    """A feed that the caller may see, and that there is."""
    caller.check_feed(feed)
    watch = await _watch(context)
    if feed not in watch.memory.feeds():
        raise NotThere(f"There is no feed {feed[:100]!r} here.", remedy="See /v1/operations/feeds.")
    return watch, watch.memory.feed(feed)


def _shards(now: FeedNow) -> list[ShardState]:
    found: list[ShardState] = []
    for each in now.services:
        if each.samples is None:
            continue
        samples = each.samples
        by = {
            name: samples.by("shard", f"{_CONNECTOR}{name}", feed=now.feed)
            for name in (
                "websocket_connected", "markets_requested", "markets_subscribed",
                "markets_receiving", "markets_refused", "frames_total", "idle_seconds",
                "shard_reconnects_total",
            )
        }  # fmt: skip
        for shard in sorted(by["websocket_connected"], key=lambda name: (len(name), name)):
            number = {name: values.get(shard, 0.0) for name, values in by.items()}
            found.append(
                ShardState(
                    shard=shard,
                    connected=each.up and number["websocket_connected"] > 0,
                    requested=int(number["markets_requested"]),
                    acknowledged=int(number["markets_subscribed"]),
                    receiving=int(number["markets_receiving"]),
                    refused=int(number["markets_refused"]),
                    frames=int(number["frames_total"]),
                    idle_s=number["idle_seconds"],
                    reconnects=int(number["shard_reconnects_total"]),
                    service=each.service.name,
                )
            )
    return found


def _reconnect(found: folding.Break) -> Reconnect:
    return Reconnect(
        at=found.at,
        shard=found.shard,
        reason=found.reason,
        connection=found.connection,
        down_s=None if found.until is None else (found.until - found.at) / 1e9,
        subscriptions=found.subscriptions,
    )
