"""Links between venues are said, dated and reviewed; nothing else makes one."""

from datetime import datetime, timedelta

import pytest

from ssmd.model.errors import ConfigError
from ssmd.secmaster import ask, links
from ssmd.secmaster.ask import When
from ssmd.secmaster.database import Database
from ssmd.secmaster.rows import Row
from tests.secmaster.filled import fill

NOW = datetime.fromisoformat("2026-11-30T12:00:00Z")
PAIR = ("kraken:BTC/USD", "atlantis:BTCUSD")


async def propose(database: Database, **more: datetime) -> Row:
    """A link between two instruments."""
    return await links.add(database, "instrument", PAIR, relation="same", reason="r", **more)


async def shown(database: Database, at: datetime = NOW) -> list[int]:
    """The links that whoever looks at the pair is told of."""
    async with database.session() as session:
        found = await ask.facts(session, "kraken", "BTC/USD", When(), at)
    assert found is not None
    return [row["id"] for row in found["links"]]


async def test_only_what_is_confirmed_counts(database: Database) -> None:
    """The same base and quote on two venues is no proof: somebody has to say so, somebody to agree."""
    await fill(database)
    assert await shown(database) == []
    row = await propose(database)
    assert (row["state"], row["left_venue"]) == ("proposed", "atlantis")
    assert await shown(database) == []
    await links.review(database, row["id"], "confirmed", reviewer="ann", reason="checked")
    assert await shown(database) == [row["id"]]
    await links.review(database, row["id"], "rejected", reviewer="bob", reason="other contract")
    assert await shown(database) == []
    async with database.session() as session:
        query = "SELECT state, reviewer FROM link_version ORDER BY version_id"
        history = await (await session.execute(query)).fetchall()
    assert {(each["state"], each["reviewer"]) for each in history} == {
        ("proposed", None),
        ("confirmed", "ann"),
        ("rejected", "bob"),
    }


async def test_a_link_holds_from_its_start_to_its_end(database: Database) -> None:
    """Two contracts were one thing until a venue changed its own."""
    await fill(database)
    day = timedelta(days=1)
    row = await propose(database, starts_at=NOW - day)
    await links.review(database, row["id"], "confirmed", reviewer="ann", reason="r")
    await links.end(database, row["id"], NOW + day, reviewer="ann", reason="delisted")
    assert await shown(database, NOW - 2 * day) == []
    assert await shown(database, NOW - day) == [row["id"]]
    assert await shown(database, NOW) == [row["id"]]
    assert await shown(database, NOW + day) == []
    with pytest.raises(ConfigError, match="begins after"):
        await links.end(database, row["id"], NOW - 2 * day, reviewer="ann", reason="r")


async def test_a_link_is_not_said_twice(database: Database) -> None:
    """Two reviews of one claim would contradict each other; after a rejection it may be said again."""
    await fill(database)
    row = await propose(database)
    with pytest.raises(ConfigError, match=f"number {row['id']}"):
        await links.add(database, "instrument", PAIR[::-1], relation="same", reason="again")
    await links.end(database, row["id"], NOW, reviewer="ann", reason="r")
    after = await propose(database, starts_at=NOW)
    await links.review(database, after["id"], "rejected", reviewer="ann", reason="no")
    await propose(database, starts_at=NOW + timedelta(days=1))


@pytest.mark.parametrize(
    ("kind", "ends", "said"),
    [
        ("instrument", ("kraken:BTC/USD", "kraken:ETH/EUR"), "are of kraken"),
        ("instrument", ("kraken:BTC/USD", "atlantis:NOPE"), "no instrument 'atlantis:NOPE'"),
        ("event", ("KXBTC-26DEC", "kraken:BTC"), "does not say of which venue"),
        ("event", ("kalshi:NOPE", "kraken:BTC"), "lists no event 'NOPE'"),
        ("underlying", ("kraken:DOGE", "atlantis:BTC"), "lists no underlying 'DOGE'"),
        ("underlying", ("krakn:BTC", "atlantis:BTC"), "no venue 'krakn'"),
    ],
)
async def test_what_is_not_there_cannot_be_linked(
    database: Database, kind: links.Kind, ends: tuple[str, str], said: str
) -> None:
    """A typing error would make a link that nobody ever sees."""
    await fill(database)
    with pytest.raises(ConfigError, match=said):
        await links.add(database, kind, ends, relation="same", reason="r")


async def test_events_and_underlyings_are_linked_too(database: Database) -> None:
    """Their instruments are told of it."""
    await fill(database)
    row = await links.add(
        database, "underlying", ("kraken:BTC", "atlantis:BTC"), relation="same", reason="r"
    )
    await links.review(database, row["id"], "confirmed", reviewer="ann", reason="r")
    assert await shown(database) == [row["id"]]


async def test_proposals_are_what_nobody_spoke_of(database: Database) -> None:
    """They are for a person to look at; a rejected pair does not come again."""
    await fill(database)
    async with database.session() as session:
        (found,) = await links.proposals(session, venue=None, limit=10)
        assert await links.proposals(session, venue="kalshi", limit=10) == []
    assert (found["left_symbol"], found["right_symbol"]) == ("BTCUSD", "BTC/USD")
    row = await propose(database)
    await links.review(database, row["id"], "rejected", reviewer="ann", reason="no")
    async with database.session() as session:
        assert await links.proposals(session, venue=None, limit=10) == []


async def test_a_list_says_how_the_review_stood(database: Database) -> None:
    """What a strategy was told at a time can be told again."""
    await fill(database)
    row = await propose(database)
    async with database.session() as session:
        found = await (await session.execute("SELECT clock_timestamp() AS at")).fetchone()
    assert found is not None
    await links.review(database, row["id"], "confirmed", reviewer="ann", reason="r")
    async with database.session() as session:
        then = await links.listed(session, When(known_at=found["at"]))
        now = await links.listed(
            session, When(), state="confirmed", venue="kraken", kind="instrument"
        )
        none = await links.listed(session, When(), venue="kalshi")
    assert [each["state"] for each in then] == ["proposed"]
    assert [each["id"] for each in now] == [row["id"]]
    assert none == []


async def test_an_unknown_number_is_refused(database: Database) -> None:
    """Nothing is done, and it is said."""
    with pytest.raises(ConfigError, match="no link 7"):
        await links.review(database, 7, "confirmed", reviewer="ann", reason="r")
