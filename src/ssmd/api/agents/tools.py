"""What an agent may ask. Every answer is small unless more is asked for, and says whence it is."""

from typing import Annotated, Any, Final

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field

from ssmd import __version__
from ssmd.api.agents.asking import Api, Words
from ssmd.model.errors import SsmdError

FEW: Final = 20
"""Items of an answer, unless more are asked for."""
MOST: Final = 200
"""Most items of an answer: for more there are downloads."""

INSTRUCTIONS: Final = """\
SSMD records what exchanges say and proves that nothing was lost. Times are UTC: 2026-11-23T12:00Z, or -1h for an hour
ago. An instrument is `venue:symbol` or the venue's own symbol; `resolve` finds it by other names. Prices and sizes are
exact decimals, as text: do not round them. Before a conclusion rests on rows, ask `gaps` of the same time: what is
missing is told there, with the reason. Cite rows by `connection`, `ordinal` and `part`: `frame` gives the bytes.
Answers are short; `next` given as `cursor` goes on.
"""

_READS: Final = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)

Feed = Annotated[str | None, Field(description="One feed; all if left out.")]
Instrument = Annotated[str, Field(description="`venue:symbol`, or the venue's own symbol.")]
Maybe = Annotated[str | None, Field(description="`venue:symbol` or symbol; all if left out.")]
Start = Annotated[str | None, Field(description="From when on, UTC: 2026-11-23T12:00Z or -1h.")]
End = Annotated[str | None, Field(description="Up to when, not included.")]
Limit = Annotated[int, Field(ge=1, le=MOST, description="Most items.")]
Cursor = Annotated[str | None, Field(description="`next` of the answer before.")]

Answer = dict[str, Any]


class Tools:
    """The questions, each one route of the API.

    Args:
        api: Whom they are put to.
    """

    def __init__(self, api: Api) -> None:
        self._api = api

    async def feeds(self, limit: Limit = FEW, cursor: Cursor = None) -> Answer:
        """What is recorded: each feed with its venue, types and days."""
        return await self._ask("/v1/datasets/feeds", {"limit": limit, "cursor": cursor})

    async def freshness(self) -> Answer:
        """Is it recording now? Each feed's rate, lag, silence, gaps, grade, and why it is not well."""
        return await self._ask("/v1/operations/status", {})

    async def resolve(
        self, name: Annotated[str, Field(description="Any name of an instrument.")]
    ) -> Answer:
        """Which instrument a name means, among all venues; several when it is ambiguous."""
        return await self._ask("/v1/secmaster/resolve", {"name": name})

    async def search(
        self,
        q: Annotated[str, Field(description="Words of titles, symbols, events.")],
        limit: Limit = FEW,
        cursor: Cursor = None,
    ) -> Answer:
        """Instruments by words."""
        words: Words = {"q": q, "limit": limit, "cursor": cursor}
        return await self._ask("/v1/secmaster/search", words)

    async def trades(
        self,
        instrument: Instrument,
        start: Start = None,
        end: End = None,
        feed: Feed = None,
        limit: Limit = FEW,
        cursor: Cursor = None,
    ) -> Answer:
        """Trades in the order of their receipt; `side` is the aggressor's."""
        words = _words(instrument, start, end, feed, limit, cursor)
        return await self._ask("/v1/data/trades", words)

    async def quotes(
        self,
        instrument: Instrument,
        start: Start = None,
        end: End = None,
        feed: Feed = None,
        limit: Limit = FEW,
        cursor: Cursor = None,
    ) -> Answer:
        """The best bid and ask, as the venue states them."""
        words = _words(instrument, start, end, feed, limit, cursor)
        return await self._ask("/v1/data/quotes", words)

    async def book(
        self,
        instrument: Instrument,
        at: Annotated[str, Field(description="When, UTC; what was received by then counts.")],
        depth: Annotated[int, Field(ge=1, le=50, description="Levels of a side.")] = 5,
        feed: Feed = None,
    ) -> Answer:
        """The order book at a time; `book_ok` says whether it is proved."""
        words: Words = {
            "instrument": instrument,
            "at": at,
            "depth": depth,
            "feed": feed,
            "limit": MOST,
        }
        return await self._ask("/v1/data/book", words)

    async def bars(
        self,
        instrument: Instrument,
        start: Start = None,
        end: End = None,
        width: Annotated[str, Field(description="1s, 1m, 1h, 1d")] = "1m",
        feed: Feed = None,
        limit: Limit = FEW,
        cursor: Cursor = None,
    ) -> Answer:
        """Bars of trades, exact."""
        words = {**_words(instrument, start, end, feed, limit, cursor), "width": width}
        return await self._ask("/v1/data/bars", words)

    async def gaps(
        self,
        instrument: Maybe = None,
        start: Start = None,
        end: End = None,
        feed: Feed = None,
        limit: Limit = FEW,
        cursor: Cursor = None,
    ) -> Answer:
        """What is missing in a time, whose loss it is, why, and what made it good."""
        words = _words(instrument, start, end, feed, limit, cursor)
        return await self._ask("/v1/ledger/gaps", words)

    async def why(
        self,
        instrument: Instrument,
        at: Annotated[str, Field(description="When, UTC.")],
        feed: Feed = None,
    ) -> Answer:
        """What was so at a moment: complete, quiet, or missing and why, in a sentence with evidence."""
        return await self._ask("/v1/ledger/why", {"instrument": instrument, "at": at, "feed": feed})

    async def quality(self, feed: Feed = None, limit: Limit = FEW, cursor: Cursor = None) -> Answer:
        """How good the days are: scores from 0 to 100 and grades, check by check."""
        words: Words = {"feed": feed, "limit": limit, "cursor": cursor}
        return await self._ask("/v1/quality/scores", words)

    async def frame(
        self,
        feed: Annotated[str, Field(description="Of which feed.")],
        connection: Annotated[str, Field(description="The connection that a row cites.")],
        ordinal: Annotated[int, Field(ge=0, description="The ordinal that a row cites.")],
        start: Start = None,
        end: End = None,
    ) -> Answer:
        """The exact bytes that a row cites: give its `ts_recv` as `start`, which spares a long look."""
        words: Words = {
            **_words(None, start, end, feed, FEW, None),
            "connection": connection,
            "ordinal": ordinal,
        }
        return await self._ask("/v1/data/frames", words)

    async def _ask(self, path: str, words: Words) -> Answer:
        """One question; a refusal is told with its remedy, so that an agent can correct itself."""
        try:
            answer = await self._api.get(path, words)
        except SsmdError as error:
            raise ToolError(str(error)) from error
        return {**answer, "source": path}


def server(api: Api) -> MCPServer:
    """An MCP server whose tools ask an API.

    Args:
        api: Whom.
    """
    made = MCPServer("ssmd", title="SSMD", instructions=INSTRUCTIONS, version=__version__)
    tools = Tools(api)
    for tool in (
        tools.feeds,
        tools.freshness,
        tools.resolve,
        tools.search,
        tools.trades,
        tools.quotes,
        tools.book,
        tools.bars,
        tools.gaps,
        tools.why,
        tools.quality,
        tools.frame,
    ):
        made.add_tool(tool, annotations=_READS)
    return made


def _words(
    instrument: str | None,
    start: str | None,
    end: str | None,
    feed: str | None,
    limit: int,
    cursor: str | None,
) -> dict[str, str | int | None]:
    return {
        "instrument": instrument,
        "start": start,
        "end": end,
        "feed": feed,
        "limit": limit,
        "cursor": cursor,
    }
