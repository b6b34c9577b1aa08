"""`ssmd dq`: how good is what was recorded, and how do we know."""

from collections.abc import Mapping
from typing import Final

import click

from ssmd.cli.lazy import LazyGroup

_COMMANDS: Final[Mapping[str, str]] = {
    "daily": "ssmd.cli.dq_daily:daily",
    "completeness": "ssmd.cli.dq_completeness:completeness",
    "trades": "ssmd.cli.dq_trades:trades",
    "secmaster": "ssmd.cli.dq_secmaster:command",
    "scores": "ssmd.cli.dq_scores:scores",
    "notify-test": "ssmd.cli.dq_notify_test:notify_test",
}


@click.group(cls=LazyGroup, places=_COMMANDS)
def dq() -> None:
    """Judge the quality of what was recorded."""
