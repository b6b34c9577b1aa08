"""What was really recorded, as we understand it."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from ssmd.model.event import Control, Data, Event, Gap, Unread
from ssmd.model.frame import Frame, Opcode
from ssmd.model.row import Row
from ssmd.venues.kraken_futures.tables import BookLevel, Ticker, TickerLite, Trade
from tests.venues.kraken_futures.frames import Talk, rows
from tests.venues.kraken_futures.simulating import Product, read, recorded, single_frames


def replay() -> Iterator[tuple[bytes, list[Event]]]:
    """Every recorded frame with what a replaying session says to it."""
    session = Talk(passive=True).session
    for payload in recorded():
        yield payload, list(session.receive(Frame(payload, Opcode.TEXT, 1, 0.0)))


def test_the_gapless_capture_has_no_gap_and_nothing_unread() -> None:
    """Ten products, two counters each, 31 seconds of 2021."""
    labels: Counter[str] = Counter()
    confirmed = 0
    for _, (label, *rest) in replay():
        assert not isinstance(label, Unread)
        assert not any(isinstance(event, Gap) for event in rest)
        confirmed += len(rest)
        labels[label.type if isinstance(label, Data) else getattr(label, "kind", "")] += 1
    assert labels == {
        "book": 7014,
        "ticker_lite": 107,
        "ack": 30,
        "book_snapshot": 10,
        "trade_snapshot": 10,
        "trade": 3,
        "status": 1,
    }
    assert confirmed == 30


def test_a_frame_less_is_a_gap_more() -> None:
    """Every hundredth book message is left out: each is found, and only they are."""
    session = Talk(passive=True).session
    missing = gaps = seen = 0
    last: dict[str, bool] = {}
    for payload in recorded():
        told = read(payload)
        product = str(told.get("product_id"))
        if told.get("feed") == "book":
            seen += 1
            if seen % 100 == 0:
                missing += not last.get(product, False)
                last[product] = True
                continue
            last[product] = False
        events = session.receive(Frame(payload, Opcode.TEXT, 1, 0.0))
        gaps += sum(isinstance(event, Gap) for event in events)
    trailing = sum(last.values())
    assert missing == 70
    assert gaps == missing - trailing


def test_the_rows_of_the_capture_are_its_numbers() -> None:
    """Every row of every message, against a reader that knows nothing of ours."""
    tables: Counter[str] = Counter()
    books: dict[str, Product] = {}
    for payload, (label, *_) in replay():
        if not isinstance(label, Data):
            continue
        decoded = rows(label.type, payload)
        assert decoded.rejects == ()
        told = read(payload)
        books.setdefault(str(told["product_id"]), Product()).hear(told)
        for row in decoded.rows:
            assert (row.extra, row.inexact) == (None, {})
            tables[row.table] += 1
        check(told, decoded.rows)
    assert tables == {"book": 8585, "trade": 1003, "ticker_lite": 107}
    assert all(product.is_sound() for product in books.values())


def check(told: dict[str, object], found: tuple[Row, ...]) -> None:
    """Hold rows against their message."""
    for row in found:
        assert row.symbol == told["product_id"]
    levels = [row for row in found if isinstance(row, BookLevel)]
    trades = [row for row in found if isinstance(row, Trade)]
    if told["feed"] == "book_snapshot":
        theirs = [
            (side, at, each["price"], each["qty"])
            for side, name in (("bid", "bids"), ("ask", "asks"))
            for at, each in enumerate(_items(told[name]))
        ]
        assert [(each.side, each.level, each.price, each.size) for each in levels] == theirs
        assert all(each.is_snapshot and each.seq == told["seq"] for each in levels)
    elif told["feed"] == "book":
        (level,) = levels
        side = {"buy": "bid", "sell": "ask"}[str(told["side"])]
        assert (level.side, level.price, level.size) == (side, told["price"], told["qty"])
        assert (level.seq, level.is_snapshot) == (told["seq"], False)
    elif told["feed"] == "ticker_lite":
        (lite,) = found
        assert isinstance(lite, TickerLite)
        assert (lite.bid, lite.ask, lite.volume) == (told["bid"], told["ask"], told["volume"])
        assert (lite.change, lite.premium) == (told["change"], told["premium"])
    else:
        items = _items(told.get("trades", [told]))
        assert [(t.native_id, t.price, t.size, t.seq) for t in trades] == [
            (each["uid"], each["price"], each["qty"], each["seq"]) for each in items
        ]


def _items(value: object) -> list[dict[str, object]]:
    assert isinstance(value, list)
    return value


def test_frames_of_2026_are_read_to_the_last_digit() -> None:
    """Funding rates in exponent form among them; candles are nobody's."""
    session = Talk(passive=True).session
    tickers: list[Ticker] = []
    unread = 0
    for payload in single_frames():
        (label, *_) = session.receive(Frame(payload, Opcode.TEXT, 1, 0.0))
        unread += isinstance(label, Unread)
        if not isinstance(label, Data):
            continue
        told, decoded = read(payload), rows(label.type, payload)
        assert decoded.rejects == ()
        for row in decoded.rows:
            assert (row.extra, row.inexact) == (None, {})
            tickers += [row] if isinstance(row, Ticker) else []
        if told["feed"] == "ticker":
            (row,) = decoded.rows
            assert isinstance(row, Ticker)
            assert row.relative_funding_rate == told["relative_funding_rate"]
            assert row.funding_rate == told["funding_rate"]
            assert row.mark_price == told["markPrice"]
    assert unread == 1
    assert len(tickers) == 2
    assert {row.relative_funding_rate for row in tickers} == {
        Decimal("2.747066666667e-6"),
        Decimal("0.00001089345"),
    }


def test_control_frames_of_2026_are_talk() -> None:
    """The opening, an acceptance and two alerts."""
    talk = Talk()
    kinds = [
        event.kind
        for payload in single_frames()
        for event in talk.receive(payload)[:1]
        if isinstance(event, Control)
    ]
    assert kinds == ["status", "ack", "error", "error"]
