"""Tokens are cut by length, and only what is whole is one."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.api.keys import token
from ssmd.api.keys.token import LENGTH, Token

ids = st.text(string.ascii_lowercase + string.digits, min_size=12, max_size=12)
secrets = st.text(string.ascii_letters + string.digits + "-_", min_size=43, max_size=43)


@given(key=ids, secret=secrets)
def test_every_token_is_read_as_it_was_made(key: str, secret: str) -> None:
    """Whatever its secret holds, `_` above all."""
    made = Token(key, secret)
    assert len(made.text) == LENGTH
    assert token.parse(made.text) == made


@given(key=ids, secret=secrets, at=st.integers(0, LENGTH - 1), other=st.characters())
def test_a_token_with_another_letter_is_another_or_none(
    key: str, secret: str, at: int, other: str
) -> None:
    """No letter is passed over."""
    text = Token(key, secret).text
    changed = text[:at] + other + text[at + 1 :]
    found = token.parse(changed)
    assert (found is not None and found.text == changed) or found is None
    assert (found == Token(key, secret)) == (changed == text)


@given(st.text(max_size=80))
def test_what_is_no_token_is_none(text: str) -> None:
    """Anything may stand in a header."""
    found = token.parse(text)
    assert found is None or found.text == text


def test_tokens_are_not_made_twice_and_do_not_show_themselves() -> None:
    """An id is no secret; the rest stands in no log."""
    made = [token.make() for _ in range(200)]
    assert len({each.id for each in made}) == len({each.secret for each in made}) == 200
    assert all(token.parse(each.text) == each for each in made)
    assert made[0].secret not in repr(made[0])
    again = token.again(made[0].id)
    assert (again.id, again.secret == made[0].secret) == (made[0].id, False)


@pytest.mark.parametrize("left", [b"a" * 32, b"b" * 32])
def test_digests_are_compared_whole(left: bytes) -> None:
    """One bit is enough."""
    assert token.is_same(left, bytes(left))
    assert not token.is_same(left, left[:-1] + b"\x00")
