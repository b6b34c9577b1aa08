"""`ssmd data query`: SQL over the tables."""

import warnings
from decimal import Decimal
from typing import Final

import click

import ssmd
from ssmd.access import Incomplete
from ssmd.cli.options import archive_url_argument
from ssmd.cli.output import Output, examples, output_options
from ssmd.model.exact import spelled

_SHOWN: Final = 40
"""So many rows are shown to a person who did not ask for more."""


@click.command(
    epilog=examples(
        ('ssmd data query "SELECT count(*) FROM trades" ./data', "how many trades there are"),
        (
            'ssmd data query "SELECT * FROM quotes ORDER BY ts_recv DESC LIMIT 5" --json',
            "the last five quotes, for a program",
        ),
    )
)
@click.argument("sql")
@archive_url_argument
@click.option("--rows", type=click.IntRange(1), default=_SHOWN, show_default=True, help="To show.")
@output_options
def query(sql: str, directory: str, rows: int, *, as_json: bool, quiet: bool) -> None:
    """Ask the tables of DIRECTORY with SQL (DuckDB's).

    The tables are `trades`, `quotes`, `book`, `tickers`, `lifecycle`, `funding`, `outcomes`, and
    each venue's own as `{feed}_{type}`, `-` being `_`; `ssmd data schema` lists their columns. Rows
    that tell again what another one tells are left out. In JSON decimals and times are texts.
    """
    output = Output(json=as_json, quiet=quiet)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", Incomplete)
        found = ssmd.open(directory).sql(sql).plain()
    for each in told:
        output.note(str(each.message))
    if as_json:
        output.result([{name: spelled(value) for name, value in row.items()} for row in found.rows])
        return
    shown = found.rows[:rows]
    output.table("", found.columns, ([_text(row[name]) for name in found.columns] for row in shown))
    more = len(found.rows) - len(shown)
    output.lines(f"{len(found.rows)} rows" + (f", {more} not shown (--rows)." if more else "."))


def _text(value: object) -> str:
    """A value for a person, without needless zeros."""
    match value:
        case None:
            return ""
        case Decimal():
            return f"{value.normalize():f}"
    return str(value)
