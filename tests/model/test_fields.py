"""Fields are read exactly, and nothing vanishes."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.fields import NUMBER_SCALE, RATE_SCALE, Fields, decode, encode, exactly, fits

decimals = st.decimals(allow_nan=False, allow_infinity=False)


def fields(text: str) -> Fields:
    return Fields(decode(text.encode()))


def test_numbers_keep_their_digits() -> None:
    """Trailing zeros, exponents and integers beyond 64 bits are read as they were written."""
    value = decode(b'{"a":1.10,"b":2.747066666667e-6,"c":123456789012345678901234567890}')
    assert value == {
        "a": Decimal("1.10"),
        "b": Decimal("2.747066666667e-6"),
        "c": 123456789012345678901234567890,
    }
    assert str(value["a"]) == "1.10"


@given(decimals)
def test_what_is_decoded_is_encoded_with_the_same_value(number: Decimal) -> None:
    """`extra` is evidence: its numbers are the venue's."""
    text = f'{{"n":{number}}}'
    again = decode(encode(decode(text.encode())).encode())
    assert isinstance(again, dict)
    assert Decimal(again["n"]) == number


@given(st.recursive(st.none() | st.booleans() | st.text() | st.integers(), st.lists))
def test_other_json_comes_back_as_it_was(value: object) -> None:
    """Only numbers are special."""
    assert json.loads(encode(decode(json.dumps(value).encode()))) == value


@pytest.mark.parametrize("bad", [b"", b"{", b"\xff", b"[" * 3000, b"nul", b'{"a":1}x'])
def test_what_is_no_json_is_a_value_error(bad: bytes) -> None:
    """A row's reader knows one kind of failure."""
    with pytest.raises(ValueError, match="not readable JSON"):
        decode(bad)


@pytest.mark.parametrize("other", ["[]", "1", '"x"', "null"])
def test_only_an_object_has_fields(other: str) -> None:
    """The element is rejected, with what it was."""
    with pytest.raises(ValueError, match="not an object"):
        fields(other)


def test_missing_null_zero_and_empty_stay_distinct() -> None:
    """A venue that says nothing and one that says zero are different facts."""
    found = fields('{"null":null,"zero":0,"zero_text":"0.00","empty":""}')
    assert found.number("missing") is None
    assert found.number("null") is None
    assert found.number("zero") == 0
    assert str(found.number("zero_text")) == "0.00"
    assert found.number("empty") is None
    assert found.inexact == {"empty": ""}
    assert "missing" not in found
    assert "null" in found
    assert found.text("empty") == ""


def test_ids_sizes_and_times_may_be_numbers_or_texts() -> None:
    """Venues change their minds about quotes."""
    found = fields('{"a":17,"b":"17","c":17.0,"d":"17.000"}')
    assert [found.integer(name) for name in "abcd"] == [17, 17, 17, 17]
    assert [found.text(name) for name in "ab"] == ["17", "17"]
    assert [found.millis(name) for name in "ab"] == [17_000_000, 17_000_000]
    assert found.seconds("d") == 17_000_000_000
    assert found.extra() is None


def test_cents_are_divided_exactly() -> None:
    """12 cents are 0.12 dollars, whatever the type."""
    found = fields('{"a":12,"b":"0.5","c":7}')
    assert [str(found.number(name, divide=100)) for name in "abc"] == ["0.12", "0.005", "0.07"]


def test_what_does_not_fit_is_kept_as_text() -> None:
    """Null in the column, exact text beside it, under the column's own name."""
    found = fields(
        '{"p":1.12345678901,"q":1e28,"n":"NaN","i":1.5,"t":"soon","u":9223372036854775808}'
    )
    assert found.number("p", "price") is None
    assert found.number("q") is None
    assert found.number("n") is None
    assert found.integer("i") is None
    assert found.moment("t") is None
    assert found.integer("u") is None
    assert found.inexact == {
        "price": "1.12345678901",
        "q": "1E+28",
        "n": "NaN",
        "i": "1.5",
        "t": "soon",
        "u": "9223372036854775808",
    }


