"""What a name means: now, then, and last; in this process and in the database alike."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ssmd.runtime.clock import SystemClock
from ssmd.secmaster.address import Address
from ssmd.secmaster.database import Database, Session, open_database
from ssmd.secmaster.resolve import Answer, Meaning, Resolver, resolve_many
from ssmd.secmaster.rows import Row
from ssmd.secmaster.times import FOREVER
from tests import tier
from tests.secmaster.filled import fill
from tests.secmaster.server import finish

DAY = timedelta(days=1)
START = datetime.fromisoformat("2026-01-01T00:00:00Z")
VENUES, SCHEMES, VALUES, SYMBOLS = ("a", "b"), ("s", "t"), ("x", "y", "a:x"), ("P", "Q", "R")

NO_TIME: Final = timedelta(0)
_GIVE: Final = "INSERT INTO alias (venue, scheme, value, symbol) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"
_TAKE: Final = "DELETE FROM alias WHERE (venue, scheme, value, symbol) = (%s, %s, %s, %s)"
Steps = list[list[tuple[bool, tuple[str, str, str, str]]]]

alias = st.tuples(
    st.sampled_from(VENUES), st.sampled_from(SCHEMES), st.sampled_from(VALUES),
    st.sampled_from(SYMBOLS),
)  # fmt: skip
question = st.fixed_dictionaries(
    {
        "venue": st.none() | st.sampled_from(VENUES),
        "scheme": st.none() | st.sampled_from(SCHEMES),
        "to": st.none() | st.sampled_from(SCHEMES),
    }
)


def meaning(symbol: str, since: int, until: int | None, scheme: str = "s") -> Meaning:
    """That `x` is a name of an instrument, from one day to another."""
    end = FOREVER if until is None else START + until * DAY
    return Meaning("a", scheme, "x", symbol, START + since * DAY, end)


def ids(answer: Answer) -> list[str]:
    """The instruments of an answer."""
    return [each.symbol for each in answer.matches]


def test_a_name_that_moved_means_what_it_meant() -> None:
    """A venue gives a name to another instrument; old data must not be read as the new one's."""
    resolver = Resolver([meaning("OLD", 0, 5), meaning("NEW", 7, None)])
    assert ids(resolver.resolve("x")) == ["NEW"]
    assert ids(resolver.resolve("x", at=START + 2 * DAY)) == ["OLD"]
    assert ids(resolver.resolve("x", at=START + 6 * DAY)) == []
    assert ids(resolver.resolve("x", at=START + 7 * DAY)) == ["NEW"]
    assert ids(resolver.resolve("x", at=START + 5 * DAY)) == []


def test_a_name_that_ended_means_what_it_meant_last() -> None:
    """Who asks without a date about something delisted wants to hear what it was, and that it ended."""
    resolver = Resolver([meaning("FIRST", 0, 5), meaning("LAST", 6, 9)])
    answer = resolver.resolve("x")
    assert (ids(answer), answer.state) == (["LAST"], "ended")
    assert answer.matches[0].until == START + 9 * DAY


def test_a_present_name_outranks_one_that_ended() -> None:
    """One scheme let go of the word, another still has it."""
    resolver = Resolver([meaning("GONE", 0, 5, "t"), meaning("HERE", 0, None)])
    assert ids(resolver.resolve("x")) == ["HERE"]
    assert ids(resolver.resolve("x", scheme="t")) == ["GONE"]


def test_states() -> None:
    """A program decides by one word."""
    one, two = meaning("P", 0, None), meaning("Q", 0, None)
    assert Resolver([one]).resolve("x").state == "found"
    assert Resolver([one, two]).resolve("x").state == "ambiguous"
    assert Resolver([one]).resolve("y").state == "unknown"
    told = Resolver([one]).resolve("x").told()
    assert told == {
        "asked": "x",
        "state": "found",
        "matches": [
            {
                "instrument": "a:P",
                "venue": "a",
                "symbol": "P",
                "schemes": ("s",),
                "since": "2026-01-01T00:00:00.000000Z",
                "until": None,
                "names": (),
            }
        ],
    }


