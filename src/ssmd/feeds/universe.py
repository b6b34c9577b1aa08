"""What a feed captures: symbols named one by one, or found at the venue."""

from typing import Annotated, Literal

from msgspec import Meta

from ssmd.feeds.values import Section, Symbol, Text
from ssmd.model.filters import Filters


class Discovery(Section, frozen=True, kw_only=True):
    """How symbols are found at the venue.

    Attributes:
        interval_s: Pause between two rounds, in seconds; a little jitter is added.
        max_instruments: More than this passing the filters fails the round: nothing is cut off.
        max_pages: A listing that needs more REST requests than this fails the round.
        filters: Which of the instruments are wanted.
    """

    interval_s: Annotated[float, Meta(ge=1, le=86_400)] = 900.0
    max_instruments: Annotated[int, Meta(ge=1, le=1_000_000)] = 5000
    max_pages: Annotated[int, Meta(ge=1, le=100_000)] = 500
    filters: Filters = Filters()


class Universe(Section, frozen=True, kw_only=True):
    """What is captured.

    Attributes:
        source: Who says which symbols: this file, or the venue; `secmaster` is not supported yet.
        symbols: The symbols, in the venue's own strings; only for `static`.
        channels: The channels of each.
        discovery: How the venue is asked; for `discovery`, and only for it.
    """

    source: Literal["static", "discovery", "secmaster"] = "static"
    symbols: tuple[Symbol, ...] = ()
    channels: Annotated[tuple[Text, ...], Meta(min_length=1)]
    discovery: Discovery | None = None

    def __post_init__(self) -> None:
        if self.source == "secmaster":
            raise ValueError("source `secmaster` is not supported yet: use `static` or `discovery`")
        if self.source == "static" and self.discovery is not None:
            raise ValueError("`discovery` has no meaning with source `static`: remove one of them")
        if self.source == "discovery" and self.discovery is None:
            raise ValueError(
                "source `discovery` needs a section `discovery`: write `discovery: {}`"
            )
        if self.source == "discovery" and self.symbols:
            raise ValueError(
                "`symbols` has no meaning with source `discovery`: remove it, or use `static`"
            )

    @property
    def extent(self) -> str:
        """How much is wanted, in a few words."""
        if self.discovery is not None:
            return "discovered"
        count = len(set(self.symbols))
        return f"{count} symbol" if count == 1 else f"{count} symbols"
