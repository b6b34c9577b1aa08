"""The simulated venue as a process: killed or asked to end, its ledger holds what it said."""

import asyncio
import contextlib
import gzip
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from picows import WSHandshakeError

from ssmd.model.errors import ConfigError
from ssmd.runtime.children import Child
from ssmd.runtime.service import read_run_file
from ssmd.sim import control, journal, ledger, rest_ledger, service
from tests.sim.client import connected
from tests.sim.test_rest import get

pytestmark = pytest.mark.integration

PROGRAM = """
import json, pathlib, sys
from ssmd.runtime import loop
from ssmd.sim import service
options = json.loads(sys.argv[1])
for name in ("ledger", "run_dir", "play"):
    if name in options:
        options[name] = pathlib.Path(options[name])
sys.exit(loop.run(service.run("kraken", **options)))
"""
BOOKS = (
    b'{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD","ETH/USD","SOL/USD"]}}'
)


@asynccontextmanager
async def simulator(tmp_path: Path, **options: object) -> AsyncIterator[tuple[Child, str]]:
    """A simulator of our own and its URL; it is gone afterwards."""
    options |= {"ledger": str(tmp_path / "ledger"), "run_dir": str(tmp_path / "run")}
    argv = [sys.executable, "-c", PROGRAM, json.dumps(options)]
    child = Child.spawn("simulator", argv, log=tmp_path / "simulator.log")
    try:
        told = await child.ready(tmp_path / "run" / f"{service.NAME}.json")
        assert told is not None
        assert told.details["control"] == str(tmp_path / "ledger" / control.NAME)
        yield child, str(told.details["url"])
    finally:
        child.kill()
        await child.wait()


def child_details(tmp_path: Path) -> dict[str, object]:
    """What the run file tells."""
    told = read_run_file(tmp_path / "run" / f"{service.NAME}.json")
    assert told is not None
    return told.details


def sent(tmp_path: Path) -> list[tuple[int, bytes]]:
    (record,) = ledger.read(tmp_path / "ledger")
    return [(int(entry.opcode), entry.payload) for entry in record.emitted()]


@pytest.mark.parametrize("frames", [50, 700, 1900])
async def test_a_killed_simulator_left_everything_it_said_in_its_ledger(
    tmp_path: Path, frames: int
) -> None:
    """The oracle survives kill -9 in the middle of traffic; the client has a prefix of it."""
    async with (
        simulator(tmp_path, rate=2000, seed=frames) as (child, url),
        connected(url) as client,
    ):
        client.say(BOOKS)
        await client.until(lambda: len(client.messages) >= frames)
        child.kill()
        await asyncio.wait_for(client.gone.wait(), 20)
        await child.wait()
    told = sent(tmp_path)
    assert len(client.messages) >= frames
    assert client.messages == told[: len(client.messages)]


async def test_sigterm_ends_it_cleanly(tmp_path: Path) -> None:
    """Goodbye on every socket, nothing unread, exit 0, no run file left."""
    async with simulator(tmp_path, rate=500) as (child, url), connected(url) as client:
        client.say(BOOKS)
        await client.until(lambda: len(client.messages) >= 100)
        child.terminate()
        assert await child.wait(20) == 0
        await asyncio.wait_for(client.gone.wait(), 20)
    assert client.messages == sent(tmp_path)
    assert client.messages[-1] == (8, (1001).to_bytes(2, "big") + b"going away")
    assert not (tmp_path / "run" / f"{service.NAME}.json").exists()


async def test_a_fault_comes_when_it_was_planned_and_when_it_is_asked_for(tmp_path: Path) -> None:
    """The two ways in which a demo loses its connection."""
    async with simulator(tmp_path, rate=300, faults=["ping:at=0.2,every=0.2"]) as (_, url):
        async with connected(url) as client:
            client.say(BOOKS)
            await client.until(lambda: [kind for kind, _ in client.messages].count(9) >= 2)
            control.send(tmp_path / "ledger", "abort")
            await asyncio.wait_for(client.gone.wait(), 20)
        assert client.messages == sent(tmp_path)[: len(client.messages)]


async def test_a_capture_is_played_to_whoever_connects(tmp_path: Path) -> None:
    """Byte for byte, faster than it was."""
    raws = [f'{{"channel":"x","n":{n}.50}}' for n in range(200)]
    capture = tmp_path / "capture.jsonl.gz"
    lines = [json.dumps({"ts_recv": n * 10_000_000, "raw": raw}) for n, raw in enumerate(raws)]
    capture.write_bytes(gzip.compress("\n".join(lines).encode()))
    playing = simulator(tmp_path, play=str(capture), speed=20)
    async with playing as (_, url), connected(url) as client:
        await client.until(lambda: len(client.messages) == len(raws))
    assert client.messages == [(1, raw.encode()) for raw in raws]


