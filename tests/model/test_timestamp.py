"""Times in nanoseconds, and ids that carry one."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.timestamp import (
    connection_id,
    format_rfc3339,
    parse_rfc3339,
    shard_of,
    uuid7,
)

NANOSECONDS = st.integers(0, 4_000_000_000 * 10**9)
ENTROPY = st.integers(0, 2**74 - 1)


@given(ts=NANOSECONDS)
def test_a_time_survives_being_written_and_read(ts: int) -> None:
    """Nine digits, nothing rounded."""
    assert parse_rfc3339(format_rfc3339(ts)) == ts


@given(ts=NANOSECONDS, digits=st.integers(1, 9), offset=st.integers(-14 * 60, 14 * 60))
def test_every_spelling_of_a_moment_is_the_same_number(ts: int, digits: int, offset: int) -> None:
    """The quick way for venues' usual spelling and the thorough way agree."""
    ts -= ts % 10 ** (9 - digits)
    plain = format_rfc3339(ts)[: 20 + digits]
    local = datetime.fromtimestamp(ts // 10**9, UTC) + timedelta(minutes=offset)
    sign, minutes = "-" if offset < 0 else "+", abs(offset)
    zone = f"{sign}{minutes // 60:02d}:{minutes % 60:02d}"
    assert parse_rfc3339(f"{plain}Z") == ts
    assert parse_rfc3339(f"{plain}z".lower()) == ts
    assert parse_rfc3339(f"{local:%Y-%m-%d %H:%M:%S}{plain[19:]}{zone}") == ts


def test_digits_beyond_the_ninth_are_cut() -> None:
    """Rounding up could put an event after its receipt."""
    assert parse_rfc3339("1970-01-01T00:00:01.9999999999Z") == 1_999_999_999
    assert parse_rfc3339("1970-01-01T00:00:01.9999999999+00:00") == 1_999_999_999


def test_a_leap_second_is_the_second_after() -> None:
    """RFC 3339 allows :60."""
    assert parse_rfc3339("2016-12-31T23:59:60Z") == parse_rfc3339("2017-01-01T00:00:00Z")
    assert parse_rfc3339("2016-12-31T23:59:60.5Z") == parse_rfc3339("2017-01-01T00:00:00.5Z")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-08-02",
        "2026-08-02T05:43:31",
        "2026-08-02T05:43:31.5",
        "2026-08-02T05:43:31123Z",
        "2026-08-02T05:43:31.Z",
        "2026-13-02T05:43:31Z",
        "2026-02-30T05:43:31.1Z",
        "2026-08-02T25:43:31.1Z",
        "2026-08-02T05:43:31.1Z ",
        "\u0662\u0660\u0662\u0666-08-02T05:43:31Z",
        "2026-08-02T05:43:31.\u0661Z",
        "1754113411",
    ],
)
def test_what_is_not_a_time_is_refused(text: str) -> None:
    """A wrong time is worse than none."""
    with pytest.raises(ValueError, match=r".+"):
        parse_rfc3339(text)


@given(ts=NANOSECONDS, entropy=ENTROPY)
def test_an_id_is_a_version_7_uuid_with_its_time(ts: int, entropy: int) -> None:
    """Anyone can read when a connection began from its id."""
    uuid = UUID(uuid7(ts, entropy))
    assert uuid.version == 7
    assert uuid.variant == "specified in RFC 4122"
    assert uuid.int >> 80 == ts // 1_000_000


@given(ts=NANOSECONDS, one=ENTROPY, other=ENTROPY)
def test_every_bit_of_entropy_counts(ts: int, one: int, other: int) -> None:
    """Two connections in one millisecond must not share an id."""
    assert (uuid7(ts, one) == uuid7(ts, other)) == (one == other)


@given(first=NANOSECONDS, second=NANOSECONDS, entropy=ENTROPY)
def test_connection_ids_of_a_shard_sort_by_time(first: int, second: int, entropy: int) -> None:
    """The order of lives is the order of names."""
    one, other = (connection_id("kraken", 3, ts, entropy) for ts in (first, second))
    assert (one < other) == (first // 1_000_000 < second // 1_000_000)
    assert shard_of(one) == "kraken-3"


def test_the_shard_of_a_feed_with_dashes() -> None:
    """Feeds' names may hold dashes."""
    assert shard_of(connection_id("kraken-futures", "rest", 1, 1)) == "kraken-futures-rest"
