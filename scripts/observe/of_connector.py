"""Alerts about sockets, subscriptions and what comes through them."""

from typing import Final

from scripts.observe.alert import Alert, Case, labels_of, of_feed, shard, told

PAUSED: Final = "unless on (feed, category) max by (feed, category) (max_over_time(ssmd_connector_venue_paused[{}])) == 1"
"""Not while the venue's own calendar says that it rests, nor so long after it."""
_UP = "ssmd_connector_websocket_connected"
_PLAN = told("ssmd_connector_shards_total", "1x2000")
_RESTS = told("ssmd_connector_venue_paused", "0x5 1x120")

SHARD_DISCONNECTED = Alert(
    name="SsmdShardDisconnected",
    expr=f"""\
{_UP} == 0
and on (job, instance, feed, category) (
  ssmd_connector_shards_total
  > on (job, instance, feed, category) sum by (job, instance, feed, category) ({_UP})
)
{PAUSED.format("10m")}""",
    hold=2,
    severity="critical",
    summary="Shard {{ $labels.shard }} of {{ $labels.feed }} has no open socket.",
    fires=Case(
        why="a socket is lost and does not come back",
        told=(told(_UP, "1x5 0x20"), _PLAN, told("ssmd_connector_venue_paused", "0x30")),
        minute=9,
        since=6,
        labels=shard(),
    ),
    quiet=(
        Case(
            why="the venue's calendar has a pause",
            told=(told(_UP, "1x6 0x110 1x20"), _PLAN, _RESTS),
            minute=60,
        ),
        Case(
            why="a start, and a shard that is no longer planned",
            told=(told(_UP, "0x1 1x30"), told(_UP, "0x31", shard="1"), _PLAN),
            minute=20,
        ),
    ),
)

_MESSAGES = 'ssmd_connector_messages_total{message_type!~"_.*"}'
FEED_SILENT = Alert(
    name="SsmdFeedSilent",
    expr=f"""\
(
  sum by (feed, category) (increase({_MESSAGES}[30m])) == 0
  and sum by (feed, category) (increase({_MESSAGES}[30m] offset 1d)) > 30
  or
  sum by (feed, category) (ssmd_connector_frames_total) == 0
  and sum by (feed, category) ({_UP}) > 0
)
{PAUSED.format("40m")}""",
    hold=10,
    severity="critical",
    summary="{{ $labels.feed }} says nothing, though it did at this time yesterday, or never did.",
    fires=Case(
        why="as busy as ever yesterday, and then nothing, with open sockets",
        told=(
            told("ssmd_connector_messages_total", "0+9x1440 12960x60", message_type="trade"),
            told("ssmd_connector_messages_total", "0+9x1500", message_type="_control"),
            told(_UP, "1x1500"),
            told("ssmd_connector_frames_total", "0+9x1500"),
        ),
        minute=1485,
        since=1470,
        labels=labels_of("feed", "category"),
    ),
    quiet=(
        Case(
            why="a night as quiet as the last",
            told=(
                told("ssmd_connector_messages_total", "10x1500", message_type="trade"),
                told(_UP, "1x1500"),
                told("ssmd_connector_frames_total", "0+9x1500"),
            ),
            minute=1490,
        ),
        Case(
            why="busy yesterday, a pause of the venue today",
            told=(
                told("ssmd_connector_messages_total", "0+9x1440 12960x60", message_type="trade"),
                told(_UP, "1x1500"),
                told("ssmd_connector_frames_total", "0+9x1440 12960x60"),
                told("ssmd_connector_venue_paused", "0x1439 1x60"),
            ),
            minute=1490,
        ),
        Case(
            why="no socket was ever open, which another alert tells",
            told=(told(_UP, "0x40"), told("ssmd_connector_frames_total", "0x40")),
            minute=30,
        ),
        Case(
            why="a feed that did not exist yesterday, a minute after its start",
            told=(
                told("ssmd_connector_messages_total", "0x3 5x30", message_type="trade"),
                told(_UP, "0 1x32"),
                told("ssmd_connector_frames_total", "0x3 5x30"),
            ),
            minute=25,
        ),
    ),
)
FEED_NEVER_SPOKE = Case(
    why="sockets are open, and not one frame came",
    told=(told(_UP, "1x30"), told("ssmd_connector_frames_total", "0x30")),
    minute=15,
    labels=labels_of("feed", "category"),
)
"""The other way for a feed to be silent; it has a test of its own."""


def _counted(
    name: str, metric: str, summary: str, label: str = "", word: str = "", where: str = ""
) -> Alert:
    """An alert on a counter that should stand still: it moved within 15 minutes."""
    told_labels = {label: word} if label else {}
    return Alert(
        name=name,
        expr=f"increase({metric}{where}[15m]) > 0",
        severity="warning",
        summary=summary,
        fires=Case(
            why="it counts one",
            told=(told(metric, "0x5 1x20", **told_labels),),
            minute=8,
            labels=shard(**told_labels),
        ),
        quiet=(
            Case(
                why="it counted once, longer ago",
                told=(told(metric, "0x5 1x40", **told_labels),),
                minute=30,
            ),
        ),
    )


