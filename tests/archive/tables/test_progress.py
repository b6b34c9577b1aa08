"""A tail that is asked for again goes on where it was, and tells what it would from the start."""

import random
import zlib
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest

from ssmd import venues
from ssmd.archive import line
from ssmd.archive.store.local import LocalStore
from ssmd.archive.tables import build, reading
from ssmd.archive.tables.progress import Kept
from ssmd.model.booking import BookChange, BookLevelChange, BookSaved
from ssmd.model.envelope import Envelope
from ssmd.model.errors import Damaged
from ssmd.model.records import GapFound, GapRepaired
from ssmd.model.row import Row
from ssmd.model.timestamp import SECOND_NS
from tests.archive import made
from tests.archive.made import sent
from tests.archive.tables.made import FEED, START, Talk, compact, record, table, values
from tests.archive.tables.test_repeats import in_time, twin
from tests.tier import SEED, scale

BTC, ETH = "BTC/USD", "ETH/USD"
Wish = tuple[str, tuple[str, ...] | None]
WISHES: Sequence[Wish] = [
    ("trades", None),
    ("quotes", None),
    ("quotes", (BTC,)),
    ("native/trade", (ETH,)),
    ("native/instrument", None),
    ("book", None),
]


def tell(
    root: Path, name: str, symbols: Sequence[str] | None = None, kept: Kept | None = None
) -> pa.Table:
    """What is told of everything unbuilt, of one table."""
    store = LocalStore(root)
    unbuilt = reading.contents(store, [FEED]).unbuilt
    return reading.tell(store, unbuilt, [name], symbols, kept=kept)[name]


def book(talk: Talk, price: int, symbol: str, *, again: bool) -> Envelope:
    """A book of one level, whole or changed."""
    levels = [{"price": price, "qty": 1}]
    data = [{"symbol": symbol, "bids": levels, "asks": [], "checksum": 0}]
    kind = "snapshot" if again else "update"
    return talk.frame("book", {"channel": "book", "type": kind, "data": data}, symbol)


def saying(talk: Talk, rng: random.Random) -> Iterator[Envelope]:
    """Whatever a connection can say, for two slots."""
    yield talk.opened()
    for number in range(75):
        talk.ts = START + number * 24 * SECOND_NS + talk.shard * 1_000_000
        symbol = rng.choice((BTC, ETH))
        match rng.randrange(12):
            case 0:
                yield book(talk, number, symbol, again=True)
            case 1:
                yield talk.ledger(
                    GapFound(
                        channel="book", symbols=(symbol,), kind="checksum", expected=1, found=2,
                        ordinal=talk.ordinal - 1,
                    )
                )  # fmt: skip
            case 2:
                other = ETH if symbol == BTC else BTC
                yield book(talk, number, other, again=True)
                yield talk.ledger(
                    GapRepaired(
                        channel="book", symbols=(BTC, ETH), by="x", ordinal=talk.ordinal - 1
                    )
                )
            case 3 | 4 | 5:
                yield book(talk, number, symbol, again=False)
            case 6 | 7:
                yield talk.trades(number % 40, number, symbol=symbol, again=rng.random() < 0.2)
            case 8:
                yield talk.heartbeat()
            case 9:
                whole = talk.ticker(number, symbol)
                pieces = [msgspec.structs.replace(whole, part=part, parts=3) for part in range(3)]
                yield from pieces[: rng.choice((3, 3, 2))]
            case _:
                yield talk.ticker(number, symbol, again=rng.random() < 0.1)
    yield talk.closed() if rng.random() < 0.3 else talk.heartbeat()


def disordered(rng: random.Random) -> list[Envelope]:
    """Twins, and a third without a rival; some of it late, some of it twice."""
    said = in_time(*(list(saying(Talk(shard), rng)) for shard in range(3)))
    for _ in range(12):
        at = rng.randrange(len(said))
        late = said.pop(at)
        said.insert(min(len(said), at + rng.choice((1, 4, 40))), late)
    for at in sorted(rng.sample(range(len(said)), 5), reverse=True):
        said.insert(at + rng.choice((1, 30)), said[at])
    return said


