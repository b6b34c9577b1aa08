"""REST without IO: what a venue's generators ask for, and what they are to be asked with.

A generator yields a `Request` and is sent the body of its answer. The driver (`runtime.http`)
paces, repeats, bounds and records; a generator only ever sees the bodies of successful answers.
"""

from collections.abc import Callable, Generator, Mapping
from typing import TypeAlias

import msgspec

from ssmd.model.instrument import Instrument


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
        rejects: Why an entry could not be, one sentence each; its neighbours stand.
    """

    instruments: tuple[Instrument, ...]
    rejects: tuple[str, ...] = ()


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
    """

    services: Mapping[str, Service]
    complaint: Callable[[bytes], Complaint | None]
    catalog: Callable[[CatalogQuery], Catalog]
    witness: Callable[[str, frozenset[str], str], Witness | None]
    history: Callable[[str, str, int, int], History | None] = lambda _c, _s, _a, _b: None
    partial: frozenset[str] = frozenset()
