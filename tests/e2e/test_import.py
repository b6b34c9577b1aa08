"""`ssmd import` and `ssmd verify`: recorded frames rest byte for byte, and every harm is named."""

import gzip
import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ssmd import venues
from ssmd.archive import reader
from ssmd.archive.conservation import spell
from ssmd.archive.verify import verify
from ssmd.feeds import registry
from ssmd.model.frame import Now
from ssmd.model.simulated import SimulationOptions
from ssmd.model.timestamp import SECOND_NS
from tests.e2e.acts import FEED
from tests.e2e.command import ssmd
from tests.e2e.kept import is_kept_whole, raws
from tests.shared import shared

pytestmark = pytest.mark.e2e
log = logging.getLogger(__name__)

START = 1_785_600_000 * SECOND_NS
STEP_NS = 20 * SECOND_NS
FRAMES = 200
"""Over an hour: several segments."""


def talk(count: int) -> list[str]:
    """What a simulated venue says to somebody who subscribes to its books and trades."""
    feed = registry.load_feed(FEED)
    simulated = venues.load(feed.venue).simulated
    assert simulated is not None
    symbols = feed.universe.symbols[:3]
    market = simulated(SimulationOptions(seed=7, rate=20.0, symbols=symbols))
    venue = market.connect()
    said = [*venue.open(Now(START, 0.0))]
    for number, channel in enumerate(("book", "trade"), 1):
        params = {"channel": channel, "symbol": list(symbols)}
        request = {"method": "subscribe", "params": params, "req_id": number}
        said += venue.receive(json.dumps(request).encode(), Now(START, 0.0))
    mono = 0.0
    while len(said) < count:
        mono += 0.1
        now = Now(START + int(mono * SECOND_NS), mono)
        market.advance(now)
        said += venue.tick(now)
    return [emission.payload.decode() for emission in said[:count]]


def write(path: Path, frames: list[str]) -> Path:
    """A capture file, its frames some seconds apart."""
    lines = [
        json.dumps({"ts_recv": START + number * STEP_NS, "raw": raw}) + "\n"
        for number, raw in enumerate(frames)
    ]
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(lines)
    return path


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture of our own: these tests mean something without the recordings."""
    return write(tmp_path_factory.mktemp("capture") / "capture.jsonl.gz", talk(FRAMES))


@pytest.fixture(scope="module")
def imported(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive that holds the capture."""
    root = tmp_path_factory.mktemp("imported") / "archive"
    assert ssmd("import", capture, "--feed", FEED, "--dir", root, "--json").returncode == 0
    return root


def test_every_checksum_of_the_recording_holds(tmp_path: Path) -> None:
    """A session that reads books otherwise than the venue would cry gap; one changed level, and it does."""
    path = shared("data/kraken/capture-v2-book10-btc-eth-20260802.jsonl.gz")
    frames = [raw.decode() for raw in raws(path)]
    at = next(n for n, raw in enumerate(frames) if '"type":"update"' in raw and '"checksum"' in raw)
    body = json.loads(frames[at])
    checksum = body["data"][0]["checksum"]
    frames[at] = frames[at].replace(str(checksum), str(checksum ^ 1))
    result = is_kept_whole(write(tmp_path / "spoilt.jsonl.gz", frames), tmp_path / "archive", FEED)
    assert [(gap["kind"], gap["symbols"]) for gap in result["gaps"]] == [
        ("checksum", [body["data"][0]["symbol"]])
    ]
    assert result["gaps"][0]["ordinal"] == at


def test_a_capture_of_our_own_is_kept_byte_for_byte(capture: Path, tmp_path: Path) -> None:
    """The same without the recordings, which not every machine has."""
    result = is_kept_whole(capture, tmp_path / "archive", FEED)
    assert set(result["by_type"]) == {"book", "trade", "_control"}
    assert result["unread"] == 0
    assert result["gaps"] == []
    assert result["connections"] == 1


