"""`ssmd backfill`: what it asks, what it keeps, and what it says when it cannot have everything."""

import asyncio
import json
import signal
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
import yaml
from click.testing import CliRunner

from ssmd.archive import reader
from ssmd.archive.errors import DiskRefused
from ssmd.archive.verify import verify
from ssmd.archive.writer import Archive
from ssmd.cli import backfilling
from ssmd.cli.backfill import _may_be_told, backfill
from ssmd.cli.backfilling import Filled, fill
from ssmd.feeds import registry
from ssmd.feeds.feed import FeedConfig
from ssmd.model.envelope import BACKFILL, CONNECTION, LEDGER, REST, SENT, Envelope
from ssmd.model.errors import ConfigError, SsmdError
from ssmd.model.missing import Missing
from ssmd.model.records import (
    Acknowledged,
    Backfilled,
    Closed,
    Opened,
    Wanted,
    decode_connection,
    decode_ledger,
)
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime.clock import SystemClock
from ssmd.sim.manual_clock import ManualClock
from tests.archive.made import Talk
from tests.connector.parts import until
from tests.e2e.command import last, running, ssmd
from tests.e2e.kept import files
from tests.venues.made import no_rest

FEED = "kraken"
SYMBOLS = ("ADA/USD", "BTC/USD")
BEGUN = SystemClock().wall() // SECOND_NS * SECOND_NS - 3600 * SECOND_NS


class Exchange:
    """A venue's `Trades`: one trade a second for each pair.

    Attributes:
        url: Its address.
        asked: Pair and `since` of every request.
        answer: Called with the pair before an answer; may give another status and body, or wait.
    """

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[tuple[str, int]] = []
        self.answer: Callable[[str], tuple[int, bytes] | None] = lambda _: None

    def page(self, pair: str, since: int) -> bytes:
        """The trades from a time on, a hundred at most."""
        first = since // SECOND_NS + 1
        trades = [
            ["1.5", "2.0", float(second), "b", "l", "", second]
            for second in range(first, first + 100)
        ]
        return json.dumps({"error": [], "result": {pair: trades, "last": "0"}}).encode()


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    """It runs in a thread: the command has a loop of its own."""
    made = Exchange()

    def get(handler: BaseHTTPRequestHandler) -> None:
        query = parse_qs(urlsplit(handler.path).query)
        pair, since = query["pair"][0], int(query["since"][0])
        made.asked.append((pair, since))
        status, body = made.answer(pair) or (200, made.page(pair, since))
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    named = {"do_GET": get, "log_message": lambda *_: None}
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), type("Handler", (BaseHTTPRequestHandler,), named)
    )
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


def at(second: float) -> int:
    return BEGUN + round(second * SECOND_NS)


def held(talk: Talk, since: float, until_: float) -> Iterator[Envelope]:
    """A connection that holds the trades of both pairs."""
    talk.ts = at(since)
    opened = talk.opened()
    venue = opened.payload.replace(b'"venue":"test"', f'"venue":"{FEED}"'.encode())
    yield msgspec.structs.replace(opened, payload=venue)
    for symbol in SYMBOLS:
        yield talk.said(LEDGER, Wanted(channel="trade", symbol=symbol, reason="start"))
    for symbol in SYMBOLS:
        yield talk.said(LEDGER, Acknowledged(channel="trade", symbol=symbol, ordinal=0))
    frames = talk.frames(2)
    yield frames[0]
    yield msgspec.structs.replace(frames[1], ts_recv=at(until_))
    talk.ts = at(until_)
    yield talk.closed()


@pytest.fixture
def root(tmp_path: Path, exchange: Exchange) -> Path:
    """An archive whose two connections were half a minute apart, and where its venue is now."""
    root = tmp_path / "data"
    archive = Archive(root, "TEST", clock=SystemClock())
    first = Talk(ts=at(0), feed=FEED)
    second = Talk(ts=at(90), previous=first.id, feed=FEED)
    for envelope in (*held(first, 0, 60), *held(second, 90, 120)):
        archive.put(envelope)
    archive.commit()
    archive.seal_all()
    archive.close()
    told = registry.load_feed(FEED)
    told = told.with_endpoint(told.versions[-1].endpoint, {"main": exchange.url})
    config = root / ".run" / "config" / f"connector-{FEED}.yaml"
    config.parent.mkdir(parents=True)
    config.write_text(yaml.safe_dump(msgspec.to_builtins(told, str_keys=True)))
    return root


