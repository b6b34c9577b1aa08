"""Completeness: the ledger's word on every minute, in cells that hide nothing bad."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from ssmd.access.archive import Archive
from ssmd.access.opening import open_archive
from ssmd.archive.ledger.minutes import CONDITIONS
from ssmd.cli import dq_completeness as command
from ssmd.cli.root import root as ssmd
from ssmd.model import records
from ssmd.model.envelope import CONNECTION, Envelope
from ssmd.model.errors import ConfigError
from ssmd.quality import completeness
from ssmd.quality.completeness import (
    EVERY,
    NOTHING,
    RANKS,
    Completeness,
    Line,
    calendar,
    covered,
    heat_map,
    load,
    share,
    short,
    summed,
    width_of,
)
from ssmd.sim.manual_clock import ManualClock
from tests.access.made import FEED, MINUTE_NS, SYMBOLS, VENUE, Recorder, Recording, trades
from tests.archive.made import START

LATER = START + 30 * MINUTE_NS
MIDNIGHT = START - START % (1440 * MINUTE_NS)
LETTERS = "".join(command.MARKS[name][0] for name in CONDITIONS)


def minutes(text: str) -> bytes:
    """Minutes as the terminal's letters say them."""
    return bytes(LETTERS.index(letter) for letter in text)


def letters(cells: bytes) -> str:
    """The same back; a cell of no minute is blank."""
    return "".join(" " if cell == NOTHING else LETTERS[cell] for cell in cells)


def line(text: str, name: str = "v:A", feed: str = "f") -> Line:
    """An instrument with these minutes."""
    return Line(feed=feed, instrument=name, channel=None, minutes=minutes(text))


def found(*lines: Line, since: int = START) -> Completeness:
    """What is drawn."""
    until = since + len(lines[0].minutes) * MINUTE_NS
    return Completeness(since=since, until=until, running=False, lines=lines)


