"""What the security master is told: everything that is stated, nothing that cannot be believed."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.listing import Fee, FeeStep, Reject
from ssmd.model.rest import CatalogQuery, Page, ReferenceQuery, Request, Saved
from ssmd.venues.kraken import VENUE
from tests.venues.kraken.test_catalog import ASSETS, BITCOIN, body, pairs, recorded

MODERN = {"XBT": "BTC", "XDG": "DOGE"}
FEES = {"fees": [[0, 0.4], [10000, 0.35]], "fees_maker": [["0", -0.02], [10000, 0.0]]}


def saved(*bodies: bytes, names: Sequence[str] = ()) -> list[Page]:
    """Pages of saved bodies; nothing is asked."""
    files = [
        Saved(names[at] if names else f"file-{at}", payload) for at, payload in enumerate(bodies)
    ]
    pages = list(VENUE.rest.saved(files))
    assert all(isinstance(page, Page) for page in pages)
    return [page for page in pages if isinstance(page, Page)]


def one(**changed: object) -> Page:
    """The page of one pair."""
    (page,) = saved(pairs(**changed))
    return page


def refused(page: Page) -> list[Reject]:
    """What keeps an instrument out."""
    return [each for each in page.rejects if each.entity == "instrument"]


def entries() -> dict[str, dict[str, object]]:
    """The recorded pairs, numbers as they are written."""
    parsed = json.loads(
        recorded("AssetPairs-20260112.json.gz"), parse_float=Decimal, parse_int=Decimal
    )
    found: dict[str, dict[str, object]] = parsed["result"]
    return found


def named(wsname: object, side: int) -> str:
    """An asset of a pair, read without the code under test."""
    name = str(wsname).split("/")[side]
    return MODERN.get(name, name)


def test_the_recorded_pairs_are_counted_as_the_file_counts_them() -> None:
    """By state, by the venue's word for it, and by what they are paid in."""
    (page,) = saved(recorded("AssetPairs-20260112.json.gz"))
    raw = entries()
    found = page.instruments
    assert (len(found), page.rejects) == (1434, ())
    words = Counter(str(it["status"]) for it in raw.values())
    assert Counter(it.raw_status for it in found) == words
    assert words == {"online": 1365, "cancel_only": 47, "post_only": 19, "reduce_only": 3}
    assert Counter((it.status, it.restricted) for it in found) == {
        ("active", False): words["online"],
        ("active", True): words["post_only"],
        ("paused", False): words["cancel_only"] + words["reduce_only"],
    }
    assert Counter(it.quote for it in found) == Counter(
        named(it["wsname"], 1) for it in raw.values()
    )
    assert Counter(it.base for it in found) == Counter(
        named(it["wsname"], 0) for it in raw.values()
    )


def test_the_venues_own_table_names_the_recorded_assets_as_the_pairs_do() -> None:
    """So a listing out of files is the one that the venue tells."""
    table = {
        str(it[side]): {"aclass": "currency", "altname": str(it["wsname"]).split("/")[at]}
        for it in entries().values()
        for at, side in enumerate(("base", "quote"))
    }
    listed = recorded("AssetPairs-20260112.json.gz")
    assert saved(listed) == saved(body(table), listed) == saved(listed, body(table))


def test_every_recorded_number_is_told_as_it_is_written() -> None:
    """In the details, as text; what a pair does not state is null, and a 0 stays one."""
    (page,) = saved(recorded("AssetPairs-20260112.json.gz"))
    raw = entries()
    for instrument in page.instruments:
        entry = raw[instrument.aliases["rest_key"]]
        for name, told in instrument.details.items():
            stated = entry.get(name)
            if isinstance(stated, list):
                assert told == [str(number) for number in stated]
            else:
                assert told == (None if stated is None else str(stated)), (name, instrument.symbol)
    limits = [it.details["long_position_limit"] for it in page.instruments]
    absent = sum("long_position_limit" not in it for it in raw.values())
    zero = sum(it.get("long_position_limit") == 0 for it in raw.values())
    assert (limits.count(None), limits.count("0")) == (absent, zero) == (1166, 17)
    assert {it.details["execution_venue"] for it in page.instruments} == {None}  # not stated yet


