"""What is missing is found where it begins and where it ends, and nothing else is."""

import msgspec
import pytest

from ssmd.connector.absence import Absences, Before
from ssmd.model.event import Gap, Subscribed, Unsubscribed
from ssmd.model.missing import MARGIN_NS, Missing
from ssmd.model.records import Judged
from ssmd.model.subscription import Subscription
from ssmd.model.timestamp import SECOND_NS
from ssmd.sim.manual_clock import ManualClock
from tests.connector.shop import trades

A, B = (Subscription("trade", symbol) for symbol in "ab")
BOOK = Subscription("book", "a")


class Puppet(msgspec.Struct):
    """A connection as an onlooker sees it."""

    id: str
    wanted: frozenset[Subscription] = trades("a", "b")
    counts: dict[tuple[str, str], int] = {}
    previous: str | None = None
    heard_until: int = 0
    last_record: int = 7


class Scene:
    """The tracker, its clock, and what it found."""

    def __init__(self, before: Before | None = None) -> None:
        self.clock = ManualClock()
        self.begun = self.clock.wall()
        self.found: list[Missing] = []
        self.absences = Absences(
            lambda item: item.channel == "trade", self.found.append, self.clock, before=before
        )

    async def pass_s(self, seconds: float) -> None:
        await self.clock.advance(seconds)

    def hold(self, holder: Puppet, *items: Subscription) -> None:
        for item in items:
            self.absences.noted(holder, Subscribed(item))

    def end(self, holder: Puppet) -> None:
        """It ends, and the last frame came just now."""
        holder.heard_until = self.clock.wall()
        self.absences.ended(holder)

    @property
    def spans(self) -> list[tuple[str | None, float, float, str]]:
        """What was found: symbol, from, to (seconds since the beginning, margins off), cause."""
        return [
            (
                each.symbol,
                (each.since + MARGIN_NS - self.begun) / SECOND_NS,
                (each.until - MARGIN_NS - self.begun) / SECOND_NS,
                each.cause,
            )
            for each in self.found
        ]


async def test_an_outage_is_from_the_last_frame_to_the_next_acknowledgement() -> None:
    """Each subscription has its own end; the record that closed the connection is the cause."""
    scene = Scene()
    first, second = Puppet("f-0-1"), Puppet("f-0-2", previous="f-0-1")
    scene.hold(first, A, B, BOOK)
    assert scene.found == []  # nobody promised anything of the time before
    await scene.pass_s(10)
    first.heard_until = scene.clock.wall()
    await scene.pass_s(5)  # it was silent for long before it was given up
    scene.absences.ended(first)
    await scene.pass_s(5)
    scene.hold(second, A)
    await scene.pass_s(1)
    scene.hold(second, B, BOOK)
    assert scene.spans == [
        ("a", 10, 20, "outage f-0-1 r7"),
        ("b", 10, 21, "outage f-0-1 r7"),
    ]
    scene.hold(second, A, B)  # said twice
    assert len(scene.found) == 2


async def test_make_before_break_misses_nothing() -> None:
    """As long as one connection holds it, it is not missing."""
    scene = Scene()
    old, new = Puppet("f-0-1"), Puppet("f-0-2")
    scene.hold(old, A, B)
    scene.hold(new, A)
    await scene.pass_s(3)
    scene.end(old)  # the successor came without b
    await scene.pass_s(3)
    scene.hold(new, B)
    scene.hold(Puppet("f-0-3"), A, B)  # and so does the next successor
    assert scene.spans == [("b", 3, 6, "outage f-0-1 r7")]


async def test_an_outage_over_several_connections_is_one() -> None:
    """A connection that died before it held anything changes nothing."""
    scene = Scene()
    first, second, third = (Puppet(f"f-0-{number}") for number in range(3))
    scene.hold(first, A, B)
    scene.end(first)
    await scene.pass_s(4)
    scene.hold(second, B)
    scene.end(second)
    await scene.pass_s(4)
    scene.hold(third, A)
    assert scene.spans == [("b", 0, 4, "outage f-0-0 r7"), ("a", 0, 8, "outage f-0-0 r7")]


async def test_what_the_venue_ends_is_missing_until_it_is_back() -> None:
    """On the same connection: a resubscription is an outage of one."""
    scene = Scene()
    holder = Puppet("f-0-1")
    scene.hold(holder, A, B)
    await scene.pass_s(2)
    scene.absences.noted(holder, Unsubscribed(A))
    await scene.pass_s(2)
    scene.hold(holder, A)
    assert scene.spans == [("a", 2, 4, "outage f-0-1 r7")]