async def test_rest_is_where_the_run_file_says(tmp_path: Path) -> None:
    """Faults of it come through the same control file; what was answered is in the ledger."""
    running = simulator(tmp_path, faults=["http:status=503,count=2"])
    async with running as (child, _), aiohttp.ClientSession() as session:
        rest = child_details(tmp_path)["rest"]
        seen = []
        for _ in range(3):
            async with session.get(f"{rest}/main/nowhere") as answer:
                seen.append(answer.status)
        child.terminate()
        assert await child.wait(20) == 0
    assert seen[:2] == [503, 503]
    assert seen[2] != 503
    answers = rest_ledger.read(tmp_path / "ledger").answers
    assert [(answer.path, answer.status) for answer in answers] == [
        ("/nowhere", status) for status in seen
    ]


async def test_a_door_is_barred_and_opened_again(tmp_path: Path) -> None:
    """As a venue does whose accounts are in trouble."""
    async with simulator(tmp_path, rate=100) as (_, url):
        control.send(tmp_path / "ledger", "unauthorized:status=401,for=1")
        path = tmp_path / "ledger" / journal.FAULTS
        async with asyncio.timeout(20):
            while not path.exists():
                await asyncio.sleep(0.01)
        with pytest.raises(WSHandshakeError):
            async with connected(url):
                pass
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(WSHandshakeError):
                    async with connected(url) as client:
                        await client.until(lambda: bool(client.messages))
                        break
                await asyncio.sleep(0.05)
    assert (tmp_path / "ledger" / journal.REFUSED).exists()


async def test_secrets_come_from_files_that_are_ours_alone(tmp_path: Path) -> None:
    """A value on a command line is read by everybody on the machine."""
    good, open_ = tmp_path / "good", tmp_path / "open"
    for path, mode in ((good, 0o600), (open_, 0o644)):
        path.write_text("value-of-it\n")
        path.chmod(mode)
    asked: list[tuple[list[str], str]] = [
        ([f"a={open_}"], "mode 0644"),
        ([f"a={tmp_path / 'none'}"], "cannot be read"),
        (["value-of-it"], "not understood"),
        ([f"a={good}", f"a={good}"], "twice"),
    ]
    for secrets, says in asked:
        with pytest.raises(ConfigError, match=says) as caught:
            await service.run("kraken", ledger=tmp_path / "l", secrets=secrets)
        assert "value-of-it" not in str(caught.value)
    async with simulator(tmp_path, secrets=[f"a={good}"], rate=0) as (_, url), connected(url):
        pass
    assert b"value-of-it" not in (tmp_path / "simulator.log").read_bytes()


async def test_recorded_bodies_are_served_byte_for_byte(tmp_path: Path) -> None:
    """What the venue answered once, at its own path; the rest is made up as ever."""
    odd = b'\xef\xbb\xbf{ "error":[], "result" :{}\r\n}\n'
    (tmp_path / "pairs.json.gz").write_bytes(gzip.compress(odd))
    rest = [f"/0/public/AssetPairs={tmp_path / 'pairs.json.gz'}"]
    async with simulator(tmp_path, rest=rest, rate=0):
        base = child_details(tmp_path)["rest"]
        assert (await get(f"{base}/main/0/public/AssetPairs?pair=XBTUSD"))[:2] == (200, odd)
        assert b"XXBT" in (await get(f"{base}/main/0/public/Assets"))[1]


async def test_a_wrong_start_is_refused_before_anything_listens(tmp_path: Path) -> None:
    """One sentence with the remedy, not a simulator that does something else."""
    capture = tmp_path / "c.jsonl"
    capture.write_text('{"raw":"x"}\n')
    wrong: list[dict[str, object]] = [
        {"faults": ["clsoe"]},
        {"symbols": ["BTC"]},
        {"play": tmp_path / "none"},
        {"play": capture, "speed": 0},
        {"play": capture, "faults": ["checksum"]},
        {"play": capture, "faults": ["freeze:symbol=A"]},
        {"certificate": capture},
        {"rest": ["/0/public/AssetPairs"]},
        {"rest": [f"/0/public/AssetPairs={tmp_path / 'none'}"]},
    ]
    before = signal.getsignal(signal.SIGTERM)
    for options in wrong:
        with pytest.raises(ConfigError):
            await service.run("kraken", ledger=tmp_path / "l", **options)  # type: ignore[arg-type]
    assert signal.getsignal(signal.SIGTERM) is before
