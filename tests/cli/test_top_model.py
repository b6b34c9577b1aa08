"""What `ssmd top` makes of two looks: rates, ages, states, and an order."""

import pytest

from ssmd.cli import top_columns
from ssmd.cli.top_columns import COLUMNS
from ssmd.cli.top_model import Model, arranged
from ssmd.model.timestamp import SECOND_NS
from tests.cli.watched import FEED, WALL, look, samples, service, shard


def watched(*looks: object) -> Model:
    """A model that took these looks."""
    model = Model()
    for each in looks:
        model.take(each)  # type: ignore[arg-type]
    return model


def test_a_rate_is_what_came_between_two_looks() -> None:
    """One look knows no rate, and says so: 0 would be a lie."""
    first = look(0, service(samples({"0": shard(100), "1": shard(10)}, planned=2, lag=7)))
    model = watched(first)
    assert [row.rate for row in model.shards(FEED)] == [None, None]
    assert model.feeds()[0].rate is None
    model.take(look(2, service(samples({"0": shard(140), "1": shard(10)}, planned=2, lag=7))))
    assert [row.rate for row in model.shards(FEED)] == [20.0, 0.0]
    (row,) = model.feeds()
    assert (row.rate, row.lag, row.state, row.shards, row.planned) == (20.0, 7, "up", 2, 2)


def test_a_rate_forgets_what_was_long_ago() -> None:
    """A burst of a minute ago is no rate of now."""
    model = watched(look(0, service(samples({"0": shard(0)}, planned=1))))
    for at_s in range(1, 20):
        model.take(look(at_s, service(samples({"0": shard(1000)}, planned=1))))
    assert model.shards(FEED)[0].rate == 0.0


def test_a_connector_that_started_again_has_no_negative_rate() -> None:
    """Its counters begin at 0; what it counted before is none of this process's doing."""
    model = watched(
        look(0, service(samples({"0": shard(5000)}, planned=1))),
        look(1, service(samples({"0": shard(10)}, planned=1))),
        look(2, service(samples({"0": shard(40)}, planned=1))),
    )
    assert model.shards(FEED)[0].rate == 30.0


def test_a_dead_shard_says_since_when() -> None:
    """The frame that came last is the last thing known of it; the others go on."""
    down = shard(50, up=False, age_s=12, at_s=1, ended=3)
    model = watched(
        look(0, service(samples({"0": shard(0), "1": shard(50, at_s=1)}, planned=2))),
        look(1, service(samples({"0": shard(30, at_s=1), "1": down}, planned=2), "shards: 1 down")),
    )
    up, dead = model.shards(FEED)
    assert (up.state, up.since_ts) == ("up", None)
    assert (dead.state, dead.since_ts, dead.ended) == ("down", WALL - 11 * SECOND_NS, 3)
    assert dead.age_s == 12.0
    assert top_columns.state(dead) == f"down since {top_columns.moment(WALL - 11 * SECOND_NS)}"
    (row,) = model.feeds()
    assert (row.state, row.age_s, row.reasons) == ("partly down", 12.0, ("shards: 1 down",))
    assert top_columns.state(row) == "1 of 2 down"


def test_a_shard_that_never_was_up_says_so() -> None:
    """There is no time to name."""
    figures = {"up": 0.0, "frames": 0.0, "last": 0.0}
    (row,) = watched(look(0, service(samples({"0": figures}, planned=1)))).shards(FEED)
    assert (row.since_ts, row.age_s, top_columns.state(row)) == (None, None, "down, never up")


def test_a_feed_whose_shards_are_all_down_is_down() -> None:
    """`partly` would be a comfort."""
    model = watched(look(0, service(samples({"0": shard(1, up=False)}, planned=1))))
    assert [row.state for row in model.feeds()] == ["down"]


