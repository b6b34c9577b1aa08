"""What a universe wants after any history is what the filters keep of the tables as they are."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssmd.feeds.universe import MasterFilters
from ssmd.model.filters import Filters
from ssmd.secmaster.universe_changes import Unreadable, read
from ssmd.secmaster.universe_roster import Roster
from ssmd.secmaster.universe_state import OlderSnapshot, State
from tests.secmaster.universe_world import CLOCKED, NOON, SECOND, VENUE, World, moment

SYMBOLS = ("A", "B", "C", "D", "E")
MANY = 100
TIMES = st.none() | st.integers(-30, 90).map(lambda s: moment(NOON + s * SECOND))

rows = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(("pre_open", "active", "paused", "closed", "settled")),
        "category": st.sampled_from((None, "Crypto", "sports")),
        "series": st.sampled_from((None, "KXBTC", "KXETH")),
        "tags": st.sampled_from((None, [], ["btc"], ["eth", "BTC"])),
        "title": st.sampled_from(("", "Will bitcoin rise?")),
        "open_at": TIMES,
        "close_at": TIMES,
        "listed": st.sampled_from((True, True, True, False)),
    },
)
volumes = st.fixed_dictionaries({"volume": st.sampled_from((None, "0", "10.5", "99"))})
steps = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(SYMBOLS), rows),
    st.tuples(st.just("trade"), st.sampled_from(SYMBOLS), volumes),
    st.tuples(
        st.just("delete"), st.sampled_from(SYMBOLS), st.sampled_from(("instrument", "activity"))
    ),
    st.tuples(st.just("rename"), st.sampled_from(SYMBOLS), st.just("Z")),
    st.tuples(st.just("stranger"), st.just(""), st.none()),
    st.tuples(st.just("picture"), st.just(""), st.none()),
)
histories = st.lists(st.lists(steps, min_size=1, max_size=4), max_size=12)
wishes = st.builds(
    MasterFilters,
    categories=st.sampled_from(((), ("CRYPTO",))),
    series=st.sampled_from(((), ("KXBTC",))),
    tags=st.sampled_from(((), ("btc",))),
    keywords=st.sampled_from(((), ("Bitcoin", "a"))),
    min_volume=st.sampled_from((None, Decimal(10))),
    close_within_s=st.sampled_from((None, 40.0)),
    statuses=st.sampled_from((("active",), ("active", "paused"), ("pre_open",), ("settled",))),
)


def act(world: World, step: tuple[str, str, Any]) -> None:
    """One step of a transaction; what cannot be done is not."""
    kind, symbol, told = step
    match kind:
        case "put":
            world.put(symbol, **told)
        case "trade":
            world.trade(symbol, **told)
        case "delete":
            world.delete(told, symbol)
        case "rename" if symbol in world.instruments and told not in world.instruments:
            world.rename(symbol, told)
        case "stranger":
            world.stranger()
        case "picture":
            world.picture()
        case _:
            pass


def live(world: World, history: list[list[tuple[str, str, Any]]]) -> None:
    """Let a history happen."""
    for transaction in history:
        world.begin()
        for step in transaction:
            if step[0] != "picture":
                act(world, step)
        if any(step[0] == "picture" for step in transaction):
            world.picture()


def make(filters: Filters, most: int = MANY) -> Roster:
    return Roster(filters, CLOCKED, most)


def start(world: World, filters: Filters, most: int = MANY) -> State:
    """A universe that reads the database now."""
    roster = make(filters, most)
    floor = world.snapshot(roster)
    return State(roster, floor, lambda: make(filters, most))


@settings(max_examples=300)
@given(
    before=histories,
    between=histories,
    after=histories,
    filters=wishes,
    moments=st.lists(st.integers(-20, 100), min_size=1, max_size=4),
)
def test_snapshot_and_stream_together_are_the_tables(
    before: list[Any], between: list[Any], after: list[Any], filters: Filters, moments: list[int]
) -> None:
    """Writers commit before the place in the stream, between it and the snapshot, and afterwards."""
    world = World()
    live(world, before)
    place = len(world.frames)
    live(world, between)
    state = start(world, filters)
    live(world, after)
    now = NOON + moments[0] * SECOND
    try:
        for index, payload in enumerate(world.frames[place:]):
            if index % 3 == 0:  # what is judged on the way must not stick
                state.roster.settle(now)
            state.take(read(payload, VENUE))
    except OlderSnapshot:  # the universe reads the database again: nothing is between any more
        assert any(b'"begin"' in payload for payload in world.frames[place:])
        state = start(world, filters)
    for each in moments:
        now = NOON + each * SECOND
        state.roster.settle(now)
        assert set(state.roster.wanted) == world.should(filters, now)
        assert state.roster.given_up == ()


@given(history=histories, filters=wishes, moments=st.lists(st.integers(-40, 140), min_size=2))
def test_between_two_due_moments_time_changes_nothing(
    history: list[Any], filters: Filters, moments: list[int]
) -> None:
    """Nobody has to look every second: the next moment is known."""
    world = World()
    live(world, history)
    state = start(world, filters)
    first, *later = sorted(moments)
    state.roster.settle(NOON + first * SECOND)
    told = state.roster.wanted
    for each in later:
        now = NOON + each * SECOND
        if state.roster.due is None or now < state.roster.due:
            assert set(told) == world.should(filters, now)
        else:
            state.roster.settle(now)
            told = state.roster.wanted


@given(history=histories, filters=wishes, most=st.integers(1, 4))
def test_what_finds_no_room_is_what_was_listed_last(
    history: list[Any], filters: Filters, most: int
) -> None:
    """The choice is the same whichever way a universe came to know; nobody recorded is put out."""
    world = World()
    state = start(world, filters, most)
    live(world, history)
    try:
        for payload in world.frames:
            state.take(read(payload, VENUE))
    except OlderSnapshot:
        pytest.fail("everything was told from the beginning on")
    anew = start(world, filters, most)
    for each in (state, anew):
        each.roster.settle(NOON)
    passing = sorted(world.should(filters, NOON), key=lambda s: world.instruments[s]["id"])
    assert state.roster.wanted == anew.roster.wanted == tuple(passing[:most])
    assert set(state.roster.given_up) == set(passing[most:])


def listed(*symbols: str) -> World:
    """Some instruments, each of a transaction of its own."""
    world = World()
    for symbol in symbols:
        world.begin()
        world.put(symbol)
    return world


def taken(state: State, world: World, place: int) -> list[str]:
    """What became of the frames since a place."""
    return [state.take(read(payload, VENUE)) for payload in world.frames[place:]]


def wanted(state: State) -> tuple[str, ...]:
    state.roster.settle(NOON)
    return state.roster.wanted


def test_a_change_that_the_snapshot_has_is_not_taken_again() -> None:
    """An old statement told late would undo a newer one that the snapshot has."""
    world = listed("A")
    place = len(world.frames)
    world.begin()
    world.put("A", status="settled")
    world.begin()
    world.put("A", status="active")
    state = start(world, MasterFilters())
    assert taken(state, world, place) == ["known", "known"]
    assert wanted(state) == ("A",)


def test_a_snapshot_in_the_stream_replaces_everything_at_its_end() -> None:
    """Changes were lost with the slot: what went meanwhile goes, in one step, when all is told."""
    world = listed("A", "B")
    state = start(world, MasterFilters())
    world.begin()
    world.put("A", status="settled")
    world.put("C")
    world.frames.clear()  # the slot was lost, and this with it
    world.picture()
    for payload in world.frames[:-1]:
        assert state.take(read(payload, VENUE)) in {"applied", "passed"}
        assert wanted(state) == ("A", "B")
    assert taken(state, world, len(world.frames) - 1) == ["replaced"]
    assert wanted(state) == ("B", "C")
    place = len(world.frames)
    world.begin()
    world.put("B", status="closed")
    assert taken(state, world, place) == ["applied"]
    assert wanted(state) == ("C",)


def test_half_a_snapshot_that_is_begun_again_leaves_nothing_behind() -> None:
    """Its publisher was killed in the middle; an instrument of the first half may be gone by now."""
    world = listed("A", "B")
    state = start(world, MasterFilters())
    world.frames.clear()
    world.picture()
    del world.frames[3:]
    world.begin()
    world.delete("instrument", "A")
    world.frames.pop()
    world.picture()
    assert taken(state, world, 0)[-1] == "replaced"
    assert wanted(state) == ("B",)


def test_a_snapshot_older_than_ours_is_not_believed() -> None:
    """It was taken before we read the database, and told after: time would go back for a while."""
    world = listed("A")
    place = len(world.frames)
    world.picture()
    world.begin()
    world.put("B")
    state = start(world, MasterFilters())
    with pytest.raises(OlderSnapshot):
        taken(state, world, place)
    assert wanted(state) == ("A", "B")


def test_the_end_of_a_snapshot_that_began_before_us_means_nothing() -> None:
    """We came in the middle of it, and the database told us everything."""
    world = listed("A", "B")
    place = len(world.frames) + 2
    world.picture()
    state = start(world, MasterFilters())
    assert set(taken(state, world, place)) == {"passed"}
    assert wanted(state) == ("A", "B")


def test_what_is_told_twice_is_taken_once() -> None:
    """A lost connection to the bus: the reader goes back, and an older state must not return."""
    world = listed("A")
    state = start(world, MasterFilters())
    place = len(world.frames)
    for status in ("settled", "active", "closed"):
        world.begin()
        world.put("A", status=status)
    assert taken(state, world, place) == ["applied"] * 3
    assert taken(state, world, place) == ["known"] * 3
    assert wanted(state) == ()


def test_what_an_older_generation_said_is_known() -> None:
    """The reader goes back over the beginning of a snapshot: what came before it is in it."""
    world = listed("A")
    state = start(world, MasterFilters())
    world.frames.clear()
    world.begin()
    world.put("A", status="settled")
    world.begin()
    world.put("A", status="active")
    late = world.frames[0]
    world.frames.clear()
    world.picture()
    assert taken(state, world, 0)[-1] == "replaced"
    assert state.take(read(late, VENUE)) == "known"
    assert wanted(state) == ("A",)


def test_a_late_deletion_does_not_take_away_what_came_since() -> None:
    """A deletion carries the number of when the row came, not of when it went."""
    world = listed("A")
    place = len(world.frames)
    world.begin()
    world.delete("instrument", "A")
    world.begin()
    world.put("A")
    state = start(world, MasterFilters())
    taken(state, world, place)
    assert wanted(state) == ("A",)
    place = len(world.frames)
    world.begin()
    world.delete("instrument", "A")
    taken(state, world, place)
    assert wanted(state) == ()


def test_a_pause_is_no_end_and_an_end_is_one() -> None:
    """`paused` stays subscribed unless the filters say otherwise."""
    for status, stays in (
        ("paused", True),
        ("closed", False),
        ("determined", False),
        ("settled", False),
        ("void", False),
    ):
        world = listed("A", "B")
        state = start(world, MasterFilters())
        place = len(world.frames)
        world.begin()
        world.put("A", status=status)
        taken(state, world, place)
        assert wanted(state) == (("A", "B") if stays else ("B",)), status


def test_a_market_opens_by_the_clock_without_a_word() -> None:
    """Nothing is sent when its time comes, and the master may be away."""
    world = listed("A")
    world.begin()
    world.put("B", status="pre_open", open_at=moment(NOON + 5 * SECOND))
    state = start(world, MasterFilters())
    assert wanted(state) == ("A",)
    assert state.roster.due == NOON + 5 * SECOND
    state.roster.settle(NOON + 5 * SECOND)
    assert state.roster.wanted == ("A", "B")


def test_a_clock_that_is_set_back_is_followed() -> None:
    """What opened too early by it closes again."""
    world = World()
    world.begin()
    world.put("B", status="pre_open", open_at=moment(NOON + 5 * SECOND))
    state = start(world, MasterFilters())
    state.roster.settle(NOON + 9 * SECOND)
    assert list(state.roster.wanted) == ["B"]
    state.roster.settle(NOON)
    assert list(state.roster.wanted) == []
    state.roster.settle(NOON + 5 * SECOND)
    assert list(state.roster.wanted) == ["B"]


@pytest.mark.parametrize(
    "payload",
    [
        b"not json",
        b"{}",
        b'{"v":2,"table":"instrument","op":"insert"}',
        listed("A").frames[0].replace(b'"v":1', b'"v":2'),
        listed("A").frames[0].replace(b'"status"', b'"standing"'),
        listed("A").frames[0].replace(b'"op":"insert"', b'"op":"merge"'),
        listed("A").frames[0].replace(b'"commit_lsn":"0/', b'"commit_lsn":"nowhere'),
        listed("A").frames[0].replace(b'"open_at":null', b'"open_at":"one day"'),
    ],
)
def test_what_is_no_change_is_refused(payload: bytes) -> None:
    """A change left out in silence would be a market that is never recorded."""
    with pytest.raises(Unreadable):
        read(payload, VENUE)


@pytest.mark.parametrize("old", [b'"tags":null', b'"listed":true'])
def test_a_row_that_cannot_be_read_is_refused(old: bytes) -> None:
    """The same, of a value of another type."""
    world = listed("A")
    state = start(World(), MasterFilters())
    payload = world.frames[0].replace(old, old.partition(b":")[0] + b":7")
    if old.startswith(b'"listed'):
        assert state.take(read(payload, VENUE)) == "applied"  # whatever is not nothing is a yes
    else:
        with pytest.raises(Unreadable):
            state.take(read(payload, VENUE))


def test_a_table_emptied_at_once_is_refused() -> None:
    """The database forbids it; if it happened all the same, what we hold is not what is there."""
    world = listed("A")
    state = start(world, MasterFilters())
    payload = world.frames[0].replace(b'"op":"insert"', b'"op":"truncate"')
    with pytest.raises(Unreadable, match="emptied"):
        state.take(read(payload, VENUE))