def test_a_lost_frame_of_a_capture_is_a_gap_and_no_failure(capture: Path, tmp_path: Path) -> None:
    """What a recorder lost is a fact about the past: said, with symbols, and exit 0."""
    frames = [raw.decode() for raw in raws(capture)]
    updates = [n for n, raw in enumerate(frames) if '"book"' in raw and '"update"' in raw]
    lost = updates[len(updates) // 2]
    symbol = json.loads(frames[lost])["data"][0]["symbol"]
    path = write(tmp_path / "holed.jsonl.gz", [*frames[:lost], *frames[lost + 1 :]])
    result = is_kept_whole(path, tmp_path / "archive", FEED)
    assert [gap["symbols"] for gap in result["gaps"]] == [[symbol]]
    assert result["gaps"][0]["ordinal"] >= lost


@pytest.mark.parametrize(
    "line",
    [
        '{"ts_recv": 1, "raw": ',
        '{"ts_recv": "soon", "raw": "x"}',
        '{"ts_recv": 1}',
        "[1, 2]",
        "\x00",
        '{"ts_recv": 1, "raw": 2}',
    ],
)
def test_a_broken_line_is_named_and_nothing_is_imported(line: str, tmp_path: Path) -> None:
    """Half an import would be worse than none: the user could not tell which half."""
    good = json.dumps({"ts_recv": START, "raw": "{}"})
    path = tmp_path / "capture.jsonl"
    path.write_text(f"{good}\n{good}\n{line}\n{good}\n")
    answer = ssmd("import", path, "--feed", FEED, "--dir", tmp_path / "archive", "--json")
    assert answer.returncode == 2, answer
    assert "line 3" in answer.stderr
    assert str(path) in answer.stderr
    assert "Traceback" not in answer.stderr
    assert answer.stdout == ""
    assert not list((tmp_path / "archive").rglob("*.jsonl*"))


def test_a_capture_cut_off_in_the_middle_imports_nothing(capture: Path, tmp_path: Path) -> None:
    """A gzip file whose download broke off looks whole until its end is read."""
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(capture.read_bytes()[:-20])
    answer = ssmd("import", path, "--feed", FEED, "--dir", tmp_path / "archive", "--json")
    assert answer.returncode == 2, answer
    assert str(path) in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not list((tmp_path / "archive").rglob("*.jsonl*"))


def flip_a_byte(segments: list[Path], manifests: list[Path]) -> list[Path]:
    """Bit rot."""
    content = bytearray(segments[1].read_bytes())
    content[len(content) // 2] ^= 1
    segments[1].write_bytes(content)
    return [segments[1]]


def delete_a_segment(segments: list[Path], manifests: list[Path]) -> list[Path]:
    """A hand that slipped."""
    segments[1].unlink()
    return [segments[1]]


def delete_both(segments: list[Path], manifests: list[Path]) -> list[Path]:
    """A hand that slipped twice."""
    segments[1].unlink()
    manifests[1].unlink()
    return [segments[1]]


def swap_two(segments: list[Path], manifests: list[Path]) -> list[Path]:
    """A restore that mixed things up."""
    other = segments[1].read_bytes()
    segments[1].write_bytes(segments[2].read_bytes())
    segments[2].write_bytes(other)
    return segments[1:3]


def cut_the_tail(segments: list[Path], manifests: list[Path]) -> list[Path]:
    """A copy that broke off."""
    content = segments[-1].read_bytes()
    segments[-1].write_bytes(content[: len(content) // 2])
    return [segments[-1]]


Harm = Callable[[list[Path], list[Path]], list[Path]]


@pytest.mark.parametrize(
    "harm", [flip_a_byte, delete_a_segment, delete_both, swap_two, cut_the_tail]
)
def test_every_harm_is_found_and_named(harm: Harm, imported: Path, tmp_path: Path) -> None:
    """Exit 1, with the file, the connection and the ordinals: enough to look for a copy."""
    root = Path(shutil.copytree(imported, tmp_path / "archive"))
    segments = sorted(root.glob("raw/*/*/*.zst"))
    manifests = sorted(root.glob("raw/*/*/*.manifest.json"))
    assert len(segments) == len(manifests) >= 4
    ordinals = {
        path: sorted(
            line.envelope.ordinal
            for line in reader.read(root)
            if line.file == str(path.relative_to(root)) and line.envelope.ordinal is not None
        )
        for path in segments
    }
    (connection,) = {line.envelope.connection for line in reader.read(root)}
    harmed = harm(segments, manifests)
    said = ssmd("verify", root)
    assert said.returncode == 1, said
    report = verify(root)
    assert not report.ok
    for path in harmed:
        name, span = str(path.relative_to(root)), ((ordinals[path][0], ordinals[path][-1]),)
        mine = [p for p in report.problems if p.file == name and p.ordinals]
        assert {p.connection for p in mine} == {connection}, report.problems
        assert span in [p.ordinals for p in mine], mine
        line = next(text for text in said.stdout.splitlines() if name in text)
        log.info("%s: %s", harm.__name__, line)
        assert connection in line
        assert f"ordinals {spell(span)}" in line
