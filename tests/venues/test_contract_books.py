"""What every venue's books owe: those of the venue, proved only while they are."""

import functools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd import venues
from ssmd.model.booking import BookReader
from ssmd.model.envelope import CONTROL, UNREAD
from ssmd.model.venue import Venue
from tests.venues.booking import Piece, Recorded, Tables, kept, recorded, sides
from tests.venues.test_contract_rows import JSON, envelope

WITH_BOOKS = [name for name in venues.names() if venues.load(name).books is not None]
every_venue = pytest.mark.parametrize("name", WITH_BOOKS)
STEPS = 120
SEEDS = st.integers(1, 3)


@functools.cache
def said(name: str, seed: int) -> Recorded:
    return recorded(venues.load(name), STEPS, seed)


def a_reader(venue: Venue) -> BookReader:
    assert venue.books is not None
    return venue.books()


def read(reader: BookReader, tables: Tables, piece: Piece) -> set[str]:
    changes = reader.read(piece.envelope, piece.rows, rejected=piece.rejected)
    tables.take(changes)
    return {change.symbol for change in changes}


@every_venue
def test_books_are_the_venues_own(name: str) -> None:
    """After every step, level by level; and all of them are proved, also by who reads changes."""
    talk = said(name, 1)
    reader, tables = a_reader(venues.load(name)), Tables()
    compared = 0
    for at, piece in enumerate(talk.pieces):
        read(reader, tables, piece)
        saved = kept(reader) if at in talk.books else {}
        for symbol, book in talk.books.get(at, {}).items():
            assert sides(saved[symbol]) == book == tables.books[symbol]
            assert saved[symbol].ok
            assert tables.ok[symbol]
            compared += 1
    assert compared > STEPS


class Follower:
    """A reader that is given what is left of a conversation, in whatever order.

    Attributes:
        proved: How often a book that was said to be proved was held against the venue's.
    """

    def __init__(self, name: str, talk: Recorded) -> None:
        self.reader = a_reader(venues.load(name))
        self.proved = 0
        self._talk = talk
        self._tables = Tables()
        self._newest: dict[str, int] = {}

    def hear(self, at: int) -> None:
        """One piece: what is said to be proved now is the venue's book after all that was heard."""
        told = self._talk.touched[at]
        for symbol in told:
            self._newest[symbol] = max(at, self._newest.get(symbol, -1))
        changed = read(self.reader, self._tables, self._talk.pieces[at])
        for symbol in told | (changed & self._newest.keys()):
            if not self._tables.ok.get(symbol):
                continue
            truth = self._talk.truth[symbol][self._newest[symbol]]
            if truth is not None:
                assert self._tables.books[symbol] == truth, symbol
                self.proved += 1

    def end(self) -> None:
        """What is put away is what was told."""
        for symbol, saved in kept(self.reader).items():
            assert saved.ok == self._tables.ok.get(symbol, False)
            if saved.ok:
                assert sides(saved) == self._tables.books[symbol]


@every_venue
@given(seed=SEEDS, holes=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 9)), max_size=5))
def test_after_missing_frames_a_book_is_proved_only_if_it_is_right(
    name: str, seed: int, holes: list[tuple[float, int]]
) -> None:
    """Our losses are known: whatever is said to be proved after them is the venue's."""
    talk = said(name, seed)
    gone = {
        round(begin * len(talk.pieces)) + more for begin, length in holes for more in range(length)
    }
    follower = Follower(name, talk)
    for at in range(len(talk.pieces)):
        if at not in gone:
            follower.hear(at)
        elif at + 1 not in gone:
            follower.reader.missed()
    if gone.isdisjoint(range(len(talk.pieces))):
        assert follower.proved > STEPS // 4
        follower.end()


NUMBERED = [name for name in WITH_BOOKS if venues.load(name).numbered]


