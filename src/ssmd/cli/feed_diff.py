"""`ssmd feed diff`: what differs between two feeds, field by field."""

import json
from collections.abc import Sequence

import click
import msgspec

from ssmd.cli.options import FeedType
from ssmd.cli.output import Output, examples, output_options
from ssmd.feeds import registry
from ssmd.feeds.differences import ABSENT, Difference, differences
from ssmd.feeds.feed import FeedConfig


@click.command(
    epilog=examples(
        (
            f"ssmd feed diff {' '.join(registry.names()[:2])}",
            "by name: exit 0, or 1 if they differ",
        ),
        (f"ssmd feed diff {registry.names()[0]} mine.yaml --json | tail -1", "for a program"),
    )
)
@click.argument("first", type=FeedType())
@click.argument("second", type=FeedType())
@output_options
@click.pass_context
def diff(
    ctx: click.Context,
    /,
    *,
    first: FeedConfig,
    second: FeedConfig,
    as_json: bool,
    quiet: bool,
) -> None:
    """Say what differs between two feeds, by name or file, defaults included.

    Versions are compared by their names. Exit 0 when nothing differs, 1 when something does.
    """
    output = Output(json=as_json, quiet=quiet)
    ctx.exit(tell(output, first.name, second.name, differences(first, second)))


def tell(output: Output, first: str, second: str, found: Sequence[Difference]) -> int:
    """Show what differs; gives the exit code.

    Args:
        output: Where to.
        first: What the first is called.
        second: What the second is called.
        found: What differs.
    """
    for each in found:
        output.lines(each.path, f"  - {_shown(each.first)}", f"  + {_shown(each.second)}")
    count = f"{len(found)} field differs" if len(found) == 1 else f"{len(found)} fields differ"
    words = f"{count}: - {first}, + {second}." if found else f"{first} and {second} say the same."
    output.lines(words)
    output.result(
        {
            "equal": not found,
            "first": first,
            "second": second,
            "differences": [msgspec.structs.asdict(each) for each in found],
        }
    )
    return 1 if found else 0


def _shown(value: object) -> str:
    if value == ABSENT:
        return ABSENT
    return json.dumps(value, ensure_ascii=False, default=str)
