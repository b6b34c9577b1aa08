"""Rows out of the archive into files of other programs: planned first, a piece at a time.

A piece is one feed's rows of one day, UTC. It appears under its name when it is whole, and what
stands in the plan's file is not written again: an export that was stopped goes on where it was.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec
import polars as pl

from ssmd.access.times import Range
from ssmd.model.errors import ConfigError, Damaged

Format = Literal["parquet", "csv", "jsonl", "arrow"]
"""Of which kind the files are."""
STATE: Final = "export.json"
"""The file that says what was asked for and what is written."""
_TIME: Final = "%Y-%m-%dT%H:%M:%S%.9fZ"

Rows = Callable[[str, Range], pl.LazyFrame]
"""The rows of a feed and a time."""


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """One file of an export.

    Attributes:
        name: Its name in the folder.
        feed: Whose rows.
        since: From when on, ns.
        until: Up to when, ns, not included.
        rows: How many.
        source_bytes: Size of the files of the archive that have to be read for them.
        losses: How many stretches of that time are missing and were not made good.
    """

    name: str
    feed: str
    since: int
    until: int
    rows: int
    source_bytes: int
    losses: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What an export will do.

    Attributes:
        table: Of which table.
        format: Of which kind the files are.
        asked: What else was asked for, in words; the same words are the same export.
        pieces: Its files.
    """

    table: str
    format: Format
    asked: str
    pieces: tuple[Piece, ...]

    @property
    def rows(self) -> int:
        """How many rows there are in all."""
        return sum(piece.rows for piece in self.pieces)

    @property
    def losses(self) -> int:
        """How many stretches of time are missing in all."""
        return sum(piece.losses for piece in self.pieces)

    @property
    def source_bytes(self) -> int:
        """How much has to be read in all."""
        return sum(piece.source_bytes for piece in self.pieces)


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A piece that is whole.

    Attributes:
        piece: What was planned.
        bytes: Size of the file.
        sha256: Its digest.
    """

    piece: Piece
    bytes: int
    sha256: str


class State(msgspec.Struct, kw_only=True):
    """What an export has done so far.

    Attributes:
        table: Of which table.
        format: Of which kind the files are.
        asked: What else was asked for.
        written: The pieces that are whole, by name.
    """

    table: str
    format: str
    asked: str
    written: dict[str, Written] = {}


def write(
    plan: Plan, folder: Path, rows: Rows, said: Callable[[int, int], None] = lambda *_: None
) -> State:
    """Write what is not written yet.

    Args:
        plan: What to do.
        folder: Where to; made if need be.
        rows: Gives the rows of a feed and a time.
        said: Told how many rows are written, and how many there are in all.

    Returns:
        What is there now.

    Raises:
        ConfigError: The folder holds something else.
        Damaged: A piece did not become as many rows as were planned.
    """
    state = _begun(plan, folder)
    done = 0
    for piece in plan.pieces:
        known = state.written.get(piece.name)
        if known is None or known.piece != piece or not _is_whole(folder, known):
            state.written[piece.name] = _write(piece, plan.format, folder, rows)
            _replace(folder / STATE, msgspec.json.encode(state) + b"\n")
        done += piece.rows
        said(done, plan.rows)
    return state


def _begun(plan: Plan, folder: Path) -> State:
    """What was written before; a folder with anything else is left alone."""
    fresh = State(table=plan.table, format=plan.format, asked=plan.asked)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        state = msgspec.json.decode((folder / STATE).read_bytes(), type=State)
    except FileNotFoundError:
        if any(folder.iterdir()):
            message = f"{folder} is not empty, and no export."
            raise ConfigError(message, remedy="Name a new folder.") from None
        _replace(folder / STATE, msgspec.json.encode(fresh) + b"\n")
        return fresh
    except msgspec.MsgspecError as error:
        message = f"{folder / STATE} is not what was written: {error}."
        raise ConfigError(message, remedy="Name a new folder.") from error
    if (state.table, state.format, state.asked) != (plan.table, plan.format, plan.asked):
        message = f"{folder} holds an export of {state.table} as {state.format}, {state.asked}."
        raise ConfigError(message, remedy="Ask for the same again, or name a new folder.")
    return state


def _write(piece: Piece, kind: Format, folder: Path, rows: Rows) -> Written:
    draft = folder / f".{piece.name}.tmp"
    frame = rows(piece.feed, Range(piece.since, piece.until))
    try:
        _SINKS[kind](frame, draft)
        count = _count(kind, draft)
        if count != piece.rows:
            message = f"{piece.name} became {count} rows; {piece.rows} were planned."
            raise Damaged(message, remedy="The archive grew meanwhile: export again.")
        digest = _digest(draft)
        size = draft.stat().st_size
        _sync(draft)
        draft.replace(folder / piece.name)
    finally:
        draft.unlink(missing_ok=True)
    return Written(piece=piece, bytes=size, sha256=digest)


def _parquet(frame: pl.LazyFrame, path: Path) -> None:
    frame.sink_parquet(path, compression="zstd")


def _arrow(frame: pl.LazyFrame, path: Path) -> None:
    frame.sink_ipc(path, compression="zstd")


def _csv(frame: pl.LazyFrame, path: Path) -> None:
    lists = [name for name, kind in frame.collect_schema().items() if isinstance(kind, pl.List)]
    joined = (pl.col(name).list.join(" ") for name in lists)
    _spelled(frame).with_columns(joined).sink_csv(path)


def _jsonl(frame: pl.LazyFrame, path: Path) -> None:
    _spelled(frame).sink_ndjson(path)


def _spelled(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Decimals and times as texts, to the last digit."""
    texts = []
    for name, kind in frame.collect_schema().items():
        if isinstance(kind, pl.Decimal):
            texts.append(pl.col(name).cast(pl.String))
        elif isinstance(kind, pl.Datetime):
            texts.append(pl.col(name).dt.strftime(_TIME))
    return frame.with_columns(texts)


_SINKS: Final[dict[Format, Callable[[pl.LazyFrame, Path], None]]] = {
    "parquet": _parquet,
    "csv": _csv,
    "jsonl": _jsonl,
    "arrow": _arrow,
}
FORMATS: Final[Sequence[Format]] = tuple(_SINKS)
"""Every kind there is."""


def _count(kind: Format, path: Path) -> int:
    """How many rows a file has, read back."""
    if kind == "jsonl":
        with path.open("rb") as file:
            return sum(1 for _ in file)
    scan = {
        "parquet": lambda: pl.scan_parquet(path),
        "arrow": lambda: pl.scan_ipc(path),
        "csv": lambda: pl.scan_csv(path, infer_schema=False),
    }
    return int(scan[kind]().select(pl.len()).collect().item())


def _is_whole(folder: Path, written: Written) -> bool:
    path = folder / written.piece.name
    return path.is_file() and _digest(path) == written.sha256


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.tmp")
    draft.write_bytes(content)
    _sync(draft)
    draft.replace(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
