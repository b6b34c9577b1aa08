"""What every venue owes, whichever it is; a new folder is picked up by itself."""

import json
import math
import subprocess
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssmd import venues
from ssmd.model.envelope import UNREAD
from ssmd.model.event import Control, Data, Event, Gap, Reconnect, Refused, Send, Unread
from ssmd.model.frame import Frame, Now, Opcode
from ssmd.model.subscription import Subscription
from ssmd.model.venue import Venue
from tests.tier import scale
from tests.venues.conversation import Exchange, conversation, everything, talk

KINDS = {"ack", "pong", "heartbeat", "status", "error", "empty", "ping", "close"}
REASONS = {"malformed", "unknown_channel", "unexpected_shape"}
IMPURE = {"asyncio", "socket", "ssl", "aiohttp", "picows", "nats", "structlog", "logging"}

every_venue = pytest.mark.parametrize("name", venues.names())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
).map(json.dumps)


def check_frame(events: Sequence[Event], venue: Venue) -> None:
    """One Control, or one Unread, or Data; then the rest."""
    label = events[0]
    parts = [event for event in events if isinstance(event, Data)]
    match label:
        case Control(kind=kind):
            assert (kind in KINDS, parts) == (True, [])
        case Unread(reason=reason):
            assert (reason in REASONS, parts) == (True, [])
        case _:
            assert isinstance(label, Data)
            assert list(events[: len(parts)]) == parts
    assert not any(isinstance(event, Control | Unread) for event in events[1:])
    if len(parts) > 1:
        assert all(part.payload is not None for part in parts)
        assert any(part.type != UNREAD for part in parts)
    for part in parts:
        assert part.type in venue.types or (part.type == UNREAD and len(parts) > 1)
        assert all(part.symbols)
        assert len(set(part.symbols)) == len(part.symbols)


@every_venue
def test_the_facts_are_complete(name: str) -> None:
    """Everything above reads the venue from here and nowhere else."""
    venue = venues.load(name)
    assert venue.id == name
    assert venue.title
    assert venue.channels
    assert venue.types
    assert not [kind for kind in venue.types if kind.startswith("_")]
    assert venue.check({}) == []
    assert venue.check({"no such parameter": 1})
    limits = venue.limits
    assert limits.subscriptions_per_connection > 0
    assert limits.sends_per_second > 0
    assert limits.silence_s > limits.ping_interval_s
    assert limits.connect_interval_s > 0


@every_venue
def test_every_frame_of_a_conversation_has_one_label(name: str) -> None:
    """What the venue itself says is understood to the last frame."""
    venue = venues.load(name)
    session = talk(venue)
    for payload in conversation(venue, 5.0):
        events = session.receive(Frame(payload, Opcode.TEXT, 1, 0.0))
        check_frame(events, venue)
        assert not isinstance(events[0], Unread), payload


@every_venue
@given(payloads=st.lists(st.binary(max_size=60) | JSON.map(str.encode), max_size=5))
def test_no_bytes_break_a_session(name: str, payloads: list[bytes]) -> None:
    """A frame that cannot be read costs a label, never the connection."""
    venue = venues.load(name)
    session = talk(venue)
    for payload in payloads:
        for opcode in Opcode:
            check_frame(session.receive(Frame(payload, opcode, 1, 0.0)), venue)


@every_venue
@given(data=st.data())
def test_no_damage_to_a_real_frame_breaks_a_session(name: str, data: st.DataObject) -> None:
    """Bytes exchanged, cut out or doubled anywhere."""
    venue = venues.load(name)
    session = talk(venue)
    said = SAID.setdefault(name, conversation(venue, 1.0))
    for payload in data.draw(st.lists(st.sampled_from(said), min_size=1, max_size=8)):
        at = data.draw(st.integers(0, len(payload)))
        end = data.draw(st.integers(at, min(len(payload), at + 9)))
        damaged = payload[:at] + data.draw(st.binary(max_size=4)) + payload[end:]
        check_frame(session.receive(Frame(damaged, Opcode.TEXT, 1, 0.0)), venue)