def ask(root: Path, *more: str) -> tuple[int, dict[str, Any]]:
    """Exit code and result, in this process."""
    answer = CliRunner().invoke(backfill, [str(root), "--json", *more])
    if answer.exception is not None and not isinstance(answer.exception, SystemExit):
        raise answer.exception
    return answer.exit_code, json.loads(answer.stdout.splitlines()[-1])


def pages(root: Path) -> list[Backfilled]:
    found = (decode_ledger(line.envelope.payload) for line in reader.read(root, type=LEDGER))
    return [record for record in found if isinstance(record, Backfilled)]


def test_what_is_missing_is_asked_for_and_kept(root: Path, exchange: Exchange) -> None:
    """Both pairs, with margins, on one connection that says why; twice adds nothing."""
    code, dry = ask(root, "--dry-run")
    assert (code, exchange.asked, pages(root)) == (0, [], [])
    assert {(each["instrument"], each["channel"]) for each in dry["missing"]} == {
        (f"{FEED}:{symbol}", "trade") for symbol in SYMBOLS
    }
    code, result = ask(root)
    assert (code, result["missing"]) == (0, dry["missing"])
    (filled,) = result["feeds"]
    assert (filled["spans"], filled["settled"], filled["left"]) == (2, 2, [])
    assert [(r.symbol, r.since, r.until, r.facts) for r in pages(root)] == [
        (symbol, at(58), at(92), 34) for symbol in SYMBOLS
    ]
    assert {record.cause.split()[0] for record in pages(root)} == {"outage"}
    lines = [
        line.envelope for line in reader.read(root) if f"{FEED}-rest-" in line.envelope.connection
    ]
    assert [line.type for line in lines] == [
        CONNECTION, *(SENT, BACKFILL, LEDGER, LEDGER) * 2, CONNECTION,
    ]  # fmt: skip
    opened = decode_connection(lines[0].payload)
    assert isinstance(opened, Opened)
    assert (opened.reason, opened.shard, opened.endpoint) == ("backfill", "rest", exchange.url)
    assert verify(root).ok
    before, asked = files(root), list(exchange.asked)
    assert ask(root) == (0, {"missing": [], "feeds": [], "unknown": [], "interrupted": False})
    assert (files(root), exchange.asked) == (before, asked)


def test_it_can_be_narrowed(root: Path, exchange: Exchange) -> None:
    """By instrument, channel, time; a feed may be named by another file with other addresses."""
    symbol = SYMBOLS[0]
    assert len(ask(root, "--instrument", symbol, "--dry-run")[1]["missing"]) == 1
    assert len(ask(root, "--instrument", f"{FEED}:{symbol}", "--dry-run")[1]["missing"]) == 1
    assert ask(root, "--to", str(at(50)), "--dry-run")[1]["missing"] == []
    found = ask(root, "--from", str(at(70)), "--to", str(at(80)), "--dry-run")[1]["missing"]
    assert len(found) == 2
    config = root / ".run" / "config" / f"connector-{FEED}.yaml"
    moved = config.rename(root / "moved.yaml")
    code, result = ask(root, "--feed", str(moved), "--channel", "trade", "--instrument", symbol)
    assert (code, result["feeds"][0]["settled"]) == (0, 1)
    assert {record.symbol for record in pages(root)} == {symbol}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((404, b"gone away"), "status 404"),
        ((200, b'{"error":["EQuery:Unknown asset pair"]}'), "Unknown asset pair"),
        ((200, b'{"error":[],"result":{}}'), "cannot be understood"),
    ],
)
def test_what_cannot_be_had_is_said_and_the_rest_is_had(
    root: Path, exchange: Exchange, answer: tuple[int, bytes], why: str
) -> None:
    """Exit 1, with who, when and why; and it is asked for again the next time."""
    exchange.answer = lambda pair: answer if pair.startswith("ADA") else None
    code, result = ask(root)
    (filled,) = result["feeds"]
    (left,) = filled["left"]
    assert (code, filled["settled"]) == (1, 1)
    assert (left["instrument"], left["channel"]) == (f"{FEED}:{SYMBOLS[0]}", "trade")
    assert why in left["why"]
    assert left["remedy"]
    assert {record.symbol for record in pages(root)} == {SYMBOLS[1]}
    text = CliRunner().invoke(backfill, [str(root)]).stdout
    assert "NOT HAD" in text
    assert why in text
    exchange.answer = lambda _: None
    assert ask(root)[0] == 0
    kinds = {line.envelope.type for line in reader.read(root) if line.envelope.ordinal is not None}
    assert (REST in kinds) == (answer[0] != 200)
    assert verify(root).ok


