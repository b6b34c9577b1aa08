"""What no key can be given is refused, by name."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.api.callers import Scope
from ssmd.api.keys.terms import checked, scopes_of
from ssmd.model.errors import ConfigError
from ssmd.secmaster.keyring.record import Terms

SCOPES = [scope.value for scope in Scope]


@pytest.mark.parametrize(
    "word",
    ["*", "secmaster:*", "datasets:*", "admin:keys", "admin:", "admin", "ADMIN:*", "*:read", ""],
)
def test_no_wildcard_is_a_scope_but_the_one(word: str) -> None:
    """A scope is one of five words, and never a pattern."""
    with pytest.raises(ConfigError, match="is no scope"):
        scopes_of(["datasets:read", word])


@given(st.text(max_size=30))
def test_nothing_but_the_five_words_is_a_scope(word: str) -> None:
    """Whatever is tried."""
    if word in SCOPES:
        assert scopes_of([word]) == {word}
        return
    with pytest.raises(ConfigError):
        scopes_of([word])


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"scopes": frozenset()}, "without a scope"),
        ({"name": ""}, "no name"),
        ({"name": "x" * 101}, "no name"),
        ({"name": "a\r\nSet-Cookie: b=c"}, "no name"),
        ({"name": "a\x00b"}, "no name"),
        ({"name": "a\u202eb"}, "no name"),
        ({"name": "\ud800"}, "no name"),
        ({"name": " a"}, "no name"),
        ({"feeds": frozenset()}, "some feeds"),
        ({"feeds": frozenset({"../raw"})}, "no name of a feed"),
        ({"feeds": frozenset({"*"})}, "no name of a feed"),
        ({"since": date(2026, 1, 2), "until": date(2026, 1, 1)}, "lies before"),
        ({"until": date(9999, 12, 31)}, "No key can be about"),
        ({"since": date(1, 1, 1)}, "No key can be about"),
        ({"rate": 0.0}, "`rate`"),
        ({"rate": float("nan")}, "`rate`"),
        ({"rate": float("inf")}, "`rate`"),
        ({"burst": 0}, "`burst`"),
        ({"scopes": frozenset({"admin:*"}), "feeds": frozenset({"a"})}, "cannot be restricted"),
        ({"scopes": frozenset(SCOPES), "since": date(2026, 1, 1)}, "cannot be restricted"),
        ({"scopes": frozenset(SCOPES), "until": date(2026, 1, 1)}, "cannot be restricted"),
    ],
)
def test_what_no_key_can_be_given_is_refused(terms: dict[str, Any], words: str) -> None:
    """In a sentence, before anything is written."""
    given = {"name": "key", "scopes": frozenset({"datasets:read"}), **terms}
    with pytest.raises(ConfigError, match=words):
        checked(Terms(**given))


def test_what_a_key_can_be_given_is_taken() -> None:
    """Names in any script; one day; all that reads, restricted."""
    made = Terms(
        name="Zoë's 取引",
        scopes=frozenset(SCOPES) - {"admin:*"},
        feeds=frozenset({"a", "b-2"}),
        since=date(2026, 1, 1),
        until=date(2026, 1, 1),
        rate=0.1,
        burst=1,
    )
    assert checked(made) is made
    assert checked(Terms(name="root", scopes=frozenset(SCOPES))).feeds is None
