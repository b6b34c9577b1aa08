"""The listing: pages that overlap, stringified arrays, one instrument per token."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from ssmd.model.instrument import Instrument
from ssmd.model.rest import CatalogQuery, Page, Request
from ssmd.venues.polymarket import VENUE
from ssmd.venues.polymarket.listing import Grouping
from tests.venues.polymarket.frames import token
from tests.venues.polymarket.recordings import body


def market(number: int, **fields: object) -> dict[str, object]:
    return {
        "id": str(number),
        "question": f"Question {number}?",
        "conditionId": f"0x{number:064x}",
        "slug": f"question-{number}",
        "outcomes": '["Yes", "No"]',
        "outcomePrices": '["0.25", "0.75"]',
        "clobTokenIds": json.dumps([token(2 * number), token(2 * number + 1)]),
        "active": True,
        "closed": False,
        "acceptingOrders": True,
        "enableOrderBook": True,
        "volume": "12.5",
        **fields,
    }


def event(number: int, *markets: dict[str, object], **fields: object) -> dict[str, object]:
    return {
        "id": str(number),
        "slug": f"event-{number}",
        "tags": [{"id": "21", "label": "Crypto"}, {"id": "235", "label": "Bitcoin"}],
        "markets": list(markets or (market(number),)),
        **fields,
    }


def listed(
    answer: Callable[[dict[str, str]], list[Any] | bytes], query: CatalogQuery | None = None
) -> tuple[list[Instrument], list[str], list[Request]]:
    """Drive the generator: instruments, rejects, and what was asked."""
    catalog = VENUE.rest.catalog(query or CatalogQuery())
    found: list[Instrument] = []
    rejects: list[str] = []
    asked: list[Request] = []
    sent = b""
    step = next(catalog)
    while True:
        if isinstance(step, Page):
            found += step.instruments
            rejects += map(str, step.rejects)
        else:
            asked.append(step)
            assert len(asked) < 200
            said = answer(dict(step.query))
            sent = said if isinstance(said, bytes) else json.dumps(said).encode()
        try:
            step = catalog.send(sent)
        except StopIteration:
            return found, rejects, asked


def sliced(events: list[Any]) -> Callable[[dict[str, str]], list[Any]]:
    """A venue that slices a list."""

    def answer(query: dict[str, str]) -> list[Any]:
        offset = int(query["offset"])
        return events[offset : offset + int(query["limit"])]

    return answer


def one(**fields: object) -> Instrument:
    """The first token of a market with these fields."""
    found, rejects, _ = listed(sliced([event(1, market(1, **fields))]))
    assert rejects == []
    return found[0]


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 99, 100, 101, 190, 191, 250])
def test_every_token_is_listed_once(count: int) -> None:
    """However the pages fall."""
    found, rejects, _ = listed(sliced([event(number) for number in range(count)]))
    assert rejects == []
    assert [item.symbol for item in found] == [token(number) for number in range(2 * count)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 20])
def test_the_page_size_can_be_chosen(size: int) -> None:
    """The smallest has no overlap and still ends."""
    found, _, asked = listed(sliced([event(n) for n in range(25)]), CatalogQuery(page_size=size))
    assert len(found) == 50
    assert {dict(request.query)["limit"] for request in asked} == {str(size)}


def test_only_what_is_traded_is_asked_for_in_the_order_of_creation() -> None:
    """What is new comes last, where it shifts nothing."""
    _, _, (request, *_) = listed(sliced([]))
    assert (request.path, request.service) == ("/events", "main")
    assert request.query == (
        ("active", "true"), ("closed", "false"), ("order", "id"), ("ascending", "true"),
        ("limit", "100"), ("offset", "0"),
    )  # fmt: skip


def test_the_venue_narrows_to_a_category_whose_tag_is_known() -> None:
    """Of all others everything is asked for: a wrong tag would list nothing, silently."""

    def asks(query: CatalogQuery) -> dict[str, str]:
        return dict(listed(sliced([]), query)[2][0].query)

    assert asks(CatalogQuery(categories=("crypto",)))["tag_id"] == "21"
    assert "tag_id" not in asks(CatalogQuery(categories=("Science & Tech",)))
    assert "tag_id" not in asks(CatalogQuery(categories=("Crypto", "Politics")))
    assert "closed" not in asks(CatalogQuery(active=False))


@pytest.mark.parametrize("gone", [1, 5, 10, 11, 60, 150])
def test_what_leaves_the_list_meanwhile_hides_nothing(gone: int) -> None:
    """A page that does not touch the one before is followed by an earlier one."""
    events = [event(number) for number in range(300)]
    calls = 0

    def answer(query: dict[str, str]) -> list[Any]:
        nonlocal calls
        calls += 1
        if calls == 3:
            del events[:gone]
        return sliced(events)(query)

    found, _, _ = listed(answer)
    assert {item.symbol for item in found} == {token(number) for number in range(600)}
    assert len(found) == 600


def test_the_end_of_a_shrinking_list_is_not_mistaken() -> None:
    """An empty page where the overlap should be is no end."""
    events = [event(number) for number in range(120)]
    calls = 0

    def answer(query: dict[str, str]) -> list[Any]:
        nonlocal calls
        calls += 1
        if calls == 2:
            del events[:50]
        return sliced(events)(query)

    found, _, _ = listed(answer)
    assert {item.symbol for item in found} >= {token(number) for number in range(240)}


def test_what_is_listed_meanwhile_is_found() -> None:
    """It comes last."""
    events = [event(number) for number in range(150)]

    def answer(query: dict[str, str]) -> list[Any]:
        if int(query["offset"]):
            events.extend(event(number) for number in range(len(events), 155))
        return sliced(events)(query)

    assert len(listed(answer)[0]) == 310


def test_a_token_of_several_events_is_one_instrument() -> None:
    """Events share markets."""
    found, rejects, _ = listed(sliced([event(1, market(1)), event(2, market(1), market(2))]))
    assert [item.symbol for item in found] == [token(n) for n in (2, 3, 4, 5)]
    assert rejects == []


@pytest.mark.parametrize("said", [b"", b"{}", b'{"data":[]}', b"[", b"[" * 3000, b"null"])
def test_a_body_that_is_no_list_fails_the_round(said: bytes) -> None:
    """Nothing is cut off in silence."""
    with pytest.raises(ValueError, match="not a list"):
        listed(lambda _: said)


def test_an_unreadable_market_is_a_reject_and_hurts_no_other() -> None:
    """So does an unreadable event."""
    found, rejects, _ = listed(
        sliced(
            [
                event(1, market(1, clobTokenIds="[1"), market(2), market(3, outcomes=7)),
                7,
                event(4, markets=7),
                event(5, market(5, closed="perhaps")),
                event(6),
            ]
        )
    )
    assert [item.symbol for item in found] == [token(n) for n in (4, 5, 12, 13)]
    assert len(rejects) == 5
    assert "A market of event 1" in rejects[0]


def test_a_market_without_tokens_is_not_listed_yet() -> None:
    """There is nothing to subscribe to."""
    absent: list[object] = ["[]", "", None, []]
    for tokens in absent:
        found, rejects, _ = listed(sliced([event(1, market(1, clobTokenIds=tokens))]))
        assert (found, rejects) == ([], [])


def test_every_answer_is_an_instrument() -> None:
    """The condition is its event; Gamma's event is an alias."""
    item = one(
        question="Will it?", endDate="2026-06-17T00:00:00Z", startDate="2025-12-10T21:45:58.5Z",
        orderPriceMinTickSize=0.001, orderMinSize=5, volume="5613436.783344906",
        volume24hr=248946.43669499908, liquidity="365215.79468", questionID="0xq",
    )  # fmt: skip
    assert item.id == f"polymarket:{token(2)}"
    assert (item.kind, item.status, item.title, item.outcome) == (
        "event", "active", "Will it?", "Yes",
    )  # fmt: skip
    assert item.raw_status == "active,acceptingOrders,enableOrderBook"
    assert (item.event, item.series) == (f"0x{1:064x}", None)
    assert (item.category, item.tags) == ("Crypto", ("Crypto", "Bitcoin"))
    assert (item.tick_size, item.min_size) == (Decimal("0.001"), Decimal(5))
    assert item.volume == Decimal("5613436.783344906")
    assert item.volume_24h == Decimal("248946.43669499908")
    assert item.liquidity == Decimal("365215.79468")
    assert (item.open_ts, item.close_ts) == (1765403158500000000, 1781654400000000000)
    assert item.aliases == {
        "condition_id": f"0x{1:064x}", "slug": "question-1", "question_id": "0xq",
        "market_id": "1", "event_id": "1", "event_slug": "event-1",
    }  # fmt: skip
    assert json.loads(item.payload)["question"] == "Will it?"


