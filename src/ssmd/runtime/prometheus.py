"""Asks a Prometheus what it knows: its HTTP API, as far as we need it."""

import os
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, NoReturn, Self
from urllib.parse import unquote, urlsplit, urlunsplit

import aiohttp
import msgspec

from ssmd import __version__
from ssmd.model.errors import ConfigError, Unavailable
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime.clock import Clock, within
from ssmd.runtime.secrets import Secrets, excerpt, without_credentials

DEFAULT_URL: Final = "http://127.0.0.1:9090"
"""Where a Prometheus listens unless somebody says otherwise."""
_LARGEST: Final = 32 << 20
"""A longer answer is not read to its end, in bytes."""
_SHOWN: Final = 200
"""Characters of an answer that stand in a message."""
_UNITS: Final = {
    "ms": 0.001,
    "s": 1,
    "m": 60,
    "h": 3600,
    "d": 86_400,
    "w": 604_800,
    "y": 31_536_000,
}
_DURATION: Final = re.compile(r"(\d+)(ms|[smhdwy])")


class PrometheusAway(Unavailable):
    """Prometheus gives no usable answer."""

    def __init__(self, url: str, reason: str, *, remedy: str = "") -> None:
        super().__init__(
            f"Prometheus at {url} cannot be used: {reason}.",
            remedy=remedy or "Check PROMETHEUS_URL, and that Prometheus runs there.",
        )
        self.reason = reason


class PrometheusSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where Prometheus is and how we are let in; secrets never show in its repr.

    Attributes:
        url: Its address, with the path it is served under, if any; never credentials.
        user: User name, with `password`.
        password: Password of `user`.
        token: A bearer's token, instead of a user.
        timeout_s: Longest wait for an answer, in seconds.
    """

    url: str = DEFAULT_URL
    user: str | None = None
    password: str | None = None
    token: str | None = None
    timeout_s: float = 10.0

    def __repr__(self) -> str:
        by = "user" if self.user is not None else "token" if self.token is not None else "nobody"
        return f"PrometheusSettings({self.url!r}, let in as {by})"

    __str__ = __repr__


class Series(msgspec.Struct, frozen=True):
    """One series of an instant query's answer.

    Attributes:
        labels: Its labels, with `__name__` where the value is a metric's own.
        value: Its value at the time that was asked about.
    """

    labels: Mapping[str, str]
    value: float


def prometheus_settings(
    url: str | None = None, environ: Mapping[str, str] | None = None
) -> PrometheusSettings:
    """Settings from an address and the `PROMETHEUS_*` variables.

    Args:
        url: Its address, perhaps with `user:password@`; None takes `PROMETHEUS_URL`.
        environ: The environment; this process's own when None.

    Raises:
        ConfigError: The address, or what is to let us in, cannot work.
    """
    source = os.environ if environ is None else environ
    text = url or source.get("PROMETHEUS_URL") or DEFAULT_URL
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        _refuse("its address has an impossible host or port")
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        _refuse("its address is not of the form http://host:port or https://host/path")
    if parts.query or parts.fragment:
        _refuse("its address holds a query or a fragment")
    user = parts.username or source.get("PROMETHEUS_USER") or None
    password = parts.password or source.get("PROMETHEUS_PASSWORD") or None
    token = source.get("PROMETHEUS_TOKEN") or None
    if (user is None) != (password is None):
        _refuse("a user needs a password, and a password its user")
    if user is not None and token is not None:
        _refuse("both a user and a token are given")
    Secrets({"password": unquote(password or ""), "token": token or ""})  # never to be printed
    bare = urlunsplit(
        (parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", "")
    )
    return PrometheusSettings(
        url=bare,
        user=None if user is None else unquote(user),
        password=None if password is None else unquote(password),
        token=token,
    )


class Prometheus:
    """A client of one Prometheus; used as `async with`, or closed.

    Args:
        settings: Where it is and how we are let in.
        clock: Times every question.
    """

    def __init__(self, settings: PrometheusSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def url(self) -> str:
        """Its address, fit for people."""
        return self._settings.url

    async def close(self) -> None:
        """Let go of all sockets."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def check(self) -> None:
        """Make sure that it is there, and is a Prometheus: `/api/v1/status/config`.

        Raises:
            PrometheusAway: It is not, or did not answer in time.
        """
        told = await self._get("status/config", {})
        if not isinstance(told, dict) or "yaml" not in told:
            self._foreign("its status tells of no configuration")

    async def keeps_s(self) -> float | None:
        """How long it keeps what it scraped, in seconds; None when it does not say.

        Raises:
            PrometheusAway: It gives no usable answer.
        """
        told = await self._get("status/runtimeinfo", {})
        text = str(told.get("storageRetention", "")) if isinstance(told, dict) else ""
        found = _DURATION.findall(text.split(" or ")[0])
        return sum(int(count) * _UNITS[unit] for count, unit in found) or None

    async def query(self, expression: str, at: int) -> tuple[Series, ...]:
        """Every series of an expression's value at one moment.

        Args:
            expression: PromQL whose value is an instant vector.
            at: When, ns since the Unix epoch; Prometheus looks back five minutes from there.

        Raises:
            PrometheusAway: It gives no usable answer.
        """
        when = f"{at // SECOND_NS}.{at % SECOND_NS // 1_000_000:03d}"
        told = await self._get("query", {"query": expression, "time": when})
        try:
            answer = msgspec.convert(told, _Vector)
            return tuple(Series(each.metric, float(each.value[1])) for each in answer.result)
        except (msgspec.ValidationError, ValueError):
            self._foreign(f"the answer to {expression} is no instant vector")

    async def _get(self, path: str, parameters: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
        url = f"{self._settings.url}/api/v1/{path}"
        timeout_s = self._settings.timeout_s
        try:
            status, body = await within(self._clock, timeout_s, self._read(url, parameters))
        except TimeoutError:
            self._away(f"no answer within {timeout_s:g} s")
        except (aiohttp.ClientError, OSError) as error:
            self._away(excerpt(_why(error), _SHOWN))
        return self._data(status, body)

    async def _read(self, url: str, parameters: Mapping[str, str]) -> tuple[int, bytes]:
        self._session = self._session or self._open()
        async with self._session.get(url, params=parameters, allow_redirects=False) as answer:
            body = bytearray()
            async for chunk in answer.content.iter_chunked(1 << 16):
                body += chunk
                if len(body) > _LARGEST:
                    self._away(f"its answer is larger than {_LARGEST >> 20} MiB")
            return answer.status, bytes(body)

    def _data(self, status: int, body: bytes) -> Any:  # noqa: ANN401 - JSON is what it is
        """The `data` of an answer; what is none is refused in its own words."""
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            self._away(
                f"it does not let us in (HTTP {status})",
                remedy="Set PROMETHEUS_USER and PROMETHEUS_PASSWORD, or PROMETHEUS_TOKEN.",
            )
        try:
            told = msgspec.json.decode(body, type=_Told)
        except (msgspec.DecodeError, UnicodeDecodeError):
            said = excerpt(body[: _SHOWN * 4].decode(errors="replace"), _SHOWN)
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                self._away(f"HTTP {status}: {said or 'no words'}")
            self._foreign(f"HTTP {status}: {said or 'no words'}")
        if told.status != "success" or status != HTTPStatus.OK:
            self._away(f"HTTP {status}: {excerpt(told.error or 'no words', _SHOWN)}")
        return told.data

    def _open(self) -> aiohttp.ClientSession:
        settings = self._settings
        headers = {"User-Agent": f"ssmd/{__version__}", "Accept": "application/json"}
        if settings.token is not None:
            headers["Authorization"] = f"Bearer {settings.token}"
        if settings.user is not None and settings.password is not None:
            headers["Authorization"] = aiohttp.encode_basic_auth(
                settings.user, settings.password, encoding="utf-8"
            )
        return aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            headers=headers,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    def _foreign(self, said: str) -> NoReturn:
        remedy = "PROMETHEUS_URL must lead to a Prometheus, without `/api/v1` or `/graph`."
        self._away(f"what answers there is no Prometheus ({said})", remedy=remedy)

    def _away(self, reason: str, *, remedy: str = "") -> NoReturn:
        raise PrometheusAway(without_credentials(self.url), reason.rstrip("."), remedy=remedy)


class _Told(msgspec.Struct, frozen=True):
    """What surrounds every answer."""

    status: str
    data: Any = None
    error: str = ""


class _Sample(msgspec.Struct, frozen=True):
    """One series as it is told."""

    metric: dict[str, str]
    value: tuple[float, str]


class _Vector(msgspec.Struct, frozen=True, tag_field="resultType", tag="vector"):
    """An instant vector."""

    result: list[_Sample]


def _why(error: Exception) -> str:
    """What prevented an answer, in the system's words where it has some."""
    cause = getattr(error, "os_error", error)
    number = getattr(cause, "errno", None)
    if isinstance(number, int) and number > 0:
        return os.strerror(number)
    return str(cause) or type(error).__name__


def _refuse(reason: str) -> NoReturn:
    # The text is not quoted: it may hold a password.
    message = f"Prometheus cannot be asked: {reason}."
    raise ConfigError(message, remedy="Correct PROMETHEUS_URL, for example http://127.0.0.1:9090.")
