"""What is true of a small world, found by walking through it step by step, without entries."""

from ssmd.archive.ledger.condition import CONDITIONS
from tests.archive.ledger.made import Key
from tests.archive.ledger.world import Conn, Spell, World


class Truth:
    """What is true of a world, found step by step."""

    def __init__(self, world: World) -> None:
        self.world = world

    def outages(self, key: Key) -> list[tuple[int, int | None, str]]:
        """When nobody held what was wanted, and why."""
        found: list[tuple[int, int | None, str]] = []
        begun, intent = None, None
        for step in range(self.world.first, self.world.last + 1):
            now = self._wanted(key, step)
            is_out = now is not None and not self._covered(key, step)
            if begun is not None and (not is_out or now is not intent or self._asked(key, step)):
                found.append((begun, step, self._reason(key, intent, begun, step)))
                begun = None
            if is_out and begun is None:
                begun, intent = step, now
        if begun is not None:
            found.append((begun, None, self._reason(key, intent, begun, None)))
        return found

    def minutes(self, key: Key) -> list[str]:
        """The condition of every minute from the first step's to the last's, the last included."""
        bad = [(since, until, reason) for since, until, reason in self.outages(key)]
        return [
            self._minute(key, minute, bad)
            for minute in range(self.world.first // 3, self.world.last // 3 + 1)
        ]

    def captured(self, symbol: str | None, whole: bytes) -> bytes:
        """Minutes that nobody wanted, by what came all the same."""
        told = bytearray(whole)
        first = self.world.first // 3
        spoken = {step // 3 - first for heard, step in self.world.heard if heard == symbol}
        for minute, rank in enumerate(whole):
            if rank == RANK["not_wanted"]:
                run = [minute]
                while run[0] and whole[run[0] - 1] == rank:
                    run.insert(0, run[0] - 1)
                while run[-1] + 1 < len(whole) and whole[run[-1] + 1] == rank:
                    run.append(run[-1] + 1)
                here = spoken.intersection(run)
                if minute in here:
                    told[minute] = RANK["complete"]
                elif here and min(here) < minute < max(here):
                    told[minute] = RANK["unknown"]
        return bytes(told)

    def gaps(self) -> list[tuple[str, str, str, int, int | None]]:
        """Connection, channel, symbol, since, until; no channel stands for a frozen one."""
        return sorted(
            [
                (conn.wire.id, key[0], key[1] or "", spell.since, spell.until)
                for conn in self.world.conns
                for key, spell in conn.gaps
            ]
            + [
                (conn.wire.id, "", symbol, spell.since, spell.until)
                for conn in self.world.conns
                for symbol, spell in conn.frozen
            ],
            key=str,
        )

    def missing(self, *, declared: bool) -> list[tuple[str, int, int | None]]:
        """Connection, since, until of losses or of holes."""
        return sorted(
            (conn.wire.id, spell.since, spell.until)
            for conn in self.world.conns
            for spell in conn.missing
            if spell.told == declared and (declared or self._shown(conn, spell))
        )

    def _wanted(self, key: Key, step: int) -> Spell | None:
        return next((one for one in self.world.intents[key] if _holds(one, step)), None)

    def _covered(self, key: Key, step: int) -> bool:
        return any(_holds(one, step) for conn in self.world.conns for one in conn.covers[key])

    def _asked(self, key: Key, step: int) -> bool:
        return any(one.since == step for conn in self.world.conns for one in conn.covers[key])

    def _reason(self, key: Key, intent: Spell | None, begun: int, until: int | None) -> str:
        assert intent is not None
        refused = any(
            begun <= at and (until is None or at < until) for at in self.world.declined[key]
        )
        ended = [
            (spell.since, spell.told, conn.reason)
            for conn in self.world.conns
            for spell in conn.covers[key]
            if spell.until == begun and begun > intent.since
        ]
        if ended:
            _, told, reason = max(ended, key=lambda each: each[0])
            return reason if not told else "refused" if refused else "unsubscribed"
        if refused:
            return "refused"
        return "start" if until is not None and self._asked(key, until) else "never"

    def _minute(self, key: Key, minute: int, bad: list[tuple[int, int | None, str]]) -> str:
        steps = range(minute * 3, minute * 3 + 3)
        world = self.world
        known = minute * 3 + 3 <= world.last
        found = [RANK["complete" if self._heard(key, steps) else "quiet"]]
        for step in steps:
            for since, until, reason in bad:
                if self._overlaps(since, until, step):
                    found.append(RANK[self._outage(key, step, reason)])
            for conn in world.conns:
                found += [RANK[name] for name in self._on(conn, key, step)]
        wanted = any(
            self._overlaps(one.since, one.until, step)
            for one in world.intents[key]
            for step in steps
        )
        worst = CONDITIONS[max(found)] if wanted else "not_wanted"
        return worst if known or worst == "lost" else "unknown"

    def _outage(self, key: Key, step: int, reason: str) -> str:
        healed = any(
            of == key and spell.told and self._overlaps(spell.since, spell.until, step)
            for conn in self.world.conns
            for of, spell in conn.gaps
        )
        if self._filled(key, step) or (reason == "unsubscribed" and healed):
            return "repaired"
        return "unknown" if reason == "unknown" else "lost"

    def _on(self, conn: Conn, key: Key, step: int) -> list[str]:
        """What was wrong on a connection."""
        found = []
        for of, gap in conn.gaps:
            excused = self._elsewhere(conn, key, gap, step)
            if of == key and self._overlaps(gap.since, gap.until, step) and not excused:
                found.append("repaired" if gap.told or self._filled(key, step) else "degraded")
        for symbol, gap in conn.frozen:
            if symbol == key[1] and self._overlaps(gap.since, gap.until, step):
                found.append("degraded")
        for gap in conn.missing:
            end = self.world.last if gap.until is None else gap.until
            carried = any(
                one.since <= end
                and gap.since <= (self.world.last if one.until is None else one.until)
                for one in conn.covers[key]
            )
            known = gap.told or self._shown(conn, gap)
            excused = self._elsewhere(conn, key, gap, step)
            bad = known and carried and not excused
            if bad and self._overlaps(gap.since, gap.until, step):
                worst = "lost" if gap.told or conn.over is not None else "unknown"
                found.append("repaired" if self._filled(key, step) else worst)
        return found

    def _elsewhere(self, conn: Conn, key: Key, fault: Spell, step: int) -> bool:
        """Whether another connection held it in all of a step (or moment), without a fault."""
        is_moment = self._end(fault) <= fault.since
        for other in self.world.conns:
            held = any(
                one.since <= step < self._end(one)
                or (is_moment and step == one.since and self._end(one) <= one.since)
                for one in other.covers[key]
            )
            faults = [gap for of, gap in other.gaps if of == key]
            faults += [gap for symbol, gap in other.frozen if symbol == key[1]]
            faults += [gap for gap in other.missing if gap.told or self._shown(other, gap)]
            sound = not any(self._overlaps(gap.since, gap.until, step) for gap in faults)
            if other is not conn and held and sound:
                return True
        return False

    def _end(self, spell: Spell) -> int:
        return self.world.last if spell.until is None else min(spell.until, self.world.last)

    def _shown(self, conn: Conn, gap: Spell) -> bool:
        """Whether anything shows that frames are missing: later ones, or the closing record."""
        return conn.closed is not None or gap.until is not None

    def _heard(self, key: Key, steps: range) -> bool:
        return any((key[1], step) in self.world.heard for step in steps)

    def _filled(self, key: Key, step: int) -> bool:
        return any(of == key and since <= step < until for of, since, until in self.world.backfills)

    def _overlaps(self, since: int, until: int | None, step: int) -> bool:
        """Whether a step is in a span, as far as is known; a moment counts as its step."""
        last = self.world.last
        end = last if until is None else min(until, last)
        return since <= step < max(end, since + 1)


RANK: dict[str, int] = {name: rank for rank, name in enumerate(CONDITIONS)}
"""The worst is the greatest."""


def _holds(spell: Spell, step: int) -> bool:
    return spell.since <= step and (spell.until is None or step < spell.until)
