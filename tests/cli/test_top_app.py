"""The screen of `ssmd top`, driven by the keys a person presses."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot
from textual.widgets import Footer, Input, Static

from ssmd.cli.top_app import MOST, Rows, Top
from ssmd.cli.top_heard import Heard
from ssmd.cli.top_model import Look, Service
from ssmd.model.frame import Now
from ssmd.runtime.clock import SystemClock
from tests.cli.test_top_heard import said
from tests.cli.watched import WALL, look, samples, service, shard

FEED = "atlantis-deep"
OTHER = "lemuria"


class Still(SystemClock):
    """A clock that stands at the first look: what is shown does not change by itself."""

    def now(self) -> Now:
        """The time of the first look."""
        return Now(WALL, 0.0)


class Ear:
    """Hears what it is given, and says whether anybody still listens."""

    def __init__(self) -> None:
        self.heard = Heard(FEED, -10.0)
        self.since = WALL
        self.trouble = ""
        self.listening = False

    async def run(self) -> None:
        """Listen until cancelled."""
        self.listening = True
        try:
            await asyncio.Event().wait()
        finally:
            self.listening = False


class Watched:
    """An application over looks that a test makes up.

    Attributes:
        services: What the next look finds.
        ear: What hears of instruments.
    """

    def __init__(self) -> None:
        self.ear = Ear()
        for name in ("BTC/USD", "ETH/USD", "ETH/USD"):
            self.ear.heard.take(said(name, connection=f"{FEED}-1-x"), 0.0)
        self.found: Look = look(0, *both())
        self.app = Top("ssmd top data", self.source, self.listen, clock=Still(), interval_s=1000.0)

    def listen(self, feed: str) -> Ear:
        """What listens to a feed; there is one of whose instruments somebody asks."""
        assert feed == FEED
        return self.ear

    async def source(self) -> Look:
        """What is found."""
        return self.found

    async def sees(self, pilot: Pilot[None], at_s: float, *services: Service) -> None:
        """One more look."""
        self.found = look(at_s, *services)
        await self.app.look()
        await pilot.pause()

    @property
    def cells(self) -> list[list[str]]:
        """What the table shows."""
        table = self.app.query_one(Rows)
        return [[str(cell) for cell in table.get_row_at(at)] for at in range(table.row_count)]

    @property
    def names(self) -> list[str]:
        """The first column."""
        return [row[0] for row in self.cells]

    @property
    def head(self) -> list[str]:
        """What stands above the columns."""
        return [str(column.label) for column in self.app.query_one(Rows).ordered_columns]

    def word(self, which: str) -> str:
        """A line beside the table: `where` or `what`."""
        return str(self.app.query_one(f"#{which}", Static).content)

    def style(self, row: int) -> str:
        """How a row's state is drawn."""
        (span, *_) = self.app.query_one(Rows).get_row_at(row)[1].spans
        return str(span.style)


def both(*, frames: float = 0.0, up: bool = True, at_s: float = 0.0) -> tuple[Service, Service]:
    """Two feeds: one with two shards, one with one."""
    deep = {
        "0": shard(frames, at_s=at_s, held=5),
        "1": shard(
            frames / 2, at_s=at_s, up=up, held=7 * up, age_s=0.5 if up else 9.0, ended=not up
        ),
    }
    return (
        service(samples(deep, planned=2, feed=FEED), feed=FEED),
        service(samples({"0": shard(3 * frames, at_s=at_s)}, planned=1, feed=OTHER), feed=OTHER),
    )


@asynccontextmanager
async def watching(size: tuple[int, int] = (80, 24)) -> AsyncIterator[tuple[Watched, Pilot[None]]]:
    """The application on a screen, its first look taken."""
    made = Watched()
    async with made.app.run_test(size=size) as pilot:
        await made.sees(pilot, 0, *both())
        yield made, pilot


async def test_feeds_are_shown_and_followed() -> None:
    """Rates from the second look on; the cursor stays where it was."""
    async with watching() as (watched, pilot):
        assert watched.names == [FEED, OTHER]
        assert [row[3] for row in watched.cells] == ["-", "-"]
        await pilot.press("down")
        await watched.sees(pilot, 2, *both(frames=20, at_s=2))
        assert [row[3] for row in watched.cells] == ["15.0", "30.0"]
        assert watched.app.query_one(Rows).cursor_row == 1
        assert watched.word("what") == f"connector-{OTHER} is ready."
        assert watched.word("where").startswith("ssmd top data   ")


