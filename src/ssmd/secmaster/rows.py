"""What a venue lists as rows of the database, and back.

A row is a dictionary by column: texts, `Decimal`, aware `datetime`, lists of texts; JSON columns hold
JSON text, so that no number of a venue is ever rounded.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias

import msgspec

from ssmd.model.instrument import Instrument, PriceRange
from ssmd.model.listing import Fee, FeeStep, FundingState, ListedEvent, Series
from ssmd.secmaster.columns import TABLES
from ssmd.secmaster.times import ALWAYS, FOREVER, moment, nanoseconds

Row: TypeAlias = dict[str, Any]

_PLAIN: Final = ("venue", "symbol", "title", "category", "details", "payload")
_SHARED: Final = (
    *("venue", "symbol", "kind", "status", "raw_status", "restricted", "title"),
    *("base", "quote", "underlying", "event", "series", "outcome", "category"),
    *("tick_size", "lot_size", "min_size", "max_size", "min_notional", "contract_size"),
    *("result", "settlement_value"),
)
"""Columns that are named like fields of `Instrument`, and hold the same."""
_MOVING: Final = ("volume", "volume_24h", "liquidity", "open_interest")
_TIMES: Final = {"open_at": "open_ts", "close_at": "close_ts", "expiry_at": "expiry_ts"}
_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_FAR: Final = re.compile(r"\d[eE][+-]?\d{4}")
_LEAST: Final = -16_000
_MOST: Final = 100_000
"""Powers of ten: beyond them PostgreSQL refuses a number, and all that was to be written with it."""
_BEYOND: Final = "a text holds what PostgreSQL cannot keep (a NUL, or half a character)"


def instrument_row(one: Instrument, passing: frozenset[str], source: str) -> Row:
    """An instrument as a row.

    Args:
        one: What the venue lists.
        passing: Fields of its payload that are not kept: see `model.rest.Rest`.
        source: Who says its status: `rest`, `ws`, `clock`.

    Raises:
        ValueError: It holds what the database cannot keep.
    """
    row: Row = {name: getattr(one, name) for name in _SHARED}
    row |= {column: moment(getattr(one, field)) for column, field in _TIMES.items()}
    row |= {
        "status_source": source,
        "status_at": None,
        "tags": _tags(one.tags),
        "price_ranges": _json(one.price_ranges),
        "aliases": _json(one.aliases),
        "details": _json(one.details),
        "payload": kept(one.payload, passing),
        "listed": True,
    }
    return _checked(row)


def instrument_of(row: Mapping[str, Any], activity: Mapping[str, Any] | None = None) -> Instrument:
    """The instrument that a row is about.

    Args:
        row: Of `instrument` or its history, or of a change.
        activity: Its row of `activity`; None leaves volumes unstated.
    """
    stated: Row = {name: row[name] for name in _SHARED}
    stated |= {field: nanoseconds(row[column]) for column, field in _TIMES.items()}
    stated |= {name: activity[name] if activity else None for name in _MOVING}
    return Instrument(
        **stated,
        tags=None if row["tags"] is None else tuple(row["tags"]),
        price_ranges=msgspec.json.decode(row["price_ranges"], type=tuple[PriceRange, ...]),
        aliases=msgspec.json.decode(row["aliases"], type=dict[str, str]),
        details=msgspec.json.decode(row["details"]),
        payload=str(row["payload"]).encode(),
    )


def activity_row(one: Instrument) -> Row | None:
    """What of an instrument moves; None when the venue states nothing of it."""
    moving = {name: getattr(one, name) for name in _MOVING}
    if all(value is None for value in moving.values()):
        return None
    return {"venue": one.venue, "symbol": one.symbol, **moving}


def alias_rows(one: Instrument) -> Iterator[Row]:
    """The names of an instrument, its symbol among them under the scheme `symbol`."""
    for scheme, value in {"symbol": one.symbol, **one.aliases}.items():
        row = {"venue": one.venue, "scheme": scheme, "value": value, "symbol": one.symbol}
        yield _checked(row)


def series_row(one: Series, passing: frozenset[str]) -> Row:
    """A series as a row.

    Raises:
        ValueError: It holds what the database cannot keep.
    """
    return _checked({**_group(one, passing), "frequency": one.frequency})


def event_row(one: ListedEvent, passing: frozenset[str]) -> Row:
    """An event as a row.

    Raises:
        ValueError: It holds what the database cannot keep.
    """
    return _checked(
        {
            **_group(one, passing),
            "series": one.series,
            "mutually_exclusive": one.mutually_exclusive,
            "strike_at": moment(one.strike_ts),
        }
    )


def fee_row(one: Fee, seen: datetime) -> Row:
    """A fee as a row that holds from when it is effective on; its end follows from the next one.

    Args:
        one: What the venue charges.
        seen: When it was first seen, for a fee whose beginning the venue does not state.

    Raises:
        ValueError: It holds what the database cannot keep.
    """
    return _checked(
        {
            **{name: getattr(one, name) for name in ("venue", "scope", "symbol", "kind")},
            **{name: getattr(one, name) for name in ("currency", "multiplier", "source_id")},
            "maker": _ladder(one.maker),
            "taker": _ladder(one.taker),
            "effective_from": seen if one.effective_ts is None else moment(one.effective_ts),
            "effective_to": FOREVER,
        }
    )


def funding_row(one: FundingState, seen: datetime) -> Row:
    """What holding a perpetual cost at a moment, as a row.

    Args:
        one: As the venue states it.
        seen: When it was asked, for a venue that states no time.
    """
    named = ("venue", "symbol", "rate", "prediction", "mark_price", "index_price", "open_interest")
    row = {name: getattr(one, name) for name in named}
    return _checked({**row, "at": seen if one.ts is None else moment(one.ts)})


def of_change(table: str, told: Mapping[str, Any]) -> Row:
    """A row out of a change's JSON, as the database itself would give it.

    Args:
        table: Whose row it is.
        told: Its columns: numbers and times as texts, JSON columns as JSON.
    """
    types = {**TABLES[table].types, "valid_from": "timestamptz", "known_from": "timestamptz"}
    types |= {"valid_to": "timestamptz", "known_to": "timestamptz"}
    return {name: _read(types.get(name), name, value) for name, value in told.items()}


def kept(payload: bytes, passing: frozenset[str]) -> str:
    """A venue's JSON object without what passes, as text; what is no object stays as it is.

    Raises:
        ValueError: It is not JSON that the database can keep.
    """
    text = payload
    if passing:
        try:
            fields = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
        except msgspec.ValidationError:
            return _storable(payload)
        text = msgspec.json.encode({k: v for k, v in fields.items() if k not in passing})
    return _storable(text)


def _storable(body: bytes) -> str:
    text = body.decode()
    if "\\u" in text:  # only so can JSON name a character that PostgreSQL has no room for
        _check(json.dumps(json.loads(text, parse_float=str), ensure_ascii=False))
        if _NUL.search(text):
            raise ValueError(_BEYOND)
    if _FAR.search(text):
        json.loads(text, parse_float=_fits)
    return text


def _fits(number: str) -> None:
    if not _LEAST < Decimal(number).adjusted() < _MOST:
        raise ValueError(f"no such number: {number[:40]}")


def _group(one: Series | ListedEvent, passing: frozenset[str]) -> Row:
    row: Row = {name: getattr(one, name) for name in _PLAIN}
    row["details"] = _json(one.details)
    row["payload"] = kept(one.payload, passing)
    return {**row, "tags": _tags(one.tags), "listed": True}


def _tags(tags: tuple[str, ...] | None) -> list[str] | None:
    return None if tags is None else list(tags)


def _ladder(steps: tuple[FeeStep, ...]) -> str:
    return _json([{"volume": str(step.volume), "rate": str(step.rate)} for step in steps])


def _json(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    if _NUL.search(text):
        raise ValueError(_BEYOND)
    return text


def _check(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(_BEYOND) from error
    if "\x00" in text:
        raise ValueError(_BEYOND)


def _checked(row: Row) -> Row:
    for value in row.values():
        if isinstance(value, str):
            _check(value)
        elif isinstance(value, list):
            for item in value:
                _check(item)
        elif isinstance(value, Decimal) and not value.is_finite():
            raise ValueError(f"no such number: {value}")
    return row


def _read(kind: str | None, name: str, value: Any) -> Any:  # noqa: ANN401 - a column's value
    if kind == "jsonb":
        return _json(value)
    if kind == "timestamptz":
        if value is None:
            return FOREVER if name.endswith("_to") else None
        return ALWAYS if value == "-infinity" else datetime.fromisoformat(value)
    if kind == "numeric" and value is not None:
        return Decimal(value)
    return value
