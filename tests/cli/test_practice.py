"""Practice accounts: made up, private, and as the venue's own door wants them."""

import stat
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ssmd.cli.practice import key_config, open_account
from ssmd.feeds.environment import EnvironmentConfig
from ssmd.model.venue import Account, Credential

ACCOUNT = Account(
    credentials=(Credential("api_key"), Credential("private_key", "rsa_private_key")),
    where="nowhere",
    check=lambda _: [],
)


def test_credentials_reach_a_connector_through_files_of_ours(tmp_path: Path) -> None:
    """The same way a real key takes: 0600, named by field."""
    files = open_account(ACCOUNT, tmp_path / "practice" / "venue")
    assert [stat.S_IMODE(path.stat().st_mode) for path in files.values()] == [0o600, 0o600]
    environment = EnvironmentConfig(name="demo", keys={"feed": key_config("venue", files)})
    found = environment.secrets()
    assert found["api_key"] == "practice"
    key = serialization.load_pem_private_key(found["private_key"].encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048


def test_a_second_opening_makes_new_ones(tmp_path: Path) -> None:
    """Nothing of an earlier run opens a door."""
    before = open_account(ACCOUNT, tmp_path)["private_key"].read_bytes()
    assert open_account(ACCOUNT, tmp_path)["private_key"].read_bytes() != before
