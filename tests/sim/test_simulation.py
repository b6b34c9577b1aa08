"""The server: whatever is on the wire is in the ledger, under the same number."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import trustme
from picows import WSMsgType

from ssmd.model.errors import Busy, ConfigError
from ssmd.model.simulated import SimulationOptions
from ssmd.runtime.clock import SystemClock
from ssmd.sim import control, ledger
from ssmd.sim.faults import parse
from ssmd.sim.server import server_tls
from ssmd.sim.simulation import Simulation
from ssmd.venues.kraken.simulated import simulated
from tests.sim.client import Client, connected

BOOK = (
    b'{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD","ETH/USD"]},"req_id":1}'
)


@asynccontextmanager
async def serving(
    directory: Path, *faults: str, rate: float = 400.0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[Simulation, str]]:
    """A server on a free port, with its loop."""
    server = Simulation(
        simulated(SimulationOptions(seed=1, rate=rate)),
        clock=SystemClock(),
        directory=directory,
        faults=[parse(fault) for fault in faults],
        tls=tls,
    )
    url = await server.start()
    loop = asyncio.create_task(server.run())
    try:
        yield server, url
    finally:
        loop.cancel()
        await server.stop()


def sent(directory: Path, number: int = 0) -> list[tuple[int, bytes]]:
    """What the ledger says of one socket."""
    record = next(r for r in ledger.read(directory) if r.number == number)
    return [(int(entry.opcode), entry.payload) for entry in record.emitted()]


def is_prefix(client: Client, directory: Path, number: int = 0) -> bool:
    """Whether everything received stands in the ledger, byte for byte and in order."""
    told = sent(directory, number)
    return client.messages == told[: len(client.messages)]


def faults_of(directory: Path) -> list[str]:
    lines = (directory / "faults.jsonl").read_bytes().splitlines()
    return [msgspec.json.decode(line)["fault"] for line in lines]


async def test_everything_received_stands_in_the_ledger_in_order(tmp_path: Path) -> None:
    """The oracle can only be as good as this."""
    async with serving(tmp_path) as (_, url), connected(url) as client:
        client.say(BOOK)
        await client.until(lambda: len(client.messages) > 300)
        (record,) = ledger.read(tmp_path)
        assert record.local == url.removeprefix("ws://")
        assert record.peer == client.address
        assert is_prefix(client, tmp_path)
        assert json.loads(client.messages[0][1])["channel"] == "status"


async def test_the_ledger_is_written_before_the_wire(tmp_path: Path) -> None:
    """A kill between the two may lose a message, never the knowledge of it."""
    async with serving(tmp_path) as (_, url), connected(url) as client:
        client.say(BOOK)
        ahead: list[bool] = []

        def more() -> bool:
            ahead.append(len(sent(tmp_path)) >= len(client.messages))
            return len(client.messages) > 200

        await client.until(more)
        assert all(ahead)


async def test_control_frames_stand_in_the_ledger_too(tmp_path: Path) -> None:
    """They get ordinals like all others."""
    async with serving(tmp_path, rate=0) as (server, url), connected(url) as client:
        client.say(b"abc", WSMsgType.PING)
        await client.until(lambda: (10, b"abc") in client.messages)
        server.inject(parse("ping:body=hello"))
        await client.until(lambda: (9, b"hello") in client.messages)
        server.inject(parse("close:code=4001,reason=enough"))
        await asyncio.wait_for(client.gone.wait(), 20)
        assert client.messages[-1] == (8, (4001).to_bytes(2, "big") + b"enough")
        assert client.messages == sent(tmp_path)


async def test_a_client_that_closes_is_answered(tmp_path: Path) -> None:
    """The answer is a frame as well."""
    async with serving(tmp_path, rate=0) as (server, url), connected(url) as client:
        client.say((1000).to_bytes(2, "big"), WSMsgType.CLOSE)
        await asyncio.wait_for(client.gone.wait(), 20)
        assert client.messages == sent(tmp_path)
        assert client.messages[-1] == (8, (1000).to_bytes(2, "big"))
    lines = (tmp_path / "socket-0.jsonl").read_bytes().splitlines()
    assert json.loads(lines[-1])["reason"] == "closed_by_client"
    assert server.sockets == 0


async def test_an_abort_ends_the_connection_without_a_word(tmp_path: Path) -> None:
    """A reset is what a lost network looks like."""
    async with serving(tmp_path) as (server, url), connected(url) as client:
        client.say(BOOK)
        await client.until(lambda: len(client.messages) > 20)
        server.inject(parse("abort"))
        await asyncio.wait_for(client.gone.wait(), 20)
        assert 8 not in {kind for kind, _ in client.messages}
        assert is_prefix(client, tmp_path)


async def test_a_stalled_socket_is_silent_and_open_then_goes_on(tmp_path: Path) -> None:
    """Silence on an open socket is what a watchdog must find; others are not touched."""
    async with serving(tmp_path) as (server, url), connected(url) as still, connected(url) as other:
        for client in (still, other):
            client.say(BOOK)
            await client.until(lambda c=client: len(c.messages) > 20)  # type: ignore[misc]
        server.inject(parse("stall:for=0.4,socket=0"))
        await until((tmp_path / "faults.jsonl").exists)
        still.say(b"x", WSMsgType.PING)
        emitted = len(sent(tmp_path))
        others = len(other.messages)
        await other.until(lambda: len(other.messages) > others + 40)
        assert len(sent(tmp_path)) == emitted
        assert not still.gone.is_set()
        await still.until(lambda: len(still.messages) > emitted + 20)
        assert is_prefix(still, tmp_path)


@pytest.mark.parametrize(
    "kind",
    ["malformed", "deep", "utf8", "binary", "empty_array", "empty", "channel", "fields", "types"],
)
async def test_garbage_arrives_as_it_stands_in_the_ledger(tmp_path: Path, kind: str) -> None:
    """Whatever it is, the oracle must know its bytes."""
    async with serving(tmp_path, rate=0) as (server, url), connected(url) as client:
        await client.until(lambda: len(client.messages) == 1)
        server.inject(parse(f"garbage:kind={kind},count=2"))
        await client.until(lambda: len(client.messages) == 3)
        assert client.messages[1] == client.messages[2]
        assert client.messages == sent(tmp_path)


async def test_a_huge_frame_has_the_size_that_was_asked(tmp_path: Path) -> None:
    """Limits are tested at their edge."""
    async with serving(tmp_path, rate=0) as (server, url), connected(url) as client:
        server.inject(parse("garbage:kind=huge,size=20000000"))
        await client.until(lambda: len(client.messages) == 2)
        assert len(client.messages[1][1]) == 20_000_000
        json.loads(client.messages[1][1])
        assert client.messages == sent(tmp_path)


async def test_fragments_are_one_message_in_the_ledger(tmp_path: Path) -> None:
    """Continuation frames carry one message."""
    async with serving(tmp_path, rate=0) as (server, url), connected(url) as client:
        await client.until(lambda: len(client.messages) == 1)
        server.inject(parse("fragment:parts=4,count=1"))
        await until((tmp_path / "faults.jsonl").exists)
        client.say(b'{"method":"ping"}')
        await client.until(lambda: len(client.messages) == 2)
        assert client.pieces == 1 + 4
        assert client.messages == sent(tmp_path)


async def test_commands_come_through_the_control_file_and_are_logged(tmp_path: Path) -> None:
    """A demo injects its faults at moments of its choosing."""
    async with serving(tmp_path) as (_, url), connected(url) as client:
        client.say(BOOK)
        control.send(tmp_path, "nonsense:every")
        control.send(tmp_path, "ping:body=now")
        await client.until(lambda: (9, b"now") in client.messages)
        control.send(tmp_path, "pause")
        await until(lambda: len(faults_of(tmp_path)) == 2)
        assert [spec.partition(":")[0] for spec in faults_of(tmp_path)] == ["ping", "pause"]
        await client.until(lambda: client.messages[-1] == (1, b'{"channel":"heartbeat"}'))
        control.send(tmp_path, "resume")
        before = len(client.messages)
        await client.until(lambda: len(client.messages) > before + 20)
        assert is_prefix(client, tmp_path)


async def test_the_end_of_a_flood_does_not_wake_a_paused_market(tmp_path: Path) -> None:
    """Whoever pauses the traffic wants to count what was sent."""
    async with serving(tmp_path, rate=50) as (server, url), connected(url) as client:
        client.say(BOOK)
        server.inject(parse("flood:factor=20,for=0.2"))
        await client.until(lambda: len(client.messages) > 60)
        server.inject(parse("pause"))
        await until(lambda: len(faults_of(tmp_path)) == 2)
        seen = len(client.messages)
        await client.until(lambda: client.messages[-1] == (1, b'{"channel":"heartbeat"}'))
        await client.until(lambda: client.messages[-2:] == [(1, b'{"channel":"heartbeat"}')] * 2)
        assert len(client.messages) < seen + 100


async def test_stopping_says_goodbye_and_closes_the_ledger(tmp_path: Path) -> None:
    """After a clean end every ledger says how its socket ended."""
    async with serving(tmp_path) as (server, url), connected(url) as client:
        client.say(BOOK)
        await client.until(lambda: len(client.messages) > 20)
        await server.stop()
        await asyncio.wait_for(client.gone.wait(), 20)
        assert client.messages[-1][0] == 8
        assert client.messages == sent(tmp_path)
    last = (tmp_path / "socket-0.jsonl").read_bytes().splitlines()[-1]
    assert json.loads(last)["reason"] == "closed"


async def test_the_same_is_served_over_tls(tmp_path: Path) -> None:
    """One code path; the certificate is the only difference."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    pem, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    pem.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    certificate.private_key_pem.write_to_path(str(key))
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    directory = tmp_path / "ledger"
    async with (
        serving(directory, tls=server_tls(pem, key)) as (server, url),
        connected(url, trust) as client,
    ):
        assert url.startswith("wss://")
        client.say(BOOK)
        await client.until(lambda: len(client.messages) > 100)
        server.inject(parse("garbage:kind=huge,size=3000000"))
        await client.until(lambda: any(len(m) == 3_000_000 for _, m in client.messages))
        server.inject(parse("abort"))
        await asyncio.wait_for(client.gone.wait(), 20)
        assert is_prefix(client, directory)


async def test_a_second_server_does_not_write_into_the_first_ledger(tmp_path: Path) -> None:
    """A restarted simulator goes on numbering; old evidence stays as it was."""
    for number in (0, 1):
        async with serving(tmp_path, rate=0) as (_, url), connected(url) as client:
            await client.until(lambda c=client: len(c.messages) == 1)  # type: ignore[misc]
            assert client.messages == sent(tmp_path, number)


async def test_a_taken_port_and_a_bad_certificate_are_refused(tmp_path: Path) -> None:
    """With what to do about it."""
    async with serving(tmp_path, rate=0) as (_, url):
        second = Simulation(
            simulated(SimulationOptions()), clock=SystemClock(), directory=tmp_path / "b"
        )
        with pytest.raises(Busy, match="Remedy"):
            await second.start(port=int(url.rpartition(":")[2]))
    with pytest.raises(ConfigError, match="cannot be served"):
        server_tls(tmp_path / "none.pem", tmp_path / "none.key")


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something on disk that no message announces."""
    clock = SystemClock()
    async with asyncio.timeout(20):
        while not condition():
            await clock.sleep(0.005)
