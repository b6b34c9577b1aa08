"""Times as `int` nanoseconds since the Unix epoch, UTC; and ids that carry one."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

_RFC3339: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)"
    r"(?:\.(\d{1,9})\d*)?(?:([Zz])|([+-])(\d\d):(\d\d))",
    re.ASCII,
)
_TO_THE_SECOND: Final = len("2026-08-02T05:43:31")
SECOND_NS: Final = 1_000_000_000


def parse_rfc3339(text: str) -> int:
    """Nanoseconds of an RFC 3339 time; digits beyond the ninth are cut.

    Raises:
        ValueError: The text is not such a time.
    """
    # Venues write `2026-08-02T05:43:31.066741Z`, many to the second: each second is read once.
    fraction = text[_TO_THE_SECOND + 1 : -1]
    plain = fraction.isdecimal() and fraction.isascii()
    if plain and text[_TO_THE_SECOND] == "." and text[-1] == "Z":
        return _whole_second(text[:_TO_THE_SECOND]) + int(fraction[:9].ljust(9, "0"))
    return _parse(text)


@lru_cache(maxsize=1024)
def _whole_second(text: str) -> int:
    return _parse(f"{text}Z")


def _parse(text: str) -> int:
    match = _RFC3339.fullmatch(text)
    if match is None:
        message = f"not an RFC 3339 time: {text!r}"
        raise ValueError(message)
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    leap = second == 60  # noqa: PLR2004 - RFC 3339 section 5.7
    moment = datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=UTC)
    seconds = int(moment.timestamp()) + leap
    if match[9]:
        offset = int(match[10]) * 3600 + int(match[11]) * 60
        seconds += offset if match[9] == "-" else -offset
    return seconds * SECOND_NS + int((match[7] or "").ljust(9, "0"))


def format_rfc3339(ts: int) -> str:
    """RFC 3339 text of nanoseconds, nine digits, UTC."""
    seconds, rest = divmod(ts, SECOND_NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def uuid7(ts: int, entropy: int) -> str:
    """An RFC 9562 UUID version 7 from a time in ns and 74 bits of entropy."""
    value = (ts // 1_000_000 & (1 << 48) - 1) << 80
    value |= 7 << 76 | (entropy >> 62 & 0xFFF) << 64 | 2 << 62 | entropy & (1 << 62) - 1
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def connection_id(feed: str, shard: int | str, ts: int, entropy: int) -> str:
    """Id of one life of one WebSocket, `{feed}-{shard}-{UUIDv7}`; sorts by time within a shard."""
    return f"{feed}-{shard}-{uuid7(ts, entropy)}"


_UUID_LENGTH: Final = 36


def shard_of(connection: str) -> str:
    """The shard id `{feed}-{shard}` inside a connection id."""
    return connection[: -_UUID_LENGTH - 1]
