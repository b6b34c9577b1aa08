"""Services as `ssmd top` finds them, made up."""

from collections.abc import Mapping

from ssmd.cli.top_model import Look, Service
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime.scrape import Samples

FEED = "atlantis"
WALL = 1_800_000_000 * SECOND_NS
"""When everything is looked at first, ns."""


def samples(
    shards: Mapping[str, Mapping[str, float]], *, planned: int, feed: str = FEED, lag: float = 0
) -> Samples:
    """A connector's metrics.

    Args:
        shards: By shard: `up`, `frames`, `last` (Unix seconds), `held`, `gaps`, `ended`.
        planned: Shards of the plan.
        feed: The feed's name.
        lag: Records in the spool.
    """
    names = {
        "up": "ssmd_connector_websocket_connected",
        "frames": "ssmd_connector_frames_total",
        "last": "ssmd_connector_last_activity_timestamp",
        "held": "ssmd_connector_markets_subscribed",
        "gaps": "ssmd_connector_gaps_total",
        "ended": "ssmd_connector_shard_reconnects_total",
        "down_s": "ssmd_connector_downtime_seconds_total",
    }
    values: dict[str, list[tuple[Mapping[str, str], float]]] = {
        "ssmd_connector_shards_total": [({"feed": feed}, planned)],
        "ssmd_spool_records": [({"feed": feed}, lag)],
    }
    for shard, figures in shards.items():
        for key, name in names.items():
            labels = {"feed": feed, "category": "", "shard": shard}
            values.setdefault(name, []).append((labels, figures.get(key, 0.0)))
    return Samples(values)


def look(at_s: float, *services: Service) -> Look:
    """All connectors so many seconds after the first look."""
    return Look(mono=1000.0 + at_s, wall=WALL + round(at_s * SECOND_NS), services=services)


def service(found: Samples | None, *reasons: str, feed: str = FEED) -> Service:
    """One connector."""
    return Service(name=f"connector-{feed}", feed=feed, samples=found, reasons=reasons)


def shard(
    frames: float, *, up: bool = True, age_s: float = 0.5, at_s: float = 0.0, **more: float
) -> dict[str, float]:
    """One shard's figures, its last frame so many seconds before a look."""
    last = WALL / SECOND_NS + at_s - age_s
    return {"up": float(up), "frames": frames, "last": last, **more}
