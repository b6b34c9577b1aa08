"""Keys: made, changed, given another secret, ended; and how they were used."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import Path, Query, Request, Response

from ssmd.api import reading
from ssmd.api.callers import Caller, ForAdmin
from ssmd.api.context import Context, Reached
from ssmd.api.keys import acts, telemetry
from ssmd.api.keys.keeper import Keys
from ssmd.api.keys.shapes import (
    KeyChange,
    KeyMade,
    KeyShown,
    KeyWanted,
    Rotation,
    UsedShown,
    shown,
)
from ssmd.api.keys.token import KEY_ID
from ssmd.api.layers.access import networks, origin
from ssmd.api.paging import Cursor, Key, Limit, cursor_of, start_of
from ssmd.api.problems import NotThere, Refused
from ssmd.api.routing import router as routed
from ssmd.api.wire import Page
from ssmd.model.timestamp import SECOND_NS
from ssmd.secmaster.keyring import keys, usage
from ssmd.secmaster.keyring.audit import Actor
from ssmd.secmaster.keyring.record import KeyRecord, NoSuchKey, Terms

router = routed("keys")
_DAYS: Final = 30
_ONCE: Final = {"Cache-Control": "no-store"}

KeyId = Annotated[
    str, Path(pattern=KEY_ID, description="The id of a key.", examples=["k3v9q0x7m2pa"])
]


@router.get("/v1/keys", summary="Which keys are there?")
async def keys_listed(
    context: Reached,
    caller: ForAdmin,
    revoked: Annotated[bool, Query(description="Also those that were ended for good.")] = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[KeyShown]:
    """Every key by its id; no secret."""
    (after,) = start_of(cursor, "keys", revoked, tuple[Key]) or ("",)
    database = await reading.database(context)
    found = await keys.listed(database, revoked=revoked, after=after, limit=limit + 1)
    now = context.clock.wall()
    more = cursor_of("keys", revoked, [found[limit - 1].id]) if len(found) > limit else None
    return Page(items=[shown(each, now) for each in found[:limit]], next=more)


@router.post("/v1/keys", status_code=201, summary="Make a key")
async def key_made(
    context: Reached, caller: ForAdmin, request: Request, response: Response, wanted: KeyWanted
) -> KeyMade:
    """Make a key. Its secret is in this answer, and nowhere else ever after.

    Nobody gives more than they have: the maker must have all of its scopes, and it ends no later.
    """
    now = context.clock.wall()
    fields = wanted.model_dump(mode="python")
    database = await reading.database(context)
    made = await acts.create(
        database, actor(context, caller, request), now, Terms(**_fields(context, fields))
    )
    telemetry.act("key.create", key=made.id, by=caller.name)
    record = await keys.find(database, made.id)
    assert record is not None  # noqa: S101 - it was made
    response.headers.update(_ONCE)
    return KeyMade(key=shown(record, now), token=made.text)


@router.get("/v1/keys/{key}", summary="What may a key?")
async def key_shown(context: Reached, caller: ForAdmin, key: KeyId) -> KeyShown:
    """One key, ended or not."""
    return shown(await _found(context, key), context.clock.wall())


@router.patch("/v1/keys/{key}", summary="Change a key")
async def key_changed(
    context: Reached, caller: ForAdmin, request: Request, key: KeyId, change: KeyChange
) -> KeyShown:
    """Change what a key may, or put it aside. What is left out stays.

    Nobody gives more than they have; putting aside (`disabled`) may be done to any key.
    """
    fields = change.model_dump(mode="python", exclude_unset=True)
    for name in ("name", "scopes", "disabled"):
        if name in fields and fields[name] is None:
            raise Refused(400, "value", f"`{name}` cannot be null.", "Leave it out.")
    now = context.clock.wall()
    by = actor(context, caller, request)
    database = await reading.database(context)
    try:
        record = await acts.update(database, by, now, key, _fields(context, fields))
    except NoSuchKey as error:
        raise NotThere(error.message, remedy=error.remedy) from error
    _done(context, "key.update", key, caller)
    return shown(record, now)


@router.delete("/v1/keys/{key}", status_code=204, summary="End a key for good")
async def key_revoked(context: Reached, caller: ForAdmin, request: Request, key: KeyId) -> None:
    """End a key for good, whosever it is: here at once, in other processes within seconds."""
    database = await reading.database(context)
    by = actor(context, caller, request)
    try:
        await acts.revoke(database, by, context.clock.wall(), key)
    except NoSuchKey as error:
        raise NotThere(error.message, remedy=error.remedy) from error
    _done(context, "key.revoke", key, caller)


@router.post("/v1/keys/{key}/rotate", summary="Give a key another secret")
async def key_rotated(
    context: Reached,
    caller: ForAdmin,
    request: Request,
    response: Response,
    key: KeyId,
    rotation: Rotation | None = None,
) -> KeyMade:
    """Give a key another secret, which is shown this once; the old one ends now, or after `grace_s`.

    Addresses that were signed with the old one end with it.
    """
    now = context.clock.wall()
    by = actor(context, caller, request)
    grace_s = 0 if rotation is None else rotation.grace_s
    database = await reading.database(context)
    try:
        made = await acts.rotate(database, by, now, key, grace_s)
    except NoSuchKey as error:
        raise NotThere(error.message, remedy=error.remedy) from error
    _done(context, "key.rotate", key, caller)
    response.headers.update(_ONCE)
    return KeyMade(key=shown(await _found(context, key), now), token=made.text)


@router.get("/v1/keys/{key}/usage", summary="How was a key used?")
async def key_used(
    context: Reached,
    caller: ForAdmin,
    key: KeyId,
    since: Annotated[date | None, Query(description="First UTC day; 30 days ago.")] = None,
    until: Annotated[date | None, Query(description="Last UTC day, included; today.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[UsedShown]:
    """Requests by day and route. Counts are written every few seconds, and kept in memory until then."""
    await _found(context, key)
    today = datetime.fromtimestamp(context.clock.wall() // SECOND_NS, UTC).date()
    last = until or today
    first = since or max(date.min + timedelta(_DAYS), last) - timedelta(_DAYS)
    query = [key, since, until]
    after = start_of(cursor, "usage", query, tuple[date, Key]) or (date.min, "")
    database = await reading.database(context)
    found = await usage.read(database, key, (first, last), after, limit + 1)
    items = [
        UsedShown(
            day=each.day,
            route=each.route,
            requests=each.requests,
            refused=each.refused,
            bytes=each.bytes,
        )
        for each in found[:limit]
    ]
    more = None
    if len(found) > limit:
        more = cursor_of("usage", query, [items[-1].day.isoformat(), items[-1].route])
    return Page(items=items, next=more)


def actor(context: Context, caller: Caller, request: Request) -> Actor:
    """Who does something, for the audit."""
    address, identity = origin(request, networks(context.config), context.config.identity_header)
    return Actor(key=caller.key, name=caller.name, address=address, identity=identity)


async def _found(context: Context, key: str) -> KeyRecord:
    record = await keys.find(await reading.database(context), key)
    if record is None:
        raise NotThere(f"There is no key {key!r}.", remedy="See `GET /v1/keys?revoked=true`.")
    return record


def _fields(context: Context, fields: dict[str, Any]) -> dict[str, Any]:
    """What was asked for, as terms have it."""
    made = dict(fields)
    if "scopes" in made:
        made["scopes"] = frozenset(scope.value for scope in made["scopes"])
    if made.get("feeds") is not None:
        made["feeds"] = frozenset(made["feeds"])
    if made.get("expires_at") is not None:
        made["expires_at"] = reading.instant_of(made["expires_at"], context, "expires_at")
    return made


def _done(context: Context, action: str, key: str, caller: Caller) -> None:
    """A key was changed: this process knows at once."""
    telemetry.act(action, key=key, by=caller.name)
    if isinstance(context.doorkeeper, Keys):
        context.doorkeeper.changed(key)
