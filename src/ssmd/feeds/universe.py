"""What a feed captures: symbols named one by one, found at the venue, or in the security master."""

from typing import Annotated, Literal

from msgspec import Meta

from ssmd.feeds.values import Section, Symbol, Text
from ssmd.model.filters import Filters, Word
from ssmd.model.instrument import Status


class Discovery(Section, frozen=True, kw_only=True):
    """How symbols are found at the venue.

    Attributes:
        interval_s: Pause between two rounds, in seconds; a little jitter is added.
        max_instruments: More than this passing the filters fails the round: nothing is cut off.
        max_pages: A listing that needs more REST requests than this fails the round.
        filters: Which of the instruments are wanted.
        among: Every category of which one counts where an instrument is in several; those of the
            filter when none are named. Divisions of one feed have the same, so that none overlap.
    """

    interval_s: Annotated[float, Meta(ge=1, le=86_400)] = 900.0
    max_instruments: Annotated[int, Meta(ge=1, le=1_000_000)] = 5000
    max_pages: Annotated[int, Meta(ge=1, le=100_000)] = 500
    filters: Filters = Filters()
    among: tuple[Word, ...] = ()


class MasterFilters(
    Filters, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Which instruments of the security master are wanted: as for discovery, but a pause is no end.

    Attributes:
        statuses: Its state, one of these; what is paused stays subscribed unless it is left out.
    """

    statuses: Annotated[tuple[Status, ...], Meta(min_length=1)] = ("active", "paused")


class Master(Section, frozen=True, kw_only=True):
    """Which of the security master's instruments are captured, as it changes.

    Attributes:
        max_instruments: Most of them; of more that pass, those listed last are given up, aloud.
        filters: Which of the instruments are wanted.
    """

    max_instruments: Annotated[int, Meta(ge=1, le=1_000_000)] = 5000
    filters: MasterFilters = MasterFilters()


class Universe(Section, frozen=True, kw_only=True):
    """What is captured.

    Attributes:
        source: Who says which symbols: this file, the venue's listing, or the security master as
            it changes.
        symbols: The symbols, in the venue's own strings; only for `static`.
        channels: The channels of each.
        discovery: How the venue is asked; for `discovery`, and only for it.
        secmaster: What is wanted of the security master; for `secmaster`, and only for it.
    """

    source: Literal["static", "discovery", "secmaster"] = "static"
    symbols: tuple[Symbol, ...] = ()
    channels: Annotated[tuple[Text, ...], Meta(min_length=1)]
    discovery: Discovery | None = None
    secmaster: Master | None = None

    def __post_init__(self) -> None:
        for source in ("discovery", "secmaster"):
            given = getattr(self, source) is not None
            if given and self.source != source:
                raise ValueError(
                    f"`{source}` has no meaning with source `{self.source}`: remove one of them"
                )
            if not given and self.source == source:
                raise ValueError(
                    f"source `{source}` needs a section `{source}`: write `{source}: {{}}`"
                )
        if self.source != "static" and self.symbols:
            raise ValueError(
                f"`symbols` has no meaning with source `{self.source}`: remove it, or use `static`"
            )

    @property
    def extent(self) -> str:
        """How much is wanted, in a few words."""
        if self.discovery is not None:
            return "discovered"
        if self.secmaster is not None:
            return "what the security master lists"
        count = len(set(self.symbols))
        return f"{count} symbol" if count == 1 else f"{count} symbols"
