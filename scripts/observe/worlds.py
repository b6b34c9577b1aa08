"""Whole situations in which every service shows everything it has, and no alert may fire.

The series are those of the registry, all of them: whatever is not told otherwise stands at zero.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
from scripts.observe.alert import Told
from scripts.observe.catalog import Series

from ssmd.secmaster.changes.settings import FEED as CHANGES

MINUTES: Final = 200
"""How long each lasts."""
_GIB: Final = 1 << 30
_ONE: Final = f"1x{MINUTES}"
_AT_TRADE: Final = {"message_type": "trade"}

_HEALTHY: Final[dict[str, str]] = {
    "up": _ONE,
    "ssmd_ready": _ONE,
    "process_start_time_seconds": f"100x{MINUTES}",
    "ssmd_connector_websocket_connected": _ONE,
    "ssmd_connector_shards_total": _ONE,
    "ssmd_connector_markets_subscribed": f"99x{MINUTES}",
    "ssmd_connector_markets_requested": f"99x{MINUTES}",
    "ssmd_connector_messages_total": f"0+600x{MINUTES}",
    "ssmd_connector_frames_total": f"0+660x{MINUTES}",
    "ssmd_connector_bytes_total": f"0+66000x{MINUTES}",
    "ssmd_spool_disk_free_bytes": f"{500 * _GIB}-1000000x{MINUTES}",
    "ssmd_archiver_disk_free_bytes": f"{500 * _GIB}-1000000x{MINUTES}",
    "ssmd_spool_records": f"40 900x{MINUTES}",
    "ssmd_spool_oldest_age_seconds": f"2x{MINUTES}",
    "ssmd_publisher_connected": _ONE,
    "ssmd_consumer_active": _ONE,
    "ssmd_archiver_commits_total": f"0+60x{MINUTES}",
    "ssmd_archiver_messages_total": f"0+600x{MINUTES}",
    "ssmd_tables_lag_seconds": f"900x{MINUTES}",
    "ssmd_secmaster_sync_age_seconds": f"0+60x59 0+60x{MINUTES - 60}",
    "ssmd_cdc_active": _ONE,
    "ssmd_cdc_slot_safe_bytes": f"-1x{MINUTES}",
    "ssmd_universe_following": _ONE,
    "ssmd_dq_score": f"97x{MINUTES}",
    "ssmd_dq_grade": f"2x{MINUTES}",
    "ssmd_dq_last_judged_timestamp": f"60x{MINUTES}",
    "ssmd_operator_leader": _ONE,
    "ssmd_operator_last_watch_event_timestamp": f"{120 * MINUTES}x{MINUTES}",  # always news
    "ssmd_clock_offset_seconds": f"0.002x{MINUTES}",
}
_STORED: Final = Told("ssmd_publisher_acks_total", f"0+600x{MINUTES}", {"result": "stored"})
_LATENCY: Final = tuple(
    Told("ssmd_connector_venue_latency_seconds_bucket", f"0+{much}x{MINUTES}", {"le": bound})
    for bound, much in (("0.1", 590), ("5.0", 599), ("+Inf", 600))
)


class World(msgspec.Struct, frozen=True):
    """One situation.

    Attributes:
        why: What it is.
        changed: What stands otherwise than in a healthy hour, by metric.
        more: Series besides.
        begins: The minute in which everything comes into being.
    """

    why: str
    changed: dict[str, str] = {}
    more: tuple[Told, ...] = ()
    begins: int = 0

    def told(self, known: Mapping[str, Series]) -> Iterator[Told]:
        """Every series."""
        values = _HEALTHY | self.changed
        for name, series in known.items():
            text = _later(values.get(name, f"0x{MINUTES}"), self.begins)
            for labels in _all_labels(series):
                yield Told(name, text, labels)
        for each in self.more:
            yield Told(each.name, _later(each.values, self.begins), each.labels)


def _later(values: str, begins: int) -> str:
    """The same, `begins` minutes later."""
    return f"_x{begins - 1} {values}" if begins else values


def _all_labels(series: Series) -> Iterator[dict[str, str]]:
    """What tells apart the series of one name, beyond `alert.DEMO`."""
    own = {"feed": CHANGES} if series.name.startswith("ssmd_cdc_") else {}
    if series.name in {_STORED.name, _LATENCY[0].name}:
        own = {**own, "shard": "9"} if "shard" in series.labels else own
    if "message_type" in series.labels:
        yield own | _AT_TRADE
    elif series.words:
        ((label, words),) = series.words.items()
        for word in words:
            if (series.name, word) != (_STORED.name, "stored"):
                yield own | {label: word}
    elif "le" not in series.labels:
        yield own


_STILL: Final = {
    name: f"{level}x6 {level}x{MINUTES}"
    for name, level in (
        ("ssmd_connector_messages_total", 9000),
        ("ssmd_connector_frames_total", 9900),
        ("ssmd_archiver_commits_total", 900),
        ("ssmd_archiver_messages_total", 9000),
    )
}
_LIVELY: Final = (_STORED, *_LATENCY)
WORLDS: Final = (
    World("a healthy day", more=_LIVELY),
    World(
        "the venue's maintenance: its sockets closed, its REST away, for two hours",
        {
            "ssmd_connector_venue_paused": f"0x10 1x120 0x{MINUTES - 132}",
            "ssmd_connector_websocket_connected": f"1x12 0x118 0 1x{MINUTES - 133}",
            "ssmd_connector_markets_subscribed": f"99x12 0x118 0x2 99x{MINUTES - 135}",
            "ssmd_ready": f"1x12 0x118 0x2 1x{MINUTES - 135}",
            **dict.fromkeys(
                ("ssmd_connector_messages_total", "ssmd_connector_frames_total"),
                f"0+60x12 720x118 720+60x{MINUTES - 132}",
            ),
        },
        (
            *_LATENCY,
            Told(
                "ssmd_connector_shard_reconnects_total",
                f"0x12 0+1x118 119x{MINUTES - 132}",
                {"reason": "connect_failed", "shard": "1"},
            ),
        ),
    ),
    World("a night in which nobody trades", {**_STILL}),
    World(
        "a start",
        {
            "ssmd_ready": f"0x2 1x{MINUTES}",
            "ssmd_connector_websocket_connected": f"0 1x{MINUTES}",
            "ssmd_connector_markets_subscribed": f"0x3 99x{MINUTES}",
            "ssmd_publisher_connected": f"0 1x{MINUTES}",
            "ssmd_consumer_active": f"0 1x{MINUTES}",
            "ssmd_cdc_active": f"0x1 1x{MINUTES}",
            "ssmd_archiver_disk_free_bytes": f"0x1 {500 * _GIB}x{MINUTES}",
            "ssmd_spool_disk_free_bytes": f"0x1 {500 * _GIB}x{MINUTES}",
            "ssmd_cdc_slot_safe_bytes": f"0x1 -1x{MINUTES}",
        },
        _LIVELY,
        begins=60,
    ),
)
"""All of them."""