def test_quantities_fall_back_to_their_other_fields() -> None:
    """Texts and numbers say the same; null and the empty text say nothing."""
    item = one(volume=None, volumeNum=7, liquidity="", liquidityNum="3.5")
    assert (item.volume, item.liquidity, item.volume_24h) == (Decimal(7), Decimal("3.5"), None)
    assert one(volume="0").volume == Decimal(0)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, "active"),
        ({"acceptingOrders": None}, "active"),
        ({"acceptingOrders": False}, "paused"),
        ({"active": False}, "paused"),
        ({"enableOrderBook": False}, "paused"),
        ({"closed": True}, "closed"),
        ({"closed": "true"}, "closed"),
        ({"closed": True, "umaResolutionStatus": "proposed"}, "closed"),
        ({"closed": True, "umaResolutionStatus": "resolved"}, "settled"),
        ({"closed": True, "winningOutcome": "No"}, "settled"),
    ],
)
def test_the_flags_are_one_status(fields: dict[str, object], status: str) -> None:
    """In our words; the venue's are kept beside."""
    assert one(**fields).status == status


def test_a_settled_answer_knows_what_it_paid() -> None:
    """The winner is stated, or it is the one that pays a dollar; a draw has none."""
    settled = {"closed": True, "umaResolutionStatus": "resolved"}
    item = one(**settled, outcomePrices='["0", "1"]')
    assert (item.result, item.settlement_value) == ("No", Decimal(0))
    item = one(**settled, outcomePrices='["0.5", "0.5"]')
    assert (item.result, item.settlement_value) == (None, Decimal("0.5"))
    item = one(closed=True, winningOutcome="Yes", outcomePrices=None)
    assert (item.result, item.settlement_value) == ("Yes", None)
    assert one(outcomePrices='["1", "0"]').settlement_value is None


