"""The compose file's commands as real processes, from the first frame to the proved copy.

Containers there are none: each mount is the folder that it would show, and the bus is a process.
"""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from scripts import compose_secrets

from ssmd.archive.store.local import LocalStore
from ssmd.archive.verify import verify
from ssmd.bus.embedded import find_program, free_ports
from ssmd.bus.keys import read_seed
from ssmd.sim import oracle
from tests.archive.drained import differing, open_segments
from tests.deploy.test_compose import FOLDER, SERVICES, mounts
from tests.e2e.acts import FEED
from tests.e2e.command import Command, feed_file, last, run_file, running, ssmd

pytestmark = pytest.mark.e2e


class Machine:
    """What compose would make of its file, in a folder.

    Attributes:
        folder: Where everything lies.
        data: The archive.
        far: An object store, as a folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "volumes" / "archive"
        self.far = folder / "far"
        self.public = compose_secrets.make(folder / "secrets")
        self._port, self._http = free_ports(2)
        for name in ("env.yaml", "archiver.yaml", "nats.conf"):
            text = (FOLDER / name).read_text(encoding="utf-8")
            text = text.replace("nats://nats:4222", f"nats://127.0.0.1:{self._port}")
            text = text.replace("0.0.0.0:4222", f"127.0.0.1:{self._port}")
            text = text.replace("0.0.0.0:8222", f"127.0.0.1:{self._http}")
            text = text.replace('"/data"', json.dumps(str(folder / "volumes" / "bus")))
            (folder / name).write_text(text, encoding="utf-8")
        (folder / "upload.yaml").write_text(json.dumps({"url": self.far.as_uri()}))

    def words(self, service: str) -> list[str]:
        """A service's command, with folders for its mounts."""
        shown = {
            target: str(self.folder / (source if source[0] == "." else f"volumes/{source}"))
            for source, target, _ in mounts(SERVICES[service])
        }
        return [shown.get(word, word) for word in SERVICES[service]["command"]]

    @contextmanager
    def up(self, service: str) -> Iterator[Command]:
        """One of our services."""
        env = {
            "NATS_URL": f"nats://127.0.0.1:{self._port}",
            "NATS_NKEY_SEED_FILE": str(self.folder / "secrets" / "nats.nk"),
            "SSMD_CONFIG": str(self.folder / "config"),
            "SSMD_LISTEN": "127.0.0.1:0",
        }
        words = [*self.words(service), "--run-dir", str(self.folder / "runs")]
        (self.folder / "volumes").mkdir(exist_ok=True)
        with running(self.folder / "logs" / service, *words, **env) as command:
            yield command

    @contextmanager
    def bus(self) -> Iterator[None]:
        """The real server with the file of the repository."""
        words = [str(find_program()), "-c", str(self.folder / "nats.conf")]
        with (self.folder / "nats.log").open("wb") as log:
            server = subprocess.Popen(words, env={"NATS_PUBLIC_KEY": self.public}, stderr=log)
        try:
            yield
        finally:
            server.kill()
            server.wait(30)

    def drain(self) -> subprocess.CompletedProcess[str]:
        """What follows the last archiver."""
        config, upload = self.folder / "archiver.yaml", self.folder / "upload.yaml"
        return ssmd("archiver", "drain", "--config", config, "--upload", upload,
                    "--dir", self.data, "--json")  # fmt: skip


async def test_what_is_recorded_by_its_commands_is_proved_at_a_store(tmp_path: Path) -> None:
    """A venue, the bus and its key, connector, archiver, compactor; a death; and the drain."""
    machine = Machine(tmp_path)
    ledger = tmp_path / "ledger"
    venue = ["sim", "run", "--venue", FEED, "--ledger", str(ledger), "--rate", "200"]
    with ExitStack() as stack:
        stack.enter_context(machine.bus())
        sim = stack.enter_context(
            running(tmp_path / "logs" / "sim", *venue, "--run-dir", str(tmp_path / "runs"))
        )
        told = await run_file(sim, tmp_path / "runs" / f"sim-{FEED}.json")
        (tmp_path / "config" / "feeds").mkdir(parents=True)
        feed = feed_file(tmp_path, str(told["url"]))
        feed.rename(tmp_path / "config" / "feeds" / f"{FEED}.yaml")
        connector = stack.enter_context(machine.up(f"connector-{FEED}"))
        compactor = stack.enter_context(machine.up("compactor"))
        await run_file(connector, tmp_path / "runs" / f"connector-{FEED}.json")
        archiver = stack.enter_context(machine.up("archiver"))
        await archiver.until(lambda: open_segments(machine.data), "the first segment")
        await archiver.until(lambda: verify(machine.data).frames > 200, "frames to be archived")
        connector.signal(signal.SIGTERM)
        assert await connector.ended() == 0, connector.err
        frames = int(re.findall(r'"frames":\s*(\d+)', connector.err)[-1])
        await archiver.until(lambda: verify(machine.data).frames >= frames, "all to be archived")
        archiver.signal(signal.SIGKILL)
        await archiver.ended()
        assert machine.drain().returncode == 1, "the compactor is at work"
        compactor.signal(signal.SIGTERM)
        assert await compactor.ended() == 0, compactor.err
        sim.signal(signal.SIGTERM)
        assert await sim.ended() == 0, sim.err
    assert open_segments(machine.data)
    drained = machine.drain()
    assert drained.returncode == 0, drained.stderr
    found = last(drained)
    assert (found["ok"], found["left"]) == (True, [])
    assert found["sealed"] >= 1
    assert differing(machine.data, LocalStore(machine.far)) == []
    assert list((machine.far / "tables").rglob("*.parquet"))
    conserved = oracle.compare(ledger, machine.far)
    assert conserved.ok, conserved.problems
    assert (conserved.holes, conserved.declared_lost) == (0, 0)


def test_the_key_of_the_bus_is_the_one_in_the_file(tmp_path: Path) -> None:
    """What the test above lets in is what `.env` would name."""
    machine = Machine(tmp_path)
    seed = (tmp_path / "secrets" / "nats.nk").read_text(encoding="utf-8")
    assert machine.public == read_seed(seed).public
