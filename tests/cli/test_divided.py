"""A feed with divisions on the command line: each by itself, and never the whole as one."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from ssmd.cli.pipeline import Pipeline, recorders_of
from ssmd.cli.root import root
from ssmd.feeds import registry
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.folder import ConfigFolder
from ssmd.feeds.machine import FeedChoice, MachineConfig
from ssmd.model.errors import ConfigError
from ssmd.runtime.clock import SystemClock
from tests.feeds.made import written
from tests.feeds.test_folder import own_environment

CATEGORIES = {"crypto": ["Crypto"], "rest": ["Politics"]}


def a_file(folder: Path) -> Path:
    """A shipped feed in two divisions."""
    tree = yaml.safe_load(registry.path_of("kalshi").read_text(encoding="utf-8"))
    return written(folder / "feed.yaml", yaml.safe_dump({**tree, "categories": CATEGORIES}))


def refusal(*words: str) -> str:
    """Why a connector does not begin."""
    done = CliRunner().invoke(root, ["connector", "run", *words])
    assert isinstance(done.exception, ConfigError), done
    return str(done.exception)


def test_a_connector_records_one_division(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which one has to be said; one that is not there, and one of a feed without, are refused."""
    monkeypatch.setenv("SSMD_CONFIG", str(tmp_path))
    own_environment(ConfigFolder(tmp_path), "prod")
    own_environment(ConfigFolder(tmp_path), "one", transport={"stream": "ONE"})
    feed, prod = str(a_file(tmp_path)), ("--env", "prod")
    said = refusal("--feed", feed, *prod)
    assert "is recorded by its categories, each by itself: crypto, rest" in said
    assert "Name one: --category crypto." in said
    said = refusal("--feed", feed, *prod, "--category", "cripto")
    assert "has no category 'cripto'. Did you mean \"crypto\"?" in said
    said = refusal("--feed", "kraken", *prod, "--category", "crypto")
    assert "The feed 'kraken' is not divided" in said
    said = refusal("--feed", feed, "--env", "one", "--category", "crypto")
    assert "names one `transport.stream`" in said
    assert "and none is chosen" in refusal("--feed", feed, "--category", "crypto")
    assert not (tmp_path / "data").exists()


def a_pipeline(folder: Path, *feeds: FeedConfig) -> Pipeline:
    """One machine that would record these."""
    machine = MachineConfig(
        dir=str(folder),
        nats_url="nats://127.0.0.1:1",
        feeds=tuple(FeedChoice(feed=feed.name) for feed in feeds),
    )
    return Pipeline(machine, feeds, clock=SystemClock())


def test_one_machine_runs_a_connector_for_each_division(tmp_path: Path) -> None:
    """With a stream and a spool each; a feed without divisions is as it was."""
    divided, plain = registry.load_feed(a_file(tmp_path)), registry.load_feed("kraken")
    assert recorders_of(divided) == {"kalshi.crypto": "crypto", "kalshi.rest": "rest"}
    assert recorders_of(plain) == {"kraken": None}
    made = a_pipeline(tmp_path, divided, plain)
    assert made.connectors == [
        "connector-kalshi.crypto",
        "connector-kalshi.rest",
        "connector-kraken",
    ]
    assert made.prefixes == {
        "LOCAL_KALSHI_CRYPTO": "local.kalshi.crypto",
        "LOCAL_KALSHI_REST": "local.kalshi.rest",
        "LOCAL_KRAKEN": "local.kraken",
    }
