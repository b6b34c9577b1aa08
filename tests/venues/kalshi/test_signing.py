"""The signed upgrade request, and what is said about keys that cannot sign."""

import base64

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from ssmd.model.errors import ConfigError
from ssmd.model.frame import Now
from ssmd.model.subscription import Shard
from ssmd.model.venue import Handshake
from ssmd.venues.kalshi import VENUE

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
URL = "wss://external-api-ws.kalshi.com/trade-api/ws/v2"
PKCS8, PKCS1 = PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL
OPEN = NoEncryption()
SHARD = Shard("kalshi", 0, frozenset())


def pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = KEY,
    form: PrivateFormat = PKCS8,
    cover: KeySerializationEncryption = OPEN,
) -> str:
    return key.private_bytes(Encoding.PEM, form, cover).decode()


def shake(url: str = URL, wall: int = 1_800_000_123_456_789_000, **secrets: str) -> Handshake:
    account = {"api_key": "key-id", "private_key": pem(), **secrets}
    return VENUE.handshake(url, SHARD, account, Now(wall, 0.0))


def verify(handshake: Handshake, message: str, salt: int = 32) -> None:
    KEY.public_key().verify(
        base64.b64decode(handshake.headers["KALSHI-ACCESS-SIGNATURE"], validate=True),
        message.encode(),
        padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=salt),
        hashes.SHA256(),
    )


@pytest.mark.parametrize("form", [PKCS8, PKCS1])
def test_the_upgrade_is_signed_with_time_method_and_path(form: PrivateFormat) -> None:
    """Both forms of PEM that the venue hands out; the salt is as long as the digest."""
    handshake = shake(private_key=pem(form=form))
    assert handshake.url == URL
    assert set(handshake.headers) == {
        "KALSHI-ACCESS-KEY",
        "KALSHI-ACCESS-SIGNATURE",
        "KALSHI-ACCESS-TIMESTAMP",
    }
    assert handshake.headers["KALSHI-ACCESS-KEY"] == "key-id"
    assert handshake.headers["KALSHI-ACCESS-TIMESTAMP"] == "1800000123456"
    verify(handshake, "1800000123456GET/trade-api/ws/v2")
    with pytest.raises(InvalidSignature):
        verify(handshake, "1800000123456GET/trade-api/ws/v2", salt=20)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("wss://demo.example:8443/trade-api/ws/v2?x=1&y=/z#f", "/trade-api/ws/v2"),
        ("ws://127.0.0.1:9/elsewhere", "/elsewhere"),
        ("ws://127.0.0.1:9", "/"),
    ],
)
def test_host_and_query_are_not_signed(url: str, path: str) -> None:
    """The endpoint comes from the feed; a simulated one has another host."""
    handshake = shake(url)
    assert handshake.url == url
    verify(handshake, f"1800000123456GET{path}")


def test_every_attempt_is_signed_anew() -> None:
    """A signature is good for its own moment only, and tells nothing about the next."""
    one, other = shake(wall=1_800_000_000_000_000_000), shake(wall=1_800_000_060_000_000_000)
    assert other.headers["KALSHI-ACCESS-TIMESTAMP"] == "1800000060000"
    verify(one, "1800000000000GET/trade-api/ws/v2")
    verify(other, "1800000060000GET/trade-api/ws/v2")


def test_what_an_editor_or_a_shell_does_to_a_key_is_forgiven() -> None:
    """Line ends at the end of files; line ends written as two characters in variables."""
    verify(shake(private_key=f"\n{pem()}\n\n"), "1800000123456GET/trade-api/ws/v2")
    escaped = pem().replace("\n", "\\n")
    verify(shake(private_key=escaped), "1800000123456GET/trade-api/ws/v2")
    assert shake(api_key=" key-id\n").headers["KALSHI-ACCESS-KEY"] == "key-id"


CURVE = ec.generate_private_key(ec.SECP256R1())
BODY = pem().splitlines()[1]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("api_key", "", "missing"),
        ("api_key", "one\nKALSHI-OTHER: two", "characters"),
        ("api_key", "sch\u00f6n", "characters"),
        ("private_key", " \n", "missing"),
        ("private_key", BODY, "not a PEM"),
        ("private_key", "keys/kalshi.pem", "not a PEM"),
        ("private_key", pem()[:200] + pem()[-60:], "damaged"),
        ("private_key", pem(CURVE), "not an RSA key"),
        ("private_key", pem(cover=BestAvailableEncryption(b"word")), "passphrase"),
        ("private_key", pem(form=PKCS1, cover=BestAvailableEncryption(b"word")), "passphrase"),
    ],
    ids=range(10),  # a key made for this run is no name for a test
)
def test_unusable_credentials_are_named_and_never_quoted(name: str, value: str, words: str) -> None:
    """The complaint may end in a log or a ticket."""
    assert VENUE.account is not None
    account = {"api_key": "key-id", "private_key": pem(), name: value}
    (complaint,) = VENUE.account.check(account)
    assert f"`{name}`" in complaint
    assert words in complaint
    with pytest.raises(ConfigError, match=words) as caught:
        VENUE.handshake(URL, SHARD, account, Now(0, 0.0))
    assert "kalshi.com" in caught.value.remedy
    assert "0600" in caught.value.remedy
    assert not value.strip() or value.strip() not in f"{complaint} {caught.value}"
    assert BODY not in f"{complaint} {caught.value}"


def test_everything_missing_is_said_at_once() -> None:
    """Nobody should need two attempts to learn of two credentials."""
    account = VENUE.account
    assert account is not None
    assert [field.name for field in account.credentials] == ["api_key", "private_key"]
    assert len(account.check({})) == 2
    assert account.check({"api_key": "key-id", "private_key": pem()}) == []
    with pytest.raises(ConfigError, match=r"api_key.*private_key"):
        VENUE.handshake(URL, SHARD, {}, Now(0, 0.0))
