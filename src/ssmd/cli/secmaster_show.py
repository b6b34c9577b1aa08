"""`ssmd secmaster show`: all there is of one instrument."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click

from ssmd.cli.output import Output, examples, output_options
from ssmd.cli.secmaster_reading import (
    asking,
    database_options,
    now,
    shortened,
    text,
    time_options,
    when,
)
from ssmd.model.errors import ConfigError
from ssmd.secmaster import ask
from ssmd.secmaster.database import Database
from ssmd.secmaster.told import told

_FACTS: Final = (
    *("title", "kind", "status", "raw_status", "restricted", "listed", "base", "quote"),
    *("underlying", "event", "series", "outcome", "category", "tags", "tick_size", "lot_size"),
    *("min_size", "max_size", "min_notional", "contract_size", "open_at", "close_at", "expiry_at"),
    *("result", "settlement_value"),
)
_MOVING: Final = ("volume", "volume_24h", "liquidity", "open_interest")
_COSTS: Final = ("at", "rate", "prediction", "mark_price", "index_price")
_LABEL: Final = 20
_WIDE: Final = 56
_STEPS: Final = 3


@click.command(
    epilog=examples(
        ("ssmd secmaster show BTC/USD", "all there is of it"),
        ("ssmd secmaster show XXBTZUSD", "the same by another of its names"),
        ("ssmd secmaster show BTC/USD --as-of 2026-11-23", "as it was then"),
    )
)
@click.argument("instrument")
@time_options
@database_options
@output_options
def show(
    instrument: str,
    as_of: int | None,
    known_at: int | None,
    directory: Path,
    url: str | None,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Show all there is of INSTRUMENT: `venue:symbol`, or any name that means it alone."""
    output = Output(json=as_json, quiet=quiet)
    asked = when(as_of, known_at)

    async def question(database: Database) -> dict[str, Any]:
        async with database.session() as session:
            venue, symbol = await ask.find(session, instrument, asked)
            found = await ask.facts(session, venue, symbol, asked, now())
        if found is None:
            message = f"{venue}:{symbol} was not listed then, as far as was known."
            raise ConfigError(
                message, remedy=f"`ssmd secmaster history {venue}:{symbol}` says when it was."
            )
        return found

    found = asking(directory, url, question)
    output.lines(*_lines(found))
    output.result(
        {
            name: [told(each) if isinstance(each, Mapping) else each for each in value]
            if isinstance(value, list)
            else None
            if value is None
            else told(value)
            for name, value in found.items()
            if name != "aliases"
        }
        | {"aliases": [{"scheme": scheme, "value": value} for scheme, value in found["aliases"]]}
    )


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    row = found["instrument"]
    yield f"{row['venue']}:{row['symbol']}"
    for name in _FACTS:
        yield from _line(name.replace("_", " ").removesuffix(" at"), row[name])
    for name in ("event", "series"):
        if found[name] is not None:
            yield from _line(f"{name} title", found[name]["title"])
    for stretch in json.loads(row["price_ranges"]):
        yield from _line(
            "price grid", f"{stretch['start']} to {stretch['end']} by {stretch['step']}"
        )
    for name, value in sorted(json.loads(row["details"]).items()):
        yield from _line(
            name.replace("_", " "), value if isinstance(value, str | list) else json.dumps(value)
        )
    yield from _fee(found["fee"])
    for scheme, value in found["aliases"]:
        yield from _line("also called", f"{value} ({scheme})")
    for link in found["links"]:
        yield from _line(f"link {link['id']}", _link(link))
    yield from _numbers("activity", found["activity"], _MOVING)
    yield from _numbers("funding", found["funding"], _COSTS)
    for each in found["statuses"]:
        words = each["status"] if each["listed"] else f"{each['status']}, not listed"
        raw = f" ({each['raw_status']})" if each["raw_status"] else ""
        yield from _line("since", f"{text(each['since'], 3)}  {words}{raw}")
    yield from _line("known since", text(row["known_from"], 3))


def _line(label: str, value: object) -> Iterator[str]:
    """A fact; nothing for what is not stated."""
    shown = text(value)
    if shown and shown not in {"null", "{}", "[]"}:
        yield f"  {label:<{_LABEL}} {shortened(shown, _WIDE)}"


def _fee(row: Mapping[str, Any] | None) -> Iterator[str]:
    if row is None:
        return
    yield from _line("fee", f"{row['kind']}, of the {row['scope']} {row['symbol']}")
    yield from _line("fee multiplier", row["multiplier"])
    for side in ("maker", "taker"):
        steps = json.loads(row[side])
        shown = [f"{step['rate']} % from {step['volume']}" for step in steps[:_STEPS]]
        more = [f"{len(steps) - _STEPS} more"] if len(steps) > _STEPS else []
        yield from _line(side, ", ".join(shown + more))
    yield from _line("fee since", row["effective_from"])


def _numbers(label: str, row: Mapping[str, Any] | None, names: tuple[str, ...]) -> Iterator[str]:
    if row is not None:
        shown = [f"{n.replace('_', ' ')} {text(row[n])}" for n in names if row[n] is not None]
        yield from _line(label, ", ".join(shown))


def _link(row: Mapping[str, Any]) -> str:
    left, right = (f"{row[f'{side}_venue']}:{row[f'{side}_symbol']}" for side in ("left", "right"))
    return f"{row['kind']}: {left} {row['relation']} {right}"