def test_gold_keeps_its_letter_and_money_loses_it() -> None:
    """Letters are not stripped: the venue's names are looked up."""
    (page,) = saved(recorded("AssetPairs-20260112.json.gz"))
    by_key = {it.aliases["rest_key"]: (it.base, it.quote) for it in page.instruments}
    assert by_key["XAUTUSD"] == ("XAUT", "USD")
    assert by_key["XXBTZUSD"] == ("BTC", "USD")
    assert by_key["XDGUSD"] == ("DOGE", "USD")
    assert by_key["XETHXXBT"] == ("ETH", "BTC")


def test_the_recorded_ladders_are_told_to_the_last_step() -> None:
    """Each pair has its own, for who takes and for who makes."""
    (page,) = saved(recorded("AssetPairs-20260112.json.gz"))
    raw = entries()
    keys = {it.symbol: it.aliases["rest_key"] for it in page.instruments}
    assert len(page.fees) == len({fee.symbol for fee in page.fees}) == 1434
    for fee in page.fees:
        entry = raw[keys[fee.symbol]]
        for told, name in ((fee.taker, "fees"), (fee.maker, "fees_maker")):
            ladder = entry[name]
            assert isinstance(ladder, list)
            assert [[step.volume, step.rate] for step in told] == ladder
        assert (fee.scope, fee.kind, fee.currency) == ("instrument", "ladder", "USD")


def test_a_fee_is_of_its_pair_and_counted_in_a_named_currency() -> None:
    """A rebate is a negative rate; the currency's name is looked up as those of the pairs are."""
    page = one(fee_volume_currency="ZUSD", **FEES)
    assert page.fees == (
        Fee(
            venue="kraken",
            scope="instrument",
            symbol="BTC/USD",
            kind="ladder",
            currency="USD",
            taker=(step(0, "0.4"), step(10000, "0.35")),
            maker=(step(0, "-0.02"), step(10000, "0.0")),
        ),
    )
    assert one(fee_volume_currency="ZNEW", **FEES).fees[0].currency == "ZNEW"
    (named_by_table,) = saved(
        body({"ZNEW": {"aclass": "currency", "altname": "NEW"}}),
        pairs(fee_volume_currency="ZNEW", **FEES),
    )
    assert named_by_table.fees[0].currency == "NEW"


def step(volume: int, rate: str) -> FeeStep:
    return FeeStep(volume=Decimal(volume), rate=Decimal(rate))


def test_no_ladder_is_no_fee() -> None:
    """Since 2026 the venue states empty ones to who has no account: nothing is known then."""
    empty: list[dict[str, object]] = [{}, {"fees": [], "fees_maker": []}, {"fees": None}]
    for nothing in empty:
        page = one(**nothing)
        assert (page.fees, page.rejects, len(page.instruments)) == ((), (), 1)


def test_steps_are_told_from_the_lowest_volume_up() -> None:
    """In whatever order they came."""
    page = one(fees=[[10, 0.3], [0, 0.4]])
    assert [each.volume for each in page.fees[0].taker] == [0, 10]


@pytest.mark.parametrize(
    ("ladder", "kind"),
    [
        (7, "unreadable"),
        ([7], "unreadable"),
        ([[0]], "unreadable"),
        ([[0, "much"]], "unreadable"),
        ([[None, 0.1]], "unreadable"),
        ([[0, 101]], "absurd"),
        ([[-1, 0.1]], "absurd"),
        ([[0, 0.1], [0, 0.2]], "absurd"),
        ([[0, "0.00000000001"]], "absurd"),
        ([["1e30", 0.1]], "absurd"),
    ],
)
def test_a_ladder_that_cannot_be_costs_the_fee_alone(ladder: object, kind: str) -> None:
    """The pair stands."""
    page = one(fees_maker=ladder, fees=[[0, 0.4]])
    assert ([it.symbol for it in page.instruments], page.fees) == (["BTC/USD"], ())
    (reject,) = page.rejects
    assert (reject.entity, reject.kind, reject.symbol) == ("fee", kind, "BTC/USD")
    assert "XXBTZUSD" in str(reject)


