"""The one book: exact prices, verbatim text."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.book import Book, Level, Side

FEW_PRICES = st.sampled_from(
    ["1", "1.0", "1.00", "10e-1", "0.1e1", "2", "2.5", "25E-1", "0.00000001", "1e-8", "3", "4.10"]
)
ANY_PRICE = st.decimals(allow_nan=False, allow_infinity=False).map(str)
QTY = st.sampled_from(["0", "0.00000000", "0e-8", "1", "0.50000000", "5e-9"])
CHANGES = st.lists(st.tuples(st.booleans(), FEW_PRICES | ANY_PRICE, QTY), max_size=60)


class Naive:
    """The same book, as slow and obvious as can be."""

    def __init__(self) -> None:
        self.sides: dict[bool, dict[Decimal, Level]] = {True: {}, False: {}}

    def put(self, bid: bool, price: str, qty: str) -> None:
        self.sides[bid].pop(Decimal(price), None)
        if Decimal(qty) != 0:
            self.sides[bid][Decimal(price)] = (price, qty)

    def best(self, bid: bool) -> list[Level]:
        return [self.sides[bid][key] for key in sorted(self.sides[bid], reverse=bid)]

    def truncate(self, depth: int) -> None:
        for bid, side in self.sides.items():
            for key in sorted(side, reverse=bid)[depth:]:
                del side[key]


@given(changes=CHANGES, depth=st.integers(1, 5) | st.none())
def test_a_book_equals_its_naive_model_after_every_change(
    changes: list[tuple[bool, str, str]], depth: int | None
) -> None:
    """Order, spelling, removal and cutting are exact, exponents and trailing zeros included."""
    book, naive = Book(depth), Naive()
    for bid, price, qty in changes:
        change = [(price, qty)]
        book.apply(change if bid else [], [] if bid else change)
        naive.put(bid, price, qty)
        if depth is not None:
            naive.truncate(depth)
        assert book.bids.best(1000) == naive.best(bid=True)
        assert book.asks.best(1000) == naive.best(bid=False)


@given(changes=CHANGES, depth=st.integers(1, 5))
def test_all_levels_of_a_message_are_applied_before_anything_is_cut(
    changes: list[tuple[bool, str, str]], depth: int
) -> None:
    """Venues insert and remove in one message: cutting in between would lose a level."""
    book, naive = Book(depth), Naive()
    book.apply([(p, q) for bid, p, q in changes if bid], [(p, q) for b, p, q in changes if not b])
    for bid, price, qty in changes:
        naive.put(bid, price, qty)
    naive.truncate(depth)
    assert (book.bids.best(9), book.asks.best(9)) == (naive.best(bid=True), naive.best(bid=False))


def test_another_spelling_of_a_price_is_the_same_level_with_the_new_text() -> None:
    """What the venue wrote last is what a checksum over the text would see."""
    book = Book.snapshot([("1.10", "5")], [])
    book.apply([("1.1", "6.0")], [])
    assert book.bids.best(10) == [("1.1", "6.0")]


def test_prices_beyond_float_precision_stay_apart() -> None:
    """Two prices that are one float are still two prices."""
    near = ["0.1000000000000000000000001", "0.1000000000000000000000002"]
    book = Book.snapshot([(price, "1") for price in near], [])
    assert [price for price, _ in book.bids.best(10)] == near[::-1]


@pytest.mark.parametrize(
    "text", ["", "x", "NaN", "Infinity", "-inf", "1e9999999999999999999", "{}"]
)
@pytest.mark.parametrize("as_price", [True, False])
def test_what_is_not_a_number_changes_nothing(text: str, as_price: bool) -> None:
    """A NaN among the prices would spoil every later search."""
    side = Side(bids=True)
    side.put("1", "1")
    with pytest.raises(ValueError, match="not a finite decimal number"):
        side.put(*((text, "2") if as_price else ("1", text)))
    assert side.best(10) == [("1", "1")]


def test_a_side_counts_its_levels() -> None:
    """Depth is a number of levels, not of messages."""
    book = Book.snapshot([("1", "1"), ("1.0", "2"), ("2", "0")], [("3", "1"), ("4", "1")], 1)
    assert (len(book.bids), len(book.asks)) == (1, 1)


@given(CHANGES, FEW_PRICES, st.integers(0, 3))
def test_what_rests_at_a_price_and_what_falls_out_is_told(
    changes: list[tuple[bool, str, str]], price: str, depth: int
) -> None:
    """By the price's value, whatever its spelling; what is let go of is all that is not left."""
    side, naive = Side(bids=True), Naive()
    for _, at, qty in changes:
        side.put(at, qty)
        naive.put(True, at, qty)
    known = naive.sides[True].get(Decimal(price))
    assert side.held(price) == (None if known is None else known[1])
    whole = side.best(len(side))
    gone = side.truncate(depth)
    assert sorted(side.best(depth) + gone) == sorted(whole)
    assert len(gone) == max(0, len(whole) - depth)
