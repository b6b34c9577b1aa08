"""A subscription is believed when a book comes; and no dead token ever becomes a storm."""

import itertools

import pytest

from ssmd.model.event import Event, Reconnect, Refused, Subscribed, Unsubscribed
from ssmd.model.subscription import plan
from ssmd.venues.polymarket import VENUE
from ssmd.venues.polymarket.subscriptions import CEILING
from tests.venues.polymarket.frames import (
    NO,
    YES,
    Talk,
    book,
    change,
    held,
    price_change,
    sub,
    token,
    trade,
    written,
)

DEAD = token(666)


def test_the_first_message_names_everything_and_asks_for_all_there_is() -> None:
    """Books, the touch and listings, in the documented form."""
    talk = Talk()
    assert not talk.want(NO, YES)
    assert not talk.session.ready
    (payload,) = talk.sent
    assert payload == (
        b'{"assets_ids":["%s","%s"],"type":"market","custom_feature_enabled":true,'
        b'"initial_dump":true,"level":2}' % (YES.encode(), NO.encode())
    )


def test_nothing_is_sent_while_nothing_is_wanted() -> None:
    """An empty list of ids would ask for something else."""
    talk = Talk()
    talk.want()
    talk.tick(1.0)
    assert talk.sent == []
    assert talk.session.ready


def test_a_book_confirms_and_nothing_else_does() -> None:
    """Every other message can come unasked."""
    talk = Talk()
    talk.want(YES, NO)
    talk.receive(written(price_change(change(YES), change(NO))))
    talk.receive(written(trade()))
    assert talk.session.acknowledged == frozenset()
    events = talk.books(YES, NO)
    assert events[2:] == [Subscribed(sub(YES)), Subscribed(sub(NO))]
    assert talk.session.acknowledged == held(YES, NO)
    assert talk.session.ready
    assert len(talk.books(YES)) == 1


def test_a_book_nobody_asked_for_confirms_nothing() -> None:
    """It is data; what was wanted is not in it."""
    talk = Talk()
    talk.want(YES)
    assert len(talk.books(NO)) == 1
    assert talk.session.acknowledged == frozenset()


def test_later_wishes_use_the_operation_the_venue_documents() -> None:
    """The first message may not be repeated; only the difference is sent."""
    talk = Talk()
    talk.want(YES)
    talk.books(YES)
    talk.want(YES, NO)
    assert talk.sent[1:] == [
        b'{"operation":"subscribe","assets_ids":["%s"],"custom_feature_enabled":true}' % NO.encode()
    ]
    assert not talk.session.ready
    assert Subscribed(sub(NO)) in talk.books(NO)
    assert talk.session.ready
    assert not talk.want(YES, NO)
    assert len(talk.sent) == 2


def test_an_unsubscription_is_said_at_once_and_later_data_is_still_data() -> None:
    """The venue never answers it."""
    talk = Talk()
    talk.want(YES, NO)
    talk.books(YES, NO)
    talk.requests()
    assert talk.want(NO) == [Unsubscribed(sub(YES))]
    assert talk.requests() == [("unsubscribe", [YES])]
    assert talk.session.acknowledged == held(NO)
    assert len(talk.receive(written(book(YES)))) == 1
    assert talk.session.acknowledged == held(NO)


def test_a_token_without_a_book_in_the_first_message_is_refused() -> None:
    """It is dead, or has no book yet; the others are not touched."""
    talk = Talk()
    talk.want(YES, DEAD)
    talk.books(YES)
    assert talk.live(29.0) == []
    assert talk.live(2.0) == [Refused(sub(DEAD), "timeout")]
    assert talk.session.ready
    assert talk.session.acknowledged == held(YES)