def test_a_process_that_does_not_answer_is_not_up() -> None:
    """Its last figures stay, without a rate; nobody knows whether its sockets are open."""
    model = watched(
        look(0, service(samples({"0": shard(10, gaps=2)}, planned=1))),
        look(1, service(samples({"0": shard(30, gaps=2)}, planned=1))),
        look(2, service(None)),
    )
    (row,) = model.shards(FEED)
    assert (row.state, row.rate, row.gaps) == ("no answer", None, 2)
    (feed,) = model.feeds()
    assert (feed.state, feed.rate, feed.gaps) == ("no answer", None, 2)
    assert feed.reasons == (f"connector-{FEED} does not answer.",)


def test_a_process_that_never_answered_has_a_row() -> None:
    """A row that is missing is a feed nobody misses."""
    (row,) = watched(look(0, service(None))).feeds()
    assert (row.feed, row.state, row.age_s) == (FEED, "no answer", None)


def test_nothing_wanted_yet_is_not_down() -> None:
    """Its universe fills; an alarm would be a false one."""
    assert watched(look(0, service(samples({}, planned=0)))).feeds()[0].state == "waiting"


def test_a_shard_that_is_not_planned_any_more_is_not_missed() -> None:
    """A universe that shrank leaves its figures behind."""
    found = samples({"0": shard(1), "1": shard(1, up=False)}, planned=1)
    model = watched(look(0, service(found)))
    assert [row.shard for row in model.shards(FEED)] == ["0"]
    assert model.feeds()[0].state == "up"


def test_a_service_that_is_gone_has_no_row() -> None:
    """A clean end takes the run file away."""
    model = watched(look(0, service(samples({"0": shard(1)}, planned=1))), look(1))
    assert model.feeds() == []
    assert model.shards(FEED) == []


def test_shards_are_counted_not_spelled() -> None:
    """Ten comes after nine."""
    found = samples({str(n): shard(n) for n in (10, 9, 1)}, planned=3)
    rows = watched(look(0, service(found))).shards(FEED)
    assert [row.shard for row in rows] == ["1", "9", "10"]
    (column, *_) = COLUMNS["shards"]
    ordered = arranged(rows, column.key, lambda row: row.shard, reverse=False)
    assert [row.shard for row in ordered] == ["1", "9", "10"]


@pytest.mark.parametrize("reverse", [False, True])
def test_rows_without_a_figure_come_last(reverse: bool) -> None:
    """Whichever way round, nobody looks for what is not known."""
    rows = [("b", 2.0), ("none", None), ("a", 2.0), ("c", 9.0)]
    found = arranged(rows, lambda row: row[1], lambda row: row[0], reverse=reverse)
    assert found[-1] == ("none", None)
    assert [name for name, _ in found[:3]] == (["c", "a", "b"] if reverse else ["a", "b", "c"])


def test_a_filter_looks_for_a_part_of_the_name() -> None:
    """Upper and lower case alike: nobody remembers which."""
    found = arranged(
        ["BTC/USD", "ETH/USD", "BTC/EUR"], len, lambda row: row, reverse=False, wanted="btc/"
    )
    assert found == ["BTC/EUR", "BTC/USD"]


def test_trouble_comes_first_by_state() -> None:
    """Who sorts by state looks for what is wrong."""
    state = COLUMNS["feeds"][1]
    model = watched(
        look(
            0,
            service(samples({"0": shard(1)}, planned=1, feed="a"), feed="a"),
            service(samples({"0": shard(1, up=False)}, planned=1, feed="b"), feed="b"),
            service(None, feed="c"),
        )
    )
    found = arranged(model.feeds(), state.key, lambda row: row.feed, reverse=state.falls)
    assert [row.feed for row in found] == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "-"), (0.04, "0.0s"), (9.94, "9.9s"), (15.0, "15s"), (130.0, "2m"), (8000.0, "2h")],
)
def test_ages_are_short(seconds: float | None, said: str) -> None:
    """Eighty columns are few."""
    assert top_columns.age(seconds) == said


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0"), (9999, "9999"), (12_345, "12k"), (12_345_678, "12M")]
)
def test_numbers_are_short(number: int, said: str) -> None:
    """A day of frames has more digits than a column."""
    assert top_columns.count(number) == said
    assert top_columns.rate(float(number) + 0.25).startswith(said)
