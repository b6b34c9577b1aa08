"""What `ssmd doctor` says of servers and stores, and how the command ends; no secret shown."""

import asyncio
import json
import os
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from ssmd import venues
from ssmd.archive.claim import Claim, Owner
from ssmd.cli.configured import Plan, load_plan
from ssmd.cli.root import root
from ssmd.feeds import registry
from ssmd.feeds.environment import EnvironmentConfig, Transport
from ssmd.feeds.upload import UploadSettings
from ssmd.model.errors import ConfigError
from tests.cli.doctored import CLOCK, CLOSED, OPEN, bare, checks, mute, plan
from tests.e2e.command import ssmd

__all__ = ["bare"]


# --- servers that are wrong, missing, or say nothing


@pytest.mark.parametrize(
    ("variable", "url", "name", "seen"),
    [
        ("NATS_URL", "nats://u:{s}@127.0.0.1:1", "nats", "The bus at nats://127.0.0.1:1 cannot be used"),
        ("NATS_URL", "nats://u:{s}@127.0.0.1:{mute}", "nats", "cannot be used: "),
        ("NATS_URL", "http://u:{s}@127.0.0.1:1", "nats", "The settings of the bus cannot be used"),
        ("DATABASE_URL", "postgresql://u:{s}@127.0.0.1:1/db", "postgresql", "The database at 127.0.0.1:1/db does not answer"),
        ("DATABASE_URL", "postgresql://u:{s}@127.0.0.1:{mute}/db", "postgresql", "answer"),
        ("DATABASE_URL", "postgresql://u:{s}%zz@127.0.0.1:1/db", "postgresql", "does not answer"),  # pragma: allowlist secret
        ("DATABASE_URL", "mysql://u:{s}@127.0.0.1/db", "postgresql", "DATABASE_URL is no PostgreSQL URL."),
        ("PROMETHEUS_URL", "http://u:{s}@127.0.0.1:1", "prometheus", "Prometheus at http://127.0.0.1:1 cannot be used"),
        ("PROMETHEUS_URL", "http://u:{s}@127.0.0.1:{mute}", "prometheus", "cannot be used: no answer within"),
        ("PROMETHEUS_URL", "ftp://u:{s}@127.0.0.1", "prometheus", "Prometheus cannot be asked"),
    ],
)  # fmt: skip
async def test_a_server_that_is_not_there_is_told_of_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, url: str, name: str, seen: str
) -> None:
    """Wrong, refusing or mute: what is asked, why it failed, what to do; in time, and no secret."""
    secret = "hunter2-of-the-servers"  # pragma: allowlist secret
    with mute() as port:
        monkeypatch.setenv(variable, url.replace("{s}", secret).replace("{mute}", str(port)))
        began = CLOCK.mono()
        found = await checks(plan(tmp_path, OPEN, keeps=True), limit_s=1.5)
        assert CLOCK.mono() - began < 20
    assert found[name].state == "fail", found[name]
    assert seen in found[name].seen
    assert found[name].remedy
    assert not any(secret in text for each in found.values() for text in (each.seen, each.remedy))
    assert "Traceback" not in found[name].seen


async def test_servers_that_nobody_named_are_skipped_with_a_reason(tmp_path: Path) -> None:
    """A check that is left out in silence is taken for one that passed."""
    found = await checks(plan(tmp_path, OPEN, keeps=True))
    for name in ("nats", "postgresql", "prometheus", "store", "services", f"venue {OPEN}"):
        assert found[name].state == "skipped", found[name]
        assert found[name].seen
    assert "`ssmd up`" in found["nats"].seen
    assert found[f"venue {OPEN}"].seen.startswith("--offline")
    found = await checks(plan(tmp_path, OPEN, keeps=False))
    assert "No security master" in found["postgresql"].seen


# --- stores


async def test_a_store_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    """A folder: written, read back, and nothing left of it."""
    far = tmp_path / "far"
    upload = UploadSettings(url=far.as_uri())
    name = f"store {far.as_uri()}"
    check = (await checks(plan(tmp_path / "a", upload=upload)))[name]
    assert check.state == "warn"  # whoever uploads makes it
    assert not far.exists()
    (far / "raw").mkdir(parents=True)
    check = (await checks(plan(tmp_path / "a", upload=upload)))[name]
    assert (check.state, check.seen[:9]) == ("ok", "1 folders")
    assert [path.name for path in far.iterdir()] == ["raw"]
    (far / "ssmd-doctor.probe").mkdir()
    check = (await checks(plan(tmp_path / "a", upload=upload)))[name]
    assert check.state == "fail"


async def test_a_store_nobody_understands_fails(tmp_path: Path) -> None:
    """And its credentials, which do not belong there, are not shown."""
    upload = UploadSettings(url="s3://user:hunter2-of-stores@bucket/x")
    found = await checks(plan(tmp_path, upload=upload))
    (check,) = [each for name, each in found.items() if name.startswith("store")]
    assert check.state == "fail"
    assert "hunter2" not in msgspec.json.encode(list(found.values())).decode()


# --- what is configured