async def test_what_nobody_wants_is_not_missing() -> None:
    """Wanted again later it begins anew; moved to another connection it is missed meanwhile."""
    scene = Scene()
    one, other = Puppet("f-0-1"), Puppet("f-1-1", wanted=trades("b"))
    scene.hold(one, A, B)
    scene.hold(other, Subscription("trade", "c"))
    await scene.pass_s(2)
    one.wanted = frozenset()
    scene.absences.unwanted(one, {A, B})
    await scene.pass_s(2)
    scene.hold(one, A)
    scene.hold(other, B)
    assert scene.spans == [("b", 2, 4, "outage f-0-1 r7")]


async def test_a_gap_begins_with_the_last_message_that_was_right() -> None:
    """As closely as the looks at the counters know it, and never too late."""
    scene = Scene()
    holder = Puppet("f-0-1")
    scene.hold(holder, A, B)
    for second in range(1, 31):
        await scene.pass_s(1)
        if second in (4, 12):
            holder.counts["trade", "a"] = second
        if second % 5 == 0:
            scene.absences.look()
    scene.absences.noted(holder, Gap("trade", ("a",), "sequence", 3, 5))
    assert scene.spans == [("a", 10, 30, "gap f-0-1 r7")]
    scene.absences.noted(holder, Gap("trade", ("b",), "sequence", 3, 5))
    assert scene.spans[1:] == [("b", 0, 30, "gap f-0-1 r7")]  # it never said anything


@pytest.mark.parametrize("symbols", [("a", "b"), ()])
async def test_one_counter_over_many_was_right_when_any_was_heard(symbols: tuple[str, ...]) -> None:
    """A quiet instrument's last message may be hours old; its neighbour's is not."""
    scene = Scene()
    holder = Puppet("f-0-1")
    scene.hold(holder, A, B)
    for _ in range(4):
        await scene.pass_s(5)
        holder.counts["trade", "a"] = holder.counts.get(("trade", "a"), 0) + 1
        scene.absences.look()
    scene.absences.noted(holder, Gap("trade", symbols, "sequence", 3, 5, "sid 1"))
    assert scene.spans == [("a", 15, 20, "gap f-0-1 r7"), ("b", 15, 20, "gap f-0-1 r7")]
    scene.absences.noted(holder, Gap("book", ("a",), "checksum", 3, 5))
    assert len(scene.found) == 2


@pytest.mark.parametrize("action", ["resubscribe", "reconnect"])
async def test_what_was_frozen_is_missing_since_it_fell_silent(action: str) -> None:
    """The stream was open and said nothing: from there to the acknowledgement that cured it."""
    scene = Scene()
    holder = Puppet("f-0-1")
    scene.hold(holder, A, B)
    await scene.pass_s(100)
    judged = Judged(symbol="a", verdict="frozen", silent_s=60, missed=9, evidence="", action=action)
    scene.absences.judged(holder, msgspec.structs.replace(judged, verdict="quiet"))
    scene.absences.judged(holder, judged)
    await scene.pass_s(1)
    if action == "resubscribe":
        scene.absences.noted(holder, Unsubscribed(A))
        scene.hold(holder, A)
    else:
        successor = Puppet("f-0-2")
        scene.hold(successor, A, B)
        scene.end(holder)
    assert scene.spans == [("a", 40, 101, "gap f-0-1 r7")]


async def test_what_was_frozen_when_its_connection_ended_is_missing_since_then() -> None:
    """The earlier trouble counts: the last frame of the connection was somebody else's."""
    scene = Scene()
    holder, successor = Puppet("f-0-1"), Puppet("f-0-2")
    scene.hold(holder, A, B)
    await scene.pass_s(100)
    scene.absences.judged(
        holder,
        Judged(symbol="a", verdict="frozen", silent_s=60, missed=9, evidence="", action="none"),
    )
    await scene.pass_s(10)
    scene.end(holder)
    await scene.pass_s(1)
    scene.hold(successor, A, B)
    assert scene.spans == [("a", 40, 111, "gap f-0-1 r7"), ("b", 110, 111, "outage f-0-1 r7")]


async def test_a_restart_is_an_outage_too() -> None:
    """Of what its shards come back with, on their first connections; not of what is added later."""
    begun = ManualClock().wall()
    scene = Scene(Before(heard_until=begun - 9 * SECOND_NS, connections=frozenset({"f-0-0"})))
    first = Puppet("f-0-1", previous="f-0-0")
    scene.hold(first, A)
    first.wanted = trades("a", "b", "c")
    scene.hold(first, Subscription("trade", "c"), BOOK)
    other = Puppet("f-1-1", previous=None)
    scene.hold(other, B)
    assert scene.spans == [("a", -9, 0, "outage f-0-0")]
    await scene.pass_s(1)
    scene.end(first)
    second = Puppet("f-0-2", previous="f-0-1")
    scene.hold(second, A, Subscription("trade", "d"))
    assert scene.spans[1:] == [("a", 1, 1, "outage f-0-1 r7")]
