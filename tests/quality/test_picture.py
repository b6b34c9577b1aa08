"""Pictures of completeness, read back: every cell has the colour of its condition."""

import io
import random
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from matplotlib import image

from ssmd.archive.ledger.minutes import CONDITIONS
from ssmd.cli import dq_completeness as command
from ssmd.model.errors import ConfigError
from ssmd.quality.completeness import NOTHING, Chart, Line, Row, calendar, heat_map
from ssmd.quality.picture import COLOURS, COLUMNS, ROWS, Drawn, draw
from tests.quality.test_completeness import LATER, MIDNIGHT, found, line, ran, root
from tests.tier import SEED, scale

__all__ = ["root"]

_SVG = "{http://www.w3.org/2000/svg}"
_BLANK = "#ffffff"


def some(count: int, size: int) -> list[Line]:
    """Instruments with stretches of every condition, some of them a minute long."""
    rng = random.Random(SEED)
    lines = []
    for number in range(count):
        minutes = bytearray([1]) * size
        for _ in range(rng.randint(0, 8)):
            at, length = rng.randrange(size), rng.choice([1, 1, 7, 90])
            part = slice(at, min(size, at + length))
            minutes[part] = bytes([rng.randrange(len(CONDITIONS))]) * (part.stop - at)
        name = f"v:S${number:04d}_<&>"
        lines.append(Line(feed="f", instrument=name, channel=None, minutes=bytes(minutes)))
    return lines


def pixels(path: Path, place: Drawn, chart: Chart) -> list[list[str]]:
    """The colour of every cell of a PNG: each has one, up to its last pixel."""
    picture = (image.imread(path)[:, :, :3] * 255).round().astype(int) @ [1 << 16, 1 << 8, 1]
    assert picture.shape == (place.height, place.width)
    rows, columns = len(chart.rows), chart.columns
    high, wide = rows * place.row_height, columns * place.cell_width
    part = picture[place.top : place.top + high, place.left : place.left + wide]
    blocks = part.reshape(rows, place.row_height, columns, place.cell_width)
    assert (blocks.min(axis=(1, 3)) == blocks.max(axis=(1, 3))).all()
    return [[f"#{cell:06x}" for cell in row] for row in blocks[:, 0, :, 0]]


def shapes(path: Path, place: Drawn, chart: Chart) -> list[list[str]]:
    """The same of an SVG: which rectangle covers each cell, and its colour."""
    told = [[_BLANK] * chart.columns for _ in chart.rows]
    scale_ = 72 / 100  # an SVG is measured in points
    for group in ET.parse(path).iter(f"{_SVG}g"):  # noqa: S314 - we wrote it
        if group.get("id") not in CONDITIONS:
            continue
        for shape in group.iter(f"{_SVG}path"):
            corners = re.findall(r"[ML] ([\d.]+) ([\d.]+)", shape.get("d", ""))
            xs = {round((float(x) / scale_ - place.left) / place.cell_width, 3) for x, _ in corners}
            ys = {round((float(y) / scale_ - place.top) / place.row_height, 3) for _, y in corners}
            (first, last), (top, bottom) = sorted(xs), sorted(ys)
            assert bottom - top == 1
            colour = re.search(r"fill: (#\w+)", shape.get("style", "") or group.get("style", ""))
            assert colour is not None
            for column in range(round(first), round(last)):
                assert told[round(top)][column] == _BLANK
                told[round(top)][column] = colour[1]
    return told


def expected(chart: Chart) -> list[list[str]]:
    """What each cell should be, from the chart alone."""
    return [
        [_BLANK if cell == NOTHING else COLOURS[CONDITIONS[cell]] for cell in row.cells]
        + [_BLANK] * (chart.columns - len(row.cells))
        for row in chart.rows
    ]


@pytest.mark.parametrize("count", [1, scale(gate=90, full=2000)])
@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_picture_shows_each_condition_where_it_is(tmp_path: Path, kind: str, count: int) -> None:
    """Of one instrument and of thousands: no cell is missing, blurred or of another colour."""
    whole = found(*some(count, 1440), since=MIDNIGHT)
    chart = heat_map(whole, columns=COLUMNS, most=scale(gate=30, full=ROWS), together=True)
    path = tmp_path / f"a.{kind}"
    place = draw(path, chart, "title")
    read = pixels if kind == "png" else shapes
    assert read(path, place, chart) == expected(chart)
    assert place.height < 1600
    assert len({COLOURS[CONDITIONS[cell]] for row in chart.rows for cell in row.cells}) > 2


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_what_is_not_over_is_not_drawn(tmp_path: Path, kind: str) -> None:
    """A calendar of a running week is blank where no minute is yet."""
    since = MIDNIGHT + 60 * 10**9 * 90
    chart = calendar(found(*some(5, 1440 + 700), since=since), columns=COLUMNS)
    path = tmp_path / f"a.{kind}"
    place = draw(path, chart, "title")
    told = (pixels if kind == "png" else shapes)(path, place, chart)
    assert told == expected(chart)
    assert told[0][:18] == [_BLANK] * 18
    assert told[-1][-1] == _BLANK


