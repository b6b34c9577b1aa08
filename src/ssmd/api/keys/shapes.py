"""Keys as JSON, in and out."""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ssmd.api.callers import Scope
from ssmd.api.keys.terms import LONGEST_NAME, MOST, MOST_FEEDS
from ssmd.api.wire import Time, Wire
from ssmd.secmaster.keyring.record import KeyRecord, State

_NAME = "for the backtests of ann"
_ID = "k3v9q0x7m2pa"
_TOKEN = "ssmd_k3v9q0x7m2pa_..."  # noqa: S105 - an example

Name = Annotated[
    str,
    Field(
        min_length=1,
        max_length=LONGEST_NAME,
        description="Whose it is or what for: printable, one line.",
        examples=[_NAME],
    ),
]
Scopes = Annotated[
    list[Scope],
    Field(
        min_length=1,
        max_length=len(Scope),
        description="What it may ask. `admin:*` administers keys, and reads nothing.",
        examples=[["datasets:read", "live:read"]],
    ),
]
Feeds = Annotated[
    list[str] | None,
    Field(
        min_length=1,
        max_length=MOST_FEEDS,
        description="Of which feeds; null for all.",
        examples=[None],
    ),
]
Since = Annotated[
    date | None,
    Field(description="From which UTC day on; null for the beginning.", examples=[None]),
]
Until = Annotated[
    date | None,
    Field(description="Up to which UTC day, included; null for the end.", examples=[None]),
]
Rate = Annotated[
    float | None,
    Field(
        gt=0,
        le=MOST,
        allow_inf_nan=False,
        description="Requests a second; null for the API's own.",
        examples=[20],
    ),
]
Burst = Annotated[
    int | None,
    Field(ge=1, le=MOST, description="Requests at once; null for the API's own.", examples=[100]),
]
ExpiresAt = Annotated[
    str | None,
    Field(
        max_length=100,
        description="When it ends, as `2027-01-01T00:00Z`; null for never.",
        examples=["2027-01-01T00:00Z"],
    ),
]


class _Asked(BaseModel):
    """What is asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class KeyWanted(_Asked):
    """A key that is to be made."""

    name: Name
    scopes: Scopes
    feeds: Feeds = None
    since: Since = None
    until: Until = None
    rate: Rate = None
    burst: Burst = None
    expires_at: ExpiresAt = None


class KeyChange(_Asked):
    """What is to change of a key; what is left out stays."""

    name: Name | None = None
    scopes: Scopes | None = None
    feeds: Feeds = None
    since: Since = None
    until: Until = None
    rate: Rate = None
    burst: Burst = None
    expires_at: ExpiresAt = None
    disabled: bool | None = Field(
        default=None, description="Whether it is put aside for now.", examples=[True]
    )


class Rotation(_Asked):
    """How a key gets another secret."""

    grace_s: int = Field(
        default=0,
        ge=0,
        le=7 * 86_400,
        description="How long the old one is taken as well, in seconds.",
        examples=[0],
    )


class KeyShown(Wire):
    """A key; its secret is not known here."""

    id: str = Field(description="Its name in URLs and logs.", examples=[_ID])
    name: str = Field(description="Whose it is or what for.", examples=[_NAME])
    scopes: list[Scope] = Field(description="What it may ask.", examples=[["datasets:read"]])
    feeds: list[str] | None = Field(description="Of which feeds; null for all.", examples=[None])
    since: date | None = Field(description="From which UTC day on.", examples=[None])
    until: date | None = Field(description="Up to which UTC day, included.", examples=[None])
    rate: float | None = Field(description="Requests a second; null for the API's own.")
    burst: int | None = Field(description="Requests at once; null for the API's own.")
    state: State = Field(description="Whether it holds.", examples=["active"])
    created_at: Time = Field(description="When it was made.")
    created_by: str = Field(description="By whom.", examples=["ann"])
    rotated_at: Time | None = Field(description="When it got the secret that it has, if later.")
    old_secret_until: Time | None = Field(description="Until when the one before is taken.")
    expires_at: Time | None = Field(description="When it ends; null for never.")
    disabled_at: Time | None = Field(description="When it was put aside.")
    revoked_at: Time | None = Field(description="When it was ended for good.")


class KeyMade(Wire):
    """A key with its secret, which is shown this once."""

    key: KeyShown = Field(description="What it may.")
    token: str = Field(description="Show it as `Authorization: Bearer`.", examples=[_TOKEN])


class UsedShown(Wire):
    """How often a key was used on a day for a route."""

    day: date = Field(description="The UTC day.", examples=["2026-11-24"])
    route: str = Field(description="The path's template.", examples=["/v1/data/trades"])
    requests: int = Field(description="Answers, refusals included.", examples=[12])
    refused: int = Field(description="Those with a status of 400 or more.", examples=[0])
    bytes: int = Field(description="Of the answers' bodies.", examples=[123456])


class EntryShown(Wire):
    """Something that was done."""

    id: int = Field(description="Its number; later ones are larger.", examples=[17])
    at: Time = Field(description="When.")
    kind: Literal["act", "access"] = Field(description="Administration, or reading.")
    key: str | None = Field(
        description="With which key; null at the machine itself.", examples=[_ID]
    )
    actor: str = Field(description="By whom.", examples=["ann"])
    address: str = Field(description="Whence; empty at the machine itself.", examples=["192.0.2.7"])
    identity: str | None = Field(description="Who a trusted proxy said it was.", examples=[None])
    action: str = Field(description="What: of acts `key.create` ..., of accesses the method.")
    target: str = Field(description="To what: a key's id, or a path's template.", examples=[_ID])
    status: int | None = Field(description="Of the answer; null for acts.", examples=[None])
    bytes: int | None = Field(description="Of the answer's body; null for acts.", examples=[None])
    feeds: list[str] | None = Field(description="Which feeds were asked about.", examples=[None])
    details: dict[str, object] = Field(description="What else there is.", examples=[{}])


def shown(key: KeyRecord, now: int) -> KeyShown:
    """A key as JSON.

    Args:
        key: Which.
        now: What time it is, ns.
    """
    terms = key.terms
    return KeyShown(
        id=key.id,
        name=terms.name,
        scopes=sorted(Scope(each) for each in terms.scopes),
        feeds=None if terms.feeds is None else sorted(terms.feeds),
        since=terms.since,
        until=terms.until,
        rate=terms.rate,
        burst=terms.burst,
        state=key.state(now),
        created_at=key.created_at,
        created_by=key.created_by,
        rotated_at=key.rotated_at,
        old_secret_until=key.earlier_until,
        expires_at=terms.expires_at,
        disabled_at=key.disabled_at,
        revoked_at=key.revoked_at,
    )
