"""Which messages a client is sent, when several connections told the same."""

from ssmd.model.envelope import Envelope
from ssmd.model.simulated import Owed
from ssmd.sim.replay.listener import Begin, Listener, Subject
from ssmd.sim.replay.survey import Span
from ssmd.sim.replay.taped import Taped
from tests.archive.made import START
from tests.sim.replay.recorded import PAIRS, STEP_NS, Connection

BTC, ETH = PAIRS
BOOK, TRADE = Owed("book", BTC, "book"), Owed("trade", BTC)


def whole(envelope: Envelope) -> Taped:
    """A frame that was not split."""
    assert envelope.ordinal is not None
    assert envelope.ts_recv is not None
    return Taped(envelope.ts_recv, envelope.connection, envelope.ordinal, 1, (envelope,))


def listener(spans: dict[str, Span], *owed: Owed) -> Listener:
    """A client that subscribed."""
    made = Listener(spans, lambda envelope: b'"snapshot"' in envelope.payload)
    made.change(owed)
    return made


def test_only_what_is_subscribed_is_sent() -> None:
    """A channel, and a symbol of it; not the others."""
    talk = Connection()
    frames = [talk.trade(), talk.trade(ETH), talk.book("snapshot"), talk.trade()]
    client = listener({talk.id: Span(START, talk.ts)}, TRADE)
    assert [client.take(whole(each)) for each in frames] == [
        frames[0].payload, None, None, frames[3].payload,
    ]  # fmt: skip
    assert client.counts.sent == 2
    assert client.counts.withheld == 0


def test_what_is_no_longer_subscribed_is_not_sent() -> None:
    """Unsubscribing ends it, and subscribing again begins it anew."""
    talk = Connection()
    client = listener({talk.id: Span(START, talk.ts)}, BOOK)
    assert client.change([TRADE]) == set()
    assert client.take(whole(talk.book())) is None
    assert client.change([TRADE, BOOK]) == {("book", BTC)}
    assert client.take(whole(talk.book())) is not None


def test_twins_are_not_heard_twice() -> None:
    """Two connections tell the same: one is heard, the other when that one has ended."""
    one, two = Connection(0), Connection(1)
    first = [one.trade() for _ in range(3)]
    second = [two.trade() for _ in range(6)]
    spans = {one.id: Span(START, first[-1].ts_recv or 0), two.id: Span(START, two.ts)}
    client = listener(spans, TRADE)
    for each in sorted([*first, *second], key=lambda e: (e.ts_recv, e.connection)):
        client.take(whole(each))
    assert client.counts.sent == 6
    assert client.counts.withheld == 3


def test_a_younger_connection_takes_a_book_over_with_its_snapshot() -> None:
    """Its snapshot is a whole state: from there on it can be read alone, and the old one cannot."""
    old, new = Connection(0), Connection(1, START + 2 * STEP_NS)
    told = [old.book("snapshot"), old.book(), old.book(), old.book(), old.book()]
    fresh = [new.book("snapshot"), new.book(), new.book()]
    spans = {old.id: Span(START, old.ts), new.id: Span(fresh[0].ts_recv or 0, new.ts)}
    client = listener(spans, BOOK)
    order = sorted([*told, *fresh], key=lambda e: (e.ts_recv, e.connection))
    sent = [each for each in order if client.take(whole(each)) is not None]
    assert sent == [told[0], told[1], told[2], *fresh]


def test_of_a_split_frame_only_the_subscribed_pieces_are_sent() -> None:
    """As the venue would have put it together for this client; all of them are the frame."""
    talk = Connection()
    pieces = (talk.trade(), talk.trade(ETH), talk.frame("_unread", (), {"x": 1}))
    frame = Taped(START, talk.id, 0, 3, pieces)
    spans = {talk.id: Span(START, talk.ts)}
    assert listener(spans, TRADE).take(frame) == b"[%b]" % pieces[0].payload
    both = listener(spans, TRADE, Owed("trade", ETH))
    assert both.take(frame) == b"[%b]" % b",".join(each.payload for each in pieces)


def test_a_book_that_begins_in_the_middle_is_counted() -> None:
    """Nothing is made up for it; that the client has no snapshot is said."""
    talk = Connection()
    client = listener({talk.id: Span(START, talk.ts)}, BOOK)
    client.take(whole(talk.book()))
    client.take(whole(talk.book()))
    assert client.counts.without_snapshot == 1


def test_a_lead_has_each_book_from_its_snapshot_on() -> None:
    """What stands before a book's snapshot is not sent, though another book needs that time."""
    talk = Connection()
    frames = [
        talk.book("snapshot", ETH), talk.book(), talk.book("snapshot"), talk.book(),
        talk.book("update", ETH),
    ]  # fmt: skip
    client = listener({talk.id: Span(START, talk.ts)}, BOOK, Owed("book", ETH, "book"))
    begins: dict[Subject, Begin] = {
        ("book", ETH): Begin(whole(frames[0]).key, talk.id),
        ("book", BTC): Begin(whole(frames[2]).key, talk.id),
    }
    assert list(client.lead(map(whole, frames), begins)) == [
        frames[at].payload for at in (0, 2, 3, 4)
    ]
    assert client.counts.lead == 4
