"""Questions to the API: of another process by its address, or of one in this process."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import httpx2
import msgspec
from starlette.types import ASGIApp

from ssmd.model.errors import ConfigError, SsmdError, Unavailable

_HERE: Final = "http://127.0.0.1"
_TIMEOUT_S: Final = 90.0
_REMEDY: Final = "Is `ssmd api run` or `ssmd up` running there?"

Words = Mapping[str, str | int | float | bool | list[str] | None]
"""Query words; None is left out."""


class Unanswered(SsmdError):
    """The API refused a question: the message and the remedy are its own."""


class Api:
    """Asks an API.

    Args:
        client: Where it is, and with which key.
    """

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def get(self, path: str, words: Words) -> dict[str, Any]:
        """An answer.

        Args:
            path: Of a route, `/v1/...`.
            words: Its query words.

        Raises:
            Unanswered: It refused, and says what to do.
            Unavailable: It does not answer.
        """
        given = {name: value for name, value in words.items() if value is not None}
        try:
            answer = await self._client.get(path, params=given)
        except httpx2.HTTPError as error:
            message = f"The API at {self._client.base_url} does not answer: {error!r}."
            raise Unavailable(message, remedy=_REMEDY) from error
        if answer.is_success:
            return _read(answer.content)
        try:
            told = _read(answer.content)
            raise Unanswered(str(told["detail"]), remedy=str(told["remedy"]))
        except (Unavailable, KeyError) as error:
            message = f"The API answered with {answer.status_code}, and without a reason."
            raise Unavailable(message, remedy=_REMEDY) from error


@contextlib.asynccontextmanager
async def remote(url: str, key: str | None) -> AsyncIterator[Api]:
    """An API somewhere.

    Args:
        url: Its base address.
        key: The key to show; None shows none.

    Raises:
        ConfigError: It is no such address.
    """
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"{url!r} is no address.", remedy="Write http://127.0.0.1:8000.")
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(
        base_url=url, headers=headers, timeout=_TIMEOUT_S, trust_env=False
    ) as client:
        yield Api(client)


@contextlib.asynccontextmanager
async def within(app: ASGIApp) -> AsyncIterator[Api]:
    """An API in this process: the same layers and routes, without a socket."""
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url=_HERE, timeout=None) as client:
        yield Api(client)


def _read(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise Unavailable("The answer is no JSON object.", remedy=_REMEDY) from error
