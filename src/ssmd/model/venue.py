"""What a venue folder offers: facts, and pure functions over them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import msgspec

from ssmd.model.booking import BookReader
from ssmd.model.envelope import Envelope
from ssmd.model.fact import Fact
from ssmd.model.frame import Now
from ssmd.model.instrument import Status
from ssmd.model.rest import Rest
from ssmd.model.row import Decoded, Row
from ssmd.model.session import Session
from ssmd.model.simulated import SimulatedMarket, SimulationOptions
from ssmd.model.subscription import Limits, Shard, Subscription


class Handshake(msgspec.Struct, frozen=True):
    """How to open the WebSocket.

    Attributes:
        url: Where to connect.
        headers: What to send with the upgrade request; may hold credentials, never logged
            (printing it shows their names only).
    """

    url: str
    headers: Mapping[str, str] = {}

    def __repr__(self) -> str:
        return f"Handshake({self.url!r}, headers: {', '.join(self.headers) or 'none'})"


class SessionOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a session is to behave.

    Attributes:
        limits: The venue's limits, with the feed's overrides applied.
        parameters: The feed's own parameters of the venue (`parser_config` of feed.yaml), checked
            by the venue.
        passive: Replay of a recording: no wants, no ticks; answers nobody asked for are accepted,
            and a known opening message in mid-stream begins a new connection
            (`Reconnect("discontinuity")` as the first event).
    """

    limits: Limits
    parameters: Mapping[str, object] = {}
    passive: bool = False


class Credential(msgspec.Struct, frozen=True):
    """One field of what opens a venue's door.

    Attributes:
        name: The field's name, as handshakes look it up.
        kind: What it is, so that a practice account can be made up for simulations.
    """

    name: str
    kind: Literal["text", "rsa_private_key"] = "text"


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What a client needs to be let in.

    Attributes:
        credentials: The fields.
        where: How to get them: where to create a key, what to download; sentences for people.
        check: Complaints about fetched credentials, one sentence each, never quoting them.
    """

    credentials: tuple[Credential, ...]
    where: str
    check: Callable[[Mapping[str, str]], list[str]]


class Clocked(msgspec.Struct, frozen=True):
    """A change of status that nobody announces.

    Attributes:
        status: What an instrument is until then.
        when: The field of `Instrument` that says when.
        becomes: What it is from then on.
    """

    status: Status
    when: Literal["open_ts", "close_ts", "expiry_ts"]
    becomes: Status


class Venue(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange, as data and pure functions: what every folder in `venues/` exports as `VENUE`.

    Attributes:
        id: The venue's name: its folder's, with `-` for `_`.
        title: Its name for people.
        channels: Every channel that can be subscribed.
        types: Every message type its session can give.
        limits: What it tolerates from one client.
        handshake: Makes the upgrade request of a shard: endpoint, shard, secrets by name, now.
        session: Makes the conversation of a shard.
        subscriptions: The wanted set for channels and symbols, as the venue divides them (an
            all-symbols channel becomes one subscription).
        check: Complaints about a feed's parameters, one sentence each; empty when all is well.
        rest: What it offers over REST.
        rows: Typed rows of an envelope; never raises, whatever the bytes.
        tables: Every kind of row there can be.
        facts: What a row says in words that all venues share, everything but books; pure, from
            that row alone, and never raises.
        numbered: Whether its messages carry numbers or checksums, by which a session notices that
            one is missing or wrong.
        checksummed: Whether its books come with checksums that its session compares.
        pause: The name of the scheduled pause that a time (ns) lies in; None when it trades.
        account: What opens its door; None when it is open to all.
        simulated: Makes the venue's own side of the talk; None when nobody wrote it.
        anew: Channels whose messages build on each other, and by which messages all is stated anew:
            the type, and bytes that no other message of that type has (at any venue; none when the
            type says enough). It is asked of every message archived: nothing is parsed for it.
        tells: Of which kinds the rows and facts of a message can be, by its type, books left out.
            Whoever looks for others passes it over unread; one of a type that is not here is read.
        snapshots: Of those types the ones whose messages can have rows that are snapshots, and
            bytes that each such message has, without quotation marks (none when any may). They
            are read whatever is looked for: an election is about where states begin.
        books: Makes the reader of one connection's books; None when it publishes none.
        categories: Whether its listings state a category, so that a feed can be divided by it: of
            each instrument `one`, or `several`, of which one that was asked for is told.
        clocked: What becomes of an instrument when a time of its own has come, without a word
            from the venue.
    """

    id: str
    title: str
    channels: frozenset[str]
    types: frozenset[str]
    limits: Limits
    handshake: Callable[[str, Shard, Mapping[str, str], Now], Handshake]
    session: Callable[[Shard, SessionOptions], Session]
    subscriptions: Callable[[tuple[str, ...], tuple[str, ...]], frozenset[Subscription]]
    check: Callable[[Mapping[str, object]], list[str]]
    rest: Rest
    rows: Callable[[Envelope], Decoded]
    tables: tuple[type[Row], ...]
    facts: Callable[[Row], Iterable[Fact]]
    pause: Callable[[int], str | None]
    numbered: bool = True
    checksummed: bool = False
    account: Account | None = None
    simulated: Callable[[SimulationOptions], SimulatedMarket] | None = None
    anew: Mapping[str, tuple[str, bytes]] = {}
    tells: Mapping[str, frozenset[type[Row | Fact]]] = {}
    snapshots: Mapping[str, bytes] = {}
    books: Callable[[], BookReader] | None = None
    categories: Literal["none", "one", "several"] = "none"
    clocked: tuple[Clocked, ...] = ()
