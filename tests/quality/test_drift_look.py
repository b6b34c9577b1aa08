"""`ssmd drift` over archives: days against days before, what is kept, and what shows a change."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from ssmd.archive import durable
from ssmd.archive.store.port import Store
from ssmd.archive.verify import verify
from ssmd.cli import drift as command
from ssmd.cli.root import root as ssmd
from ssmd.model.envelope import UNREAD
from ssmd.model.errors import ConfigError
from ssmd.quality.drift import days as daily
from ssmd.quality.drift.days import Progress
from ssmd.quality.drift.fingerprint import Fingerprint
from ssmd.quality.drift.look import Drift, DriftReport, look, show
from ssmd.quality.drift.samples import MOST_TEXT
from tests.archive.tables.made import FEED, imported
from tests.quality.days import DAY, LAST, Message, clock, kept, noon, record, trade, trades
from tests.shared import shared


def world(root: Path, last: list[Message], *, before: int = 3) -> None:
    """Some days of trades, and a last one of a test's own."""
    days = {LAST - (before - n) * DAY: trades() for n in range(before)}
    record(root, days | {LAST: last})


def looked(root: Path, baseline: int = 7, progress: Progress | None = None) -> DriftReport:
    """The last day, looked at when it is over."""
    when = clock(LAST + DAY)
    return look(root, FEED, LAST.isoformat(), clock=when, baseline=baseline, progress=progress)


def only(report: DriftReport) -> Drift:
    """The one finding of a report."""
    (found,) = report.findings
    return found


def test_days_alike_do_not_drift(tmp_path: Path) -> None:
    """The usual answer: it names the days it was compared with, and how much was read."""
    world(tmp_path, trades(12))
    report = looked(tmp_path)
    assert report.findings == ()
    assert report.baseline == tuple((LAST - n * DAY).isoformat() for n in (3, 2, 1))
    assert (report.messages, report.running, report.unread) == ({"trade": 12}, False, 0)


def test_a_change_comes_with_the_first_message_that_shows_it(tmp_path: Path) -> None:
    """Somebody has to look at it: where it rests, and the very bytes."""
    odd = trade(99, price="100.5")
    world(tmp_path, [*trades(7), odd, *trades(40, price="100.5")])
    found = only(looked(tmp_path))
    assert (found.change, found.path, found.kind) == (
        "retyped_field", "data[].price", "number_text",
    )  # fmt: skip
    assert (found.before.kinds, found.after.kinds) == (
        {"decimal": 120},
        {"decimal": 7, "number_text": 41},
    )
    sample = found.sample
    assert sample is not None
    assert (sample.ordinal, sample.text.encode(), sample.is_cut) == (7, odd[1], False)
    assert sample.ts_recv == noon(LAST) + 8_000_000
    assert (tmp_path / sample.file).is_file()


def test_of_a_missing_field_a_message_without_it_is_shown(tmp_path: Path) -> None:
    """Not the first of the day, which may still have it."""
    gone = {"channel": "trade", "type": "update", "data": [{"symbol": "BTC/USD", "n": 1}]}
    without = ("trade", msgspec.json.encode(gone))
    world(tmp_path, [*trades(5), *[without] * 60])
    found = {(each.change, each.path): each for each in looked(tmp_path).findings}
    sample = found["missing_field", "data[].price"].sample
    assert sample is not None
    assert (sample.ordinal, sample.text.encode()) == (5, without[1])
    assert ("new_field", "data[].n") in found


def test_a_long_message_is_cut(tmp_path: Path) -> None:
    """A snapshot may have megabytes; a report has not."""
    world(tmp_path, trades(30, note="é" * 5000))
    sample = only(looked(tmp_path)).sample
    assert sample is not None
    assert (len(sample.text), sample.is_cut) == (MOST_TEXT, True)


