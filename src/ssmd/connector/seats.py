"""How many sockets may be open at once, over all shards of a feed."""


class Seats:
    """Counts sockets, each from its attempt to its end, and keeps a seat for every shard.

    A shard without a connection never waits behind a successor that another shard would like:
    successors get only what is left when every shard has its own. No one queues here; who is
    turned away asks again later.

    Args:
        total: Most sockets open at once; None knows no bound.
    """

    def __init__(self, total: int | None) -> None:
        self._total = total
        self._shards = 0
        self._successors = 0
        self._taken = 0

    @property
    def taken(self) -> int:
        """Sockets that are open or being opened."""
        return self._taken

    def join(self) -> None:
        """A shard begins: one seat is its own from now on."""
        self._shards += 1

    def leave(self) -> None:
        """A shard ended."""
        self._shards -= 1

    def take(self) -> bool:
        """Ask for a seat for a shard that has no connection."""
        if self._total is not None and self._taken >= self._total:
            return False
        self._taken += 1
        return True

    def take_for_successor(self) -> bool:
        """Ask for a second seat for a shard; `successor_settled` follows in any case."""
        if self._total is not None and self._shards + self._successors >= self._total:
            return False
        if not self.take():
            return False
        self._successors += 1
        return True

    def successor_settled(self) -> None:
        """One of the two connections of a shard is over."""
        self._successors -= 1

    def free(self) -> None:
        """A socket ended, or was never opened."""
        self._taken -= 1
