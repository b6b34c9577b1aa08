"""What opens a venue's door: looked for in the keys, then in variables, and never shown."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ssmd.feeds import registry
from ssmd.feeds.account import account_secrets, variables_of
from ssmd.feeds.environment import EnvironmentConfig, KeyConfig
from ssmd.model.errors import ConfigError
from tests.feeds.made import written

CLOSED, OPEN = "kalshi", "kraken"
FIELDS = ("api_key", "private_key")
ID, PRIVATE = "KALSHI_API_KEY", "KALSHI_PRIVATE_KEY"


@pytest.fixture(scope="module")
def pem() -> str:
    """A private key as the venue gives it out."""
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def environment(**keys: KeyConfig) -> EnvironmentConfig:
    """An environment with these keys."""
    return EnvironmentConfig(name="test", keys={n.replace("_", "-"): k for n, k in keys.items()})


def key(*names: str, fields: tuple[str, ...] = FIELDS, required: bool = True) -> KeyConfig:
    """A key whose fields are in these variables."""
    source = f"env:{','.join(names)}"
    return KeyConfig(type="api_key", fields=fields, source=source, required=required)


def found(environ: dict[str, str], keys: EnvironmentConfig | None = None) -> dict[str, str]:
    """What opens the closed venue."""
    feed = registry.load_feed(CLOSED)
    return dict(account_secrets(feed, keys or environment(), environ=environ))


def id_of(environ: dict[str, str], keys: EnvironmentConfig) -> str:
    """Which account is used."""
    return found(environ, keys)[FIELDS[0]]


def refusal(environ: dict[str, str], keys: EnvironmentConfig | None = None) -> str:
    """Why it does not open."""
    with pytest.raises(ConfigError) as caught:
        found(environ, keys)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_the_variables_have_the_names_of_the_venue() -> None:
    """Written in the README and in every refusal: they must be what is looked for."""
    venue = registry.venue(registry.load_feed(CLOSED))
    assert variables_of(venue) == dict(zip(FIELDS, (ID, PRIVATE), strict=True))
    assert variables_of(registry.venue(registry.load_feed(OPEN))) == {}


def test_an_open_venue_asks_for_nothing() -> None:
    """Public data needs no account, and a machine without any records it."""
    feed = registry.load_feed(OPEN)
    assert dict(account_secrets(feed, environment(), environ={})) == {}


def test_variables_alone_are_enough(pem: str) -> None:
    """The quickest way: two variables and no file at all."""
    environ = {ID: "an-id", PRIVATE: pem}
    assert found(environ) == dict(zip(FIELDS, ("an-id", pem.strip()), strict=True))


def test_keys_come_first_and_variables_fill_what_they_leave(pem: str) -> None:
    """What was configured wins over what a shell happens to hold; half a key is completed."""
    environ = {
        "K": "a-value-in-keys",
        ID: "of-the-shell",
        PRIVATE: pem,
    }
    half = environment(kalshi=key("K", fields=("api_key",)))
    assert found(environ, half) == dict(zip(FIELDS, ("a-value-in-keys", pem.strip()), strict=True))


def test_a_key_by_any_other_name_serves_every_feed(pem: str) -> None:
    """A key named for no feed is for whoever can use it."""
    assert id_of({"K": "an-id", "P": pem}, environment(main=key("K", "P"))) == "an-id"


def test_keys_named_for_other_feeds_are_not_used_and_clash_with_nothing(pem: str) -> None:
    """Two venues may both call their fields `api_key`: each feed has its own."""
    environ = {"K": "of-another", "P": pem, ID: "ours", PRIVATE: pem}
    others = {"polymarket": key("K", "P"), "kraken_futures": key("K", "P")}
    assert id_of(environ, environment(**others)) == "ours"
    own = environment(**others, kalshi=key(ID, "P"))
    assert id_of(environ, own) == "ours"
    said = refusal({"K": "of-another", "P": pem}, environment(**others))
    assert ID in said
    assert "Two keys" not in said
    # Nor need the others' be there at all.
    del environ["K"]
    assert id_of(environ, environment(**others)) == "ours"


def test_a_key_of_a_configured_feed_is_for_that_feed_alone(
    pem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A feed of one's own has a name like those shipped."""
    monkeypatch.setenv("SSMD_CONFIG", str(tmp_path))
    keys = environment(mine=key("K", "P"))
    environ = {"K": "of-another", "P": pem, ID: "ours", PRIVATE: pem}
    assert id_of(environ, keys) == "of-another"
    written(tmp_path / "feeds" / "mine.yaml", "name: mine\n")
    assert id_of(environ, keys) == "ours"


def test_two_keys_for_the_same_feed_are_refused(pem: str) -> None:
    """Which of them opens the door must not depend on their order."""
    both = environment(first=key("K", "P"), main=key("K", "P"))
    assert "Two keys" in refusal({"K": "an-id", "P": pem}, both)


def test_a_key_of_the_feed_s_own_name_is_used_alone(pem: str) -> None:
    """Other keys may be for feeds that only their owner knows."""
    keys = environment(kalshi=key("K", "P"), mine=key("X", "Y"))
    assert id_of({"K": "an-id", "P": pem, "X": "other", "Y": pem}, keys) == "an-id"


def test_a_key_that_is_not_required_may_be_missing(pem: str) -> None:
    """One configuration for machines with files and machines with variables."""
    keys = environment(kalshi=key("K", "P", required=False))
    environ = {ID: "an-id", PRIVATE: pem}
    assert id_of(environ, keys) == "an-id"


@pytest.mark.parametrize("blank", [{}, {ID: " \n"}])
def test_what_is_missing_is_named_with_where_to_get_it(blank: dict[str, str], pem: str) -> None:
    """Somebody who never heard of the venue's keys reads what to do; nothing else is named."""
    said = refusal(blank)
    for word in ("Kalshi", ID, PRIVATE, "Remedy", "mode 0600"):
        assert word in said
    half = refusal({**blank, PRIVATE: pem})
    missing, _, _ = half.partition("Remedy")
    assert ID in missing
    assert PRIVATE not in missing


def test_a_bad_credential_is_refused_without_being_quoted(pem: str) -> None:
    """The sentence goes to logs and issue trackers."""
    broken = pem.replace("\n", "")[:200]
    said = refusal({ID: "an-id-of-ours", PRIVATE: broken})
    assert "not acceptable" in said
    assert "`private_key`" in said
    assert "an-id-of-ours" not in said
    assert pem.splitlines()[1][:20] not in said


def test_printing_credentials_shows_their_names_only(pem: str) -> None:
    """A debugger, a traceback or a careless log line must not give them away."""
    environ = {ID: "an-id-of-ours", PRIVATE: pem}
    secrets = account_secrets(registry.load_feed(CLOSED), environment(), environ=environ)
    for shown in (repr(secrets), str(secrets), f"{secrets}", f"{[secrets]!r}"):
        assert "api_key" in shown
        assert "an-id-of-ours" not in shown
        assert pem.splitlines()[1] not in shown
