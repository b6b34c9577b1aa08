"""REST without IO: what a venue's generators ask for, and what they are to be asked with.

A generator yields a `Request` and is sent the body of its answer. The driver (`runtime.http`)
paces, repeats, bounds and records; a generator only ever sees the bodies of successful answers.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias

import msgspec

from ssmd.model.instrument import Instrument
from ssmd.model.listing import Fee, FundingState, ListedEvent, Reject, Series


class Request(msgspec.Struct, frozen=True):
    """One GET request.

    Attributes:
        path: Below the service's base address, beginning with `/`.
        query: Its parameters, in order, not yet escaped.
        service: Which of the venue's REST services is meant.
        cost: What it takes from the service's token bucket, in tokens.
    """

    path: str
    query: tuple[tuple[str, str], ...] = ()
    service: str = "main"
    cost: float = 1.0


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """One REST service of a venue, and what it tolerates from one client.

    Attributes:
        base: Its address, without a trailing `/`; a feed may name another.
        tokens_per_second: How fast its bucket fills, head-room already taken off.
        burst: How many tokens the bucket holds.
        timeout_s: Longest wait for an answer, in seconds.
    """

    base: str
    tokens_per_second: float
    burst: float = 1.0
    timeout_s: float = 30.0


class Complaint(msgspec.Struct, frozen=True):
    """What an answer with status 200 says instead of what was asked.

    Attributes:
        reason: The venue's own words.
        retryable: Whether asking again later can succeed.
    """

    reason: str
    retryable: bool


class Page(msgspec.Struct, frozen=True):
    """What one page of a catalog held.

    Attributes:
        instruments: What could be read.
        rejects: What could not be, and what is strange; its neighbours stand.
        series: Series, before anything that names them.
        events: Events, before their instruments.
        fees: What trading costs.
        funding: What holding perpetuals costs at the moment.
    """

    instruments: tuple[Instrument, ...] = ()
    rejects: tuple[Reject, ...] = ()
    series: tuple[Series, ...] = ()
    events: tuple[ListedEvent, ...] = ()
    fees: tuple[Fee, ...] = ()
    funding: tuple[FundingState, ...] = ()


class CatalogQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What a catalog is asked for: narrowing that a venue can do on its side, if it does.

    The filters of a feed are applied to what comes, in any case.

    Attributes:
        active: Only what can be traded now, or soon.
        series: Only these series; empty for all.
        categories: Only these categories; empty for all.
        close_before_ts: Only what closes before this time, ns; None for all.
        page_size: Entries per page, when the venue lets one choose; None for the venue's best.
    """

    active: bool = True
    series: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    close_before_ts: int | None = None
    page_size: int | None = None


class ReferenceQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue is asked for when all that it lists is to be known: instruments and parents.

    Attributes:
        changed_since_ts: Only what changed since then, ns (more may come); None for all that can
            be traded now or later. A venue that cannot tell lists all in any case.
        ended_since_ts: Beside what can be traded, what ended since then, ns; None for none.
        series: Only these series; empty for all.
        categories: Only these categories; empty for all.
        page_size: Entries per page; None for the venue's best.
    """

    changed_since_ts: int | None = None
    ended_since_ts: int | None = None
    series: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    page_size: int | None = None


class Saved(msgspec.Struct, frozen=True):
    """The body of an answer, out of a file.

    Attributes:
        name: The file's name, for people.
        body: What it holds.
    """

    name: str
    body: bytes


Catalog: TypeAlias = Generator[Request | Page, bytes, None]
"""Yields a request, is sent the body; yields a page, is sent anything. Ends when all is listed.

Raises:
    ValueError: A body is not what the venue documents: the round fails, nothing is truncated.
"""

Witness: TypeAlias = Generator[Request, bytes, bytes]
"""Returns a digest of an instrument's state at the venue: equal digests, nothing happened."""


class Span(msgspec.Struct, frozen=True):
    """What the page just read is whole for.

    Attributes:
        since: From when on, ns, included: every fact the venue tells of from here ...
        until: ... up to here, ns, not included, is in this page or in one before it.
        facts: How many facts of this page lie in the span.
        gone: Whether the venue keeps nothing that old: the span stays lost.
    """

    since: int
    until: int
    facts: int
    gone: bool = False


History: TypeAlias = Generator[Request | Span, bytes, None]
"""Yields a request, is sent the body; then yields the span that this page settled, is sent
anything. Spans follow one another without holes in time and never overlap, forwards or backwards;
the generator ends when the whole time asked for is settled. It may be begun again at any bound
between two spans: nothing but the times it is given makes it resume.

Raises:
    ValueError: A body is not what the venue documents.
"""


class Retold(msgspec.Struct, frozen=True, kw_only=True):
    """How a trade that was heard is known again in the venue's history.

    Attributes:
        by_id: Whether both name it by one id. If not, price, size, side and time must do, and of
            trades that are equal in all of them only the number can be compared.
        early_s: How much earlier than the stream's the history's time of it may be, in seconds.
        late_s: How much later.
        settles_s: So long after a trade the history may still lack it, in seconds.
        smallest: The history never tells of less than this; None when it tells of all.
        caveats: What a comparison does not show, a sentence each.
    """

    by_id: bool = True
    early_s: float = 1.0
    late_s: float = 1.0
    settles_s: float = 5.0
    smallest: Decimal | None = None
    caveats: tuple[str, ...] = ()


class Rest(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue offers over REST, as pure functions.

    Attributes:
        services: The venue's REST services, by name; `main` is one of them.
        complaint: What a body of status 200 complains of; None when it answers.
        catalog: What is listed.
        witness: How an instrument stands now, seen from the channels that are subscribed, told
            a nonce that no cache can know (symbol, channels, nonce); None where REST cannot tell.
        history: What happened to an instrument on a channel from a time up to another, ns
            (channel, symbol, since, until); None where the venue keeps no history of it.
        partial: Channels that say more than their history tells: books beside trades.
        retold: How the trades of a stream are known again in their history.
        reference: Everything listed with its parents, series before events before instruments,
            fees and funding; asked for by the security master, never by a connector.
        lookup: How some symbols stand now, whatever became of them: what the listing no longer
            names. A symbol that no page names is gone. None where REST cannot tell.
        saved: The same as `reference`, out of saved bodies: it yields pages, no requests.
            Raises ValueError naming the file that is no listing of this venue.
        passing: Names of fields at the top of payloads that state the moment (prices, volumes,
            counters, times of change), not the thing: the security master does not keep them.
        identifying: Schemes of aliases of which a value names one instrument, among all that can be
            traded; of the others, an event's or a pair's, it may name several.
        tells_changes: Whether `reference` heeds `changed_since_ts`; else it lists all in any case.
    """

    services: Mapping[str, Service]
    complaint: Callable[[bytes], Complaint | None]
    catalog: Callable[[CatalogQuery], Catalog]
    witness: Callable[[str, frozenset[str], str], Witness | None]
    history: Callable[[str, str, int, int], History | None] = lambda _c, _s, _a, _b: None
    partial: frozenset[str] = frozenset()
    retold: Retold = Retold()
    reference: Callable[[ReferenceQuery], Catalog]
    lookup: Callable[[tuple[str, ...]], Catalog] | None = None
    saved: Callable[[Sequence[Saved]], Catalog]
    passing: frozenset[str] = frozenset()
    identifying: frozenset[str] = frozenset()
    tells_changes: bool = False
