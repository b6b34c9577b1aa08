"""Verdicts are kept whole, replaced whole, and read back as they were."""

import asyncio
from collections.abc import Iterator
from datetime import date

import msgspec
import psycopg
import pytest

from ssmd.model.errors import Damaged
from ssmd.quality import history
from ssmd.quality.finding import FeedReport
from ssmd.secmaster import migrate, scores, trades_run
from ssmd.secmaster.address import Address
from ssmd.secmaster.database import Database
from ssmd.secmaster.trades_run import TradesRun
from tests.quality.made import AT, DAY, back, finding, report
from tests.secmaster.server import Server, connect

PUBLISHED = "SELECT tablename::text FROM pg_publication_tables WHERE pubname = 'ssmd'"
RUN = TradesRun(
    venue="v",
    instrument="A/B",
    since=1_000,
    until=61_000,
    matched=10,
    missing=1,
    extra=2,
    sizes={"archive": "1.50", "venue": "1.5000000000000000001"},
    caveat="no ids",
    at=AT,
)


@pytest.fixture
def older(server: Server) -> Iterator[Address]:
    """A database as the version before made it, with a row in it."""
    made = server.empty()
    migrate.migrate(made, "pre", to="p0001")
    migrate.migrate(made, "post")
    with connect(made) as session:
        session.execute(
            "INSERT INTO series (venue, symbol, title, details, payload) VALUES ('v', 's', 't', '{}', '{}')"
        )
    yield made
    server.drop(made)


def rows(address: Address, query: str) -> list[tuple[object, ...]]:
    with connect(address) as session:
        return list(session.execute(query).fetchall())


def test_the_tables_come_and_go_and_what_is_listed_stays(older: Address) -> None:
    """Who brings in the new version, or goes back, loses none of what was known."""
    listed = "SELECT id, venue, symbol, title, valid_from, known_from, change_id FROM series"
    versions = "SELECT * FROM series_version"
    before = rows(older, listed), rows(older, versions), set(rows(older, PUBLISHED))
    assert before[0]
    assert migrate.standing(older).missing == ("p0002", "p0003")
    _, after = migrate.migrate(older, "pre")
    assert after.missing == ()
    assert (rows(older, listed), rows(older, versions), set(rows(older, PUBLISHED))) == before
    assert rows(older, "SELECT count(*) FROM dq_finding") == [(0,)]
    _, gone = migrate.migrate(older, to="p0001", back=True)
    assert gone.missing == ("p0002", "p0003")
    assert (rows(older, listed), rows(older, versions), set(rows(older, PUBLISHED))) == before
    assert rows(older, "SELECT to_regclass('dq_daily_scores')::text") == [(None,)]
    migrate.migrate(older)
    assert rows(older, "SELECT count(*) FROM dq_trades_run") == [(0,)]


async def test_what_is_saved_is_what_is_loaded(database: Database) -> None:
    """Feeds and findings in their order, what is unknown as unknown, every word of the evidence."""
    made = msgspec.structs.replace(
        report(
            issues=("beta: coverage is 0",),
            feeds={
                "zeta": FeedReport(
                    score=None, weight=0.0, checks=(), note="It was not to be recorded."
                ),
                "alpha": FeedReport(
                    score=61,
                    weight=1.0,
                    checks=(
                        finding("zz", 1e-300, evidence="100 % of {braces} %(day)s \u2713 'quoted'"),
                        finding("aa", None),
                        finding("mm", float("inf"), score=0.0),
                    ),
                ),
            },
        ),
        notes=("one", "two"),
        prometheus_degraded=True,
    )
    assert await history.save(database, made, at=AT) == "saved"
    assert await history.load(database, DAY) == made
    assert list((await history.load(database, DAY) or made).feeds) == ["zeta", "alpha"]
    assert await history.load(database, back(1)) is None


async def test_a_text_that_no_database_keeps_is_kept_without_it(database: Database) -> None:
    """PostgreSQL refuses some characters; a day's verdict is not lost over them."""
    odd = finding(evidence="a\x00b\ud83d")
    made = report(
        feeds={"f": FeedReport(score=1, weight=1.0, checks=(odd,), note="c\x00")},
        issues=("d\x00",),
    )
    await history.save(database, made, at=AT)
    read = await history.load(database, DAY)
    assert read is not None
    said = (read.feeds["f"].checks[0].evidence, read.feeds["f"].note, read.issues)
    assert said == ("a\ufffdb?", "c\ufffd", ("d\ufffd",))


async def test_a_day_that_is_judged_again_is_replaced_whole(database: Database) -> None:
    """A feed or a finding that is gone does not linger; other days stay."""
    await history.save(database, report(back(1)), at=AT)
    await history.save(database, report(), at=AT)
    again = report(
        composite=50,
        grade="RED",
        feeds={"alpha": FeedReport(score=50, weight=1.0, checks=(finding("coverage", 0.5),))},
    )
    assert await history.save(database, again, at=AT + 1_000) == "saved"
    assert await history.load(database, DAY) == again
    (kept,) = await history.scores(database, since=DAY, until=DAY)
    assert kept.at == AT + 1_000
    assert await history.load(database, back(1)) == report(back(1))


async def test_a_running_days_verdict_gives_way_and_never_takes_over(database: Database) -> None:
    """Half a day looks worse, or better, than the whole one."""
    assert await history.save(database, report(composite=10, running=True), at=AT) == "saved"
    assert await history.save(database, report(composite=20, running=True), at=AT) == "saved"
    assert (await history.load(database, DAY) or report()).composite == 20
    assert await history.save(database, report(), at=AT) == "saved"
    late = report(composite=30, running=True)
    assert await history.save(database, late, at=AT) == "closed_stays"
    assert await history.load(database, DAY) == report()


