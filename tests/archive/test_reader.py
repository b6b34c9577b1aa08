"""Reading back, narrowed by the words of the model."""

import re
from pathlib import Path

import pytest
import zstandard

from ssmd.archive import layout, listing, reader
from ssmd.model.errors import ConfigError, Damaged
from ssmd.model.timestamp import SECOND_NS
from tests.archive.made import START, Talk, archive, record, sent


@pytest.fixture
def talks(tmp_path: Path) -> tuple[Talk, Talk]:
    """Two feeds' worth of connections over two slots; one segment is still open."""
    first, second = Talk(0), Talk(0, feed="other")
    record(tmp_path, first.life(20, step_ns=60 * SECOND_NS))
    made = archive(tmp_path)
    made.append(sent(second.life(5), after=22))
    made.commit()
    made.close()
    return first, second


def test_every_filter_narrows(talks: tuple[Talk, Talk], tmp_path: Path) -> None:
    """Feed, type, symbol, time, connection."""
    first, second = talks
    assert len(list(reader.read(tmp_path))) == 29
    assert len(list(reader.read(tmp_path, "other"))) == 7
    assert len(list(reader.read(tmp_path, type="trade"))) == 25
    assert len(list(reader.read(tmp_path, symbol="BTC/USD"))) == 25
    assert len(list(reader.read(tmp_path, symbol="BTC"))) == 0
    assert len(list(reader.read(tmp_path, connection=first.id))) == 22
    lines = list(reader.read(tmp_path, "kraken", since=START + 600 * SECOND_NS))
    assert [line.envelope.ordinal for line in lines] == [*range(10, 20), None]
    assert len(list(reader.read(tmp_path, "kraken", until=START + 600 * SECOND_NS))) == 11
    assert list(reader.read(tmp_path, until=START)) == []
    assert second.id in {line.envelope.connection for line in reader.read(tmp_path)}


def test_a_line_is_found_where_it_is_said_to_be(talks: tuple[Talk, Talk], tmp_path: Path) -> None:
    """Row to frame: the location leads back to the very line."""
    for line in reader.read(tmp_path, "kraken"):
        place = layout.parse(line.file)
        assert place is not None
        again = [each for each in reader.read_segment(tmp_path, *place) if each == line]
        assert again == [line]


def test_a_sealed_segment_that_is_cut_raises(talks: tuple[Talk, Talk], tmp_path: Path) -> None:
    """Silence would look like the end of the data."""
    path = min(tmp_path.glob("raw/feed=kraken/*/*.jsonl.zst"))
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(Damaged, match="cut off"):
        list(reader.read(tmp_path, "kraken"))


def test_a_damaged_line_is_named(talks: tuple[Talk, Talk], tmp_path: Path) -> None:
    """The segment and the line in it: what is to be restored, and where to look."""
    path = min(tmp_path.glob("raw/feed=kraken/*/*.jsonl.zst"))
    lines = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read().splitlines(True)
    lines[2] = b"{]\n"
    path.write_bytes(zstandard.compress(b"".join(lines)))
    named = re.escape(f"Line 3 of {path.relative_to(tmp_path)}: Not a line of an archive")
    with pytest.raises(Damaged, match=named) as refused:
        list(reader.read(tmp_path, "kraken"))
    assert "Restore" in refused.value.remedy


def test_no_archive_is_said_so(tmp_path: Path) -> None:
    """A mistyped directory must not look empty."""
    for ask in (lambda: list(reader.read(tmp_path / "x")), lambda: listing.listing(tmp_path / "x")):
        with pytest.raises(ConfigError, match="no archive"):
            ask()


def test_the_listing_tells_what_there_is(talks: tuple[Talk, Talk], tmp_path: Path) -> None:
    """`ssmd data ls`, from manifests, and from the lines of what is open."""
    kraken, other = listing.listing(tmp_path)
    assert (kraken.feed, kraken.date, kraken.segments, kraken.open) == (
        "kraken",
        "2027-01-15",
        2,
        0,
    )
    assert kraken.types == {"_connection": 2, "trade": 20}
    assert kraken.bytes == sum(p.stat().st_size for p in tmp_path.glob("raw/feed=kraken/*/*.zst"))
    assert (kraken.first_ts, kraken.connections) == (START, 1)
    assert (other.feed, other.segments, other.open, other.lines) == ("other", 0, 1, 7)
    assert [day.feed for day in listing.listing(tmp_path, "other")] == ["other"]
