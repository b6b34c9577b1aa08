"""What can go wrong with a simulated venue, as specs: `NAME[:key=value,...]`.

Every fault takes `at` (seconds from the start, or from the command), `every` (seconds between
repetitions) and `socket` (number of the socket; all when absent).
"""

import math
from collections.abc import Iterator
from difflib import get_close_matches
from http import HTTPStatus
from typing import Final, Literal, get_args

import msgspec

from ssmd.model.errors import ConfigError

GarbageKind = Literal[
    "malformed", "deep", "utf8", "binary", "empty_array", "empty", "channel", "fields", "types",
    "huge", "oversize",
]  # fmt: skip


class _Timed(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="name"
):
    """What all faults share.

    Attributes:
        at_s: When, in seconds from the start of the service, or from the command.
        every_s: Pause between repetitions, in seconds; None for once.
        socket: Number of the socket it befalls; None for all.
    """

    at_s: float = msgspec.field(default=0.0, name="at")
    every_s: float | None = msgspec.field(default=None, name="every")
    socket: int | None = None


class Close(_Timed, frozen=True, kw_only=True, tag="close"):
    """The venue says goodbye with a close frame."""

    code: int = 1012
    reason: str = ""


class Abort(_Timed, frozen=True, kw_only=True, tag="abort"):
    """The connection is reset without a word."""


class Stall(_Timed, frozen=True, kw_only=True, tag="stall"):
    """The venue falls silent and the socket stays open; what it would have said is never said."""

    for_s: float | None = msgspec.field(default=None, name="for")


class Garbage(_Timed, frozen=True, kw_only=True, tag="garbage"):
    """Something no client expects; `size` in bytes is that of the huge kinds."""

    kind: GarbageKind = "malformed"
    size: int | None = None
    count: int = 1


class Checksum(_Timed, frozen=True, kw_only=True, tag="checksum"):
    """The next messages' integrity figures are wrong."""

    symbol: str | None = None
    count: int = 1


class SlowAck(_Timed, frozen=True, kw_only=True, tag="slow_ack"):
    """Requests are answered `delay` seconds late."""

    delay_s: float = msgspec.field(default=5.0, name="delay")
    for_s: float | None = msgspec.field(default=None, name="for")


class Refuse(_Timed, frozen=True, kw_only=True, tag="refuse"):
    """Later requests for this symbol are refused."""

    symbol: str


class Flood(_Timed, frozen=True, kw_only=True, tag="flood"):
    """The market runs `factor` times as fast for a while."""

    factor: float = 10.0
    for_s: float = msgspec.field(default=1.0, name="for")


class Fragment(_Timed, frozen=True, kw_only=True, tag="fragment"):
    """The next `count` messages travel in `parts` continuation frames each."""

    parts: int = 3
    count: int = 1


class Ping(_Timed, frozen=True, kw_only=True, tag="ping"):
    """The venue sends a WebSocket ping."""

    body: str = "are you there"


class Pause(_Timed, frozen=True, kw_only=True, tag="pause"):
    """The market stands still: no data until `resume`."""


class Resume(_Timed, frozen=True, kw_only=True, tag="resume"):
    """The market goes on."""


class Gap(_Timed, frozen=True, kw_only=True, tag="gap"):
    """The next `count` data messages (of this symbol) are never sent."""

    symbol: str | None = None
    count: int = 1


class Duplicate(_Timed, frozen=True, kw_only=True, tag="duplicate"):
    """The next `count` data messages (of this symbol) are sent twice."""

    symbol: str | None = None
    count: int = 1


class Reorder(_Timed, frozen=True, kw_only=True, tag="reorder"):
    """A data message (of this symbol) is sent after the next such message; `count` times."""

    symbol: str | None = None
    count: int = 1


class Drift(_Timed, frozen=True, kw_only=True, tag="drift"):
    """Data messages have the JSON key `to` where they had `field`."""

    field: str = "price"
    to: str = "px"
    for_s: float | None = msgspec.field(default=None, name="for")


class Novelty(_Timed, frozen=True, kw_only=True, tag="novelty"):
    """Messages come whose type nobody knew when this was written."""

    count: int = 1


class Freeze(_Timed, frozen=True, kw_only=True, tag="freeze"):
    """The streams of one symbol stand still; REST and the other symbols go on."""

    symbol: str
    for_s: float | None = msgspec.field(default=None, name="for")


class Listing(_Timed, frozen=True, kw_only=True, tag="listing"):
    """An instrument is listed: to be traded at once, or in `opens` seconds, by itself."""

    symbol: str
    opens_s: float | None = msgspec.field(default=None, name="opens")


class Delist(_Timed, frozen=True, kw_only=True, tag="delist"):
    """An instrument ends."""

    symbol: str


class Standing(_Timed, frozen=True, kw_only=True, tag="status"):
    """An instrument has another state, in the venue's own words."""

    symbol: str
    to: str


class NoAck(_Timed, frozen=True, kw_only=True, tag="no_ack"):
    """Requests are never answered."""

    for_s: float | None = msgspec.field(default=None, name="for")


class Unauthorized(_Timed, frozen=True, kw_only=True, tag="unauthorized"):
    """Whoever comes is refused with this HTTP status."""

    status: int = HTTPStatus.UNAUTHORIZED.value
    for_s: float | None = msgspec.field(default=None, name="for")

    def __post_init__(self) -> None:
        _require_error(self.status)


