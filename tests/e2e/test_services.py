"""The services one by one, as a team runs them: against a bus of their own, told by NATS_URL."""

import json
import logging
import re
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ssmd.archive.verify import verify
from ssmd.bus.embedded import EmbeddedServer
from ssmd.feeds import registry
from ssmd.runtime.scrape import scrape
from ssmd.sim import oracle
from tests.e2e.acts import CLOCK, FEED
from tests.e2e.command import Command, feed_file, run_file, running, ssmd

pytestmark = pytest.mark.e2e
log = logging.getLogger(__name__)

STREAM = f"TEAM_{FEED.upper()}"


class Site:
    """Files and addresses of an installation whose services are started by hand.

    Attributes:
        folder: Where everything lies.
        url: The bus.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.root = folder / "archive"
        self.runs = folder / "runs"
        self.ledger = folder / "ledger"
        self.env = folder / "env.yaml"
        self.env.write_text("name: team\n")
        self.archiver = folder / "archiver.yaml"
        source = {"stream": STREAM, "feed": FEED}
        self.archiver.write_text(yaml.safe_dump({"sources": [source]}))

    def sim(self, *more: str) -> list[str]:
        """The words that start the venue."""
        venue = registry.load_feed(FEED).venue
        words = ["sim", "run", "--venue", venue, "--ledger", str(self.ledger), "--rate", "200"]
        return [*words, "--run-dir", str(self.runs), *more]

    def connector(self, feed: Path) -> list[str]:
        """The words that start the connector."""
        words = ["connector", "run", "--feed", str(feed), "--env", str(self.env)]
        return [*words, "--dir", str(self.root), "--run-dir", str(self.runs)]

    def archive(self, *more: str) -> list[str]:
        """The words that start the archiver."""
        words = ["archiver", "run", "--config", str(self.archiver), "--dir", str(self.root)]
        return [*words, "--run-dir", str(self.runs), *more]

    async def told(self, command: Command, name: str) -> dict[str, Any]:
        """The run file of a service."""
        told = await run_file(command, self.runs / f"{name}.json")
        assert told["pid"] == command.pid
        return told


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """An installation with a bus that runs."""
    server = EmbeddedServer(tmp_path / "nats", CLOCK)
    try:
        yield Site(tmp_path, await server.start())
    finally:
        await server.stop()


def asked(url: str) -> tuple[int, dict[str, Any]]:
    """What a service answers; 0 while nobody does."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - a loopback address
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())
    except OSError:
        return 0, {}


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


async def ends_cleanly(command: Command, path: Path) -> None:
    """SIGTERM: exit 0, in time, and no run file is left."""
    began = CLOCK.mono()
    command.signal(signal.SIGTERM)
    assert await command.ended() == 0, command.err
    log.info("%s ended %.2f s after SIGTERM", path.stem, CLOCK.mono() - began)
    assert not path.exists()
    assert "Traceback" not in command.err


async def test_services_started_one_by_one_record_the_same(site: Site) -> None:
    """What `ssmd up` does on one machine, a team does with these: nothing may be lost either."""
    names = f"sim-{registry.load_feed(FEED).venue}", f"connector-{FEED}", "archiver"
    files = [site.runs / f"{name}.json" for name in names]
    with running(site.folder / "sim", *site.sim()) as sim:
        venue = await site.told(sim, names[0])
        feed = feed_file(site.folder, str(venue["url"]))
        with (
            running(
                site.folder / "connector", *site.connector(feed), NATS_URL=site.url
            ) as connector,
            running(site.folder / "archiver", *site.archive(), NATS_URL=site.url) as archiver,
        ):
            told = await site.told(connector, names[1])
            assert (told["feed"], told["stream"]) == (FEED, STREAM)
            addresses = [venue["health"], told["health"]]
            addresses.append((await site.told(archiver, names[2]))["health"])
            for address in addresses:

                def ready(address: str = str(address)) -> bool:
                    return asked(f"{address}/ready")[0] == 200

                took = await connector.until(ready, "readiness")
                log.info("%s ready after %.2f s more", address, took)
                status, said = asked(f"{address}/health")
                assert (status, said["status"], said["reasons"]) == (200, "ok", [])
            figure = await archived(addresses[2])
            while await archived(addresses[2]) < figure + 200:
                await CLOCK.sleep(0.05)
            assert (await scrape(str(told["health"]))).total("ssmd_ready") == 1
            await ends_cleanly(connector, files[1])
            figure = (await received(site)) + 1
            await archiver.until(lambda: verify(site.root).frames >= figure, "all to be archived")
            await ends_cleanly(archiver, files[2])
        await ends_cleanly(sim, files[0])
    report = verify(site.root)
    assert report.ok, report.problems
    assert report.open_segments == []
    found = oracle.compare(site.ledger, site.root)
    log.info("%s", found)
    assert found.ok, found.problems
    assert (found.holes, found.declared_lost) == (0, 0)
    assert found.archived > 200