def test_each_segment_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fingerprints of closed days are kept, and believed as long as their segments are the same."""
    world(tmp_path, trades())
    read: list[str] = []
    make = daily.make

    def counted(store: Store, day: daily.Day, add: Callable[[int], None]) -> Fingerprint:
        read.append(day.date)
        return make(store, day, add)

    monkeypatch.setattr(daily, "make", counted)
    first = looked(tmp_path)
    assert read == [*first.baseline, LAST.isoformat()]
    contents = {day: kept(tmp_path, LAST - day * DAY).read_bytes() for day in range(4)}
    read.clear()
    assert looked(tmp_path) == first
    assert read == []
    record(tmp_path, {LAST: trades(3, fee=1)}, shard=1)
    kept(tmp_path, LAST - DAY).write_bytes(b"{")
    kept(tmp_path, LAST - 2 * DAY).unlink()
    looked(tmp_path)
    assert read == [(LAST - n * DAY).isoformat() for n in (2, 1, 0)]
    for day in (1, 2, 3):
        assert kept(tmp_path, LAST - day * DAY).read_bytes() == contents[day]
    assert kept(tmp_path, LAST).read_bytes() != contents[0]


def test_what_another_version_kept_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is counted otherwise cannot be compared."""
    world(tmp_path, trades())
    with monkeypatch.context() as patch:
        patch.setattr(daily, "FORMAT", 0)
        looked(tmp_path)
    looked(tmp_path)
    assert json.loads(kept(tmp_path, LAST).read_bytes())["format"] == daily.FORMAT


def test_a_day_that_is_not_over_is_not_kept(tmp_path: Path) -> None:
    """More will come, whatever is sealed; it is read as far as it came, and said to be running."""
    record(tmp_path, {LAST - DAY: trades(), LAST: trades(15, fee=1)})
    report = look(tmp_path, FEED, LAST.isoformat(), clock=clock(LAST))
    assert report.running
    assert (only(report).path, only(report).after.count) == ("data[].fee", 15)
    assert kept(tmp_path, LAST - DAY).is_file()
    assert not kept(tmp_path, LAST).exists()


def test_an_open_segment_of_a_closed_day_is_read_and_not_kept(tmp_path: Path) -> None:
    """A crash left it; recovery will seal it under another digest."""
    record(tmp_path, {LAST - DAY: trades()})
    record(tmp_path, {LAST: trades(15, fee=1)}, sealed=False)
    assert only(looked(tmp_path)).path == "data[].fee"
    assert not kept(tmp_path, LAST).exists()


def test_a_first_day_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    """That is neither good nor bad, and frames nobody understood are told all the same."""
    record(tmp_path, {LAST: [*trades(), (UNREAD, b"?")]})
    report = looked(tmp_path)
    assert report.baseline == ()
    assert [each.change for each in report.findings] == ["unread_frames"]


def test_only_so_many_days_before_count(tmp_path: Path) -> None:
    """What was new a week ago is old; days without data are no days."""
    record(
        tmp_path,
        {
            LAST - 9 * DAY: trades(),
            LAST - 5 * DAY: trades(fee=1),
            LAST - 2 * DAY: trades(fee=1),
            LAST: trades(),
        },
    )
    assert only(looked(tmp_path, baseline=2)).path == "data[].fee"
    assert looked(tmp_path, baseline=3).baseline[0] == (LAST - 9 * DAY).isoformat()
    assert looked(tmp_path, baseline=3).findings == ()


def test_fingerprints_do_not_trouble_a_proof(tmp_path: Path) -> None:
    """They are derived: `ssmd verify` proves what it proved before."""
    world(tmp_path, trades())
    before = verify(tmp_path)
    looked(tmp_path)
    assert kept(tmp_path, LAST).is_file()
    assert (before.ok, verify(tmp_path)) == (True, before)


