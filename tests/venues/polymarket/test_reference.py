"""Everything for the security master: series, questions, answers, out of a list that moves."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.rest import ReferenceQuery, Request
from ssmd.model.timestamp import SECOND_NS
from ssmd.venues.polymarket import VENUE
from tests.venues.polymarket.frames import token
from tests.venues.polymarket.recordings import body
from tests.venues.polymarket.test_catalog import event, market, sliced
from tests.venues.referring import Told, asked, drive, parents_first

Slices = Callable[[dict[str, str]], list[Any] | bytes]


def told(answer: Slices, **query: Any) -> Told:  # noqa: ANN401 - the fields differ
    """Everything that the reference tells."""
    return drive(VENUE.rest.reference(ReferenceQuery(**query)), lambda one: answer(asked(one)))


def test_what_is_not_closed_is_asked_for_until_it_stands_still() -> None:
    """In the order of creation, and once more: nothing new in its midst, so that is all."""
    found = told(sliced([event(n) for n in range(150)]))
    assert found.symbols == [token(n) for n in range(300)]
    assert found.requests[0].query == (
        ("closed", "false"), ("order", "id"), ("ascending", "true"),
        ("limit", "100"), ("offset", "0"),
    )  # fmt: skip
    assert [asked(one)["offset"] for one in found.requests] == ["0", "90", "140"] * 2
    assert found.rejects == []
    parents_first(found)


def test_what_ended_is_listed_apart() -> None:
    """Gamma knows no filter of when something closed, only of when it was to end."""

    def answer(query: dict[str, str]) -> list[Any]:
        ended = query["closed"] == "true"
        assert ("end_date_min" in query) is ended
        if ended:
            assert query["end_date_min"] == "2027-01-15T08:00:00Z"
        resolved = {"closed": True, "umaResolutionStatus": "resolved"}
        return sliced([event(2, market(2, **resolved))] if ended else [event(1)])(query)

    found = told(answer, ended_since_ts=1_800_000_000 * SECOND_NS + 5)
    assert [one.status for one in found.instruments] == ["active"] * 2 + ["settled"] * 2


def test_changes_are_found_by_listing_everything() -> None:
    """Nothing tells what changed since: a time narrows nothing."""
    every = told(sliced([event(1)]))
    since = told(sliced([event(1)]), changed_since_ts=10**18)
    assert (every.requests, every.pages) == (since.requests, since.pages)


def test_a_question_is_the_event_of_its_answers() -> None:
    """What Gamma calls an event is told of it; series come first."""
    fomc = {"id": "35", "slug": "fomc", "title": "FOMC", "recurrence": "monthly", "volume": 1.5}
    made = event(
        7,
        market(1, question="Will it?", negRisk=True, groupItemTitle="25 bps", description="So."),
        market(2),
        market(3, clobTokenIds="[]"),
        market(6, conditionId=f"0x{1:064x}"),
        series=[fomc],
        title="Decision",
        volume=3.25,
        eventMetadata={"context_description": "what people say today"},
        endDate="2026-06-17T00:00:00Z",
    )
    found = told(sliced([made, event(8, market(4), seriesSlug="fomc"), event(9, seriesSlug="x")]))
    parents_first(found)
    assert [(one.symbol, one.title, one.frequency) for one in found.series] == [
        ("fomc", "FOMC", "monthly"),
        ("x", "", None),
    ]
    assert json.loads(found.series[0].payload) == fomc
    first = found.events[0]
    assert [one.symbol for one in found.events] == [f"0x{n:064x}" for n in (1, 2, 4, 9)]
    assert (first.series, first.title, first.mutually_exclusive) == ("fomc", "Will it?", True)
    assert (first.category, first.tags) == ("Crypto", ("Crypto", "Bitcoin"))
    assert first.strike_ts == 1781654400 * SECOND_NS
    assert first.details == {
        "event_id": "7", "event_slug": "event-7", "event_title": "Decision", "market_id": "1",
        "slug": "question-1", "question_id": None, "neg_risk": True, "neg_risk_market_id": None,
        "group_item_title": "25 bps", "resolution_source": None, "description": "So.",
    }  # fmt: skip
    assert json.loads(first.payload) == {
        "id": "7", "slug": "event-7", "title": "Decision", "volume": 3.25,
        "endDate": "2026-06-17T00:00:00Z",
    }  # fmt: skip
    assert found.instruments[1].details["outcome_index"] == "1"


def test_answers_keep_what_their_market_states_for_good() -> None:
    """Numbers as the texts of theirs; what it does not state is null."""
    found = told(sliced([event(1, market(1, feeSchedule={"rate": 0.05}, rewardsMinSize=100))]))
    details = found.instruments[0].details
    assert (details["feeSchedule"], details["rewardsMinSize"]) == ({"rate": "0.05"}, "100")
    assert details["umaBond"] is None


def test_what_cannot_be_kept_is_a_reject_of_its_kind() -> None:
    """Its neighbours stand."""
    made = [
        event(
            1,
            market(1, orderPriceMinTickSize=-0.01),
            market(2, orderMinSize="many"),
            market(3, endDate="soon"),
            market(4, closed=True, winningOutcome="Yes", outcomePrices='["7", "0"]'),
            market(5, clobTokenIds="[1"),
            market(6, clobTokenIds=json.dumps([token(12), token(12)])),
            market(7, clobTokenIds=json.dumps([token(12), token(15)])),
            market(8, startDate="2199-01-01T00:00:00Z", endDate="1927-01-01T00:00:00Z"),
        ),
        7,
        event(9, markets=7),
        event(10, market(10), tags=[]),
        event(11, market(10)),
    ]
    found = told(sliced(made))
    assert found.symbols == [token(n) for n in (9, 12, 15, 20, 21)]
    assert found.refused == [
        ("absurd", "instrument", token(2)),
        ("absurd", "instrument", token(3)),
        ("absurd", "instrument", token(4)),
        ("absurd", "instrument", token(5)),
        ("absurd", "instrument", token(6)),
        ("absurd", "instrument", token(7)),
        ("absurd", "instrument", token(8)),
        ("unreadable", "instrument", None),
        ("duplicate", "instrument", token(12)),
        ("duplicate", "instrument", token(12)),
        ("absurd", "instrument", token(16)),
        ("absurd", "instrument", token(17)),
        ("unreadable", "event", None),
        ("unreadable", "event", None),
    ]
    (doubt,) = [one for one in found.rejects if one.kind == "doubtful"]
    assert (doubt.entity, doubt.symbol) == ("event", "10")


def test_markets_of_a_category_or_series_are_picked_by_us() -> None:
    """By the category they have anyway, or by a tag: who asks for one does not change it."""
    both = [{"label": "Politics"}, {"label": "Crypto"}]
    made = [
        event(1, tags=both, seriesSlug="rates"),
        event(2, tags=[{"label": "Sports"}]),
        event(3, tags=[{"label": "Weather"}], seriesSlug="rates"),
    ]
    assert told(sliced(made), categories=("politics",)).symbols == [token(2), token(3)]
    assert {one.category for one in told(sliced(made), categories=("Politics",)).instruments} == {
        "Crypto"
    }
    assert told(sliced(made), series=("rates",)).symbols == [token(n) for n in (2, 3, 6, 7)]
    assert told(sliced(made), series=("rates",), categories=("weather",)).symbols == [
        token(6),
        token(7),
    ]
    tagged = told(sliced([]), categories=("Crypto",)).requests
    assert {asked(one)["tag_id"] for one in tagged} == {"21"}


MOVES = st.lists(
    st.tuples(
        st.integers(0, 12), st.sampled_from(["insert", "remove", "append"]), st.integers(0, 60)
    ),
    max_size=12,
)


@given(st.integers(0, 40), MOVES, st.sampled_from([1, 2, 3, 7, 20]), st.booleans())
def test_a_list_that_moves_hides_nothing_and_doubles_nothing(
    count: int, moves: list[tuple[int, str, int]], size: int, obedient: bool
) -> None:
    """Whatever comes, goes or comes back while it is read: what was there all the time is told.

    Some servers keep the order asked for, others put what is new wherever they like.
    """
    numbers = list(range(0, 2 * count, 2))
    always = set(numbers)
    calls, fresh = 0, 1

    def answer(query: dict[str, str]) -> list[Any]:
        nonlocal calls, fresh
        for at, what, where in moves:
            if at != calls:
                continue
            if what == "remove" and numbers:
                always.discard(numbers.pop(where % len(numbers)))
            elif what != "remove":
                at_end = what == "append" or not numbers
                numbers.insert(len(numbers) if at_end else where % len(numbers), fresh)
                fresh += 2
            if obedient:
                numbers.sort()
        calls += 1
        return sliced([event(number) for number in numbers])(query)

    found = told(answer, page_size=size)
    assert len(set(found.symbols)) == len(found.symbols)
    assert set(found.symbols) >= {token(2 * n + k) for n in always for k in (0, 1)}
    if calls > 12:
        assert set(found.symbols) >= {token(2 * n + k) for n in numbers for k in (0, 1)}
    assert found.refused == []


def test_what_comes_back_to_a_page_that_was_read_is_found() -> None:
    """An event that is open again has an old number: only another reading shows it."""
    events = [event(n) for n in range(300) if n != 5]
    calls = 0

    def answer(query: dict[str, str]) -> list[Any]:
        nonlocal calls
        calls += 1
        if calls == 3:
            events.insert(5, event(5))
        return sliced(events)(query)

    found = told(answer)
    assert sorted(found.symbols) == sorted(token(n) for n in range(600))


@pytest.mark.parametrize("gone", [5, 11, 60, 150])
def test_what_leaves_the_list_costs_no_further_reading(gone: int) -> None:
    """A page that does not touch the one before is followed by an earlier one, at once."""
    events = [event(n) for n in range(300)]
    calls = 0

    def answer(query: dict[str, str]) -> list[Any]:
        nonlocal calls
        calls += 1
        if calls == 3:
            del events[:gone]
        return sliced(events)(query)

    found = told(answer)
    assert sorted(found.symbols) == sorted(token(n) for n in range(600))
    assert [asked(one)["offset"] for one in found.requests].count("0") <= 2 + (gone > 100)
    assert len(found.requests) <= 2 * 5 + 3


def test_what_comes_back_into_a_gap_of_the_second_reading_is_found() -> None:
    """There too a page must touch the one before: what it skips may be what is new."""
    events = [event(n) for n in range(300) if n != 120]
    readings = 0

    def answer(query: dict[str, str]) -> list[Any]:
        nonlocal readings
        readings += query["offset"] == "0"
        if readings == 2 and query["offset"] == "90":
            readings += 1
            events[:] = [event(n) for n in range(60, 300)]
        return sliced(events)(query)

    assert token(240) in told(answer).symbols


def test_new_events_at_the_end_are_told_and_need_no_further_reading() -> None:
    """One is created every few seconds: waiting for that to end would take for ever."""
    events = [event(n) for n in range(100)]

    def answer(query: dict[str, str]) -> list[Any]:
        if query["offset"] == "0" or len(events) % 2 == 0:
            events.append(event(len(events)))
        return sliced(events)(query)

    found = told(answer)
    assert [asked(one)["offset"] for one in found.requests].count("0") == 2
    assert len(found.symbols) >= 200


def test_a_list_that_never_comes_to_rest_fails_the_round() -> None:
    """Something unknown in its midst each time: whatever was told of it is not all."""
    events = [event(n) for n in range(100, 130)]
    fresh = iter(range(99, -1, -1))

    def answer(query: dict[str, str]) -> list[Any]:
        if query["offset"] == "0":
            events.insert(0, event(next(fresh)))
        return sliced(events)(query)

    with pytest.raises(ValueError, match="does not come to rest"):
        told(answer)


@pytest.mark.parametrize("said", [b"", b"{}", b'{"data":[]}', b"[", b"[" * 3000, b"null"])
@pytest.mark.parametrize("closed", ["false", "true"])
def test_a_body_that_is_no_list_fails_the_round(said: bytes, closed: str) -> None:
    """Nothing is cut off in silence."""
    with pytest.raises(ValueError, match="not a list"):
        told(
            lambda query: said if query["closed"] == closed else sliced([event(1)])(query),
            ended_since_ts=0,
        )


def test_a_recorded_event_is_told_with_its_series_and_questions() -> None:
    """Five questions of one meeting, ten answers."""
    recorded = json.loads(body("fed-june-825-gamma-event.json"))
    found = told(sliced([recorded]))
    assert found.rejects == []
    assert [(one.symbol, one.title, one.frequency) for one in found.series] == [
        ("fomc", "FOMC", "monthly")
    ]
    assert [one.symbol for one in found.events] == [
        one["conditionId"] for one in recorded["markets"]
    ]
    assert found.symbols == [
        name for one in recorded["markets"] for name in json.loads(one["clobTokenIds"])
    ]
    assert {one.details["event_slug"] for one in found.events} == {"fed-decision-in-june-825"}
    assert found.instruments[0].details["feeSchedule"]["rate"] == "0.05"
    parents_first(found)


class Gamma:
    """Finds markets by token and events by id, open and closed apart."""

    def __init__(self, *events: dict[str, Any]) -> None:
        self.events = list(events)

    def __call__(self, request: Request) -> list[Any]:
        """The body for a request."""
        wanted = {value for name, value in request.query if name in {"id", "clob_token_ids"}}
        query = asked(request)
        closed = query["closed"] == "true"
        assert int(query["limit"]) == len(wanted) <= 40
        if request.path == "/events":
            return [one for one in self.events if one["id"] in wanted and one["closed"] is closed]
        return [
            one | {"events": [{k: v for k, v in parent.items() if k not in {"markets", "tags"}}]}
            for parent in self.events
            for one in parent["markets"]
            if one["closed"] is closed and wanted & set(json.loads(one["clobTokenIds"]))
        ]


def looked_up(gamma: Callable[[Request], object], *symbols: str) -> Told:
    """How some tokens stand."""
    assert VENUE.rest.lookup is not None
    return drive(VENUE.rest.lookup(symbols), gamma)


def test_tokens_are_looked_up_whatever_became_of_them() -> None:
    """Open and closed markets, of open and closed events, with the tags only events have."""
    over = {"closed": True, "umaResolutionStatus": "resolved", "outcomePrices": '["1", "0"]'}
    gamma = Gamma(
        event(1, market(1), market(2, **over), market(3), closed=False),
        event(4, market(4, **over), closed=True, seriesSlug="s"),
    )
    wanted = [token(n) for n in (2, 4, 5, 8)]
    found = looked_up(gamma, *wanted, token(99), wanted[0])
    assert found.symbols == wanted
    assert [one.status for one in found.instruments] == ["active", "settled", "settled", "settled"]
    assert [one.result for one in found.instruments] == [None, "Yes", "Yes", "Yes"]
    assert {one.tags for one in found.instruments} == {("Crypto", "Bitcoin")}
    assert [one.symbol for one in found.events] == [f"0x{n:064x}" for n in (1, 2, 4)]
    assert [one.symbol for one in found.series] == ["s"]
    assert found.rejects == []


def test_a_market_whose_event_nobody_lists_stands_by_itself() -> None:
    """It has its event inside, without tags."""
    gamma = Gamma(event(1, closed=False, seriesSlug="s"))
    found = looked_up(lambda one: [] if one.path == "/events" else gamma(one), token(2))
    assert [(one.symbol, one.tags, one.series) for one in found.instruments] == [
        (token(2), None, "s")
    ]
    assert [one.symbol for one in found.series] == ["s"]
    parents_first(found)


def test_many_tokens_are_looked_up_in_turns() -> None:
    """Each is 78 digits of an address."""
    gamma = Gamma(*[event(n, closed=False) for n in range(60)])
    wanted = [token(n) for n in range(120)]
    found = looked_up(gamma, *wanted)
    assert sorted(found.symbols) == sorted(wanted)
    assert len(found.requests) == 3 * 4
    assert looked_up(gamma).requests == []
