"""What opens a venue's door: looked for in the keys, then in variables, and never shown."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ssmd.feeds import registry
from ssmd.feeds.account import account_secrets, variables_of
from ssmd.feeds.environment import EnvironmentConfig, KeyConfig
from ssmd.model.errors import ConfigError

CLOSED, OPEN = "kalshi", "kraken"
FIELDS = ("api_key", "private_key")


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


def refusal(environ: dict[str, str], keys: EnvironmentConfig | None = None) -> str:
    """Why it does not open."""
    with pytest.raises(ConfigError) as caught:
        found(environ, keys)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_the_variables_have_the_names_of_the_venue() -> None:
    """Written in the README and in every refusal: they must be what is looked for."""
    venue = registry.venue(registry.load_feed(CLOSED))
    assert variables_of(venue) == {
        "api_key": "KALSHI_API_KEY",
        "private_key": "KALSHI_PRIVATE_KEY",
    }
    assert variables_of(registry.venue(registry.load_feed(OPEN))) == {}


def test_an_open_venue_asks_for_nothing() -> None:
    """Public data needs no account, and a machine without any records it."""
    feed = registry.load_feed(OPEN)
    assert dict(account_secrets(feed, environment(), environ={})) == {}


def test_variables_alone_are_enough(pem: str) -> None:
    """The quickest way: two variables and no file at all."""
    environ = {"KALSHI_API_KEY": "an-id", "KALSHI_PRIVATE_KEY": pem}
    assert found(environ) == {"api_key": "an-id", "private_key": pem.strip()}


def test_keys_come_first_and_variables_fill_what_they_leave(pem: str) -> None:
    """What was configured wins over what a shell happens to hold; half a key is completed."""
    environ = {
        "K": "configured",
        "KALSHI_API_KEY": "of-the-shell",
        "KALSHI_PRIVATE_KEY": pem,
    }
    half = environment(kalshi=key("K", fields=("api_key",)))
    assert found(environ, half) == {"api_key": "configured", "private_key": pem.strip()}


def test_a_key_by_any_other_name_serves_every_feed(pem: str) -> None:
    """A key named for no feed is for whoever can use it."""
    assert found({"K": "an-id", "P": pem}, environment(main=key("K", "P")))["api_key"] == "an-id"


def test_keys_named_for_other_feeds_are_not_used_and_clash_with_nothing(pem: str) -> None:
    """Two venues may both call their fields `api_key`: each feed has its own."""
    environ = {"K": "of-another", "P": pem, "KALSHI_API_KEY": "ours", "KALSHI_PRIVATE_KEY": pem}
    others = {"polymarket": key("K", "P"), "kraken_futures": key("K", "P")}
    assert found(environ, environment(**others))["api_key"] == "ours"
    own = environment(**others, kalshi=key("KALSHI_API_KEY", "P"))
    assert found(environ, own)["api_key"] == "ours"
    said = refusal({"K": "of-another", "P": pem}, environment(**others))
    assert "KALSHI_API_KEY" in said
    assert "Two keys" not in said
    # Nor need the others' be there at all.
    del environ["K"]
    assert found(environ, environment(**others))["api_key"] == "ours"


def test_two_keys_for_the_same_feed_are_refused(pem: str) -> None:
    """Which of them opens the door must not depend on their order."""
    both = environment(kalshi=key("K", "P"), main=key("K", "P"))
    assert "Two keys" in refusal({"K": "an-id", "P": pem}, both)


def test_a_key_that_is_not_required_may_be_missing(pem: str) -> None:
    """One configuration for machines with files and machines with variables."""
    keys = environment(kalshi=key("K", "P", required=False))
    environ = {"KALSHI_API_KEY": "an-id", "KALSHI_PRIVATE_KEY": pem}
    assert found(environ, keys)["api_key"] == "an-id"


@pytest.mark.parametrize("blank", [{}, {"KALSHI_API_KEY": " \n"}])
def test_what_is_missing_is_named_with_where_to_get_it(blank: dict[str, str], pem: str) -> None:
    """Somebody who never heard of the venue's keys reads what to do; nothing else is named."""
    said = refusal(blank)
    for word in ("Kalshi", "KALSHI_API_KEY", "KALSHI_PRIVATE_KEY", "Remedy", "mode 0600"):
        assert word in said
    half = refusal({**blank, "KALSHI_PRIVATE_KEY": pem})
    missing, _, _ = half.partition("Remedy")
    assert "KALSHI_API_KEY" in missing
    assert "KALSHI_PRIVATE_KEY" not in missing


def test_a_bad_credential_is_refused_without_being_quoted(pem: str) -> None:
    """The sentence goes to logs and issue trackers."""
    broken = pem.replace("\n", "")[:200]
    said = refusal({"KALSHI_API_KEY": "an-id-of-ours", "KALSHI_PRIVATE_KEY": broken})
    assert "not acceptable" in said
    assert "`private_key`" in said
    assert "an-id-of-ours" not in said
    assert pem.splitlines()[1][:20] not in said


def test_printing_credentials_shows_their_names_only(pem: str) -> None:
    """A debugger, a traceback or a careless log line must not give them away."""
    environ = {"KALSHI_API_KEY": "an-id-of-ours", "KALSHI_PRIVATE_KEY": pem}
    secrets = account_secrets(registry.load_feed(CLOSED), environment(), environ=environ)
    for shown in (repr(secrets), str(secrets), f"{secrets}", f"{[secrets]!r}"):
        assert "api_key" in shown
        assert "an-id-of-ours" not in shown
        assert pem.splitlines()[1] not in shown
