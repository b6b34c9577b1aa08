"""`ssmd replay`: clients that others wrote are told what was recorded, message by message."""

import asyncio
import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from ssmd import venues
from ssmd.archive import reader
from ssmd.archive.importer import import_capture
from ssmd.model.envelope import Envelope
from ssmd.model.frame import Now
from ssmd.model.simulated import SimulationOptions
from ssmd.model.timestamp import SECOND_NS
from tests.e2e.acts import CLOCK
from tests.e2e.command import PATIENCE_S, Command, running, ssmd
from tests.integration.bus import until
from tests.sim.client import connected
from tests.sim.replay.recorded import data
from tests.tier import scale

pytestmark = pytest.mark.e2e

START = 1_785_600_000 * SECOND_NS
SECONDS = scale(gate=20, full=300)
CLIENTS = ("python-kraken-sdk==3.5.1", "ccxt==4.5.90")
"""The clients of others, as they were proved; `ssmd` itself needs neither."""
INTERPRETER = "SSMD_CLIENTS_PYTHON"
"""The variable that names a Python which has them."""

SDK = """
import asyncio, json, sys
from kraken.spot import SpotWSClient

async def main(url, out, *symbols):
    with open(out, "w") as file:
        async def keep(message):
            file.write(json.dumps(message) + "\\n")
            file.flush()
        async with SpotWSClient(ws_url=url, callback=keep) as client:
            for channel in ("book", "trade", "ticker"):
                await client.subscribe(params={"channel": channel, "symbol": list(symbols)})
            await asyncio.sleep(3600)

asyncio.run(main(*sys.argv[1:]))
"""
"""`python-kraken-sdk` with nothing but its endpoint set."""

CCXT = """
import asyncio, json, sys
import ccxt.pro

async def main(name, url, out, *symbols):
    with open(out, "w") as file:
        class Kept(getattr(ccxt.pro, name)):
            def handle_message(self, client, message):
                file.write(json.dumps(message) + "\\n")
                file.flush()
                return super().handle_message(client, message)

        spot = name == "kraken"
        exchange = Kept({"urls": {"api": {"ws": {"publicV2": url} if spot else url}}})
        markets = []
        for symbol in symbols:
            base = "BTC" if "XBT" in symbol or "BTC" in symbol else "ETH"
            markets.append(exchange.safe_market_structure({
                "id": symbol, "symbol": f"{base}/USD" if spot else f"{base}/USD:USD",
                "base": base, "quote": "USD", "settle": None if spot else "USD",
                "type": "spot" if spot else "swap", "spot": spot, "swap": not spot,
                "contract": not spot, "linear": True, "contractSize": 1, "active": True,
                "precision": {"price": 0.1, "amount": 0.00000001},
            }))
        exchange.set_markets(markets)

        async def watch(method, symbol):
            while True:
                await method(symbol)

        await asyncio.gather(*(
            watch(method, market["symbol"])
            for market in markets
            for method in (exchange.watch_order_book, exchange.watch_trades, exchange.watch_ticker)
        ))

asyncio.run(main(*sys.argv[1:]))
"""
"""`ccxt` with nothing but its endpoint and its markets set, and one method that looks on."""


def interpreter(module: str) -> str:
    """A Python that has a client; the test is skipped, with how to get it, where there is none."""
    python = os.environ.get(INTERPRETER, sys.executable)
    found = subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False)
    if found.returncode:
        pytest.skip(
            f"no clients to prove replays with: python -m venv V && V/bin/pip install"
            f" {' '.join(CLIENTS)}, then set {INTERPRETER}=V/bin/python"
        )
    return python


def requests(venue: str, symbols: Sequence[str]) -> Iterator[bytes]:
    """What asks a venue for books, trades and tickers."""
    for channel in ("book", "trade", "ticker"):
        if venue == "kraken":
            params = {"channel": channel, "symbol": symbols}
            yield json.dumps({"method": "subscribe", "params": params}).encode()
        else:
            yield json.dumps(
                {"event": "subscribe", "feed": channel, "product_ids": symbols}
            ).encode()


