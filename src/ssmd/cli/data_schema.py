"""`ssmd data schema`: which tables there are, and their columns."""

import click

import ssmd
from ssmd.archive.tables.schema import named
from ssmd.cli.options import archive_url_argument
from ssmd.cli.output import Output, examples, output_options
from ssmd.model.errors import ConfigError
from ssmd.runtime.unknown import did_you_mean


@click.command(
    epilog=examples(
        ("ssmd data schema trades ./data", "the columns of a table"),
        ("ssmd data schema all ./data", "the names of all tables"),
    )
)
@click.argument("table")
@archive_url_argument
@output_options
def schema(table: str, directory: str, *, as_json: bool, quiet: bool) -> None:
    """Show the columns of TABLE as SQL names it, or the names of all tables with `all`."""
    output = Output(json=as_json, quiet=quiet)
    archive = ssmd.open(directory)
    found = dict(archive.schema())
    for feed in archive.feeds():
        for name, columns in archive.schema(feed=feed).items():
            found[named(feed, name)] = columns
    if table == "all":
        output.table(
            directory,
            ("table", "columns"),
            ((name, str(len(columns))) for name, columns in found.items()),
        )
        output.result({name: len(columns) for name, columns in found.items()})
        return
    if table not in found:
        message = f"There is no table {table!r}.{did_you_mean(table, found)}"
        raise ConfigError(message, remedy="`ssmd data schema all` lists them.")
    rows = [{"name": name, "type": str(kind)} for name, kind in found[table].items()]
    output.table(table, ("column", "type"), ((row["name"], row["type"]) for row in rows))
    output.result(rows)
