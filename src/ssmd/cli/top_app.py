"""The screen of `ssmd top`: feeds, their shards, their instruments; keys to sort and to drill."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Final, Protocol

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import DataTable, Footer, Input, Static

from ssmd.cli.top_columns import COLUMNS, LEVELS, NAMES, Level, moment
from ssmd.cli.top_heard import Heard
from ssmd.cli.top_model import Look, Model, arranged
from ssmd.runtime.clock import Clock

MOST: Final = 200
"""So many rows are drawn; the rest is found by sorting or by the filter."""
_COLOURS: Final = {
    "up": "green",
    "live": "green",
    "partly down": "bold yellow",
    "down": "bold red",
    "no answer": "bold red",
    "quiet": "dim",
}
_KEYS: Final = max(len(columns) for columns in COLUMNS.values())


class Ear(Protocol):
    """Listens to a feed while its instruments are looked at."""

    heard: Heard
    since: int
    trouble: str

    async def run(self) -> None:
        """Listen until cancelled."""
        ...


class Rows(DataTable[Text]):
    """The table; its key to drill in is shown among the others."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "select_cursor", "In")]


class Top(App[None]):
    """The application.

    Args:
        title: What is watched.
        source: Takes a look at all connectors.
        ear: Makes what listens to a feed.
        clock: What time it is.
        interval_s: Pause between two looks, in seconds.

    Attributes:
        model: What was found so far.
        level: What is shown: feeds, shards, or instruments.
        feed: Which feed was drilled into; empty at the top.
        shard: Which of its shards was; empty above the instruments.
        wanted: The filter.
    """

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #where { height: 1; text-style: bold; }
    #what { height: 2; color: $text-muted; }
    #wanted { display: none; height: 1; border: none; padding: 0; }
    #rows { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "out", "Out", key_display="esc"),
        *(
            Binding(str(n + 1), f"order({n})", "Sort", show=not n, key_display=f"1-{_KEYS}")
            for n in range(_KEYS)
        ),
        Binding("r", "turn", "Reverse"),
        Binding("slash", "wanted", "Filter", key_display="/"),
        Binding("q", "quit", "Quit"),
    ]

    def __init__(
        self,
        title: str,
        source: Callable[[], Awaitable[Look]],
        ear: Callable[[str], Ear],
        *,
        clock: Clock,
        interval_s: float,
    ) -> None:
        super().__init__()
        self.model = Model()
        self.level: Level = "feeds"
        self.feed = self.shard = self.wanted = ""
        self._about = title
        self._source = source
        self._make_ear = ear
        self._ear: Ear | None = None
        self._listening: asyncio.Task[None] | None = None
        self._clock = clock
        self._interval_s = interval_s
        self._order = dict.fromkeys(LEVELS, 0)
        self._turned = dict.fromkeys(LEVELS, False)
        self._drawn: list[str] = []
        self._held = ""
        self._is_looking = False
        self._rows: list[Any] = []

    def compose(self) -> ComposeResult:
        """Where we are, the table, the filter, a word about the row, and the keys."""
        yield Static(id="where", markup=False)
        yield Rows(
            id="rows",
            cursor_type="row",
            zebra_stripes=True,
            cursor_foreground_priority="renderable",  # a dead row is red under the cursor, too
        )
        with Vertical(id="below"):
            yield Input(placeholder="part of a name", id="wanted")
            yield Static(id="what", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Begin to look."""
        self.query_one("#below").styles.height = "auto"
        self._table.focus()
        self._head()
        self.set_interval(self._interval_s, self._look)
        self._look()

    def _look(self) -> None:
        """One look; while one is under way no other begins."""
        if not self._is_looking:
            self.run_worker(self.look())

    async def look(self) -> None:
        """Take a look, and show what is found."""
        self._is_looking = True
        try:
            self.model.take(await self._source())
        finally:
            self._is_looking = False
        self.draw()

    # --- keys

    def action_order(self, column: int) -> None:
        """Order by a column; once more turns the order round."""
        if column >= len(COLUMNS[self.level]):
            return
        if column == self._order[self.level]:
            self._turned[self.level] = not self._turned[self.level]
        else:
            self._order[self.level], self._turned[self.level] = column, False
        self._head()
        self.draw()

    def action_turn(self) -> None:
        """Turn the order round."""
        self.action_order(self._order[self.level])

    def _into(self) -> None:
        """Drill into the row under the cursor."""
        row = self._current
        if row is None or self.level == "instruments":
            return
        if self.level == "feeds":
            self.feed = row.feed
            self._go("shards")
        else:
            self.shard = row.shard
            self._ear = self._make_ear(self.feed)
            self._listening = asyncio.create_task(self._ear.run(), name="top-ear")
            self._go("instruments")

    def action_out(self) -> None:
        """Give up the filter, else go back to where we came from."""
        if self.wanted:
            self._filter("")
        elif self.level == "instruments":
            self._hush()
            held, self.shard = self.shard, ""
            self._go("shards", held)
        elif self.level == "shards":
            held, self.feed = self.feed, ""
            self._go("feeds", held)

    def action_wanted(self) -> None:
        """Ask for a filter."""
        box = self.query_one("#wanted", Input)
        box.display = True
        box.value = self.wanted
        box.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while it is typed."""
        self.wanted = event.value
        self.draw()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The filter stands; the keys are the table's again."""
        event.input.display = False
        self._table.focus()

    def on_key(self, event: Any) -> None:  # noqa: ANN401 - textual's own
        """Escape out of the filter gives it up; all other keys are as usual."""
        box = self.query_one("#wanted", Input)
        if event.key == "escape" and box.has_focus:
            event.stop()
            event.prevent_default()
            self._filter("")

    def on_data_table_row_selected(self) -> None:
        """Enter, or a click on the row under the cursor."""
        self._into()

    def on_data_table_row_highlighted(self) -> None:
        """Another row is under the cursor."""
        self._tell()

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        """A click above a column."""
        self.action_order(event.column_index)

    async def on_unmount(self) -> None:
        """Nobody looks any more."""
        self._hush()

    # --- what is shown

    @property
    def _table(self) -> Rows:
        return self.query_one("#rows", Rows)

    @property
    def _current(self) -> Any:  # noqa: ANN401 - a row of any level
        at = self._table.cursor_row
        return self._rows[at] if 0 <= at < len(self._rows) else None

    @property
    def _under(self) -> str:
        """What the row under the cursor is called."""
        at = self._table.cursor_row
        return self._drawn[at] if 0 <= at < len(self._drawn) else ""

    def _go(self, level: Level, held: str = "") -> None:
        """Another level, the cursor on a row of it, or on the first."""
        self.level = level
        self._drawn = []
        self._head(held)
        self._filter("")

    def _filter(self, wanted: str) -> None:
        box = self.query_one("#wanted", Input)
        box.value = self.wanted = wanted
        box.display = False
        self._table.focus()
        self.draw()

    def _hush(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
        self._listening = self._ear = None

    def _head(self, held: str = "") -> None:
        """The columns of this level, numbered, the one that orders with an arrow."""
        self._held = held or self._under
        self._table.clear(columns=True)
        self._drawn = []
        order = self._order[self.level]
        for at, column in enumerate(COLUMNS[self.level]):
            falls = column.falls is not self._turned[self.level]
            arrow = ("v" if falls else "^") if at == order else ""
            self._table.add_column(Text(f"{at + 1} {column.title}{arrow}"), key=str(at))

    def draw(self) -> None:
        """Show the rows as they are now."""
        column = COLUMNS[self.level][self._order[self.level]]
        name = NAMES[self.level]
        rows = arranged(
            self._found(),
            column.key,
            name,
            reverse=column.falls is not self._turned[self.level],
            wanted=self.wanted,
        )
        self._hidden = max(0, len(rows) - MOST)
        self._rows = rows[:MOST]
        names = [name(row) for row in self._rows]
        if names == self._drawn:
            self._repaint()
        else:
            self._refill(names)
        self._tell()

    def _found(self) -> list[Any]:
        if self.level == "feeds":
            return [*self.model.feeds()]
        shards = self.model.shards(self.feed)
        if self.level == "shards" or self._ear is None:
            return [*shards]
        state = next((row.state for row in shards if row.shard == self.shard), "no answer")
        now = self._clock.now()
        return [*self._ear.heard.rows(shard=self.shard, wall=now.wall, mono=now.mono, state=state)]

    def _cells(self, row: Any) -> list[Text]:  # noqa: ANN401 - of any level
        cells = [Text(column.cell(row)) for column in COLUMNS[self.level]]
        cells[1].stylize(_COLOURS.get(row.state, ""))
        return cells

    def _repaint(self) -> None:
        """The same rows in the same order: only what changed is drawn."""
        table = self._table
        for at, row in enumerate(self._rows):
            for column, cell in enumerate(self._cells(row)):
                before = table.get_cell_at((at, column))  # type: ignore[arg-type]
                if before != cell or before.spans != cell.spans:
                    table.update_cell_at((at, column), cell, update_width=True)  # type: ignore[arg-type]

    def _refill(self, names: list[str]) -> None:
        """Other rows, or another order: the cursor stays on its row, wherever that is now."""
        table = self._table
        held, self._held = self._held or self._under, ""
        scrolled = table.scroll_y
        table.clear()
        for row in self._rows:
            table.add_row(*self._cells(row))
        self._drawn = names
        if names:
            table.move_cursor(row=names.index(held) if held in names else 0, animate=False)
            table.scroll_to(y=scrolled, animate=False)

    def _tell(self) -> None:
        """Where we are, and a word about the row under the cursor."""
        steps = [self._about, *([self.feed] if self.feed else [])]
        steps += [f"shard {self.shard}"] if self.shard else []
        at = f"   {moment(self.model.wall)}" if self.model.wall else ""
        kept = f"   filter: {self.wanted}" if self.wanted else ""
        self.query_one("#where", Static).update(f"{' > '.join(steps)}{at}{kept}")
        self.query_one("#what", Static).update(self._word())

    def _word(self) -> str:
        more = f" {self._hidden} more rows are not drawn: sort, or filter." if self._hidden else ""
        if self.level == "instruments" and self._ear is not None:
            if self._ear.trouble:
                return f"{self._ear.trouble}{more}"
            since = moment(self._ear.since)
            return f"Heard on the bus since {since}; gaps from an hour before on.{more}"
        row = self._current
        if row is None:
            return "No connector runs here." if self.level == "feeds" else "No shard is known of."
        if self.level == "feeds":
            return (" ".join(row.reasons) or f"{row.service} is ready.") + more
        return (
            f"{row.ended} connections ended or failed; {row.down_s:.1f} s without a socket,"
            f" those that are over.{more}"
        )
