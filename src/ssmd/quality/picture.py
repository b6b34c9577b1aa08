"""Completeness as a picture in a file: PNG or SVG, the same bytes for the same minutes."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import matplotlib as mpl
import msgspec
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ssmd.archive.ledger.facts import MINUTE_NS
from ssmd.archive.ledger.minutes import CONDITIONS
from ssmd.model.errors import ConfigError
from ssmd.model.timestamp import SECOND_NS
from ssmd.quality.completeness import NOTHING, Chart, share, short

COLUMNS: Final = 288
"""Most cells of a row: five minutes each for a day, four pixels wide."""
ROWS: Final = 200
"""Most rows: what is more is drawn several to a row."""
COLOURS: Final[Mapping[str, str]] = {
    "not_wanted": "#f0f0f0",
    "complete": "#009e73",
    "quiet": "#7cc8f2",
    "venue_paused": "#0072b2",
    "repaired": "#f0e442",
    "degraded": "#e69f00",
    "unknown": "#606060",
    "lost": "#b30000",
}
"""Okabe and Ito's, told apart by those who see less colours; the worst is the darkest red."""

_DPI: Final = 100
_CELL_PX: Final = 4
_TALLEST_PX: Final = 18
_LOWEST_PX: Final = 4
_LEFT_PX: Final = 260
_RIGHT_PX: Final = 70
_TOP_PX: Final = 60
_BOTTOM_PX: Final = 90
_LABEL_PX: Final = 12
_LONGEST: Final = 38
_TICKS: Final = (5, 10, 15, 30, 60, 120, 180, 360, 720, 1440)
_MOST_TICKS: Final = 13

Format = Literal["png", "svg"]


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """Where in a picture what stands, in pixels from its left top corner.

    Attributes:
        width: Of the picture.
        height: Of the picture.
        left: Where the first cell of a row begins.
        top: Where the first row begins.
        cell_width: Of a cell.
        row_height: Of a row.
    """

    width: int
    height: int
    left: int
    top: int
    cell_width: int
    row_height: int


def format_of(path: Path) -> Format:
    """What kind of file is asked for, by its name.

    Raises:
        ConfigError: It is neither, or there is no such folder.
    """
    if path.suffix.lower() not in {".png", ".svg"}:
        message = f"{path.name} is neither a .png nor a .svg."
        raise ConfigError(message, remedy="Name the picture like completeness.png.")
    if not path.parent.is_dir():
        message = f"There is no folder {path.parent}."
        raise ConfigError(message, remedy="Make it, or name another.")
    return "svg" if path.suffix.lower() == ".svg" else "png"


def draw(path: Path, chart: Chart, title: str) -> Drawn:
    """Write a picture; there is nothing in it but the chart, and no time of its making.

    Args:
        path: The file; its name says which kind.
        chart: What is drawn.
        title: What it is about, one line.

    Raises:
        ConfigError: The name is that of no picture, or the file cannot be written.
    """
    kind = format_of(path)
    place = _place(chart)
    # Text stays text in SVG, and its names are made from what they name.
    with mpl.rc_context({"svg.hashsalt": "ssmd", "svg.fonttype": "none", "font.size": 8.0}):
        figure = _figure(chart, title, place)
        canvas = FigureCanvasSVG(figure) if kind == "svg" else FigureCanvasAgg(figure)
        metadata = {"Date": None, "Creator": "ssmd"} if kind == "svg" else {"Software": "ssmd"}
        try:
            canvas.print_figure(path, format=kind, dpi=_DPI, metadata=metadata)
        except OSError as error:
            message = f"The picture {path} cannot be written: {error.strerror}."
            raise ConfigError(message, remedy="Name a file you may write.") from error
    return place


