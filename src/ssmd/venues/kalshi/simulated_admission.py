"""Who may connect to a simulated exchange: the one that signs the upgrade request.

https://docs.kalshi.com/getting_started/quick_start_websockets
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ssmd.model.errors import ConfigError
from ssmd.model.frame import Now

TOLERANCE_S: Final = 30
"""How far the client's clock may be off, in seconds; the exchange's own figure is not known."""
WELCOME: Final = 101
UNAUTHORIZED: Final = 401
_PATHS: Final = ("/trade-api/ws/v2", "/", "")
_PSS: Final = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.DIGEST_LENGTH)
_MS_PER_S: Final = 1000
_NS_PER_MS: Final = 1_000_000


class Admission:
    """Judges upgrade requests.

    Args:
        secrets: `api_key` and `private_key` (PEM) of the one account that is let in; without
            both, whoever brings well-formed credentials.

    Raises:
        ConfigError: The key is no RSA key in PEM.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._account = secrets.get("api_key", "").strip()
        self._key: rsa.RSAPublicKey | None = None
        if self._account and secrets.get("private_key"):
            self._key = _public(secrets["private_key"])

    def judge(self, headers: Mapping[str, str], now: Now) -> int:
        """101, or 401: it does not tell why, as the exchange does not."""
        account = headers.get("kalshi-access-key", "")
        sent = headers.get("kalshi-access-timestamp", "")
        try:
            signature = base64.b64decode(headers.get("kalshi-access-signature", ""), validate=True)
            off_ms = abs(int(sent) - now.wall // _NS_PER_MS)
        except (ValueError, binascii.Error):
            return UNAUTHORIZED
        if not account or not signature or off_ms > TOLERANCE_S * _MS_PER_S:
            return UNAUTHORIZED
        if self._key is None:
            return WELCOME
        if account != self._account:
            return UNAUTHORIZED
        signed = any(_holds(self._key, signature, f"{sent}GET{path}") for path in _PATHS)
        return WELCOME if signed else UNAUTHORIZED


def _holds(key: rsa.RSAPublicKey, signature: bytes, message: str) -> bool:
    try:
        key.verify(signature, message.encode(), _PSS, hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def _public(pem: str) -> rsa.RSAPublicKey:
    # An environment variable often holds the line ends as two characters.
    text = pem.replace("\\n", "\n").strip()
    try:
        key = serialization.load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        message = "The private key of the simulated account is no RSA key in PEM."
        raise ConfigError(message, remedy="Give the PEM file that the exchange gave you.")
    return key.public_key()
