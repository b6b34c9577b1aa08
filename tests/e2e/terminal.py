"""A terminal of a test's own: a pseudo-terminal, and the little of VT100 that a full-screen program uses."""

import asyncio
import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from tests.e2e.acts import CLOCK

COLUMNS: Final = 80
ROWS: Final = 24
_ESCAPE: Final = re.compile(
    r"\x1b\[([?<>=]?)([\d;:]*)[ $]?([@-~])"  # CSI: the ones that move and colour
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC: titles
    r"|\x1b[P_^][^\x1b]*\x1b\\"  # DCS, APC
    r"|\x1b[()][0-9A-B]|\x1b[=>78Mc]"
)
_RED: Final = (31, 91)


def _is_red_of_256(number: int) -> bool:
    """Whether a colour of the palette of 256 is a red: the first sixteen, then a cube of 6 x 6 x 6."""
    if number < 16:
        return number in (1, 9)
    red, green, blue = (number - 16) // 36, (number - 16) // 6 % 6, (number - 16) % 6
    return number < 232 and red >= 3 and green <= 1 and blue <= 2


class Screen:
    """What a person would see: cells of text, and which of them are red.

    Attributes:
        red: For each cell whether its text is red.
    """

    def __init__(self, columns: int = COLUMNS, rows: int = ROWS) -> None:
        self._columns, self._rows = columns, rows
        self._cells = [[" "] * columns for _ in range(rows)]
        self.red = [[False] * columns for _ in range(rows)]
        self._row = self._column = 0
        self._is_red = False
        self._rest = ""

    @property
    def lines(self) -> list[str]:
        """The rows as text."""
        return ["".join(row).rstrip() for row in self._cells]

    def line(self, part: str) -> str:
        """The row that holds some text; empty when none does."""
        return next((line for line in self.lines if part in line), "")

    def is_red(self, part: str) -> bool:
        """Whether some text stands there in red."""
        for row, line in enumerate(self.lines):
            at = line.find(part)
            if at >= 0 and all(self.red[row][at : at + len(part)]):
                return True
        return False

    def feed(self, text: str) -> None:
        """Take what the program wrote; an escape that is not whole yet waits for its rest."""
        text = self._rest + text
        self._rest = ""
        at = 0
        while at < len(text):
            if text[at] != "\x1b":
                self._put(text[at])
                at += 1
                continue
            found = _ESCAPE.match(text, at)
            if found is None:
                if len(text) - at < 64:
                    self._rest = text[at:]
                    return
                at += 1
                continue
            if found.group(3) is not None and not found.group(1):
                self._control(found.group(2), found.group(3))
            at = found.end()

    def _put(self, character: str) -> None:
        if character == "\r":
            self._column = 0
        elif character == "\n":
            self._row = min(self._row + 1, self._rows - 1)
        elif character >= " " and self._column < self._columns:
            self._cells[self._row][self._column] = character
            self.red[self._row][self._column] = self._is_red
            self._column += 1

    def _control(self, told: str, final: str) -> None:
        numbers = [int(part) if part.isdigit() else 0 for part in re.split("[;:]", told)]
        if final in "Hf":
            row, column = (*numbers, 1, 1)[:2] if len(numbers) > 1 else (numbers[0] or 1, 1)
            self._row = min(max(row, 1), self._rows) - 1
            self._column = min(max(column, 1), self._columns) - 1
        elif final == "m":
            self._colour(numbers)
        elif final == "J":
            self._cells = [[" "] * self._columns for _ in range(self._rows)]
        elif final == "K":
            for column in range(self._column, self._columns):
                self._cells[self._row][column] = " "

    def _colour(self, numbers: Sequence[int]) -> None:
        rest = list(numbers)
        while rest:
            number = rest.pop(0)
            if number in (0, 39):
                self._is_red = False
            elif number == 38 and rest[:1] == [2] and len(rest) > 3:
                red, green, blue = rest[1:4]
                del rest[:4]
                self._is_red = red > 100 and red > 2 * green and red > 2 * blue - 40
            elif number == 38 and rest[:1] == [5]:
                self._is_red = len(rest) > 1 and _is_red_of_256(rest[1])
                del rest[:2]
            elif number == 48:
                del rest[: 4 if rest[:1] == [2] else 2]
            elif 30 <= number <= 37 or 90 <= number <= 97:
                self._is_red = number in _RED


class Terminal:
    """A program that believes a person watches it.

    Attributes:
        screen: What is to be seen.
    """

    def __init__(self, arguments: Sequence[str], **env: str) -> None:
        self.screen = Screen()
        self._main, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ssmd", *arguments],
            stdin=side,
            stdout=side,
            stderr=side,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "", **env},
            start_new_session=True,
        )
        os.close(side)
        os.set_blocking(self._main, False)

    def press(self, keys: str) -> None:
        """Press keys, as bytes of the terminal."""
        os.write(self._main, keys.encode())

    def look(self) -> None:
        """Take what was written since."""
        with contextlib.suppress(BlockingIOError, OSError):
            while piece := os.read(self._main, 1 << 16):
                self.screen.feed(piece.decode(errors="replace"))

    async def until(self, true: Callable[[Screen], object], what: str, *, s: float = 60.0) -> None:
        """Wait until something is to be seen."""
        deadline = CLOCK.mono() + s
        while True:
            self.look()
            if true(self.screen):
                return
            shown = "\n".join(self.screen.lines)
            code = self._process.poll()
            assert code is None, f"ended with {code}:\n{shown}"
            assert CLOCK.mono() < deadline, f"waited in vain for {what}:\n{shown}"
            await asyncio.sleep(0.02)

    async def ended(self, s: float = 30.0) -> int:
        """Wait until it ended; what with."""
        deadline = CLOCK.mono() + s
        while (code := self._process.poll()) is None:
            self.look()  # who cannot write does not end
            assert CLOCK.mono() < deadline, "it does not end"
            await asyncio.sleep(0.02)
        self.look()
        return code

    def close(self) -> None:
        """End it, if it runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(30)
        os.close(self._main)


@contextmanager
def terminal(*arguments: str, **env: str) -> Iterator[Terminal]:
    """A program on a terminal, gone afterwards."""
    made = Terminal(arguments, **env)
    try:
        yield made
    finally:
        made.close()
