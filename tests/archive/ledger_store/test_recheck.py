"""Every frame is heard again: what the records tell of gaps is what the frames show."""

import random
from collections.abc import Sequence

import msgspec
import pytest

from ssmd.archive.ledger.recheck import Recheck, Rechecked, summed
from ssmd.model.envelope import LEDGER, Envelope
from ssmd.model.errors import ConfigError
from ssmd.model.event import Control, Data, Event, Gap, Reconnect, Repaired, Unsubscribed
from ssmd.model.frame import Frame, Now
from ssmd.model.records import GapFound, GapRepaired
from ssmd.model.subscription import Shard, Subscription
from ssmd.model.venue import SessionOptions, Venue
from tests.archive import test_importer
from tests.archive.made import Talk
from tests.tier import SEED


class Scripted(test_importer.Echo):
    """A session whose frames say what it finds in them."""

    def __init__(self, shard: Shard, options: SessionOptions) -> None:
        assert options.passive
        self._heard = 0

    def open(self, now: Now) -> Sequence[Event]:
        """Nothing is asked."""
        return []

    def receive(self, frame: Frame) -> Sequence[Event]:
        """`gap A B`, `snapshot A`, `right A`, `end A`; anything else is a trade."""
        self._heard += 1
        word, *symbols = frame.payload.decode().split()
        named = tuple(symbols)
        if word.startswith("["):
            return [Data("trade", ("A",)), Gap("book", ("A",), "checksum", 1, len(frame.payload))]
        answers: dict[str, Sequence[Event]] = {
            "gap": [Data("book", named), Gap("book", named, "checksum", 1, 2)],
            "snapshot": [Data("book", named), Repaired("book", named, "snapshot")],
            "right": [Data("book", named), Repaired("book", named, "checksum")],
            "end": [Control("ack"), *(Unsubscribed(Subscription("book", s)) for s in named)],
            "hello": [Reconnect("discontinuity"), Control("status")],
        }
        return answers.get(word, [Data("trade", named)])


VENUE: Venue = msgspec.structs.replace(test_importer.VENUE, id="test", session=Scripted)


def load(name: str) -> Venue:
    """The venue that made archives name; no other is known."""
    if name != "test":
        raise ConfigError("There is no such venue.", remedy="None.")
    return VENUE


class Told:
    """A connection with frames that say something, and records that say something else."""

    def __init__(self, source: str | None = None) -> None:
        self.talk = Talk()
        self.said: list[Envelope] = [self.talk.opened(source=source)]

    def frames(self, *words: str) -> "Told":
        """Frames, in order."""
        for word in words:
            ordinal = self.talk.ordinal
            self.talk.ordinal += 1
            self.said.append(self.talk.envelope("book", word.encode(), ordinal=ordinal))
        return self

    def gap(self, ordinal: int, *symbols: str) -> "Told":
        """A gap on record."""
        record = GapFound(
            channel="book", symbols=symbols, kind="checksum", expected=1, found=2, ordinal=ordinal
        )
        self.said.append(self.talk.said(LEDGER, record))
        return self

    def repair(self, ordinal: int, *symbols: str, by: str = "snapshot") -> "Told":
        """A repair on record."""
        record = GapRepaired(channel="book", symbols=symbols, by=by, ordinal=ordinal)
        self.said.append(self.talk.said(LEDGER, record))
        return self

    def heard(self, frames: int | None = None, shuffle: int | None = None) -> Rechecked:
        """What comes of hearing it again."""
        said = [*self.said, self.talk.closed()]
        if shuffle is not None:
            random.Random(shuffle).shuffle(said)
        recheck = Recheck({self.talk.id: self.talk.ordinal if frames is None else frames}, load)
        for envelope in said:
            recheck.watch(envelope)
        return recheck.result()


@pytest.mark.parametrize("seed", range(SEED, SEED + 5))
def test_what_agrees_is_counted_in_whatever_order_it_rests(seed: int) -> None:
    """Bus order is not ordinal order; records may rest before their frames."""
    told = Told().frames("trade A", "gap A", "trade A", "snapshot A").gap(1, "A").repair(3, "A")
    found = told.heard(shuffle=seed)
    assert found == Rechecked(
        connections=1, frames=4, gaps=1, repairs=1, excused={}, left_out={}, problems=[]
    )


def test_a_gap_without_a_record_and_a_record_without_a_gap_are_problems() -> None:
    """Neither may we hide a loss, nor make one up."""
    hidden = Told().frames("trade A", "gap A").heard()
    assert [(p.kind, p.ordinals) for p in hidden.problems] == [("recheck", ((1, 1),))]
    assert "no record tells it" in hidden.problems[0].message
    told = Told().frames("trade A", "trade A").gap(1, "A").repair(1, "A")
    assert ["does not show it" in p.message for p in told.heard().problems] == [True]
    assert told.heard().excused == {"unnamed": 1}
    twice = Told().frames("gap A", "trade A").gap(0, "A").gap(1, "A").heard()
    assert [p.ordinals for p in twice.problems] == [((1, 1),)]