def test_what_no_column_can_hold_breaks_nothing() -> None:
    """Exponents and dates out of all bounds are kept as text, like any other value."""
    found = fields('{"s":"9e999999","m":9e999999,"t":"0001-01-01T00:00:00Z","c":"9e999999999"}')
    assert found.seconds("s") is None
    assert found.millis("m") is None
    assert found.moment("t") is None
    assert found.number("c", divide=100) is None
    assert set(found.inexact) == set("smtc")


def test_shifting_the_point_rounds_nothing() -> None:
    """Cents with forty digits are no longer a price; thirty digits still are what they were."""
    digits = "12345678901234567890123456789.25"
    found = fields(f'{{"a":{digits},"b":"1784475900.123456789","c":1.234567890123}}')
    assert str(found.number("a", divide=100)) == "123456789012345678901234567.8925"
    assert found.seconds("b") == 1_784_475_900_123_456_789
    assert found.number("c", divide=100) is None
    assert found.inexact == {"c": "1.234567890123"}


@given(decimals)
def test_a_number_that_fits_survives_the_column(number: Decimal) -> None:
    """`fits` promises that a decimal column of 38 digits gives back the same value."""
    for scale in (NUMBER_SCALE, RATE_SCALE):
        if fits(number, scale):
            sign, digits, exponent = number.as_tuple()
            assert isinstance(exponent, int)
            unscaled = Decimal((sign, digits, exponent + scale))
            whole = int(unscaled)
            assert unscaled == whole
            assert abs(whole) < 10**38


@given(st.integers(-(10**38) + 1, 10**38 - 1), st.sampled_from([NUMBER_SCALE, RATE_SCALE]))
def test_every_value_of_the_column_fits(unscaled: int, scale: int) -> None:
    """Nothing that the column could hold is refused."""
    number = Decimal((int(unscaled < 0), tuple(map(int, str(abs(unscaled)))), -scale))
    assert fits(number, scale)


@pytest.mark.parametrize("no", [True, None, [], {}, "", " ", "1_000", "Infinity", "x", "9" * 500])
def test_what_stands_for_no_number(no: object) -> None:
    """Python's own generosity is not the venue's."""
    assert exactly(no) is None


def test_times_have_one_unit() -> None:
    """Seconds, milliseconds and RFC 3339 all become ns."""
    found = fields(
        '{"s":1784475900,"f":1784475900.5,"ms":"1784475900544","t":"2026-07-19T15:45:00Z"}'
    )
    assert found.seconds("s") == 1_784_475_900_000_000_000
    assert found.seconds("f") == 1_784_475_900_500_000_000
    assert found.millis("ms") == 1_784_475_900_544_000_000
    assert found.moment("t") == 1_784_475_900_000_000_000


def test_truth_lists_and_json() -> None:
    """The rest of what a message holds."""
    found = fields('{"t":true,"f":"false","l":["a",1],"o":{"x":1.50},"n":null}')
    assert [found.flag(name) for name in "tfn"] == [True, False, None]
    assert found.texts("l") == ("a", "1")
    assert found.texts("n") is None
    assert found.items("n") == []
    assert found.json("o") == '{"x":1.50}'
    assert found.json("n") is None
    assert found.extra() is None


@pytest.mark.parametrize("read", ["flag", "text", "items", "texts"])
def test_a_field_of_another_shape_is_a_value_error(read: str) -> None:
    """The element is rejected and the field is named."""
    found = fields('{"a":{"b":1}}')
    with pytest.raises(ValueError, match="`a`"):
        getattr(found, read)("a")


def test_a_needed_text_is_there() -> None:
    """An instrument without a name is no instrument."""
    found = fields('{"a":"","b":null,"c":"x"}')
    assert found.need_text("c") == "x"
    for name in ("a", "b", "missing"):
        with pytest.raises(ValueError, match=f"`{name}` is missing"):
            found.need_text(name)


def test_what_nobody_asked_for_is_extra() -> None:
    """A field the venue adds tomorrow is in tomorrow's rows."""
    found = fields('{"a":1,"new":[1.10,"x"],"dull":0}')
    found.number("a")
    found.ignore("dull")
    assert found.extra() == '{"new":[1.10,"x"]}'
    assert found.found() == {}
