"""Asks a venue's REST services: paced, bounded, repeated when that can help, and on record."""

import asyncio
import random
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final, Self
from urllib.parse import quote, urlencode

import aiohttp
import msgspec
from yarl import URL

from ssmd import __version__
from ssmd.model.errors import SsmdError, Unavailable
from ssmd.model.rest import Request, Rest, Service
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime import backoff
from ssmd.runtime.bucket import Bucket
from ssmd.runtime.clock import Clock, within
from ssmd.runtime.recorder import Answer, Asked, Nobody, Recorder
from ssmd.runtime.secrets import excerpt, masked, without_credentials

__all__ = [
    "Answer",
    "Asked",
    "Fetcher",
    "Http",
    "HttpTuning",
    "Recorder",
    "Refused",
    "Unanswered",
    "retry_after_s",
]

_SHOWN: Final = 200
"""Characters of a refusal's body that stand in the message."""
_CHUNK: Final = 64 << 10
_PATH: Final = "/%:@!$&'()*+,;=~"
"""What is left as it is in a path: RFC 3986 section 3.3, and escapes that are there already."""
_AGAIN: Final = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)
"""Below 500, what asking again later can cure."""


class Refused(SsmdError):
    """A REST service answered, and asking again will not change its mind."""

    def __init__(self, url: str, status: int | None, said: str) -> None:
        super().__init__(
            f"GET {url} has no usable answer (status {status}): {said or 'no words'}.",
            remedy="Check the address under `rest` in feed.yaml; the venue may have changed it.",
        )
        self.status = status


class Unanswered(Unavailable):
    """A REST service gave no usable answer, however often it was asked."""

    def __init__(self, url: str, attempts: int, last: str) -> None:
        super().__init__(
            f"GET {url} had no usable answer in {attempts} attempts: {last}.",
            remedy="It is tried again later; check the network and the venue's status page.",
        )


class HttpTuning(msgspec.Struct, frozen=True, kw_only=True):
    """How insistent we are. Durations in seconds.

    Attributes:
        attempts: Most attempts of one request.
        base_s: Ceiling of the first pause before another attempt; it doubles.
        cap_s: Ceiling of every later pause.
        throttled_s: Shortest pause after a 429 that does not say when to come back.
        retry_after_s: A venue that names a longer pause than this is asked again after this.
        max_body_bytes: A longer body is not read to its end.
    """

    attempts: int = 6
    base_s: float = 1.0
    cap_s: float = 60.0
    throttled_s: float = 5.0
    retry_after_s: float = 300.0
    max_body_bytes: int = 64 << 20


