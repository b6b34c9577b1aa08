"""Books rebuilt from rows, held against the venue's own at its checkpoints."""

from pathlib import Path

from ssmd import venues
from ssmd.model import records
from ssmd.model.envelope import LEDGER, Envelope
from ssmd.model.frame import Now, Opcode
from ssmd.model.simulated import BookState, SimulatedSocket, SimulationOptions
from ssmd.model.timestamp import SECOND_NS
from ssmd.sim import checkpoints
from ssmd.sim.checkpoints import Checkpoint, Checkpoints
from ssmd.sim.storm import books
from ssmd.sim.storm.books import Compared

VENUE = venues.load("kraken")
START = 1_800_000_000 * SECOND_NS
WHO = "kraken-0-one"
PAIR = "BTC/USD"
SUBSCRIBE = (
    b'{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD","ETH/USD"],"depth":10}}'
)


def frame(ordinal: int, payload: bytes) -> Envelope:
    kind = "book" if b'"channel":"book","type"' in payload else "_control"
    return Envelope(
        "kraken", None, kind, (), WHO, ordinal, None, 0, 1, Opcode.TEXT, None, None, START, payload
    )


def gap(number: int, record: records.LedgerRecord) -> Envelope:
    payload = records.encode(record)
    return Envelope(
        "kraken", None, LEDGER, (), WHO, None, number, 0, 1, Opcode.TEXT, None, None, START, payload
    )


def recorded(directory: Path, seconds: float = 4.0) -> list[Envelope]:
    """What a market says in some seconds, and its checkpoints in the ledger, half a second apart."""
    assert VENUE.simulated is not None
    market = VENUE.simulated(SimulationOptions(seed=3, rate=200, symbols=(PAIR, "ETH/USD")))
    socket: SimulatedSocket = market.connect()
    writer = Checkpoints(directory, 0, 0.5)
    frames: list[Envelope] = []

    def heard(now: Now, *, asks: bytes = b"") -> None:
        for each in socket.receive(asks, now) if asks else socket.tick(now):
            frames.append(frame(len(frames), each.payload))

    frames.extend(frame(at, e.payload) for at, e in enumerate(socket.open(Now(START, 0.0))))
    heard(Now(START, 0.0), asks=SUBSCRIBE)
    for step in range(round(seconds * 100)):
        now = Now(START + step * SECOND_NS // 100, step / 100)
        market.advance(now)
        heard(now)
        writer.look(socket, len(frames), now)
    return frames


def compared(directory: Path, envelopes: list[Envelope]) -> Compared:
    return books.compare(VENUE, checkpoints.read(directory), {0: WHO}, envelopes)


def test_a_reader_of_the_archive_has_the_venues_books(tmp_path: Path) -> None:
    """Every level of every book at every checkpoint, whatever order the archive has."""
    frames = recorded(tmp_path)
    result = compared(tmp_path, frames[::-1])
    assert result.problems == []
    assert (result.compared, result.excused) == (2 * 7, 0)


def test_a_message_that_lacks_changes_the_book(tmp_path: Path) -> None:
    """The frames after it are numbered as if it had never been said: as a venue's gap is."""
    frames = recorded(tmp_path)
    known = checkpoints.read(tmp_path)[0]
    updates = [
        each for each in frames[: known[3].emitted] if b'"channel":"book"' in each.payload
    ]  # the last one before a checkpoint: nothing has made its levels good again
    gone = updates[-1].ordinal or 0
    kept = [*frames[:gone], *(frame(n, e.payload) for n, e in enumerate(frames[gone + 1 :], gone))]
    shifted = {
        0: [Checkpoint(each.emitted - (each.emitted > gone), each.ts, each.books) for each in known]
    }
    bare = books.compare(VENUE, shifted, {0: WHO}, kept)
    assert bare.problems
    assert "differs from the venue's, and no gap says so" in bare.problems[0]
    concerned = (VENUE.rows(updates[-1]).rows[0].symbol or "",)
    told = gap(
        1,
        records.GapFound(
            channel="book", symbols=concerned, kind="checksum", expected=1, found=2, ordinal=gone
        ),
    )
    excused = books.compare(VENUE, shifted, {0: WHO}, [*kept, told])
    assert excused.problems == []
    assert excused.excused == len(bare.problems)
    healed = gap(
        2, records.GapRepaired(channel="book", symbols=concerned, by="snapshot", ordinal=gone + 1)
    )
    again = books.compare(VENUE, shifted, {0: WHO}, [*kept, told, healed])
    assert again.problems, "after its repair a book must be right"


def test_what_is_not_archived_is_not_compared(tmp_path: Path) -> None:
    """From the first frame that lacks: outages and losses are judged elsewhere."""
    frames = recorded(tmp_path)
    half = len(frames) // 2
    result = compared(tmp_path, [*frames[:half], *frames[half + 1 :]])
    assert result.problems == []
    assert 0 < result.compared < 14


def test_a_torn_last_line_is_no_checkpoint(tmp_path: Path) -> None:
    """A simulator that is killed leaves half a line."""
    recorded(tmp_path)
    whole = checkpoints.read(tmp_path)
    with (tmp_path / "books-0.jsonl").open("ab") as file:
        file.write(b'{"emitted":')
    assert checkpoints.read(tmp_path) == whole
    assert all(isinstance(book, BookState) for each in whole[0] for book in each.books)
