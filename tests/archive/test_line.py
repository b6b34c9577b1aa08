"""The raw line gives back what went in, and stays readable by others."""

import json
from pathlib import Path

import duckdb
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ssmd.archive import line
from ssmd.model.envelope import Envelope
from ssmd.model.errors import Damaged
from ssmd.model.frame import Opcode
from tests.archive.made import Talk

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
SPACES = st.text(" \t\r\n", max_size=3)
JSON_LIKE = st.builds(
    lambda before, value, ascii_, after: (
        before + json.dumps(value, ensure_ascii=ascii_, separators=(",", ":")) + after
    ).encode(errors="surrogatepass"),
    SPACES,
    JSON,
    st.booleans(),
    SPACES,
)


def spelled(payload: bytes) -> str:
    """Which of the three last keys a payload is given."""
    fields = json.loads(line.encode(Talk().envelope("trade", payload, ordinal=0)))
    (last,) = {"raw", "text", "b64"} & fields.keys()
    assert list(fields)[-1] == last
    return str(last)


@given(payload=st.binary() | JSON_LIKE | st.text().map(str.encode))
@example(payload=b"\xed\xa0\x80")
@example(payload=b'"\\ud800"')
@example(payload=b"null")
@example(payload=b"\xef\xbb\xbf{}")
@example(payload=b"[" * 5000 + b"]" * 5000)
@example(payload=b"[" * 400 + b"]" * 400)
@example(payload=b'{"a":NaN}')
@example(payload=b'{"a":1,"a":2}\n')
def test_every_payload_comes_back_byte_for_byte(payload: bytes) -> None:
    """Raw first: what cannot stand verbatim is spelled otherwise, never changed."""
    envelope = Talk().envelope("trade", payload, ordinal=0)
    text = line.encode(envelope)
    assert text.endswith(b"\n")
    assert b"\n" not in text[:-1]
    assert line.decode(text, "kraken") == envelope


@given(
    envelope=st.builds(
        Envelope,
        feed=st.just("kraken"),
        category=st.none() | st.text(max_size=5),
        type=st.text(max_size=5),
        symbols=st.lists(st.text(max_size=5), max_size=3).map(tuple),
        connection=st.text(max_size=20),
        ordinal=st.none() | st.integers(0, 2**62),
        record=st.none() | st.integers(0, 2**62),
        part=st.integers(0, 500),
        parts=st.integers(1, 500),
        opcode=st.sampled_from(Opcode),
        sequence=st.none() | st.integers(-(2**63), 2**64 - 1),
        ts_event=st.none() | st.integers(-(2**62), 2**62),
        ts_recv=st.none() | st.integers(0, 2**62),
        payload=st.binary(max_size=10),
    )
)
def test_every_envelope_comes_back(envelope: Envelope) -> None:
    """Provenance is kept whole, not only the payload."""
    assert line.decode(line.encode(envelope), "kraken") == envelope


def test_the_keys_stand_in_their_order() -> None:
    """The order is part of the format: a reader may rely on it."""
    talk = Talk()
    talk.category = "crypto"
    text = line.encode(
        talk.envelope(
            "trade", b'{"a":1}\n', ordinal=3, parts=2, part=1, symbols=("A",), sequence=9,
            ts_event=7, opcode=Opcode.BINARY,
        )
    )  # fmt: skip
    assert text == (
        b'{"t":%d,"c":"%b","n":3,"p":1,"m":2,"k":"trade","g":"crypto","s":["A"],"q":9,"e":7,'
        b'"o":2,"z":"\\n","raw":{"a":1}}\n' % (talk.ts, talk.id.encode())
    )


@pytest.mark.parametrize(
    ("payload", "key"),
    [
        (b'{"a":1}', "raw"),
        (b'{"a":1}\n', "raw"),
        (b"1e999", "raw"),
        (b'"\\u0000"', "raw"),
        (b" {}", "text"),
        (b"{\n}", "text"),
        (b"", "text"),
        (b"null", "text"),
        (b"NaN", "text"),
        (b'{"a":Infinity}', "text"),
        (b'"\\ud800"', "text"),
        (b"PONG", "text"),
        (b"\xef\xbb\xbf{}", "text"),
        (b"[" * 65 + b"]" * 65, "text"),
        (b"[" + b"[]," * 999 + b"[]]", "raw"),
        (b"\xff", "b64"),
        (b'"\xed\xa0\x80"', "b64"),
    ],
)
def test_only_harmless_json_is_verbatim(payload: bytes, key: str) -> None:
    """One doubtful payload must not make a whole segment unreadable for others."""
    assert spelled(payload) == key


@given(payloads=st.lists(JSON_LIKE | st.binary(), min_size=1, max_size=10))
def test_duckdb_reads_every_line(payloads: list[bytes]) -> None:
    """The file format is for people's own tools, not only for ours."""
    path = Path("/dev/shm") / "ssmd-line-test.jsonl"  # noqa: S108 - rewritten 100 times
    path.write_bytes(
        b"".join(line.encode(Talk().envelope("x", each, ordinal=0)) for each in payloads)
    )
    try:
        found = duckdb.sql(
            f"select raw, text, b64 from read_json('{path}', format='newline_delimited',"  # noqa: S608 - the path is ours
            " columns={raw:'JSON',text:'VARCHAR',b64:'VARCHAR'}, maximum_object_size=1000000)"
        )
        assert found is not None
        rows = found.fetchall()
    finally:
        path.unlink()
    assert [sum(value is not None for value in row) for row in rows] == [1] * len(payloads)


_HEAD = b'{"t":null,"c":"x","n":1,"p":0,"k":"x","s":[],"q":null,"e":null'


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"null",
        b'{"t":1}',
        b"[" * 9999,
        b"\xff",
        _HEAD + b"}",
        _HEAD + b',"b64":"?"}',
        _HEAD + b',"o":3,"raw":1}',
    ],
)
def test_what_is_no_line_is_said_to_be_damaged(text: bytes) -> None:
    """A reader must tell damage from data."""
    with pytest.raises(Damaged):
        line.decode(text, "kraken")


def test_a_line_read_deep_in_the_stack_is_still_read() -> None:
    """The nesting msgspec bears depends on its caller's depth."""
    text = line.encode(Talk().envelope("x", b"[" * 64 + b"]" * 64, ordinal=0))

    def down(levels: int) -> bytes:
        return down(levels - 1) if levels else line.decode(text, "kraken").payload

    assert down(400) == b"[" * 64 + b"]" * 64


def test_a_reader_skips_keys_it_does_not_know() -> None:
    """Shapes only grow."""
    fields = msgspec.json.decode(line.encode(Talk().envelope("x", b"1", ordinal=0)))
    text = msgspec.json.encode({"new": [1], **fields})
    assert line.decode(text, "kraken").payload == b"1"
