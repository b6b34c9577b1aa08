"""Practice accounts: credentials made up for a simulated venue, in files of their own."""

import os
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ssmd.feeds.environment import KeyConfig
from ssmd.model.venue import Account, Credential

_TEXT = "practice"
_KEY_BITS = 2048
_EXPONENT = 65537


def open_account(account: Account, directory: Path) -> dict[str, Path]:
    """Make up every credential an account asks for; gives the file of each, by field.

    Args:
        account: What the venue wants.
        directory: Where the files go; made when absent. Only we may read them.
    """
    directory.mkdir(parents=True, exist_ok=True)
    files: dict[str, Path] = {}
    for number, credential in enumerate(account.credentials):
        files[credential.name] = path = directory / f"{number}-{credential.kind}"
        path.unlink(missing_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "wb") as stream:
            stream.write(_made_up(credential))
    return files


def key_config(venue: str, files: dict[str, Path]) -> KeyConfig:
    """Says to a connector where the credentials of a practice account are."""
    return KeyConfig(
        type="api_key",
        description=f"A practice account at the simulated {venue}.",
        fields=tuple(files),
        source="file:" + ",".join(str(path.absolute()) for path in files.values()),
    )


def _made_up(credential: Credential) -> bytes:
    if credential.kind == "text":
        return _TEXT.encode()
    key = rsa.generate_private_key(_EXPONENT, _KEY_BITS)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