@pytest.mark.parametrize(
    ("asked", "more", "found"),
    [
        ("XXBTZUSD", {"to": "wsname"}, [("kraken:BTC/USD", ("XBT/USD",))]),
        ("XBTUSD", {"to": "rest_key"}, [("kraken:BTC/USD", ("XXBTZUSD",))]),
        ("kraken:BTC/USD", {"to": "altname"}, [("kraken:BTC/USD", ("XBTUSD",))]),
        ("PF_XBTUSD", {"to": "symbol"}, [("kraken_futures:PF_XBTUSD", ("PF_XBTUSD",))]),
        ("KXBTC-26DEC", {}, [(f"kalshi:KXBTC-26DEC-T{n}", ()) for n in (1, 2, 3)]),
        ("KXBTC-26DEC", {"scheme": "ticker"}, []),
        ("BTC/USD", {"venue": "kalshi"}, []),
        ("kalshi:XBTUSD", {}, []),
        ("kraken:XBTUSD", {"venue": "kalshi"}, []),
        ("", {}, []),
        (":", {}, []),
    ],
)  # fmt: skip
async def test_names_of_every_scheme(
    database: Database, asked: str, more: dict[str, str], found: list[tuple[str, tuple[str, ...]]]
) -> None:
    """Both ways of asking give the same."""
    await fill(database)
    async with database.session() as session:
        resolver = await Resolver.load(session)
        (answer,) = await resolve_many(session, [asked], **more)  # type: ignore[arg-type]
    assert [(each.id, each.names) for each in answer.matches] == found
    assert answer == resolver.resolve(asked, **more)  # type: ignore[arg-type]


async def test_two_thousand_names_are_one_call(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round trip for each would take a researcher's patience."""
    await fill(database)
    names = [f"n{n}" for n in range(1998)] + ["XBTUSD", "XXBTZUSD"]
    async with database.session() as session:
        calls: list[object] = []
        execute: Any = session.execute

        async def counted(query: object, values: object) -> object:
            calls.append(query)
            return await execute(query, values)

        monkeypatch.setattr(session, "execute", counted)
        answers = await resolve_many(session, names)
    assert len(calls) == 1
    assert [each.asked for each in answers] == names
    assert {each.state for each in answers[:-2]} == {"unknown"}
    assert [ids(each) for each in answers[-2:]] == [["BTC/USD"], ["BTC/USD"]]


async def _play(database: Database, steps: Steps) -> None:
    """Give and take names, a transaction after the other."""
    for together in steps:
        async with database.writing("test") as session:
            for gives, row in together:
                await session.execute(_GIVE if gives else _TAKE, row)


@settings(
    max_examples=200 if tier.FULL else 25,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    steps=st.lists(
        st.lists(st.tuples(st.booleans() | st.just(True), alias), min_size=1, max_size=3),
        min_size=1,
        max_size=5,
    ),
    asked=question,
    at=st.none() | st.integers(0, 11),
    known_at=st.none() | st.integers(0, 11),
)
def test_the_process_and_the_database_agree(
    address: Address,
    steps: Steps,
    asked: dict[str, str | None],
    at: int | None,
    known_at: int | None,
) -> None:
    """Whoever resolves in bulk and whoever resolves in a loop must not hear two things."""
    finish(_agree(address, steps, asked, at, known_at))


async def _agree(
    address: Address,
    steps: Steps,
    asked: dict[str, str | None],
    at: int | None,
    known_at: int | None,
) -> None:
    async with open_database(address.url, Path(), SystemClock()) as database:
        await _play(database, steps)
        async with database.session() as session:
            query = "SELECT known_at FROM change_set ORDER BY known_at DESC"
            stamps = [row["known_at"] for row in await (await session.execute(query)).fetchall()]
            times = [
                stamp + shift for stamp in stamps for shift in (NO_TIME, -timedelta.resolution)
            ]
            then = times[at % len(times)] if times and at is not None else None
            known = times[known_at % len(times)] if times and known_at is not None else None
            names = [*VALUES, "b:x", "a:a:x", "z"]
            bulk = await resolve_many(session, names, at=then, known_at=known, **asked)
            resolver = await Resolver.load(session, known)
            rows = await _as_of(session, then, known)
    assert bulk == [resolver.resolve(name, at=then, **asked) for name in names]
    if then is not None and known is not None:
        for name, answer in zip(VALUES, bulk, strict=False):
            right = {
                (row["venue"], row["symbol"])
                for row in rows
                if row["value"] == name
                and asked["venue"] in {None, row["venue"]}
                and asked["scheme"] in {None, row["scheme"]}
            }
            if right:
                assert {(each.venue, each.symbol) for each in answer.matches} == right


async def _as_of(session: Session, at: datetime | None, known_at: datetime | None) -> list[Row]:
    """The database's own answer."""
    if at is None or known_at is None:
        return []
    cursor = await session.execute("SELECT * FROM alias_as_of(%s, %s)", (at, known_at))
    return await cursor.fetchall()
