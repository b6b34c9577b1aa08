"""What was recorded comes back as tables: books as the venues had them, every line accounted for."""

import asyncio
import json
import random
import shutil
import warnings
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest

import ssmd
from ssmd.access import Incomplete
from ssmd.archive import layout, reader
from ssmd.archive.tables import built
from ssmd.archive.tables.compactor import Compactor
from ssmd.archive.tables.redecode import redecode
from ssmd.cli import conservation
from ssmd.cli.stage import Stage
from ssmd.feeds import registry
from ssmd.feeds.machine import FeedChoice, MachineConfig
from ssmd.model.book import Level
from ssmd.model.timestamp import SECOND_NS
from ssmd.sim import checkpoints
from tests.e2e.acts import CLOCK, drained, total, until
from tests.e2e.command import last
from tests.e2e.command import ssmd as command
from tests.e2e.test_venues import quick
from tests.tier import SEED, scale

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

FRAMES = scale(gate=4_000, full=60_000)
LOOKS = scale(gate=300, full=10_000)
RATE = 800.0
BOOKS_S = 0.05

Look = tuple[str, str, int, tuple[Level, ...], tuple[Level, ...]]
"""Feed, symbol, when (ns), and the levels of both sides as the venue had them."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[float]]:
    """Every shipped venue, recorded with a reset in the middle.

    Gives the archive, the venues' ledgers, and how old the newest trade of the tables was whenever
    they were asked while it was being recorded, in seconds.
    """
    root = tmp_path_factory.mktemp("tables") / "data"
    ledgers, ages = asyncio.run(_record(root))
    outcome = Compactor(root, CLOCK).run_once()
    assert outcome.failed == []
    return root, ledgers, ages


async def _record(root: Path) -> tuple[Path, list[float]]:
    feeds = [quick(registry.load_feed(name)) for name in registry.names()]
    machine = MachineConfig(
        dir=str(root),
        environment="test",
        feeds=tuple(FeedChoice(feed=feed.name) for feed in feeds),
    )
    stage = Stage(machine, feeds, clock=CLOCK, rate=RATE, seed=SEED, books_s=BOOKS_S)
    ages: list[float] = []
    try:
        await stage.start()
        await _frames(stage, FRAMES / 2)
        ages.append(_age(root))
        await stage.lose_connection()
        await _frames(stage, FRAMES / 2)
        ages.append(_age(root))
        await drained(stage)
    finally:
        await stage.close()
    return stage.ledgers, ages


async def _frames(stage: Stage, count: float) -> None:
    before = await total(stage, "ssmd_connector_frames_total")

    async def came() -> bool:
        return await total(stage, "ssmd_connector_frames_total") >= before + count

    await until(came, f"{count:.0f} frames", patience_s=300.0)


def _age(root: Path) -> float:
    """How old the newest trade of the tables is that lie still in open segments, in seconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Incomplete)
        newest = ssmd.open(root).sql("SELECT max(ts_recv) AS newest FROM trades").rows()[0]
    now = CLOCK.wall()
    assert isinstance(newest["newest"], int)
    return (now - newest["newest"]) / SECOND_NS


def _looks(root: Path, ledgers: Path) -> list[Look]:
    """Every book that a venue wrote down, and when whoever recorded it knew as much."""
    verdicts = conservation.compared(ledgers, root, registry.names())
    received: dict[str, dict[int, int]] = defaultdict(dict)
    for line in reader.read(root):
        envelope = line.envelope
        if envelope.ordinal is not None and envelope.ts_recv is not None:
            received[envelope.connection][envelope.ordinal] = envelope.ts_recv
    found: list[Look] = []
    for feed, verdict in zip(registry.names(), verdicts, strict=True):
        told = checkpoints.read(ledgers / feed)
        for socket, connection in verdict.served.items():
            times = received[connection]
            for each in told.get(socket, ()):
                # Everything it was sent by then is archived, and something came after it: a book
                # is asked for while its connection is the one that counts.
                if each.emitted - 1 in times and each.emitted in times:
                    at = times[each.emitted - 1]
                    if at < times[each.emitted]:
                        found += [(feed, b.symbol, at, b.bids, b.asks) for b in each.books]
    return found


