"""Every subscription through time: when it was wanted, and when it was covered. Pure."""

from collections.abc import Iterable, Iterator

from ssmd.archive.ledger.carry import At, Cover, Key, Line, Want


class Lines:
    """All subscriptions that were ever spoken of."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = {(line.channel, line.symbol): line for line in lines}

    def __iter__(self) -> Iterator[Line]:
        return iter(self._lines.values())

    def of(self, key: Key) -> Line:
        """A subscription's line, new if need be."""
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = Line(*key)
        return line


class Wants:
    """Who wants what, and when an intent is over.

    An intent is held by the open connections that want it. When the last of them ends, this one
    goes on answering for it until its successor says what is still wanted.
    """

    def __init__(self, lines: Lines, wanted: dict[str, list[Key]]) -> None:
        self._lines = lines
        self._wanted = {connection: dict.fromkeys(keys) for connection, keys in wanted.items()}

    def has(self, connection: str) -> bool:
        """Whether a connection wants something, or answers for it."""
        return bool(self._wanted.get(connection))

    def of(self, connection: str) -> list[Key]:
        """What a connection wants, or answers for."""
        return list(self._wanted.get(connection, ()))

    def begin(self, at: At, key: Key, reason: str) -> None:
        """An open connection wants it."""
        mine = self._wanted.setdefault(at.connection, {})
        if key in mine:
            return
        mine[key] = None
        line = self._lines.of(key)
        line.holders += 1
        if line.keeper:
            del self._wanted[line.keeper][key]
            line.keeper = ""
        last = line.wants[-1] if line.wants else None
        if last is None or last.until is not None:
            before = 0 if last is None or last.until is None else last.until
            line.wants.append(Want(at._replace(ts=max(at.ts, before)), reason))
        elif at.ts < last.begun.ts:  # the clock was ahead then
            last.begun = last.begun._replace(ts=at.ts)

    def end(self, at: At, key: Key, reason: str) -> None:
        """An open connection no longer wants it."""
        mine = self._wanted.get(at.connection, {})
        if key not in mine:
            return
        del mine[key]
        line = self._lines.of(key)
        line.holders -= 1
        if not line.holders:
            _close(line, at.ts, reason)

    def over(self, connection: str, ts: int, *, succeeded: bool) -> None:
        """A connection ended.

        Args:
            connection: Which.
            ts: When that was known, ns.
            succeeded: Whether an open successor has said what is still wanted.
        """
        kept: dict[Key, None] = {}
        for key in self._wanted.pop(connection, ()):
            line = self._lines.of(key)
            line.holders -= 1
            if line.holders:
                continue
            if succeeded:
                _close(line, ts, "replanned")
            else:
                line.keeper = connection
                kept[key] = None
        self._wanted[connection] = kept

    def drop(self, connection: str, ts: int) -> None:
        """What an ended connection still answers for is no longer wanted."""
        for key in self._wanted.pop(connection, ()):
            line = self._lines.of(key)
            line.keeper = ""
            _close(line, ts, "replanned")

    def carried(self) -> dict[str, list[Key]]:
        """What is to be known tomorrow."""
        return {connection: list(keys) for connection, keys in self._wanted.items() if keys}


class Covers:
    """Which connection holds what."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._held: dict[str, dict[Key, Cover]] = {}
        for line in lines:
            for cover in line.covers:
                if cover.until is None:
                    key = (line.channel, line.symbol)
                    self._held.setdefault(cover.begun.connection, {})[key] = cover

    def begin(self, at: At, key: Key, reason: str, ordinal: int | None) -> bool:
        """The venue confirmed it; False when it had done so before."""
        mine = self._held.setdefault(at.connection, {})
        if key in mine:
            return False
        mine[key] = cover = Cover(at, reason, ordinal)
        self._lines.of(key).covers.append(cover)
        return True

    def since(self, connection: str, channel: str, symbols: Iterable[str]) -> int | None:
        """Since when a connection holds any of them, by name or with all others, ns."""
        mine = self._held.get(connection, {})
        held = [mine[channel, of] for of in (*symbols, None) if (channel, of) in mine]
        return min((cover.begun.ts for cover in held), default=None)

    def named(self, connection: str, channel: str) -> set[str]:
        """What a connection holds by name on a channel."""
        return {
            symbol
            for of, symbol in self._held.get(connection, {})
            if of == channel and symbol is not None
        }

    def end(self, at: At, key: Key) -> None:
        """The venue confirmed its end."""
        cover = self._held.get(at.connection, {}).pop(key, None)
        if cover is not None:
            cover.until, cover.ended, cover.end = at.ts, "unsubscribed", at

    def over(
        self, connection: str, frame: int | None, reason: str, end: At | None
    ) -> list[tuple[Key, Cover]]:
        """A connection ended: what it held is covered up to its last frame."""
        held = self._held.pop(connection, {})
        for cover in held.values():
            cover.until = cover.begun.ts if frame is None else max(frame, cover.begun.ts)
            cover.ended, cover.end = reason, end
        return list(held.items())

    def decline(self, at: At, key: Key) -> None:
        """The venue refused it."""
        self._lines.of(key).declined.append(at)


def settle(line: Line, frames: dict[str, int | None]) -> bool:
    """Forget what no later record can change; False when nothing remains.

    Args:
        line: A subscription at the end of a fold.
        frames: The last frame of every open connection, ns.
    """
    open_covers = [cover for cover in line.covers if cover.until is None]
    if open_covers:
        bounds = [(frames.get(c.begun.connection), c.begun.ts) for c in open_covers]
        settled = min(ts if frame is None else max(frame, ts) for frame, ts in bounds)
    elif line.wants and line.wants[-1].until is None:
        ends = [cover.until for cover in line.covers if cover.until is not None]
        settled = max([line.wants[-1].begun.ts, *ends])
    else:
        return False
    settled = line.settled = max(settled, line.settled)
    line.wants = [want for want in line.wants if want.until is None or want.until > settled]
    line.covers = [c for c in line.covers if c.until is None or c.until >= settled]
    line.declined = [at for at in line.declined if at.ts >= settled]
    for want in line.wants:
        want.told = want.until is not None
    for cover in line.covers:
        cover.told = cover.until is not None
    return True


def _close(line: Line, ts: int, reason: str) -> None:
    want = line.wants[-1] if line.wants else None
    if want is not None and want.until is None:
        want.until, want.ended = max(ts, want.begun.ts), reason