class Order:
    """Books that tell in which order messages were read, and before which of them some were missed."""

    def __init__(self) -> None:
        self._state = 0

    def read(
        self, envelope: Envelope, rows: Sequence[Row], *, rejected: bool = False
    ) -> Sequence[BookChange]:
        self._add(envelope.ordinal, envelope.part, len(rows), rejected)
        level = BookLevelChange("bid", Decimal(self._state), Decimal(1))
        return (BookChange(symbol=BTC, levels=(level,), ok=True),)

    def missed(self) -> None:
        self._add("missed")

    def save(self) -> Sequence[BookSaved]:
        aux = str(self._state)
        return (BookSaved(symbol=BTC, depth=None, ok=True, aux=aux, bids=(), asks=()),)

    def restore(self, saved: Sequence[BookSaved]) -> None:
        self._state = int(saved[0].aux)

    def _add(self, *what: object) -> None:
        self._state = zlib.crc32(repr((self._state, what)).encode())


@pytest.fixture
def in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The venue's books are such, that a reader of real ones is not lucky."""
    venue = msgspec.structs.replace(venues.load(FEED), books=Order)
    monkeypatch.setattr(venues, "load", lambda _: venue)
    monkeypatch.setattr(build, "load", lambda _: venue)


@pytest.mark.usefixtures("in_order")
@pytest.mark.parametrize("seed", range(SEED, SEED + scale(gate=2, full=40)))
def test_who_asks_again_is_told_what_is_told_from_the_start(tmp_path: Path, seed: int) -> None:
    """At every moment, flags included: while it grows, when it is sealed, when some of it is built."""
    rng = random.Random(seed)
    said, kept = disordered(rng), Kept()
    writer = made.archive(tmp_path, frame_bytes=rng.choice((1024, 4 << 20)))
    at = 0
    while at < len(said):
        size = rng.choice((1, 30, 90))
        writer.append(sent(said[at : at + size], at))
        writer.commit()
        at += size
        if rng.random() < 0.1:
            writer.seal_all()
        if rng.random() < 0.1:
            compact(tmp_path)
        for name, symbols in rng.sample(WISHES, 3):
            told = tell(tmp_path, name, symbols, kept)
            assert told.equals(tell(tmp_path, name, symbols)), (name, symbols, at)
    writer.close()


@pytest.mark.parametrize("seed", range(SEED, SEED + scale(gate=3, full=40)))
def test_every_table_alone_is_told_as_it_is_built(tmp_path: Path, seed: int) -> None:
    """What is passed over unread changes nothing: neither rows nor which of them are repeats."""
    rng = random.Random(seed)
    record(tmp_path, disordered(rng))
    told = {wish: tell(tmp_path, *wish) for wish in WISHES}
    compact(tmp_path)
    contents = reading.contents(LocalStore(tmp_path), [FEED])
    repeats = 0
    for (name, symbols), rows in told.items():
        if not contents.files(name):
            assert rows.num_rows == 0
            continue
        built = table(tmp_path, name)
        if symbols is not None:
            built = built.filter(pa.compute.field("symbol").isin(symbols))
        assert rows.equals(built), (name, symbols)
        repeats += values(rows, "is_repeat").count((True,))
    assert repeats


def test_a_state_of_another_table_decides_who_counts(tmp_path: Path) -> None:
    """The second of twins is entered when its book is whole, though only quotes are asked for."""
    first, second = Talk(0), Talk(1)
    said = [first.opened(), first.ticker(0, again=True), second.opened()]
    for number in range(1, 40):
        first.ts = second.ts = START + number * SECOND_NS
        said += [first.ticker(number), second.ticker(number, again=number == 5)]
        if number == 9:
            said.append(book(second, number, BTC, again=True))
        if number == 3:
            said.append(first.gap())
    record(tmp_path, said)
    told = tell(tmp_path, "quotes")
    compact(tmp_path)
    assert told.equals(table(tmp_path, "quotes"))