SAID: dict[str, list[bytes]] = {}


@every_venue
def test_deep_nesting_breaks_nothing(name: str) -> None:
    """2,000 brackets are read by nobody's recursion."""
    venue = venues.load(name)
    session = talk(venue)
    for payload in (b"[" * 2000 + b"]" * 2000, b'{"a":' * 2000 + b"1" + b"}" * 2000):
        check_frame(session.receive(Frame(payload, Opcode.TEXT, 1, 0.0)), venue)


@every_venue
def test_the_same_frames_give_the_same_events(name: str) -> None:
    """A replay is comparable with the recording."""
    venue = venues.load(name)
    frames = [Frame(payload, Opcode.TEXT, 1, 0.0) for payload in conversation(venue, 2.0)]
    one, other = talk(venue), talk(venue)
    assert [one.receive(frame) for frame in frames] == [other.receive(frame) for frame in frames]


@every_venue
def test_a_silent_connection_is_given_up_and_then_left_alone(name: str) -> None:
    """Timers and our own sends are no sign of life; nothing is sent to a dead socket."""
    venue = venues.load(name)
    session = talk(venue)
    wanted = venue.subscriptions(tuple(sorted(venue.channels)), ("A", "B"))
    session.want(wanted, Now(0, 0.0))
    gone = 0.0
    for second in range(1, int(venue.limits.silence_s) * 3):
        events = session.tick(Now(0, float(second)))
        if any(isinstance(event, Reconnect) for event in events):
            gone = gone or float(second)
            last = max(k for k, event in enumerate(events) if isinstance(event, Reconnect))
            assert not [event for event in events[last:] if isinstance(event, Send)]
        elif gone:
            assert list(events) == []
    assert 0.0 < gone <= venue.limits.silence_s + 1.0
    assert list(session.want(frozenset({Subscription("x", "y")}), Now(0, gone))) == []


@every_venue
def test_everything_wanted_is_answered_and_ready(name: str) -> None:
    """`ready` is what the shell waits for before it lets an old connection go."""
    exchange = Exchange(name)
    wanted = everything(exchange.venue, exchange.market.symbols[:2])
    exchange.market.delay_answers(1.0)
    exchange.want(wanted)
    exchange.live(0.5)
    assert not exchange.session.ready
    exchange.live(10.0, until=True)
    assert exchange.session.ready
    assert exchange.session.acknowledged == wanted


@every_venue
@settings(deadline=None, max_examples=scale(gate=10, full=100))
@given(data=st.data())
def test_want_converges(name: str, data: st.DataObject) -> None:
    """Whatever was wanted before, and however fast minds change: the last word holds."""
    exchange = Exchange(name, rate=5.0)
    symbols = exchange.market.symbols[:4]
    wanted: frozenset[Subscription] = frozenset()
    for _ in range(data.draw(st.integers(1, 4), label="changes")):
        chosen = data.draw(st.sets(st.sampled_from(symbols)), label="symbols")
        wanted = everything(exchange.venue, sorted(chosen))
        exchange.want(wanted)
        exchange.live(data.draw(st.sampled_from([0.0, 0.2, 3.0]), label="seconds"))
    exchange.live(60.0, until=True)
    exchange.live(1.0)
    assert exchange.session.acknowledged == wanted


@every_venue
def test_asking_again_brings_a_snapshot_and_changes_nothing(name: str) -> None:
    """`renew` is for what seems frozen: what is not held is passed over."""
    exchange = Exchange(name)
    symbol = exchange.market.symbols[0]
    wanted = everything(exchange.venue, [symbol])
    strangers = frozenset({Subscription("no such channel", "x")})
    assert list(exchange.session.renew(wanted | strangers, exchange.now)) == []
    exchange.want(wanted)
    exchange.live(10.0, until=True)
    exchange.live(1.0)
    exchange.events()
    exchange.market.speed(0.0)
    before = len(exchange.sent)
    held = frozenset(item for item in wanted if item.symbol is not None)
    exchange.renew(held | strangers)
    exchange.live(20.0)
    assert len(exchange.sent) > before
    told = [event for event in exchange.events() if isinstance(event, Data)]
    assert any(symbol in event.symbols for event in told)
    assert exchange.session.acknowledged == wanted


