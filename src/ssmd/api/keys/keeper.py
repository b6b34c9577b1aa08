"""Lets callers in by their keys: who they are, what they may, how often; and remembers it.

A key is looked up in the database and believed for `cache_s`, so one that was ended stops within it. While
the database is away nobody new is let in (503), and who streams goes on. How often a key may ask is counted
in memory, in this process alone; when that fails, the request is answered.
"""

import hashlib
from typing import Final

from starlette.requests import HTTPConnection

from ssmd.api import reading
from ssmd.api import telemetry as api_telemetry
from ssmd.api.callers import Answered, Caller, Scope, headers_of, said
from ssmd.api.context import Context
from ssmd.api.keys import links, shown, telemetry
from ssmd.api.keys.book import Book
from ssmd.api.keys.limits import Guesses, Rates
from ssmd.api.keys.links import Link
from ssmd.api.keys.ring import Ring
from ssmd.api.keys.token import Token, is_same
from ssmd.api.layers.access import networks, origin
from ssmd.api.problems import Refused
from ssmd.api.reading import Master
from ssmd.feeds.api import ApiConfig
from ssmd.model.errors import Unavailable
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime.clock import Clock
from ssmd.secmaster.database import Database
from ssmd.secmaster.keyring import keys
from ssmd.secmaster.keyring.record import KeyRecord
from ssmd.secmaster.keyring.secret import link_secret

_NOBODY: Final = hashlib.sha256(b"").digest()
"""What the secret of a key that there is not is compared with; nothing has this digest as a token."""
_RESULTS: Final = {
    "no-key": "no_key",
    "key": "bad_key",
    "link": "bad_key",
    "guessing": "guessing",
    "key-expired": "ended",
    "key-disabled": "ended",
    "rate": "limited",
    "scope": "scope",
}
"""What a refusal counts as."""


class Admitted(Caller, frozen=True, kw_only=True):
    """Who was let in by a key.

    Attributes:
        record: Their key, as it was then.
        digest: Of the secret that they showed, or that signed their address.
    """

    record: KeyRecord
    digest: bytes

    def __repr__(self) -> str:
        return f"Admitted({self.key!r})"


