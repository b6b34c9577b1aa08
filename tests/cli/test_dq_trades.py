"""`ssmd dq trades`: what it says, to whom, and with which exit code."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from click.testing import CliRunner, Result

from ssmd.cli.root import root as command
from ssmd.feeds import registry
from ssmd.model.envelope import LEDGER
from ssmd.model.errors import SsmdError
from ssmd.model.records import Wanted
from ssmd.model.timestamp import SECOND_NS, format_rfc3339
from ssmd.runtime.clock import SystemClock
from ssmd.secmaster import trades_run
from ssmd.secmaster.address import Address
from ssmd.secmaster.database import open_database
from tests.access.made import FEED, Made, Recorder, Recording
from tests.cli.test_backfill import BEGUN, Exchange, exchange
from tests.secmaster.server import Server, finish, running

__all__ = ["exchange"]

SYMBOL = "BTC/USD"
SECONDS = 60
END = format_rfc3339(BEGUN + SECONDS * SECOND_NS)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A PostgreSQL for these tests."""
    with running(tmp_path_factory.mktemp("postgres")) as made:
        yield made


def made(second: int) -> Made:
    """The trade that the exchange has at a second."""
    ts = BEGUN + second * SECOND_NS
    return Made(SYMBOL, Decimal("1.5"), Decimal(2), "buy", ts // SECOND_NS, ts + 5_000_000, ts)


def recorded(
    root: Path, exchange: Exchange, *, without: int | None = None, books: str | None = None
) -> Path:
    """An archive of a minute and its surroundings, still being written, and where its venue is.

    Of one instrument the feed may have books alone.
    """
    recorder = Recorder(root, interval_s=900)
    talk = Recording(BEGUN - 10 * SECOND_NS)
    seconds = [each for each in range(-8, SECONDS + 8) if each != without]
    recorder.write([*talk.begin(), *(talk.trade(made(each)) for each in seconds)])
    if books is not None:
        recorder.write([talk.said(LEDGER, Wanted(channel="book", symbol=books, reason="start"))])
    told = registry.load_feed(FEED)
    told = told.with_endpoint(told.versions[-1].endpoint, {"main": exchange.url})
    config = root / ".run" / "config" / f"connector-{FEED}.yaml"
    config.parent.mkdir(parents=True)
    config.write_text(yaml.safe_dump(msgspec.to_builtins(told, str_keys=True)))
    return root


def run(root: Path, *more: str, database: Address | None = None) -> Result:
    """Run the command on the minute; a refusal is what `ssmd` would make of it."""
    words = ["dq", "trades", str(root), "--venue", FEED, "--instrument", SYMBOL]
    words += ["--window", f"{SECONDS}s", "--end", END, *more]
    words += [] if database is None else ["--database", database.url]
    return CliRunner().invoke(command, words, env={"DATABASE_URL": ""})


def told(answer: Result) -> dict[str, Any]:
    """The result for a program."""
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


def test_all_is_there(tmp_path: Path, exchange: Exchange) -> None:
    """Exit 0; what is being written at this moment counts; a venue's cents and digits are exact."""
    root = recorded(tmp_path / "data", exchange)
    answer = run(root, "--json")
    found = told(answer)
    assert (answer.exit_code, found["status"]) == (0, "OK")
    assert (found["api"], found["matched"], found["match_rate"]) == (SECONDS, SECONDS, 1.0)
    assert (found["from"], found["to"]) == (format_rfc3339(BEGUN), END)
    assert Decimal(found["size"]["api"]) == Decimal(found["size"]["archive"]) == 2 * SECONDS
    assert (found["kept"], found["feed"], "trades" in found) == (False, FEED, False)
    text = run(root)
    assert (text.exit_code, f"{SECONDS} are archived: 100.0000% match" in text.stdout) == (0, True)


def test_one_is_missing_and_that_is_kept(
    tmp_path: Path, exchange: Exchange, server: Server
) -> None:
    """Exit 1; `--detailed` names it by id and time; the database remembers it."""
    root = recorded(tmp_path / "data", exchange, without=30)
    address = server.migrated()
    answer = run(root, "--json", "--detailed", database=address)
    found = told(answer)
    assert (answer.exit_code, found["status"], found["missing"]) == (1, "WARN(missing)", 1)
    (listed,) = found["trades"]
    assert (listed["what"], listed["ts"]) == ("missing", format_rfc3339(made(30).ts_event))
    assert (listed["id"], found["kept"]) == (str(made(30).number), True)

    async def last() -> list[trades_run.TradesRun]:
        async with open_database(address.url, tmp_path, SystemClock()) as database:
            return await trades_run.last(database, FEED, SYMBOL, 5)

    (run_,) = finish(last())
    assert (run_.matched, run_.missing, run_.since) == (SECONDS - 1, 1, BEGUN)
    text = run(root, "--detailed").stdout
    assert "missing 1 (0 on record" in text
    assert str(made(30).number) in text


def test_a_venue_that_is_away(tmp_path: Path, exchange: Exchange) -> None:
    """Exit 1, and UNKNOWN: nothing is called missing, or well."""
    exchange.answer = lambda _: (404, b"gone")
    answer = run(recorded(tmp_path / "data", exchange))
    assert answer.exit_code == 1
    assert "UNKNOWN" in answer.stdout
    assert "404" in answer.stdout
    assert f"{SECONDS} trades are archived" in answer.stdout


def test_trades_that_nobody_wanted_are_not_missing(tmp_path: Path, exchange: Exchange) -> None:
    """The feed has books of it alone: the venue is not asked, and nothing is called missing."""
    root = recorded(tmp_path / "data", exchange, books="XRP/USD")
    answer = run(root, "--instrument", "XRP/USD", "--json")
    assert (answer.exit_code, told(answer)["status"], exchange.asked) == (1, "UNKNOWN", [])
    assert "did not subscribe to its trades" in told(answer)["why"]


def test_what_is_only_in_part_compared_is_not_well(tmp_path: Path, exchange: Exchange) -> None:
    """Exit 1, although all that could be read is there: nobody knows what the rest was."""

    def spoiled(pair: str) -> tuple[int, bytes]:
        page = json.loads(exchange.page(pair, exchange.asked[-1][1]))
        page["result"][pair][-1][1] = None  # behind the window
        return 200, json.dumps(page).encode()

    exchange.answer = spoiled
    answer = run(recorded(tmp_path / "data", exchange), "--json")
    assert (answer.exit_code, told(answer)["status"]) == (1, "OK")
    assert "cannot be read" in told(answer)["why"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--venue", "krakn"), "Did you mean"),
        (("--instrument", "NOPE/USD"), "no instrument"),
        (("--window", "0s"), "no duration"),
        (("--window", "ten"), "no duration"),
        (("--end", "noon"), "is no time"),
        (("--end", "2200-01-01"), "in the future"),
        (("--end", "1970-01-01T00:00:30"), "before 1970"),
        (("--feed", "kalshi"), "not of"),
    ],
)
def test_wrong_input_is_refused(
    tmp_path: Path, exchange: Exchange, more: tuple[str, ...], words: str
) -> None:
    """Exit 2 and a sentence; the venue is not asked."""
    answer = run(recorded(tmp_path / "data", exchange), *more)
    error = answer.exception
    code = error.exit_code if isinstance(error, SsmdError) else answer.exit_code
    assert (code, words in f"{answer.output} {error}") == (2, True), (answer.output, error)
    assert exchange.asked == []


def test_a_database_that_is_away_costs_nothing_else(tmp_path: Path, exchange: Exchange) -> None:
    """The comparison stands, and it is said that it was not kept."""
    root = recorded(tmp_path / "data", exchange)
    away = "postgresql://nobody@127.0.0.1:1/none"
    answer = run(root, "--json", "--database", away)
    assert (answer.exit_code, told(answer)["status"], told(answer)["kept"]) == (0, "OK", False)
    assert "was not kept" in answer.stderr
