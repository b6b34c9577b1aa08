"""How often a key may ask, and an address may guess."""

import math

from hypothesis import given
from hypothesis import strategies as st

from ssmd.api.keys.limits import Guesses, Rates, client_of
from ssmd.feeds.api import KeyLimits
from ssmd.secmaster.keyring.record import KeyRecord, Terms

STEPS = st.lists(st.floats(0, 3), min_size=1, max_size=200)


def key(name: str = "a", rate: float | None = None, burst: int | None = None) -> KeyRecord:
    return KeyRecord(
        id=name * 12,
        terms=Terms(name="n", scopes=frozenset(), rate=rate, burst=burst),
        digest=None,
        earlier=None,
        earlier_until=None,
        created_at=0,
        created_by="",
        rotated_at=None,
        disabled_at=None,
        revoked_at=None,
    )


@given(steps=STEPS, rate=st.floats(0.1, 50), burst=st.integers(1, 20))
def test_no_more_is_answered_than_rate_and_burst_allow(
    steps: list[float], rate: float, burst: int
) -> None:
    """In any stretch of time, however requests come; and whoever waits as told is let in."""
    rates, record, now = Rates(KeyLimits()), key(rate=rate, burst=burst), 0.0
    let_in: list[float] = []
    for step in steps:
        now += step
        told = rates.take(record, now)
        assert told.limit == burst
        assert 0 <= told.left <= burst
        assert told.reset_s >= 0
        if told.wait_s:
            assert told.headers["Retry-After"] == str(told.wait_s)
            assert rates.take(record, now).wait_s > 0
            now += told.wait_s
            assert rates.take(record, now).wait_s == 0
        let_in.append(now)
    for first, begin in enumerate(let_in):
        for last in range(first, len(let_in)):
            most = burst + rate * (let_in[last] - begin)
            assert last - first + 1 <= most + 1e-3


def test_headers_say_what_is_left() -> None:
    """Of five: four, three ... none; then how long to wait, and how long until all are back."""
    rates, record = Rates(KeyLimits()), key(rate=2.0, burst=5)
    told = [rates.take(record, 10.0) for _ in range(6)]
    assert [each.left for each in told] == [4, 3, 2, 1, 0, 0]
    assert [each.wait_s for each in told] == [0, 0, 0, 0, 0, 1]
    assert told[2].headers == {
        "RateLimit-Limit": "5",
        "RateLimit-Remaining": "2",
        "RateLimit-Reset": str(math.ceil(3 / 2)),
    }
    assert rates.take(record, 10.5).wait_s == 0
    assert rates.take(key("b", burst=5), 10.0).left == 4  # another key has its own


def test_a_key_that_is_given_another_rate_has_it_at_once() -> None:
    """Nobody has to start the API anew."""
    rates = Rates(KeyLimits(rate=1.0, burst=1))
    assert rates.take(key(), 0.0).wait_s == 0
    assert rates.take(key(), 0.0).wait_s == 1
    assert rates.take(key(burst=3), 0.0).left == 2


def test_an_address_that_guesses_has_to_wait() -> None:
    """So many wrong ones, and then one for each stretch of the stated time."""
    guesses = Guesses(KeyLimits(guesses=5, guesses_s=50.0))
    for _ in range(5):
        assert guesses.wait_s("192.0.2.1", "k", 0.0) == 0
        guesses.wrong("192.0.2.1", 0.0)
    assert guesses.wait_s("192.0.2.1", "k", 0.0) == 10.0
    assert guesses.wait_s("192.0.2.2", "k", 0.0) == 0
    assert guesses.wait_s("192.0.2.1", "k", 10.0) == 0


def test_who_was_let_in_is_not_kept_out_by_a_neighbour() -> None:
    """Behind one address sits more than one client: a wrong key of one does not end the others."""
    guesses = Guesses(KeyLimits(guesses=1, guesses_s=1000.0))
    guesses.right("192.0.2.1", "good", 0.0)
    guesses.wrong("192.0.2.1", 0.0)
    assert guesses.wait_s("192.0.2.1", "good", 10.0) == 0
    assert guesses.wait_s("192.0.2.1", "other", 10.0) > 0
    assert guesses.wait_s("192.0.2.1", "good", 3_700.0) == 0  # filled again by now
    assert guesses.wait_s("192.0.2.1", "good", 900.0) == 0


def test_a_client_is_its_address_or_its_network() -> None:
    """Who has a /64 of IPv6 has as many addresses as it likes."""
    assert client_of("2001:db8::1") == client_of("2001:db8::ffff:1")
    assert client_of("2001:db8::1") != client_of("2001:db8:0:1::1")
    assert client_of("::ffff:192.0.2.1") == client_of("192.0.2.1") == "192.0.2.1"
    assert client_of("") == ""
    guesses = Guesses(KeyLimits(guesses=1, guesses_s=1000.0))
    guesses.wrong("2001:db8::1", 0.0)
    assert guesses.wait_s("2001:db8::2", "k", 0.0) > 0


def test_what_is_remembered_is_bounded() -> None:
    """An attacker with many addresses fills no memory."""
    guesses, rates = Guesses(KeyLimits()), Rates(KeyLimits())
    for number in range(12_000):
        guesses.wrong(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 0.0)
        guesses.right("10.0.0.1", str(number), 0.0)
    for number in range(12_000):
        rates.take(key(chr(48 + number)), 0.0)
    assert len(guesses._buckets) == len(guesses._good) == len(rates._buckets) == 10_000
