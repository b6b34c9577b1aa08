"""What is told of every REST request, and to whom: so it is kept like what comes over a socket."""

from typing import Protocol

import msgspec

from ssmd.model.frame import Now


class Asked(msgspec.Struct, frozen=True):
    """Where a request is on record.

    Attributes:
        connection: Id of the REST connection; empty when nobody keeps a record.
        record: Number of the `_sent` record.
    """

    connection: str
    record: int


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one attempt.

    Attributes:
        status: HTTP status; None when there was none.
        body: The whole body; None when it did not come whole.
        received: When its last byte came, or we gave up.
        duration_s: From asking until then, in seconds.
        error: Why there was no whole answer, in one phrase; None when there was one.
        retry_after: What the venue says of when to come back, in its own words.
        location: Where it sends us instead, if it does.
        retryable: Whether another attempt could end otherwise.
        date: What time it is for whoever answered, in its own words; None when it does not say, or
            when the answer was kept somewhere on the way.
    """

    status: int | None
    body: bytes | None
    received: Now
    duration_s: float
    error: str | None = None
    retry_after: str | None = None
    location: str | None = None
    retryable: bool = True
    date: str | None = None


class Recorder(Protocol):
    """Is told of every attempt, so that what was fetched is archived like any frame."""

    async def ready(self) -> None:
        """Wait until what is asked can be kept."""
        ...

    def sent(self, url: str) -> Asked:
        """A request is about to be sent."""
        ...

    def answered(self, asked: Asked, answer: Answer, purpose: str) -> None:
        """It was answered, or given up; called once for every `sent`."""
        ...


class Nobody:
    """Keeps no record. A `Recorder`."""

    async def ready(self) -> None:
        """Nothing is waited for."""

    def sent(self, url: str) -> Asked:
        """It is nowhere on record."""
        return Asked("", 0)

    def answered(self, asked: Asked, answer: Answer, purpose: str) -> None:
        """Nobody listens."""
