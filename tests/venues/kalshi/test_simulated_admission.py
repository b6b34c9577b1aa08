"""The simulated exchange lets in whoever signs, and nobody else."""

import base64

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from ssmd.model.errors import ConfigError
from ssmd.model.simulated import SimulationOptions
from ssmd.venues.kalshi.simulated import simulated
from tests.venues.kalshi.simulating import START, later

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
NAME = "11111111-2222-3333-4444-555555555555"
PKCS8 = serialization.PrivateFormat.PKCS8
PKCS1 = serialization.PrivateFormat.TraditionalOpenSSL


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
        form: serialization.PrivateFormat = PKCS8) -> str:  # fmt: skip
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain).decode()


def signed(
    key: rsa.RSAPrivateKey = KEY,
    *,
    name: str = NAME,
    path: str = "/trade-api/ws/v2",
    method: str = "GET",
    seconds: float = 0.0,
    salt: int = 32,
) -> dict[str, str]:
    stamp = str(later(seconds).wall // 1_000_000)
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=salt)
    signature = key.sign(f"{stamp}{method}{path}".encode(), pss, hashes.SHA256())
    return {
        "host": "localhost",
        "kalshi-access-key": name,
        "kalshi-access-timestamp": stamp,
        "kalshi-access-signature": base64.b64encode(signature).decode(),
    }


def admitted(headers: dict[str, str], private_key: str = "") -> int:
    secrets = {"api_key": NAME, "private_key": private_key or pem(KEY)}
    return simulated(SimulationOptions(secrets=secrets)).admit(headers, START)


@pytest.mark.parametrize("path", ["/trade-api/ws/v2", "/", ""])
@pytest.mark.parametrize("form", [PKCS8, PKCS1])
def test_the_right_signature_opens(path: str, form: serialization.PrivateFormat) -> None:
    """Both forms of PEM; the path is the one the client believes it connects to."""
    assert admitted(signed(path=path), pem(KEY, form)) == 101


def test_a_key_from_an_environment_variable_opens() -> None:
    """Its line ends may be two characters each."""
    assert admitted(signed(), pem(KEY).replace("\n", "\\n")) == 101


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(signed(OTHER), id="another key"),
        pytest.param(signed(name="someone"), id="another account"),
        pytest.param(signed(path="/trade-api/v2"), id="another path"),
        pytest.param(signed(method="POST"), id="another method"),
        pytest.param(signed(salt=20), id="another salt length"),
        pytest.param(signed(seconds=-31), id="too old"),
        pytest.param(signed(seconds=31), id="too new"),
        pytest.param(signed() | {"kalshi-access-timestamp": "1800000000000"}, id="tampered time"),
        pytest.param(signed() | {"kalshi-access-signature": "AAAA"}, id="tampered signature"),
        pytest.param(signed() | {"kalshi-access-signature": "!"}, id="no base64"),
        pytest.param(signed() | {"kalshi-access-timestamp": "now"}, id="no number"),
        pytest.param({}, id="nothing"),
    ],
)
def test_anything_else_is_unauthorized(headers: dict[str, str]) -> None:
    """One status for every reason."""
    assert admitted(headers) == 401


@pytest.mark.parametrize("header", ["key", "timestamp", "signature"])
def test_each_header_is_needed(header: str) -> None:
    """Public channels are no exception."""
    headers = signed()
    del headers[f"kalshi-access-{header}"]
    assert admitted(headers) == 401
    assert simulated(SimulationOptions()).admit(headers, START) == 401


def test_a_clock_that_is_a_little_off_is_forgiven() -> None:
    """Half a minute, either way."""
    assert admitted(signed(seconds=-30)) == admitted(signed(seconds=30)) == 101


def test_without_an_account_of_its_own_well_formed_credentials_are_enough() -> None:
    """The demo needs no keys that anybody would have to make."""
    assert simulated(SimulationOptions()).admit(signed(OTHER, name="anyone"), START) == 101


@pytest.mark.parametrize("key", ["no PEM", pem(ec.generate_private_key(ec.SECP256R1()))])
def test_an_account_without_an_rsa_key_is_refused(key: str) -> None:
    """Nobody could ever sign for it."""
    with pytest.raises(ConfigError, match="RSA key"):
        simulated(SimulationOptions(secrets={"api_key": NAME, "private_key": key}))
