"""What is done to keys, over HTTP and from the command line: each act is recorded, or not done.

Over HTTP nobody gives more than they have. Making a key, giving it another secret, and every change of it but
putting it aside or ending it, ask that its giver has all the scopes that the key has then, and lives no
shorter. How fast a key may ask is no right, and any administrator may say it.
"""

from typing import Final

import msgspec

from ssmd.api.callers import Scope
from ssmd.api.keys import token
from ssmd.api.keys.terms import checked
from ssmd.api.keys.token import Token
from ssmd.api.problems import Refused
from ssmd.model.errors import ConfigError
from ssmd.secmaster.database import Database
from ssmd.secmaster.keyring import keys
from ssmd.secmaster.keyring.audit import Actor
from ssmd.secmaster.keyring.keys import Act
from ssmd.secmaster.keyring.record import KeyRecord, NoSuchKey, Terms
from ssmd.secmaster.times import moment, written

_ENDS: Final = frozenset({"name", "disabled"})
"""What may be said of any key, for it gives nothing."""


async def create(database: Database, by: Actor, now: int, terms: Terms) -> Token:
    """Make a key; its secret is told here, and never again.

    Args:
        database: Where.
        by: Who does it.
        now: What time it is, ns.
        terms: What it may.

    Raises:
        ConfigError: No key can have these terms.
        Refused: 403, when they are more than the giver has.
        Unavailable: Nothing was done.
    """
    _check_end(checked(terms), now)
    made = token.make()
    async with keys.act(database, by, now) as act:
        _check_grant(await _giver(act, by, now), terms)
        await act.make(made.id, made.digest, terms)
    return made


async def update(
    database: Database, by: Actor, now: int, key: str, changes: dict[str, object]
) -> KeyRecord:
    """Give a key other terms.

    Args:
        database: Where.
        by: Who does it.
        now: What time it is, ns.
        key: Its id.
        changes: Fields of `Terms`; the others stay.

    Raises:
        NoSuchKey: There is none, or it was revoked.
        ConfigError: No key can have these terms.
        Refused: 403, when they are more than the giver has.
        Unavailable: Nothing was done.
    """
    async with keys.act(database, by, now) as act:
        giver = await _giver(act, by, now)
        known = await act.key(key)
        terms = checked(msgspec.structs.replace(known.terms, **changes))
        if "expires_at" in changes:
            _check_end(terms, now)
        if not (changes.keys() <= _ENDS and terms.disabled):
            _check_grant(giver, terms)
        await act.change(known, terms)
        return await act.key(key)


async def rotate(database: Database, by: Actor, now: int, key: str, grace_s: int) -> Token:
    """Give a key another secret.

    Args:
        database: Where.
        by: Who does it.
        now: What time it is, ns.
        key: Its id.
        grace_s: How long the old one is taken as well, in seconds; 0 ends it now.

    Raises:
        NoSuchKey: There is none, or it was revoked.
        Refused: 403, when it can more than the giver.
        Unavailable: Nothing was done.
    """
    made = token.again(key)
    async with keys.act(database, by, now) as act:
        giver = await _giver(act, by, now)
        known = await act.key(key)
        _check_grant(giver, known.terms)
        await act.rotate(known, made.digest, now + grace_s * 10**9 if grace_s else None)
    return made


async def revoke(database: Database, by: Actor, now: int, key: str) -> None:
    """End a key for good; whoever administers may end any.

    Raises:
        NoSuchKey: There is none, or it was revoked before.
        Unavailable: Nothing was done.
    """
    async with keys.act(database, by, now) as act:
        await _giver(act, by, now)
        await act.revoke(await act.key(key))


async def _giver(act: Act, by: Actor, now: int) -> KeyRecord | None:
    """The key of who does something, as it is now; None for somebody at the machine itself.

    Raises:
        Refused: 403, when it was ended meanwhile.
    """
    if by.key is None:
        return None
    try:
        giver = await act.key(by.key)
    except NoSuchKey:
        giver = None
    if giver is None or giver.state(now) != "active" or Scope.ADMIN.value not in giver.terms.scopes:
        raise Refused(403, "scope", "This key administers no more.", "Ask for another one.")
    return giver


def _check_grant(giver: KeyRecord | None, terms: Terms) -> None:
    """Refuse to give what the giver has not."""
    if giver is None:
        return
    more = sorted(terms.scopes - giver.terms.scopes)
    if more:
        raise Refused(
            403,
            "grant",
            f"Nobody gives what they have not: this key lacks {', '.join(more)}.",
            "Use a key that has it, or `ssmd keys` on the machine itself.",
        )
    end = giver.terms.expires_at
    if end is not None and (terms.expires_at is None or terms.expires_at > end):
        at = moment(end)
        raise Refused(
            403,
            "grant",
            "A key does not outlive the one that it was given by.",
            f"Let it expire by {written(at) if at else end}.",
        )


def _check_end(terms: Terms, now: int) -> None:
    if terms.expires_at is not None and terms.expires_at <= now:
        raise ConfigError(
            "A key cannot have expired before it is given.", remedy="Name a time to come."
        )