@pytest.mark.parametrize("name", NUMBERED)
@given(
    seed=SEEDS,
    faults=st.lists(
        st.tuples(
            st.sampled_from(["drop", "repeat", "delay", "snapshot"]),
            st.floats(0, 1),
            st.integers(1, 6),
        ),
        max_size=5,
    ),
)
def test_what_was_lost_repeated_or_reordered_unnoticed_proves_no_wrong_book(
    name: str, seed: int, faults: list[tuple[str, float, int]]
) -> None:
    """Nobody says that something is wrong, but numbers and checksums do."""
    talk = said(name, seed)
    order = list(range(len(talk.pieces)))
    for kind, where, by in faults:
        at = round(where * (len(order) - 1))
        if kind == "snapshot":
            which = talk.snapshots[round(where * (len(talk.snapshots) - 1))]
            order.insert(at, which)
        elif kind == "repeat":
            order.insert(at + by, order[at])
        else:
            gone = order.pop(at)
            if kind == "delay":
                order.insert(at + by, gone)
    follower = Follower(name, talk)
    for at in order:
        follower.hear(at)
    follower.end()


@every_venue
@given(
    seed=SEEDS,
    cuts=st.sets(st.floats(0, 1), max_size=6),
    holes=st.sets(st.floats(0, 1), max_size=2),
)
def test_a_reader_can_be_put_away_anywhere(
    name: str, seed: int, cuts: set[float], holes: set[float]
) -> None:
    """One that is saved and restored again and again says the same as one that never was."""
    talk = said(name, seed)
    venue = venues.load(name)
    whole, cut = a_reader(venue), a_reader(venue)
    missing = {round(hole * len(talk.pieces)) for hole in holes}
    stops = {round(stop * len(talk.pieces)) for stop in cuts}
    for at, piece in enumerate(talk.pieces):
        if at in missing:
            whole.missed()
            cut.missed()
            continue
        if at in stops or at - 1 in missing:
            saved, cut = cut.save(), a_reader(venue)
            cut.restore(saved)
        told = whole.read(piece.envelope, piece.rows, rejected=piece.rejected)
        assert cut.read(piece.envelope, piece.rows, rejected=piece.rejected) == told
    assert kept(cut) == kept(whole)


@every_venue
def test_a_missing_frame_leaves_no_book_proved_until_something_proves_it(name: str) -> None:
    """Neither what is put away nor what is told, though in truth nothing was lost."""
    talk = said(name, 1)
    reader, tables = a_reader(venues.load(name)), Tables()
    for at, piece in enumerate(talk.pieces):
        if at == len(talk.pieces) // 6:
            assert sum(saved.ok for saved in kept(reader).values()) == 3
            reader.missed()
            assert not any(saved.ok for saved in kept(reader).values())
            reader.read(envelope(CONTROL, b""), ())
            assert not any(saved.ok for saved in kept(reader).values())
        changed = read(reader, tables, piece)
        if venues.load(name).numbered and at >= len(talk.pieces) // 6:
            assert all(tables.ok[symbol] for symbol in changed & talk.touched[at])
    last = talk.books[max(talk.books)]
    assert last
    assert all(tables.ok[symbol] for symbol in last)


@every_venue
@given(
    kind=st.sampled_from([CONTROL, UNREAD, "types"]),
    payload=JSON | st.binary(),
    which=st.integers(0, 50),
    number=st.none() | st.integers(-5, 5),
)
def test_a_reader_never_raises(
    name: str, kind: str, payload: bytes, which: int, number: int | None
) -> None:
    """Whatever the bytes and the numbers, in the middle of a conversation."""
    venue, talk = venues.load(name), said(name, 1)
    reader = a_reader(venue)
    for piece in talk.pieces[: which * 2]:
        reader.read(piece.envelope, piece.rows, rejected=piece.rejected)
    types = sorted(venue.types)
    label = types[which % len(types)] if kind == "types" else kind
    symbols = tuple(talk.truth)[:1]
    base = envelope(label, payload, symbols)
    strange = type(base)(
        **{**{f: getattr(base, f) for f in base.__struct_fields__}, "sequence": number}
    )
    decoded = venue.rows(strange)
    reader.read(strange, decoded.rows, rejected=bool(decoded.rejects))
    again = a_reader(venue)
    again.restore(reader.save())
