"""Gamma's lists, and what its events say of all their markets."""

from typing import Any, Final

import msgspec

from ssmd.venues.polymarket.listing import Grouping


class GammaEvent(msgspec.Struct, gc=False):
    """What Gamma calls an event: questions that belong together. Fields as it names them."""

    id: Any = None
    slug: Any = None
    title: Any = None
    endDate: Any = None  # noqa: N815 - the venue's name
    seriesSlug: Any = None  # noqa: N815
    series: Any = None
    tags: Any = None
    markets: list[msgspec.Raw] | None = None


_events: Final = msgspec.json.Decoder(list[msgspec.Raw])
_event: Final = msgspec.json.Decoder(GammaEvent, float_hook=str)


def entries(body: bytes) -> list[bytes]:
    """The entries of a page, each as it came.

    Raises:
        ValueError: It is no list.
    """
    try:
        return [bytes(raw) for raw in _events.decode(body)]
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"the events are not a list: {error}") from error


def identity(event: bytes) -> bytes | str:
    """What makes an event the same as another: its id, or else every byte of it."""
    try:
        number = _event.decode(event).id
    except (msgspec.DecodeError, RecursionError):
        return event
    return str(number) if isinstance(number, str | int) else event


def gamma_event(body: bytes) -> GammaEvent:
    """Reads an event.

    Raises:
        ValueError: It is none.
    """
    try:
        return _event.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def grouping_of(event: GammaEvent, wanted: tuple[str, ...] = ()) -> Grouping:
    """What all markets of an event share."""
    series = event.seriesSlug
    if not series and isinstance(event.series, list) and event.series:
        first = event.series[0]
        series = first.get("slug") if isinstance(first, dict) else None
    tags: tuple[str, ...] | None = None
    if isinstance(event.tags, list):
        labels = [tag.get("label") if isinstance(tag, dict) else tag for tag in event.tags]
        tags = tuple(label for label in labels if isinstance(label, str) and label)
    return Grouping(
        id=_text(event.id),
        slug=_text(event.slug),
        series=_text(series) or None,
        tags=tags,
        end=_text(event.endDate) or None,
        title=_text(event.title),
        wanted=frozenset(category.casefold() for category in wanted),
    )


def _text(value: object) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
