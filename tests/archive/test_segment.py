"""A segment's file: frames, checksums, readable by others while it grows."""

import gzip
import hashlib
from pathlib import Path

import duckdb
import pytest
import zstandard

from ssmd.archive import layout, line
from ssmd.archive.frames import Frames
from ssmd.archive.segment import Segment
from ssmd.archive.settings import ArchiveSettings
from tests.archive.made import START, Talk, record

PLACE = layout.place("kraken", START, "W-1", 0)


def segment(root: Path, **settings: int) -> Segment:
    """A new segment."""
    return Segment(root, PLACE, START, ArchiveSettings(**settings))


def test_a_name_is_created_exclusively(tmp_path: Path) -> None:
    """A file that exists is never written into."""
    first = segment(tmp_path)
    with pytest.raises(FileExistsError):
        segment(tmp_path)
    first.close()


def test_every_few_bytes_a_new_frame_begins_and_each_has_a_checksum(tmp_path: Path) -> None:
    """What one damaged byte can cost is bounded; the library writes no checksum unless told."""
    made = segment(tmp_path, frame_bytes=2000)
    made.write(Talk().frames(100))
    made.sync()
    made.finish()
    content = (tmp_path / PLACE.name("open")).read_bytes()
    frames = 0
    while content:
        assert zstandard.get_frame_parameters(content).has_checksum
        decoder = zstandard.ZstdDecompressor().decompressobj()
        text = decoder.decompress(content)
        assert text.endswith(b"\n")
        content = decoder.unused_data
        frames += 1
    assert frames > 5


def test_digest_and_size_are_those_of_the_file(tmp_path: Path) -> None:
    """They are computed from what was meant to be written, so the disk cannot falsify them."""
    made = segment(tmp_path)
    made.write(Talk().frames(500))
    made.sync()
    made.write(Talk(1).frames(3))
    sealed = made.finish()
    content = (tmp_path / PLACE.name("open")).read_bytes()
    assert sealed.bytes == len(content)
    assert sealed.sha256 == hashlib.sha256(content).hexdigest()


def test_everything_synced_can_be_read_while_the_segment_is_open(tmp_path: Path) -> None:
    """A block is flushed at every commit."""
    made = segment(tmp_path)
    frames = Talk().frames(30)
    for count, each in enumerate(frames, 1):
        made.write([each])
        made.sync()
        with (tmp_path / PLACE.name("open")).open("rb") as file:
            read = Frames(file)
            assert len(list(read.lines())) == count
            assert read.torn
    made.close()


def test_duckdb_reads_a_sealed_segment(tmp_path: Path) -> None:
    """People bring their own tools: with columns named, and with everything guessed."""
    talk = Talk()
    record(tmp_path, talk.life(300), frame_bytes=4096)
    (path,) = tmp_path.glob("raw/*/*/*.jsonl.zst")
    rows = rows_of(
        f"select n, raw, feed, date::varchar from read_json('{tmp_path}/raw/*/*/*.jsonl.zst',"  # noqa: S608
        " format='newline_delimited', hive_partitioning=true,"
        " columns={n:'BIGINT', k:'VARCHAR', raw:'JSON'}) where k = 'trade' order by n"
    )
    assert [row[1] for row in rows] == [each.payload.decode() for each in Talk().frames(300)]
    assert {row[2:] for row in rows} == {("kraken", "2027-01-15")}
    count = rows_of(f"select count(*) from read_json('{path}', format='newline_delimited')")  # noqa: S608
    assert count == [(306,)]


def rows_of(query: str) -> list[tuple[object, ...]]:
    """What DuckDB answers."""
    found = duckdb.sql(query)
    assert found is not None
    return found.fetchall()


@pytest.mark.parametrize("portion", [1, 2, 10, 2000])
def test_a_quiet_feed_compresses_no_worse_than_gzip(portion: int, tmp_path: Path) -> None:
    """A block flushed for every message costs half the ratio: sealing makes up for it."""
    made = segment(tmp_path)
    frames = Talk().frames(2000, size=200)
    for at in range(0, len(frames), portion):
        made.write(frames[at : at + portion])
        made.sync()
    grown = (tmp_path / PLACE.name("open")).stat().st_size
    sealed = made.finish()
    text = b"".join(line.encode(each) for each in frames)
    assert sealed.bytes <= len(gzip.compress(text, 6))
    assert (sealed.bytes < grown) == (portion < 2000)
    content = (tmp_path / PLACE.name("open")).read_bytes()
    assert hashlib.sha256(content).hexdigest() == sealed.sha256
    with (tmp_path / PLACE.name("open")).open("rb") as file:
        assert b"".join(Frames(file).lines()) == text


def test_a_segment_that_cannot_be_compressed_anew_is_sealed_as_it_is(tmp_path: Path) -> None:
    """No room for the copy, or a disk that does not give back what it got: nothing is thrown away."""
    made = segment(tmp_path)
    for each in Talk().frames(50):
        made.write([each])
        made.sync()
    path = tmp_path / PLACE.name("open")
    layout.temporary(path).mkdir()
    sealed = made.finish()
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sealed.sha256
