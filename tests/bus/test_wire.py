"""The NATS client protocol, without a socket."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.bus import wire
from ssmd.bus.wire import Ack, AckReader, Failure, Info, Msg, Operation, Parser, Ping, Pong

words = st.binary(min_size=1, max_size=12).filter(lambda w: not set(w) & set(b" \t\r\n\x0b\x0c"))
payloads = st.binary(max_size=200)


@st.composite
def operations(draw: st.DrawFn) -> tuple[bytes, Operation]:
    """An operation as bytes, and as it should be read."""
    kind = draw(st.sampled_from(["msg", "hmsg", "ping", "pong", "err", "info"]))
    subject, sid = draw(words), draw(st.integers(0, 10**6))
    reply, payload = draw(st.one_of(st.just(b""), words)), draw(payloads)
    head = b"%b %d %b" % (subject, sid, reply and reply + b" ")
    match kind:
        case "msg":
            line = b"MSG %b%d\r\n%b\r\n" % (head, len(payload), payload)
            return line, Msg(subject, sid, reply, b"", payload)
        case "hmsg":
            headers = b"NATS/1.0\r\nA: %d\r\n\r\n" % sid
            sizes = b"%d %d" % (len(headers), len(headers) + len(payload))
            line = b"HMSG %b%b\r\n%b%b\r\n" % (head, sizes, headers, payload)
            return line, Msg(subject, sid, reply, headers, payload)
        case "ping":
            return b"PING\r\n", Ping()
        case "pong":
            return b"PONG\r\n", Pong()
        case "err":
            return b"-ERR 'Slow %d'\r\n" % sid, Failure(f"Slow {sid}")
        case _:
            return b'INFO {"max_payload":%d,"new":[1]}\r\n' % sid, Info(max_payload=sid)


@given(st.lists(operations(), max_size=8), st.lists(st.integers(0, 2000), max_size=20))
def test_chunk_boundaries_mean_nothing(
    script: list[tuple[bytes, Operation]], cuts: list[int]
) -> None:
    """The network cuts where it likes: in a verb, in a length, in a payload."""
    data = b"+OK\r\n".join(line for line, _ in script)
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    parser = Parser()
    found: list[Operation] = []
    for first, last in pairwise(edges):
        found += parser.feed(data[first:last])
    assert found == [operation for _, operation in script]


@given(st.lists(operations(), max_size=4))
def test_one_byte_at_a_time_is_read_too(script: list[tuple[bytes, Operation]]) -> None:
    """The smallest chunks there are."""
    parser = Parser()
    data = b"".join(line for line, _ in script)
    found = [op for byte in data for op in parser.feed(bytes((byte,)))]
    assert found == [operation for _, operation in script]


@pytest.mark.parametrize(
    "data",
    [
        b"HELLO\r\n",
        b"MSG\r\n",
        b"MSG a 1 x\r\n",
        b"MSG a b c d 1\r\nx\r\n",
        b"MSG a 1 1\r\nxy\r\n",
        b"HMSG a 1 9 4\r\nxxxx\r\n",
        b"HMSG 1\r\n",
        b"INFO {\r\n",
        b"x" * ((1 << 20) + 1),
    ],
)
def test_what_is_not_the_protocol_is_refused(data: bytes) -> None:
    """Nothing after it can be trusted; a guess could hand one message's bytes to another."""
    with pytest.raises(wire.ProtocolError):
        Parser().feed(data)


def receipts(*numbers: int, stream: bytes = b"S", duplicate: bool = False) -> bytes:
    """A run of receipts as the server writes them."""
    more = b',"duplicate":true' if duplicate else b""
    bodies = [(n, b'{"stream":"%b","seq":%d%b}' % (stream, n * 10, more)) for n in numbers]
    return b"".join(b"MSG in.%d 3 %d\r\n%b\r\n" % (n, len(b), b) for n, b in bodies)


@given(st.lists(st.integers(1, 99), max_size=20), st.integers(0, 2000), st.booleans())
def test_receipts_are_read_alike_by_both_paths(numbers: list[int], cut: int, mixed: bool) -> None:
    """The fast path is an optimisation: whatever it leaves, the parser reads, and never twice."""
    taken: list[Ack] = []
    parser = Parser(AckReader(b"in", 3, "S", taken.append))
    other = b"PING\r\n" if mixed else b""
    data = receipts(*numbers) + other + receipts(7, stream=b"T") + receipts(8, duplicate=True)
    slow: list[int] = []
    for part in (data[:cut], data[cut:]):
        messages = [op for op in parser.feed(part) if isinstance(op, Msg)]
        slow += [int(message.subject.rpartition(b".")[2]) for message in messages]
    assert sorted([*slow, *(ack.number for ack in taken)]) == sorted([*numbers, 7, 8])
    assert all(ack.sequence == ack.number * 10 for ack in taken)


def test_a_run_of_receipts_takes_the_fast_path() -> None:
    """The common case must be the cheap one."""
    taken: list[Ack] = []
    reader = AckReader(b"in", 3, "S", taken.append)
    data = receipts(1, 2, 3) + receipts(4, duplicate=True)
    assert reader(data + b"MSG in.5 3 2") == len(data)
    assert taken == [Ack(1, 10, False), Ack(2, 20, False), Ack(3, 30, False), Ack(4, 40, True)]


def test_receipts_of_another_stream_or_subscription_do_not() -> None:
    """They are refusals or surprises, and read with care."""
    taken: list[Ack] = []
    assert AckReader(b"in", 3, "S", taken.append)(receipts(1, 2, stream=b"T")) == 0
    assert AckReader(b"in", 4, "S", taken.append)(receipts(1, 2)) == 0
    assert AckReader(b"in", 3, "S", taken.append)(receipts(1) + receipts(2, stream=b"T")) == 0
    assert taken == []


@given(words, words, payloads, payloads)
def test_a_publish_is_read_back_as_it_was(
    subject: bytes, reply: bytes, headers: bytes, payload: bytes
) -> None:
    """Lengths, not delimiters, bound what we send."""
    command = wire.publish_with_headers(subject, reply, headers, payload)
    line, _, rest = command.partition(b"\r\n")
    assert rest == headers + payload + b"\r\n"
    sizes = b"%d %d" % (len(headers), len(headers) + len(payload))
    assert line == b"HPUB %b %b %b" % (subject, reply, sizes)
