"""Both halves together: a loss is found, repaired, and the book is whole again."""

from collections import deque
from collections.abc import Sequence

import pytest

from ssmd.model.event import Gap, Repaired, Unread
from ssmd.model.simulated import Emission
from tests.venues.conversation import Exchange
from tests.venues.kraken_futures.simulating import products

NAMES = ("PF_XBTUSD", "PF_ETHUSD")


class InOrder(Exchange):
    """A connection on which an answer comes after what was on its way already."""

    def __init__(self, name: str, *, rate: float = 50.0, seed: int = 1) -> None:
        self._line: deque[Emission] = deque()
        self._busy = False
        super().__init__(name, rate=rate, seed=seed)

    def _hear(self, emissions: Sequence[Emission]) -> None:
        self._line.extend(emissions)
        if self._busy:
            return
        self._busy = True
        while self._line:
            super()._hear([self._line.popleft()])
        self._busy = False


@pytest.mark.parametrize("feed", ["book", "trade"])
def test_a_loss_is_found_and_repaired_while_the_others_go_on(feed: str) -> None:
    """One gap, one repair, one product asked for again; then every counter follows."""
    exchange = InOrder("kraken-futures", rate=300.0)
    wanted = exchange.venue.subscriptions((feed,), NAMES)
    exchange.want(wanted)
    exchange.live(5.0, until=True)
    exchange.live(1.0)
    exchange.market.corrupt(NAMES[0])
    asked = len(exchange.sent)
    exchange.live(5.0)
    events = exchange.events()
    (gap,) = [event for event in events if isinstance(event, Gap)]
    assert (gap.channel, gap.symbols, gap.kind) == (feed, NAMES[:1], "sequence")
    (repaired,) = [event for event in events if isinstance(event, Repaired)]
    assert (repaired.channel, repaired.symbols) == (feed, NAMES[:1])
    assert [request for request in exchange.sent[asked:] if request] == [
        b'{"event":"unsubscribe","feed":"%s","product_ids":["PF_XBTUSD"]}' % feed.encode(),
        b'{"event":"subscribe","feed":"%s","product_ids":["PF_XBTUSD"]}' % feed.encode(),
    ]
    assert exchange.session.acknowledged == wanted
    assert not [event for event in events if isinstance(event, Unread)]


def test_what_was_renewed_is_a_whole_book() -> None:
    """The snapshot and what follows it make the book the venue has."""
    exchange = InOrder("kraken-futures", rate=300.0)
    exchange.want(exchange.venue.subscriptions(("book",), NAMES))
    exchange.live(5.0, until=True)
    for _ in range(3):
        exchange.renew(exchange.session.acknowledged)
        exchange.live(2.0)
    known = products([each for each in exchange.said if each.payload])
    for name in NAMES:
        assert known[name].wrong == []
        assert known[name].is_sound()
    assert not [event for event in exchange.events() if isinstance(event, Gap)]
