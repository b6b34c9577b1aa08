"""Archives of several days, whose messages a test makes up."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import msgspec

from ssmd.archive import layout
from ssmd.model.envelope import Envelope
from ssmd.model.timestamp import SECOND_NS
from ssmd.sim.manual_clock import ManualClock
from tests.archive import made
from tests.archive.tables.made import FEED, Talk

DAY = timedelta(days=1)
LAST = date(2027, 1, 13)
Message = tuple[str, bytes]
"""A type, and the bytes of a message."""


def noon(day: date) -> int:
    """A time of a day, ns."""
    return int(datetime.combine(day, time(12), UTC).timestamp()) * SECOND_NS


def clock(day: date) -> ManualClock:
    """It is noon of a day."""
    return ManualClock(noon(day))


def record(
    root: Path,
    days: Mapping[date, Sequence[Message]],
    *,
    feed: str = FEED,
    symbol: str = "BTC/USD",
    shard: int = 0,
    sealed: bool = True,
) -> None:
    """Archive messages by the day they came on, in the order of days.

    Args:
        root: The archive.
        days: Messages by day.
        feed: Whose.
        symbol: What each is about.
        shard: On which shard's connection.
        sealed: Whether the segments are sealed at the end.
    """
    archive = made.archive(root)
    last = archive.position
    after = last.sequence if last else 0
    for day, messages in days.items():
        envelopes = list(_talked(Talk(shard, noon(day), feed=feed), messages, symbol))
        archive.append(made.sent(envelopes, after))
        archive.commit()
        after += len(envelopes)
    if sealed:
        archive.seal_all()
    archive.close()


def _talked(talk: Talk, messages: Iterable[Message], symbol: str) -> Iterable[Envelope]:
    yield talk.opened()
    for kind, payload in messages:
        yield talk.frame(kind, payload, symbol)
    yield talk.closed()


def kept(root: Path, day: date, feed: str = FEED) -> Path:
    """Where a day's fingerprint is kept."""
    return root / layout.drift(feed, day.isoformat())


def trade(number: int, **more: object) -> Message:
    """A trade as the venue sends it."""
    item = {
        "symbol": "BTC/USD", "side": "buy", "price": 100.5, "qty": 1.25, "ord_type": "limit",
        "trade_id": number, "timestamp": "2027-01-10T12:00:00.000000Z",
    }  # fmt: skip
    message = {"channel": "trade", "type": "update", "data": [item | more]}
    return "trade", msgspec.json.encode(message)


def trades(count: int = 40, **more: object) -> list[Message]:
    """Several of them."""
    return [trade(number, **more) for number in range(count)]