@pytest.mark.usefixtures("in_order")
def test_what_comes_too_late_is_read_in_its_place(tmp_path: Path) -> None:
    """Frame 2 comes after 3 was told: books are read from the start, in the right order."""
    said, kept = twin(0, range(6)), Kept()
    writer = made.archive(tmp_path)
    for at, part in enumerate((said[:3], [said[4]], [said[3], said[5]], [said[6]])):
        writer.append(sent(part, at * 10))
        writer.commit()
        told = tell(tmp_path, "book", None, kept)
        assert told.equals(tell(tmp_path, "book"))
    writer.close()
    assert values(tell(tmp_path, "book", None, kept), "ordinal") == [
        (number,) for number in range(6)
    ]


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The types of what is decoded from now on."""
    decoded: list[str] = []
    decode = line.decode

    def told(text: bytes, feed: str) -> Envelope:
        found = decode(text, feed)
        decoded.append(found.type)
        return found

    monkeypatch.setattr(line, "decode", told)
    return decoded


def test_nothing_is_decoded_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks again pays for what is new, not for the quarter of an hour."""
    decoded = counted(monkeypatch)
    said, kept = in_time(twin(0, range(60)), twin(1, range(60))), Kept()
    writer = made.archive(tmp_path, frame_bytes=1024)
    for at in range(0, len(said), 10):
        writer.append(sent(said[at : at + 10], at))
        writer.commit()
        decoded.clear()
        for name in ("quotes", "book"):
            tell(tmp_path, name, kept=kept)
            new = [each.type for each in said[at : at + 10]]
            assert decoded.count("ticker") == new.count("ticker")
            decoded.clear()
    writer.seal_all()
    tell(tmp_path, "quotes", kept=kept)
    assert decoded == [], "what is sealed is what was open"
    writer.close()


def test_of_other_types_nothing_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a thousand quotes none is looked at for the sake of five trades."""
    decoded = counted(monkeypatch)
    talk = Talk(3)
    record(tmp_path, [*twin(0, range(80)), *(talk.trades(number) for number in range(5))])
    assert tell(tmp_path, "trades").num_rows == 5
    assert decoded.count("trade") == 5
    assert decoded.count("ticker") == 1, "the state that the connection begins with"


def test_what_is_not_what_was_read_is_told_anew(tmp_path: Path) -> None:
    """Another file in its place, though longer, or one that is cut off."""
    kept, other = Kept(), tmp_path / "other"
    for root, ticks in ((tmp_path, range(40)), (other, range(100, 160))):
        writer = made.archive(root)
        writer.append(sent(twin(0, ticks)))
        writer.commit()
        writer.close()
    (there,) = (tmp_path / "raw").rglob("*.open")
    (foreign,) = (other / "raw").rglob("*.open")
    assert tell(tmp_path, "quotes", kept=kept).num_rows == 40
    mine = there.read_bytes()
    there.write_bytes(foreign.read_bytes())
    assert min(values(tell(tmp_path, "quotes", kept=kept), "bid")) == (100,)
    there.write_bytes(mine)
    assert tell(tmp_path, "quotes", kept=kept).num_rows == 40


def test_what_takes_too_much_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: it is told from the start then, and what is small is kept all the same."""
    record(tmp_path, in_time(twin(0, range(60)), twin(1, range(60))))
    kept = Kept(most=100)
    assert tell(tmp_path, "trades", kept=kept).num_rows == 0
    assert tell(tmp_path, "quotes", kept=kept).equals(tell(tmp_path, "quotes"))
    assert tell(tmp_path, "quotes", kept=kept).num_rows == 120
    assert kept.size == 0
    decoded = counted(monkeypatch)
    assert tell(tmp_path, "trades", kept=kept).num_rows == 0
    assert decoded == []


def test_a_segment_that_lacks_what_its_manifest_tells_is_damaged(tmp_path: Path) -> None:
    """A copy that ends too early is no segment with fewer rows."""
    record(tmp_path, twin(0, range(60)))
    other = tmp_path / "other"
    record(other, twin(0, range(40)))
    (sealed,) = (tmp_path / "raw").rglob("*.zst")
    (shorter,) = (other / "raw").rglob("*.zst")
    sealed.write_bytes(shorter.read_bytes())
    with pytest.raises(Damaged, match="not there"):
        tell(tmp_path, "quotes")