async def test_a_verdict_over_no_feed_takes_nothing_away(database: Database) -> None:
    """Who judges where nothing is configured says nothing about what was recorded elsewhere."""
    await history.save(database, report(), at=AT)
    empty = report(composite=None, grade="RED", feeds={})
    assert await history.save(database, empty, at=AT) == "nothing_judged"
    assert await history.load(database, DAY) == report()


async def test_a_verdict_that_breaks_off_leaves_the_one_before(database: Database) -> None:
    """Half a verdict is none: it is one transaction."""
    await history.save(database, report(), at=AT)
    twice = (finding("same"), finding("same"))
    bad = report(composite=1, feeds={"alpha": FeedReport(score=1, weight=1.0, checks=twice)})
    with pytest.raises(psycopg.errors.UniqueViolation):
        await history.save(database, bad, at=AT)
    assert await history.load(database, DAY) == report()


async def test_two_who_judge_one_day_are_kept_one_after_the_other(database: Database) -> None:
    """What is there at the end is all of one of them."""
    made = [
        report(
            composite=number,
            feeds={
                f"feed-{number}": FeedReport(score=number, weight=1.0, checks=(finding(),)),
                "both": FeedReport(score=number, weight=0.0, checks=(finding(f"c{number}"),)),
            },
        )
        for number in range(8)
    ]
    told = await asyncio.gather(*(history.save(database, each, at=AT) for each in made))
    assert set(told) == {"saved"}
    assert await history.load(database, DAY) in made


async def test_past_values_are_of_closed_days_and_known(database: Database) -> None:
    """A baseline that is learned from half days and from guesses is none."""
    for days in range(10):  # the day itself is none before it
        value = None if days == 3 else 100.0 + days
        checks = (finding("message_flow", value), finding("coverage", 0.5))
        made = report(
            back(days),
            running=days == 4,
            feeds={
                "alpha": FeedReport(score=1, weight=0.5, checks=checks),
                "beta": FeedReport(score=1, weight=0.5, checks=(finding("message_flow", 7.0),)),
            },
        )
        await history.save(database, made, at=AT)
    found = await history.values(database, "alpha", "message_flow", before=DAY, days=7)
    assert found == [(back(days), 100.0 + days) for days in (7, 6, 5, 2, 1)]
    everything = await history.measured(database, "message_flow", since=back(5), until=back(3))
    assert everything == [
        (back(5), "alpha", 105.0),
        (back(5), "beta", 7.0),
        (back(3), "beta", 7.0),
    ]
    assert await history.values(database, "alpha", "nothing", before=DAY, days=7) == []


async def test_scores_of_a_span(database: Database) -> None:
    """By day, both ends included, of all feeds or one."""
    for days in range(5):
        await history.save(database, report(back(days), 90 - days), at=AT + days * 1_000)
    found = await history.scores(database, since=back(3), until=back(1))
    assert [(each.day, each.feed, each.score) for each in found] == [
        (back(days), feed, 90 - days) for days in (3, 2, 1) for feed in ("beta", "alpha")
    ]
    assert found[0].at == AT + 3_000
    one = await history.scores(database, since=back(3), until=back(1), feed="alpha")
    assert {each.feed for each in one} == {"alpha"}
    assert len(one) == 3


@pytest.mark.parametrize("details", ["{}", "[1]"])
async def test_a_row_that_is_not_ours_is_said(database: Database, details: str) -> None:
    """Who wrote into the table by hand learns how to mend it."""
    await history.save(database, report(), at=AT)
    with connect(database.address) as session:
        session.execute("UPDATE dq_daily_scores SET details = %s::jsonb", (details,))
    with pytest.raises(Damaged, match=f"dq daily --date {DAY}"):
        await history.load(database, DAY)


async def test_the_table_refuses_what_cannot_be(database: Database) -> None:
    """A score beyond 100, or a grade of another school, is nobody's verdict."""
    good = scores.Scored(
        day=date(2026, 1, 1),
        feed="f",
        score=1,
        composite=1,
        grade="RED",
        details=b"{}",
        at=AT,
        degraded=False,
        running=False,
    )
    for change in ({"score": 101}, {"composite": -1}, {"grade": "A"}):
        with pytest.raises(psycopg.errors.CheckViolation):
            await scores.keep(database, [msgspec.structs.replace(good, **change)], [])
    assert await scores.verdicts(database, date(2025, 1, 1), date(2027, 1, 1)) == []


async def test_comparisons_of_trades_are_kept(database: Database) -> None:
    """The numbers of every comparison stay, sizes to the last digit; the latest comes first."""
    first = await trades_run.keep(database, RUN)
    later = msgspec.structs.replace(RUN, matched=11, at=AT + 1_000, since=61_000, until=121_000)
    assert await trades_run.keep(database, later) > first
    await trades_run.keep(database, msgspec.structs.replace(RUN, instrument="other"))
    assert await trades_run.last(database, "v", "A/B", 5) == [later, RUN]
    assert await trades_run.last(database, "v", "A/B", 1) == [later]
    assert await trades_run.last(database, "w", "A/B", 5) == []
    overlapping = await trades_run.within(database, "v", 61_000, 200_000)
    assert overlapping == [later]
    assert len(await trades_run.within(database, "v", 60_000, 61_000)) == 2
