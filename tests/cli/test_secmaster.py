"""What the commands that ask the security master print, and how they refuse."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ssmd.cli.root import root
from ssmd.model.errors import SsmdError
from ssmd.runtime.clock import SystemClock
from ssmd.secmaster.address import Address
from ssmd.secmaster.database import open_database
from tests.secmaster.filled import fill
from tests.secmaster.server import Server, finish, running

WIDE = 80


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A PostgreSQL for these tests."""
    with running(tmp_path_factory.mktemp("postgres")) as made:
        yield made


async def _fill(address: Address) -> None:
    async with open_database(address.url, Path(), SystemClock()) as database:
        await fill(database)
        async with database.writing("clock") as session:
            await session.execute(
                "UPDATE instrument SET status = 'paused' WHERE symbol = 'BTC/USD'"
            )
        async with database.writing("sync") as session:
            await session.execute("DELETE FROM alias WHERE value = 'ETHEUR'")


@pytest.fixture(scope="module")
def full(server: Server) -> Address:
    """A database that nobody here writes to."""
    made = server.migrated()
    finish(_fill(made))
    return made


@pytest.fixture
def own(server: Server) -> Address:
    """A filled database of one test alone."""
    made = server.migrated()
    finish(_fill(made))
    return made


def run(address: Address | None, *arguments: str, given: str | None = None) -> Result:
    """Run a command; a refusal is what `ssmd` would make of it."""
    named = () if address is None else ("--database", address.url)
    environment = {"COLUMNS": str(WIDE), "DATABASE_URL": "", "SSMD_ARCHIVE": ""}
    words = ["secmaster", *arguments, *named]
    return CliRunner().invoke(root, words, env=environment, input=given)


def told(address: Address, *arguments: str, given: str | None = None, code: int = 0) -> Any:  # noqa: ANN401 - JSON
    """The result for a program."""
    answer = run(address, *arguments, "--json", given=given)
    assert answer.exit_code == code, (answer.output, answer.exception)
    return json.loads(answer.stdout.splitlines()[-1])


def test_list(full: Address) -> None:
    """A person sees the names and the count; a program every column, numbers exact."""
    answer = run(full, "list", "--venue", "kraken")
    assert "kraken:BTC/USD" in answer.stdout
    assert "2 instruments." in answer.stdout
    assert run(full, "list", "--limit", "2").stdout.rstrip().endswith("5 not shown (--limit).")
    found = told(full, "list", "--venue", "kraken", "--base", "BTC")
    assert [(row["instrument"], row["tick_size"]) for row in found] == [("kraken:BTC/USD", "0.1")]
    assert len(told(full, "list")) == 7
    assert len(told(full, "list", "--limit", "2")) == 2
    assert told(full, "list", "--as-of", "2020-01-01") == []
    assert told(full, "list", "--unlisted") == []


def test_show(full: Address) -> None:
    """All facts, by any name."""
    answer = run(full, "show", "XXBTZUSD")
    for fact in ("kraken:BTC/USD", "XBT/USD (wsname)", "0.4 % from 0", "paused (online)", "active"):
        assert fact in answer.stdout
    assert all(len(line) <= WIDE for line in answer.stdout.splitlines())
    found = told(full, "show", "KXBTC-26DEC-T1")
    assert found["instrument"]["price_ranges"] == [{"start": "0.01", "end": "0.99", "step": "0.01"}]
    assert found["fee"]["kind"] == "quadratic"
    assert {"scheme": "series_ticker", "value": "KXBTC"} in found["aliases"]
    assert found["instrument"]["close_at"] == "2026-12-01T00:00:00.000000Z"


def test_history(full: Address) -> None:
    """What changed, and who said so."""
    answer = run(full, "history", "BTC/USD")
    assert "status active -> paused" in answer.stdout
    assert "1 versions are not believed any more" in answer.stdout
    assert "to now" in run(full, "history", "BTC/USD", "--all").stdout
    found = told(full, "history", "BTC/USD")
    assert [each["changed"] for each in found][-1] == {"status": ["active", "paused"]}
    assert found[-1]["source"] == "clock"


def test_stats(full: Address) -> None:
    """The keys are a contract with programs."""
    found = told(full, "stats")
    assert found["by_venue"]["kraken"] == {
        "instruments": 2,
        "by_status": {"paused": 2},
        "by_raw_status": {"cancel_only": 1, "online": 1},
        "by_quote": {"EUR": 1, "USD": 1},
    }
    assert "paused 2" in run(full, "stats").stdout


