"""Every venue's simulation against its own REST: what was taken away is missed, and nothing else."""

import functools
import json
from pathlib import Path

import pytest

from ssmd import venues
from ssmd.model.errors import ConfigError
from ssmd.model.timestamp import SECOND_NS
from ssmd.quality.trades.archived import subject
from ssmd.quality.trades.comparing import kept, told
from ssmd.sim.faults import Http
from ssmd.sim.rest import RestServer
from tests.quality.trades.stage import Stage

NUMBERED = "kraken"
every_venue = pytest.mark.parametrize("name", venues.names())


@functools.cache
def stage(name: str) -> Stage:
    """One conversation a venue; nobody changes it."""
    return Stage(name)


@every_venue
async def test_all_that_was_traded_is_archived(tmp_path: Path, name: str) -> None:
    """The market's own tape is the oracle: as many as it told, each matched."""
    played = stage(name)
    result = await played.compare(played.record(tmp_path / "a"))
    found = result.comparison
    assert (found.status, found.why, result.too_fresh) == ("OK", "", None), found
    assert found.matched == found.api == len(played.told) > 10
    assert found.size.api == found.size.archive == sum(f.size or 0 for f in played.told)
    run = kept(result)
    assert run is not None
    assert (run.instrument, run.matched, run.missing) == (played.symbol, found.matched, 0)


