"""Fault specs: strict, timed, and readable back."""

import json

import pytest

from ssmd.model.errors import ConfigError
from ssmd.sim.faults import (
    NAMES,
    Close,
    Flood,
    Garbage,
    Http,
    Refuse,
    Stall,
    garbage,
    parse,
    text,
)
from ssmd.sim.schedule import Schedule


def test_specs_are_read_with_their_types() -> None:
    """Numbers are numbers, and what is absent has its default."""
    assert parse("close:at=2.5,code=1001") == Close(at_s=2.5, code=1001)
    assert parse("stall") == Stall(for_s=None)
    assert parse("stall:for=3,socket=2,every=10") == Stall(for_s=3.0, socket=2, every_s=10.0)
    assert parse("refuse:symbol=BTC/USD") == Refuse(symbol="BTC/USD")
    assert parse(" flood:factor=4 ") == Flood(factor=4.0)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("clsoe", "close"),
        ("", "Choose from"),
        ("close:cod=1", "code"),
        ("close:code=many", "code"),
        ("close:code", "code"),
        ("garbage:kind=polite", "kind"),
        ("refuse", "symbol"),
    ],
)
def test_a_wrong_spec_is_refused_and_the_remedy_names_the_right_word(spec: str, says: str) -> None:
    """A fault that silently does not happen makes a test that proves nothing."""
    with pytest.raises(ConfigError) as caught:
        parse(spec)
    assert says in caught.value.remedy + caught.value.message


def test_a_spec_reads_back_as_itself() -> None:
    """The log of faults can be played again."""
    for name in NAMES:
        named = name in {"refuse", "freeze", "listing", "delist", "status"}
        symbol = ",symbol=A/B" if named else ""
        to = ",to=post only" if name == "status" else ""
        spec = f"{name}:at=1,every=2,socket=3{symbol}{to}"
        assert parse(text(parse(spec))) == parse(spec)


def test_only_what_refuses_is_the_status_of_a_refusal() -> None:
    """A fault that lets in is none, and a status nobody knows cannot be sent."""
    assert parse("http:status=429,retry_after=2,count=3,after=1,path=/a") == Http(
        status=429, retry_after_s=2.0, count=3, after=1, path="/a"
    )
    for spec in ("http:status=200", "unauthorized:status=101", "unauthorized:status=499"):
        with pytest.raises(ConfigError, match="not the HTTP status of a refusal"):
            parse(spec)


def test_garbage_is_what_its_kind_says() -> None:
    """Each kind must reach the reader it is aimed at."""
    deep = garbage(Garbage(kind="deep"))[0]
    assert deep.count(b"[") == 2000
    with pytest.raises(UnicodeDecodeError):
        garbage(Garbage(kind="utf8"))[0].decode()
    assert garbage(Garbage(kind="binary")) == (bytes(range(256)), True)
    assert len(garbage(Garbage(kind="huge"))[0]) == 20_000_000
    assert len(garbage(Garbage(kind="oversize"))[0]) == 64 * 1024 * 1024 + 1
    assert json.loads(garbage(Garbage(kind="huge", size=1000))[0])["channel"] == "huge"
    with pytest.raises(json.JSONDecodeError):
        json.loads(garbage(Garbage(kind="malformed"))[0])


def test_faults_come_when_they_are_due_and_repeat() -> None:
    """Each once per time, in order; a late look finds all that was missed."""
    schedule = Schedule([parse("close:at=3"), parse("ping:at=1,every=1")], 100.0)
    schedule.add(parse("abort:at=0.5"), 101.0)

    def due(mono: float) -> list[str]:
        return [text(fault).partition(":")[0] for fault in schedule.due(mono)]

    assert due(100.9) == []
    assert due(101.0) == ["ping"]
    assert due(101.6) == ["abort"]
    assert due(103.0) == ["ping", "close", "ping"]
    assert due(103.5) == []


@pytest.mark.parametrize(
    "spec",
    [
        "close:at=nan",
        "close:at=-1",
        "close:every=inf",
        "stall:for=nan",
        "stall:for=-2",
        "gap:count=-1",
    ],
)
def test_no_fault_is_planned_for_a_time_that_never_comes(spec: str) -> None:
    """A schedule compares: `nan` would keep everything behind it from happening."""
    with pytest.raises(ConfigError, match="cannot be"):
        parse(spec)