class Http:
    """One client for all REST services of a venue; used as `async with`, or closed.

    Args:
        rest: What the venue offers.
        clock: Times everything.
        addresses: Of services, by name, where they differ from the venue's own.
        recorder: Is told of every attempt; None keeps no record.
        tls: Whom to trust; None trusts whom the system trusts.
        tuning: How insistent to be.
        chance: Gives a number in 0..1, for jitter.
    """

    def __init__(
        self,
        rest: Rest,
        *,
        clock: Clock,
        addresses: Mapping[str, str] | None = None,
        recorder: Recorder | None = None,
        tls: ssl.SSLContext | None = None,
        tuning: HttpTuning | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._services = {
            name: msgspec.structs.replace(
                service, base=(addresses or {}).get(name, service.base).rstrip("/")
            )
            for name, service in rest.services.items()
        }
        self._complaint = rest.complaint
        self._clock = clock
        self._recorder: Recorder = recorder or Nobody()
        self._tls = tls
        self._tuning = tuning or HttpTuning()
        self._chance = chance
        self._buckets: dict[str, Bucket] = {}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of all sockets."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def fetcher(self, purpose: str) -> "Fetcher":
        """What fetches requests for one purpose (`discovery`, `witness`)."""
        return Fetcher(self, purpose)

    async def fetch(
        self,
        request: Request,
        purpose: str,
        asked: Callable[[Asked], None] = lambda _: None,
        *,
        patient: bool = False,
    ) -> bytes:
        """The body of the answer, after as many attempts as are sensible.

        Args:
            request: What is asked for.
            purpose: What for, as it is recorded.
            asked: Told where every attempt is on record.
            patient: Let everybody else go first, who asks the same service.

        Raises:
            Refused: Asking again would not help.
            Unanswered: All attempts failed.
        """
        service = self._services[request.service]
        bucket = self._bucket(service)
        url = _url(service.base, request)
        shown = masked(without_credentials(url))
        last = ""
        for attempt in range(self._tuning.attempts):
            if patient:
                await self._give_way(bucket, request.cost)
            await self._turn(bucket, request.cost)
            answer = await self._attempt(url, service.timeout_s, purpose, asked)
            last = self._trouble(answer, shown)
            if not last and answer.body is not None:
                return answer.body
            if attempt + 1 < self._tuning.attempts:
                await self._pause(answer, attempt, bucket)
        raise Unanswered(shown, self._tuning.attempts, last)

    async def _give_way(self, bucket: Bucket, cost: float) -> None:
        """Wait until nobody else waits."""
        while wait_s := bucket.spare_s(cost, self._clock.mono()):
            await self._clock.sleep(wait_s)

    async def _turn(self, bucket: Bucket, cost: float) -> None:
        """Wait until we may ask, and what is asked can be kept."""
        turn = bucket.take(cost, self._clock.mono())
        await self._recorder.ready()
        while wait_s := bucket.wait_s(turn, self._clock.mono()):  # it may be shut meanwhile
            await self._clock.sleep(wait_s)
            await self._recorder.ready()

    def _trouble(self, answer: Answer, shown: str) -> str:
        """Why another attempt is needed; empty when none is.

        Raises:
            Refused: None would help.
        """
        status, body = answer.status, answer.body
        if status is None or body is None:
            if not answer.retryable:
                raise Refused(shown, status, answer.error or "")
            return answer.error or "no answer"
        said = excerpt(body[: _SHOWN * 4].decode(errors="replace"), _SHOWN)
        if status in _AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return f"status {status}: {said}" if said else f"status {status}"
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            if answer.location is not None:
                said = f"it redirects to {answer.location}, and redirects are not followed"
            raise Refused(shown, status, said)
        complaint = self._complaint(body)
        if complaint is None:
            return ""
        if not complaint.retryable:
            raise Refused(shown, status, excerpt(complaint.reason, _SHOWN))
        return excerpt(complaint.reason, _SHOWN)

    async def _pause(self, answer: Answer, attempt: int, bucket: Bucket) -> None:
        """Leave the service alone after a failed attempt: all of us, if it asked for that."""
        tuning = self._tuning
        pause_s = backoff.delay(attempt, tuning.base_s, tuning.cap_s, self._chance())
        asked_s = retry_after_s(answer.retry_after, answer.received.wall)
        if asked_s is not None:  # the jitter on top: they are not to come back all at once
            bucket.shut(pause_s + min(asked_s, tuning.retry_after_s), self._clock.mono())
        elif answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            bucket.shut(max(pause_s, tuning.throttled_s), self._clock.mono())
        else:
            await self._clock.sleep(pause_s)

    async def _attempt(
        self, url: str, timeout_s: float, purpose: str, asked: Callable[[Asked], None]
    ) -> Answer:
        """Ask once; whatever comes of it is told to the recorder."""
        began = self._clock.mono()
        where = self._recorder.sent(masked(url))
        asked(where)
        reading = _Reading(self._tuning.max_body_bytes)
        error: str | None = "interrupted"
        try:
            error = await self._read(url, timeout_s, reading)
        finally:
            now = self._clock.now()
            answer = Answer(
                status=reading.status,
                body=None if error else bytes(reading.body),
                received=now,
                duration_s=round(now.mono - began, 6),
                error=error,
                retry_after=reading.headers.get("Retry-After"),
                location=_elsewhere(reading.headers.get("Location")),
                retryable=len(reading.body) <= reading.most,
                date=None if "Age" in reading.headers else reading.headers.get("Date"),
            )
            self._recorder.answered(where, answer, purpose)
        return answer

    async def _read(self, url: str, timeout_s: float, reading: "_Reading") -> str | None:
        """Read an answer; gives what prevented it."""
        try:
            await within(self._clock, timeout_s, self._get(url, reading))
        except TimeoutError:
            return f"no whole answer within {timeout_s:g} s"
        except _TooLarge:
            return f"the body is larger than {self._tuning.max_body_bytes} bytes"
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError) as error:
            return excerpt(f"{type(error).__name__}: {error}", _SHOWN)
        return None

    async def _get(self, url: str, reading: "_Reading") -> None:
        self._session = self._session or self._open()
        async with self._session.get(URL(url, encoded=True), allow_redirects=False) as answer:
            reading.status = answer.status
            reading.headers = answer.headers
            async for chunk in answer.content.iter_chunked(_CHUNK):
                reading.body += chunk
                if len(reading.body) > reading.most:
                    raise _TooLarge

    def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._tls or True, limit_per_host=4),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            headers={"User-Agent": f"ssmd/{__version__}", "Accept": "application/json"},
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    def _bucket(self, service: Service) -> Bucket:
        bucket = self._buckets.get(service.base)
        if bucket is None:
            bucket = self._buckets[service.base] = Bucket(
                service.tokens_per_second, service.burst, self._clock.mono()
            )
        return bucket


class Fetcher:
    """Fetches for one purpose, and remembers where that is on record. A `Fetch`.

    Attributes:
        asked: Every attempt so far.
    """

    def __init__(self, http: Http, purpose: str) -> None:
        self.asked: list[Asked] = []
        self._http = http
        self._purpose = purpose

    async def __call__(self, request: Request) -> bytes:
        """The body of the answer; raises as `Http.fetch` does."""
        return await self._http.fetch(request, self._purpose, self.asked.append)


class _TooLarge(Exception):
    """A body beyond the bound."""


class _Reading:
    """What came of an answer so far."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.status: int | None = None
        self.headers: Mapping[str, str] = {}
        self.body = bytearray()


def retry_after_s(text: str | None, wall: int) -> float | None:
    """How long a `Retry-After` header asks us to wait, in seconds; None when it does not say.

    Args:
        text: The header: seconds, or a date (RFC 9110 section 10.2.3).
        wall: What time it is, ns since the Unix epoch.
    """
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(0.0, aware.timestamp() - wall / SECOND_NS)


def _url(base: str, request: Request) -> str:
    query = urlencode(request.query, quote_via=quote)
    return f"{base}{quote(request.path, safe=_PATH)}" + (f"?{query}" if query else "")


def _elsewhere(location: str | None) -> str | None:
    """Whither a redirect leads, without what may be secret in it."""
    if location is None:
        return None
    try:
        return without_credentials(location)[:_SHOWN]
    except ValueError:
        return "no valid address"