def test_what_is_configured_is_found(tmp_path: Path) -> None:
    """A named file, then ./ssmd.yaml, then what was told in the archive, then all that is shipped."""
    shipped = load_plan(None, None, ())
    assert [feed.name for feed in shipped.feeds] == registry.names()
    assert (shipped.named, shipped.root) == (False, Path("data"))
    told = tmp_path / "a" / ".run" / "config"
    told.mkdir(parents=True)
    (told / "environment.yaml").write_text("name: told\n")
    feed = msgspec.to_builtins(
        registry.load_feed(OPEN).with_endpoint("ws://127.0.0.1:1"), str_keys=True
    )
    (told / f"connector-{OPEN}.yaml").write_bytes(msgspec.json.encode(feed))
    found = load_plan(tmp_path / "a", None, ())
    assert (found.told, found.environment.name) == (True, "told")
    assert [each.versions[-1].endpoint for each in found.feeds] == ["ws://127.0.0.1:1"]
    assert load_plan(tmp_path / "a", None, (OPEN,)).feeds == found.feeds
    Path("ssmd.yaml").write_text(f"dir: ./here\nfeeds: [{{feed: {OPEN}, symbols: [X]}}]\n")
    here = load_plan(None, None, ())
    assert (here.source, here.root) == ("ssmd.yaml", Path("here"))
    assert [each.universe.symbols for each in here.feeds] == [("X",)]
    assert load_plan(Path("here"), None, ()).source == "ssmd.yaml"
    assert load_plan(tmp_path / "a", None, ()).told
    other = tmp_path / "other.yaml"
    other.write_text(f"dir: ./there\nfeeds: [{{feed: {CLOSED}}}, {{feed: ./broken.yaml}}]\n")
    named = load_plan(tmp_path / "a", other, ())
    assert ([each.name for each in named.feeds], named.root) == ([CLOSED], tmp_path / "a")
    assert len(named.faults) == 1
    with pytest.raises(ConfigError, match="no feed 'nonesuch'"):
        load_plan(None, other, ("nonesuch",))


def test_the_bus_that_is_meant_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a file says, then NATS_URL, then whoever records here, then what was told, if it runs."""
    named, told, mine, theirs = (f"nats://127.0.0.1:{port}" for port in (1, 2, 3, 4))
    environment = EnvironmentConfig(name="test", transport=Transport(url=named))
    quiet = plan(tmp_path, OPEN)
    assert quiet.bus() is None
    left = msgspec.structs.replace(
        quiet, told=True, environment=EnvironmentConfig(name="t", transport=Transport(url=told))
    )
    assert left.bus() is None  # the embedded bus of a run that is over
    (tmp_path / ".run").mkdir()
    run = {"name": "archiver", "pid": os.getpid(), "started_at": "", "health": ""}
    (tmp_path / ".run" / "archiver.json").write_bytes(msgspec.json.encode(run))
    assert address(left) == told
    with Claim(tmp_path / ".run") as claim:
        claim.tell(Owner(os.getpid(), theirs))
        assert (address(quiet), address(left)) == (theirs, theirs)
        monkeypatch.setenv("NATS_URL", mine)
        assert (address(quiet), address(left)) == (mine, mine)
        assert address(msgspec.structs.replace(quiet, environment=environment)) == named


def address(found: Plan) -> str:
    """Where its bus is."""
    settings = found.bus()
    assert settings is not None
    return settings.address


def test_the_command_ends_as_it_says(tmp_path: Path) -> None:
    """0 when nothing fails, 1 when something does, 2 when there is nothing to look at."""
    ill = ssmd("doctor", "--offline", "--feed", OPEN, cwd=tmp_path, NATS_URL="nats://127.0.0.1:1")
    assert (ill.returncode, ill.stderr) == (1, ""), ill
    assert "The bus at nats://127.0.0.1:1 cannot be used" in ill.stdout
    assert "-> Check NATS_URL" in ill.stdout
    assert ill.stdout.splitlines()[-1].startswith("NOT OK: ")
    well = CliRunner().invoke(root, ["doctor", "--offline", "--json", "--feed", OPEN])
    assert well.exit_code == 0, well.output
    found = json.loads(well.output)
    assert found["ok"] is True
    assert set(found["checks"][0]) == {"name", "state", "seen", "remedy"}
    Path("ssmd.yaml").write_text("feeds: [{feed: x, symbls: [1]}]\n")
    for arguments, seen in ((), "symbls"), (("--config", "ssmd.yaml"), "symbls"):
        wrong = CliRunner().invoke(root, ["doctor", *arguments])
        assert isinstance(wrong.exception, ConfigError)
        assert seen in wrong.exception.message
        assert wrong.exception.exit_code == 2
    assert CliRunner().invoke(root, ["doctor", "--timeout", "0"]).exit_code == 2


async def test_a_look_does_not_wait_for_the_others(tmp_path: Path) -> None:
    """A disk, a bus and a venue that hang together take the time of one."""
    with mute() as port:
        feeds = tuple(
            registry.load_feed(name).with_endpoint(f"ws://127.0.0.1:{port}/", {})
            for name in registry.names()
            if venues.load(registry.load_feed(name).venue).account is None
        )
        began = CLOCK.mono()
        found = await asyncio.wait_for(
            checks(plan(tmp_path, feeds=feeds), offline=False, limit_s=1.0), 30
        )
        took_s = CLOCK.mono() - began
    assert [found[f"venue {feed.name}"].state for feed in feeds] == ["fail"] * len(feeds)
    assert len(feeds) > 2
    assert took_s < 2 * len(feeds)
