"""`ssmd why`: one instrument, one moment, one sentence and its evidence."""

from pathlib import Path

import click

from ssmd.archive import reader
from ssmd.archive.ledger import store
from ssmd.archive.ledger.explain import Explanation, Heard, explain
from ssmd.archive.ledger.facts import MINUTE_NS
from ssmd.cli.instruments import Asked, asked
from ssmd.cli.moments import MomentType
from ssmd.cli.options import archive_argument
from ssmd.cli.output import Output, examples, output_options
from ssmd.model.envelope import BACKFILL
from ssmd.model.errors import Damaged
from ssmd.model.timestamp import SECOND_NS

_AROUND_NS = 3600 * SECOND_NS
"""How much of the ledger is read around a moment: a repair may come late."""


@click.command(
    epilog=examples(
        (
            "ssmd why venue:BTC/USD 2026-11-23T12:34:56 ./data",
            "what happened then, and where it stands",
        ),
        ("ssmd why BTC/USD 2026-11-23T12:34 --json", "the same for a program"),
    )
)
@click.argument("instrument")
@click.argument("time", type=MomentType())
@archive_argument
@click.option("--feed", help="Only this feed.")
@output_options
def why(
    instrument: str, time: int, directory: Path, feed: str | None, *, as_json: bool, quiet: bool
) -> None:
    """Explain what became of INSTRUMENT at TIME (UTC) in DIRECTORY."""
    output = Output(json=as_json, quiet=quiet)
    around = (max(0, time - _AROUND_NS), time + _AROUND_NS)
    known = asked(directory, feed, instrument, *around)
    found = [_explained(directory, _reaching(directory, each), time) for each in known]
    for each in found:
        output.lines(each.sentence, *(f"  {line}" for line in each.evidence))
    output.result(found)


def _reaching(root: Path, each: Asked) -> Asked:
    """Where nothing is known of a time, the whole ledger tells how far it reaches."""
    ledger = each.ledger
    if each.is_known:
        return each
    whole = store.load(root, ledger.feed)
    return Asked(whole, each.symbol, whole)


def _explained(root: Path, each: Asked, ts: int) -> Explanation:
    ledger, symbol = each.ledger, each.symbol
    assert symbol is not None  # noqa: S101 - an instrument was asked for
    minute = ts - ts % MINUTE_NS
    (minutes,) = each.conditions(minute, minute + MINUTE_NS)
    heard: dict[str, Heard] = {}
    unread = ""
    try:
        _hear(root, ledger.feed, symbol, minute, heard)
    except Damaged as error:
        unread = f"not all of the minute can be read: {error.message}"
    return explain(
        ledger,
        symbol,
        ts,
        minutes.at(ts),
        list(heard.values()),
        wider=each.wider,
        unread=unread,
    )


def _hear(root: Path, feed: str, symbol: str, minute: int, found: dict[str, Heard]) -> None:
    """What the archive holds of an instrument's minute, by connection.

    Raises:
        Damaged: A segment cannot be read to its end; what could be is there.
    """
    until = minute + MINUTE_NS
    for line in reader.read(root, feed, symbol=symbol, since=minute, until=until):
        envelope = line.envelope
        if envelope.ordinal is None:
            continue
        known = found.get(envelope.connection)
        first, last = (envelope.ordinal,) * 2 if known is None else known.ordinals
        found[envelope.connection] = Heard(
            connection=envelope.connection,
            ordinals=(min(first, envelope.ordinal), max(last, envelope.ordinal)),
            frames=1 if known is None else known.frames + 1,
            file=line.file if known is None else known.file,
            source="rest" if envelope.type == BACKFILL else "live",
        )
