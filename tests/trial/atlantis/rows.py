"""Typed rows of what the session gave; prices are whole ticks, and each message tells their scale."""

from collections.abc import Callable, Mapping
from typing import ClassVar, Final

from ssmd.model.envelope import Envelope
from ssmd.model.fields import Fields, decode
from ssmd.model.row import Decoded, Number, Reject, Row

_FINEST: Final = 18


class Deal(Row, frozen=True, kw_only=True):
    """One trade.

    Attributes:
        side: The aggressor's, `buy` or `sell`.
    """

    table: ClassVar[str] = "deal"

    side: str
    price: Number | None
    size: Number | None


class Level(Row, frozen=True, kw_only=True):
    """One level as it stands now; without side in the row of an empty book.

    Attributes:
        side: `bid` or `ask`.
        size: All that rests there; 0 removes the level.
        level: Its place in a whole depth, 0 the best of its side; None in changes.
    """

    table: ClassVar[str] = "depth"

    side: str | None = None
    price: Number | None = None
    size: Number | None = None
    level: int | None = None


TABLES: Final = (Deal, Level)


def rows(envelope: Envelope) -> Decoded:
    """Typed rows of an envelope; never raises."""
    if envelope.type.startswith("_"):
        return Decoded()
    try:
        fields = Fields(decode(envelope.payload))
        fields.ignore("k", "n")
        found, rejects = _READERS[envelope.type](fields)
    except (KeyError, ValueError, ArithmeticError) as error:
        found, rejects = [], [("", str(error))]
    told = tuple(Reject(envelope.message_id, where, reason) for where, reason in rejects)
    return Decoded(tuple(found), told)


_Read = tuple[list[Row], list[tuple[str, str]]]


def _deal(fields: Fields) -> _Read:
    divide = _divisor(fields)
    deal = Deal(
        symbol=fields.need_text("m"),
        ts_event=fields.millis("t", "ts_event"),
        native_id=fields.text("i"),
        is_snapshot=bool(fields.flag("o")),
        side=_side(fields, "buy", "sell"),
        price=fields.number("p", "price", divide=divide),
        size=fields.number("q", "size"),
        extra=fields.extra(),
        inexact=fields.found(),
    )
    return [deal], []


def _change(fields: Fields) -> _Read:
    divide = _divisor(fields)
    level = Level(
        symbol=fields.need_text("m"),
        ts_event=fields.millis("t", "ts_event"),
        side=_side(fields, "bid", "ask"),
        price=fields.number("p", "price", divide=divide),
        size=fields.number("q", "size"),
        extra=fields.extra(),
        inexact=fields.found(),
    )
    return [level], []


def _whole(fields: Fields) -> _Read:
    divide, symbol = _divisor(fields), fields.need_text("m")
    ts_event = fields.millis("t", "ts_event")
    sides = {"bid": fields.items("b"), "ask": fields.items("a")}
    extra, inexact = fields.extra(), fields.found()
    found: list[Row] = []
    rejects: list[tuple[str, str]] = []
    for side, levels in sides.items():
        for at, pair in enumerate(levels):
            if not isinstance(pair, list) or len(pair) != 2:  # noqa: PLR2004 - price and size
                rejects.append((f"{side[0]}[{at}]", "not a price and a size"))
                continue
            inner = Fields({"p": pair[0], "q": pair[1]})
            level = Level(
                symbol=symbol,
                ts_event=ts_event,
                is_snapshot=True,
                side=side,
                price=inner.number("p", "price", divide=divide),
                size=inner.number("q", "size"),
                level=at,
                extra=None if found else extra,
                inexact={**inexact, **inner.inexact},
            )
            found.append(level)
    if not found and not rejects:
        found = [
            Level(symbol=symbol, ts_event=ts_event, is_snapshot=True, extra=extra, inexact=inexact)
        ]
    return found, rejects


def _divisor(fields: Fields) -> int:
    """What ticks are divided by.

    Raises:
        ValueError: The message does not tell the scale.
    """
    scale = fields.integer("s")
    if scale is None or not 0 <= scale <= _FINEST:
        raise ValueError("`s` is no scale")
    return int("1" + "0" * scale)


def _side(fields: Fields, bid: str, ask: str) -> str:
    match fields.text("e"):
        case "b":
            return bid
        case "a":
            return ask
    raise ValueError("`e` is neither b nor a")


_READERS: Final[Mapping[str, Callable[[Fields], _Read]]] = {
    "deal": _deal,
    "depth": _change,
    "depth_whole": _whole,
}
