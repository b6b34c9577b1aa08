"""What a caller shows: `ssmd_`, the key's id, `_`, and its secret. Pure, but for chance.

Each part has its length, and is cut by it: a secret may hold `_`.
"""

import hashlib
import hmac
import re
import secrets
import string
from typing import Final

import msgspec

PREFIX: Final = "ssmd_"
ID_LENGTH: Final = 12
SECRET_LENGTH: Final = 43
"""256 bits in the letters of URLs."""
LENGTH: Final = len(PREFIX) + ID_LENGTH + 1 + SECRET_LENGTH
KEY_ID: Final = r"^[a-z0-9]{12}$"
"""What an id looks like."""
_LETTERS: Final = string.ascii_lowercase + string.digits
_ID: Final = re.compile(r"[a-z0-9]{12}")
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_BYTES: Final = 32


class Token(msgspec.Struct, frozen=True):
    """A key as it is shown: once by us, and then by whoever has it.

    Attributes:
        id: Which key; no secret.
        secret: What nobody else knows.
    """

    id: str
    secret: str

    def __repr__(self) -> str:
        return f"Token({self.id!r})"

    @property
    def text(self) -> str:
        """All of it."""
        return f"{PREFIX}{self.id}_{self.secret}"

    @property
    def digest(self) -> bytes:
        """What is kept of the secret.

        It is 256 random bits: no slow hash makes it harder to guess.
        """
        return hashlib.sha256(self.secret.encode()).digest()


def parse(text: str) -> Token | None:
    """A token out of its text; None when it is none."""
    if len(text) != LENGTH or not text.startswith(PREFIX):
        return None
    end = len(PREFIX) + ID_LENGTH
    key, dash, secret = text[len(PREFIX) : end], text[end], text[end + 1 :]
    if dash != "_" or not _ID.fullmatch(key) or not _SECRET.fullmatch(secret):
        return None
    return Token(key, secret)


def make() -> Token:
    """A key that never was."""
    return again("".join(secrets.choice(_LETTERS) for _ in range(ID_LENGTH)))


def again(key: str) -> Token:
    """Another secret for a key."""
    return Token(key, secrets.token_urlsafe(_BYTES))


def is_same(left: bytes, right: bytes) -> bool:
    """Whether two digests are the same; it takes as long either way."""
    return hmac.compare_digest(left, right)
