"""What is told of the security master."""

from collections.abc import Collection, Mapping
from typing import Any, Self, TypeVar

from pydantic import Field, JsonValue

from ssmd.api.wire import Wire
from ssmd.secmaster import resolve, search
from ssmd.secmaster.told import told

W = TypeVar("W", bound=Wire)

_EXACT = "An exact decimal, as text."
_TIME = "A time in UTC; null when it is not known, or never."


def of_row(shape: type[W], row: Mapping[str, Any]) -> W:
    """A row in its shape: numbers as exact texts, times as RFC 3339."""
    values = told(row)
    return shape(**{name: values.get(name) for name in shape.model_fields})


class Listed(Wire):
    """An instrument, as a list shows it."""

    instrument: str = Field(description="`venue:symbol`.")
    venue: str = Field(description="Its venue.")
    symbol: str = Field(description="The venue's own string.")
    kind: str | None = Field(description="What sort of contract it is.")
    status: str | None = Field(description="In our vocabulary.", examples=["active"])
    raw_status: str | None = Field(default=None, description="In the venue's word.")
    listed: bool | None = Field(default=None, description="Whether it is listed still.")
    title: str | None = Field(default=None, description="Its name for people.")
    base: str | None = Field(default=None, description="What is bought.")
    quote: str | None = Field(default=None, description="What it is paid in.")
    event: str | None = Field(default=None, description="The venue's id of its event.")
    series: str | None = Field(default=None, description="The venue's id of its series.")
    close_at: str | None = Field(default=None, description=_TIME)
    expiry_at: str | None = Field(default=None, description=_TIME)
    valid_from: str | None = Field(default=None, description="Since when it is so.")
    known_from: str | None = Field(default=None, description="Since when it is known.")


class Event(Wire):
    """What several instruments are about."""

    venue: str = Field(description="Its venue.")
    symbol: str = Field(description="The venue's id.")
    series: str | None = Field(description="The venue's id of its series.")
    title: str | None = Field(description="For people.")
    category: str | None = Field(description="In the venue's word.")
    tags: list[str] | None = Field(description="The venue's labels.")
    mutually_exclusive: bool | None = Field(description="Whether one outcome excludes the others.")
    listed: bool | None = Field(description="Whether it is listed still.")
    strike_at: str | None = Field(description=_TIME)


class Series(Wire):
    """What events repeat."""

    venue: str = Field(description="Its venue.")
    symbol: str = Field(description="The venue's id.")
    title: str | None = Field(description="For people.")
    category: str | None = Field(description="In the venue's word.")
    frequency: str | None = Field(description="How often, in the venue's word.")
    tags: list[str] | None = Field(description="The venue's labels.")
    listed: bool | None = Field(description="Whether it is listed still.")


class Fee(Wire):
    """What trading costs, and when that holds."""

    venue: str = Field(description="Whose.")
    scope: str = Field(description="Of what: an instrument, a series, all of a venue.")
    symbol: str = Field(description="Of which, in the venue's own string.")
    kind: str | None = Field(description="How it is reckoned.")
    maker: JsonValue = Field(description="Of who makes the market, as the venue states it; exact.")
    taker: JsonValue = Field(description="Of who takes, likewise.")
    multiplier: str | None = Field(description=_EXACT)
    currency: str | None = Field(description="In which currency.")
    effective_from: str | None = Field(description="From when on; null for always.")
    effective_to: str | None = Field(description="Up to when; null while it holds.")
    source_id: str | None = Field(description="The venue's id of the change.")


class Funding(Wire):
    """What holding a perpetual was observed to cost."""

    venue: str = Field(description="Its venue.")
    symbol: str = Field(description="The venue's own string.")
    at: str = Field(description="When it was observed.")
    rate: str | None = Field(description=_EXACT)
    prediction: str | None = Field(description=_EXACT)
    mark_price: str | None = Field(description=_EXACT)
    index_price: str | None = Field(description=_EXACT)
    open_interest: str | None = Field(description=_EXACT)


class Match(Wire):
    """An instrument that a name means, or meant."""

    instrument: str = Field(description="`venue:symbol`.")
    venue: str = Field(description="Its venue.")
    symbol: str = Field(description="The venue's own string.")
    schemes: list[str] = Field(description="In which schemes it is called so.")
    since: str | None = Field(description="Since when it is called so.")
    until: str | None = Field(description="Until when; null while it is.")
    names: list[str] = Field(description="Its names in the scheme that was wanted.")

    @classmethod
    def of(cls, match: resolve.Match) -> Self:
        """The same in its shape."""
        values = match.told()
        return cls.model_validate({name: values[name] for name in cls.model_fields})