async def archived(address: str) -> float:
    """Envelopes committed by the archiver there."""
    return (await scrape(address)).total("ssmd_archiver_messages_total")


async def received(site: Site) -> int:
    """The last ordinal the connector gave before it ended, by its log."""
    text = (site.folder / "connector" / "stderr").read_text()
    ended = [json.loads(line) for line in text.splitlines() if '"connector.ended"' in line]
    return int(ended[-1]["frames"]) - 1


async def test_a_connector_says_why_it_is_not_ready(site: Site) -> None:
    """Whoever is woken at night reads /ready first: it must name what is away."""
    port = free_port()
    feed = feed_file(site.folder, f"ws://127.0.0.1:{port}")
    with running(site.folder / "connector", *site.connector(feed), NATS_URL=site.url) as connector:
        health = str((await site.told(connector, f"connector-{FEED}"))["health"])

        def complains() -> bool:
            status, said = asked(f"{health}/ready")
            return status == 503 and any(
                f"not connected: {FEED}-0 to ws://127.0.0.1:{port}" in each
                for each in said["reasons"]
            )

        await connector.until(complains, "the complaint about shard 0")
        log.info("away: %s", asked(f"{health}/ready"))
        assert asked(f"{health}/health")[0] == 200, "a venue that is away is no reason to restart"
        with running(site.folder / "sim", *site.sim("--port", str(port))) as sim:
            took = await connector.until(lambda: asked(f"{health}/ready")[0] == 200, "readiness")
            log.info("the venue was found %.2f s after it was started", took)
            assert sim.returncode is None
            await ends_cleanly(connector, site.runs / f"connector-{FEED}.json")


async def test_a_second_connector_on_a_spool_is_refused(site: Site) -> None:
    """Two writers would spoil what both hold: the second ends, and names the first."""
    feed = feed_file(site.folder, f"ws://127.0.0.1:{free_port()}")
    words = site.connector(feed)
    with running(site.folder / "first", *words, NATS_URL=site.url) as first:
        await site.told(first, f"connector-{FEED}")
        second = ssmd(*words, NATS_URL=site.url)
        assert second.returncode == 2
        assert str(first.pid) in second.stderr
        assert "Traceback" not in second.stderr
        assert first.returncode is None
        assert (await site.told(first, f"connector-{FEED}"))["pid"] == first.pid
        await ends_cleanly(first, site.runs / f"connector-{FEED}.json")


async def test_an_archiver_without_its_stream_says_so_and_waits(site: Site) -> None:
    """The order in which a team starts things is not ours to choose."""
    port = free_port()
    health = f"http://127.0.0.1:{port}"
    words = site.archive("--listen", f"127.0.0.1:{port}")
    with running(site.folder / "archiver", *words, NATS_URL=site.url) as archiver:

        def complains() -> bool:
            status, said = asked(f"{health}/ready")
            pattern = re.compile(rf"{STREAM}.*does not exist")
            return status == 503 and any(pattern.search(each) for each in said["reasons"])

        await archiver.until(complains, "the complaint about the stream")
        log.info("no stream: %s", asked(f"{health}/ready"))
        feed = feed_file(site.folder, f"ws://127.0.0.1:{free_port()}")
        with running(site.folder / "connector", *site.connector(feed), NATS_URL=site.url) as maker:
            took = await archiver.until(lambda: asked(f"{health}/ready")[0] == 200, "readiness")
            log.info("the stream was found %.2f s after its connector was started", took)
            await ends_cleanly(maker, site.runs / f"connector-{FEED}.json")
        await ends_cleanly(archiver, site.runs / "archiver.json")


async def test_services_without_a_bus_say_so_and_end_when_asked(tmp_path: Path) -> None:
    """A bus that is away at the start is as good as one that goes away: wait, and say it."""
    site = Site(tmp_path, f"nats://127.0.0.1:{free_port()}")
    feed = feed_file(tmp_path, f"ws://127.0.0.1:{free_port()}")
    ports = free_port(), free_port()
    connect = [*site.connector(feed), "--listen", f"127.0.0.1:{ports[0]}"]
    archive = site.archive("--listen", f"127.0.0.1:{ports[1]}")
    with (
        running(tmp_path / "connector", *connect, NATS_URL=site.url) as connector,
        running(tmp_path / "archiver", *archive, NATS_URL=site.url) as archiver,
    ):
        for command, port in zip((connector, archiver), ports, strict=True):

            def complains(port: int = port) -> bool:
                status, said = asked(f"http://127.0.0.1:{port}/ready")
                return status == 503 and any(site.url in each for each in said["reasons"])

            await command.until(complains, "the complaint about the bus")
            log.info("no bus: %s", asked(f"http://127.0.0.1:{port}/ready"))
        await ends_cleanly(connector, site.runs / f"connector-{FEED}.json")
        await ends_cleanly(archiver, site.runs / "archiver.json")
