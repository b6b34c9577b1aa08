"""Makes the secrets that deploy/compose wants, once: files that exist are left as they are.

python scripts/compose_secrets.py deploy/compose/secrets

Prints the line for `.env` (the public half of the bus's key is no secret), and whose each file must be: a
container's user reads it through a mount, which keeps owner and mode.
"""

import base64
import binascii
import os
import secrets
import sys
from pathlib import Path
from typing import Final

from ssmd.bus.keys import read_seed

_SEED_OF_A_USER: Final = bytes(((18 << 3) | (20 << 3 >> 5), (20 << 3 & 31) << 3))
"""With what the seed of a user's key begins, so that it prints as `SU`."""
SSMD: Final = 10001
OWNERS: Final = {"nats.nk": SSMD, "pgpass": SSMD, "postgres_password": 999, "grafana_password": 472}
"""The user of the container that reads each file."""


def seed() -> str:
    """The seed of a new key that opens the bus."""
    raw = _SEED_OF_A_USER + secrets.token_bytes(32)
    checked = raw + binascii.crc_hqx(raw, 0).to_bytes(2, "little")
    return base64.b32encode(checked).decode().rstrip("=")


def make(folder: Path) -> str:
    """Make what is missing; gives the public half of the bus's key."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    password = _made(folder / "postgres_password", secrets.token_urlsafe(32))
    _made(folder / "pgpass", f"*:*:*:ssmd:{password}\n")
    _made(folder / "grafana_password", secrets.token_urlsafe(24))
    return read_seed(_made(folder / "nats.nk", seed())).public


def _made(path: Path, content: str) -> str:
    """What the file holds, now or already."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    except FileExistsError:
        return path.read_text(encoding="utf-8").strip()
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(content)
    return content.strip()


def main(arguments: list[str]) -> int:
    """Make them, and say what is left to do."""
    if len(arguments) != 1:
        print("Usage: python scripts/compose_secrets.py FOLDER", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    public = make(folder)
    print(f"NATS_PUBLIC_KEY={public}")
    for name, owner in OWNERS.items():
        path = folder / name
        if os.geteuid() == 0:
            os.chown(path, owner, owner)
        elif path.stat().st_uid != owner:
            print(f"sudo chown {owner}:{owner} {path}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