class Resolved(Wire):
    """What a name means."""

    asked: str = Field(description="The name.")
    known: bool = Field(description="Whether it means, or meant, anything.")
    state: str = Field(
        description="`found`, `ended` (it means nothing any more), `ambiguous`, or `unknown`."
    )
    matches: list[Match] = Field(description="The instruments, by venue and symbol.")


class Hit(Wire):
    """An instrument that fits some words."""

    instrument: str = Field(description="`venue:symbol`.")
    venue: str = Field(description="Its venue.")
    symbol: str = Field(description="The venue's own string.")
    kind: str = Field(description="What sort of contract it is.")
    status: str = Field(description="In our vocabulary.")
    listed: bool = Field(description="Whether it is listed still.")
    title: str = Field(description="Its name for people.")
    score: float = Field(description="How well it fits, 0 to 1.")

    @classmethod
    def of(cls, hit: search.Hit) -> Self:
        """The same in its shape."""
        names = set(cls.model_fields) - {"instrument"}
        return cls(instrument=hit.id, **{name: getattr(hit, name) for name in names})


class Facts(Wire):
    """All there is of an instrument at a time."""

    instrument: dict[str, JsonValue] = Field(description="Every column; numbers are exact texts.")
    event: dict[str, JsonValue] | None = Field(description="Its event.")
    series: dict[str, JsonValue] | None = Field(description="Its series.")
    fee: dict[str, JsonValue] | None = Field(description="The fee that holds.")
    activity: dict[str, JsonValue] | None = Field(description="Volumes and open interest.")
    funding: dict[str, JsonValue] | None = Field(description="The last observation of funding.")
    aliases: list[tuple[str, str]] = Field(description="Its names: scheme and value.")
    links: list[dict[str, JsonValue]] = Field(description="Confirmed links to other instruments.")
    statuses: list[dict[str, JsonValue]] = Field(description="Each status, by when it began.")

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Self:
        """The same in its shape."""
        one = ("instrument", "event", "series", "fee", "activity", "funding")
        values: dict[str, Any] = {
            name: None if found[name] is None else told(found[name]) for name in one
        }
        values |= {name: [told(row) for row in found[name]] for name in ("links", "statuses")}
        return cls(aliases=found["aliases"], **values)


class Version(Wire):
    """An instrument as it was, and as it was known."""

    valid_from: str | None = Field(description="From when on it was so.")
    valid_to: str | None = Field(description="Up to when; null for good.")
    known_from: str | None = Field(description="Since when that was known.")
    known_to: str | None = Field(description="Until when; null while it is.")
    source: str | None = Field(description="Who changed it.")
    changed: dict[str, tuple[JsonValue, JsonValue]] | None = Field(
        description="What is other than before, old and new; null for the first."
    )
    row: dict[str, JsonValue] = Field(description="Every column; numbers are exact texts.")

    @classmethod
    def of(cls, version: Mapping[str, Any]) -> Self:
        """The same in its shape."""
        values = told(version)
        apart = {name: values.pop(name, None) for name in cls.model_fields if name != "row"}
        return cls.model_validate({**apart, "row": values})


class VenueStats(Wire):
    """How much a venue lists."""

    venue: str = Field(description="Which venue.")
    instruments: int = Field(description="Instruments that are listed.")
    by_status: dict[str, int] = Field(description="The same by status.")
    by_quote: dict[str, int] = Field(description="The same by what they are paid in.")
    last_round: dict[str, JsonValue] | None = Field(
        description="The last round of synchronisation."
    )
    quarantined: int = Field(description="Entries that were set aside.")


class Stats(Wire):
    """How much is listed."""

    venues: list[VenueStats] = Field(description="By venue.")

    @classmethod
    def of(cls, found: Mapping[str, Any], venues: Collection[str] | None) -> Self:
        """The same in its shape; of some venues alone."""
        names = sorted({*found["by_venue"], *found["rounds"]})
        return cls(
            venues=[_venue(name, found) for name in names if venues is None or name in venues]
        )


def _venue(name: str, found: Mapping[str, Any]) -> VenueStats:
    counts = found["by_venue"].get(name, {})
    last = found["rounds"].get(name)
    return VenueStats(
        venue=name,
        instruments=counts.get("instruments", 0),
        by_status=_texts(counts.get("by_status", {})),
        by_quote=_texts(counts.get("by_quote", {})),
        last_round=None if last is None else _json(last),
        quarantined=found["quarantined"].get(name, 0),
    )


def _texts(counts: Mapping[str | None, int]) -> dict[str, int]:
    return {name or "": count for name, count in counts.items()}


def _json(row: Mapping[str, Any]) -> dict[str, JsonValue]:
    values: dict[str, Any] = told(row)
    return values
