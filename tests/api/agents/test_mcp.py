"""What agents are told, over the protocol itself and the routes themselves."""

import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from ssmd.api.agents.asking import remote, within
from ssmd.api.agents.tools import FEW, server
from ssmd.api.app import layered
from ssmd.model.errors import ConfigError
from ssmd.sim.manual_clock import ManualClock
from tests.access.made import MINUTE_NS, Made
from tests.api.world import app_of, serving
from tests.archive.made import START

NOW = START + 10 * MINUTE_NS


@asynccontextmanager
async def agent_of(root: Path) -> AsyncIterator[Client]:
    """An agent that is connected to an archive of known trades."""
    app = app_of(root, clock=ManualClock(NOW))
    async with within(layered(app)) as api, Client(server(api)) as client:
        yield client
    await app.state.context.stop()


async def call(client: Client, tool: str, **words: object) -> dict[str, Any]:
    """The answer to a question that is answered."""
    told = await client.call_tool(tool, words)
    assert not told.is_error, told.content
    assert isinstance(told.structured_content, dict)
    return told.structured_content


async def refusal(client: Client, tool: str, **words: object) -> str:
    """The text of a refusal."""
    told = await client.call_tool(tool, words)
    assert told.is_error
    return " ".join(each.text for each in told.content if each.type == "text")


async def test_every_tool_only_reads_and_says_what_it_takes(root: Path) -> None:
    """An agent may use all of them without asking anybody, and knows every word."""
    async with agent_of(root) as agent:
        tools = {each.name: each for each in (await agent.list_tools()).tools}
        assert set(tools) == {
            "feeds", "freshness", "resolve", "search", "trades", "quotes", "book", "bars", "gaps",
            "why", "quality", "frame",
        }  # fmt: skip
        for tool in tools.values():
            assert tool.annotations is not None
            assert tool.annotations.read_only_hint
            assert tool.description
            for name, word in tool.input_schema["properties"].items():
                assert word.get("description"), f"{tool.name}.{name}"


async def test_trades_are_few_exact_and_cite_their_frames(root: Path, known: list[Made]) -> None:
    """Twenty rows unless more are asked for, each with connection and ordinal; the rest follow."""
    async with agent_of(root) as agent:
        first = await call(agent, "trades", instrument="BTC/USD")
        assert len(first["items"]) == FEW
        assert first["source"] == "/v1/data/trades"
        for row in first["items"]:
            assert isinstance(row["price"], str)
            assert row["connection"]
            assert isinstance(row["ordinal"], int)
        rest = await call(agent, "trades", instrument="BTC/USD", cursor=first["next"])
        assert rest["items"][0]["ordinal"] > first["items"][-1]["ordinal"]


async def test_a_cited_row_leads_to_the_bytes_that_were_received(root: Path) -> None:
    """From a row to its frame, verbatim, by what the row says of itself."""
    async with agent_of(root) as agent:
        row = (await call(agent, "trades", instrument="BTC/USD", limit=1))["items"][0]
        told = await call(
            agent,
            "frame",
            feed=row["feed"],
            connection=row["connection"],
            ordinal=row["ordinal"],
            start=row["ts_recv"],
        )
        (frame,) = told["items"]
        assert json.loads(frame["text"])


async def test_a_wrong_name_is_refused_with_the_nearest_one(root: Path) -> None:
    """An agent can correct itself."""
    async with agent_of(root) as agent:
        told = await refusal(agent, "trades", instrument="BTC/USE")
        assert "BTC/USD" in told
        assert "Remedy:" in told


async def test_bars_books_gaps_and_reasons_are_told(root: Path) -> None:
    """The questions that conclusions rest on."""
    async with agent_of(root) as agent:
        bars = await call(agent, "bars", instrument="BTC/USD", width="5m")
        assert bars["items"][0]["open"]
        gaps = await call(agent, "gaps", instrument="BTC/USD")
        assert isinstance(gaps["items"], list)
        told = await call(agent, "why", instrument="BTC/USD", at="-5m")
        assert told["source"] == "/v1/ledger/why"
        feeds = await call(agent, "feeds")
        assert feeds["items"]


async def test_an_api_elsewhere_is_asked_by_its_address(root: Path) -> None:
    """The same tools over a socket; one that is not there is told with what to do."""
    async with (
        serving(app_of(root, clock=ManualClock(NOW))) as url,
        remote(url, None) as api,
        Client(server(api)) as agent,
    ):
        assert (await call(agent, "feeds"))["items"]
    async with remote(url, None) as api, Client(server(api)) as agent:
        assert "does not answer" in await refusal(agent, "feeds")
    with pytest.raises(ConfigError):
        async with remote("nowhere", None):
            pass


async def test_the_command_speaks_on_standard_input_and_output(root: Path) -> None:
    """`ssmd mcp` as an agent starts it: a process, and nothing but the protocol on its output."""
    started = StdioServerParameters(
        command=sys.executable,
        args=["-m", "ssmd", "mcp", "--dir", str(root)],
        env=dict(os.environ),
    )
    async with Client(started) as agent:
        assert (await call(agent, "feeds"))["items"]
