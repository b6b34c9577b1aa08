"""Where the bus is, and secrets that do not show."""

import pytest

from ssmd.bus import keys, settings
from ssmd.bus.settings import BusSettings
from ssmd.model.errors import ConfigError

SEED = keys.write_seed(20 << 3, bytes(range(32)))


def test_secrets_never_show() -> None:
    """Settings end up in logs and in failure messages."""
    shown = repr(
        BusSettings(
            "nats://me:hidden1@host", token="hidden2", nkey_seed="hidden3", password="hidden4"
        )
    )
    assert "hidden" not in shown
    assert "nats://host:4222" in shown
    assert "hidden" not in str(BusSettings("nats://hidden@host").servers)


def test_addresses_are_read() -> None:
    """Several, with and without scheme, port, user and token; IPv6 too."""
    servers = BusSettings("nats://a:p%40ss@h1:1, tls://tok@h2,[::1]:3").servers
    assert [(s.host, s.port, s.tls, s.user, s.password) for s in servers] == [
        ("h1", 1, False, "a", "p@ss"),
        ("h2", 4222, True, "tok", None),
        ("::1", 3, False, None, None),
    ]
    assert servers[2].address == "[::1]:3"


def test_the_environment_is_read() -> None:
    """The names NATS's own tools use, and nothing else."""
    found = settings.from_env(
        {"NATS_URL": "nats://h:9", "NATS_USER": "u", "NATS_PASSWORD": "p", "OTHER": "x"}
    )
    assert found == BusSettings("nats://h:9", user="u", password="p")
    assert settings.from_env({}) == BusSettings()


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (BusSettings(""), "no address"),
        (BusSettings("http://h"), "not of the form"),
        (BusSettings("nats://h:99999"), "impossible port"),
        (BusSettings(user="u"), "a user needs a password"),
        (BusSettings(cert_file="/x"), "a certificate needs its key"),
        (BusSettings(ca_file="/does/not/exist"), "does not exist"),
        (BusSettings(creds_file="/does/not/exist"), "cannot be read"),
        (BusSettings(nkey_seed="SUNO"), "seed cannot be used"),
        (BusSettings(nkey_seed=SEED, user="u", password="p"), "several kinds"),
    ],
)
def test_what_cannot_work_is_refused_at_once(broken: BusSettings, reason: str) -> None:
    """Not after a minute of attempts."""
    with pytest.raises(ConfigError, match=reason):
        broken.check()


def test_a_seed_gives_its_key_and_a_slip_of_the_pen_does_not() -> None:
    """The checksum finds it; the seed is not quoted."""
    assert keys.read_seed(SEED).public.startswith("U")
    broken = SEED[:20] + ("A" if SEED[20] != "A" else "B") + SEED[21:]
    with pytest.raises(ConfigError, match="checksum") as caught:
        keys.read_seed(broken)
    assert broken not in str(caught.value)
    assert SEED not in repr(keys.read_seed(SEED))