@every_venue
def test_a_message_of_tomorrow_is_unread_and_the_talk_goes_on(name: str) -> None:
    """A venue adds types as it likes: kept, labelled, and no reason to stop."""
    exchange = Exchange(name)
    exchange.want(everything(exchange.venue, exchange.market.symbols[:1]))
    exchange.live(10.0, until=True)
    novelty = exchange.market.novelty()
    frame = Frame(novelty.payload, novelty.opcode, exchange.now.wall, exchange.now.mono)
    (unread,) = exchange.session.receive(frame)
    assert unread == Unread("unknown_channel")
    exchange.events()
    exchange.live(3.0)
    assert any(isinstance(event, Data) for event in exchange.events())


@every_venue
def test_a_refused_symbol_hurts_nobody_else(name: str) -> None:
    """The rest is held and speaks."""
    exchange = Exchange(name)
    bad, *good = exchange.market.symbols[:3]
    exchange.market.refuse(bad)
    exchange.want(everything(exchange.venue, [bad, *good]))
    exchange.live(exchange.venue.limits.ack_timeout_s + 10.0)
    refused = [event for event in exchange.events() if isinstance(event, Refused)]
    assert {event.subscription.symbol for event in refused} == {bad}
    assert exchange.session.acknowledged == everything(exchange.venue, good)


@every_venue
def test_an_answer_that_never_comes_is_noticed(name: str) -> None:
    """Silence about a request is an answer after a while: refused by time-out, or a new talk."""
    exchange = Exchange(name)
    exchange.market.delay_answers(math.inf)
    exchange.want(everything(exchange.venue, exchange.market.symbols[:1]))
    exchange.live(exchange.venue.limits.ack_timeout_s + 5.0)
    told = exchange.events()
    assert exchange.session.acknowledged == frozenset()
    assert any(
        (isinstance(event, Refused) and event.reason == "timeout") or isinstance(event, Reconnect)
        for event in told
    )


@every_venue
def test_one_frozen_instrument_stands_still_and_the_others_go_on(name: str) -> None:
    """No counter shows it: only its silence does, and a new connection is not affected."""
    exchange = Exchange(name, rate=200.0)
    frozen, *others = exchange.market.symbols[:3]
    wanted = everything(exchange.venue, [frozen, *others])
    exchange.want(wanted)
    exchange.live(10.0, until=True)
    exchange.live(1.0)
    exchange.market.freeze(frozen, True)
    exchange.live(0.5)
    exchange.events()
    exchange.live(5.0)
    told = exchange.events()
    spoken = {each for event in told if isinstance(event, Data) for each in event.symbols}
    assert frozen not in spoken
    assert spoken & set(others)
    assert not [event for event in told if isinstance(event, Gap)]
    exchange.server.close()
    exchange.connect()
    exchange.want(wanted)
    exchange.live(10.0, until=True)
    exchange.events()
    exchange.live(5.0)
    told = exchange.events()
    assert frozen in {each for event in told if isinstance(event, Data) for each in event.symbols}


@every_venue
def test_a_replay_sends_nothing(name: str) -> None:
    """There is nobody to send to."""
    venue = venues.load(name)
    session = talk(venue, passive=True)
    for payload in conversation(venue, 3.0):
        events = session.receive(Frame(payload, Opcode.TEXT, None, 0.0))
        assert not [event for event in events if isinstance(event, Send)]
        assert not isinstance(events[0], Unread | Reconnect)


@every_venue
def test_a_venue_does_no_io(name: str) -> None:
    """It is told the time and the bytes; it needs no socket, loop or log."""
    code = (
        "import sys; from ssmd import venues; "
        f"venues.load({name!r}); print(*sorted({IMPURE!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
        check=True,
        capture_output=True,
        text=True,
        env={},
    )
    assert done.stdout.split() == []