async def test_a_digit_sorts_and_once_more_turns_round() -> None:
    """The column that orders has an arrow; the cursor goes with its row."""
    async with watching() as (watched, pilot):
        await watched.sees(pilot, 2, *both(frames=20, at_s=2))
        await pilot.press("4")
        assert watched.names == [OTHER, FEED]
        assert watched.head[3] == "4 msg/sv"
        assert watched.head[0] == "1 feed"
        assert watched.app.query_one(Rows).cursor_row == 1  # on the feed it was on
        await pilot.press("4")
        assert (watched.names, watched.head[3]) == ([FEED, OTHER], "4 msg/s^")
        await pilot.press("r")
        assert watched.names == [OTHER, FEED]
        await pilot.press("9")
        assert watched.names == [OTHER, FEED]


async def test_drilling_in_and_out() -> None:
    """Feeds, shards, instruments, and back; nobody listens who does not look."""
    async with watching() as (watched, pilot):
        await pilot.press("enter")
        assert (watched.app.level, watched.names) == ("shards", ["0", "1"])
        assert watched.word("where").startswith(f"ssmd top data > {FEED}   ")
        assert not watched.ear.listening
        await pilot.press("down", "enter")
        await pilot.pause()
        assert (watched.app.level, watched.names) == ("instruments", ["BTC/USD", "ETH/USD"])
        assert watched.word("where").startswith(f"ssmd top data > {FEED} > shard 1   ")
        assert watched.ear.listening
        await pilot.press("enter")
        assert watched.app.level == "instruments"
        await pilot.press("escape")
        await pilot.pause()
        assert watched.app.level == "shards"
        assert watched.app.query_one(Rows).cursor_row == 1  # where we came from
        assert not watched.ear.listening
        await pilot.press("backspace")
        assert (watched.app.level, watched.names) == ("feeds", [FEED, OTHER])
        await pilot.press("escape")
        assert watched.app.level == "feeds"


async def test_instruments_show_what_was_heard() -> None:
    """Rate, age, messages; and the reason when nothing can be heard."""
    async with watching() as (watched, pilot):
        await pilot.press("enter", "down", "enter")
        assert [row[1:6] for row in watched.cells] == [
            ["live", "0.1", "0.0s", "1", "0"],
            ["live", "0.2", "0.0s", "2", "0"],
        ]
        assert watched.word("what").startswith("Heard on the bus since ")
        watched.ear.trouble = "The bus is away."
        await watched.sees(pilot, 1, *both(at_s=1))
        assert watched.word("what") == "The bus is away."


async def test_a_dead_shard_is_seen_on_every_level() -> None:
    """In red, and in words: not everybody sees red."""
    async with watching() as (watched, pilot):
        await watched.sees(pilot, 5, *both(frames=10, at_s=5, up=False))
        assert (watched.cells[0][1], watched.cells[0][2]) == ("1 of 2 down", "1/2")
        assert "yellow" in watched.style(0)
        await pilot.press("enter")
        assert watched.cells[0][1] == "up"
        assert watched.cells[1][1].startswith("down since ")
        assert "red" in watched.style(1)
        assert watched.style(0) == "green"
        await pilot.press("down")
        assert watched.word("what").startswith("1 connections ended or failed; ")
        await pilot.press("enter")
        assert [row[1] for row in watched.cells] == ["down", "down"]
        await pilot.press("escape")
        await watched.sees(pilot, 6, *both(frames=20, at_s=6))
        assert [row[1] for row in watched.cells] == ["up", "up"]
        assert watched.style(1) == "green"


async def test_a_dead_process_gives_no_answer() -> None:
    """Its rows stay, and say so; what it said last is told for what it is."""
    async with watching() as (watched, pilot):
        deep, other = both(at_s=1)
        await watched.sees(pilot, 1, service(None, feed=FEED), other)
        assert [row[1] for row in watched.cells] == ["no answer", "up"]
        assert "red" in watched.style(0)
        assert watched.word("what") == f"connector-{FEED} does not answer."
        await pilot.press("enter")
        assert [row[1] for row in watched.cells] == ["no answer", "no answer"]
        await watched.sees(pilot, 2, deep, other)
        assert [row[1] for row in watched.cells] == ["up", "up"]


