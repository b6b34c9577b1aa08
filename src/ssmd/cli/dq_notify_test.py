"""`ssmd dq notify-test`: try whether those who are to be told can be."""

from pathlib import Path

import click

from ssmd.cli.output import Output, examples, output_options
from ssmd.cli.telling import complain, host, whom_to_tell
from ssmd.quality.notify import tell_test
from ssmd.runtime import loop
from ssmd.runtime.clock import SystemClock


@click.command(
    "notify-test",
    epilog=examples(
        ("ssmd dq notify-test --policy quality.yaml", "tell all that its `notify` names"),
        ("SSMD_NOTIFY=https://... ssmd dq notify-test", "tell one webhook"),
        ("ssmd dq notify-test --policy quality.yaml --json", "who was told, for a program"),
    ),
)
@click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A quality.yaml whose `notify` says whom; besides SSMD_NOTIFY.",
)
@output_options
@click.pass_context
def notify_test(ctx: click.Context, /, *, policy: Path | None, as_json: bool, quiet: bool) -> None:
    """Send a test to everybody who is told of grades and failures, whatever grade they wait for.

    1 when somebody could not be told, 2 when nobody is named.
    """
    output = Output(json=as_json, quiet=quiet)
    done = loop.run(tell_test(host(), whom_to_tell(policy), SystemClock()))
    output.lines(*(f"{each.to}: {'NOT told' if each.error else 'told'}" for each in done))
    failed = complain(done)
    output.result({"told": len(done) - failed, "failed": failed, "sinks": done})
    ctx.exit(1 if failed else 0)
