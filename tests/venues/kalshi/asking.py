"""What the tests of REST share: a driver without a network, and the recorded bodies."""

import gzip
import json
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from ssmd.model.instrument import Instrument
from ssmd.model.rest import Page, Request
from tests.shared import shared

Answers = Callable[[Request], object]
T = TypeVar("T")


def body(name: str) -> Any:  # noqa: ANN401 - JSON
    """A recorded body, out of the wrapper that some of them have."""
    path = shared(f"data/kalshi/rest/{name}")
    text = path.read_bytes()
    told = json.loads(gzip.decompress(text) if path.suffix == ".gz" else text)
    return told["response"] if isinstance(told, dict) and "_metadata" in told else told


def drive(
    asking: Generator[Request | Page, bytes, T] | Generator[Request, bytes, T], answers: Answers
) -> tuple[list[Request], list[Page], T]:
    """Runs a generator to its end; answers that are not bytes are sent as JSON."""
    requests: list[Request] = []
    pages: list[Page] = []
    sent: bytes | None = None
    while True:
        try:
            asked = asking.send(sent) if sent is not None else next(asking)
        except StopIteration as end:
            return requests, pages, end.value
        if isinstance(asked, Page):
            pages.append(asked)
            sent = b""
            continue
        requests.append(asked)
        answer = answers(asked)
        sent = answer if isinstance(answer, bytes) else json.dumps(answer).encode()


def listed(pages: list[Page]) -> list[Instrument]:
    """All instruments of all pages."""
    return [one for page in pages for one in page.instruments]


def rejected(pages: list[Page]) -> list[str]:
    """All rejects of all pages."""
    return [str(reject) for page in pages for reject in page.rejects]


def asked(request: Request) -> dict[str, str]:
    """The parameters of a request."""
    return dict(request.query)
