"""Typed rows as lines of JSON: no digit is lost on the way to another program."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from ssmd import venues
from ssmd.archive import layout
from ssmd.cli.rows import Rows
from ssmd.feeds import registry
from ssmd.model.envelope import Envelope
from ssmd.model.errors import ConfigError
from ssmd.model.frame import Opcode

TS = 1_785_600_000_123_456_789
PROVENANCE = {"table", "reject", "feed", "connection", "ordinal", "part", "ts_recv"}


def envelope(kind: str, body: object, feed: str = "kalshi") -> Envelope:
    """A frame of a venue."""
    return Envelope(
        feed, None, kind, ("M",), f"{feed}-0-x", 7, None, 0, 1, Opcode.TEXT, 3, None, TS,
        json.dumps(body).encode(),
    )  # fmt: skip


def delta(**message: object) -> Envelope:
    """A change of a book."""
    told = {"market_ticker": "M", "side": "yes", "price_dollars": "0.4050", "delta_fp": "-1.50"}
    body = {"type": "orderbook_delta", "sid": 1, "seq": 3, "msg": {**told, **message}}
    return envelope("orderbook_delta", body)


def read(root: Path, *envelopes: Envelope) -> list[dict[str, Any]]:
    """What is printed of them."""
    rows = Rows(root, None)
    return [json.loads(line) for each in envelopes for line in rows.lines(each)]


def test_a_row_says_what_it_is_and_where_it_came_from(tmp_path: Path) -> None:
    """With connection, ordinal and part the frame itself can be looked up in the archive."""
    (row,) = read(tmp_path, delta(ts_ms=1_785_600_000_123, news=[1]))
    assert {
        "table": "orderbook_delta",
        "feed": "kalshi",
        "connection": "kalshi-0-x",
        "ordinal": 7,
        "part": 0,
        "ts_recv": str(TS),
        "ts_event": "1785600000123000000",
        "symbol": "M",
        "is_snapshot": False,
        "sid": 1,
        "side": "yes",
        "price": "0.4050",
        "delta": "-1.50",
        "native_id": None,
    }.items() <= row.items()
    assert "news" in row["extra"]


def test_numbers_that_would_be_rounded_are_text(tmp_path: Path) -> None:
    """A reader that holds numbers as doubles sees every digit of a time and of a price."""
    (row,) = read(tmp_path, delta(delta_fp="123456789012345678.0000000001", price_dollars="1e-9"))
    assert (row["delta"], row["price"]) == ("123456789012345678.0000000001", "0.000000001")


def test_what_gave_no_row_is_printed_too(tmp_path: Path) -> None:
    """A quiet terminal must not mean that something could not be read."""
    (line,) = read(tmp_path, delta(side="maybe"))
    assert line["reject"]["envelope"] == "kalshi-0-x:7:0"
    assert "side" in line["reject"]["reason"]
    assert (line["connection"], line["ordinal"]) == ("kalshi-0-x", 7)


def test_talk_about_the_connection_has_no_rows(tmp_path: Path) -> None:
    """It has no table."""
    assert read(tmp_path, envelope("_control", {"type": "ok"})) == []


def test_a_feed_nobody_knows_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """Which venue's rules hold must not be guessed."""
    with pytest.raises(ConfigError, match=r"'mine'.*--feed"):
        read(tmp_path, envelope("trade", {}, feed="mine"))


def test_a_feed_of_ones_own_is_read_by_what_ssmd_up_was_told(tmp_path: Path) -> None:
    """A name of one's own says nothing about the venue; the configuration in .run does."""
    feed = msgspec.structs.replace(registry.load_feed("kalshi"), name="mine")
    file = layout.run_folder(tmp_path) / "config" / "connector-mine.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(yaml.safe_dump(msgspec.to_builtins(feed, str_keys=True)))
    mine = msgspec.structs.replace(delta(), feed="mine")
    assert [row["table"] for row in read(tmp_path, mine)] == ["orderbook_delta"]
    (line,) = Rows(tmp_path / "elsewhere", feed).lines(mine)
    assert json.loads(line)["feed"] == "mine"


@pytest.mark.parametrize("name", venues.names())
def test_no_column_hides_where_a_row_came_from(name: str) -> None:
    """A column of the same name would silently take its place."""
    for table in venues.load(name).tables:
        assert not PROVENANCE & set(table.__struct_fields__)
