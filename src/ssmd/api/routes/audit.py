"""What was done by whom."""

from typing import Annotated, Literal

from fastapi import Query

from ssmd.api import reading
from ssmd.api.callers import ForAdmin
from ssmd.api.context import Reached
from ssmd.api.keys.shapes import EntryShown
from ssmd.api.keys.token import KEY_ID
from ssmd.api.paging import Cursor, Limit, Ns, cursor_of, start_of
from ssmd.api.reading import span_of
from ssmd.api.routing import router as routed
from ssmd.api.wire import Page
from ssmd.secmaster.keyring import audit
from ssmd.secmaster.keyring.audit import Entry, Wanted

router = routed("keys")


@router.get("/v1/audit", summary="What was done by whom?")
async def audited(
    context: Reached,
    caller: ForAdmin,
    kind: Annotated[
        Literal["act", "access"] | None, Query(description="Administration, or reading; both.")
    ] = None,
    key: Annotated[
        str | None, Query(pattern=KEY_ID, description="Done with this key, or to it.")
    ] = None,
    start: Annotated[str | None, Query(max_length=100, description="From when on.")] = None,
    end: Annotated[str | None, Query(max_length=100, description="Before when.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[EntryShown]:
    """Acts of administration, and accesses to data, the latest first.

    Acts are recorded with what they do, or not done. Accesses are written every few seconds; while the
    database is away they wait in memory, and what does not fit is lost and counted in a metric.
    """
    since, until = span_of(start, end, context)
    query = [kind, key, start, end]
    begun = start_of(cursor, "audit", query, tuple[Ns])
    wanted = Wanted(kind=kind, key=key, since=since, until=until)
    before = None if begun is None else begun[0]
    found = await audit.read(await reading.database(context), wanted, limit + 1, before)
    more = cursor_of("audit", query, [found[limit - 1].id]) if len(found) > limit else None
    return Page(items=[_shown(each) for each in found[:limit]], next=more)


def _shown(entry: Entry) -> EntryShown:
    return EntryShown(
        id=entry.id,
        at=entry.at,
        kind=entry.kind,
        key=entry.actor.key,
        actor=entry.actor.name,
        address=entry.actor.address,
        identity=entry.actor.identity,
        action=entry.action,
        target=entry.target,
        status=entry.status,
        bytes=entry.bytes,
        feeds=None if entry.feeds is None else list(entry.feeds),
        details=entry.details,
    )
