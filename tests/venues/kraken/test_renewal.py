"""What seems to be frozen is ended and asked for again, for the sake of its snapshot."""

from ssmd.model.event import Subscribed, Unsubscribed
from tests.venues.kraken.frames import BOOK, ETHER, INSTRUMENT, TRADE, Talk


def confirmed(*subscriptions: object) -> Talk:
    talk = Talk()
    talk.want(*subscriptions)  # type: ignore[arg-type]
    talk.confirm()
    assert talk.requests() == []
    return talk


def test_what_is_held_is_ended_and_asked_for_again() -> None:
    """The venue refuses a second subscription: it must be told of the end first."""
    talk = confirmed(BOOK, TRADE, ETHER)
    talk.renew(BOOK)
    assert [(r["method"], r["params"]["symbol"]) for r in talk.sent] == [  # type: ignore[index]
        ("unsubscribe", ["BTC/USD"])
    ]
    events = talk.confirm()
    assert Unsubscribed(BOOK) in events
    assert [r["method"] for r in talk.sent] == ["subscribe"]
    assert talk.sent[0]["params"]["snapshot"] is True  # type: ignore[index]
    assert Subscribed(BOOK) in talk.confirm()
    assert talk.session.acknowledged == {BOOK, TRADE, ETHER}


def test_a_channel_about_everything_can_be_renewed() -> None:
    """Its snapshot says again what is listed."""
    talk = confirmed(INSTRUMENT, BOOK)
    talk.renew(INSTRUMENT, BOOK)
    assert talk.requests() == [
        ("unsubscribe", "book", ["BTC/USD"]),
        ("unsubscribe", "instrument", None),
    ]


def test_what_is_not_confirmed_is_passed_over() -> None:
    """Its answer is still to come, or it was never asked for; neither is sent twice."""
    talk = Talk()
    talk.renew(BOOK)
    assert talk.requests() == []
    talk.want(BOOK)
    talk.renew(BOOK, TRADE)
    assert [method for method, _, _ in talk.requests()] == ["subscribe"]
    other = Talk()
    other.want(BOOK)
    other.renew(BOOK)
    other.confirm()
    assert other.requests() == []
    assert other.session.acknowledged == {BOOK}


def test_renewals_of_the_same_become_rarer() -> None:
    """A pair that stays frozen is not a storm of requests."""
    talk = confirmed(BOOK)
    asked = 0
    for _ in range(120):
        talk.renew(BOOK)
        talk.live(1.0)
        while talk.sent:
            asked += sum(method == "unsubscribe" for method, _, _ in _peek(talk))
            talk.confirm()
    assert 2 <= asked <= 6


def _peek(talk: Talk) -> list[tuple[object, object, object]]:
    sent = list(talk.sent)
    found = talk.requests()
    talk.sent = sent
    return found


def test_a_renewal_keeps_to_the_pace() -> None:
    """Many frozen pairs are asked for again one burst at a time."""
    talk = Talk(sends_per_second=1.0)
    talk.want(BOOK, TRADE)
    for _ in range(3):
        talk.tick(1.0)
    talk.confirm()
    talk.tick(1.0)
    talk.renew(BOOK, TRADE)
    first = len(talk.requests())
    talk.tick(1.0)
    assert (first, len(talk.requests())) == (1, 1)


def test_nothing_is_renewed_once_the_connection_is_closed() -> None:
    """There is nobody to ask."""
    talk = confirmed(BOOK)
    talk.session.close(talk.now(), 1006, "")
    assert talk.renew(BOOK) == []
    assert talk.sent == []