FRAMES_UNREAD = _counted(
    "SsmdFramesUnread",
    "ssmd_connector_parse_errors_total",
    "{{ $labels.feed }} sends what we do not understand; it is kept.",
)
VENUE_GAPS = _counted(
    "SsmdVenueGaps",
    "ssmd_connector_gaps_total",
    "{{ $labels.feed }}: the venue's own counter shows a gap ({{ $labels.kind }}).",
    "kind",
    "sequence",
    '{kind=~"sequence|sequence_reset"}',
)
CHECKSUMS = _counted(
    "SsmdChecksumFailures",
    "ssmd_connector_gaps_total",
    "{{ $labels.feed }}: a book does not have the checksum the venue gives it.",
    "kind",
    "checksum",
    '{kind="checksum"}',
)

OVERFLOW = Alert(
    name="SsmdSubscriptionsOverflow",
    expr="ssmd_connector_markets_overflow > 0 or ssmd_universe_given_up > 0",
    hold=10,
    severity="warning",
    summary="{{ $labels.feed }}: {{ $value }} wanted subscriptions find no room.",
    fires=Case(
        why="more is wanted than the plan can hold",
        told=(told("ssmd_connector_markets_overflow", "0x5 40x30"),),
        minute=20,
        since=6,
        labels=of_feed(),
        shown="40",
    ),
    quiet=(
        Case(
            why="a plan that is being made anew",
            told=(
                told("ssmd_connector_markets_overflow", "0x5 40x3 0x20"),
                told("ssmd_universe_given_up", "0x30"),
            ),
            minute=15,
        ),
    ),
)
REFUSED = Alert(
    name="SsmdSubscriptionsRefused",
    expr="sum by (job, instance, feed, category) (ssmd_connector_markets_refused) > 0",
    hold=15,
    severity="warning",
    summary="{{ $labels.feed }}: the venue refuses {{ $value }} subscriptions.",
    fires=Case(
        why="three are refused and stay so",
        told=(
            told("ssmd_connector_markets_refused", "0x5 2x40"),
            told("ssmd_connector_markets_refused", "0x5 1x40", shard="1"),
        ),
        minute=30,
        since=6,
        labels=of_feed(),
        shown="3",
    ),
    quiet=(
        Case(
            why="refused once, then taken out of what is wanted",
            told=(told("ssmd_connector_markets_refused", "0x5 2x5 0x40"),),
            minute=30,
        ),
    ),
)
_BY = "sum by (job, instance, feed, category)"
MISSING = Alert(
    name="SsmdSubscriptionsMissing",
    expr=f"""\
{_BY} (ssmd_connector_markets_subscribed)
+ {_BY} (ssmd_connector_markets_refused)
< 0.98 * (ssmd_connector_markets_requested - ssmd_connector_markets_overflow)
{PAUSED.format("15m")}""",
    hold=15,
    severity="critical",
    summary="{{ $labels.feed }}: only {{ $value }} of the wanted subscriptions are held or refused.",
    fires=Case(
        why="half of them are never acknowledged",
        told=(
            told("ssmd_connector_markets_subscribed", "50x60"),
            told("ssmd_connector_markets_refused", "0x60"),
            told("ssmd_connector_markets_requested", "100x60"),
            told("ssmd_connector_markets_overflow", "0x60"),
        ),
        minute=30,
        since=0,
        labels=of_feed(),
        shown="50",
    ),
    quiet=(
        Case(
            why="a start, then a refusal and an overflow that have alerts of their own",
            told=(
                told("ssmd_connector_markets_subscribed", "0x5 80x60"),
                told("ssmd_connector_markets_refused", "0x5 5x60"),
                told("ssmd_connector_markets_requested", "100x66"),
                told("ssmd_connector_markets_overflow", "0x5 15x60"),
            ),
            minute=50,
        ),
    ),
)
FROZEN = Alert(
    name="SsmdInstrumentsFrozen",
    expr='increase(ssmd_connector_judged_total{verdict="frozen"}[30m]) > 0',
    severity="warning",
    summary="{{ $labels.feed }}: instruments were silent while the venue's REST knew of news.",
    fires=Case(
        why="a witness proves that an instrument froze",
        told=(told("ssmd_connector_judged_total", "0x5 1x30", verdict="frozen"),),
        minute=10,
        labels=of_feed(verdict="frozen"),
    ),
    quiet=(
        Case(
            why="a witness says that it is merely quiet",
            told=(
                told("ssmd_connector_judged_total", "0+1x30", verdict="quiet"),
                told("ssmd_connector_judged_total", "0x30", verdict="frozen"),
            ),
            minute=20,
        ),
    ),
)
_ENDED = "ssmd_connector_shard_reconnects_total"
RECONNECTS = Alert(
    name="SsmdReconnectsOften",
    expr=f"""\
sum by (feed, category) (increase({_ENDED}{{reason!~"planned|unwanted|shutdown"}}[30m]))
> 5 * sum by (feed, category) (ssmd_connector_shards_total)
{PAUSED.format("40m")}""",
    severity="warning",
    summary="{{ $labels.feed }}: its connections end again and again.",
    fires=Case(
        why="a connection a minute",
        told=(told(_ENDED, "0+1x40", reason="lost"), _PLAN),
        minute=35,
        labels=labels_of("feed", "category"),
    ),
    quiet=(
        Case(
            why="planned replacements, and one that was lost",
            told=(
                told(_ENDED, "0+1x40", reason="planned"),
                told(_ENDED, "0x10 1x30", reason="lost"),
                _PLAN,
            ),
            minute=35,
        ),
    ),
)
ALERTS: Final = (
    SHARD_DISCONNECTED,
    FRAMES_UNREAD,
    VENUE_GAPS,
    CHECKSUMS,
    OVERFLOW,
    REFUSED,
    MISSING,
    FROZEN,
    RECONNECTS,
)
"""All but `FEED_SILENT`."""
