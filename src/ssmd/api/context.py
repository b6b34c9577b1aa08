"""What all routes of one application share: made once, at first use, and ended with it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar, runtime_checkable

from fastapi import Depends
from starlette.requests import HTTPConnection

from ssmd.api.callers import Doorkeeper, NoKeys
from ssmd.api.work import Work
from ssmd.archive import layout
from ssmd.archive.claim import owner_of
from ssmd.bus.settings import BusSettings
from ssmd.feeds.api import ApiConfig
from ssmd.runtime.clock import Clock

T = TypeVar("T")


@runtime_checkable
class Closes(Protocol):
    """What wants to be ended with the application."""

    async def aclose(self) -> None:
        """End."""


class Context:
    """What an application serves, and how.

    Args:
        root: The archive; it need not be there yet.
        config: Bounds and addresses.
        clock: What time it is.
        doorkeeper: Who lets callers in.
        bus: Where live messages come from; None asks whoever records into the archive.

    Attributes:
        root: The archive.
        config: Bounds and addresses.
        clock: What time it is.
        doorkeeper: Who lets callers in.
        work: Where files are read, beside the event loop.
        ending: Set when the application is about to end: whoever streams says goodbye.
    """

    def __init__(
        self,
        root: Path,
        config: ApiConfig,
        clock: Clock,
        doorkeeper: Doorkeeper,
        bus: BusSettings | None = None,
    ) -> None:
        self.root = root
        self.config = config
        self.clock = clock
        self.doorkeeper = doorkeeper
        self._bus = bus
        self.ending = asyncio.Event()
        self.work = Work(config.limits.threads, config.limits.downloads, config.limits.wait_s)
        self._made: dict[type[Any], Any] = {}

    @property
    def database_url(self) -> str | None:
        """Where the security master is, when the configuration says so."""
        return self.config.database_url

    @property
    def bus(self) -> BusSettings | None:
        """Where live messages come from now; None while nobody records into the archive."""
        if self._bus is not None:
            return self._bus
        owner = owner_of(layout.run_folder(self.root))
        return None if owner is None else owner.settings

    @property
    def is_local(self) -> bool:
        """Whether it serves whoever sits at this machine, without keys."""
        return isinstance(self.doorkeeper, NoKeys)

    @property
    def environment(self) -> str:
        """Of which environment the bus's streams are."""
        return self.config.environment

    def the(self, kind: type[T], make: "Callable[[Context], T]") -> T:
        """The one there is of a kind, made at first use; `aclose` of it is awaited at the end."""
        if kind not in self._made:
            self._made[kind] = make(self)
        made = self._made[kind]
        assert isinstance(made, kind)  # noqa: S101 - it is kept under its own kind
        return made

    async def stop(self) -> None:
        """End everything that was made, the last first."""
        self.ending.set()
        ends: list[Awaitable[None]] = [
            made.aclose() for made in reversed(self._made.values()) if isinstance(made, Closes)
        ]
        for end in ends:
            await end
        self._made.clear()
        self.work.stop()


def reached(connection: HTTPConnection) -> Context:
    """The context of the application that a request, or a WebSocket, reached."""
    context = connection.app.state.context
    assert isinstance(context, Context)  # noqa: S101 - `app.application` puts it there
    return context


Reached = Annotated[Context, Depends(reached)]
"""The context, as a parameter of a route."""
