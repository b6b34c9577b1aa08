"""What is told of datasets."""

from typing import Literal

from pydantic import Field

from ssmd.api.wire import Time, Wire

Per = Literal["minute", "hour", "day"]
"""Of what conditions are told."""


class Feed(Wire):
    """A feed of which something is archived."""

    feed: str = Field(description="Its name.")
    venue: str = Field(description="Its venue; empty while nothing was heard of it.")
    types: list[str] = Field(description="Its message types.")
    days: int = Field(description="How many days hold something.")
    first: Time | None = Field(description="When the first was received.")
    last: Time | None = Field(description="When the last was received.")
    envelopes: int = Field(description="Frames and records archived.")
    raw_bytes: int = Field(description="Size of its segments on disk.")
    is_open: bool = Field(
        description="Whether a segment of it is being written, or was not sealed."
    )


class Dataset(Wire):
    """A feed's day."""

    feed: str = Field(description="Of which feed.")
    date: str = Field(description="Which day, UTC.", examples=["2026-11-23"])
    segments: int = Field(description="Sealed segments.")
    open: int = Field(description="Segments that are not sealed yet.")
    bytes: int = Field(description="Size of segments on disk.")
    envelopes: int = Field(description="Frames and records archived.")
    types: dict[str, int] = Field(description="The same by message type.")
    first: Time | None = Field(description="When the first was received.")
    last: Time | None = Field(description="When the last was received.")
    gaps: int = Field(description="What the venue lost, as records tell.")
    rows: int = Field(description="Rows of its tables in the venue's words.")
    tables: dict[str, int] = Field(description="Rows by table, as SQL names them.")
    table_bytes: int = Field(description="Size of its tables.")
    coverage: float | None = Field(
        description="Covered time over wanted time, 0 to 1; null when nothing was wanted."
    )


class Column(Wire):
    """A column of a table."""

    name: str = Field(description="Its name.")
    type: str = Field(
        description="`text`, `texts`, `int`, `small` (32 bits), `bool`, `number` (10 decimals), `rate` (24 decimals), `time` (ns, UTC)."
    )
    own: bool = Field(description="Whether it is the row's own, not what all rows have.")


class Table(Wire):
    """A table and its columns."""

    table: str = Field(description="Its name, as `/v1/data/...` takes it.")
    feed: str | None = Field(description="Whose; null for those that all venues share.")
    columns: list[Column] = Field(description="Its columns, in order.")


class Instrument(Wire):
    """An instrument that was wanted or heard of."""

    feed: str = Field(description="By which feed.")
    instrument: str = Field(description="`venue:symbol`.")
    symbol: str = Field(description="The venue's own string.")
    messages: int = Field(description="Messages about it.")
    first: Time | None = Field(description="The minute of the first.")
    last: Time | None = Field(description="The minute of the last.")


class Stretch(Wire):
    """A run of minutes of one condition, or an hour or day with the minutes of each."""

    start: Time = Field(description="Where it begins.")
    end: Time = Field(description="Where it ends.")
    condition: str = Field(
        description="The condition; of an hour or a day, its worst.", examples=["complete"]
    )
    counts: dict[str, int] | None = Field(
        default=None, description="Of an hour or a day: minutes by condition."
    )


class Conditions(Wire):
    """The condition of an instrument through a time."""

    feed: str = Field(description="By which feed.")
    instrument: str = Field(description="`venue:symbol`.")
    per: Per = Field(description="What an item is.")
    items: list[Stretch] = Field(description="In order of time.")
    next: str | None = Field(description="Give it as `cursor` to go on; null at the end.")


class Estimated(Wire):
    """How much a download would be, without reading a row."""

    table: str = Field(description="Of which table.")
    rows: int = Field(
        description="At most so many rows in files; repeats and other instruments count."
    )
    parquet_bytes: int = Field(description="Size of those files as they are archived.")
    files: int = Field(description="How many files.")
    unbuilt_segments: int = Field(
        description="Segments whose rows are in no file yet: they come on top."
    )
    is_exact: bool = Field(
        description="Whether the time holds the files whole, and nothing is unbuilt; instruments are not looked at."
    )
    losses: int = Field(
        description="Stretches of the time that are missing and were not made good."
    )
