"""Where a feed's wanted subscriptions come from."""

from collections.abc import AsyncIterator
from typing import Protocol

from ssmd.model.subscription import Subscription


class UniverseSource(Protocol):
    """Says what is to be captured, now and whenever it changes.

    An empty set is an answer, not an error: the connector waits for the next one.
    """

    def watch(self) -> AsyncIterator[frozenset[Subscription]]:
        """The whole wanted set, at once and again after every change."""
        ...