def capture(path: Path, venue: str, symbols: Sequence[str]) -> None:
    """A capture of what a simulated venue says."""
    simulated = venues.load(venue).simulated
    assert simulated is not None
    market = simulated(SimulationOptions(seed=3, rate=100.0, symbols=tuple(symbols)))
    socket = market.connect()
    said = [(START, each) for each in socket.open(Now(START, 0.0))]
    for request in requests(venue, symbols):
        said += [(START, each) for each in socket.receive(request, Now(START, 0.0))]
    for tick in range(1, SECONDS * 20):
        now = Now(START + tick * SECOND_NS // 20, tick / 20)
        market.advance(now)
        said += [(now.wall, each) for each in socket.tick(now)]
    with gzip.open(path, "wt", encoding="utf-8") as file:
        for number, (ts, emission) in enumerate(said):
            raw = emission.payload.decode()
            file.write(json.dumps({"ts_recv": ts + number, "raw": raw}) + "\n")


SYMBOLS = {"kraken": ("BTC/USD", "ETH/USD"), "kraken-futures": ("PF_XBTUSD", "PF_ETHUSD")}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of two venues."""
    folder = tmp_path_factory.mktemp("recorded")
    for venue, symbols in SYMBOLS.items():
        path = folder / f"{venue}.jsonl.gz"
        capture(path, venue, symbols)
        import_capture(path, venue, venues.load(venue), folder / "archive", clock=CLOCK)
    return folder / "archive"


@contextmanager
def replaying(
    folder: Path, archive: Path, *arguments: str, speed: str = "max"
) -> Iterator[Command]:
    """A replay that runs."""
    with running(
        folder, "replay", "--dir", str(archive), "--speed", speed, "--settle", "2", "--json",
        *arguments,
    ) as command:  # fmt: skip
        yield command


async def address(command: Command, feed: str) -> str:
    """Where it serves a feed."""
    await command.until(lambda: "Waiting for a client" in command.err, "the replay to listen")
    line = next(line for line in command.err.splitlines() if line.startswith(f"{feed}: "))
    return line.split()[1]


@contextmanager
def client(folder: Path, python: str, script: str, *arguments: str) -> Iterator[None]:
    """A client that runs in a process of its own."""
    with (folder / "client").open("wb") as log:
        process = subprocess.Popen(
            [python, "-c", script, *arguments],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            yield
        finally:
            process.kill()
            process.wait(60)


def messages(archive: Path, feed: str, symbols: Sequence[str]) -> list[Envelope]:
    """Every recorded market message about some symbols, read without the replay's code."""
    kinds = {"book", "trade", "ticker", "book_snapshot", "trade_snapshot"}
    return [
        line.envelope
        for line in reader.read(archive, feed)
        if line.envelope.type in kinds and set(line.envelope.symbols) & set(symbols)
    ]


def recorded(archive: Path, feed: str, symbols: Sequence[str]) -> list[Any]:
    """The same as a client reads them."""
    return [json.loads(each.payload) for each in messages(archive, feed, symbols)]


async def told(path: Path, count: int) -> None:
    """Wait until a client has written down so many messages; who has fewer is judged as it is."""
    deadline = CLOCK.mono() + PATIENCE_S
    while len(heard(path)) < count and CLOCK.mono() < deadline:
        await CLOCK.sleep(0.05)


def heard(path: Path) -> list[Any]:
    """What a client kept, without the venue's answers, greetings and heartbeats."""
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    messages = [json.loads(line) for line in lines if line.endswith("\n")]
    talk = {"status", "heartbeat"}
    return [
        each
        for each in messages
        if "method" not in each and "event" not in each and each.get("channel") not in talk
    ]


@pytest.mark.parametrize("symbols", [SYMBOLS["kraken"], SYMBOLS["kraken"][:1]])
async def test_python_kraken_sdk_is_told_every_message(
    archive: Path, tmp_path: Path, symbols: tuple[str, ...]
) -> None:
    """Its spot client, given only the address, receives each recorded message once, in order."""
    python, out = interpreter("kraken.spot"), tmp_path / "heard"
    with replaying(tmp_path, archive, "--feed", "kraken") as command:
        url = await address(command, "kraken")
        expected = recorded(archive, "kraken", symbols)
        with client(tmp_path, python, SDK, url, str(out), *symbols):
            assert await command.ended() == 0, command.err
            await told(out, len(expected))
        result = command.result
    assert heard(out) == expected
    assert result["feeds"][0]["clients"][0]["counts"]["sent"] == len(expected)


@pytest.mark.parametrize(
    ("feed", "name", "path"),
    [("kraken", "kraken", "/v2"), ("kraken-futures", "krakenfutures", "/ws/v1")],
)
async def test_ccxt_is_told_every_message(
    archive: Path, tmp_path: Path, feed: str, name: str, path: str
) -> None:
    """Its clients of both venues, given only the address, receive each recorded message."""
    python, out = interpreter("ccxt.pro"), tmp_path / "heard"
    with replaying(tmp_path, archive, "--feed", feed) as command:
        url = await address(command, feed)
        expected = recorded(archive, feed, SYMBOLS[feed])
        with client(tmp_path, python, CCXT, name, f"{url}{path}", str(out), *SYMBOLS[feed]):
            assert await command.ended() == 0, command.err
            await told(out, len(expected))
    assert heard(out) == expected


async def test_ctrl_c_ends_it_and_says_how_far_it_came(archive: Path, tmp_path: Path) -> None:
    """Nobody came: nothing was served, and that is no failure."""
    with replaying(tmp_path, archive, "--feed", "kraken", "--feed", "kraken-futures") as command:
        await address(command, "kraken-futures")
        command.signal(signal.SIGINT)
        assert await command.ended() == 0, command.err
        result = command.result
    assert result["ended"] == "interrupted"
    assert [each["served"] for each in result["feeds"]] == [0, 0]


@contextmanager
def stepping(archive: Path, said: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A replay that goes on by what is written to it."""
    arguments = ["--feed", "kraken", "--speed", "step", "--control", "0", "--settle", "0"]
    with said.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "ssmd", "replay", "--dir", str(archive), *arguments],
            stdin=subprocess.PIPE, stdout=file, stderr=file,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


async def test_steps_come_by_lines_and_by_http(archive: Path, tmp_path: Path) -> None:
    """One message for a line of standard input, or as many as a request says; not one more."""
    said = tmp_path / "said"
    with stepping(archive, said) as process:
        await until(lambda: "Waiting" in said.read_text())
        urls = dict(line.split(": ", 1) for line in said.read_text().splitlines() if ": " in line)
        control = urls["control"]
        expected = [each.payload for each in messages(archive, "kraken", SYMBOLS["kraken"])]
        assert process.stdin is not None
        async with connected(urls["kraken"].split()[0]) as other:
            for request in requests("kraken", SYMBOLS["kraken"]):
                other.say(request)
            process.stdin.write(b"\n\n\n")
            process.stdin.flush()
            await other.until(lambda: len(data(other.messages)) >= 3)
            told = await asyncio.to_thread(_post, f"{control}/step?count=2")
            assert (told["speed"], told["total"]) == ("step", len(expected))
            await other.until(lambda: len(data(other.messages)) >= 5)
            with pytest.raises(HTTPError, match="400"):
                await asyncio.to_thread(_post, f"{control}/step?count=none")
            process.send_signal(signal.SIGINT)
            await other.until(other.gone.is_set)
            assert data(other.messages) == expected[:5]
        assert await asyncio.to_thread(process.wait, 60) == 0


def _post(url: str) -> Any:  # noqa: ANN401 - JSON is what it is
    with urlopen(Request(url, method="POST")) as answer:  # noqa: S310 - a loopback address
        return json.load(answer)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--feed", "krakn"], 'Did you mean "kraken"'),
        (["--feed", "kraken", "--from", "yesterday"], "is no time"),
        (["--feed", "kraken", "--from", "2026-08-02", "--to", "2026-08-01"], "The range is empty"),
        (["--feed", "kraken", "--from", "2026-08-09"], "It was recorded from 2026-08-01"),
        (["--feed", "kraken", "--speed", "quick"], "is no speed"),
        (["--feed", "kraken", "--speed", "0"], "speed"),
        (["--feed", "kraken", "--feed", "kraken"], "named twice"),
    ],
)
def test_what_cannot_be_replayed_is_refused(archive: Path, arguments: list[str], says: str) -> None:
    """With what is wrong and what to do, before anything listens."""
    answer = ssmd("replay", "--dir", archive, *arguments)
    assert answer.returncode == 2, answer.stderr
    assert says in answer.stderr
