"""What every venue owes, whichever it is; a new folder is picked up by itself."""

import json
import subprocess
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd import venues
from ssmd.model.event import Control, Data, Event, Reconnect, Send, Unread
from ssmd.model.frame import Frame, Now, Opcode
from ssmd.model.session import Session
from ssmd.model.simulated import SimulationOptions
from ssmd.model.subscription import Shard, Subscription, plan
from ssmd.model.venue import SessionOptions, Venue

KINDS = {"ack", "pong", "heartbeat", "status", "error", "empty", "ping", "close"}
REASONS = {"malformed", "unknown_channel", "unexpected_shape"}
IMPURE = {"asyncio", "socket", "ssl", "aiohttp", "picows", "nats", "structlog", "logging"}

every_venue = pytest.mark.parametrize("name", venues.names())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
).map(json.dumps)


def talk(venue: Venue, *, passive: bool = False) -> Session:
    options = SessionOptions(limits=venue.limits, passive=passive)
    session = venue.session(Shard(venue.id, 0, frozenset()), options)
    session.open(Now(0, 0.0))
    return session


def conversation(venue: Venue, seconds: float) -> list[bytes]:
    """What the venue's own simulation says to a client of ours that wants everything."""
    assert venue.simulated is not None
    market = venue.simulated(SimulationOptions(seed=1, rate=50.0))
    server, client = market.connect(), talk(venue)
    said: list[bytes] = []
    wanted = venue.subscriptions(tuple(sorted(venue.channels)), tuple(market.symbols[:3]))
    now = Now(1_800_000_000_000_000_000, 0.0)
    heard = [emission.payload for emission in server.open(now)]
    sends = list(client.want(wanted, now))
    while now.mono < seconds:
        for event in sends:
            if isinstance(event, Send):
                heard += [emission.payload for emission in server.receive(event.payload, now)]
        now = Now(now.wall + 50_000_000, now.mono + 0.05)
        market.advance(now)
        heard += [emission.payload for emission in server.tick(now)]
        sends = list(client.tick(now))
        for payload in heard:
            sends += client.receive(Frame(payload, Opcode.TEXT, now.wall, now.mono))
        said += heard
        heard = []
    return said


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
    for part in parts:
        assert part.type in venue.types
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
    venue = venues.load(name)
    assert venue.simulated is not None
    market = venue.simulated(SimulationOptions(seed=1))
    wanted = venue.subscriptions(tuple(sorted(venue.channels)), tuple(market.symbols[:2]))
    (shard,) = plan(name, wanted, venue.limits)
    session = venue.session(shard, SessionOptions(limits=venue.limits))
    now = Now(1_800_000_000_000_000_000, 0.0)
    server = market.connect()
    server.open(now)
    sends = [*session.open(now), *session.want(wanted, now)]
    assert not session.ready
    for step in range(100):
        now = Now(now.wall + 10**8, step / 10)
        heard = [
            emission.payload
            for event in sends
            if isinstance(event, Send)
            for emission in server.receive(event.payload, now)
        ]
        sends = list(session.tick(now))
        for payload in heard:
            sends += session.receive(Frame(payload, Opcode.TEXT, 1, now.mono))
    assert session.ready
    assert session.acknowledged == wanted


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
