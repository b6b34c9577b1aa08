"""What the contract cannot ask of Atlantis: its counter, its command, its token."""

import pytest

from ssmd import venues
from ssmd.model.envelope import Envelope
from ssmd.model.errors import ConfigError
from ssmd.model.event import Control, Data, Gap, Refused, Repaired, Send, Subscribed, Unsubscribed
from ssmd.model.frame import Frame, Now, Opcode
from ssmd.model.session import Session
from ssmd.model.simulated import SimulationOptions
from ssmd.model.subscription import Shard, Subscription
from ssmd.model.venue import SessionOptions
from tests.venues.conversation import Exchange, everything

ATLANTIS = venues.load("atlantis")
PEARL = Subscription("depth", "PEARL")
KELP = Subscription("depth", "KELP")
NOW = Now(0, 0.0)


def hear(session: Session, text: bytes, mono: float = 1.0) -> list[object]:
    return list(session.receive(Frame(text, Opcode.TEXT, 1, mono)))


def talking() -> Session:
    """A session that asked for two markets and was given one."""
    session = ATLANTIS.session(
        Shard("atlantis", 0, frozenset()), SessionOptions(limits=ATLANTIS.limits)
    )
    session.open(NOW)
    session.want(frozenset({PEARL, KELP}), NOW)
    told = hear(session, b'{"k":"held","i":1,"y":["depth:PEARL"]}')
    assert told == [Control("ack"), Subscribed(PEARL), Refused(KELP, "not held")]
    return session


def test_a_hole_is_found_and_a_whole_depth_ends_it() -> None:
    """The first number is 1; a doubled message is a counter that went back."""
    session = talking()
    assert hear(session, b'{"k":"D","m":"PEARL","n":1,"t":5}') == [
        Data("depth_whole", ("PEARL",), 1, 5_000_000)
    ]
    _, gap, send = hear(session, b'{"k":"x","m":"PEARL","n":3}')
    assert gap == Gap("depth", ("PEARL",), "sequence", 2, 3)
    assert send == Send(b'{"i":2,"w":["depth:PEARL"],"a":["depth:PEARL"],"k":"hold"}')
    _, gap = hear(session, b'{"k":"d","m":"PEARL","n":3}')
    assert gap == Gap("depth", ("PEARL",), "sequence_reset", 4, 3)
    assert hear(session, b'{"k":"D","m":"PEARL","n":4}')[1:] == [
        Repaired("depth", ("PEARL",), "snapshot")
    ]


def test_what_is_not_wanted_any_more_is_left_out_of_the_next_command() -> None:
    """The command carries the whole set: what it does not name ends."""
    session = talking()
    (send,) = session.want(frozenset(), Now(0, 2.0))
    assert send == Send(b'{"i":2,"w":[],"k":"hold"}')
    assert hear(session, b'{"k":"held","i":2,"y":[]}', 2.0) == [Control("ack"), Unsubscribed(PEARL)]


def test_an_answer_to_something_else_says_nothing() -> None:
    """A stale answer must not end what is held."""
    session = talking()
    assert hear(session, b'{"k":"held","i":9,"y":[]}') == [Control("ack")]
    assert session.acknowledged == {PEARL}


def test_a_skipped_number_of_the_simulation_is_a_gap() -> None:
    """Its own side can misbehave as the counter is meant to show."""
    exchange = Exchange("atlantis")
    exchange.want(everything(ATLANTIS, ["PEARL"]))
    exchange.live(2.0)
    exchange.market.corrupt("PEARL")
    exchange.live(8.0)
    told = exchange.events()
    assert [event.kind for event in told if isinstance(event, Gap)] == ["sequence"]
    assert [event.by for event in told if isinstance(event, Repaired)] == ["snapshot"]


def test_ticks_become_prices_by_the_scale_of_their_message() -> None:
    """Nothing is known of a market but what the message says."""
    payload = b'{"k":"d","m":"KELP","n":1,"t":2,"s":3,"e":"a","p":10501,"q":7,"new":1}'
    told = ATLANTIS.rows(
        Envelope(
            "f", None, "depth", ("KELP",), "f-0-x", 0, None, 0, 1, Opcode.TEXT, 1, 2, 3, payload
        )
    )
    (row,) = told.rows
    assert (str(getattr(row, "price", None)), row.extra) == ("10.501", '{"new":1}')


def test_nobody_comes_in_without_the_token() -> None:
    """Neither with none nor with another one; and the complaint does not quote it."""
    assert ATLANTIS.simulated is not None
    shard = Shard("atlantis", 0, frozenset())
    with pytest.raises(ConfigError, match="harbour master"):
        ATLANTIS.handshake("wss://x", shard, {}, NOW)
    market = ATLANTIS.simulated(SimulationOptions(secrets={"token": "nacre"}))
    for token, status in (("nacre", 101), ("other", 401)):
        headers = ATLANTIS.handshake("wss://x", shard, {"token": token}, NOW).headers
        assert market.admit({name.lower(): text for name, text in headers.items()}, NOW) == status