@pytest.mark.parametrize("raw", ["auction", "", None])
def test_a_pair_of_an_unknown_status_is_set_aside_with_its_word(raw: str | None) -> None:
    """To file it under one of ours would be a guess; a connector lists it all the same."""
    page = one(status=raw)
    assert page.instruments == ()
    (reject,) = page.rejects
    assert (reject.kind, reject.symbol, reject.raw_status) == (
        "unknown_status", "BTC/USD", raw or "",
    )  # fmt: skip
    assert json.loads(reject.payload) == BITCOIN | {"status": raw}


@pytest.mark.parametrize(
    "changed",
    [
        {"tick_size": "0"},
        {"tick_size": "-0.1"},
        {"tick_size": "0.00000000001"},
        {"ordermin": "1e28"},
        {"ordermin": -1},
        {"costmin": "-0.5"},
        {"pair_decimals": -1},
        {"cost_decimals": 39},
        {"lot_decimals": 1.5},
        {"lot_decimals": 11},
        {"lot_multiplier": 0},
        {"margin_call": -80},
        {"short_position_limit": "-1"},
        {"long_position_limit": 10**30},
    ],
)
def test_a_number_that_cannot_be_sets_its_pair_aside(changed: dict[str, object]) -> None:
    """Its fees go with it."""
    page = one(**changed, **FEES)
    assert (page.instruments, page.fees) == ((), ())
    (reject,) = page.rejects
    assert (reject.kind, reject.entity, reject.symbol) == ("absurd", "instrument", "BTC/USD")
    assert json.loads(reject.payload)["wsname"] == "XBT/USD"


@pytest.mark.parametrize(
    "changed",
    [
        {"tick_size": "tiny"},
        {"pair_decimals": "x"},
        {"leverage_buy": 5},
        {"leverage_sell": [2, "x"]},
        {"long_position_limit": True},
        {"altname": None},
        {"execution_venue": {}},
        {"wsname": "XBT"},
    ],
)
def test_a_field_of_another_type_sets_its_pair_aside(changed: dict[str, object]) -> None:
    """Under the name it is known by, as far as that can be read."""
    page = one(**changed)
    assert page.instruments == ()
    (reject,) = page.rejects
    known = "XXBTZUSD" if "wsname" in changed else "BTC/USD"
    assert (reject.kind, reject.symbol) == ("unreadable", known)


def test_a_connector_is_told_nothing_of_fees() -> None:
    """A ladder that cannot be read is no doubt about what it subscribes to."""
    generator = VENUE.rest.catalog(CatalogQuery())
    next(generator)
    generator.send(body(ASSETS))
    page = generator.send(pairs(fees=7, margin_call=-1))
    assert isinstance(page, Page)
    assert [it.symbol for it in page.instruments] == ["BTC/USD"]
    assert [each.kind for each in page.rejects] == ["absurd"]


def test_what_comes_twice_counts_once() -> None:
    """In one file, in two files; the first stands."""
    again = BITCOIN | {"costmin": "9"}
    first, second = saved(body({"A": BITCOIN, "B": BITCOIN}), body({"C": again}), names=("x", "y"))
    assert [it.aliases["rest_key"] for it in first.instruments] == ["A"]
    assert second.instruments == ()
    for page, key in ((first, "B"), (second, "C")):
        (reject,) = page.rejects
        assert (reject.kind, reject.symbol) == ("duplicate", "BTC/USD")
        assert repr(key) in str(reject)


def test_a_key_that_stands_twice_is_told() -> None:
    """JSON has room for it, and its readers keep one of the two without a word."""
    entry = json.dumps(BITCOIN)
    long = f'{{"costmin":{"9" * 5000}}}'
    text = f'{{"error":[],"result":{{"A":{entry},"B":{long},"A":{entry},"C":{{"wsname":5}}}}}}'
    (page,) = saved(text.encode())
    assert len(page.instruments) == 1
    reject = page.rejects[0]
    assert (reject.kind, reject.symbol) == ("duplicate", "A")