class Http(_Timed, frozen=True, kw_only=True, tag="http"):
    """REST requests fail: `count` of them, after `after` good ones, below `path` if given."""

    status: int = HTTPStatus.SERVICE_UNAVAILABLE.value
    count: int = 1
    after: int = 0
    retry_after_s: float | None = msgspec.field(default=None, name="retry_after")
    path: str = "/"

    def __post_init__(self) -> None:
        _require_error(self.status)


class HttpSlow(_Timed, frozen=True, kw_only=True, tag="http_slow"):
    """REST requests are answered `delay` seconds late."""

    delay_s: float = msgspec.field(default=5.0, name="delay")
    for_s: float | None = msgspec.field(default=None, name="for")


class SlowReader(_Timed, frozen=True, kw_only=True, tag="slow_reader"):
    """The venue's patience with clients that do not read ends at so many bytes unsent."""

    max_bytes: int = msgspec.field(default=1 << 20, name="bytes")


def _require_error(status: int) -> None:
    """Refuse what is no status of a refusal.

    Raises:
        ValueError: It is none.
    """
    if status not in set(HTTPStatus) or status < HTTPStatus.BAD_REQUEST:
        raise ValueError(f"{status} is not the HTTP status of a refusal")


Fault = (
    Close | Abort | Stall | Garbage | Checksum | SlowAck | Refuse | Flood | Fragment | Ping | Pause
    | Resume | Gap | Duplicate | Reorder | Drift | Novelty | Freeze | Listing | Delist | Standing
    | NoAck | Unauthorized | Http | HttpSlow | SlowReader
)  # fmt: skip

NAMES: Final = tuple(sorted(str(kind.__struct_config__.tag) for kind in get_args(Fault)))
"""Every fault's name."""
_HUGE: Final = 20_000_000
_OVERSIZE: Final = 64 * 1024 * 1024 + 1
_HUGE_FRAME: Final = b'{"channel":"huge","padding":"%b"}'
_DEPTH: Final = 2000
_GARBAGE: Final = {
    "malformed": b'{"channel":"book","data":[{"symbol"',
    "deep": b"[" * _DEPTH + b"]" * _DEPTH,
    "utf8": b'{"channel":"\xff\xfe\xc3("}',
    "binary": bytes(range(256)),
    "empty_array": b"[]",
    "empty": b"",
    "channel": b'{"channel":"nobody_knows","type":"update","data":[{"symbol":"?"}]}',
    "fields": b'{"surprise":true,"nested":{"more":[1,2.5e300,null]}}',
    "types": b'{"channel":7,"type":[],"data":"text"}',
}


def parse(spec: str) -> Fault:
    """Read a spec such as `stall:at=10,for=5,socket=0`.

    Raises:
        ConfigError: Unknown fault, unknown key, or a value that does not fit.
    """
    name, _, rest = spec.strip().partition(":")
    if name not in NAMES:
        near = get_close_matches(name, NAMES, 1)
        hint = f"Did you mean `{near[0]}`?" if near else f"Choose from {', '.join(NAMES)}."
        message = f"There is no fault {name!r}."
        raise ConfigError(message, remedy=hint)
    pairs = [item.partition("=") for item in rest.split(",") if item]
    fields = {"name": name} | {key.strip(): value.strip() for key, _, value in pairs}
    try:
        fault: Fault = msgspec.convert(fields, Fault, strict=False)
    except msgspec.ValidationError as error:
        message = f"Fault {spec!r} is not acceptable: {error}."
        raise ConfigError(message, remedy=f"Its keys are: {', '.join(_keys(name))}.") from error
    for key, value in _numbers(fault):
        if not math.isfinite(value) or value < 0:
            message = f"Fault {spec!r} is not acceptable: `{key}` cannot be {value:g}."
            raise ConfigError(message, remedy="Give a finite number, 0 or greater.")
    return fault


def _numbers(fault: Fault) -> Iterator[tuple[str, float]]:
    """The fault's numbers, by their keys in a spec."""
    for field in msgspec.structs.fields(fault):
        value = getattr(fault, field.name)
        if isinstance(value, int | float):
            yield field.encode_name, value


def text(fault: Fault) -> str:
    """The spec of a fault, defaults included."""
    fields: dict[str, object] = msgspec.to_builtins(fault)
    options = [f"{k}={v}" for k, v in fields.items() if k != "name" and v is not None]
    return f"{fields['name']}:{','.join(options)}"


def garbage(fault: Garbage) -> tuple[bytes, bool]:
    """The bytes of something no client expects, and whether they are sent as binary."""
    if fault.kind in {"huge", "oversize"}:
        size = fault.size or (_HUGE if fault.kind == "huge" else _OVERSIZE)
        padding = b"x" * (size - len(_HUGE_FRAME % b""))
        return _HUGE_FRAME % padding, False
    return _GARBAGE[fault.kind], fault.kind == "binary"


def _keys(name: str) -> list[str]:
    for kind in get_args(Fault):
        if kind.__struct_config__.tag == name:
            return [field.encode_name for field in msgspec.structs.fields(kind)]
    return []
