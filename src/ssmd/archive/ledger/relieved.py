"""Connections that another process took over from, and shards that a smaller plan has no more. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from ssmd.archive.ledger.carry import Life
from ssmd.archive.overlap import SILENT_NS
from ssmd.feeds.share import SHARDS


class Relieved:
    """Who was still alive when a successor of another process came.

    It goes on beside that one, until it is closed: its own process says so. When that is gone with
    its spool, nobody ever does; then its silence tells, and from it the moment: the same however
    much is folded at once.

    Args:
        lives: Every connection that is known.
    """

    def __init__(self, lives: Iterable[Life]) -> None:
        self._open = {
            life.connection: life for life in lives if life.relieved and life.over is None
        }

    def add(self, life: Life | None) -> None:
        """A successor came that was made while this one lived."""
        if life is not None and life.over is None:
            life.relieved = True
            self._open[life.connection] = life

    def fallen(self, ts: int, update: Callable[[Life], None]) -> Iterator[tuple[Life, int]]:
        """Those that have been silent for too long, and since when that is known, ns.

        Args:
            ts: Up to when everything was told, ns.
            update: Tells a connection when it was last heard.
        """
        for life in list(self._open.values()):
            update(life)
            end = life.heard + SILENT_NS
            if life.over is not None or end < ts:
                del self._open[life.connection]
            if life.over is None and end < ts:
                yield life, end

    def __bool__(self) -> bool:
        return bool(self._open)


def beyond(life: Life, lives: Mapping[str, Life], waiting: Iterable[Life]) -> Iterator[Life]:
    """Ended shards that a smaller plan of the same process has no more; a twin's are not meant.

    Args:
        life: A connection that was opened.
        lives: All that are known.
        waiting: Those that ended, and that nothing was said of since.
    """
    before = lives.get(life.previous or "")
    if before is None or before.shards is None or life.shards is None or life.shard is None:
        return
    first = life.shard - life.shard % SHARDS
    for other in waiting:
        if (
            other.shard is not None
            and first + life.shards <= other.shard < first + SHARDS
            and (other.writer, other.shards) == (life.writer, before.shards)
        ):
            yield other
