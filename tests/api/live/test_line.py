"""What waits for a reader is bounded, in order, and honest about what was left out."""

import json

from hypothesis import given
from hypothesis import strategies as st

from ssmd.api.live.hub import covers
from ssmd.api.live.line import Line
from ssmd.api.live.message import Mark, Message, Position, parse_mark, sse, text, wanted
from ssmd.feeds.api import LiveLimits
from ssmd.model.envelope import Envelope
from ssmd.model.frame import Opcode

LIMITS = LiveLimits(queue_bytes=65_536, queue_messages=16, slow_s=2.0)
POSITIONS = st.builds(Position, st.integers(0, 2**62), st.integers(0, 2**62))
MARKS = st.builds(
    Mark, st.integers(0, 2**62), st.lists(POSITIONS, min_size=1, max_size=4).map(tuple)
)


def envelope(payload: bytes, ordinal: int = 0) -> Envelope:
    """A frame."""
    return Envelope(
        "f", None, "trade", ("A/B",), "c", ordinal, None, 0, 1, Opcode.TEXT, 2**60, None, 5, payload
    )


@given(st.lists(st.none() | st.integers(1, 40_000), max_size=120))
def test_nothing_is_lost_in_silence(steps: list[int | None]) -> None:
    """Whatever comes and is taken: what is given and what is told as skipped is all that came, in order."""
    line = Line(LIMITS, lambda event, _mark, data: b"%b %b\n" % (event.encode(), data))
    came: list[int] = []
    said = b""
    for step in steps:
        if step is None:
            said += line.take()
            continue
        line.put(b"m %d %s\n" % (len(came), b"x" * step), 0.0)
        came.append(step)
        assert len(line) <= LIMITS.queue_messages + 1
    said += line.take()
    expected = 0
    for event in said.splitlines():
        word, data, *_ = event.split(b" ")
        if word == b"m":
            assert int(data) == expected
            expected += 1
        else:
            expected += json.loads(data)["count"]
    assert expected == len(came)


def test_a_full_line_is_slow_only_when_it_stays_full() -> None:
    """Whoever takes what waits begins anew."""
    line = Line(LIMITS, lambda *_: b"")
    for _ in range(20):
        line.put(b"x", 10.0)
    assert line.skipped == 4
    assert not line.is_slow(11.9)
    assert line.is_slow(12.1)
    line.take()
    assert not line.is_slow(99.0)


def test_what_is_larger_than_the_bound_still_goes_to_a_reader_who_waits() -> None:
    """One large message alone is never withheld for good."""
    line = Line(LIMITS, lambda *_: b"")
    assert line.put(b"x" * 100_000, 0.0)
    assert not line.put(b"y", 0.0)


@given(MARKS)
def test_a_mark_comes_back_from_its_text(mark: Mark) -> None:
    """And holds no character that an event's id may not."""
    assert parse_mark(mark.text()) == mark
    assert set(mark.text()) <= set("0123456789.-")


@given(st.text(max_size=60))
def test_other_texts_are_no_marks_or_stay_as_they_are(word: str) -> None:
    """Nothing breaks by what somebody sends as an id."""
    found = parse_mark(word)
    assert found is None or isinstance(found, Mark)


def test_who_is_beyond_in_one_stream_alone_does_not_have_everything() -> None:
    """Every stream counts, and one made anew is another."""
    both = Mark(0, (Position(1, 5), Position(2, 5)))
    assert covers(both, both)
    assert covers(Mark(0, (Position(1, 6), Position(2, 5))), both)
    assert not covers(Mark(0, (Position(1, 6), Position(2, 4))), both)
    assert not covers(Mark(0, (Position(1, 6), Position(3, 9))), both)
    assert not covers(Mark(0, (Position(1, 6),)), both)


@given(st.binary(max_size=60) | st.sampled_from([b'{"p":0.10}', b'{"a":\n1}', b'"\\r"', b"1e400"]))
def test_every_payload_travels_whole_in_one_line(payload: bytes) -> None:
    """JSON digit by digit, text as text, the rest in base64; an event is never torn by it."""
    message = Message(envelope(payload), Mark(5, (Position(1, 2),)))
    lines = message.sse().decode().split("\n")
    assert lines[0] == "id: 5.1-2"
    assert lines[1] == "event: message"
    assert lines[3:] == ["", ""]
    data = json.loads(lines[2].removeprefix("data: "), parse_float=str, parse_int=str)
    if "text" in data:
        assert data["text"].encode() == payload
    elif "payload" in data:
        assert payload.strip(b" \t") in lines[2].encode()
    else:
        assert set(data) >= {"b64"}
    assert data["sequence"] == str(2**60)
    again = json.loads(message.json())
    assert again["id"] == "5.1-2"


def test_records_and_unread_frames_are_given_by_name_alone() -> None:
    """Data is what is wanted when nothing is said."""
    symbols = frozenset({"A/B"})
    assert wanted("trade", symbols, (), None)
    assert not wanted("_connection", symbols, (), None)
    assert wanted("_connection", symbols, ("_connection",), None)
    assert not wanted("trade", symbols, ("book",), None)
    assert wanted("trade", symbols, (), frozenset({"A/B", "x:A/B"}))
    assert not wanted("trade", symbols, (), frozenset({"C/D"}))


def test_both_ways_say_the_same() -> None:
    """Server-sent events and WebSockets differ in their frame alone."""
    assert sse("skipped", None, b'{"count":2}') == b'event: skipped\ndata: {"count":2}\n\n'
    assert json.loads(text("skipped", None, b'{"count":2}')) == {
        "event": "skipped",
        "id": None,
        "data": {"count": 2},
    }
