"""Guards taken away on purpose: the judge must see that something is lost."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import ModuleType
from typing import Final

import msgspec

from ssmd.archive.seen import Seen
from ssmd.archive.source import SourceArchiver
from ssmd.archive.writer import Archive
from ssmd.connector import service
from ssmd.connector.spool.spool import Spool
from ssmd.sim.memory_consumer import MemoryConsumer

Without = AbstractContextManager[None]
"""A world with a guard less."""


@contextmanager
def _instead(owner: type | ModuleType, name: str, stand_in: object) -> Iterator[None]:
    before = owner.__dict__[name]
    setattr(owner, name, stand_in)
    try:
        yield
    finally:
        setattr(owner, name, before)


def ack_before_fsync() -> Without:
    """The archiver acknowledges what it is about to commit."""

    async def commit(self: SourceArchiver, archive: Archive, consumer: MemoryConsumer) -> None:
        if not await consumer.is_sound():
            archive.discard()
            return
        await consumer.ack(archive._floor.value)
        await asyncio.to_thread(archive.commit)
        self._uncommitted = 0
        self._committed_at = self._clock.mono()

    return _instead(SourceArchiver, "_commit", commit)


def spool_drops_what_the_bus_has() -> Without:
    """A receipt of the bus is enough for the spool."""
    keep = Spool.acknowledged

    def acknowledged(self: Spool, position: int, sequence: int) -> None:
        keep(self, position, sequence)
        self.archived(1 << 60)

    return _instead(Spool, "acknowledged", acknowledged)


def everything_is_new() -> Without:
    """The archive drops nothing."""
    return _instead(Seen, "add", lambda *_: True)


def safe_is_the_last_received() -> Without:
    """The consumer's word for what is complete is the last it was given."""
    return _instead(MemoryConsumer, "safe", property(lambda self: self._next - 1))


def recovery_closes_nothing() -> Without:
    """Connections of dead processes stay open."""

    async def close_dead(spool: Spool, scan: object) -> int:
        return 0

    return _instead(service, "close_dead", close_dead)


def nothing_is_published_again() -> Without:
    """The bus lost what it had, and the connector goes on as if it had not."""
    return _instead(Spool, "republish", lambda *_: None)


def published_before_it_is_durable() -> Without:
    """The pump takes whatever is written."""
    take = Spool.take
    return _instead(Spool, "take", lambda self, limit, _through: take(self, limit))


def frames_that_found_no_room_are_forgotten() -> Without:
    """What a full disk refused is not declared."""
    return _instead(Spool, "_lose", lambda *_: None)


class Mutation(msgspec.Struct, frozen=True):
    """A guard, and how to take it away.

    Attributes:
        without: The world without it, as a context.
        needs: Faults that a schedule must have for its absence to matter.
    """

    without: Callable[[], Without]
    needs: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """What it is called in tests."""
        return self.without.__name__


MUTATIONS: Final = (
    Mutation(ack_before_fsync, frozenset({"commits_slow", "archiver_killed", "stream_recreated"})),
    Mutation(spool_drops_what_the_bus_has),
    Mutation(everything_is_new),
    Mutation(safe_is_the_last_received, frozenset({"delivered_late", "archiver_killed"})),
    Mutation(recovery_closes_nothing),
    Mutation(nothing_is_published_again),
    Mutation(published_before_it_is_durable, frozenset({"power_cut"})),
    Mutation(frames_that_found_no_room_are_forgotten),
)
"""Every guard without which something is lost, or unsaid."""
