"""Which rows say what another row says: `is_repeat`. Take the others, and each fact is there once.

A fact with the venue's own id is taken where it was told first: in an earlier slot before this one,
live before fetched, on the primary connection before others. One without is taken from the primary
connection. Nothing is told apart by its value.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from ssmd.archive.ledger.spans import Span
from ssmd.archive.tables import built
from ssmd.archive.tables.built import Carry, Subject
from ssmd.archive.tables.held import Held
from ssmd.archive.tables.primary import Connections, Primaries, primaries
from ssmd.archive.tables.schema import arrow

Fact = tuple[str, str]
"""A symbol, and the venue's id of something that happened to it."""
Pages = Mapping[tuple[str, int], tuple[int, int]]
"""What pages of past facts are whole for, by connection and frame: from when on and up to when."""


class Earlier(Protocol):
    """The facts that earlier slots tell."""

    def before(self, table: str) -> set[Fact]:
        """Those of the slot just before."""
        ...

    def told(self, table: str, wanted: Mapping[Fact, int | None]) -> set[Fact]:
        """Which of some facts any earlier slot tells.

        Args:
            table: Which table.
            wanted: The facts, and the venue's times of them, ns.
        """
        ...


class Flags:
    """Finds the rows of a slot that repeat others.

    Attributes:
        ids: Digest of the facts with an id that it tells.
        facts: These facts, by table.
        primary: Of what several connections tell, who counts when the slot ends.
    """

    def __init__(
        self,
        tables: Mapping[str, Sequence[Held]],
        connections: Connections,
        carry: Carry,
        slot: Span,
        pages: Pages,
        earlier: Earlier,
    ) -> None:
        self._tables = tables
        self._connections = connections
        self._slot = slot
        self._pages = pages
        self._earlier = earlier
        self._before: dict[Subject, str] = {
            (table, symbol): name
            for name, known in carry.primary.items()
            for table, symbols in known.items()
            for symbol in symbols
        }
        self._elected: dict[Subject, Primaries] = {}
        self.facts: dict[str, list[Fact]] = {}
        self.primary: dict[str, dict[str, list[str]]] = {}

    @property
    def ids(self) -> str:
        """Digest of the facts with an id that were told."""
        return built.digest(self.facts) if self.facts else ""

    def elect(self) -> None:
        """Find out who is primary for whatever several connections tell."""
        alone: set[Subject] = set()
        for table, parts in sorted(self._tables.items()):
            tellers: dict[str, set[str]] = defaultdict(set)
            for held in parts:
                held.flush()
                for symbol, name in held.tellers:
                    tellers[symbol or ""].add(name)
            contended = {
                symbol: names
                for symbol, names in tellers.items()
                if len(names) > 1 or self._before.get((table, symbol), "") not in {"", *names}
            }
            alone.update((table, symbol) for symbol in tellers.keys() - contended.keys())
            told = _last_told(parts, contended) if contended else {}
            for symbol, names in contended.items():
                times = {name: told.get((symbol, name)) for name in sorted(names)}
                subject = table, symbol
                self._elected[subject] = Primaries(
                    primaries(
                        subject, times, self._connections, self._before.get(subject), self._slot
                    ),
                    times.keys(),
                )
        self._carry(alone)

    def _carry(self, alone: set[Subject]) -> None:
        """Whose word counts in the next slot, where several may tell the same then."""
        alive = self._connections.go_on(self._slot[1])
        kept = {subject: name for subject, name in self._before.items() if subject not in alone}
        for subject, elected in self._elected.items():
            kept.pop(subject, None)
            if elected.last is not None and len(alive.keys() & elected.tellers) > 1:
                kept[subject] = elected.last
        for (table, symbol), name in sorted(kept.items()):
            if name in alive:
                self.primary.setdefault(name, {}).setdefault(table, []).append(symbol)

    def of(self, table: str) -> list[Any]:
        """For each part of a table, whether its rows are repeats: a column of each."""
        parts = self._tables[table]
        loose = any(subject[0] == table for subject in self._elected)
        flags = []
        identified: list[tuple[Fact, tuple[Any, ...], int, int, int | None, bool]] = []
        for number, held in enumerate(parts):
            repeats = [False] * held.rows
            if loose or _has_ids(held) or _has_fetched(held):
                self._part(table, number, held, repeats, identified)
            flags.append(repeats)
        if identified:
            self._identified(table, flags, identified)
        return [arrow().array(each, arrow().bool_()) for each in flags]

    def _part(
        self,
        table: str,
        number: int,
        held: Held,
        repeats: list[bool],
        identified: list[tuple[Fact, tuple[Any, ...], int, int, int | None, bool]],
    ) -> None:
        """Decide on the rows without an id, and list those with one."""
        names = (
            "symbol", "native_id", "ts_recv", "connection", "ordinal", "part", "row", "is_rest",
            "is_snapshot", "ts_event",
        )  # fmt: skip
        for at, (symbol, key, ts, name, ordinal, part, row, is_rest, again, event) in enumerate(
            zip(*(held.column(each) for each in names), strict=True)
        ):
            elected = self._elected.get((table, symbol or ""))
            takes = elected is None or elected.takes(name, ts)
            if key is not None:
                rank = (is_rest, not takes, ts or 0, name, ordinal, part, row)
                fact = (symbol or "", key)
                identified.append((fact, rank, number, at, event, is_rest or again))
            elif is_rest:
                span = self._pages.get((name, ordinal))
                repeats[at] = span is not None and (event is None or not span[0] <= event < span[1])
            else:
                repeats[at] = not takes

    def _identified(
        self,
        table: str,
        flags: Sequence[list[bool]],
        rows: Iterable[tuple[Fact, tuple[Any, ...], int, int, int | None, bool]],
    ) -> None:
        """Decide on the rows with an id."""
        first: dict[Fact, tuple[Any, ...]] = {}
        sought: dict[Fact, int | None] = {}
        told = self._earlier.before(table)
        listed = list(rows)
        for fact, rank, _, _, event, is_past in listed:
            known = first.get(fact)
            if known is None or rank < known:
                first[fact] = rank
            if is_past and fact not in told:
                sought[fact] = event
        if sought:
            told = told | self._earlier.told(table, sought)
        for fact, rank, number, at, _, _ in listed:
            flags[number][at] = fact in told or rank != first[fact]
        self.facts[table] = sorted(first)


def _has_ids(held: Held) -> bool:
    return any(batch.column("native_id").null_count < batch.num_rows for batch in held.batches())


def _has_fetched(held: Held) -> bool:
    return any(batch.column("is_rest").true_count for batch in held.batches())


def _last_told(
    parts: Iterable[Held], wanted: Mapping[str, set[str]]
) -> dict[tuple[str, str], int | None]:
    """When each connection told of each symbol for the last time."""
    found: dict[tuple[str, str], int | None] = {}
    for held in parts:
        for symbol, name, ts in zip(
            held.column("symbol"), held.column("connection"), held.column("ts_recv"), strict=True
        ):
            key = symbol or "", name
            if ts is not None and key[0] in wanted and ts > (found.get(key) or 0):
                found[key] = ts
    return found
