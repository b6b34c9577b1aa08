"""archiver.yaml: what is archived, where, and how often."""

from typing import Annotated

from msgspec import Meta

from ssmd.feeds.values import Name, Section, Text, Token, check_bus_url

_DAY_S = 86_400
MIB = 1 << 20


class Source(Section, frozen=True, kw_only=True):
    """A stream to archive, whole.

    Attributes:
        stream: Name of the stream.
        feed: The feed that fills it.
        consumer: Our durable on it, beginning with `archive-`; None derives it from the archive.
    """

    stream: Token
    feed: Name
    consumer: Annotated[str, Meta(pattern=r"^archive-[A-Za-z0-9_-]+$", max_length=128)] | None = (
        None
    )


class ArchiveStorage(Section, frozen=True, kw_only=True):
    """Where the archive rests.

    Attributes:
        path: Its root.
        low_disk_bytes: Less free space than this is a warning, in bytes.
        min_free_bytes: Less free space than this stops the archiver until space returns, in bytes.
    """

    path: Text = "./data"
    low_disk_bytes: Annotated[int, Meta(ge=0, le=1 << 50)] = 2048 * MIB
    min_free_bytes: Annotated[int, Meta(ge=0, le=1 << 50)] = 128 * MIB

    def __post_init__(self) -> None:
        if self.low_disk_bytes < self.min_free_bytes:
            raise ValueError("low_disk_bytes must not be less than min_free_bytes")


class Rotation(Section, frozen=True, kw_only=True):
    """When a segment is sealed.

    Attributes:
        interval_s: Time one segment covers, clock-aligned, in seconds; whole minutes that divide
            a day.
        grace_s: How long a segment stays open for late data after its time, in seconds.
        max_open_slots: Most segments open at once.
    """

    interval_s: Annotated[int, Meta(ge=60, le=_DAY_S)] = 900
    grace_s: Annotated[float, Meta(ge=0, le=3600)] = 10.0
    max_open_slots: Annotated[int, Meta(ge=1, le=64)] = 4

    def __post_init__(self) -> None:
        if self.interval_s % 60 or _DAY_S % self.interval_s:
            raise ValueError(
                f"interval_s {self.interval_s} is not a number of whole minutes that divides a day"
            )


class Commit(Section, frozen=True, kw_only=True):
    """When what was taken from the bus is made durable: whichever comes first.

    Attributes:
        interval_s: Longest wait, in seconds.
        bytes: Most bytes of lines waiting.
        messages: Most messages waiting; the bus allows four times as many unacknowledged.
    """

    interval_s: Annotated[float, Meta(ge=0.01, le=60)] = 1.0
    bytes: Annotated[int, Meta(ge=64 << 10, le=1 << 30)] = 8 * MIB
    messages: Annotated[int, Meta(ge=1, le=12_500)] = 10_000


class ArchiverConfig(Section, frozen=True, kw_only=True):
    """What is archived, where, and how often.

    Attributes:
        sources: The streams; each is archived whole.
        url: Address of the bus, or several with commas; None takes `NATS_URL`.
        storage: Where the archive rests.
        rotation: When a segment is sealed.
        commit: When what was taken from the bus is made durable.
        keep_s: How long the bus keeps what is archived, in seconds.
        frame_bytes: Bytes of lines after which a segment begins a new compressed frame.
    """

    sources: Annotated[tuple[Source, ...], Meta(min_length=1)]
    url: Text | None = None
    storage: ArchiveStorage = ArchiveStorage()
    rotation: Rotation = Rotation()
    commit: Commit = Commit()
    keep_s: Annotated[int, Meta(ge=0, le=365 * _DAY_S)] = 172_800
    frame_bytes: Annotated[int, Meta(ge=64 << 10, le=256 * MIB)] = 4 * MIB

    def __post_init__(self) -> None:
        if self.url is not None:
            check_bus_url(self.url)
        streams = [source.stream for source in self.sources]
        if len(set(streams)) != len(streams):
            raise ValueError("a stream stands twice under `sources`: one durable reads it whole")