def test_a_frame_that_was_split_is_heard_as_it_came() -> None:
    """Its parts are joined again, in whatever order they rest."""
    told = Told().gap(0, "A")
    whole = [told.talk.envelope("book", part, ordinal=0, part=at, parts=2)
             for at, part in enumerate((b"1", b"2"))]  # fmt: skip
    told.talk.ordinal = 1
    told.said += reversed(whole)
    found = told.heard()
    assert (found.frames, found.gaps, found.problems) == (1, 1, [])


def test_a_broken_book_that_becomes_right_by_itself_is_carried_on() -> None:
    """The live session waits for its snapshot meanwhile, and looks at nothing."""
    told = Told().frames("gap A", "right A", "gap A", "right A", "trade A", "gap A", "snapshot A")
    assert told.gap(0, "A").repair(4, "A").heard().excused == {"carried_on": 4}
    found = told.heard()
    assert [(p.ordinals, "no record" in p.message) for p in found.problems] == [
        (((5, 5),), True),
        (((6, 6),), True),
    ]
    again = Told().frames("gap A", "right A", "gap A", "snapshot A").gap(0, "A").repair(3, "A")
    assert (again.heard().repairs, again.heard().excused) == (1, {"carried_on": 2})
    other = Told().frames("gap A", "right A", "gap B").gap(0, "A").heard()
    assert [p.ordinals for p in other.problems] == [((2, 2),)]


def test_an_import_is_compared_to_the_letter() -> None:
    """Its session was as passive as the one that hears it again."""
    told = Told(source="capture").frames("gap A", "right A", "gap A").gap(0, "A")
    assert [p.ordinals for p in told.heard().problems] == [((1, 1),), ((2, 2),)]
    told = (
        Told(source="capture").frames("gap A", "right A").gap(0, "A").repair(1, "A", by="checksum")
    )
    assert told.heard().problems == []


def test_an_import_is_excused_nothing() -> None:
    """Whom a gap names, and where it shows, is the same for both."""
    unnamed = Told(source="capture").frames("gap A B", "snapshot B").gap(0, "A")
    assert [p.ordinals for p in unnamed.heard().problems] == [((1, 1),)]
    renewed = Told(source="capture").frames("trade A", "end A", "trade A").gap(2, "A")
    assert [p.ordinals for p in renewed.heard().problems] == [((2, 2),)]


def test_the_repair_of_what_only_one_side_named_is_known_to_that_one() -> None:
    """The live session names what is held, the passive one what it saw."""
    told = Told().frames("gap A B", "snapshot A", "snapshot B", "trade C")
    found = told.gap(0, "A", "C").repair(1, "A").repair(3, "C").heard()
    assert (found.gaps, found.repairs, found.excused) == (1, 1, {"unnamed": 2})
    assert found.problems == []
    told = Told().frames("gap A B", "snapshot A", "snapshot B").gap(0, "A", "B").repair(1, "A")
    assert [p.ordinals for p in told.heard().problems] == [((2, 2),)]


def test_the_first_message_after_a_renewal_may_show_a_gap_to_the_live_session() -> None:
    """It compares it with the last before; a replay takes it for the first there ever was."""
    told = Told().frames("trade A", "end A", "trade A", "trade A")
    assert told.gap(2, "A").heard().excused == {"renewed": 1}
    assert [p.ordinals for p in told.gap(3, "A").heard().problems] == [((3, 3),)]


def test_what_cannot_be_compared_is_left_out_and_counted() -> None:
    """Incomplete, of REST, of a venue nobody knows, cut by a damaged file, or begun anew."""
    assert Told().frames("trade A", "hello").heard().left_out == {"begins_anew": 1}
    assert Told().frames("trade A").heard(frames=2).left_out == {"unreadable": 1}
    rest, strange, lacking = Told(), Told(), Told()
    for told, old, new in ((rest, b'"shard":0', b'"shard":"rest"'), (strange, b"test", b"tset")):
        told.said[0] = msgspec.structs.replace(
            told.said[0], payload=told.said[0].payload.replace(old, new)
        )
    assert rest.heard().left_out == {"rest": 1}
    assert strange.heard().left_out == {"unknown_venue": 1}
    recheck = Recheck({}, load)
    for envelope in lacking.frames("gap A").said:
        recheck.watch(envelope)
    assert recheck.result().left_out == {"incomplete": 1}
    both = summed([recheck.result(), Told().frames("gap A").gap(0, "A").heard()])
    assert (both.connections, both.gaps, both.left_out) == (1, 1, {"incomplete": 1})
