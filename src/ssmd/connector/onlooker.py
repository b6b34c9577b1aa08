"""Who is told what becomes of subscriptions, as the connections live through it."""

from collections.abc import Collection
from typing import Protocol

from ssmd.model.event import Event
from ssmd.model.records import Judged
from ssmd.model.subscription import Subscription


class Holder(Protocol):
    """What an onlooker sees of a connection.

    Attributes:
        id: The connection's id.
        wanted: What it is to hold.
        counts: Messages by type and symbol.
    """

    id: str
    wanted: frozenset[Subscription]
    counts: dict[tuple[str, str], int]

    @property
    def previous(self) -> str | None: ...  # noqa: D102 - see Connection
    @property
    def heard_until(self) -> int: ...  # noqa: D102 - see Connection
    @property
    def last_record(self) -> int: ...  # noqa: D102 - see Connection


class Onlooker(Protocol):
    """Is told, after it is on record."""

    def noted(self, holder: Holder, event: Event) -> None:
        """The session said something about subscriptions or gaps."""
        ...

    def unwanted(self, holder: Holder, ended: Collection[Subscription]) -> None:
        """These are no longer to be held."""
        ...

    def judged(self, holder: Holder, judged: Judged) -> None:
        """A witness was asked about a silent instrument."""
        ...

    def ended(self, holder: Holder) -> None:
        """The connection is closed."""
        ...


class Nobody:
    """Looks away. An `Onlooker`."""

    def noted(self, holder: Holder, event: Event) -> None:
        """It is not looked at."""

    def unwanted(self, holder: Holder, ended: Collection[Subscription]) -> None:
        """They are not looked at."""

    def judged(self, holder: Holder, judged: Judged) -> None:
        """It is not looked at."""

    def ended(self, holder: Holder) -> None:
        """It is not looked at."""
