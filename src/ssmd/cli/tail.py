"""`ssmd tail`: live messages."""

import json
from pathlib import Path

import click

from ssmd.archive import layout
from ssmd.bus import reader
from ssmd.bus.settings import BusSettings, from_env
from ssmd.cli.options import FeedType, directory_option
from ssmd.cli.output import examples
from ssmd.cli.single import bus_of
from ssmd.feeds.feed import FeedConfig
from ssmd.model import subject
from ssmd.model.envelope import Envelope
from ssmd.model.timestamp import format_rfc3339
from ssmd.runtime import loop
from ssmd.runtime.clock import SystemClock


@click.command(
    epilog=examples(
        ("ssmd tail --feed FEED", "what `ssmd up` records, as it comes"),
        ("ssmd tail --feed FEED --type trade --count 10 --json", "ten trades, a line each"),
        ("NATS_URL=nats://10.0.0.5 ssmd tail --feed FEED --environment prod", "of a cluster"),
    )
)
@click.option("--feed", type=FeedType(), required=True, help="A feed's name, or its feed.yaml.")
@click.option("--type", "kind", default="*", help="Only this message type.")
@click.option("--symbol", help="Only this symbol, as the venue writes it.")
@click.option("--environment", default="local", show_default=True)
@click.option("--count", type=click.IntRange(1), help="Stop after so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@directory_option
def tail(
    *,
    feed: FeedConfig,
    kind: str,
    symbol: str | None,
    environment: str,
    count: int | None,
    directory: Path,
    as_json: bool,
) -> None:
    """Show live messages until Ctrl-C, from the bus of `ssmd up` or of NATS_URL."""
    settings = bus_of(layout.run_folder(directory)) or from_env()
    prefix = subject.prefix(environment, feed.name, feed.category)
    token = "*" if symbol is None else subject.token(symbol)
    loop.run(
        _follow(
            settings,
            subject.stream(environment, feed.name, feed.category),
            f"{prefix}.json.{kind}.{token}",
            count,
            as_json=as_json,
        )
    )


async def _follow(
    settings: BusSettings, stream: str, wanted: str, count: int | None, *, as_json: bool
) -> None:
    seen = 0
    async for envelope in reader.tail(settings, SystemClock(), stream, wanted):
        click.echo(_json(envelope) if as_json else _line(envelope))
        seen += 1
        if seen == count:
            return


def _line(envelope: Envelope) -> str:
    when = format_rfc3339(envelope.ts_recv) if envelope.ts_recv is not None else "?"
    number = envelope.ordinal if envelope.record is None else f"r{envelope.record}"
    text = envelope.payload.decode(errors="replace").rstrip()
    return f"{when} {envelope.type} {','.join(envelope.symbols) or '-'} #{number} {text}"


def _json(envelope: Envelope) -> str:
    return json.dumps(
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
