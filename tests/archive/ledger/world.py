"""Small worlds in which everything goes wrong, on record and as it was."""

from collections.abc import Callable, Sequence

import msgspec

from ssmd.model.timestamp import SECOND_NS
from tests.archive.ledger.made import WRITER, Key, Scene, Wire

STEP = 20 * SECOND_NS
"""Everything happens at a multiple of this: three to a minute."""
SILENT = 9
"""So many steps after its last sign of life an open connection counts as live."""
KEYS: tuple[Key, ...] = (("trade", "A"), ("trade", "B"), ("book", "A"))
OPERATIONS = 19

Op = tuple[int, int, int, int]
"""Which operation, on whom, with what, and so many steps after the one before."""


class Spell(msgspec.Struct):
    """From when to when something was so, in steps.

    Attributes:
        since: The first step.
        until: The step at which it is over; None while it is not.
        told: Whether a record ended it, or repaired it, or declares it.
    """

    since: int
    until: int | None = None
    told: bool = False


class Conn(msgspec.Struct, eq=False):
    """A connection as the oracle knows it."""

    wire: Wire
    shard: int
    process: int
    previous: "Conn | None"
    wants: set[Key]
    shards: int | None = None
    stated: bool = False
    spent: bool = False
    frame: int | None = None
    over: int | None = None
    reason: str = ""
    alive: bool = True
    closed: int | None = None
    held: dict[Key, Spell] = {}
    covers: dict[Key, list[Spell]] = {}
    missing: list[Spell] = []
    gaps: list[tuple[Key, Spell]] = []
    frozen: list[tuple[str, Spell]] = []


