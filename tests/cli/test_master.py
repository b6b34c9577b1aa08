"""Whether a security master is kept, of which venues, and where a connector finds its database."""

import signal
from pathlib import Path

import msgspec
import pytest

from ssmd.archive import layout
from ssmd.bus.settings import BusSettings
from ssmd.cli.connector import database_of, universe_of
from ssmd.cli.master import Master, is_kept
from ssmd.feeds import registry
from ssmd.feeds.environment import EnvironmentConfig, Secmaster
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.machine import FeedChoice, MachineConfig, MasterSettings
from ssmd.feeds.universe import Master as Wanted
from ssmd.feeds.universe import Universe
from ssmd.model.errors import ConfigError
from ssmd.runtime.clock import SystemClock
from ssmd.runtime.health import Health
from ssmd.secmaster.settings import CDC, SECMASTER

NAMES = registry.names()
URL = "postgresql://ssmd@db.internal/ssmd"


@pytest.fixture(autouse=True)
def _no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own database is none of this test's business."""
    monkeypatch.delenv("DATABASE_URL", raising=False)


def following(name: str = NAMES[0]) -> FeedConfig:
    """A shipped feed that follows the security master."""
    feed = registry.load_feed(name)
    universe = Universe(source="secmaster", channels=feed.universe.channels, secmaster=Wanted())
    return msgspec.structs.replace(feed, universe=universe)


def machine(**settings: object) -> MachineConfig:
    """A machine that records two feeds."""
    feeds = tuple(FeedChoice(feed=name) for name in NAMES[:2])
    return MachineConfig(feeds=feeds, secmaster=MasterSettings(**settings))  # type: ignore[arg-type]  # tests pass what they need


def master(tmp_path: Path, **settings: object) -> Master:
    """What such a machine keeps."""
    feeds = [registry.load_feed(name) for name in NAMES[:2]]
    return Master(
        machine(**settings),
        feeds,
        run_dir=tmp_path,
        clock=SystemClock(),
        death_signal=signal.SIGTERM,
    )


def test_one_is_kept_unless_somebody_says_otherwise() -> None:
    """It is there when a feed is to follow it, and for whoever asks what a venue lists."""
    feeds = [registry.load_feed(NAMES[0])]
    assert is_kept(machine(), feeds)
    assert not is_kept(machine(enabled=False), feeds)


def test_a_feed_that_follows_what_is_switched_off_is_refused() -> None:
    """It would wait for ever."""
    with pytest.raises(ConfigError, match="which is switched off"):
        is_kept(machine(enabled=False), [following()])
    assert is_kept(machine(), [following()])


def test_a_venue_that_is_none_is_refused() -> None:
    """Before anything is started."""
    with pytest.raises(ConfigError, match="there is no venue 'nyse'"):
        is_kept(machine(venues=("nyse",)), [following()])


def test_its_services_are_told_what_the_feeds_say(tmp_path: Path) -> None:
    """The venues' addresses stand in the feeds' files; a password stands on no command line."""
    kept = master(tmp_path, interval_s=60, database_url=URL)
    assert kept.server is None
    venue = registry.load_feed(NAMES[0]).venue
    words = kept.argv(SECMASTER, "nats://here", ["--dir", "d"])
    assert words[:3] == ["secmaster", "run", venue]
    assert words.count("--feed") == 2
    assert str(tmp_path / "config" / f"connector-{NAMES[0]}.yaml") in words
    assert words[-6:] == ["--every", "60s", "--nats-url", "nats://here", "--dir", "d"]
    assert kept.argv(CDC, "nats://here", []) == [
        *("cdc", "run", "--env-name", "local", "--nats-url", "nats://here")
    ]
    assert kept.environ["DATABASE_URL"] == URL
    assert not any("postgres" in word for word in words)
    assert (kept.source.stream, kept.source.feed) == ("LOCAL_SECMASTER", "secmaster")


def test_other_venues_than_the_feeds_are_kept_when_named(tmp_path: Path) -> None:
    """A feed of a venue that is not kept is not told of."""
    other = registry.load_feed(NAMES[2]).venue
    kept = master(tmp_path, venues=(other,))
    assert kept.server is not None
    assert "--feed" not in kept.argv(SECMASTER, "b", [])
    assert other in kept.argv(SECMASTER, "b", [])


def test_a_connector_finds_its_database(tmp_path: Path) -> None:
    """What env.yaml says, else the variable, else the embedded one below the archive."""
    feed, environment = following(), EnvironmentConfig(name="test")
    with pytest.raises(ConfigError, match="no database is named") as caught:
        universe_of(feed, environment, tmp_path, BusSettings())
    assert "DATABASE_URL" in caught.value.remedy
    folder = layout.run_folder(tmp_path) / "postgres"
    (folder / "data").mkdir(parents=True)
    for name, text in (("data/PG_VERSION", "18"), ("password", "secret"), ("socket", "/tmp/here")):  # noqa: S108 - a name
        (folder / name).write_text(text)
    found = database_of(feed, environment, tmp_path, {})
    assert found.url.startswith("postgresql://postgres:secret@/")  # pragma: allowlist secret
    assert database_of(feed, environment, tmp_path, {"DATABASE_URL": URL}).url == URL
    named = EnvironmentConfig(name="test", secmaster=Secmaster(database_url=f"{URL}2"))
    assert database_of(feed, named, tmp_path, {"DATABASE_URL": URL}).url == f"{URL}2"


def test_only_a_feed_that_follows_gets_such_a_universe(tmp_path: Path) -> None:
    """And it shows from the start that it knows nothing yet."""
    environment = EnvironmentConfig(name="test", secmaster=Secmaster(database_url=URL))
    plain = registry.load_feed(NAMES[0])
    assert universe_of(plain, environment, tmp_path, BusSettings()) is None
    health = Health()
    make = universe_of(following(), environment, tmp_path, BusSettings())
    assert make is not None
    make(health)
    assert health.ready() == (
        False,
        ["universe: the security master has not been asked yet"],
    )
