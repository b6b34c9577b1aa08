"""Subjects, tokens and stream names."""

import re

from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.envelope import Envelope
from ssmd.model.frame import Opcode
from ssmd.model.subject import label, prefix, stream, subject, token

SYMBOLS = st.text(min_size=1, max_size=200)
TRICKY = st.text(st.sampled_from("=2F/A.b >*\u00e9"), min_size=1, max_size=80)


@given(one=SYMBOLS | TRICKY, other=SYMBOLS | TRICKY)
def test_different_symbols_have_different_tokens(one: str, other: str) -> None:
    """Two instruments on one subject could not be told apart by a filter."""
    assert (token(one) == token(other)) == (one == other)


@given(symbols=st.sets(TRICKY, min_size=2, max_size=40))
def test_tokens_of_many_similar_symbols_stay_apart(symbols: set[str]) -> None:
    """Escapes must not collide with symbols that look like escapes."""
    assert len({token(symbol) for symbol in symbols}) == len(symbols)


@given(symbol=SYMBOLS | TRICKY)
def test_a_token_is_one_safe_subject_token(symbol: str) -> None:
    """NATS reads dots, stars and spaces as structure."""
    assert re.fullmatch(r"[A-Za-z0-9_=-]{1,128}", token(symbol))


def test_long_symbols_that_begin_alike_stay_apart() -> None:
    """Cutting alone would merge them."""
    one, other = token("A" * 300), token("A" * 299 + "B")
    assert one != other
    assert (len(one), one[:112]) == (128, "A" * 111 + "=")
    assert token("A" * 128) == "A" * 128


def test_spelling_of_a_token() -> None:
    """Archived subjects and people's filters depend on it."""
    assert token("BTC/USD") == "BTC=2FUSD"
    assert (label(()), label(("BTC/USD",)), label(("A", "B"))) == ("_none", "BTC=2FUSD", "_several")


def test_subjects_and_names() -> None:
    """The default places on the bus."""
    envelope = Envelope(
        "kraken-futures",
        None,
        "trade",
        ("PF_XBTUSD",),
        "c",
        1,
        None,
        0,
        1,
        Opcode.TEXT,
        None,
        None,
        5,
        b"",
    )
    assert subject("prod.kraken-futures", envelope) == "prod.kraken-futures.json.trade.PF_XBTUSD"
    assert (prefix("prod", "kalshi"), prefix("prod", "kalshi", "crypto")) == (
        "prod.kalshi",
        "prod.kalshi.crypto",
    )
    assert stream("prod", "kraken-futures") == "PROD_KRAKEN_FUTURES"
    assert stream("prod", "kalshi", "crypto") == "PROD_KALSHI_CRYPTO"


def test_a_route_names_the_subject() -> None:
    """One question may have two instruments: whoever follows it filters by one subject."""
    assert label(("1", "2"), "0xabc") == "0xabc"
    assert label((), "a.b") == "a=2Eb"
