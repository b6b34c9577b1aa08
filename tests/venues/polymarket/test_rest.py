"""The services, their complaints, and what bears witness to a book."""

import json

import pytest

from ssmd.model.rest import Complaint
from ssmd.venues.polymarket import VENUE
from tests.venues.polymarket.frames import YES, levels
from tests.venues.polymarket.recordings import body

MARKET = frozenset({"market"})


def digest(said: bytes) -> bytes:
    witness = VENUE.rest.witness(YES, MARKET, "n")
    assert witness is not None
    next(witness)
    with pytest.raises(StopIteration) as done:
        witness.send(said)
    value = done.value.value
    assert isinstance(value, bytes)
    return value


def clob(**fields: object) -> bytes:
    whole: dict[str, object] = {
        "market": "0x1",
        "asset_id": YES,
        "timestamp": "1778997825875",
        "hash": "17",
        "bids": levels(("0.1", "5"), ("0.2", "7")),
        "asks": levels(("0.9", "5")),
        **fields,
    }
    return json.dumps(whole).encode()


def test_the_services_are_asked_far_below_their_limits() -> None:
    """500 listings of events, 9,000 books and 200 trades in ten seconds are allowed."""
    services = VENUE.rest.services
    assert set(services) == {"main", "clob", "data"}
    assert services["main"].tokens_per_second * 10 <= 500 / 5
    assert services["clob"].tokens_per_second * 10 <= 9000 / 5
    assert services["data"].tokens_per_second * 10 <= 200 / 5
    assert all(not service.base.endswith("/") for service in services.values())


def test_the_witness_asks_for_the_book_past_every_cache() -> None:
    """The nonce is new each time."""
    witness = VENUE.rest.witness(YES, MARKET, "n-7")
    assert witness is not None
    request = next(witness)
    assert (request.service, request.path) == ("clob", "/book")
    assert request.query == (("token_id", YES), ("nonce", "n-7"))
    assert VENUE.rest.witness(YES, frozenset(), "n") is None


def test_a_book_that_stands_still_has_one_digest() -> None:
    """Its time and the figure that counts the time do not matter, nor the order."""
    still = digest(clob())
    assert digest(clob(timestamp="1778997900000", hash="18")) == still
    assert digest(clob(bids=levels(("0.2", "7"), ("0.1", "5")))) == still
    assert digest(clob(bids=levels(("0.1", "5")))) != still
    assert digest(clob(bids=levels(("0.1", "5"), ("0.2", "8")))) != still
    assert digest(clob(bids=clob_asks(), asks=levels(("0.1", "5"), ("0.2", "7")))) != still
    assert digest(clob(bids=[], asks=[])) != still
    one, other = levels(("0.1", "5")), levels(("0.9", "5"))
    assert digest(clob(bids=[*one, *other], asks=[])) != digest(clob(bids=one, asks=other))


def clob_asks() -> list[dict[str, str]]:
    return levels(("0.9", "5"))


def test_recorded_books_bear_witness() -> None:
    """Ten books, ten states."""
    books = json.loads(body("fed-june-825-clob-books.json"))
    digests = {digest(json.dumps(book).encode()) for book in books}
    assert len(digests) == len(books) == 10


@pytest.mark.parametrize("said", [b"", b"[]", b"{}", b'{"bids":[],"asks":7}', b'{"bids":[7]}'])
def test_a_body_that_is_no_book_proves_nothing(said: bytes) -> None:
    """It is an error, not an empty book."""
    witness = VENUE.rest.witness(YES, MARKET, "n")
    assert witness is not None
    next(witness)
    with pytest.raises(ValueError, match=r"book|JSON"):
        witness.send(said)


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        (b"[]", None),
        (b'{"bids":[],"asks":[]}', None),
        (b'{"error":null}', None),
        (b'{"error":7}', None),
        (b"{", None),
        (b'{"error":"Invalid token id"}', Complaint("Invalid token id", retryable=False)),
        (
            b' {"error":"Rate limit exceeded"}',
            Complaint("Rate limit exceeded", retryable=True),
        ),
    ],
)
def test_an_error_instead_of_an_answer_is_heard(said: bytes, complaint: Complaint | None) -> None:
    """Whether asking again can help is in its words."""
    assert VENUE.rest.complaint(said) == complaint