def _place(chart: Chart) -> Drawn:
    """Everything on whole pixels, so that no cell is blurred into its neighbours."""
    rows = max(1, len(chart.rows))
    row_height = max(_LOWEST_PX, min(_TALLEST_PX, 1200 // rows))
    cell_width = max(_CELL_PX, COLUMNS * _CELL_PX // max(1, chart.columns))
    return Drawn(
        width=_LEFT_PX + chart.columns * cell_width + _RIGHT_PX,
        height=_TOP_PX + rows * row_height + _BOTTOM_PX,
        left=_LEFT_PX,
        top=_TOP_PX,
        cell_width=cell_width,
        row_height=row_height,
    )


def _figure(chart: Chart, title: str, place: Drawn) -> Figure:
    figure = Figure(figsize=(place.width / _DPI, place.height / _DPI), dpi=_DPI)
    wide, high = chart.columns * place.cell_width, len(chart.rows) * place.row_height
    axes = figure.add_axes(
        (
            place.left / place.width,
            (place.height - place.top - high) / place.height,
            wide / place.width,
            high / place.height,
        )
    )
    axes.set_xlim(0, chart.columns)
    axes.set_ylim(len(chart.rows), 0)
    _cells(axes, chart)
    _names(axes, chart, -(-_LABEL_PX // place.row_height))
    _hours(axes, chart)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    figure.text(place.left / place.width, 1 - 22 / place.height, title, fontsize=11)
    figure.text(place.left / place.width, 1 - 42 / place.height, _note(chart))
    figure.legend(
        handles=[Patch(facecolor=COLOURS[name], label=name) for name in CONDITIONS],
        loc="lower left",
        bbox_to_anchor=(place.left / place.width, 0),
        ncols=len(CONDITIONS),
        frameon=False,
        handlelength=1.2,
        columnspacing=1.2,
    )
    return figure


def _cells(axes: Axes, chart: Chart) -> None:
    """One group of rectangles for each condition, runs of cells together."""
    shapes: dict[int, list[list[tuple[float, float]]]] = {}
    for number, row in enumerate(chart.rows):
        for first, last, rank in _runs(row.cells):
            corners = [(first, number), (first, number + 1), (last, number + 1), (last, number)]
            shapes.setdefault(rank, []).append([(float(x), float(y)) for x, y in corners])
    for rank, found in sorted(shapes.items()):
        name = CONDITIONS[rank]
        group = PolyCollection(
            found, facecolors=COLOURS[name], edgecolors="none", linewidths=0, antialiaseds=False
        )
        group.set_gid(name)
        axes.add_collection(group, autolim=False)


def _runs(cells: bytes) -> list[tuple[int, int, int]]:
    """Cells alike that follow one another: the first, the one after the last, the condition."""
    found: list[tuple[int, int, int]] = []
    for at, rank in enumerate(cells):
        if rank == NOTHING:
            continue
        if found and found[-1][1:] == (at, rank):
            found[-1] = (found[-1][0], at + 1, rank)
        else:
            found.append((at, at + 1, rank))
    return found


def _names(axes: Axes, chart: Chart, every: int) -> None:
    """Who is who, as far as there is room, and how much of each is covered."""
    shown = [(at, row) for at, row in enumerate(chart.rows) if at % every == 0]
    axes.set_yticks([at + 0.5 for at, _ in shown], [_plain(row.name) for _, row in shown])
    right = axes.secondary_yaxis("right")
    right.set_yticks([at + 0.5 for at, _ in shown], [share(row.covered) for _, row in shown])
    right.tick_params(length=0)
    right.spines["right"].set_visible(False)


def _hours(axes: Axes, chart: Chart) -> None:
    """The hours, UTC, at whole ones of them."""
    whole = chart.columns * chart.minutes
    step = next((each for each in _TICKS if whole / each <= _MOST_TICKS), _TICKS[-1])
    begin = chart.since // MINUTE_NS
    ticks = range(-begin % step, whole + 1, step)
    axes.set_xticks([tick / chart.minutes for tick in ticks], _times(chart, ticks))
    axes.set_xlabel("UTC")


def _times(chart: Chart, ticks: Sequence[int]) -> list[str]:
    if chart.is_calendar:
        return [f"{tick // 60:02d}:{tick % 60:02d}" for tick in ticks]
    begin = chart.since // SECOND_NS
    return [f"{datetime.fromtimestamp(begin + tick * 60, UTC):%H:%M}" for tick in ticks]


def _note(chart: Chart) -> str:
    """What a cell is, and what is not seen one by one."""
    minutes = "a minute" if chart.minutes == 1 else f"the worst of {chart.minutes} minutes"
    who = " of all instruments" if chart.is_calendar else ""
    if chart.together > 1:
        who = f" of up to {chart.together} instruments, the worst ones first"
    return f"A cell is {minutes}{who}. On the right: the share that is covered."


def _plain(name: str) -> str:
    """A name that fits, with no mathematics in it."""
    return short(name, _LONGEST).replace("$", r"\$")
