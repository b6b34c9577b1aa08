"""Rows out of the archive: exact in every format, each piece whole or not there, stopped and gone on."""

import csv
import json
from decimal import Decimal
from pathlib import Path

import msgspec
import polars as pl
import pytest

from ssmd.access.export import FORMATS, STATE, Format, Piece, Plan, write
from ssmd.access.times import Range
from ssmd.model.errors import ConfigError, Damaged

NS = 1_763_856_000_123_456_789
EXACT = Decimal("0.1000000001")
FRAME = pl.DataFrame(
    {
        "feed": ["a", "a", "b"],
        "at": pl.Series([NS, NS + 1, None], dtype=pl.Int64).cast(pl.Datetime("ns", "UTC")),
        "price": pl.Series([EXACT, None, Decimal("12345678901234567890.5")], dtype=pl.Decimal(38, 10)),
        "names": [["x", "y"], [], None],
        "text": ['quoted "so", he said\nand went', "", None],
    }
)  # fmt: skip


def _piece(feed: str, rows: int, kind: str) -> Piece:
    return Piece(
        name=f"t-{feed}.{kind}", feed=feed, since=0, until=10, rows=rows, source_bytes=1, losses=0
    )


def _plan(kind: Format, *, a: int = 2, b: int = 1, asked: str = "all") -> Plan:
    return Plan(
        table="t", format=kind, asked=asked, pieces=(_piece("a", a, kind), _piece("b", b, kind))
    )


def _rows(feed: str, asked: Range) -> pl.LazyFrame:
    assert asked == Range(0, 10)
    return FRAME.lazy().filter(pl.col("feed") == feed)


def _spelled(path: Path, kind: Format) -> list[dict[str, object]]:
    """What a program that knows nothing of us reads."""
    if kind == "csv":
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_columns_keep_their_types(tmp_path: Path, kind: Format) -> None:
    """Decimals stay decimals, times keep their last digit."""
    write(_plan(kind), tmp_path, _rows)
    read = pl.read_parquet if kind == "parquet" else pl.read_ipc
    for feed in ("a", "b"):
        found = read(tmp_path / f"t-{feed}.{kind}")
        assert found.equals(FRAME.filter(pl.col("feed") == feed))
        assert found.schema == FRAME.schema


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_texts_keep_every_digit(tmp_path: Path, kind: Format) -> None:
    """What is text for lack of types can be read back exactly."""
    write(_plan(kind), tmp_path, _rows)
    first, second = _spelled(tmp_path / f"t-a.{kind}", kind)
    (third,) = _spelled(tmp_path / f"t-b.{kind}", kind)
    assert first["at"] == "2025-11-23T00:00:00.123456789Z"
    assert second["at"] == "2025-11-23T00:00:00.123456790Z"
    assert Decimal(str(first["price"])) == EXACT
    assert Decimal(str(third["price"])) == Decimal("12345678901234567890.5")
    assert first["text"] == 'quoted "so", he said\nand went'
    assert second["price"] in (None, "")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_stopped_export_goes_on(tmp_path: Path, kind: Format) -> None:
    """What was whole is not written again; what is gone, or was changed, is."""

    def broken(feed: str, asked: Range) -> pl.LazyFrame:
        if feed == "b":
            raise KeyboardInterrupt
        return _rows(feed, asked)

    with pytest.raises(KeyboardInterrupt):
        write(_plan(kind), tmp_path, broken)
    assert sorted(path.name for path in tmp_path.iterdir()) == [STATE, f"t-a.{kind}"]
    made = (tmp_path / f"t-a.{kind}").stat().st_mtime_ns
    said: list[tuple[int, int]] = []
    write(_plan(kind), tmp_path, _rows, lambda done, whole: said.append((done, whole)))
    assert (tmp_path / f"t-a.{kind}").stat().st_mtime_ns == made
    assert said == [(2, 3), (3, 3)]
    (tmp_path / f"t-a.{kind}").write_bytes(b"half")
    state = write(_plan(kind), tmp_path, _rows)
    assert (tmp_path / f"t-a.{kind}").read_bytes() != b"half"
    assert sum(each.piece.rows for each in state.written.values()) == 3


def test_more_rows_than_planned_are_no_piece(tmp_path: Path) -> None:
    """The archive grew: nothing half right is left behind."""
    with pytest.raises(Damaged, match="2 rows; 1 were planned"):
        write(_plan("csv", a=1), tmp_path, _rows)
    assert [path.name for path in tmp_path.iterdir()] == [STATE]


def test_another_export_is_left_alone(tmp_path: Path) -> None:
    """Neither somebody's files nor another question's answer are written over."""
    write(_plan("csv"), tmp_path / "one", _rows)
    with pytest.raises(ConfigError, match="holds an export of t as csv, all"):
        write(_plan("csv", asked="BTC/USD"), tmp_path / "one", _rows)
    with pytest.raises(ConfigError, match="holds an export"):
        write(_plan("jsonl"), tmp_path / "one", _rows)
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "thesis.txt").write_text("dear")
    with pytest.raises(ConfigError, match="no export"):
        write(_plan("csv"), tmp_path / "two", _rows)
    (tmp_path / "one" / STATE).write_bytes(msgspec.json.encode({"table": 1}))
    with pytest.raises(ConfigError, match="not what was written"):
        write(_plan("csv"), tmp_path / "one", _rows)
