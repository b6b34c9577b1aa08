"""What `ssmd doctor` says of keys and venues: tried, and never shown."""

from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ssmd.cli import practice
from ssmd.cli.configured import Plan
from ssmd.feeds import registry
from ssmd.feeds.environment import EnvironmentConfig
from ssmd.model.records import ClockState
from tests.cli.doctored import ACCOUNT, CLOSED, OPEN, bare, checks, mute, plan

__all__ = ["bare"]


# --- keys


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, Path]:
    """A made-up account, in files of its own."""
    assert ACCOUNT is not None
    return practice.open_account(ACCOUNT, tmp_path / "keys")


def keyed(root: Path, files: dict[str, Path]) -> Plan:
    """A plan of the closed venue, with these keys."""
    key = practice.key_config("x", files)
    return plan(root, CLOSED, environment=EnvironmentConfig(name="test", keys={CLOSED: key}))


def secrets_of(files: dict[str, Path]) -> list[str]:
    """Everything that must not be shown: each value, and each line of it."""
    lines = [line for path in files.values() for line in path.read_text().splitlines()]
    return [line for line in lines if not line.startswith("-----") and line != "practice"]


async def test_keys_are_tried_without_a_door(tmp_path: Path, keys: dict[str, Path]) -> None:
    """They are there, they are what the venue takes, and something can be signed with them."""
    found = await checks(keyed(tmp_path, keys))
    check = found[f"keys {CLOSED}"]
    assert check.state in ("ok", "warn")  # whether anybody vouches for the clock is the machine's
    assert "a request was signed with them" in check.seen
    assert secrets_of(keys)
    assert not any(
        secret in msgspec.json.encode(list(found.values())).decode() for secret in secrets_of(keys)
    )


@pytest.mark.parametrize("clock_off_s", [0.02, -6.0, None])
async def test_keys_stamped_by_a_wrong_clock_are_told_of(
    tmp_path: Path,
    keys: dict[str, Path],
    clock_off_s: float | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A venue refuses what is signed for another time, and says nothing of why."""
    state = ClockState(source="unknown" if clock_off_s is None else "kernel", offset_s=clock_off_s)
    monkeypatch.setattr(
        "ssmd.runtime.adjtimex.read", lambda: None if clock_off_s is None else state
    )
    check = (await checks(keyed(tmp_path, keys)))[f"keys {CLOSED}"]
    assert check.state == {0.02: "ok", -6.0: "fail", None: "warn"}[clock_off_s]
    assert ("6.000 s off" in check.seen) is (clock_off_s == -6.0)


@pytest.mark.parametrize("fault", ["missing", "torn", "no pem", "another kind", "exposed", "empty"])
async def test_keys_that_open_nothing_are_told_of(
    tmp_path: Path, keys: dict[str, Path], fault: str
) -> None:
    """Each with the reason and the remedy, none with a line of the key."""
    assert ACCOUNT is not None
    name = next(each.name for each in ACCOUNT.credentials if each.kind == "rsa_private_key")
    path = keys[name]
    text = path.read_text()
    secret = secrets_of(keys)
    if fault == "missing":
        path.unlink()
    elif fault == "torn":
        lines = text.splitlines()
        path.write_text("\n".join([*lines[:5], *lines[6:]]))
    elif fault == "no pem":
        path.write_text("this-is-not-a-pem-at-all")
        secret.append("this-is-not-a-pem-at-all")
    elif fault == "another kind":
        path.write_bytes(elliptic())
    elif fault == "exposed":
        path.chmod(0o644)
    else:
        path.write_text("")
    found = await checks(keyed(tmp_path, keys))
    check = found[f"keys {CLOSED}"]
    assert check.state == "fail", check
    assert check.remedy
    shown = msgspec.json.encode(list(found.values())).decode()
    assert not any(each in shown for each in secret)
    assert found[f"venue {CLOSED}"].state == "skipped"


def elliptic() -> bytes:
    """A private key that is none of RSA."""
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - of this test alone

    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


async def test_missing_keys_of_a_feed_that_nobody_named_are_no_failure(tmp_path: Path) -> None:
    """`ssmd up` leaves such a feed out, and says so."""
    found = await checks(plan(tmp_path, CLOSED, named=False))
    assert found[f"keys {CLOSED}"].state == "warn"
    found = await checks(plan(tmp_path, CLOSED))
    assert found[f"keys {CLOSED}"].state == "fail"


async def test_a_venue_open_to_all_needs_no_keys(tmp_path: Path) -> None:
    """Said, not passed over."""
    check = (await checks(plan(tmp_path, OPEN)))[f"keys {OPEN}"]
    assert check.state == "skipped"
    assert "lets in everybody" in check.seen


@pytest.mark.parametrize("answers", ["mute", "nobody"])
async def test_a_venue_that_cannot_be_reached_fails(tmp_path: Path, answers: str) -> None:
    """Asked at the address that is configured, and at no other."""
    with mute() as port:
        url = f"ws://127.0.0.1:{port if answers == 'mute' else 1}/x"
        feed = registry.load_feed(OPEN).with_endpoint(url, {})
        found = await checks(plan(tmp_path, feeds=(feed,)), offline=False, limit_s=1.0)
    check = found[f"venue {OPEN}"]
    assert check.state == "fail"
    assert url in check.seen
    assert check.remedy


def test_a_made_up_key_is_large_enough(keys: dict[str, Path]) -> None:
    """What the tests above look for is there to be leaked."""
    loaded = [
        serialization.load_pem_private_key(path.read_bytes(), None)
        for path in keys.values()
        if path.read_text().startswith("-----")
    ]
    assert [isinstance(each, rsa.RSAPrivateKey) for each in loaded] == [True]
    assert len(secrets_of(keys)) > 20
