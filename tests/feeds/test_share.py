"""A feed over several connectors: disjoint, complete, balanced, and hardly anything ever moves."""

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd import venues
from ssmd.feeds.share import MOST, SHARDS, WHOLE, Share, owner, parse
from ssmd.model.errors import ConfigError
from ssmd.model.subscription import Limits, Subscription

SYMBOLS = st.text(min_size=1, max_size=40)
GOLDEN = {
    "BTC/USD": [0, 1, 1, 3, 3, 65],
    "ETH/USD": [0, 1, 2, 4, 4, 65],
    "KXBTCD-26JAN0117-T98999.99": [0, 1, 2, 3, 7, 26],
    "PF_XBTUSD": [0, 1, 1, 1, 1, 30],
    "71321045679252212594626385532706912750332728571942532289631379312455583992563": [
        *(0, 1, 1, 1, 1, 44)
    ],
    "ü€": [0, 1, 1, 4, 9, 98],
}
"""Who holds an instrument of 1, 2, 3, 5, 10 and 100 shares: never change these numbers."""


@pytest.mark.parametrize("symbol", GOLDEN)
def test_a_symbol_is_where_it_has_always_been(symbol: str) -> None:
    """On every machine and in every version: else two pods of two versions hold it, or none."""
    assert [owner(symbol, of) for of in (1, 2, 3, 5, 10, 100)] == GOLDEN[symbol]


@given(st.lists(SYMBOLS, unique=True), st.integers(1, 12))
def test_every_instrument_is_held_once(symbols: list[str], of: int) -> None:
    """Disjoint and complete; all channels of an instrument are together, those about all once."""
    wanted = {Subscription(channel, name) for name in symbols for channel in ("trade", "book")}
    wanted |= {Subscription("lifecycle")}
    shares = [Share(index, of).narrow(wanted) for index in range(of)]
    assert sum(map(len, shares)) == len(wanted)
    assert frozenset().union(*shares) == wanted
    assert Subscription("lifecycle") in shares[0]
    for share in shares:
        channels = Counter(item.symbol for item in share if item.symbol is not None)
        assert set(channels.values()) <= {2}


@given(st.lists(SYMBOLS, unique=True, max_size=200), st.integers(1, 12))
def test_another_share_takes_and_nothing_else_moves(symbols: list[str], of: int) -> None:
    """N to n + 1 moves only to the new one; backwards, only what the removed one held."""
    for symbol in symbols:
        before, after = owner(symbol, of), owner(symbol, of + 1)
        assert after in {before, of}


@pytest.mark.parametrize("of", [2, 3, 5, 10])
@pytest.mark.parametrize(
    "name", [lambda i: f"KX{i}", lambda i: f"{i * 7919}", lambda i: f"C{i}/USD"]
)
def test_no_share_is_much_heavier_than_another(name: Callable[[int], str], of: int) -> None:
    """Of 1200 instruments each has its part, give or take a quarter."""
    held = Counter(owner(name(index), of) for index in range(1200))
    assert len(held) == of
    assert all(0.75 < count * of / 1200 < 1.25 for count in held.values())
    moved = sum(owner(name(index), of) != owner(name(index), of + 1) for index in range(1200))
    assert 0.75 < moved * (of + 1) / 1200 < 1.25


def test_a_share_is_read_as_people_write_it() -> None:
    """Counted from 0; printed, it reads back."""
    assert parse("0/3") == Share(0, 3)
    assert parse(" 2/3 ") == Share(2, 3)
    assert parse("0/1") == WHOLE
    assert str(parse("7/10")) == "7/10"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("3/3", "of 3 the last is 2"),
        ("0/0", "1 to 100 shares, not 0"),
        ("0/101", "1 to 100 shares, not 101"),
        ("1", "no share"),
        ("1/", "no share"),
        ("-1/3", "no share"),
        ("a/b", "no share"),
        ("1/2/3", "no share"),
        ("٣/٤", "no share"),
    ],
)
def test_what_is_no_share_is_refused_with_an_example(text: str, said: str) -> None:
    """Bad usage: it says what to write."""
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert said in caught.value.message
    assert "0/3" in (caught.value.remedy or "")
    assert caught.value.exit_code == 2


def test_shards_of_two_shares_never_have_one_number() -> None:
    """Nor have their REST connections one name."""
    shares = [Share(index, MOST) for index in range(MOST)]
    numbers = {number for share in shares for number in (share.first, share.first + SHARDS - 1)}
    assert len(numbers) == 2 * MOST
    assert len({share.rest for share in shares}) == MOST
    assert (WHOLE.first, WHOLE.rest) == (0, "rest")
    for share in shares:
        names = [str(share.first), str(share.first + SHARDS - 1), share.rest]
        assert all(share.is_mine(name) for name in names)
        assert not any(other.is_mine(names[0]) for other in shares if other is not share)
    assert not WHOLE.is_mine("import")
    assert not Share(1, 2).is_mine("rest")


@given(st.integers(1, 30), st.integers(1, 30))
def test_what_a_venue_tolerates_is_divided(connections: int, of: int) -> None:
    """Together never more connections, nor more often, than one client may; each has one."""
    limits = Limits(
        subscriptions_per_connection=200,
        sends_per_second=5.0,
        connections=connections,
        connect_interval_s=2.0,
    )
    shares = [Share(index, of) for index in range(of)]
    if of > connections:
        with pytest.raises(ConfigError) as caught:
            shares[-1].limits(limits)
        assert f"Use {connections} shares at most" in (caught.value.remedy or "")
        return
    parts = [share.limits(limits) for share in shares]
    assert sum(part.connections for part in parts) == connections
    assert sum(1 / part.connect_interval_s for part in parts) == pytest.approx(1 / 2.0)
    assert {part.subscriptions_per_connection for part in parts} == {200}


@pytest.mark.parametrize("of", [1, 3, 8])
def test_rest_and_the_bus_are_shared_too(of: int) -> None:
    """The window of the stream and the tokens of REST are summed over all connectors."""
    shares = [Share(index, of) for index in range(of)]
    assert sum(share.window(2000) for share in shares) <= 2000
    assert Share(0, of).window(1) == 1
    rest = venues.load("kalshi").rest
    for name, service in rest.services.items():
        rates = [share.asks(rest).services[name].tokens_per_second for share in shares]
        assert sum(rates) == pytest.approx(service.tokens_per_second)