def test_an_archive_that_may_not_be_written_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept spares time, and nothing else."""
    world(tmp_path, trades(fee=1))

    def refuse(_path: Path, _content: bytes) -> None:
        raise PermissionError(13, "denied")

    monkeypatch.setattr(durable, "replace", refuse)
    assert only(looked(tmp_path)).path == "data[].fee"
    assert not kept(tmp_path, LAST).exists()


def test_progress_is_told_to_the_end(tmp_path: Path) -> None:
    """Reading a week takes a while."""
    world(tmp_path, trades())
    heard: list[tuple[int, int]] = []
    looked(tmp_path, progress=lambda done, total: heard.append((done, total)))
    size = sum(path.stat().st_size for path in tmp_path.rglob("*.jsonl.zst"))
    assert heard[-1] == (size, size)
    assert [done for done, _ in heard] == sorted({done for done, _ in heard})


@pytest.mark.parametrize(
    ("feed", "date", "words"),
    [
        ("krakken", LAST.isoformat(), "Did you mean"),
        (FEED, "2027-01-02", "Nothing of kraken is archived on 2027-01-02"),
        (FEED, "2027-13-02", "is no day"),
        (FEED, "2099-01-01", "has not begun"),
    ],
)
def test_what_is_not_there_is_refused(tmp_path: Path, feed: str, date: str, words: str) -> None:
    """A mistyped name must not look like a day without drift."""
    world(tmp_path, trades())
    with pytest.raises(ConfigError) as refused:
        look(tmp_path, feed, date, clock=clock(LAST + DAY))
    assert words in str(refused.value)


def test_a_field_is_shown_with_what_is_below_it(tmp_path: Path) -> None:
    """To look into a finding, or at any field."""
    world(tmp_path, trades(data2={"a": None}))
    found = show(tmp_path, FEED, LAST.isoformat(), "data[].data2", clock=clock(LAST + DAY))
    assert [(each.path, each.before, each.after and each.after.kinds) for each in found] == [
        ("data[].data2", None, {"object": 40}),
        ("data[].data2.a", None, {"null": 40}),
    ]
    (price,) = show(tmp_path, FEED, LAST.isoformat(), "data[].price", clock=clock(LAST + DAY))
    assert price.before is not None
    assert (price.before.of, price.before.kinds) == (120, {"decimal": 120})
    assert price.sample is not None
    assert price.sample.ordinal == 0


def test_recorded_years_apart_show_what_the_venue_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kalshi in January 2025 and in May 2026, imported, and asked about as a user asks."""
    old = shared("data/kalshi/capture-ticker-legacy-20250116.jsonl.gz")
    new = shared("data/kalshi/capture-btc15m-20260513T1333-rebuilt.jsonl.gz")
    some = tmp_path / "some.jsonl"
    some.write_bytes(b"\n".join(gzip.decompress(new.read_bytes()).splitlines()[:6_000]))
    archive = tmp_path / "data"
    for capture in (old, some):
        imported(archive, "kalshi", capture)
    answer = ran(monkeypatch, archive, "--date", "2026-05-13", "--json")
    assert answer.exit_code == 1, answer.output
    (report,) = json.loads(answer.output.splitlines()[-1])
    assert report["baseline"] == ["2025-01-16"]
    found = {(each["change"], each["path"]): each for each in report["findings"]}
    gone = found["missing_field", "msg.yes_bid"]
    assert (gone["severity"], gone["before"]["kinds"]) == ("error", {"int": 302})
    came = found["new_field", "msg.yes_bid_dollars"]
    assert came["after"]["kinds"].keys() == {"number_text"}
    assert '"yes_bid_dollars":"' in came["sample"]["text"]
    assert '"yes_bid":' not in gone["sample"]["text"]


# --- the command ---------------------------------------------------------------------------------


def ran(monkeypatch: pytest.MonkeyPatch, root: Path, *arguments: str) -> Result:
    """`ssmd drift`, the day after the last."""
    monkeypatch.setattr(command, "SystemClock", lambda: clock(LAST + DAY))
    return CliRunner().invoke(ssmd, ["drift", str(root), *arguments])


def test_the_command_ends_with_one_when_something_drifted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a cron job; what it shows names field, figures, place and bytes."""
    world(tmp_path, trades(fee=1))
    answer = ran(monkeypatch, tmp_path)
    assert answer.exit_code == 1, answer.output
    words = " ".join(answer.output.split())
    for said in ("new field", "data[].fee", "in none of 120", "in all of 40: int", '"fee":1'):
        assert said in words
    found = json.loads(ran(monkeypatch, tmp_path, "--json").output.splitlines()[-1])
    (report,) = found
    assert (report["feed"], report["findings"][0]["path"]) == (FEED, "data[].fee")
    assert report["findings"][0]["sample"]["text"].startswith('{"channel":"trade"')


def test_the_command_ends_with_zero_when_nothing_drifted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says against what."""
    world(tmp_path, trades())
    answer = ran(monkeypatch, tmp_path, "--feed", FEED, "--date", LAST.isoformat())
    assert (answer.exit_code, "Nothing drifted, against 3 days" in answer.output) == (0, True)
    shown = ran(monkeypatch, tmp_path, "--show", "data[].price", "--json")
    assert shown.exit_code == 0
    assert json.loads(shown.output.splitlines()[-1])[FEED][0]["after"]["of"] == 40


@pytest.mark.parametrize(
    "arguments",
    [
        ("--feed", "none"),
        ("--date", "yesterdy"),
        ("--date", "2020-01-01"),
        ("--show", "nowhere"),
        ("--baseline", "0"),
    ],
)
def test_the_command_refuses_what_it_cannot_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """With 2, as everywhere."""
    world(tmp_path, trades())
    answer = ran(monkeypatch, tmp_path, *arguments)
    error = answer.exception
    assert answer.exit_code == 2 or (isinstance(error, ConfigError) and error.exit_code == 2)
