"""Rows as bytes: read back by somebody else's reader they are what they were."""

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.access.encoding import encoded, objects

SCHEMA = pl.Schema(
    {
        "ts_recv": pl.Datetime("ns", "UTC"),
        "price": pl.Decimal(38, 10),
        "rate": pl.Decimal(38, 24),
        "text": pl.String(),
        "sequence": pl.Int64(),
        "ordinal": pl.Int64(),
        "is_repeat": pl.Boolean(),
        "symbols": pl.List(pl.String()),
    }
)
ROW = st.tuples(
    st.none() | st.integers(0, 2**62),
    st.none() | st.decimals(-(10**27), 10**27, places=10),
    st.none() | st.decimals(-(10**13), 10**13, places=24),
    st.none() | st.text(st.characters(exclude_categories=["Cs"])),
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 2**40),
    st.none() | st.booleans(),
    st.lists(st.text("ab/-:", min_size=1), max_size=3),
)


def frame(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    """Rows as a frame."""
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def whole(kind: Any, made: pl.DataFrame) -> bytes:  # noqa: ANN401 - a literal
    """All bytes, from two pieces."""
    half = made.height // 2
    return b"".join(encoded(kind, made.schema, [made[:half], made[half:]]))


def time(ns: int | None) -> str | None:
    """RFC 3339, by another way."""
    if ns is None:
        return None
    at = datetime.fromtimestamp(ns // 10**9, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{ns % 10**9:09d}Z"


@given(st.lists(ROW, max_size=8))
def test_json_lines_keep_every_digit_and_character(rows: list[tuple[Any, ...]]) -> None:
    """Decimals, large integers and times as texts; read by Python's own JSON."""
    made = frame(rows)
    lines = [json.loads(line) for line in whole("ndjson", made).splitlines()]
    assert lines == [json.loads(each) for each in objects(made)]
    assert len(lines) == len(rows)
    for told, row in zip(lines, rows, strict=True):
        ts, price, rate, text, sequence, ordinal, repeat, symbols = row
        assert told["ts_recv"] == time(ts)
        assert (None if price is None else Decimal(told["price"])) == price
        assert (None if rate is None else Decimal(told["rate"])) == rate
        assert "E" not in (told["rate"] or "").upper()
        assert told["text"] == text
        assert told["sequence"] == (None if sequence is None else str(sequence))
        assert told["ordinal"] == ordinal
        assert told["is_repeat"] is repeat
        assert told["symbols"] == symbols


@given(st.lists(ROW, max_size=8))
def test_csv_is_read_back_by_another_reader(rows: list[tuple[Any, ...]]) -> None:
    """RFC 4180: quotes, commas and line ends inside values do not break it."""
    made = frame(rows)
    told = list(csv.reader(io.StringIO(whole("csv", made).decode(), newline=""), strict=True))
    assert told[0] == list(SCHEMA)
    assert len(told) == len(rows) + 1
    for values, row in zip(told[1:], rows, strict=True):
        by_name = dict(zip(SCHEMA, values, strict=True))
        assert by_name["text"] == (row[3] or "")
        assert by_name["ts_recv"] == (time(row[0]) or "")
        assert (Decimal(by_name["price"]) if by_name["price"] else None) == row[1]
        assert by_name["sequence"] == ("" if row[4] is None else str(row[4]))
        assert by_name["symbols"] == " ".join(row[7])


@given(st.lists(ROW, max_size=8))
def test_arrow_and_parquet_keep_types_and_values(rows: list[tuple[Any, ...]]) -> None:
    """The types of the archive, and equal to the last bit; without rows too."""
    made = frame(rows)
    assert pl.read_parquet(io.BytesIO(whole("parquet", made))).equals(made)
    arrow = pa.ipc.open_stream(whole("arrow", made)).read_all()
    assert arrow.schema.field("price").type == pa.decimal128(38, 10)
    assert arrow.schema.field("text").type == pa.string()
    assert pl.DataFrame(arrow).equals(made)


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=8))
def test_a_payload_is_text_or_base64_and_never_both(payloads: list[bytes]) -> None:
    """What was received comes back byte for byte."""
    made = pl.DataFrame({"payload": payloads}, schema={"payload": pl.Binary})
    for line, payload in zip(objects(made), payloads, strict=True):
        told = json.loads(line)
        assert (told["text"] is None) != (told["b64"] is None)
        if told["text"] is not None:
            assert told["text"].encode() == payload
        else:
            assert pl.Series([told["b64"]]).str.decode("base64").item() == payload


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_a_file_that_was_cut_off_is_known_to_be(kind: str) -> None:
    """Without its last piece a reader refuses it, or tells that its end is missing."""
    made = frame([(1, None, None, "x", 1, 1, None, [])] * 100)
    pieces = list(encoded(kind, SCHEMA, [made]))  # type: ignore[arg-type] # both are formats
    cut = b"".join(pieces[:-1])
    if kind == "parquet":
        with pytest.raises(Exception, match=r"(?i)parquet|footer|magic"):
            pl.read_parquet(io.BytesIO(cut))
    else:
        assert pieces[-1] == b"\xff\xff\xff\xff\x00\x00\x00\x00"  # the end mark of the format