def test_a_hole_is_a_hole(tmp_path: Path) -> None:
    """Two stretches alike are not joined over minutes that are not there."""
    row = Row(name="v:A", cells=bytes([1, 1, NOTHING, 1, 7]), covered=None)
    chart = Chart(rows=(row, row), since=MIDNIGHT, minutes=1, is_calendar=False)
    place = draw(tmp_path / "a.svg", chart, "t")
    assert shapes(tmp_path / "a.svg", place, chart) == expected(chart)


def texts(path: Path) -> list[str]:
    """Every text of an SVG."""
    return ["".join(each.itertext()) for each in ET.parse(path).iter(f"{_SVG}text")]  # noqa: S314 - we wrote it


def test_a_picture_explains_itself(tmp_path: Path) -> None:
    """Title, names, shares, hours in UTC, a legend of every condition, and what a cell is."""
    whole = found(line("#" * 1440, "v:A$B$"), line("#" * 720 + "X" * 720, "v:C"), since=MIDNIGHT)
    chart = heat_map(whole, columns=COLUMNS, most=ROWS, together=True)
    draw(tmp_path / "a.svg", chart, "what it is about")
    told = texts(tmp_path / "a.svg")
    assert {"what it is about", "v:A$B$", "v:C", "100.00 %", "50.00 %", "UTC"} <= set(told)
    assert set(CONDITIONS) <= set(told)
    assert {f"{hour:02d}:00" for hour in range(0, 24, 2)} <= set(told)
    assert any("worst of 5 minutes" in each for each in told)


def test_what_is_drawn_together_is_said(tmp_path: Path) -> None:
    """Ten instruments in a row are the worst of ten, and whoever looks should know."""
    whole = found(*some(30, 60), since=MIDNIGHT)
    draw(tmp_path / "a.svg", heat_map(whole, columns=60, most=3, together=True), "t")
    told = texts(tmp_path / "a.svg")
    assert any("of up to 10 instruments" in each for each in told)
    assert sum("and 9 more" in each for each in told) == 3


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_same_minutes_give_the_same_bytes(tmp_path: Path, kind: str) -> None:
    """Nothing of the moment, of the machine or of chance is in it: a diff shows a change."""
    chart = heat_map(found(*some(7, 300)), columns=COLUMNS, most=ROWS, together=True)
    paths = [tmp_path / f"{name}.{kind}" for name in "ab"]
    for path in paths:
        draw(path, chart, "t")
    one, other = (path.read_bytes() for path in paths)
    assert one == other


def test_colours_are_told_apart_by_those_who_see_less_of_them() -> None:
    """As the commonest kinds of colour blindness see them, and in grey where it matters most."""
    assert set(COLOURS) == set(CONDITIONS)
    seen = {
        name: np.array([int(c[i : i + 2], 16) for i in (1, 3, 5)]) for name, c in COLOURS.items()
    }
    # Viénot, Brettel and Mollon 1999: what protanopes and deuteranopes see, in linear light.
    kinds = {
        "protan": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
        "deutan": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
        "normal": np.eye(3).tolist(),
    }
    for kind in kinds.values():
        light = {n: np.array(kind) @ ((rgb / 255) ** 2.2) for n, rgb in seen.items()}
        shown = {n: np.clip(each, 0, 1) ** (1 / 2.2) * 255 for n, each in light.items()}
        for name, colour in shown.items():
            for other, value in shown.items():
                assert name == other or np.linalg.norm(colour - value) > 50, (name, other)
    grey = {name: rgb @ np.array([0.299, 0.587, 0.114]) for name, rgb in seen.items()}
    assert min(abs(grey["lost"] - grey[name]) for name in grey if name != "lost") > 25


@pytest.mark.parametrize("name", ["a.gif", "a", "a.png.txt", "none/a.png"])
def test_what_is_no_picture_is_refused(tmp_path: Path, name: str) -> None:
    """Before anything is written."""
    chart = heat_map(found(line("#")), columns=1, most=1, together=True)
    with pytest.raises(ConfigError):
        draw(tmp_path / name, chart, "t")
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """With its remedy."""
    (tmp_path / "a.png").mkdir()
    chart = heat_map(found(line("#")), columns=1, most=1, together=True)
    with pytest.raises(ConfigError, match="cannot be written"):
        draw(tmp_path / "a.png", chart, "t")


def test_the_command_draws_what_it_shows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, root: Path
) -> None:
    """One day as a heat map, several as a calendar, of either kind."""

    def drawn(*arguments: str) -> Result:
        return ran(monkeypatch, str(root), *arguments, now=LATER)

    path = tmp_path / "day.SVG"
    assert drawn("--date", "today", "--picture", str(path)).exit_code == 0
    assert "kraken:BTC/USD" in texts(path)
    assert drawn("--since", "2027-01-14", "--picture", str(path), "--json").exit_code == 0
    assert {"kraken 2027-01-14", "kraken 2027-01-15"} <= set(texts(path))
    picture = tmp_path / "day.png"
    drawn("--date", "today", "--picture", str(picture))
    assert image.imread(io.BytesIO(picture.read_bytes())).shape[1] > 500
    assert command.MARKS.keys() == COLOURS.keys()
