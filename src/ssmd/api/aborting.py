"""Ending a connection at once: for a reader that takes nothing, not even an end."""

from collections.abc import MutableMapping
from typing import Any, Final

from starlette.types import Scope

_ABORT: Final = "ssmd.abort"


def offer(scope: MutableMapping[str, Any], transport: Any) -> None:  # noqa: ANN401 - as asyncio has it
    """Let whoever answers a request end its connection; told by the server."""
    scope[_ABORT] = transport.abort


def abort(scope: Scope) -> bool:
    """End the connection of a request, whatever waits to be sent; False when there is none to end."""
    found = scope.get(_ABORT)
    if found is None:
        return False
    found()
    return True
