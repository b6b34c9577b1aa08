"""The secret that signs download addresses: made once, and the same for every process."""

import secrets
from typing import Final

from ssmd.secmaster.database import Database
from ssmd.secmaster.times import moment

_LINKS: Final = "links"
_BYTES: Final = 32
_MAKE: Final = """
    INSERT INTO api_secret (name, secret, created_at) VALUES (%s, %s, %s) ON CONFLICT (name) DO NOTHING"""
_READ: Final = "SELECT secret FROM api_secret WHERE name = %s"


async def link_secret(database: Database, now: int) -> bytes:
    """What signs download addresses.

    Args:
        database: Where it is kept.
        now: What time it is, ns.
    """
    async with database.session() as session:
        row = await (await session.execute(_READ, (_LINKS,))).fetchone()
        if row is None:
            made = secrets.token_bytes(_BYTES)
            await session.execute(_MAKE, (_LINKS, made, moment(now)))
            row = await (await session.execute(_READ, (_LINKS,))).fetchone()
    assert row is not None  # noqa: S101 - it was made, by us or by another
    return bytes(row["secret"])
