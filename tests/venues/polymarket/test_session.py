"""Frames of all kinds through a session: text, lists, parts; keepalive and silence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.envelope import UNREAD
from ssmd.model.errors import ConfigError
from ssmd.model.event import Control, Data, Event, Reconnect, Subscribed, Unread
from ssmd.model.frame import Now, Opcode
from ssmd.model.subscription import Shard, Subscription
from ssmd.venues.polymarket import VENUE
from tests.venues.polymarket.frames import (
    MARKET,
    NO,
    PONG,
    TIME_NS,
    YES,
    Talk,
    book,
    change,
    price_change,
    sub,
    trade,
    written,
)

BOOK = Data("book", (YES,), None, TIME_NS, None, MARKET)


def test_a_single_object_is_one_piece_of_data() -> None:
    """Both tokens of a condition in one message: it goes where the condition is."""
    talk = Talk()
    assert talk.receive(written(book())) == [BOOK]
    assert talk.receive(written(price_change(change(YES), change(NO)))) == [
        Data("price_change", (YES, NO), None, TIME_NS, None, MARKET)
    ]


@pytest.mark.parametrize("end", [b"", b"\n", b" \r\n"])
def test_a_list_that_adds_up_is_cut_into_its_elements(end: bytes) -> None:
    """Each part is the very bytes between the commas, whatever its type."""
    parts = [written(book()), written(book(NO, event_type=None)), written(trade())]
    events = Talk().receive(b"[" + b",".join(parts) + b"]" + end)
    assert events == [
        Data("book", (YES,), None, TIME_NS, parts[0], MARKET),
        Data("book", (NO,), None, TIME_NS, parts[1], MARKET),
        Data("last_trade_price", (YES,), None, TIME_NS, parts[2], MARKET),
    ]


@pytest.mark.parametrize("between", [b", ", b" ,", b",\n"])
def test_a_list_that_does_not_add_up_stays_whole(between: bytes) -> None:
    """Not one byte is lost for the sake of order."""
    frame = b"[" + between.join([written(book()), written(book(NO))]) + b"]"
    assert Talk().receive(frame) == [Data("book", (YES, NO), None, TIME_NS, None, MARKET)]


def test_a_whole_list_of_several_conditions_has_no_route() -> None:
    """It is about several; its time is the latest."""
    one, other = written(book()), written(book(NO, market="0x1", timestamp="1779628221542"))
    assert Talk().receive(b"[" + one + b", " + other + b"]") == [
        Data("book", (YES, NO), None, TIME_NS + 1_000_000, None, None)
    ]


def test_a_whole_list_of_several_types_is_unread() -> None:
    """One subject has one schema; the bytes are kept all the same."""
    frame = b"[" + written(book()) + b", " + written(trade()) + b"]"
    assert Talk().receive(frame) == [Unread("unexpected_shape")]


def test_a_list_of_one_is_a_whole_frame() -> None:
    """Nothing is cut where there is nothing to cut."""
    assert Talk().receive(written([book()])) == [BOOK]
    assert Talk().receive(b"[ " + written(book()) + b" ]") == [BOOK]


@pytest.mark.parametrize("payload", [b"[]", b"[ ]", b" [] \n"])
def test_an_empty_list_says_nothing(payload: bytes) -> None:
    """The venue sends them; they are talk, not data."""
    assert Talk().receive(payload) == [Control("empty")]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"[1,2]", "unexpected_shape"),
        (b"[[]]", "unexpected_shape"),
        (b'["PONG"]', "unexpected_shape"),
        (b"[", "malformed"),
        (b'[{"event_type":"book"}', "malformed"),
        (b'[{"event_type":"new_kind"}]', "unknown_channel"),
        (b"[" * 3000 + b"]" * 3000, "malformed"),
        (b'[{"x":"\xff"}]', "malformed"),
        (b"PING", "malformed"),
        (b"NO", "malformed"),
    ],
)
def test_what_is_no_list_of_messages_is_unread(payload: bytes, reason: str) -> None:
    """It is kept, labelled and counted."""
    assert Talk().receive(payload) == [Unread(reason)]


def test_a_book_beside_something_new_still_confirms() -> None:
    """A message type nobody knew must cost neither a reconnect nor the book."""
    talk = Talk()
    talk.want(YES)
    new = b'{"event_type":"new_kind"}'
    told, unread, answer = talk.receive(b"[" + written(book()) + b"," + new + b"]")
    assert told == Data("book", (YES,), None, TIME_NS, written(book()), MARKET)
    assert unread == Data(UNREAD, payload=new)
    assert answer == Subscribed(sub(YES))


def test_pong_is_text_and_never_data() -> None:
    """It is not JSON, and a sign of life."""
    talk = Talk()
    assert talk.session.pong_mono is None
    assert talk.receive(PONG) == [Control("pong")]
    assert talk.session.pong_mono == talk.mono


def test_the_venues_complaint_is_talk() -> None:
    """It says so when a message of ours is not accepted."""
    assert Talk().receive(b"INVALID OPERATION") == [Control("error")]


def test_control_frames_and_binary_frames_are_labelled() -> None:
    """The WebSocket's own frames come to the session as well."""
    talk = Talk()
    assert talk.receive(b"x", Opcode.PING) == [Control("ping")]
    assert talk.receive(b"x", Opcode.CLOSE) == [Control("close")]
    assert talk.receive(written(book()), Opcode.BINARY) == [Unread("unexpected_shape")]


