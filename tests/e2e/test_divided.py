"""A feed by its categories: each is recorded by itself, and together they are the feed."""

import signal
from pathlib import Path

import msgspec
import pytest
import yaml

from ssmd.archive import layout, reader
from ssmd.archive.verify import verify
from ssmd.feeds import registry
from ssmd.runtime.service import read_run_file
from tests.e2e.command import run_file, running, ssmd

pytestmark = pytest.mark.e2e

FEED = "kraken-futures"
CATEGORIES = {"layer-one": ["Layer 1"], "paying": ["payments", "Stablecoin"]}
HELD = {"layer-one": {"PF_XBTUSD", "PF_ETHUSD"}, "paying": {"PF_XRPUSD"}}
"""What the simulated venue lists in each; `PF_DOGEUSD` is in none."""


def divided(folder: Path, url: str, rest: str) -> Path:
    """The shipped feed at the simulated venue, found by what it lists, in two divisions."""
    feed = registry.load_feed(FEED)
    services = {name: f"{rest}/{name}" for name in registry.venue(feed).rest.services}
    tree = msgspec.to_builtins(feed.with_endpoint(url, services), str_keys=True)
    tree["categories"] = CATEGORIES
    found = {"source": "discovery", "discovery": {"interval_s": 2}, "channels": ["ticker", "book"]}
    path = folder / "feed.yaml"
    path.write_text(yaml.safe_dump({**tree, "universe": found}))
    return path


def recorded(root: Path, feed: str) -> dict[str, set[str]]:
    """The symbols of the venue's own messages in the archive, by division."""
    found: dict[str, set[str]] = {}
    for line in reader.read(root, feed, type="ticker"):
        found.setdefault(str(line.envelope.category), set()).update(line.envelope.symbols)
    return found


async def test_every_division_has_a_connector_and_a_stream(tmp_path: Path) -> None:
    """Disjoint and complete, in one archive that proves itself; `tail` hears them as one feed."""
    root, runs = tmp_path / "data", tmp_path / "runs"
    words = ["sim", "run", "--venue", FEED, "--run-dir", str(runs), "--rate", "100"]
    for symbol in ("PF_XBTUSD", "PF_ETHUSD", "PF_XRPUSD", "PF_DOGEUSD"):
        words += ["--symbol", symbol]
    with running(tmp_path / "sim", *words) as sim:
        told = await run_file(sim, runs / f"sim-{FEED}.json")
        file = divided(tmp_path, str(told["url"]), str(told["rest"]))
        config = tmp_path / "ssmd.yaml"
        machine = {"dir": str(root), "feeds": [{"feed": str(file)}], "tables": False}
        config.write_text(yaml.safe_dump({**machine, "secmaster": {"enabled": False}}))
        with running(tmp_path / "up", "up", "--config", str(config)) as up:
            await up.until(lambda: "Logs:" in up.out, "what is recorded")
            assert f"Recording {FEED}: by layer-one and paying, discovered" in up.out
            for category in CATEGORIES:
                own = read_run_file(layout.run_folder(root) / f"connector-{FEED}.{category}.json")
                assert own is not None
                assert str(own.details["spool"]).endswith(f"spool/{FEED}.{category}")
            await up.until(lambda: recorded(root, FEED) == HELD, "every division in the archive")
            live = ssmd("tail", "--dir", root, "--feed", file, "--count", "5", "--json")
            assert len(live.stdout.splitlines()) == 5, live
            up.signal(signal.SIGINT)
            assert await up.ended(120.0) == 0, up.err
        sim.signal(signal.SIGTERM)
    proof = verify(root)
    assert proof.ok, proof.problems
    assert recorded(root, FEED) == HELD
