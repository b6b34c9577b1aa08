"""feed.yaml, `universe`: named symbols, a question to the venue, or the security master."""

from decimal import Decimal
from typing import Any

import pytest

from ssmd.feeds.schema import schema
from ssmd.feeds.universe import Discovery, Master, MasterFilters, Universe
from ssmd.model.errors import ConfigError
from ssmd.model.filters import Filters
from ssmd.runtime import settings
from tests.feeds.made import feed

TEXT = """
source: discovery
channels: [trade, book]
discovery:
  interval_s: 600
  max_instruments: 50
  max_pages: 5
  filters:
    categories: [Crypto]
    tags: [btc]
    series: [KXBTC]
    keywords: [bitcoin]
    min_volume: 1000
    min_volume_24h: '0.10'
    min_liquidity: 12.5
    close_within_s: 86400
    statuses: [active, pre_open]
"""


def read(text: str) -> Universe:
    return settings.parse(text, Universe, where="feed.yaml")


def discovery(**values: object) -> dict[str, Any]:
    return {"universe": {"source": "discovery", "channels": ["t"], "discovery": values}}


def test_a_full_discovery_is_read() -> None:
    """Quantities exactly, whether they are written as number or as text."""
    assert read(TEXT).discovery == Discovery(
        interval_s=600.0,
        max_instruments=50,
        max_pages=5,
        filters=Filters(
            categories=("Crypto",),
            tags=("btc",),
            series=("KXBTC",),
            keywords=("bitcoin",),
            min_volume=Decimal(1000),
            min_volume_24h=Decimal("0.10"),
            min_liquidity=Decimal("12.5"),
            close_within_s=86400.0,
            statuses=("active", "pre_open"),
        ),
    )


def test_what_is_not_said_has_sensible_values() -> None:
    """An empty section is enough."""
    universe = feed(**discovery()).universe
    assert universe.discovery == Discovery()
    assert Discovery().interval_s == 900
    assert Filters().given == ("statuses",)


@pytest.mark.parametrize(
    ("universe", "expected"),
    [
        ({"source": "discovery"}, "needs a section `discovery`"),
        ({"source": "discovery", "discovery": {}, "symbols": ["A"]}, "`symbols` has no meaning"),
        ({"source": "static", "discovery": {}}, "`discovery` has no meaning"),
        ({"discovery": {}}, "`discovery` has no meaning"),
        ({"source": "secmaster"}, "needs a section `secmaster`: write `secmaster: {}`"),
        ({"source": "secmaster", "secmaster": {}, "symbols": ["A"]}, "`symbols` has no meaning"),
        ({"source": "secmaster", "secmaster": {}, "discovery": {}}, "`discovery` has no meaning"),
        ({"source": "static", "secmaster": {}}, "`secmaster` has no meaning"),
        ({"source": "discovery", "discovery": {}, "secmaster": {}}, "`secmaster` has no meaning"),
        ({"source": "discover"}, "at `universe.source`"),
    ],
)
def test_a_mixture_is_refused(universe: dict[str, Any], expected: str) -> None:
    """Half of it would have been ignored."""
    with pytest.raises(ConfigError, match=expected):
        feed(universe={"channels": ["t"], **universe})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"interval_s": 0}, "at `universe.discovery.interval_s`"),
        ({"max_pages": 0}, "at `universe.discovery.max_pages`"),
        ({"max_instruments": 2_000_000}, "at `universe.discovery.max_instruments`"),
        ({"intervall_s": 5}, 'Did you mean "interval_s"?'),
        ({"filters": {"min_volumes": 5}}, 'Did you mean "min_volume"?'),
        ({"filters": {"min_volume": -1}}, "min_volume is no quantity"),
        ({"filters": {"min_volume": True}}, "at `universe.discovery.filters.min_volume`"),
        ({"filters": {"categories": "Crypto"}}, "at `universe.discovery.filters.categories`"),
        ({"filters": {"keywords": [""]}}, "at `universe.discovery.filters.keywords[0]`"),
        ({"filters": {"statuses": []}}, "at `universe.discovery.filters.statuses`"),
        ({"filters": {"statuses": ["open"]}}, "Invalid enum value 'open'"),
        ({"filters": {"close_within_s": 0}}, "at `universe.discovery.filters.close_within_s`"),
    ],
)
def test_what_cannot_be_meant_is_refused(values: dict[str, Any], expected: str) -> None:
    """With the path inside the file."""
    with pytest.raises(ConfigError) as caught:
        feed(**discovery(**values))
    assert expected in str(caught.value)


def master(**values: object) -> dict[str, Any]:
    return {"universe": {"source": "secmaster", "channels": ["t"], "secmaster": values}}


def test_a_universe_of_the_security_master_is_read() -> None:
    """The filters are those of discovery, and mean the same."""
    told = {"series": ["KXBTC"], "min_volume": "10.50", "close_within_s": 60}
    universe = feed(**master(max_instruments=7, filters=told)).universe
    assert universe.secmaster == Master(
        max_instruments=7,
        filters=MasterFilters(series=("KXBTC",), min_volume=Decimal("10.50"), close_within_s=60.0),
    )
    assert universe.extent == "what the security master lists"
    assert set(Filters.__struct_fields__) == set(MasterFilters.__struct_fields__)


def test_what_is_paused_stays_subscribed_unless_somebody_says_otherwise() -> None:
    """A pause is no end: whoever names states means just those."""
    assert Master().filters.statuses == ("active", "paused")
    universe = feed(**master(filters={"statuses": ["active"]})).universe
    assert universe.secmaster is not None
    assert universe.secmaster.filters.statuses == ("active",)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"max_instruments": 0}, "at `universe.secmaster.max_instruments`"),
        ({"max_instrument": 5}, 'Did you mean "max_instruments"?'),
        ({"interval_s": 5}, "`universe.secmaster.interval_s` is not a known key"),
        ({"filters": {"serie": ["KXBTC"]}}, 'Did you mean "series"?'),
        ({"filters": {"min_volume": -1}}, "min_volume is no quantity"),
        ({"filters": {"statuses": ["open"]}}, "Invalid enum value 'open'"),
    ],
)
def test_a_wish_to_the_security_master_is_read_as_strictly(
    values: dict[str, Any], expected: str
) -> None:
    """A misspelt filter would record everything."""
    with pytest.raises(ConfigError) as caught:
        feed(**master(**values))
    assert expected in str(caught.value)


def test_named_symbols_end_the_asking() -> None:
    """`--symbols` means these and no others."""
    universe = feed(**discovery()).with_symbols(["A", "B"]).universe
    assert universe == Universe(symbols=("A", "B"), channels=("t",))


def test_an_editor_is_told_that_quantities_may_be_numbers() -> None:
    """The library alone would say that they are text."""
    definitions = schema("feed")["$defs"]
    least = definitions["Filters"]["properties"]["min_volume"]["anyOf"][0]
    assert least["type"] == ["number", "string"]
    assert definitions["Universe"]["properties"]["source"]["enum"] == [
        "discovery", "secmaster", "static",
    ]  # fmt: skip
