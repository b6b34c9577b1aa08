"""How old a message is when the bus has it."""

from ssmd.bus import codec
from ssmd.bus.outstanding import Item, Whole
from ssmd.bus.telemetry import PublisherWatch
from ssmd.runtime import passage_metrics
from ssmd.sim.manual_clock import ManualClock

MESSAGE = codec.Message(b"s", b"h", b"p", b"i")


def shown(feed: str) -> tuple[float, float]:
    """How many latencies there are, and their sum, in seconds."""
    found = passage_metrics.ACKED_SECONDS.labels(feed, "")
    return sum(bucket.get() for bucket in found._buckets), found._sum.get()


async def test_every_message_is_timed_from_its_receipt_to_its_last_piece() -> None:
    """Once per message, however many pieces; what has no time of receipt has no age."""
    clock = ManualClock()
    watch = PublisherWatch("acked", None, 10)
    whole, untimed = Whole(1, MESSAGE, clock.wall()), Whole(2, MESSAGE, None)
    whole.left = 2
    await clock.advance(1.5)
    watch.stored(False, Item(MESSAGE, whole), clock)
    whole.left = 1
    await clock.advance(0.5)
    watch.stored(True, Item(MESSAGE, whole), clock)
    watch.stored(False, Item(MESSAGE, untimed), clock)
    assert shown("acked") == (0, 0.0)
    watch.show(0)
    assert shown("acked") == (1, 2.0)
    watch.show(0)
    assert shown("acked") == (1, 2.0), "nothing is counted twice"
