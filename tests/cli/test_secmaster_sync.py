"""`ssmd secmaster sync`: what it reads, what it says, and what it refuses."""

import gzip
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from ssmd.bus.embedded import free_ports
from ssmd.cli.durations import DurationType
from ssmd.secmaster.address import Address
from tests.cli.test_commands import ssmd
from tests.secmaster.server import Server, connect, running

_KEYS = ("inserted", "changed", "unchanged", "closed", "reopened", "quarantined")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for this file."""
    with running(tmp_path_factory.mktemp("postgres")) as made:
        yield made


@pytest.fixture
def address(server: Server) -> Iterator[Address]:
    """An empty database with our schema."""
    made = server.migrated()
    try:
        yield made
    finally:
        server.drop(made)


def pair(name: str, status: str = "online", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - fields
    """A pair as the venue lists it."""
    return {
        "altname": name,
        "wsname": f"{name}/EUR",
        "base": name,
        "quote": "ZEUR",
        "pair_decimals": 2,
        "lot_decimals": 8,
        "cost_decimals": 5,
        "ordermin": "1",
        "costmin": "0.5",
        "tick_size": "0.01",
        "status": status,
        "fees": [[0, 0.4]],
        "fees_maker": [[0, 0.25]],
        "fee_volume_currency": "ZUSD",
        **more,
    }


def body(*pairs: dict[str, Any]) -> bytes:
    """A saved answer."""
    return json.dumps({"error": [], "result": {each["altname"]: each for each in pairs}}).encode()


def test_a_saved_body_is_synchronised(address: Address, tmp_path: Path) -> None:
    """Plain or gzipped: the last line is the statement, and the second time nothing is written."""
    plain, packed = tmp_path / "a.json", tmp_path / "a.json.gz"
    plain.write_bytes(body(pair("AAA"), pair("BBB", "post_only")))
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    common = ("--database", address.url, "--dir", str(tmp_path / "d"), "--json")
    answer = ssmd("secmaster", "sync", "kraken", "--from", str(plain), *common)
    assert answer.returncode == 0, answer
    told = json.loads(answer.stdout.splitlines()[-1])
    assert {name: told[name] for name in _KEYS} == {
        **dict.fromkeys(_KEYS, 0),
        "inserted": 2,
    }
    again = ssmd("secmaster", "sync", "kraken", "--from", str(packed), *common)
    told = json.loads(again.stdout.splitlines()[-1])
    assert (told["unchanged"], told["inserted"], told["changed"]) == (2, 0, 0)
    with connect(address) as session:
        rows = session.execute("SELECT symbol, restricted FROM instrument ORDER BY 1").fetchall()
    assert [restricted for _, restricted in rows] == [False, True]


def test_a_dry_run_leaves_nothing(address: Address, tmp_path: Path) -> None:
    """It says what would be done, in words as well."""
    file = tmp_path / "a.json"
    file.write_bytes(body(pair("AAA")))
    answer = ssmd(
        *("secmaster", "sync", "kraken", "--from", str(file), "--dry-run"),
        *("--database", address.url, "--dir", str(tmp_path / "d")),
    )
    assert answer.returncode == 0, answer
    assert "would be: 1 inserted" in answer.stdout
    with connect(address) as session:
        assert session.execute("SELECT count(*) FROM instrument").fetchone() == (0,)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("krakn",), "Did you mean"),
        (("kraken", "--from", "nowhere.json"), "nowhere.json"),
        (("kraken", "--from", "empty.json"), "empty.json"),
        (("kraken", "--from", "bad.json"), "bad.json"),
        (("kraken", "--from", "torn.json.gz"), "torn.json.gz"),
        (("--from", "bad.json"), "VENUE"),
        (("kraken", "--every", "soon"), "30s"),
        (("kraken", "--every", "1h", "--dry-run"), "--every"),
        (("kraken", "--every", "0s"), "30s"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_input_is_refused(
    address: Address, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    """With 2, in a sentence that names what is wrong; the database stays as it is."""
    (tmp_path / "empty.json").touch()
    (tmp_path / "bad.json").write_text('{"no": "listing"}', encoding="utf-8")
    (tmp_path / "torn.json.gz").write_bytes(gzip.compress(body(pair("AAA")))[:-20])
    answer = ssmd(
        *("secmaster", "sync", *arguments, "--database", address.url, "--dir", "d"), cwd=tmp_path
    )
    assert answer.returncode == 2, answer
    assert words in answer.stderr
    assert "Traceback" not in answer.stderr
    with connect(address) as session:
        assert session.execute("SELECT count(*) FROM instrument").fetchone() == (0,)


def test_a_venue_that_does_not_answer_fails_the_round(address: Address, tmp_path: Path) -> None:
    """With 1 and the reason, and nothing is closed; going on with --every ends at a signal with 0."""
    file = tmp_path / "a.json"
    file.write_bytes(body(pair("AAA")))
    common = ("--database", address.url, "--dir", str(tmp_path / "d"))
    assert ssmd("secmaster", "sync", "kraken", "--from", str(file), *common).returncode == 0
    shown = ssmd("feed", "show", "kraken").stdout
    nobody = f'rest: {{main: "http://127.0.0.1:{free_ports(1)[0]}/main"}}'
    feed = tmp_path / "feed.yaml"
    feed.write_text(re.sub(r"(?m)^( *)(endpoint: .*)$", rf"\1\2\n\1{nobody}", shown, count=1))
    order = ("sync", "kraken", "--every", "1h", "--feed", str(feed), *common)
    child = subprocess.Popen(
        [sys.executable, "-m", "ssmd", "secmaster", *order],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stderr is not None
    said = b""
    while not (said := child.stderr.readline()).startswith(b"GET "):
        assert said, "it ended before its first round had failed"
    with connect(address) as session:
        child.send_signal(signal.SIGTERM)
        out, err = child.communicate(timeout=60)
        assert child.returncode == 0, (out, err)
        assert b"Stopped: SIGTERM" in err
        assert session.execute("SELECT listed FROM instrument").fetchall() == [(True,)]


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("1h", 3600), ("1.5d", 129_600), ("7", 7)]
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    """As a person writes it."""
    assert DurationType().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "h", "-1s", "0", "1w", "inf", "nan", "1e9", "10000d"])
def test_no_duration_is_refused(text: str) -> None:
    """Neither nothing, nor for ever, nor words."""
    with pytest.raises(click.BadParameter):
        DurationType().convert(text, None, None)
