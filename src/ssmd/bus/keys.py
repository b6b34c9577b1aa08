"""NATS keys: reading seeds and credentials files, and signing a server's nonce with them.

The formats are those of github.com/nats-io/nkeys: base32 of a prefix, 32 bytes and a CRC-16.
"""

import base64
import binascii
import re
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ssmd.model.errors import ConfigError

_SEED: Final = 18 << 3
"""Top five bits of every seed: it prints as a leading `S`."""
_SEED_LENGTH: Final = 36
_BLOCK: Final = re.compile(r"-{3,}BEGIN ([A-Z ]+)-{3,}\s+(\S+)\s+-{3,}END [A-Z ]+-{3,}")


class Key(msgspec.Struct, frozen=True):
    """An Ed25519 key pair with the NATS name of its public half.

    Attributes:
        public: The public key as NATS writes it (`U...` for a user).
        private: What signs.
    """

    public: str
    private: Ed25519PrivateKey

    def sign(self, nonce: str) -> str:
        """The signature of a server's nonce, in unpadded URL-safe base64."""
        raw = self.private.sign(nonce.encode())
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    def __repr__(self) -> str:
        return f"Key({self.public})"


def read_seed(text: str) -> Key:
    """The key pair of a seed (`SU...`).

    Raises:
        ConfigError: The text is not a seed. It is not quoted in the message.
    """
    seed = text.strip()
    try:
        raw = base64.b32decode(seed + "=" * (-len(seed) % 8))
    except binascii.Error as error:
        raise _unreadable("it is not base32") from error
    if len(raw) != _SEED_LENGTH or raw[0] & 0xF8 != _SEED:
        raise _unreadable("it does not have the form of a seed")
    if binascii.crc_hqx(raw[:-2], 0) != int.from_bytes(raw[-2:], "little"):
        raise _unreadable("its checksum is wrong")
    private = Ed25519PrivateKey.from_private_bytes(raw[2:-2])
    kind = (raw[0] & 7) << 5 | raw[1] >> 3
    return Key(write_public(kind, private.public_key().public_bytes_raw()), private)


def write_public(kind: int, public: bytes) -> str:
    """The NATS name of a public key: `kind` is the prefix byte (20 << 3 for a user)."""
    body = bytes((kind,)) + public
    checksum = binascii.crc_hqx(body, 0).to_bytes(2, "little")
    return base64.b32encode(body + checksum).rstrip(b"=").decode()


def write_seed(kind: int, seed: bytes) -> str:
    """The NATS name of 32 secret bytes, the reverse of `read_seed`."""
    body = bytes((_SEED | kind >> 5, (kind & 31) << 3)) + seed
    checksum = binascii.crc_hqx(body, 0).to_bytes(2, "little")
    return base64.b32encode(body + checksum).rstrip(b"=").decode()


def read_seed_file(path: str) -> Key:
    """The key pair in a file that holds a seed, alone or in a block.

    Raises:
        ConfigError: The file cannot be read, or holds no seed.
    """
    text = _text(path)
    blocks = dict(_BLOCK.findall(text))
    return read_seed(blocks.get("USER NKEY SEED", text))


def read_creds(path: str) -> tuple[str, Key]:
    """The JWT and the key pair of a credentials file (`.creds`).

    Raises:
        ConfigError: The file cannot be read, or does not hold both.
    """
    blocks = dict(_BLOCK.findall(_text(path)))
    jwt, seed = blocks.get("NATS USER JWT"), blocks.get("USER NKEY SEED")
    if jwt is None or seed is None:
        message = f"{path} is not a credentials file: it must hold a user JWT and a seed."
        raise ConfigError(message, remedy="Make it again, for example with `nsc generate creds`.")
    return jwt, read_seed(seed)


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        message = f"The key file {path} cannot be read: {error}."
        raise ConfigError(message, remedy="Check the path and its permissions.") from error


def _unreadable(reason: str) -> ConfigError:
    return ConfigError(
        f"A NATS seed cannot be used: {reason}.",
        remedy="A user's seed begins with `SU` and has 58 characters.",
    )
