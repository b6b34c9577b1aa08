"""A venue with an account: what is asked for, what is refused, and that no secret is ever told."""

import re
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import CompletedProcess

import msgspec
import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ssmd.archive import layout, reader
from ssmd.archive.verify import verify
from ssmd.cli.practice import open_account
from ssmd.feeds import registry
from ssmd.feeds.machine import MachineConfig
from ssmd.runtime import settings
from ssmd.runtime.scrape import scrape
from ssmd.runtime.service import read_run_file
from ssmd.sim import control
from tests.e2e.acts import until
from tests.e2e.command import run_file, running, ssmd

pytestmark = pytest.mark.e2e

CLOSED = "kalshi"
NO_KEYS = {"KALSHI_API_KEY": "", "KALSHI_PRIVATE_KEY": ""}
"""Whatever account the developer has."""
KEY_ID = "0f1e2d3c-an-id-of-ours-4b5a69788796"
PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8
PLAIN = serialization.NoEncryption()
RSA = rsa.generate_private_key(65537, 2048)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes = b"") -> str:
    """A private key as a file has it."""
    hidden = serialization.BestAvailableEncryption(password) if password else PLAIN
    return key.private_bytes(PEM, PKCS8, hidden).decode()


def tells_nothing(secrets: list[str], root: Path, *texts: str | bytes) -> None:
    """No text and no file below a folder holds a secret, or a line of one."""
    lines = [line for each in secrets for line in each.splitlines() if "-----" not in line]
    pieces = [line[:32] for line in lines if line]
    assert pieces
    found = {f"text {n}": t.encode() if isinstance(t, str) else t for n, t in enumerate(texts)}
    found |= {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    for where, content in found.items():
        assert not [piece for piece in pieces if piece.encode() in content], where


def test_a_secret_in_a_log_would_be_found(tmp_path: Path) -> None:
    """The search finds what it looks for: a line of a key, deep in a folder."""
    (tmp_path / "logs").mkdir()
    tells_nothing([pem(RSA)], tmp_path, "a text")
    (tmp_path / "logs" / "a.log").write_text(f"error: {pem(RSA).splitlines()[3]}")
    with pytest.raises(AssertionError, match=r"a\.log"):
        tells_nothing([pem(RSA)], tmp_path)


def up(folder: Path, *words: str | Path, **env: str) -> CompletedProcess[str]:
    """`ssmd up` in a folder of its own; it is refused before anything starts."""
    answer = ssmd("up", *words, cwd=folder, **{**NO_KEYS, **env})
    assert answer.returncode == 2, answer
    assert answer.stdout == ""
    assert "Traceback" not in answer.stderr
    assert not (folder / "data").exists()
    return answer


def test_without_keys_it_says_what_to_get_and_where(tmp_path: Path) -> None:
    """The first thing most people will see of this feed: it must be enough to go on."""
    said = up(tmp_path, "--feed", CLOSED).stderr
    for words in ("KALSHI_API_KEY", "KALSHI_PRIVATE_KEY", "kalshi.com", "PEM", "mode 0600"):
        assert words in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "broken",
    [
        "not a pem, and as secret as if it were one",
        pem(RSA)[: len(pem(RSA)) // 2],
        pem(RSA).replace("\n", "\n\n" + "A" * 64 + "\n", 1),
        pem(ec.generate_private_key(ec.SECP256R1())),
        pem(RSA, b"a passphrase"),
    ],
    ids=["text", "cut", "damaged", "of another kind", "encrypted"],
)
def test_a_broken_key_is_refused_and_not_repeated(broken: str, tmp_path: Path) -> None:
    """What is wrong is said without showing it: the sentence ends up in logs and issues."""
    env = {"KALSHI_API_KEY": KEY_ID, "KALSHI_PRIVATE_KEY": broken}
    said = up(tmp_path, "--feed", CLOSED, **env).stderr
    assert "`private_key`" in said
    tells_nothing([KEY_ID, broken], tmp_path, said)


def machine(folder: Path, feed: str | Path, keys: Mapping[str, Sequence[str]]) -> Path:
    """An ssmd.yaml with one feed, and keys by name: the places of id and private key."""
    file = folder / "ssmd.yaml"
    tree = {
        "dir": "./data",
        "feeds": [{"feed": str(feed)}],
        "keys": {
            name: {
                "type": "api_key",
                "fields": ["api_key", "private_key"],
                "source": f"{kind}:{','.join(places)}",
            }
            for name, (kind, *places) in keys.items()
        },
    }
    file.write_text(yaml.safe_dump(tree))
    return file


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """A key that a colleague can copy is no longer ours alone: the mode is named, and the cure."""
    folder = tmp_path / "keys"
    folder.mkdir()
    places = folder / "id", folder / "pem"
    for path, text in zip(places, (KEY_ID, pem(RSA)), strict=True):
        path.write_text(text)
        path.chmod(0o600)
    places[1].chmod(0o644)
    machine(tmp_path, CLOSED, {CLOSED: ("file", *map(str, places))})
    said = up(tmp_path).stderr
    assert f"{places[1]} has mode 0644" in said
    assert f"chmod 600 {places[1]}" in said
    tells_nothing([KEY_ID, pem(RSA)], tmp_path / "nowhere", said)


def test_keys_of_other_feeds_do_not_open_this_one(tmp_path: Path) -> None:
    """A key with another feed's name is not tried here: it would be shown to the wrong venue."""
    others = dict.fromkeys(("polymarket", "kraken-futures"), ("env", "K", "P"))
    machine(tmp_path, CLOSED, others)
    said = up(tmp_path, K=KEY_ID, P=pem(RSA)).stderr
    assert "KALSHI_API_KEY" in said
    assert "Two keys" not in said
    tells_nothing([KEY_ID, pem(RSA)], tmp_path, said)


def test_init_mentions_the_closed_feed_and_names_it_when_asked(tmp_path: Path) -> None:
    """What `ssmd init` writes runs at once; taking a `#` away is all that a key needs."""
    file = tmp_path / "ssmd.yaml"
    assert ssmd("init", cwd=tmp_path, **NO_KEYS).returncode == 0
    names = [each.feed for each in settings.load(file, MachineConfig).feeds]
    accounts = {n: registry.venue(registry.load_feed(n)).account for n in registry.names()}
    assert names == [name for name, account in accounts.items() if account is None]
    assert CLOSED not in names
    text = file.read_text()
    assert re.search(rf"^ *# - feed: '?{CLOSED}", text, re.MULTILINE)
    assert "chmod 600" in text

    assert ssmd("init", "--force", "--feed", CLOSED, cwd=tmp_path, **NO_KEYS).returncode == 0
    assert [each.feed for each in settings.load(file, MachineConfig).feeds] == [CLOSED]
    text = file.read_text()
    file.write_text(re.sub(r"(?m)^# (keys:|  \S|    \S)", r"\1", text))
    (key,) = settings.load(file, MachineConfig).keys.values()
    assert (key.type, key.fields) == ("api_key", ("api_key", "private_key"))
    said = up(tmp_path).stderr
    assert key.source.removeprefix("file:").partition(",")[0] in said


@asynccontextmanager
async def venue(folder: Path) -> AsyncIterator[tuple[Path, Path, Path]]:
    """A simulated venue with an account: its ledger, a feed.yaml that leads there, the key."""
    account = registry.venue(registry.load_feed(CLOSED)).account
    assert account is not None
    files = open_account(account, folder / "account")
    files["api_key"].write_text(KEY_ID)
    ledger, runs = folder / "ledger", folder / "runs"
    words = ["sim", "run", "--venue", CLOSED, "--ledger", str(ledger), "--run-dir", str(runs)]
    for field, path in files.items():
        words += ["--secret", f"{field}={path}"]
    with running(folder / "sim", *words, "--rate", "200") as sim:
        where = await run_file(sim, runs / f"sim-{CLOSED}.json")
        feed = registry.load_feed(CLOSED)
        rest = {name: f"{where['rest']}/{name}" for name in registry.venue(feed).rest.services}
        file = folder / "feed.yaml"
        plain = msgspec.to_builtins(feed.with_endpoint(str(where["url"]), rest), str_keys=True)
        file.write_text(yaml.safe_dump(plain))
        yield ledger, file, files["private_key"]
        sim.signal(signal.SIGTERM)


async def recorded(root: Path, *, ended: int) -> None:
    """Wait until frames come, after so many connections that ended."""

    async def holds() -> bool:
        told = read_run_file(layout.run_folder(root) / f"connector-{CLOSED}.json")
        if told is None:
            return False
        samples = await scrape(told.health)
        return (
            samples.total("ssmd_connector_shard_reconnects_total") >= ended
            and samples.total("ssmd_connector_markets_receiving") > 0
        )

    await until(holds, f"frames to come after {ended} connections that ended")


async def test_the_right_keys_open_the_door_and_are_written_nowhere(tmp_path: Path) -> None:
    """From two variables to frames, over a reconnect that is signed anew, without a trace."""
    folder = tmp_path / "machine"
    folder.mkdir()
    async with venue(tmp_path) as (ledger, feed, key):
        others = dict.fromkeys(("polymarket", "kraken-futures"), ("env", "K", "P"))
        config = machine(folder, feed, others)
        env = {"KALSHI_API_KEY": KEY_ID, "KALSHI_PRIVATE_KEY": key.read_text()}
        words = ("up", "--config", str(config), "--dir", str(folder / "data"))
        with running(folder / "up", *words, **env, K="of-another", P="of-another") as command:
            await command.until(lambda: "Logs:" in command.out, "what is recorded")
            await recorded(folder / "data", ended=0)
            control.send(ledger, "abort")
            await recorded(folder / "data", ended=1)
            command.signal(signal.SIGINT)
            assert await command.ended(120.0) == 0, command.err
            secrets = [KEY_ID, key.read_text()]
            tells_nothing(secrets, folder, command.out, command.err)
        tells_nothing(secrets, ledger)
        tells_nothing(secrets, tmp_path / "sim")
    archived = b"\n".join(line.envelope.payload for line in reader.read(folder / "data"))
    assert b"orderbook_delta" in archived
    tells_nothing(secrets, tmp_path / "nowhere", archived)
    report = verify(folder / "data")
    assert report.ok, report.problems
    streaming = [each for each in report.connections if "-rest-" not in each.connection]
    assert len(streaming) >= 2