@pytest.mark.parametrize(
    ("tags", "category"),
    [
        (("Bitcoin", "Crypto"), "Crypto"),
        (("Fed", "Politics", "Economy"), "Politics"),
        (("Politics", "crypto"), "Crypto"),
        (("Weather", "Science"), "Weather"),
        ((), None),
        (None, None),
    ],
)
def test_a_category_is_a_known_tag_or_the_first(
    tags: tuple[str, ...] | None, category: str | None
) -> None:
    """Gamma's own field is always null."""
    assert Grouping(id="", slug="", series=None, tags=tags, end=None).category == category


@pytest.mark.parametrize(
    ("wanted", "category"),
    [
        ((), "Crypto"),
        (("Politics",), "Politics"),
        (("politics", "Crypto"), "Crypto"),
        (("Sports", "POLITICS"), "Politics"),
        (("Sports",), "Crypto"),
        (("Bitcoin",), "Crypto"),
    ],
)
def test_of_several_categories_one_that_is_asked_for_counts(
    wanted: tuple[str, ...], category: str
) -> None:
    """A market of politics and crypto is found by either; mere tags are no categories."""
    tags = [{"label": label} for label in ("Bitcoin", "Politics", "Crypto")]
    found, _, _ = listed(sliced([event(1, tags=tags)]), CatalogQuery(categories=wanted))
    assert {(item.category, item.tags) for item in found} == {
        (category, ("Bitcoin", "Politics", "Crypto"))
    }


def test_the_end_of_an_event_stands_in_for_a_markets() -> None:
    """Some markets state none."""
    found, _, _ = listed(sliced([event(1, endDate="2026-06-17T00:00:00Z")]))
    assert found[0].close_ts == 1781654400000000000
    found, _, _ = listed(sliced([event(1, endDate="soon")]))
    assert found[0].close_ts is None


def test_the_series_of_an_event() -> None:
    """By its slug, wherever it stands."""
    for fields in ({"seriesSlug": "fomc"}, {"series": [{"id": "35", "slug": "fomc"}]}):
        found, _, _ = listed(sliced([event(1, **fields)]))
        assert found[0].series == "fomc"


def test_a_recorded_event_is_read_to_the_last_market() -> None:
    """Five questions of one event, ten tokens; numbers keep all their digits."""
    recorded = json.loads(body("fed-june-825-gamma-event.json"))
    found, rejects, _ = listed(sliced([recorded]))
    assert rejects == []
    wire = [name for m in recorded["markets"] for name in json.loads(m["clobTokenIds"])]
    assert [item.symbol for item in found] == wire
    assert len(found) == 10
    first = found[0]
    assert (first.category, first.series, first.outcome) == ("Politics", "fomc", "Yes")
    assert first.volume_24h == Decimal("248946.43669499908")
    assert first.event == recorded["markets"][0]["conditionId"]
    assert {item.status for item in found} == {"active"}
    assert json.loads(first.payload) == recorded["markets"][0]


@pytest.mark.parametrize(
    ("name", "count"),
    [("pm-gamma_active_btc_updown.json", 2), ("pm_gamma_response.json", 2)],
)
def test_recorded_listings_of_events(name: str, count: int) -> None:
    """Up and Down instead of Yes and No."""
    recorded = json.loads(body(name))
    found, rejects, _ = listed(sliced(recorded))
    assert (len(found), rejects) == (count, [])
    assert {item.category for item in found} == {"Crypto"}
    assert [item.outcome for item in found] == ["Up", "Down"]
    assert {item.series for item in found} == {"btc-up-or-down-daily"}


def test_a_hundred_recorded_markets() -> None:
    """Gamma's listing of markets, each as an event of its own."""
    recorded = json.loads(body("gamma-markets-active-20260213.json.gz"))
    found, rejects, _ = listed(sliced([event(n, m, tags=None) for n, m in enumerate(recorded)]))
    assert (len(found), rejects) == (200, [])
    assert all(item.volume is not None and item.tick_size is not None for item in found)
    assert {item.status for item in found} == {"active"}


def test_recorded_resolutions_know_their_winners() -> None:
    """292 five-minute markets, all decided; the venue's prices say how."""
    lines = body("gamma-btc5m-markets-20260724.jsonl.gz").splitlines()
    recorded = [json.loads(line)["raw"] for line in lines]
    found, rejects, _ = listed(sliced([event(n, m) for n, m in enumerate(recorded)]))
    assert (len(found), rejects) == (584, [])
    assert {item.status for item in found} == {"settled"}
    for item in found:
        assert item.settlement_value == (1 if item.outcome == item.result else 0)
