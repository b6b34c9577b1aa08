"""What a venue lists comes back from the database as it went in, to the last digit."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssmd.model.instrument import Instrument, PriceRange
from ssmd.model.listing import Fee, FeeStep, FundingState, ListedEvent, Series
from ssmd.runtime.clock import SystemClock
from ssmd.secmaster import rows
from ssmd.secmaster.address import Address
from ssmd.secmaster.columns import ACTIVITY, ALIAS, EVENT, FEE, INSTRUMENT, SERIES, Table
from ssmd.secmaster.database import Database, open_database
from ssmd.secmaster.times import ALWAYS, FOREVER, moment, nanoseconds
from tests.tier import scale

SEEN = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
NUMBERS = st.decimals(min_value=-(10**24), max_value=10**24, places=12) | st.sampled_from(
    [Decimal("0.10"), Decimal("1E+3"), Decimal("1E-12"), Decimal(0)]
)
TIMES = st.integers(-2_208_988_800 * 10**9, 4_102_444_800 * 10**9)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | TEXTS | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(TEXTS, JSON, max_size=4)
RANGES = st.builds(PriceRange, start=NUMBERS, end=NUMBERS, step=NUMBERS)
INSTRUMENTS = st.builds(
    Instrument,
    venue=TEXTS,
    symbol=TEXTS,
    title=TEXTS,
    raw_status=TEXTS,
    kind=st.sampled_from(["spot", "perpetual", "future", "option", "event"]),
    status=st.sampled_from(["pre_open", "active", "paused", "closed", "settled", "void"]),
    restricted=st.booleans(),
    **{
        name: st.none() | TEXTS
        for name in ("base", "quote", "event", "series", "outcome", "result")
    },
    **{
        name: st.none() | NUMBERS
        for name in ("tick_size", "lot_size", "settlement_value", "volume")
    },
    **{name: st.none() | TIMES for name in ("open_ts", "close_ts", "expiry_ts")},
    tags=st.none() | st.lists(TEXTS, max_size=3).map(tuple),
    price_ranges=st.lists(RANGES, max_size=2).map(tuple),
    aliases=st.dictionaries(TEXTS, TEXTS, max_size=3),
    details=OBJECTS,
    payload=OBJECTS.map(lambda each: json.dumps(each).encode()),
)


async def stored(database: Database, table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """What the database gives back for a row, itself not kept."""
    marks = ", ".join(["%s"] * len(row))
    query = f"INSERT INTO {table.name} ({', '.join(row)}) VALUES ({marks}) RETURNING *"  # noqa: S608 - names of ours
    async with database.session() as session, session.transaction(force_rollback=True):
        found = await (await session.execute(query, list(row.values()))).fetchone()
    assert found is not None
    return found


def floored(one: Instrument) -> Instrument:
    """What the database has room for: microseconds."""
    times = ("open_ts", "close_ts", "expiry_ts")
    held = {name: at for name in times if (at := getattr(one, name)) is not None}
    return msgspec.structs.replace(one, **{name: at // 1000 * 1000 for name, at in held.items()})


def opened(payload: bytes) -> object:
    """A payload without its spelling."""
    return json.loads(payload, parse_float=Decimal)


@settings(
    max_examples=scale(gate=60, full=1000),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(given_ones=st.lists(INSTRUMENTS, min_size=1, max_size=8))
def test_an_instrument_comes_back(address: Address, given_ones: list[Instrument]) -> None:
    """Every field, exactly; times cut to microseconds, the payload spelt otherwise."""

    async def back() -> None:
        async with open_database(address.url, Path(), SystemClock()) as database:
            for one in given_ones:
                row = await stored(
                    database, INSTRUMENT, rows.instrument_row(one, frozenset(), "rest")
                )
                moving = rows.activity_row(one)
                activity = None if moving is None else await stored(database, ACTIVITY, moving)
                found = rows.instrument_of(row, activity)
                assert opened(found.payload) == opened(one.payload)
                assert msgspec.structs.replace(found, payload=b"") == floored(
                    msgspec.structs.replace(one, payload=b"")
                )

    asyncio.run(back())


async def test_every_digit_of_a_payload_stays(database: Database) -> None:
    """0.10 is not 0.1 to who must prove what a venue said, and no float holds the others."""
    payload = (
        b'{"a": 0.10, "b": 12345678901234567890.123456789012345678901, "c": 1e-30, "d": "0.10"}'
    )
    one = Instrument(venue="v", symbol="s", kind="spot", status="active", payload=payload)
    row = await stored(database, INSTRUMENT, rows.instrument_row(one, frozenset(), "rest"))
    digits = json.loads(row["payload"], parse_float=str)
    assert digits == {
        "a": "0.10",
        "b": "12345678901234567890.123456789012345678901",
        "c": "0.000000000000000000000000000001",
        "d": "0.10",
    }


async def test_groups_fees_and_funding_come_back(database: Database) -> None:
    """What is listed beside instruments, with the ends of time."""
    group = {"venue": "v", "symbol": "s", "title": "t", "tags": ("x",), "details": {"n": "1.50"}}
    series = rows.series_row(Series(**group, frequency="daily"), frozenset())  # type: ignore[arg-type]
    event = rows.event_row(
        ListedEvent(**group, strike_ts=1_999, mutually_exclusive=True),  # type: ignore[arg-type]
        frozenset(),
    )
    fee = rows.fee_row(
        Fee(
            venue="v",
            scope="series",
            symbol="s",
            kind="ladder",
            multiplier=Decimal("0.0350"),
            maker=(FeeStep(volume=Decimal(0), rate=Decimal("0.250")),),
        ),
        SEEN,
    )
    for table, row in ((SERIES, series), (EVENT, event), (FEE, fee)):
        found = await stored(database, table, row)
        told = {name: found[name] for name in row}
        for name in ("details", "payload", "maker", "taker"):
            if name in row:
                assert json.loads(told.pop(name)) == json.loads(row[name])
        assert told == {name: row[name] for name in told}
    assert (event["strike_at"], fee["effective_from"], fee["effective_to"]) == (
        datetime(1970, 1, 1, microsecond=1, tzinfo=UTC),
        SEEN,
        FOREVER,
    )
    async with database.session() as session:
        query = "SELECT %s::timestamptz = 'infinity' AND %s::timestamptz = '-infinity' AS ends"
        found = await (await session.execute(query, (FOREVER, ALWAYS))).fetchone() or {}
        assert found["ends"]
        funding = rows.funding_row(FundingState(venue="v", symbol="s", rate=Decimal("1E-9")), SEEN)
        query = f"INSERT INTO funding ({', '.join(funding)}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING *"  # noqa: S608 - names of ours
        assert await (await session.execute(query, list(funding.values()))).fetchone() == funding


@pytest.mark.parametrize(
    "spoilt",
    [
        {"title": "a\x00b"},
        {"symbol": "\ud800"},
        {"tags": ("fine", "\x00")},
        {"aliases": {"wsname": "\x00"}},
        {"details": {"deep": [{"\x00": 1}]}},
        {"payload": b'{"a": "\\u0000"}'},
        {"payload": b'{"a": "\\ud800"}'},
        {"payload": b'{"a": "\\ud800\\u0041"}'},
        {"payload": b'{"a": 1e999999}'},
        {"payload": b'{"a": [1E-20000]}'},
        {"tick_size": Decimal("NaN")},
        {"max_size": Decimal("Infinity")},
        {"open_ts": 10**21},
    ],
    ids=str,
)
def test_what_the_database_has_no_room_for_is_refused(spoilt: dict[str, Any]) -> None:
    """Known before anything is written: one bad row would undo a round of thousands."""
    one = Instrument(**({"venue": "v", "symbol": "s", "kind": "spot", "status": "active"} | spoilt))
    with pytest.raises(ValueError, match=r"cannot keep|no such"):
        rows.instrument_row(one, frozenset(), "rest")


@pytest.mark.parametrize(
    "payload",
    [b'{"a": "\\\\u0000"}', b'{"a": "\\ud83d\\ude00"}', b'{"a": "1e99999", "b": 1e1000}'],
    ids=str,
)
async def test_what_only_looks_like_it_is_kept(database: Database, payload: bytes) -> None:
    """A backslash before `u0000` is a text of six characters; a pair of halves is one character."""
    one = Instrument(venue="v", symbol="s", kind="spot", status="active", payload=payload)
    row = await stored(database, INSTRUMENT, rows.instrument_row(one, frozenset(), "rest"))
    assert opened(row["payload"].encode()) == opened(payload)


def test_what_passes_is_not_kept() -> None:
    """A price in the listing is no change of the instrument; the rest stays as it was spelt."""
    payload = b'{"last": 1.50, "tick": 0.10, "status": "open"}'
    assert rows.kept(payload, frozenset({"last"})) == '{"tick":0.10,"status":"open"}'
    assert rows.kept(b"[1.50]", frozenset({"last"})) == "[1.50]"


@settings(
    max_examples=scale(gate=20, full=300),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(one=INSTRUMENTS)
def test_a_row_out_of_a_change_is_the_databases_own(address: Address, one: Instrument) -> None:
    """Who reads the change feed holds what who asks the database holds."""

    async def same() -> None:
        async with open_database(address.url, Path(), SystemClock()) as database:
            for table, row in (
                (INSTRUMENT, rows.instrument_row(one, frozenset(), "ws")),
                (ALIAS, next(rows.alias_rows(one))),
            ):
                found = await stored(database, table, row)
                del found["told_from"]
                assert plain(rows.of_change(table.name, change(table, found))) == plain(found)

    asyncio.run(same())


def change(table: Table, found: Mapping[str, Any]) -> dict[str, Any]:
    """A row as a change writes it: numbers and times as texts, JSON as JSON."""
    told = dict(found)
    for name, value in found.items():
        kind = table.types.get(name)
        if kind == "jsonb":
            told[name] = json.loads(value)
        elif isinstance(value, Decimal):
            told[name] = str(value)
        elif isinstance(value, datetime):
            told[name] = value.isoformat()
    return told


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without the spelling of its JSON."""
    jsons = ("details", "payload", "aliases", "price_ranges")
    return {name: json.loads(row[name]) if name in jsons else row[name] for name in row}


def test_the_ends_of_time_are_no_times_of_a_venue() -> None:
    """None here is what has no end there."""
    assert nanoseconds(FOREVER) is nanoseconds(ALWAYS) is nanoseconds(None) is None
    assert moment(None) is None
    assert nanoseconds(moment(-1)) == -1000  # the microsecond before
    for table in ("fee", "link"):
        told = rows.of_change(
            table, {"valid_to": None, "known_to": None, "valid_from": "-infinity"}
        )
        assert told == {"valid_to": FOREVER, "known_to": FOREVER, "valid_from": ALWAYS}
