"""Envelopes as messages and back."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.bus import codec
from ssmd.bus.errors import Foreign
from ssmd.model import subject
from ssmd.model.envelope import Envelope
from ssmd.model.frame import Opcode
from ssmd.model.timestamp import connection_id

text = st.text(max_size=20)
maybe_int = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1))
connections = st.builds(
    connection_id,
    st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True),
    st.one_of(st.integers(0, 100), st.just("rest")),
    st.integers(0, 2**60),
    st.integers(0, 2**74 - 1),
)


@st.composite
def envelopes(draw: st.DrawFn) -> Envelope:
    """Any envelope there can be."""
    is_record = draw(st.booleans())
    number = draw(st.integers(0, 2**53))
    return Envelope(
        draw(text),
        draw(st.one_of(st.none(), text)),
        draw(st.from_regex(r"_?[a-z_]{1,20}", fullmatch=True)),
        tuple(draw(st.lists(text, max_size=4))),
        draw(connections),
        None if is_record else number,
        number if is_record else None,
        draw(st.integers(0, 1000)),
        draw(st.integers(1, 1000)),
        draw(st.sampled_from(Opcode)),
        draw(maybe_int),
        draw(maybe_int),
        draw(maybe_int),
        draw(st.binary(max_size=500)),
        draw(st.none() | text),
    )


@given(envelopes())
def test_every_envelope_comes_back(envelope: Envelope) -> None:
    """Bytes and provenance, whatever they hold; the route has led here and is not needed more."""
    message = codec.encode("prod.kraken", envelope)
    arrived = msgspec.structs.replace(envelope, route=None)
    assert codec.decode(message.subject, message.headers, message.payload) == arrived
    assert message.subject.decode() == subject.subject("prod.kraken", envelope)
    assert codec.header(message.headers, codec.ID) == envelope.message_id.encode()


@given(envelopes())
def test_headers_are_lines_and_nothing_else(envelope: Envelope) -> None:
    """A line break inside a header would end it and begin one of the venue's choosing."""
    lines = codec.encode("p", envelope).headers.split(b"\r\n")
    assert lines[0] == b"NATS/1.0"
    assert [line.partition(b":")[0] for line in lines[1:3]] == [codec.ID, codec.PROVENANCE]
    assert lines[3:] == [b"", b""]
    assert not any(b"\n" in line or b"\r" in line for line in lines)


def example(**changes: object) -> Envelope:
    fields: dict[str, object] = {
        "feed": "f",
        "category": None,
        "type": "trade",
        "symbols": ("A",),
        "connection": "f-0-x",
        "ordinal": 0,
        "record": None,
        "part": 0,
        "parts": 1,
        "opcode": Opcode.TEXT,
        "sequence": None,
        "ts_event": None,
        "ts_recv": 1,
        "payload": b"",
    }
    return Envelope(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("changes", [{"connection": "a\r\nb"}, {"symbols": ("\ud800",)}])
def test_what_no_header_can_hold_is_refused(changes: dict[str, object]) -> None:
    """Set aside by the publisher, never sent in another form."""
    with pytest.raises(ValueError, match=r"connection|surrogates"):
        codec.encode("p", example(**changes))


@pytest.mark.parametrize(
    "headers",
    [b"", b"NATS/1.0\r\n\r\n", b"NATS/1.0\r\nSsmd: {}\r\n\r\n", b"NATS/1.0\r\nSsmd: [1]\r\n\r\n"],
)
def test_a_stranger_is_named(headers: bytes) -> None:
    """A message without our header is nobody's frame."""
    with pytest.raises(Foreign, match="someone"):
        codec.decode(b"someone", headers, b"")


def test_a_later_version_may_add_fields() -> None:
    """Old archivers go on while connectors are renewed."""
    message = codec.encode("p", example())
    longer = message.headers.replace(b"]\r\n\r\n", b',"new"]\r\n\r\n')
    assert longer != message.headers
    assert codec.decode(message.subject, longer, b"") == example()


def test_a_status_is_read_from_its_line() -> None:
    """The server answers requests so when it has no message."""
    assert codec.status(b"NATS/1.0 503\r\n\r\n") == 503
    assert codec.status(b"NATS/1.0 408 Request Timeout\r\nA: 1\r\n\r\n") == 408
    assert codec.description(b"NATS/1.0 408 Request Timeout\r\n\r\n") == "Request Timeout"
    assert codec.status(b"NATS/1.0\r\nSsmd: []\r\n\r\n") == 0