def answered(bodies: Iterable[bytes], query: ReferenceQuery) -> tuple[list[Request], list[Page]]:
    """Everything asked and told, answered in order."""
    answers, asked, told = iter(bodies), [], []
    generator = VENUE.rest.reference(query)
    step = next(generator, None)
    while step is not None:
        if isinstance(step, Page):
            told.append(step)
            step = next(generator, None)
        else:
            asked.append(step)
            step = generator.send(next(answers))
    return asked, told


def test_the_venue_is_asked_for_all_it_lists() -> None:
    """As a connector asks it; it can narrow nothing by time."""
    generator = VENUE.rest.catalog(CatalogQuery())
    expected = [next(generator)]
    for at in range(6):
        try:
            step = generator.send(body(ASSETS if at == 0 else {}))
        except StopIteration:
            break
        expected += [step] if isinstance(step, Request) else []
    since = ReferenceQuery(changed_since_ts=1, ended_since_ts=1)
    asked, told = answered([body(ASSETS), pairs(**FEES), body({}), body({})], since)
    assert asked == expected
    assert [(len(page.instruments), len(page.fees)) for page in told] == [(1, 1), (0, 0)]
    assert VENUE.rest.lookup is None


def test_a_venue_that_tells_both_classes_at_once_is_not_complained_of() -> None:
    """The same entry in the next answer says nothing new; another one of that name is told."""
    both = body({"XXBTZUSD": BITCOIN})
    _, told = answered([body(ASSETS), both, body({}), both], ReferenceQuery())
    assert [(len(page.instruments), page.rejects) for page in told] == [(1, ()), (0, ())]
    other = pairs(costmin="9")
    _, told = answered([body(ASSETS), both, body({}), other], ReferenceQuery())
    assert [reject.kind for reject in told[1].rejects] == ["duplicate"]


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"[]", b"{}", b"<html>", b'{"result":[]}', b"[" * 99_999,
        b'{"error":["EService:Busy"]}', b'{"error":[],"result":{"status":"online"}}',
        b'{"error":[],"result":{"XXBTZUSD":{"a":["1"]}}}',
    ],
)  # fmt: skip
def test_a_file_that_is_no_listing_is_named(payload: bytes) -> None:
    """Whatever else was given."""
    with pytest.raises(ValueError, match=r"odd\.json.*AssetPairs"):
        saved(pairs(), payload, names=("good.json", "odd.json"))


def test_files_without_pairs_are_no_listing() -> None:
    """To take them for an empty one would end every pair there is."""
    for bodies in ((), (body({}),), (body(ASSETS), body({}))):
        with pytest.raises(ValueError, match="AssetPairs"):
            saved(*bodies)
    assert len(saved(body({}), pairs(), body(ASSETS))) == 1


@pytest.mark.parametrize(
    "name",
    ["ohlc", "order_book", "system_status", "ticker", "trades"],
)
def test_other_recorded_answers_are_no_listing(name: str) -> None:
    """The venue's own, of other paths."""
    with pytest.raises(ValueError, match=f"sample-{name}"):
        saved(recorded(f"sample-http_{name}.json"), names=(f"sample-{name}",))


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.text(max_size=8)
    | st.sampled_from(["0.1", "-1", "1e99", "1e-99", "NaN", "XBT/USD", "online", "\x00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)
NAMES = sorted({*BITCOIN, *FEES, "leverage_buy", "margin_call", "long_position_limit"})


@given(
    st.lists(
        VALUES | st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3).map(BITCOIN.__or__),
        max_size=6,
    )
)
def test_each_entry_is_an_instrument_or_set_aside(listed: list[object]) -> None:
    """None vanishes, none breaks its neighbours, whatever stands in it."""
    result = {f"K{at}": entry for at, entry in enumerate(listed)}
    (page,) = saved(body({"good": BITCOIN | {"wsname": "GOOD/USD"}} | result))
    assert "GOOD/USD" in {it.symbol for it in page.instruments}
    assert len(page.instruments) + len(refused(page)) == len(listed) + 1
    known = {it.symbol for it in page.instruments}
    assert known >= {fee.symbol for fee in page.fees}
    for instrument in page.instruments:
        json.dumps(instrument.details)