@every_venue
async def test_a_trade_taken_out_of_the_archive_is_missing(tmp_path: Path, name: str) -> None:
    """Exactly that one, with its id, time, price and size."""
    played = stage(name)
    gone = played.traded[len(played.traded) // 2]
    (fact, *more) = played.trades(played.lines[gone])
    assert not more
    lines = [line for number, line in enumerate(played.lines) if number != gone]
    result = await played.compare(played.record(tmp_path / "a", lines))
    found = result.comparison
    assert (found.status, found.missing, found.extra, found.mismatched) == (
        "WARN(missing)", 1, 0, 0,
    )  # fmt: skip
    (listed,) = found.trades
    assert (listed.what, listed.id) == ("missing", fact.trade_id)
    assert (listed.price, listed.size, listed.side) == (fact.price, fact.size, fact.side)
    assert fact.size is not None
    assert found.size.api - found.size.archive == fact.size
    assert told(result, detailed=True)["trades"]
    assert "trades" not in told(result, detailed=False)


@every_venue
async def test_any_part_of_the_time_is_compared_as_well(tmp_path: Path, name: str) -> None:
    """Bounds in the middle of the trades make nothing missing or extra."""
    played = stage(name)
    root = played.record(tmp_path / "a")
    for since, until in ((20, 41.5), (41.5, 60)):
        window = (played.begin + round(since * SECOND_NS), played.begin + round(until * SECOND_NS))
        found = (await played.compare(root, window)).comparison
        assert found.status == "OK"
        assert found.matched == found.api > 0


@every_venue
async def test_a_venue_that_is_away_is_unknown(tmp_path: Path, name: str) -> None:
    """The archive's own count is told, and why nothing was compared."""
    played = stage(name)

    def away(server: RestServer) -> None:
        server.fail(Http(status=503, count=1000))

    result = await played.compare(played.record(tmp_path / "a"), prepare=away)
    found = result.comparison
    assert (found.status, found.missing, found.extra) == ("UNKNOWN", 0, 0)
    assert found.archive >= len(played.told)
    assert "503" in found.why
    assert kept(result) is None


@every_venue
async def test_the_newest_seconds_are_left_out(tmp_path: Path, name: str) -> None:
    """A history may lack them still; they are said to be left out, and counted."""
    played = stage(name)
    result = await played.compare(played.record(tmp_path / "a"), after_s=0.0)
    settles_s = played.venue.rest.retold.settles_s
    assert result.too_fresh is not None
    if settles_s >= (played.end - played.begin) / SECOND_NS:
        assert result.comparison.status == "UNKNOWN"
        assert "too fresh" in result.comparison.why
        return
    assert result.comparison.status == "OK"
    assert result.too_fresh.until - result.too_fresh.since == round(settles_s * SECOND_NS)
    late = [f for f in played.told if (f.ts_event or 0) >= result.too_fresh.since]
    assert result.too_fresh.archived == len(late)


async def test_what_is_on_its_way_to_the_archive_is_not_missing(tmp_path: Path) -> None:
    """An archiver was killed, and is back in a moment; one that brings nothing for long is off."""
    played = stage(NUMBERED)
    behind = played.end - 15 * SECOND_NS
    lines = [line for line in played.lines if json.loads(line)["ts_recv"] < behind]
    root = played.record(tmp_path / "a", lines)
    result = await played.compare(root, after_s=10.0)
    assert (result.comparison.status, result.comparison.why) == ("OK", "")
    assert result.comparison.matched > 0
    assert result.too_fresh is not None
    assert behind - 2 * SECOND_NS <= result.too_fresh.since <= behind - SECOND_NS
    later = await played.compare(root)
    assert (later.comparison.status, later.too_fresh) == ("WARN(missing)", None)
    news = [fact for fact in played.told if (fact.ts_event or 0) >= behind]
    assert 0 <= later.comparison.missing - len(news) <= 1


@every_venue
def test_what_settles_is_settled_when_it_is_asked_for(name: str) -> None:
    """A trade told so late by the venue is past the end of every window that has it."""
    how = venues.load(name).rest.retold
    assert how.settles_s >= max(how.late_s, how.early_s) > 0
    assert how.by_id or how.caveats


async def test_a_changed_size_is_named(tmp_path: Path) -> None:
    """The archive says another size than REST: one id, two words."""
    played = stage(NUMBERED)
    at = played.traded[5]
    frame = json.loads(played.lines[at])
    payload = json.loads(frame["raw"])
    payload["data"][0]["qty"] = 77.5
    lines = list(played.lines)
    lines[at] = json.dumps({**frame, "raw": json.dumps(payload)})
    result = await played.compare(played.record(tmp_path / "a", lines))
    found, run = result.comparison, kept(result)
    assert (found.status, found.mismatched, found.missing) == ("WARN(mismatched)", 1, 0)
    assert run is not None
    assert (run.missing, run.matched) == (1, found.api - 1)
    assert "1 of the missing are archived otherwise" in run.caveat
    (listed,) = found.trades
    assert {name: str(value) for name, value in listed.archived.items()} == {
        "size": "77.5000000000"
    }


async def test_a_trade_that_the_venue_does_not_know_is_extra(tmp_path: Path) -> None:
    """And one that came twice is none: whoever reads the archive is given it once."""
    played = stage(NUMBERED)
    at = played.traded[5]
    frame = json.loads(played.lines[at])
    payload = json.loads(frame["raw"])
    payload["data"][0]["trade_id"] = 987_654_321
    extra = json.dumps({**frame, "raw": json.dumps(payload)})
    lines = [*played.lines[: at + 1], extra, played.lines[at], *played.lines[at + 1 :]]
    found = (await played.compare(played.record(tmp_path / "a", lines))).comparison
    assert (found.status, found.extra, found.missing) == ("WARN(extra)", 1, 0)
    assert [each.id for each in found.trades] == ["987654321"]
    assert found.repeated == 0


async def test_equal_trades_without_ids_are_counted(tmp_path: Path) -> None:
    """Of a venue without ids: the same message twice is one more than REST tells."""
    (name,) = (each for each in venues.names() if not venues.load(each).rest.retold.by_id)
    played = stage(name)
    at = played.traded[5]
    lines = [*played.lines[: at + 1], played.lines[at], *played.lines[at + 1 :]]
    found = (await played.compare(played.record(tmp_path / "a", lines))).comparison
    assert (found.status, found.extra, found.missing) == ("WARN(extra)", 1, 0)


def test_whose_trades_are_meant(tmp_path: Path) -> None:
    """A venue, feed or instrument that is not recorded is refused in a sentence."""
    played = stage(NUMBERED)
    root = played.record(tmp_path / "a")
    assert subject(root, NUMBERED, f"{NUMBERED}:{played.symbol}").symbol == played.symbol
    for venue, instrument, feed, words in (
        ("kalshi", "X", None, "no feed of the venue"),
        (NUMBERED, "NOPE/USD", None, "no instrument"),
        ("kalshi", "X", NUMBERED, "of the venue 'kalshi'"),
        (NUMBERED, "BTC/USD", "krakn", "Did you mean"),
    ):
        with pytest.raises(ConfigError, match=words):
            subject(root, venue, instrument, feed)
