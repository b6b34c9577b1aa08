"""A key as the database keeps it: what it may, until when, and the digest of its secret."""

from datetime import date
from typing import Any, Final, Literal, TypeAlias

import msgspec

from ssmd.model.errors import ConfigError, Unavailable
from ssmd.secmaster.times import moment, nanoseconds

State: TypeAlias = Literal["active", "disabled", "expired", "revoked"]
TIMES: Final = ("created_at", "rotated_at", "expires_at", "disabled_at", "revoked_at")
"""Those of a key."""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What can be said of a key by whoever makes it, and changed.

    Attributes:
        name: Whose it is or what for; for people.
        scopes: What it may ask.
        feeds: Of which feeds; None for all.
        since: From which day on (UTC); None for the beginning.
        until: Up to which day, included (UTC); None for the end.
        rate: Requests a second; None for what the API's configuration says.
        burst: Requests at once; None likewise.
        expires_at: When it ends, ns; None for never.
        disabled: Whether it is put aside for now.
    """

    name: str
    scopes: frozenset[str]
    feeds: frozenset[str] | None = None
    since: date | None = None
    until: date | None = None
    rate: float | None = None
    burst: int | None = None
    expires_at: int | None = None
    disabled: bool = False


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A key as the database keeps it.

    Attributes:
        id: Its name in URLs and logs; no secret.
        terms: What it may.
        digest: Of its secret; None once it was revoked.
        earlier: Of the secret before, while that is still taken.
        earlier_until: Until when that is so, ns.
        created_at: When it was made, ns.
        created_by: By whom.
        rotated_at: When it got its secret, unless that was when it was made; ns.
        disabled_at: When it was put aside, ns.
        revoked_at: When it was ended for good, ns.
    """

    id: str
    terms: Terms
    digest: bytes | None
    earlier: bytes | None
    earlier_until: int | None
    created_at: int
    created_by: str
    rotated_at: int | None
    disabled_at: int | None
    revoked_at: int | None

    def __repr__(self) -> str:
        return f"KeyRecord({self.id!r}, {self.terms!r})"

    def state(self, now: int) -> State:
        """Whether it holds.

        Args:
            now: What time it is, ns.
        """
        if self.revoked_at is not None:
            return "revoked"
        if self.terms.expires_at is not None and self.terms.expires_at <= now:
            return "expired"
        return "disabled" if self.terms.disabled else "active"


class NoSuchKey(ConfigError):
    """There is no key of that id, or it was revoked and nothing can be done with it."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"There is no key {key[:40]!r} that can be changed.",
            remedy="See `ssmd keys list`; what was revoked stays so: make another.",
        )


class NotRecorded(Unavailable):
    """An act of administration was not done, for it could not be recorded."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"Nothing was changed: the act could not be recorded ({reason}).",
            remedy="See what the database says, and do it again.",
        )


def record_of(row: dict[str, Any]) -> KeyRecord:
    """A key out of its row."""
    named = {name: row[name] for name in ("name", "since", "until", "rate", "burst")}
    feeds = row["feeds"]
    created_at = nanoseconds(row["created_at"])
    assert created_at is not None  # noqa: S101 - the column is never empty
    return KeyRecord(
        id=row["id"],
        terms=Terms(
            **named,
            scopes=frozenset(row["scopes"]),
            feeds=None if feeds is None else frozenset(feeds),
            expires_at=nanoseconds(row["expires_at"]),
            disabled=row["disabled_at"] is not None,
        ),
        digest=_bytes(row["digest"]),
        earlier=_bytes(row["earlier"]),
        earlier_until=nanoseconds(row["earlier_until"]),
        created_at=created_at,
        created_by=row["created_by"],
        rotated_at=nanoseconds(row["rotated_at"]),
        disabled_at=nanoseconds(row["disabled_at"]),
        revoked_at=nanoseconds(row["revoked_at"]),
    )


def row_of(terms: Terms) -> dict[str, Any]:
    """The columns that terms are kept in."""
    row = {name: getattr(terms, name) for name in ("name", "since", "until", "rate", "burst")}
    feeds = None if terms.feeds is None else sorted(terms.feeds)
    expires_at = moment(terms.expires_at)
    return {**row, "scopes": sorted(terms.scopes), "feeds": feeds, "expires_at": expires_at}


def told(terms: Terms) -> dict[str, Any]:
    """Terms for the audit: as JSON has them."""
    made: dict[str, Any] = msgspec.to_builtins(terms)
    feeds = None if terms.feeds is None else sorted(terms.feeds)
    return {**made, "scopes": sorted(terms.scopes), "feeds": feeds}


def _bytes(value: bytes | memoryview | None) -> bytes | None:
    return None if value is None else bytes(value)