async def test_a_silent_venue_is_left_alone(
    root: Path, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a few spans without any answer the others are not even asked for."""
    monkeypatch.setattr(backfilling, "_SILENT", 1)
    exchange.answer = lambda _: (503, b"")
    clock, filled = ManualClock(), Filled(feed=FEED)
    feed = registry.load_feed(root / ".run" / "config" / f"connector-{FEED}.yaml")
    spans = [
        Missing(channel="trade", symbol=symbol, since=at(0), until=at(9), cause="asked")
        for symbol in SYMBOLS
    ]
    asking = asyncio.create_task(
        fill(root, feed, spans, filled, clock=clock, progress=lambda *_: None)
    )
    await until(asking.done, clock)
    await asking
    assert {pair for pair, _ in exchange.asked} == {exchange.asked[0][0]}
    assert [left.instrument for left in filled.left] == [f"{FEED}:{s}" for s in SYMBOLS]
    assert all("503" in left.why for left in filled.left)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_ended_in_the_middle_it_goes_on_there(
    root: Path, exchange: Exchange, number: signal.Signals
) -> None:
    """What was kept stays, proved and closed; the next run asks for the rest alone."""
    hold = threading.Event()
    exchange.answer = lambda pair: (
        (hold.wait(20), None)[1] if "BTC" in pair or "XBT" in pair else None
    )
    with running(root.parent / "run", "backfill", str(root), "--json") as command:
        await command.until(lambda: len(exchange.asked) > 1, "the second pair to be asked for")
        assert [record.symbol for record in pages(root)] == [SYMBOLS[0]]
        command.signal(number)
        code = await command.ended()
        hold.set()
        if number is not signal.SIGKILL:
            assert code == 130
            assert command.result["interrupted"] is True
            assert command.result["feeds"][0]["settled"] == 1
            assert "Traceback" not in command.err
    asked = len(exchange.asked)
    assert (await asyncio.to_thread(ask, root))[0] == 0
    assert len(exchange.asked) == asked + 1
    assert sorted(record.symbol for record in pages(root)) == list(SYMBOLS)
    lives = [
        decode_connection(line.envelope.payload) for line in reader.read(root, type=CONNECTION)
    ]
    ends = [each.by for each in lives if isinstance(each, Closed)]
    assert len(ends) == len(lives) / 2 == 4
    assert ("recovery" in ends) == (number is signal.SIGKILL)
    assert verify(root).ok


def test_a_full_disk_ends_it(
    root: Path, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, saying so: to ask for what cannot be kept helps nobody. Later it goes on."""
    commit, commits = Archive.commit, []

    def full(archive: Archive) -> object:
        commits.append(archive)
        if len(commits) > 1:
            raise DiskRefused(root, OSError(28, "No space left on device"))
        return commit(archive)

    with monkeypatch.context() as patched:
        patched.setattr(Archive, "commit", full)
        with pytest.raises(DiskRefused):
            ask(root)
    assert len({pair for pair, _ in exchange.asked}) == 1
    assert ask(root)[0] == 0
    assert sorted(record.symbol for record in pages(root)) == list(SYMBOLS)
    assert verify(root).ok


def test_a_feed_that_is_not_configured_here_is_left_out(root: Path, exchange: Exchange) -> None:
    """It is said so, and what it lacks makes the exit code 1; the others are asked all the same."""
    strange = Archive(root, "STRANGE", clock=SystemClock())
    lives = Talk(ts=at(0), feed="strange"), Talk(ts=at(90), feed="strange")
    lives[1].previous = lives[0].id
    for envelope in held(lives[0], 0, 60):
        strange.put(envelope)
    strange.commit()
    code, dry = ask(root, "--dry-run", "--to", str(at(59)))
    assert (code, [(each["feed"], each["spans"]) for each in dry["unknown"]]) == (
        0,
        [("strange", 0)],
    )
    for envelope in held(lives[1], 90, 120):
        strange.put(envelope)
    strange.commit()
    strange.seal_all()
    strange.close()
    code, result = ask(root)
    (unknown,) = result["unknown"]
    assert (code, unknown["feed"], unknown["spans"]) == (1, "strange", 2)
    assert "no feed 'strange'" in unknown["why"]
    assert [(filled["feed"], filled["settled"]) for filled in result["feeds"]] == [(FEED, 2)]
    said = CliRunner().invoke(backfill, [str(root)])
    assert (said.exit_code, "LEFT OUT: strange" in said.stdout) == (1, True)


def test_wrong_input_is_refused_in_a_sentence(root: Path, tmp_path: Path) -> None:
    """Exit 2, and what to type instead; nobody is asked, nothing is written."""
    before = files(root)
    (tmp_path / "empty").mkdir()
    wrong: list[tuple[tuple[str | Path, ...], str]] = [
        ((tmp_path / "nowhere",), "does not exist"),
        ((tmp_path / "empty",), "no archive"),
        ((root, "--feed", "krakn"), "Did you mean"),
        ((root, "--feed", "krakn"), f"Recorded are: {FEED}."),
        ((root, "--feed", "kalshi"), "no feed 'kalshi'"),
        ((root, "--instrument", "ADA/UDS"), "ADA/USD"),
        ((root, "--channel", "book"), "nothing of the past of 'book'"),
        ((root, "--channel", "trades"), 'Did you mean "trade"'),
        ((root, "--from", "yesterday"), "is no time"),
        ((root, "--from", "2026-01-02", "--to", "2026-01-01"), "after --from"),
    ]
    for arguments, words in wrong:
        answer = CliRunner().invoke(backfill, [str(each) for each in arguments])
        remedy = getattr(answer.exception, "remedy", "")
        said = f"{answer.output} {answer.exception or ''} {remedy}"
        code = getattr(answer.exception, "exit_code", answer.exit_code)
        assert (code, words in said) == (2, True), (arguments, code, said)
    whole = ssmd("backfill", root, "--feed", "krakn")
    assert (whole.returncode, whole.stderr[:7]) == (2, "Error: ")
    assert last(ssmd("backfill", root, "--dry-run", "--json"))["missing"]
    assert files(root) == before


def test_a_venue_without_history_is_refused_by_name_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Named, it is a mistake; among others of an archive, it is passed over."""
    feed: FeedConfig = registry.load_feed(FEED)
    mute = msgspec.structs.replace(registry.venue(feed), rest=no_rest())
    monkeypatch.setattr(registry, "venue", lambda _: mute)
    assert not _may_be_told(feed, None, is_named=False)
    with pytest.raises(ConfigError, match="keeps no history"):
        _may_be_told(feed, None, is_named=True)


def test_two_at_once_would_ask_twice(root: Path) -> None:
    """The second is told who is at it."""
    archive = Archive(root, f"backfill-{FEED}", clock=SystemClock())
    try:
        with pytest.raises(SsmdError) as refused:
            ask(root)
        assert refused.value.exit_code == 2
    finally:
        archive.close()
