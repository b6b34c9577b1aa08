"""The signed upgrade request: every connection needs an account, public data included.

https://docs.kalshi.com/getting_started/quick_start_websockets
https://docs.kalshi.com/getting_started/api_keys
"""

import base64
from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ssmd.model.errors import ConfigError
from ssmd.model.frame import Now
from ssmd.model.subscription import Shard
from ssmd.model.venue import Account, Credential, Handshake

API_KEY: Final = "api_key"
PRIVATE_KEY: Final = "private_key"

_MILLISECOND_NS: Final = 1_000_000

WHERE: Final = (
    "Create an API key at kalshi.com (account settings, API keys; reading is all it needs). The "
    "page shows the key id and, once, the private key: save it as a PEM file with mode 0600. Then "
    "set KALSHI_API_KEY to the key id and KALSHI_PRIVATE_KEY to the text of the PEM, or name both "
    "under `keys:` of ssmd.yaml or env.yaml, best as `source: file:/path/to/id,/path/to/key.pem`."
)


def check(secrets: Mapping[str, str]) -> list[str]:
    """Complaints about the credentials, never quoting them."""
    complaints = []
    name = secrets.get(API_KEY, "").strip()
    if not name:
        complaints.append(f"`{API_KEY}`, the id of the API key, is missing.")
    elif not (name.isascii() and name.isprintable()) or " " in name:
        complaints.append(f"`{API_KEY}` holds characters that no key id has.")
    pem = secrets.get(PRIVATE_KEY, "").strip()
    fault = _fault(pem) if pem else "is missing"
    if fault:
        complaints.append(f"`{PRIVATE_KEY}` {fault}.")
    return complaints


ACCOUNT: Final = Account(
    credentials=(Credential(API_KEY), Credential(PRIVATE_KEY, "rsa_private_key")),
    where=WHERE,
    check=check,
)
"""What opens the venue's door."""


def handshake(endpoint: str, shard: Shard, secrets: Mapping[str, str], now: Now) -> Handshake:
    """The upgrade request, signed for this moment.

    Raises:
        ConfigError: The credentials are missing or unusable.
    """
    complaints = check(secrets)
    if complaints:
        raise ConfigError(
            f"The venue lets nobody in without a key: {' '.join(complaints)}", remedy=WHERE
        )
    stamp = str(now.wall // _MILLISECOND_NS)
    path = urlsplit(endpoint).path or "/"
    key = _key(secrets[PRIVATE_KEY].strip())
    signature = key.sign(
        f"{stamp}GET{path}".encode(),
        PSS(mgf=MGF1(SHA256()), salt_length=SHA256.digest_size),
        SHA256(),
    )
    return Handshake(
        endpoint,
        {
            "KALSHI-ACCESS-KEY": secrets[API_KEY].strip(),
            "KALSHI-ACCESS-SIGNATURE": base64.b64encode(signature).decode(),
            "KALSHI-ACCESS-TIMESTAMP": stamp,
        },
    )


def _fault(pem: str) -> str | None:
    """What is wrong with a private key; None when nothing is."""
    if "-----BEGIN" not in pem:
        return "is not a PEM: it has no line that begins with -----BEGIN"
    try:
        _key(pem)
    except TypeError:
        return "is encrypted with a passphrase; save it without one"
    except (ValueError, UnsupportedAlgorithm):
        return "is not a private key in PEM form, or it is damaged"
    except _OtherKindError:
        return "is not an RSA key, which is what the venue's signatures need"
    return None


class _OtherKindError(Exception):
    """A private key that is not RSA."""


@lru_cache(maxsize=1)  # parsing takes as long as signing, and reconnecting uses the same key
def _key(pem: str) -> RSAPrivateKey:
    # An environment variable often holds the line ends as two characters.
    key = load_pem_private_key(pem.replace("\\n", "\n").encode(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise _OtherKindError
    return key