class World:
    """Plays operations, keeps them on record, and remembers what they meant."""

    def __init__(self, operations: Sequence[Op], origin: int) -> None:
        self.scene = Scene()
        self.conns: list[Conn] = []
        self.intents: dict[Key, list[Spell]] = {key: [] for key in KEYS}
        self.answers: dict[Key, Conn] = {}
        self.declined: dict[Key, list[int]] = {key: [] for key in KEYS}
        self.backfills: list[tuple[Key, int, int]] = []
        self.heard: set[tuple[str, int]] = set()
        self.plain: set[str] = set()
        self.plans: dict[tuple[int, int], set[Key]] = {
            (0, 0): {KEYS[0]},
            (0, 1): {KEYS[1], KEYS[2]},
            (1, 0): {KEYS[0], KEYS[1]},
        }
        self.latest: dict[tuple[int, int], Conn] = {}
        self.first = origin
        self.now = origin
        acts: list[Callable[[int, int], bool]] = [
            self.open, self.open, self.open, self.acknowledge, self.acknowledge, self.end,
            self.speak, self.speak, self.close, self.kill, self.recover, self.toggle, self.shrink,
            self.gap, self.repair, self.skip, self.decline, self.backfill, self.judge,
        ]  # fmt: skip
        self.open(0, 0)
        for kind, who, what, steps in operations:
            self.now += steps
            acts[kind](who, what)
        self.last = max(envelope.ts_recv or 0 for _, envelope in self.scene.kept) // STEP
        for conn in self.conns:
            self._silence(conn)

    @property
    def ts(self) -> int:
        return self.now * STEP

    # What happens

    def open(self, who: int, what: int) -> bool:
        place = sorted(self.plans)[who % len(self.plans)]
        if not self.plans[place]:
            return False
        old = self.latest.get(place)
        holder = next((c for c in self._open() if (c.process, c.shard) == place), None)
        planned = holder is not None
        if planned:
            old = holder
        shards = sum(process == place[0] for process, _ in self.plans) if what % 2 else None
        reason = "planned" if planned else "reconnect" if old else "start"
        wire = self.scene.connect(
            self.ts, *sorted(self.plans[place]), shard=place[1], previous=old.wire if old else None,
            reason=reason, shards=shards, writer=f"{WRITER}{place[0]}",
        )  # fmt: skip
        conn = Conn(wire, place[1], place[0], old, set(), shards)
        conn.covers = {key: [] for key in KEYS}
        self.conns.append(conn)
        self.latest[place] = conn
        if not planned:
            for before in self._before(conn):
                if before.over is None:
                    before.alive = False
                    self._over(before, "unknown")
        if shards is not None and old is not None and old.shards is not None:
            for key, keeper in list(self.answers.items()):
                mine = (keeper.process, keeper.shards) == (conn.process, old.shards)
                if keeper.shard >= shards and mine:
                    self._forsake(key)
        for key in sorted(self.plans[place]):
            self._want(conn, key)
        return True

    def acknowledge(self, who: int, what: int) -> bool:
        conn = self._pick(who)
        if conn is None:
            return False
        asked = sorted(key for key in conn.wants if key not in conn.held)
        if not asked:
            return False
        key = asked[what % len(asked)]
        self._frame(conn)
        conn.wire.acknowledge(self.ts, key)
        conn.held[key] = Spell(self.now)
        conn.covers[key].append(conn.held[key])
        for other in self.conns:
            for symbol, spell in other.frozen:
                if symbol == key[1] and spell.until is None:
                    spell.until = self.now
        return True

    def end(self, who: int, what: int) -> bool:
        conn = self._pick(who)
        if conn is None or not conn.held:
            return False
        key = sorted(conn.held)[what % len(conn.held)]
        self._frame(conn)
        conn.wire.end(self.ts, key)
        spell = conn.held.pop(key)
        spell.until, spell.told = self.now, True
        return True

    def speak(self, who: int, what: int) -> bool:
        conn = self._pick(who)
        if conn is None:
            return False
        symbol = "AB"[what % 2]
        self._frame(conn)
        conn.wire.frame(self.ts, symbol)
        self.heard.add((symbol, self.now))
        return True

    def close(self, who: int, what: int) -> bool:
        conn = self._pick(who)
        if conn is None:
            return False
        conn.alive = False
        reason = ("reset", "silence", "shutdown")[what % 3]
        conn.wire.close(self.ts, reason)
        self._state(conn)
        conn.closed = self.now
        self._seen(conn)
        self._over(conn, reason)
        return True

    def kill(self, who: int, what: int) -> bool:
        for conn in self._open():
            if conn.process == who % 2:
                conn.alive = False
        return True

    def recover(self, who: int, what: int) -> bool:
        dead = [conn for conn in self.conns if not conn.alive and conn.closed is None]
        if not dead:
            return False
        conn = dead[who % len(dead)]
        conn.wire.close(self.ts, "died", by="recovery")
        conn.closed = self.now
        self._seen(conn)
        if conn.over is None:
            self._over(conn, "died")
        conn.reason = "died"
        return True

    def toggle(self, who: int, what: int) -> bool:
        place = sorted(self.plans)[who % len(self.plans)]
        key = KEYS[what % len(KEYS)]
        self.plans[place] ^= {key}
        for conn in [c for c in self._open() if (c.process, c.shard) == place][-1:]:
            self._state(conn)
            if key in self.plans[place]:
                conn.wire.want(self.ts, key)
                self._want(conn, key)
            else:
                conn.wire.unwant(self.ts, key)
                self._unwant(conn, key)
        return True

    def shrink(self, who: int, what: int) -> bool:
        if (0, 1) in self.plans:
            conn = next((c for c in self._open() if (c.process, c.shard) == (0, 1)), None)
            if conn is not None:
                return False
            del self.plans[0, 1]
        else:
            self.plans[0, 1] = {KEYS[what % len(KEYS)]}
        return True

    def gap(self, who: int, what: int) -> bool:
        conn = self._pick(who)
        if conn is None:
            return False
        key = KEYS[what % len(KEYS)]
        self._state(conn)
        conn.wire.gap(self.ts, key[0], key[1] or "")
        conn.gaps.append((key, Spell(self.now, self.now if key[0] in self.plain else None)))
        return True

    def repair(self, who: int, what: int) -> bool:
        conn = self._pick(who)
        if conn is None:
            return False
        key = KEYS[what % len(KEYS)]
        self._state(conn)
        conn.wire.repair(self.ts, key[0], key[1] or "")
        for of, spell in conn.gaps:
            if of == key and spell.until is None:
                spell.until, spell.told = self.now, True
        return True

    def skip(self, who: int, what: int) -> bool:
        """A frame, then some that are not kept, declared or not."""
        conn = self._pick(who)
        if conn is None:
            return False
        self._frame(conn)
        conn.wire.frame(self.ts, kind="_control")
        lost = conn.wire.skip(1 + what % 3)
        if what % 2:
            conn.wire.lose(self.ts, lost)
        conn.missing.append(Spell(self.now, None, bool(what % 2)))
        return True

    def decline(self, who: int, what: int) -> bool:
        conn = self._pick(who)
        if conn is None or not conn.wants:
            return False
        key = sorted(conn.wants)[what % len(conn.wants)]
        self._state(conn)
        conn.wire.decline(self.ts, key)
        self.declined[key].append(self.now)
        return True

    def backfill(self, who: int, what: int) -> bool:
        conn = self._pick(who)
        if conn is None:
            return False
        key = KEYS[what % len(KEYS)]
        since, until = self.now - 1 - what % 11, self.now - who % 2
        kept = what % 5 > 0
        self._state(conn)
        conn.wire.backfill(self.ts, key, since * STEP, until * STEP, 0 if kept else None)
        self.plain.add(key[0])
        for other in self.conns:
            for of, spell in other.gaps:
                if of[0] == key[0] and spell.until is None:
                    spell.until = spell.since
        if kept:
            self.backfills.append((key, since, until))
        return True

    def judge(self, who: int, what: int) -> bool:
        conn = self._pick(who)
        if conn is None:
            return False
        self._state(conn)
        symbol, silent = "AB"[what % 2], 1 + what % 5
        action = "none" if what % 3 == 0 else "resubscribe"
        conn.wire.judge(self.ts, symbol, silent * STEP / SECOND_NS, action)
        until = self.now if action == "none" else None
        conn.frozen.append((symbol, Spell(self.now - silent, until)))
        return True

    # What it means

    def _silence(self, conn: Conn) -> None:
        """Who is open and was not heard of for long proves nothing any more."""
        kept = [e.ts_recv or 0 for _, e in self.scene.kept if e.connection == conn.wire.id]
        end = max(kept) // STEP + SILENT
        if conn.over is not None or end >= self.last:
            return
        conn.reason = "unknown"
        for spell in conn.held.values():
            spell.until = end

    def _open(self) -> list[Conn]:
        return [conn for conn in self.conns if conn.alive]

    def _pick(self, who: int) -> Conn | None:
        alive = self._open()
        return alive[who % len(alive)] if alive else None

    def _before(self, conn: Conn) -> list[Conn]:
        found, before = [], conn.previous
        while before is not None and not before.spent:
            found.append(before)
            before = before.previous
        return found

    def _state(self, conn: Conn) -> None:
        """The opening burst is over."""
        if conn.stated:
            return
        conn.stated = True
        for before in self._before(conn):
            if before.over is None:
                return
            before.spent = True
            for key, keeper in list(self.answers.items()):
                if keeper is before:
                    self._forsake(key)

    def _frame(self, conn: Conn) -> None:
        conn.frame = self.now
        self._state(conn)
        self._seen(conn)

    def _seen(self, conn: Conn) -> None:
        """What was missing is over, at the next frame or at the closing."""
        for spell in conn.missing:
            if spell.until is None:
                spell.until = self.now

    def _wanting(self, key: Key) -> list[Conn]:
        return [conn for conn in self.conns if conn.over is None and key in conn.wants]

    def _want(self, conn: Conn, key: Key) -> None:
        conn.wants.add(key)
        self.answers.pop(key, None)
        spells = self.intents[key]
        if not spells or spells[-1].until is not None:
            spells.append(Spell(self.now))

    def _unwant(self, conn: Conn, key: Key) -> None:
        if key not in conn.wants:
            return
        conn.wants.discard(key)
        if not self._wanting(key):
            self._forsake(key)

    def _forsake(self, key: Key) -> None:
        self.answers.pop(key, None)
        for spell in self.intents[key]:
            if spell.until is None:
                spell.until = self.now

    def _over(self, conn: Conn, reason: str) -> None:
        conn.over, conn.reason = self.now, reason
        frame = self.now if conn.frame is None else conn.frame
        ending = [*conn.held.values(), *(g for _, g in conn.gaps), *(f for _, f in conn.frozen)]
        for spell in ending:
            if spell.until is None:
                spell.until = max(frame, spell.since)
        conn.held = {}
        succeeded = any(o.previous is conn and o.over is None and o.stated for o in self.conns)
        for key in sorted(conn.wants):
            if self._wanting(key):
                continue
            if succeeded:
                self._forsake(key)
            else:
                self.answers[key] = conn
