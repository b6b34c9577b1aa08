"""Which feeds `ssmd up` records, and which it leaves out for want of an account."""

from pathlib import Path

import pytest

from ssmd.cli.output import Output
from ssmd.cli.practice import open_account
from ssmd.cli.up import _admitted
from ssmd.feeds import registry
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.machine import FeedChoice, MachineConfig
from ssmd.model.errors import ConfigError

CLOSED = "kalshi"
EVERY = [
    name
    for name in registry.names()
    if name == CLOSED or registry.venue(registry.load_feed(name)).account is None
]
"""The feeds, as if one venue alone wanted an account."""


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own account is none of this test's business."""
    monkeypatch.delenv("KALSHI_API_KEY", raising=False)
    monkeypatch.delenv("KALSHI_PRIVATE_KEY", raising=False)


def admitted(names: list[str], *, asked: bool) -> list[str]:
    """The names of those that are recorded."""
    machine = MachineConfig(feeds=tuple(FeedChoice(feed=name) for name in names))
    feeds: list[FeedConfig] = [registry.load_feed(name) for name in names]
    return [feed.name for feed in _admitted(Output(), machine, feeds, asked=asked)]


def test_of_all_feeds_a_closed_one_is_left_out_aloud(capsys: pytest.CaptureFixture[str]) -> None:
    """`ssmd up` works on a machine without any account: what is open is recorded."""
    every = EVERY
    assert admitted(every, asked=False) == [name for name in every if name != CLOSED]
    said = capsys.readouterr()
    assert f"Not recording {CLOSED}." in said.err
    assert "KALSHI_API_KEY" in said.err
    assert said.out == ""


def test_a_closed_feed_that_was_asked_for_is_refused() -> None:
    """Recording something less than was asked for, and saying so, is still less."""
    with pytest.raises(ConfigError, match="KALSHI_API_KEY"):
        admitted(EVERY, asked=True)


def test_nothing_left_to_record_is_refused() -> None:
    """A pipeline without a feed would look as if it worked."""
    with pytest.raises(ConfigError, match="no feed to record"):
        admitted([CLOSED], asked=False)


def test_with_its_keys_it_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the two variables is needed."""
    account = registry.venue(registry.load_feed(CLOSED)).account
    assert account is not None
    for field, path in open_account(account, tmp_path).items():
        monkeypatch.setenv(f"KALSHI_{field.upper()}", path.read_text())
    assert admitted(EVERY, asked=False) == EVERY