def test_resolve(full: Address, tmp_path: Path) -> None:
    """Each name is answered by itself; one that means nothing makes the command fail."""
    found = told(full, "resolve", "XXBTZUSD", "ETHEUR", "--to", "wsname")
    assert [each["state"] for each in found] == ["found", "ended"]
    assert found[0]["matches"][0]["names"] == ["XBT/USD"]
    assert found[1]["matches"][0]["until"] is not None
    answer = run(full, "resolve", "NOPE", "KXBTC", "XBTUSD")
    assert answer.exit_code == 1
    assert "NOPE: unknown" in answer.stderr
    assert "KXBTC: names 3 instruments" in answer.stderr
    names = tmp_path / "names.txt"
    names.write_text("XBTUSD\n\n XXBTZUSD \n", encoding="utf-8")
    for given, source in (("XBTUSD\nXXBTZUSD\n", "-"), (None, str(names))):
        found = told(full, "resolve", "--from-file", source, given=given)
        assert [each["asked"] for each in found] == ["XBTUSD", "XXBTZUSD"]
    assert [
        each["state"] for each in told(full, "resolve", "XBTUSD", "--at", "2020-01-01", code=1)
    ] == ["unknown"]


def test_search(full: Address) -> None:
    """Typing errors are forgiven."""
    assert (
        told(full, "search", "bitcion", "perpetual")[0]["instrument"] == "kraken_futures:PF_XBTUSD"
    )
    assert "Bitcoin perpetual" in run(full, "search", "bitcoin").stdout
    assert "Nothing fits." in run(full, "search", "zzzqqq").stdout


def test_links(own: Address) -> None:
    """Proposed, confirmed, shown, ended."""
    assert len(told(own, "link", "list", "--proposals")) == 1
    made = told(own, "link", "add", "kraken:BTC/USD", "atlantis:BTCUSD", "--reason", "r")
    number = str(made["id"])
    assert told(own, "show", "kraken:BTC/USD")["links"] == []
    assert run(own, "link", "review", number, "--reason", "r").exit_code == 2
    answer = run(own, "link", "review", number, "--confirm", "--reviewer", "ann", "--reason", "r")
    assert "confirmed" in answer.stdout
    assert f"link {number}" in run(own, "show", "kraken:BTC/USD").stdout
    ended = told(
        own, "link", "end", number, "--at", "2026-01-01", "--reason", "r", "--reviewer", "b"
    )
    assert ended["ends_at"] == "2026-01-01T00:00:00.000000Z"
    assert [each["state"] for each in told(own, "link", "list")] == ["confirmed"]
    assert told(own, "link", "list", "--proposals") == []


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (("show", "kraken:BTCUSDX"), "Did you mean", 2),
        (("show", "KXBTC"), "names 3 instruments", 2),
        (("show", "BTC/USD", "--as-of", "2020-01-01"), "not listed then", 2),
        (("list", "--venue", "krakn"), 'Did you mean "kraken"?', 2),
        (("list", "--known-at", "2200-01-01"), "obody knows yet", 2),
        (("history", "NOPE"), "no instrument 'NOPE'", 2),
        (("link", "end", "99", "--reason", "r"), "no link 99", 2),
    ],
)
def test_what_cannot_be_answered_is_refused(
    full: Address, arguments: tuple[str, ...], said: str, code: int
) -> None:
    """One sentence, with what to do; never an empty table for a typing error."""
    answer = run(full, *arguments)
    assert isinstance(answer.exception, SsmdError), answer.output
    assert said in str(answer.exception)
    assert answer.exception.exit_code == code


@pytest.mark.parametrize(
    "arguments",
    [
        ("resolve",),
        ("list", "--closes-within", "soon"),
        ("list", "--unlisted", "--all"),
        ("list", "--status", "open"),
        ("list", "--as-of", "yesterday"),
        ("search",),
    ],
)
def test_wrong_words_are_refused(full: Address, arguments: tuple[str, ...]) -> None:
    """Before anything is asked."""
    assert run(full, *arguments).exit_code == 2


@pytest.mark.parametrize("arguments", [("list",), ("stats",), ("show", "X"), ("search", "x")])
def test_an_empty_security_master_says_so(server: Server, arguments: tuple[str, ...]) -> None:
    """Nothing listed, because nobody synced yet."""
    answer = run(server.migrated(), *arguments)
    assert isinstance(answer.exception, SsmdError)
    assert "ssmd secmaster sync" in str(answer.exception)
    assert answer.exception.exit_code == 1


@pytest.mark.parametrize(
    "arguments", [("list",), ("show", "X"), ("history", "X"), ("stats",), ("resolve", "X"),
                  ("search", "x"), ("link", "list")],
)  # fmt: skip
def test_reading_makes_no_database(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """A wrong directory is answered, not filled with a server's files."""
    answer = run(None, *arguments, "--dir", str(tmp_path / "data"))
    assert isinstance(answer.exception, SsmdError)
    assert "There is no security master in" in str(answer.exception)
    assert list(tmp_path.iterdir()) == []