async def test_a_filter_is_typed_and_given_up() -> None:
    """Letters that are keys elsewhere are letters here; escape gives the filter up first."""
    async with watching() as (watched, pilot):
        await pilot.press("slash")
        assert watched.app.query_one(Input).display
        await pilot.press(*"mUrq")
        assert (watched.names, watched.app.is_running) == ([], True)
        await pilot.press("backspace", "enter")
        assert watched.names == [OTHER]
        assert not watched.app.query_one(Input).display
        assert watched.word("where").endswith("   filter: mUr")
        await pilot.press("enter")
        assert (watched.app.level, watched.app.feed, watched.names) == ("shards", OTHER, ["0"])
        await pilot.press("escape", "slash", *"atl", "escape")
        assert (watched.names, watched.app.level) == ([FEED, OTHER], "feeds")
        assert not watched.app.query_one(Input).display
        await pilot.press("slash", *"atl", "enter", "escape")
        assert (watched.names, watched.app.wanted) == ([FEED, OTHER], "")


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
async def test_q_ends_it(key: str) -> None:
    """And whoever listened does not any more."""
    watched = Watched()
    async with watched.app.run_test() as pilot:
        await watched.sees(pilot, 0, *both())
        await pilot.press("enter", "down", "enter")
        await pilot.pause()
        assert watched.ear.listening
        await pilot.press(key)
    assert watched.app.return_code == 0
    assert not watched.ear.listening


async def test_eighty_columns_hold_every_column_and_key() -> None:
    """Over a slow line into a small window, nothing is to be scrolled for."""
    async with watching((80, 24)) as (watched, pilot):
        await watched.sees(pilot, 5, *both(frames=123_456_789, at_s=5, up=False))
        for _ in range(3):
            table = watched.app.query_one(Rows)
            assert table.virtual_size.width <= 80
            assert not table.show_horizontal_scrollbar
            await pilot.press("enter")
        footer = watched.app.query_one(Footer)
        shown = [child for child in footer.query("FooterKey") if child.region.right <= 80]
        told = " ".join(str(child.description) for child in shown)  # type: ignore[attr-defined]
        assert told == "In Out Sort Reverse Filter Quit"


async def test_another_size_is_filled() -> None:
    """A window is made larger and smaller under it."""
    async with watching() as (watched, pilot):
        for width, height in ((120, 40), (40, 10), (80, 24)):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
            table = watched.app.query_one(Rows)
            assert (table.size.width, watched.names) == (width, [FEED, OTHER])
            assert 0 < table.size.height < height


async def test_more_rows_than_can_be_drawn_are_told_of() -> None:
    """Five thousand instruments are no table; the filter finds each of them."""
    async with watching() as (watched, pilot):
        for number in range(MOST + 5):
            watched.ear.heard.take(said(f"T{number:04}", connection=f"{FEED}-1-x"), 0.0)
        await pilot.press("enter", "down", "enter")
        assert len(watched.cells) == MOST
        assert watched.word("what").endswith("7 more rows are not drawn: sort, or filter.")
        await pilot.press("slash", *"t0204", "enter")
        assert watched.names == ["T0204"]


async def test_no_look_begins_while_one_is_under_way() -> None:
    """A service that hangs is asked once, not once an interval."""
    async with watching() as (watched, pilot):
        asked = 0
        go = asyncio.Event()

        async def slow() -> Look:
            nonlocal asked
            asked += 1
            await go.wait()
            return look(1, *both(at_s=1))

        watched.app._source = slow
        for _ in range(3):
            watched.app._look()
            await pilot.pause()
        assert asked == 1
        go.set()
        await pilot.pause()
        watched.app._look()
        await pilot.pause()
        assert asked == 2


async def test_a_click_above_a_column_sorts() -> None:
    """Whoever has a mouse uses it."""
    async with watching() as (watched, pilot):
        await watched.sees(pilot, 2, *both(frames=20, at_s=2))
        at = sum(
            column.get_render_width(watched.app.query_one(Rows))
            for column in watched.app.query_one(Rows).ordered_columns[:3]
        )
        await pilot.click(Rows, offset=(at + 1, 0))
        await pilot.pause()
        assert watched.names == [OTHER, FEED]


async def test_nothing_that_records_is_said() -> None:
    """An empty table looks like one that waits."""
    async with watching() as (watched, pilot):
        await watched.sees(pilot, 1)
        assert watched.cells == []
        assert watched.word("what") == "No connector runs here."
        await pilot.press("enter")
        assert watched.app.level == "feeds"