class _Second(Recording):
    """The connection after an outage."""

    def begin(self) -> Iterator[Envelope]:
        opened, *rest = super().begin()
        record = records.decode_connection(opened.payload)
        assert isinstance(record, records.Opened)
        again = records.Opened(
            **{name: getattr(record, name) for name in record.__struct_fields__}
            | {"previous": self.previous, "reason": "reconnect"}
        )
        self.record = 0
        yield self.said(CONNECTION, again)
        yield from rest


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three minutes of trades, four minutes of nobody listening, three minutes of trades."""
    folder = tmp_path_factory.mktemp("complete") / "data"
    recorder = Recorder(folder)
    first = Recording()
    recorder.write([*first.begin(), *map(first.trade, trades(180)), first.closed()])
    second = _Second(START + 7 * MINUTE_NS, shard=0)
    second.previous = first.id
    late = trades(180, start=START + 7 * MINUTE_NS)
    recorder.write([*second.begin(), *map(second.trade, late), second.closed()])
    recorder.seal()
    return folder


@pytest.fixture
def archive(root: Path) -> Archive:
    """The same, opened."""
    return open_archive(root, clock=ManualClock(LATER), warn=False)


def test_every_minute_is_what_the_ledger_says(archive: Archive) -> None:
    """An outage is lost to the minute; before and after what is recorded nothing is known."""
    whole = load(archive, START - 2 * MINUTE_NS, START + 12 * MINUTE_NS, now=LATER)
    assert (whole.size, whole.running, whole.days) == (14, False, 1)
    assert {each.instrument for each in whole.lines} == {f"{VENUE}:{name}" for name in SYMBOLS}
    for each in whole.lines:
        assert letters(each.minutes)[:2] + letters(each.minutes)[12:] == "????"
        assert letters(each.minutes)[2:12].startswith("##")
        assert "XXX" in letters(each.minutes)
        told = archive.conditions(instrument=each.instrument, start=START, end=START + 600 * 10**9)
        for since, until, condition in told.select("since", "until", "condition").collect().rows():
            first, last = (
                round((moment.timestamp() - START / 1e9) / 60) + 2 for moment in (since, until)
            )
            assert set(each.minutes[first:last]) == {RANKS[condition]}


def test_what_is_asked_for_alone_is_judged(archive: Archive) -> None:
    """One instrument; or each channel by itself, by its name."""
    only = load(archive, START, LATER, instrument="BTC/USD", feed=FEED, now=LATER)
    assert [each.name for each in only.lines] == [f"{VENUE}:BTC/USD"]
    channels = load(archive, START, LATER, channels=True, now=LATER)
    assert {each.name for each in channels.lines} == {f"{VENUE}:{s} trade" for s in SYMBOLS}


def test_a_feed_that_says_nothing_is_shown_as_unknown(tmp_path: Path) -> None:
    """Who died the day before must not look well because nothing is drawn of it."""
    recorder = Recorder(tmp_path)
    dead = Recording(feed="dead")
    recorder.write([*dead.begin(), *map(dead.trade, trades(60)), dead.closed()])
    alive = Recording(START + 1440 * MINUTE_NS, shard=1)
    late = trades(600, start=START + 1440 * MINUTE_NS)
    recorder.write([*alive.begin(), *map(alive.trade, late), alive.closed()])
    recorder.seal()
    archive = open_archive(tmp_path, warn=False)
    since = START + 1440 * MINUTE_NS
    both = load(archive, since, since + 10 * MINUTE_NS, now=since + 20 * MINUTE_NS)
    (silent,) = (each for each in both.lines if each.feed == "dead")
    assert (silent.name, letters(silent.minutes)) == (f"dead {EVERY}", "?" * 10)
    assert {each.feed for each in both.lines} == {"dead", FEED}
    assert both.lines[-1] == silent  # what is lost is worse
    one = load(archive, since, LATER * 2, instrument="BTC/USD", feed=FEED, now=LATER * 2)
    assert {each.feed for each in one.lines} == {FEED}


def test_minutes_that_are_not_over_are_not_missing(archive: Archive) -> None:
    """A running day ends now; the minute that runs has not been missed yet."""
    now = START + 5 * MINUTE_NS + 30 * 10**9
    running = load(archive, MIDNIGHT, MIDNIGHT + 1440 * MINUTE_NS, now=now)
    assert (running.running, running.until) == (True, START + 5 * MINUTE_NS)
    assert {len(each.minutes) for each in running.lines} == {running.size}


@pytest.mark.parametrize(
    ("since", "until", "more", "words"),
    [
        (START, LATER, {"feed": "krakken"}, "Did you mean"),
        (START, LATER, {"instrument": "BTC/USE"}, "Did you mean"),
        (START - 9_000 * MINUTE_NS, START - 8_000 * MINUTE_NS, {}, "Nothing is known"),
        (LATER, LATER + MINUTE_NS, {}, "No minute is over"),
    ],
)
def test_what_nobody_knows_is_refused(
    archive: Archive, since: int, until: int, more: dict[str, str], words: str
) -> None:
    """An empty picture would look like a perfect one."""
    with pytest.raises(ConfigError) as refused:
        load(archive, since, until, now=LATER, **more)  # type: ignore[arg-type]  # names of texts
    assert words in str(refused.value)


def test_the_worst_come_first() -> None:
    """What is lost outweighs what is unknown, that what is degraded, that what was repaired."""
    texts = ["####", "###r", "##dd", "#???", "X###", "----"]
    lines = [line(text, f"v:{number}") for number, text in enumerate(texts)]
    ordered = sorted(lines, key=completeness._order)
    assert [letters(each.minutes) for each in ordered] == [
        "X###", "#???", "##dd", "###r", "####", "----",
    ]  # fmt: skip


def test_covered_is_the_good_share_of_what_was_wanted_and_is_known() -> None:
    """Unknown is neither good nor bad, and what nobody wanted is missed by nobody."""
    assert line("##-=r").covered == 1.0
    assert line("##Xd....????").covered == 0.5
    assert line("....????").covered is None
    assert covered(summed([line("#X"), line("##")])) == 0.75
    assert [share(each) for each in (1.0, 0.999_999, 0.5, None)] == [
        "100.00 %", "99.99 %", "50.00 %", "?",
    ]  # fmt: skip


def test_only_what_is_not_simply_good_is_listed() -> None:
    """A program is told from when to when."""
    told = line("##XX-r.?").stretches(START)
    assert [((each.since - START) // MINUTE_NS, each.condition) for each in told] == [
        (2, "lost"),
        (5, "repaired"),
        (7, "unknown"),
    ]


cells = st.text(alphabet=LETTERS, min_size=1, max_size=300)


@given(
    st.integers(1, 200).flatmap(
        lambda size: st.lists(
            st.text(LETTERS, min_size=size, max_size=size), min_size=1, max_size=9
        )
    ),
    st.integers(1, 80),
    st.none() | st.integers(1, 5),
    st.booleans(),
)
def test_no_bad_minute_is_hidden(
    texts: list[str], columns: int, most: int | None, together: bool
) -> None:
    """Every cell is the worst of just its minutes and instruments, and there are not too many."""
    lines = [line(text, f"v:{number}") for number, text in enumerate(texts)]
    chart = heat_map(found(*lines), columns=columns, most=most, together=together)
    assert chart.columns <= columns
    assert most is None or len(chart.rows) <= most
    shown = lines if together else lines[: len(chart.rows)]
    assert chart.left_out == len(lines) - len(shown)
    for number, row in enumerate(chart.rows):
        group = shown[number * chart.together : (number + 1) * chart.together]
        assert row.cells == bytes(
            max(max(each.minutes[at : at + chart.minutes]) for each in group)
            for at in range(0, len(texts[0]), chart.minutes)
        )
        assert row.covered == covered(summed(group))


def test_several_instruments_in_a_row_are_the_worst_of_them() -> None:
    """Minute by minute, whoever it was; the row is named for the first, and says how many."""
    lines = [line("###X", "v:A"), line("#d##", "v:B"), line("r###", "v:C"), line("....", "v:D")]
    chart = heat_map(found(*lines), columns=4, most=2, together=True)
    assert [(row.name, letters(row.cells)) for row in chart.rows] == [
        ("v:A and 1 more", "#d#X"),
        ("v:C and 1 more", "r###"),
    ]
    assert (chart.together, chart.left_out) == (2, 0)


def test_a_cell_is_a_length_that_people_know() -> None:
    """Five minutes, a quarter of an hour; never thirteen minutes."""
    assert [width_of(1440, columns) for columns in (2000, 1440, 300, 100, 80, 24, 1)] == [
        1, 1, 5, 15, 30, 60, 1440,
    ]  # fmt: skip
    assert width_of(90, 300) == 1
    assert width_of(14_400, 3) == 4800


def test_a_calendar_has_a_row_for_each_day_of_each_feed() -> None:
    """From midnight to midnight; what is not part of the time stays blank."""
    since = MIDNIGHT + 1380 * MINUTE_NS
    text = "#" * 60 + "-" * 1440 + "X" + "#" * 59
    lines = [line(text.replace("X", "d")), line(text, "v:B"), line("r" * 1560, "w:C", "g")]
    chart = calendar(found(*lines, since=since), columns=24)
    assert [(row.name, letters(row.cells)) for row in chart.rows] == [
        ("f 2027-01-15", " " * 23 + "#"),
        ("f 2027-01-16", "-" * 24),
        ("f 2027-01-17", "X" + " " * 23),
        ("g 2027-01-15", " " * 23 + "r"),
        ("g 2027-01-16", "r" * 24),
        ("g 2027-01-17", "r" + " " * 23),
    ]
    assert (chart.since, chart.minutes, chart.is_calendar) == (MIDNIGHT, 60, True)
    assert chart.rows[2].covered == 118 / 120


def test_long_names_keep_both_ends() -> None:
    """Tokens of 77 digits are told apart by either."""
    assert short("v:" + "1" * 70 + "23456", 20) == "v:111111111...123456"
    assert short("v:A", 20) == "v:A"
    assert line("#").name == "v:A"
    whole = Line(feed="f", instrument=None, channel="book", minutes=b"\1")
    assert whole.name == f"f {EVERY} book"


# --- the command ---------------------------------------------------------------------------------


def ran(monkeypatch: pytest.MonkeyPatch, *arguments: str, now: int = LATER) -> Result:
    """`ssmd dq completeness`, at a time."""
    monkeypatch.setattr(command, "SystemClock", lambda: ManualClock(now))
    return CliRunner().invoke(ssmd, ["dq", "completeness", *arguments])


def test_the_terminal_shows_every_condition_without_colour(
    monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    """A pipe has no colour: each condition has a letter of its own, and the legend says which."""
    assert len(set(LETTERS)) == len(CONDITIONS)
    answer = ran(
        monkeypatch, str(root), "--since", str(START), "--until", str(START + 10 * MINUTE_NS)
    )
    assert answer.exit_code == 0, answer.output
    lines = answer.output.splitlines()
    rows = [each for each in lines if each.startswith(f"{VENUE}:")]
    assert len(rows) == len(SYMBOLS)
    whole = load(
        open_archive(root, warn=False), START, START + 10 * MINUTE_NS, now=LATER
    ).lines  # fmt: skip
    for row, each in zip(rows, whole, strict=True):
        assert row.split()[:2] == [each.name, letters(each.minutes)]
        assert row.endswith(share(each.covered))
    (legend,) = (each for each in lines if each.startswith("Each character is a minute"))
    for name in CONDITIONS:
        assert f"{command.MARKS[name][0]} {name.replace('_', ' ')}" in legend
    assert "08:00" in lines[1]


def test_yesterday_is_shown_unless_asked_otherwise(
    monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    """A day that is over can be judged; the running one is said to run."""
    answer = ran(monkeypatch, str(root), now=LATER + 1440 * MINUTE_NS)
    assert "2027-01-15 00:00:00 to 2027-01-16 00:00:00 UTC" in answer.output
    assert "running" not in answer.output
    assert "running" in ran(monkeypatch, str(root), "--date", "today").output


def test_a_program_is_told_everything(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """Minutes by condition, the covered share, and each stretch that is not good."""
    answer = ran(monkeypatch, str(root), "--date", "2027-01-15", "--json")
    told = json.loads(answer.output.splitlines()[-1])
    assert (told["running"], len(told["instruments"])) == (True, 3)
    for each in told["instruments"]:
        assert sum(each["minutes"].values()) == 510
        assert any(one["condition"] == "lost" for one in each["stretches"])
        assert 0 < each["covered"] < 1
    assert sum(told["minutes"].values()) == 3 * 510


def test_several_days_are_a_calendar(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """A row a day."""
    answer = ran(
        monkeypatch, str(root), "--since", "2027-01-14", "--until", "2027-01-16"
    )  # fmt: skip
    assert [each.split()[:2] for each in answer.output.splitlines() if each.startswith(FEED)] == [
        [FEED, "2027-01-14"],
        [FEED, "2027-01-15"],
    ]


def test_many_instruments_are_cut_and_counted(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """A terminal has so many lines; nobody is left out unsaid."""
    monkeypatch.setattr(command, "_MOST", 2)
    since = ("--since", str(START))
    assert "1 more, none of them worse, are not shown" in ran(monkeypatch, str(root), *since).output
    assert "not shown" not in ran(monkeypatch, str(root), *since, "--all").output


@pytest.mark.parametrize(
    "arguments",
    [
        ("--feed", "none"),
        ("--instrument", "NOPE"),
        ("--date", "2020-13-01"),
        ("--date", "2020-01-01"),
        ("--date", "2099-01-01"),
        ("--date", "2027-01-15", "--since", "2027-01-15"),
        ("--until", "2027-01-15"),
        ("--since", "2027-01-15", "--until", "2027-01-14"),
        ("--since", "2098-01-01"),
        ("--picture", "day.gif"),
        ("--picture", "no/such/folder/day.png"),
    ],
)
def test_wrong_input_is_refused_with_two(
    monkeypatch: pytest.MonkeyPatch, root: Path, arguments: tuple[str, ...]
) -> None:
    """One sentence, before anything is written."""
    answer = ran(monkeypatch, str(root), *arguments)
    error = answer.exception
    assert answer.exit_code == 2 or (isinstance(error, ConfigError) and error.exit_code == 2)