def test_a_book_at_any_time_is_the_venues_own(
    recorded: tuple[Path, Path, list[float]],
) -> None:
    """Snapshots and changes, read back from Parquet, give what the simulated venue had then."""
    root, ledgers, _ = recorded
    looks = _looks(root, ledgers)
    by_feed: dict[str, list[Look]] = defaultdict(list)
    for look in looks:
        by_feed[look[0]].append(look)
    assert by_feed.keys() == set(registry.names())
    chance = random.Random(SEED)
    archive = ssmd.open(root, warn=False)
    proved = 0
    for own in by_feed.values():
        for feed, symbol, at, bids, asks in chance.choices(own, k=LOOKS // len(by_feed)):
            frame = archive.book(feed=feed, instrument=symbol, at=at).collect()
            for side, levels in (("bid", bids), ("ask", asks)):
                rows = frame.filter(frame["side"] == side)
                held = list(zip(rows["price"], rows["size"], strict=True))
                expected = [(Decimal(price), Decimal(size)) for price, size in levels]
                assert held == expected, (feed, symbol, at, side)
            proved += bool(frame.height) and bool(frame["book_ok"].all())
    assert proved > LOOKS * 0.9, "most of them are proved, and say so"


def test_every_line_is_accounted_for(recorded: tuple[Path, Path, list[float]]) -> None:
    """Lines = rows + control + records + unread + rejected + told elsewhere, in every segment."""
    root = recorded[0]
    lines = rows = 0
    for name in _built(root):
        made = built.decode((root / name).read_bytes(), name)
        for account in made.accounting:
            assert account.lines == account.told
            lines += account.lines
            rows += sum(account.rows.values())
        assert rows == 0 or made.files
    assert lines == sum(1 for _ in reader.read(root))
    assert rows > FRAMES / 2


def test_recent_rows_are_there_within_ten_seconds(
    recorded: tuple[Path, Path, list[float]],
) -> None:
    """While it is recorded, nothing sealed and no table made yet: what was committed is queryable."""
    assert all(age < 10.0 for age in recorded[2]), recorded[2]


def test_tables_made_again_are_the_same_bytes(recorded: tuple[Path, Path, list[float]]) -> None:
    """They are a function of the segments and of nothing else."""
    result = redecode(recorded[0], CLOCK, dry_run=True)
    assert result.is_same
    assert result.slots


def test_the_commands_read_them(recorded: tuple[Path, Path, list[float]], tmp_path: Path) -> None:
    """List, look up columns, ask, plan, export, go on with an export: as a person would."""
    root = recorded[0]
    listed = last(command("data", "ls", root, "--json"))
    assert {day["feed"] for day in listed} == set(registry.names())
    assert all(day["rows"] > 0 and 0 < day["coverage"] <= 1 for day in listed)
    columns = last(command("data", "schema", "trades", root, "--json"))
    assert [each["name"] for each in columns][:4] == [
        "feed",
        "instrument_id",
        "ts_event",
        "ts_recv",
    ]
    asked = "SELECT feed, count(*) AS n, sum(size) AS size FROM trades GROUP BY feed ORDER BY feed"
    counted = {row["feed"]: row for row in last(command("data", "query", asked, root, "--json"))}
    assert counted.keys() == set(registry.names())
    assert all(isinstance(row["size"], str) for row in counted.values())
    out = tmp_path / "out"
    export = ("data", "export", "trades", root, "--out", out, "--format", "jsonl", "--json")
    plan = last(command(*export, "--plan"))
    assert plan["rows"] == sum(row["n"] for row in counted.values())
    assert not out.exists(), "a plan moves nothing"
    done = last(command(*export))
    assert _rows(out.glob("*.jsonl")) == plan["rows"]
    victim = next(iter(sorted(out.glob("*.jsonl"))))
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("*.jsonl")}
    victim.unlink()
    assert last(command(*export)) == done
    after = {path.name: path.stat().st_mtime_ns for path in out.glob("*.jsonl")}
    assert {name for name in after if after[name] != before[name]} == {victim.name}


def test_the_commands_make_and_prove_them(
    recorded: tuple[Path, Path, list[float]], tmp_path: Path
) -> None:
    """Made already, nothing is made; gone, they are made again; a backup without is whole too."""
    copy = tmp_path / "copy"
    shutil.copytree(recorded[0], copy, ignore=shutil.ignore_patterns(".run"))
    assert last(command("compactor", "once", "--dir", copy, "--json"))["built"] == []
    proved = last(command("restore", copy, "--json"))
    assert proved["ok"] is True
    assert (proved["slots_unbuilt"], proved["tables_missing"]) == ([], [])
    victim = next(iter((copy / layout.TABLES).rglob("*.parquet")))
    content = victim.read_bytes()
    victim.unlink()
    proved = last(command("restore", copy, "--json"))
    assert proved["ok"] is True
    assert proved["tables_missing"] == [str(victim.relative_to(copy))]
    again = last(command("redecode", copy, "--json"))
    assert again["failed"] == []
    assert victim.read_bytes() == content
    (segment, *_) = (copy / layout.RAW).rglob("*.jsonl.zst")
    broken = bytearray(segment.read_bytes())
    broken[len(broken) // 2] ^= 1
    segment.write_bytes(broken)
    answer = command("restore", copy, "--json")
    assert answer.returncode == 1
    assert last(answer)["ok"] is False
    assert str(segment.relative_to(copy)) in answer.stdout


def _rows(paths: Iterable[Path]) -> int:
    return sum(1 for path in paths for line in path.read_text().splitlines() if json.loads(line))


def _built(root: Path) -> list[str]:
    names = [str(path.relative_to(root)) for path in (root / layout.TABLES).rglob("*.json")]
    return sorted(name for name in names if layout.parse_built(name))


def test_bad_questions_are_answered_with_what_to_do(
    recorded: tuple[Path, Path, list[float]],
) -> None:
    """A misspelt table, no SELECT, no archive: one sentence each, and 2."""
    root = recorded[0]
    for question, word in (
        ("SELECT * FROM trads", "trades"),
        ("DROP TABLE trades", "SELECT"),
        ("SELECT size FROM trades WHERE", "query"),
    ):
        answer = command("data", "query", question, root)
        assert answer.returncode == 2, answer
        assert word in answer.stderr
        assert "Traceback" not in answer.stderr
    assert command("data", "query", "SELECT 1", root / "nowhere").returncode == 2