def test_a_dead_token_is_asked_for_with_growing_pauses_and_never_costs_a_connection() -> None:
    """30, 60, 120 s and so on, an hour at most."""
    talk = Talk()
    talk.want(YES, DEAD)
    talk.books(YES)
    talk.requests()
    asked: list[float] = []
    began = talk.mono
    for _ in range(6 * 3600 // 5):
        events = talk.live(5.0)
        assert [event for event in events if event != Refused(sub(DEAD), "timeout")] == []
        requests = talk.requests()
        assert all(request == ("subscribe", [DEAD]) for request in requests)
        asked += [talk.mono - began for _ in requests]
    pauses = [later - sooner for sooner, later in itertools.pairwise(asked)]
    assert [round(pause, -1) for pause in pauses[:4]] == [90, 150, 270, 510]
    assert max(pauses) <= 3600 + 45
    assert len(asked) < 15


def test_a_late_book_is_believed_after_all() -> None:
    """The market opened, or the venue was slow."""
    talk = Talk()
    talk.want(DEAD)
    assert Refused(sub(DEAD), "timeout") in talk.live(31.0)
    assert Subscribed(sub(DEAD)) in talk.books(DEAD)
    talk.requests()
    talk.live(200.0)
    assert talk.requests() == []


def test_an_addition_without_a_book_asks_for_a_new_connection() -> None:
    """The venue may not have heard: some say it never hears."""
    talk = Talk()
    talk.want(YES)
    talk.books(YES)
    talk.want(YES, NO)
    events = talk.live(31.0)
    assert events[-1] == Reconnect("unconfirmed")
    assert talk.live(100.0) == []


def test_an_addition_withdrawn_in_time_asks_for_nothing() -> None:
    """Nobody waits for it any more."""
    talk = Talk()
    talk.want(YES)
    talk.books(YES)
    talk.want(YES, DEAD)
    talk.want(YES)
    assert talk.live(100.0) == []
    assert talk.requests()[1:] == [("subscribe", [DEAD]), ("unsubscribe", [DEAD])]


def test_a_refused_token_that_is_wanted_again_is_no_addition() -> None:
    """Reconcilers and universes withdraw and want anew; the answer is known."""
    talk = Talk()
    talk.want(YES, DEAD)
    talk.books(YES)
    talk.live(31.0)
    for _ in range(5):
        talk.want(YES)
        talk.want(YES, DEAD)
        events = talk.live(40.0)
        assert events == [Refused(sub(DEAD), "timeout")]


def test_one_dead_addition_costs_one_connection() -> None:
    """What a shell does: a new connection asks for everything in its first message."""
    reconnects = 0
    wanted = [YES]
    talk = Talk()
    talk.want(*wanted)
    talk.books(YES)
    for number in range(3):
        wanted.append(token(number))  # three additions, all dead
        talk.want(*wanted)
        for _ in range(8):
            events = talk.live(900.0)
            if not any(isinstance(event, Reconnect) for event in events):
                continue
            reconnects += 1
            talk = Talk()
            talk.want(*wanted)
            talk.books(YES)
    assert reconnects == 3


def test_a_whole_shard_of_dead_tokens_stays_connected() -> None:
    """It is refused, loudly, and that is all."""
    talk = Talk()
    talk.want(token(1), token(2))
    events = talk.live(7200.0)
    assert {type(event) for event in events} == {Refused}
    assert talk.session.ready


def test_renewal_ends_and_asks_again_and_is_believed_with_the_next_book() -> None:
    """For the sake of a snapshot of what seems to be frozen."""
    talk = Talk()
    talk.want(YES, NO, DEAD)
    talk.books(YES, NO)
    talk.requests()
    assert talk.renew(YES, DEAD, token(9)) == [Unsubscribed(sub(YES))]
    assert talk.requests() == [("unsubscribe", [YES]), ("subscribe", [YES])]
    assert talk.session.acknowledged == held(NO)
    assert Subscribed(sub(YES)) in talk.books(YES)
    assert talk.session.acknowledged == held(YES, NO)


def test_a_renewal_that_brings_no_book_moves_to_a_new_connection() -> None:
    """Resubscribe, then a fresh connection."""
    talk = Talk()
    talk.want(YES)
    talk.books(YES)
    talk.renew(YES)
    assert talk.live(40.0)[-1] == Reconnect("unconfirmed")


def test_never_more_than_the_venue_bears() -> None:
    """Beyond the ceiling it sends nothing at all, to nobody; room that comes free is used."""
    talk = Talk()
    tokens = [token(number) for number in range(CEILING + 2)]
    events = talk.want(*tokens)
    ((operation, asked),) = talk.requests()
    assert (operation, len(asked)) == ("first", CEILING)
    rest = sorted(set(tokens) - set(asked))
    refused = [event for event in events if isinstance(event, Refused)]
    assert [event.subscription.symbol for event in refused] == rest
    assert "over 500 tokens" in refused[0].reason
    talk.books(*asked)
    assert talk.session.ready
    assert len(talk.session.acknowledged) == CEILING
    assert talk.live(100.0) == []
    assert talk.requests() == []
    talk.want(*tokens[2:])
    assert [(op, len(names)) for op, names in talk.requests()] == [
        ("unsubscribe", 2),
        ("subscribe", 2),
    ]


def test_plans_keep_a_connection_far_below_the_ceiling() -> None:
    """The loss of one connection is the loss of few."""
    shards = plan("polymarket", held(*map(token, range(450))), VENUE.limits)
    assert [len(shard.subscriptions) for shard in shards] == [200, 200, 50]


def test_later_requests_are_paced_and_of_a_hundred() -> None:
    """However much is wanted at once."""
    talk = Talk(sends_per_second=1.0)
    talk.want(YES)
    talk.books(YES)
    talk.requests()
    talk.want(YES, *map(token, range(250)))
    sent: list[tuple[float, int]] = []
    for _ in range(12):
        talk.tick(0.5)
        talk.receive(b"PONG")
        sent += [(talk.mono, len(tokens)) for _, tokens in talk.requests()]
    assert [count for _, count in sent] == [100, 100, 50]
    assert all(b - a >= 1.0 for (a, _), (b, _) in itertools.pairwise(sent))


@pytest.mark.parametrize("book_comes", [True, False])
def test_withdrawn_before_it_was_answered(book_comes: bool) -> None:
    """It is ended all the same; no answer is waited for."""
    talk = Talk(sends_per_second=0.5)
    talk.want(YES)
    talk.want()
    assert talk.session.ready
    events: list[Event] = talk.books(YES) if book_comes else []
    events += talk.live(10.0)
    assert talk.requests() == [("first", [YES]), ("unsubscribe", [YES])]
    assert (Unsubscribed(sub(YES)) in events) == book_comes
    assert talk.session.acknowledged == frozenset()


def test_withdrawn_and_wanted_again_before_anything_was_sent() -> None:
    """Only the difference is sent, and there is none."""
    talk = Talk(sends_per_second=0.5)
    talk.want(YES)
    talk.books(YES)
    talk.want()
    talk.want(YES)
    assert talk.live(10.0) == []
    assert talk.requests() == [("first", [YES])]
    assert talk.session.acknowledged == held(YES)


def test_a_withdrawal_that_is_still_to_be_sent_is_waited_for_by_nobody() -> None:
    """The pace holds it back; the late book of what is not wanted proves nothing."""
    talk = Talk(sends_per_second=0.01, ping_interval_s=1000.0)
    talk.want(YES)
    talk.books(YES)
    talk.live(99.0)
    talk.want(YES, DEAD)
    talk.live(2.0)
    talk.want(YES)
    assert talk.live(90.0) == []
    assert talk.requests() == [("first", [YES]), ("subscribe", [DEAD])]


def test_a_book_between_two_halves_of_a_renewal_proves_nothing() -> None:
    """It was on its way before we asked again."""
    talk = Talk(sends_per_second=0.1, ping_interval_s=1000.0)
    talk.want(YES)
    talk.books(YES)
    talk.live(11.0)
    assert talk.renew(YES) == [Unsubscribed(sub(YES))]
    assert len(talk.books(YES)) == 1
    talk.live(11.0)
    assert talk.requests()[1:] == [("unsubscribe", [YES]), ("subscribe", [YES])]
    assert Subscribed(sub(YES)) in talk.books(YES)


def test_a_refused_token_that_is_not_wanted_any_more_is_not_confirmed() -> None:
    """Its book may still come."""
    talk = Talk()
    talk.want(YES, DEAD)
    talk.books(YES)
    talk.live(31.0)
    talk.want(YES)
    assert len(talk.books(DEAD)) == 1
    assert talk.session.acknowledged == held(YES)