class Keys:
    """A doorkeeper that asks for keys.

    Args:
        config: Within which bounds.
        clock: What time it is.
    """

    def __init__(self, config: ApiConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._trusted = networks(config)
        self._rates = Rates(config.keys)
        self._guesses = Guesses(config.keys)
        self._ring = Ring(config.keys.cache_s, clock, self._find)
        self._book = Book(config.keys, clock, self._database)
        self._context: Context | None = None
        self._secret: bytes | None = None

    async def admit(self, connection: HTTPConnection, scope: Scope | None) -> Caller:
        """Who asks, if they may.

        Raises:
            Refused: 401, 403 or 429; 503 when nobody can be asked.
        """
        self._serve(connection.app.state.context)
        address, _ = origin(connection, self._trusted, None)
        known = said(connection)
        result = "away"
        try:
            known.caller = caller = await self._known(connection, address)
            self._check(connection, scope, caller)
            result = "admitted"
        except Refused as refusal:
            result = _RESULTS[refusal.code]
            raise
        finally:
            key = None if known.caller is None else known.caller.key
            telemetry.admission(result, key=key, address=address)
        return caller

    async def still(self, caller: Caller) -> bool:
        """Whether a key still holds, with all that it could when its bearer was let in."""
        assert isinstance(caller, Admitted)  # noqa: S101 - `admit` gives no other
        assert caller.key is not None  # noqa: S101 - likewise
        try:
            record = await self._ring.get(caller.key)
        except Unavailable as error:
            telemetry.unchecked(error)
            return True
        if record is None or record.state(self._clock.wall()) != "active":
            return False
        return any(is_same(each, caller.digest) for each in self._digests(record)) and (
            caller.feeds == record.terms.feeds
            and (caller.since, caller.until) == (record.terms.since, record.terms.until)
            and caller.scopes <= record.terms.scopes
        )

    def told(self, answered: Answered) -> None:
        """Count and audit a request that is over; never raises."""
        try:
            self._book.note(answered)
        except Exception as error:  # noqa: BLE001 - the answer went out already
            api_telemetry.forgotten("usage", error=error)

    def changed(self, key: str) -> None:
        """A key was changed here: that holds at once in this process."""
        self._ring.forget(key)

    async def address(self, caller: Caller, path: str, query: str, expires_s: int) -> str:
        """A signed address of a download.

        Args:
            caller: Who asks for it; it ends with their key.
            path: Of the download.
            query: Of the download, encoded.
            expires_s: When it ends, in seconds since 1970.
        """
        assert isinstance(caller, Admitted)  # noqa: S101 - `admit` gives no other
        link = Link(
            key=caller.key or "",
            expires_s=expires_s,
            signature="",
            path=path,
            words=tuple(links.words_of(query)),
        )
        return links.address(await self._link_secret(), link, caller.digest)

    async def aclose(self) -> None:
        """Write what was counted."""
        await self._book.close()

    async def _known(self, connection: HTTPConnection, address: str) -> "Admitted":
        """Who asks; whether they may is another question.

        Raises:
            Refused: 400 or 401, when they are nobody; 429, when they were nobody too often.
        """
        try:
            token, link = shown.token_of(connection), shown.link_of(connection)
        except Refused:
            self._guess(address, "")
            self._guesses.wrong(address, self._clock.mono())
            raise
        if token is not None and link is not None:
            raise shown.both()
        asked = token or link
        if asked is None:
            raise shown.missing()
        key = asked.id if isinstance(asked, Token) else asked.key
        self._guess(address, key)
        record = await self._ring.get(key)
        digest = await self._proof(record, asked)
        if record is None or digest is None:
            self._guesses.wrong(address, self._clock.mono())
            raise shown.wrong() if link is None else shown.broken()
        self._guesses.right(address, key, self._clock.mono())
        return _caller(record, digest, link)

    def _check(self, connection: HTTPConnection, scope: Scope | None, caller: "Admitted") -> None:
        """Let somebody who is known ask this now.

        Raises:
            Refused: 401, when their key ended; 403, when it is not for this; 429, when it asks too often.
        """
        state = caller.record.state(self._clock.wall())
        if state != "active":
            raise shown.ended(state)
        if wait_s := self._limit(connection, caller.record):
            raise shown.limited(wait_s)
        if scope is not None and scope not in caller.scopes:
            raise shown.lacks(scope)

    def _guess(self, address: str, key: str) -> None:
        """Let an address show a key.

        Raises:
            Refused: 429, when it has shown too many that are none.
        """
        if wait_s := self._guesses.wait_s(address, key, self._clock.mono()):
            raise shown.guessing(wait_s)

    async def _proof(self, record: KeyRecord | None, asked: Token | Link) -> bytes | None:
        """The digest by which a request proves that it is a key's; None when it does not.

        The same is done for a key that there is not.
        """
        secret = await self._link_secret() if isinstance(asked, Link) else b""
        found = None
        for digest in self._digests(record):
            if isinstance(asked, Token):
                good = is_same(asked.digest, digest)
            else:
                signed = links.is_signed(secret, asked, digest)
                good = signed and asked.expires_s * SECOND_NS > self._clock.wall()
            if good and record is not None:
                found = digest
        return found

    def _digests(self, record: KeyRecord | None) -> tuple[bytes, bytes]:
        """The two secrets that a key may have; one that it has not is nobody's."""
        if record is None or record.digest is None:
            return _NOBODY, _NOBODY
        holds = record.earlier_until is not None and self._clock.wall() < record.earlier_until
        return record.digest, (record.earlier or _NOBODY) if holds else _NOBODY

    def _limit(self, connection: HTTPConnection, record: KeyRecord) -> int:
        """How long a key must wait, in seconds; a limiter that fails lets it in."""
        try:
            allowance = self._rates.take(record, self._clock.mono())
        except Exception as error:  # noqa: BLE001 - stated: better too many answers than none
            api_telemetry.forgotten("limiter", error=error)
            return 0
        headers_of(connection, allowance.headers)
        return allowance.wait_s

    def _serve(self, context: Context) -> None:
        """Be ended with an application, before its database is."""
        if self._context is None:
            context.the(Master, Master)
            context.the(Keys, lambda _context: self)
            self._context = context

    async def _database(self) -> Database:
        assert self._context is not None  # noqa: S101 - nothing is asked before somebody asks
        return await reading.database(self._context)

    async def _find(self, key: str) -> KeyRecord | None:
        return await keys.find(await self._database(), key)

    async def _link_secret(self) -> bytes:
        if self._secret is None:
            self._secret = await link_secret(await self._database(), self._clock.wall())
        return self._secret


def _caller(record: KeyRecord, digest: bytes, link: Link | None) -> Admitted:
    scopes = frozenset(Scope(each) for each in record.terms.scopes)
    return Admitted(
        key=record.id,
        name=record.terms.name,
        scopes=scopes if link is None else scopes & {Scope.DATASETS},
        feeds=record.terms.feeds,
        since=record.terms.since,
        until=record.terms.until,
        link=link is not None,
        record=record,
        digest=digest,
    )
