"""What the simulated exchange says looks as recorded, and as documented."""

from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec
import pytest

from tests.shared import shared
from tests.venues.kalshi.schema import complaints
from tests.venues.kalshi.simulating import (
    Message,
    everything,
    fingerprint,
    recorded,
    single_frames,
)

NEW = ("quoter-session-20260701", "gold15m-20260805-windows", "btc15m-20260513T1333-rebuilt")
"""The captures in the present format; earlier ones have no `ts_ms`, or prices in cents."""

PAYLOADS = {
    "subscribed": "subscribedResponsePayload",
    "unsubscribed": "unsubscribedResponsePayload",
    "error": "errorResponsePayload",
    "orderbook_snapshot": "orderbookSnapshotPayload",
    "orderbook_delta": "orderbookDeltaPayload",
    "ticker": "tickerPayload",
    "trade": "tradePayload",
    "market_lifecycle_v2": "marketLifecycleV2Payload",
    "event_lifecycle": "eventLifecyclePayload",
    # Newer than the document (2026-03-19), which says that it has the other one's payload.
    "multivariate_market_lifecycle": "marketLifecycleV2Payload",
}


@cache
def said() -> tuple[Message, ...]:
    return tuple(everything())


@cache
def heard(*captures: str) -> dict[str, set[str]]:
    """Fingerprints by type of message."""
    return by_type(message for capture in captures for message in recorded(capture, 400))


def by_type(messages: Iterable[Message]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for message in messages:
        found.setdefault(message["type"], set()).add(fingerprint(message))
    return found


@cache
def document() -> dict[str, Any]:
    """The AsyncAPI document, with what the recorded frames say against it taken out.

    - A ticker may have a dot (`KXBTCD-...-T60499.99`): the pattern allows none, though the
      document's own examples have some.
    """
    path = shared("specs/kalshi-asyncapi-20260321.yaml")
    parsed: dict[str, Any] = msgspec.yaml.decode(path.read_bytes())
    del parsed["components"]["schemas"]["marketTicker"]["pattern"]
    return parsed


def schema_of(message: Message) -> dict[str, Any]:
    root = document()
    if message["type"] == "ok":
        listing = isinstance(message["msg"], list)
        name = "listSubscriptionsResponsePayload" if listing else "okResponsePayload"
    else:
        name = PAYLOADS[message["type"]]
    schema: dict[str, Any] = root["components"]["schemas"][name]
    if message["type"] == "multivariate_market_lifecycle":
        kind = {"type": "string", "const": message["type"]}
        schema = schema | {"properties": schema["properties"] | {"type": kind}}
    return schema


def test_everything_there_is_to_say_is_said() -> None:
    """Else the comparisons below would compare less than they claim."""
    assert {message["type"] for message in said()} == {*PAYLOADS, "ok"}
    lives = {m["msg"]["event_type"] for m in said() if m["type"] == "market_lifecycle_v2"}
    assert lives >= {"created", "determined", "settled"}


@pytest.mark.parametrize(
    "kind", ["orderbook_delta", "trade", "ticker", "subscribed", "orderbook_snapshot", "error"]
)
def test_messages_have_the_recorded_fingerprint(kind: str) -> None:
    """Keys, and the form of every number and text: as captured."""
    captures = ("btc1h-20260418",) if kind == "error" else NEW
    ours, real = by_type(said())[kind], heard(*captures)[kind]
    if kind == "error":  # one about a market names it; none such was recorded
        ours = {print_ for print_ in ours if "market_ticker" not in print_}
    if kind == "orderbook_snapshot":  # a book with one side only is rare; none was recorded
        ours = {print_ for print_ in ours if print_.count("_dollars_fp") != 1}
    assert ours == real


def test_an_answer_to_an_update_has_the_recorded_fingerprint() -> None:
    """`ok` with the whole set; the other `ok` lists subscriptions."""
    ours = by_type(m for m in said() if m["type"] == "ok" and "seq" in m)["ok"]
    assert ours == heard("quoter-session-20260701")["ok"]


def test_lives_have_the_recorded_fingerprint() -> None:
    """By event; where recordings of two years differ, ours is the newest."""
    real: dict[str, set[str]] = {}
    for message in single_frames():
        if "seq" in message and message["type"] == "market_lifecycle_v2":
            told = message["msg"]
            if told["event_type"] == "created":
                told["additional_metadata"].pop("custom_strike", None)
            real.setdefault(told["event_type"], set()).add(fingerprint(message))
    for message in said():
        if message["type"] != "market_lifecycle_v2":
            continue
        told = dict(message["msg"])
        if "additional_metadata" in told:  # what a strike is made of differs by market
            told["additional_metadata"] = dict(told["additional_metadata"])
            told["additional_metadata"].pop("custom_strike", None)
        assert fingerprint(message | {"msg": told}) in real[told["event_type"]], message


def test_events_have_the_recorded_fingerprint() -> None:
    """Numbered today; the recorded one of 2025 was not."""
    (real,) = (m for m in single_frames() if m["type"] == "event_lifecycle")
    ours = by_type(said())["event_lifecycle"]
    assert ours == {fingerprint(real | {"seq": 1})}


def test_every_message_is_as_documented() -> None:
    """Against the AsyncAPI document of March 2026; exceptions are named where they are made."""
    wrong = {
        complaint
        for message in said()
        for complaint in complaints(message, schema_of(message), document())
    }
    assert wrong == set()


def test_the_check_against_the_document_finds_what_is_wrong() -> None:
    """A check that passes everything would prove nothing."""
    (delta,) = (next(m for m in said() if m["type"] == "orderbook_delta"),)
    damaged: list[Message] = [
        delta | {"seq": "7"},
        delta | {"sid": 0},
        delta | {"type": "delta"},
        delta | {"msg": delta["msg"] | {"side": "maybe"}},
        delta | {"msg": delta["msg"] | {"market_id": "7"}},
        delta | {"msg": delta["msg"] | {"price_dollars": 7}},
        {key: value for key, value in delta.items() if key != "seq"},
    ]
    for message in damaged:
        schema = schema_of(delta)
        assert len(list(complaints(message, schema, document()))) == 1, message


def test_recorded_messages_are_as_documented_too() -> None:
    """So the exceptions above are the recordings', not ours."""
    for message in recorded("quoter-session-20260701")[:200]:
        assert list(complaints(message, schema_of(message), document())) == []
