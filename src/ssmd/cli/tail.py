"""`ssmd tail`: live messages."""

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Final

import click

from ssmd.archive import layout
from ssmd.archive.claim import owner_of
from ssmd.bus import reader
from ssmd.bus.settings import BusSettings
from ssmd.cli.env_options import environment_name_option, named_environment
from ssmd.cli.options import (
    FeedType,
    bus_settings,
    directory_option,
)
from ssmd.cli.output import examples
from ssmd.cli.rows import Rows
from ssmd.feeds import registry
from ssmd.feeds.feed import FeedConfig
from ssmd.model import subject
from ssmd.model.envelope import Envelope
from ssmd.model.errors import ConfigError, SsmdError
from ssmd.model.timestamp import format_rfc3339
from ssmd.runtime import loop
from ssmd.runtime.clock import SystemClock

_AHEAD: Final = 1000
"""Most messages waiting to be printed: a slow terminal slows the reading, not the recording."""


@click.command(
    epilog=examples(
        ("ssmd tail", "what `ssmd up` records, as it comes"),
        ("ssmd tail --type trade --count 10 --json", "ten trades, a line each"),
        ("ssmd tail --type trade --rows", "trades as typed rows: prices, sizes, sides"),
        (f"NATS_URL=nats://10.0.0.5 ssmd tail --feed {registry.names()[0]} --environment prod", ""),
    )
)
@click.option("--feed", type=FeedType(), help="Only this feed; needed where no `ssmd up` runs.")
@click.option("--type", "kind", default="*", help="Only this message type.")
@click.option("--symbol", help="Only this symbol, as the venue writes it.")
@environment_name_option("--environment", "With --feed, where no `ssmd up` runs.")
@click.option("--count", type=click.IntRange(1), help="Stop after so many lines.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option(
    "--rows",
    "as_rows",
    is_flag=True,
    help="Typed rows instead of messages, one JSON object a line; exact numbers are text.",
)
@directory_option
def tail(
    *,
    feed: FeedConfig | None,
    kind: str,
    symbol: str | None,
    environment: str,
    count: int | None,
    directory: Path,
    as_json: bool,
    as_rows: bool,
) -> None:
    """Show live messages until Ctrl-C, from the bus of `ssmd up` or of NATS_URL."""
    settings, streams = _streams(directory, feed, environment)
    token = "*" if symbol is None else subject.token(symbol)
    wanted = {stream: f"{prefix}.json.{kind}.{token}" for stream, prefix in streams.items()}
    show = Rows(directory, feed).lines if as_rows else _json if as_json else _line
    try:
        loop.run(_follow(settings, wanted, count, show))
    except* SsmdError as group:
        first = group.exceptions[0]
        raise first from None


def _streams(
    directory: Path, feed: FeedConfig | None, environment: str
) -> tuple[BusSettings, dict[str, str]]:
    """Where to look: a bus, and the prefix of each stream's subjects."""
    owner = owner_of(layout.run_folder(directory))
    if feed is None:
        if owner is None:
            message = f"Nothing is being recorded in {directory}."
            remedy = "Start `ssmd up`, name its --dir, or give --feed and NATS_URL."
            raise ConfigError(message, remedy=remedy)
        return owner.settings, owner.streams
    if owner is None:
        place = named_environment(environment)
        told = registry.streams_of(feed, place)
        bus = bus_settings(place.transport.url, place.secrets("transport"))
        return bus, {each.stream: each.subject_prefix for each in told}
    matching = {s: p for s, p in owner.streams.items() if feed.name in p.split(".")}
    if not matching:
        message = f"The feed {feed.name!r} is not being recorded in {directory}."
        raise ConfigError(message, remedy="Leave --feed out to see what is.")
    return owner.settings, matching


async def _follow(
    settings: BusSettings,
    wanted: Mapping[str, str],
    count: int | None,
    show: Callable[[Envelope], Iterable[str]],
) -> None:
    """Print from all streams at once, each message as it comes."""
    found: asyncio.Queue[Envelope] = asyncio.Queue(_AHEAD)

    async def listen(stream: str, filter_: str) -> None:
        async for envelope in reader.tail(settings, SystemClock(), stream, filter_):
            await found.put(envelope)

    async with asyncio.TaskGroup() as group:
        listeners = [group.create_task(listen(*item)) for item in wanted.items()]
        left = count
        while left != 0:
            for line in islice(show(await found.get()), left):
                click.echo(line)
                left = None if left is None else left - 1
        for each in listeners:
            each.cancel()


def _line(envelope: Envelope) -> Iterator[str]:
    when = format_rfc3339(envelope.ts_recv) if envelope.ts_recv is not None else "?"
    number = envelope.ordinal if envelope.record is None else f"r{envelope.record}"
    text = envelope.payload.decode(errors="replace").rstrip()
    yield f"{when} {envelope.type} {','.join(envelope.symbols) or '-'} #{number} {text}"


def _json(envelope: Envelope) -> Iterator[str]:
    yield json.dumps(
        {
            "ts_recv": envelope.ts_recv,
            "type": envelope.type,
            "symbols": envelope.symbols,
            "connection": envelope.connection,
            "ordinal": envelope.ordinal,
            "record": envelope.record,
            "sequence": envelope.sequence,
            "ts_event": envelope.ts_event,
            "text": envelope.payload.decode(errors="replace"),
        },
        ensure_ascii=False,
    )
