"""Whom a command tells, and what it says when they could not be told."""

import os
import platform
from pathlib import Path
from typing import Final

import click

from ssmd.feeds.policy import load_policy
from ssmd.model.errors import ConfigError
from ssmd.quality.notify import Delivery, Failure, Told, destinations, from_address, tell_failure
from ssmd.runtime import loop
from ssmd.runtime.clock import SystemClock

ADDRESS: Final = "SSMD_NOTIFY"
"""Names one webhook, or topic, to be told besides those of the policy."""


def whom_to_tell(policy: Path | None) -> tuple[Told, ...]:
    """Whom a policy and the environment name.

    Args:
        policy: A quality.yaml; None takes the shipped one, which names nobody.

    Raises:
        ConfigError: They name nobody, or in a way that cannot be used.
    """
    whom = destinations(load_policy(policy).notify)
    address = os.environ.get(ADDRESS, "").strip()
    if address:
        whom = (*whom, from_address(address))
    if not whom:
        raise ConfigError(
            "Nobody is named who could be told.",
            remedy=f"Set {ADDRESS} to a webhook's address, or name a quality.yaml that has `notify`.",
        )
    return whom


def complain(deliveries: list[Delivery]) -> int:
    """Say on stderr who could not be told; gives how many."""
    failed = [each.error for each in deliveries if each.error]
    for error in failed:
        click.echo(f"Notice not sent: {error}", err=True)
    return len(failed)


def host() -> str:
    """What this machine calls itself."""
    return platform.node() or "an unnamed host"


def tell_of_failure(command: str, code: int, error: str, whom: tuple[Told, ...]) -> None:
    """Tell that a command failed; whoever cannot be told is said on stderr.

    Args:
        command: Its words, without options.
        code: What it exits with.
        error: What it said.
        whom: Who is told.
    """
    failure = Failure(command=command, code=code, error=error, host=host())
    complain(loop.run(tell_failure(failure, whom, SystemClock())))
