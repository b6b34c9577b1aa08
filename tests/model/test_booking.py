"""What the book readers of all venues share."""

from decimal import Decimal

import msgspec

from ssmd.model.book import Book
from ssmd.model.booking import BookChange, BookLevelChange, Books, apply, verbatim, whole


class Checks(msgspec.Struct):
    """What a made-up venue's checks need."""

    last: int = 0


class Stated(msgspec.Struct):
    """A level as a row states it."""

    side: str | None
    price: Decimal | None
    size: Decimal | None
    inexact: dict[str, str] = {}


def at(side: str, price: str, size: str) -> Stated:
    return Stated(side, Decimal(price), Decimal(size))


def change(symbol: str, *, ok: bool) -> BookChange:
    return BookChange(symbol=symbol, ok=ok)


def books(**proved: bool) -> Books[Checks]:
    made = Books(Checks)
    for symbol, ok in proved.items():
        made.of(symbol).ok = ok
        made.news([change(symbol, ok=ok)])
    return made


def test_a_number_keeps_its_digits_and_has_no_exponent() -> None:
    """Checksums are made of them."""
    numbers = ("84174.60", "1E-8", "0E-8", "1.50E+3", "7", "-0.5")
    assert [verbatim(Decimal(each)) for each in numbers] == [
        "84174.60", "0.00000001", "0.00000000", "1500", "7", "-0.5",
    ]  # fmt: skip


def test_levels_that_fall_out_of_the_depth_are_told_as_gone() -> None:
    """Whoever applies the changes without knowing of any depth has the same book."""
    book = Book(2)
    apply(
        book, [at("bid", "3", "1"), at("bid", "2", "1"), at("ask", "5", "1"), at("ask", "6", "1")]
    )
    changes, inexact = apply(book, [at("bid", "4", "1"), at("ask", "4.5", "2")])
    assert inexact == {}
    assert changes == [
        BookLevelChange("bid", Decimal(4), Decimal(1)),
        BookLevelChange("ask", Decimal("4.5"), Decimal(2)),
        BookLevelChange("bid", Decimal(2), Decimal(0)),
        BookLevelChange("ask", Decimal(6), Decimal(0)),
    ]
    assert [(level.side, str(level.price)) for level in whole(book)] == [
        ("bid", "4"), ("bid", "3"), ("ask", "4.5"), ("ask", "5"),
    ]  # fmt: skip


def test_what_cannot_be_a_level_is_told_and_left_out() -> None:
    """A value no column holds, or less than nothing; the row of an empty book is no level."""
    book = Book()
    rows = [
        Stated(None, None, None),
        Stated("bid", None, Decimal(1), {"price": "1e99", "hash": "x"}),
        at("ask", "5", "-1"),
        at("bid", "2", "1"),
    ]
    changes, inexact = apply(book, rows)
    assert changes == [BookLevelChange("bid", Decimal(2), Decimal(1))]
    assert inexact == {"price": "1e99", "size": "-1"}


def test_what_a_message_says_of_other_books_is_told_once() -> None:
    """Before its own; nothing where what is known already was confirmed."""
    made = books(a=True, b=True, c=False)
    for symbol in ("a", "b", "c"):
        made.judge(symbol, made.kept[symbol], ok=False)
    made.kept["b"].ok = True
    assert made.news([change("b", ok=True)]) == [change("a", ok=False), change("b", ok=True)]
    assert made.news([]) == []
    made.judge("a", made.kept["a"], ok=True)
    made.judge("a", made.kept["a"], ok=False)
    assert made.news([]) == []


def test_a_book_that_ended_is_known_no_more() -> None:
    """Who was told that it is proved is told that it is not; no one else is told anything."""
    made = books(a=True, b=False)
    made.ended("a")
    made.ended("b")
    made.ended("stranger")
    assert made.news([]) == [change("a", ok=False)]
    assert made.save() == []


def test_what_is_put_away_is_taken_up_again_with_what_is_still_to_be_said() -> None:
    """Digits, depth, the venue's own figures."""
    made = books(a=True)
    kept = made.of("a")
    kept.book = Book.snapshot([("2.50", "1.0")], [("3", "1E-8")], 10)
    kept.more.last = 7
    made.judge("a", kept, ok=False)
    again = Books(Checks)
    again.restore(made.save())
    assert again.save() == made.save()
    assert again.kept["a"].more.last == 7
    assert again.kept["a"].book.depth == 10
    assert again.news([]) == made.news([]) == [change("a", ok=False)]
