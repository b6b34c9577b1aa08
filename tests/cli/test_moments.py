"""Times as people type them: what is meant is taken, what is nonsense is refused."""

import pytest

from ssmd.cli.moments import lasting, moment, shown

NOON = 1_795_435_200_000_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T12:00:00Z", NOON),
        ("2026-11-23 12:00", NOON),
        ("2026-11-23T12:00:00.5", NOON + 500_000_000),
        ("2026-11-23T13:00+01:00", NOON),
        ("2026-11-23", NOON - 43_200_000_000_000),
        (" 2026-11-23T12:00:00,000000001Z ", NOON + 1),
        (str(NOON), NOON),
        (str(NOON // 1_000_000_000), NOON),
    ],
)
def test_a_time_is_read_as_it_is_written(text: str, expected: int) -> None:
    """Without a zone it is UTC, like everything here."""
    assert moment(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "noon", "12:00", "2026-13-01", "2026-11-31", "2026-11-23T25:00", "2026-11-23T12:61",
     "9999-12-31", "1969-12-31", "2026-11-23T12:00:00Zulu", "9" * 19],
)  # fmt: skip
def test_what_is_no_time_is_refused(text: str) -> None:
    """Also what 64 bits of nanoseconds cannot say: better no answer than a wrong one."""
    with pytest.raises(ValueError):  # noqa: PT011 - the command says which time it was
        moment(text)


def test_a_time_is_shown_as_it_would_be_typed() -> None:
    """To the millisecond; an end that has not come is now."""
    assert shown(NOON + 1_999_999) == "2026-11-23 12:00:00.001"
    assert shown(None) == "now"
    assert moment(shown(NOON)) == NOON


def test_a_duration_is_shown_in_words_of_its_size() -> None:
    """Milliseconds matter in a second, not in an hour."""
    assert [lasting(each) for each in (0.1864, 59.94, 130, 7300)] == [
        "0.186 s",
        "59.9 s",
        "2 min 10 s",
        "2 h 01 min",
    ]
