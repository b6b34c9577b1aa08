"""Who the caller is, and what they may."""

from datetime import date

from pydantic import Field

from ssmd.api.callers import ForAny, Scope
from ssmd.api.context import Reached
from ssmd.api.keys.keeper import Admitted
from ssmd.api.routing import router as routed
from ssmd.api.wire import Time, Wire

router = routed("keys")


class Me(Wire):
    """A caller."""

    key: str | None = Field(description="The id of their key; null without keys.")
    name: str = Field(description="What they are called.", examples=["ann"])
    scopes: list[Scope] = Field(description="What they may ask.", examples=[["datasets:read"]])
    feeds: list[str] | None = Field(description="Of which feeds; null for all.", examples=[None])
    since: date | None = Field(description="From which UTC day on.", examples=[None])
    until: date | None = Field(description="Up to which UTC day, included.", examples=[None])
    expires_at: Time | None = Field(description="When their key ends; null for never.")
    rate: float | None = Field(
        description="Requests a second; null without a limit.", examples=[20]
    )
    burst: int | None = Field(description="Requests at once; null without a limit.", examples=[100])


@router.get("/v1/me", summary="Who am I?")
async def me(context: Reached, caller: ForAny) -> Me:
    """The caller's key, and what it may; any key that holds may ask."""
    terms = caller.record.terms if isinstance(caller, Admitted) else None
    limits = context.config.keys
    return Me(
        key=caller.key,
        name=caller.name,
        scopes=sorted(caller.scopes),
        feeds=None if caller.feeds is None else sorted(caller.feeds),
        since=caller.since,
        until=caller.until,
        expires_at=None if terms is None else terms.expires_at,
        rate=None if terms is None else terms.rate or limits.rate,
        burst=None if terms is None else terms.burst or limits.burst,
    )