def test_ping_goes_out_every_ten_seconds_as_text() -> None:
    """The venue ends sockets that do not ask."""
    talk = Talk()
    talk.live(35.0)
    assert talk.sent == [b"PING"] * 3


def test_silence_ends_the_connection_however_busy_the_timers_are() -> None:
    """Only what was received counts as life: not our wake-ups, not our own sends."""
    talk = Talk(silence_s=120.0, pong_intervals=100.0)
    ended = None
    for second in range(1, 200):
        if Reconnect("silence") in talk.tick(1.0):
            ended = second
            break
    assert ended == 121
    assert talk.sent == [b"PING"] * 12


def test_a_pong_is_life_enough() -> None:
    """A quiet universe at night is legal; frozen instruments are found elsewhere."""
    talk = Talk()
    talk.want(YES)
    talk.books(YES)
    assert talk.live(7200.0) == []


def test_a_missing_pong_ends_the_connection_though_data_flows() -> None:
    """A venue that sends but no longer listens is half dead."""
    talk = Talk()
    ended = None
    for second in range(1, 200):
        talk.receive(written(book()))
        if talk.tick(1.0) == [Reconnect("pong")]:
            ended = second
            break
    assert ended == 61


def test_nothing_is_sent_once_the_connection_is_given_up() -> None:
    """The socket is as good as closed."""
    talk = Talk()
    talk.want(YES)
    talk.tick(130.0)
    talk.requests()
    assert talk.want(YES, NO) == []
    assert talk.tick(100.0) == []
    assert talk.renew(YES) == []
    assert talk.sent == []


def test_nothing_is_sent_after_the_socket_closed() -> None:
    """Nobody is there to hear it."""
    talk = Talk()
    assert talk.session.close(talk.now(), 1006, "lost") == ()
    talk.want(YES)
    talk.tick(60.0)
    assert talk.sent == []


def test_a_replay_confirms_what_it_meets_and_sends_nothing() -> None:
    """Nobody asked, and nobody is there to be asked."""
    talk = Talk(passive=True)
    assert talk.receive(written(book())) == [BOOK, Subscribed(sub(YES))]
    assert talk.receive(written(book())) == [BOOK]
    assert talk.tick(1000.0) == []
    assert talk.session.acknowledged == {sub(YES)}
    assert talk.sent == []


def test_the_facts_refuse_what_does_not_exist() -> None:
    """A typo in a feed is answered with what there is."""
    with pytest.raises(ConfigError, match=r"no channel 'boook'.*channels: \[market\]"):
        VENUE.subscriptions(("boook",), (YES,))
    assert VENUE.subscriptions(("market",), (YES, NO, YES)) == {sub(YES), sub(NO)}
    assert "`depth` is not a parameter" in VENUE.check({"depth": 10})[0]
    assert VENUE.limits.subscriptions_per_connection == 200
    assert VENUE.pause(0) is None
    shard = Shard("polymarket", 0, frozenset())
    assert VENUE.handshake("wss://x/ws/market", shard, {}, Now(0, 0.0)).url == "wss://x/ws/market"


def test_another_channel_is_refused_by_the_session() -> None:
    """What cannot be asked for does not keep a shard waiting."""
    talk = Talk()
    events = talk.session.want(frozenset({Subscription("market"), sub(YES)}), talk.now())
    talk.books(YES)
    assert [type(event).__name__ for event in events] == ["Refused", "Send"]
    assert talk.session.ready


@given(
    separator=st.sampled_from([b",", b", ", b"\n,"]),
    pieces=st.lists(
        st.sampled_from([written(book()), written(trade()), b"{}", b"1", b"[]", b"null"]),
        max_size=4,
    ),
    end=st.sampled_from([b"", b"\n", b" x"]),
)
def test_parts_are_the_frame_or_there_are_none(
    separator: bytes, pieces: list[bytes], end: bytes
) -> None:
    """Put together again, the parts are what came."""
    frame = b"[" + separator.join(pieces) + b"]" + end
    events: list[Event] = Talk().receive(frame)
    parts = [event.payload for event in events if isinstance(event, Data)]
    assert len(parts) < 2 or b"[%s]" % b",".join(part or b"" for part in parts) == frame.rstrip()
    assert len(parts) != 1 or parts == [None]
