"""Ledger and facts as files: nothing is lost on the way, and nothing that rotted is believed."""

import random
import subprocess
import sys
from pathlib import Path

import duckdb
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssmd.archive.ledger import parquet
from ssmd.archive.ledger.entries import TABLES, Activity, Entry, Gap
from ssmd.archive.ledger.facts import MINUTE_NS, Anew, Facts, Mark, Note
from ssmd.archive.ledger.parquet import Counts
from ssmd.archive.presence import Held
from ssmd.model.errors import Damaged
from tests.archive.made import START
from tests.tier import SEED, scale

TIMES = st.integers(0, 2**62)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
NUMBERS = st.integers(-(2**63), 2**63 - 1)
COUNTED = st.integers(-(10**38) + 1, 10**38 - 1)


def entries(kind: type[Entry]) -> st.SearchStrategy[Entry]:
    """Any entries of a table."""
    values: dict[str, st.SearchStrategy[object]] = {
        "since": TIMES,
        "until": st.none() | TIMES,
        "record": st.none() | NUMBERS,
        "ordinal": st.none() | NUMBERS,
        "symbol": st.none() | TEXTS,
        "symbols": st.lists(TEXTS, max_size=3).map(tuple),
        "ordinals": st.tuples(NUMBERS, NUMBERS),
        "expected": COUNTED,
        "found": COUNTED,
        "facts": NUMBERS,
    }
    names = [field.name for field in msgspec.structs.fields(kind)]
    return st.builds(kind, **{name: values.get(name, TEXTS) for name in names})


FACTS = Facts(
    feed="kraken",
    segment="raw/x",
    sha256="ab" * 32,
    held={"c": Held(ordinals=((0, 9),))},
    frames={"c": (START + 1, START + 999)},
    notes=(
        Note(START + 1, "c", 0, "_connection", b'{"event":"opened"}'),
        Note(None, "c", 1, "_ledger", b"\xff\x00"),
    ),
    marks=(Mark("c", 0, START + 1), Mark("c", 9, START + 999)),
    anew=(Anew("c", 3, START + 7, "book", ""), Anew("c", 4, START + 8, "book", "BTC/USD")),
    activity={("", 30_000_000): 1, ("BTC/USD", 30_000_000): 7},
)


@pytest.mark.parametrize("kind", TABLES, ids=lambda kind: kind.table)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_every_entry_comes_back(kind: type[Entry], data: st.DataObject) -> None:
    """To the nanosecond, null apart from empty; and the same entries are the same bytes."""
    some = data.draw(st.lists(entries(kind), max_size=4))
    content = parquet.encode_entries(kind, some)
    assert parquet.decode_entries(kind, content, "x") == some
    assert parquet.encode_entries(kind, list(some)) == content


def test_facts_and_activity_come_back() -> None:
    """What a segment tells is what was gathered, with `held` from its manifest."""
    content = parquet.encode_facts(FACTS)
    facts, counts = parquet.decode_facts(content, "x", FACTS.held)
    assert facts == msgspec.structs.replace(FACTS, activity={})
    assert {(a.symbol, a.minute): a.messages for a in counts.rows()} == FACTS.activity
    assert parquet.encode_facts(FACTS) == content


def test_facts_of_before_states_were_noted_are_read() -> None:
    """They say themselves what they lack; the bytes of their segment may be gone."""
    old = msgspec.structs.replace(FACTS, anew=(), version=1)
    content = parquet.encode_facts(old)
    facts, _ = parquet.decode_facts(content, "x", FACTS.held)
    assert facts == msgspec.structs.replace(old, activity={})


def test_activity_is_summed_and_cut_by_time() -> None:
    """Segments may share a minute; a part of the time is the minutes it touches."""
    some, more = Counts.of({("B", 1): 2, ("A", 7): 1}), Counts.of({("B", 1): 3, ("", 2): 4})
    total = Counts.summed([some, more])
    rows = (Activity("", 2, 4), Activity("A", 7, 1), Activity("B", 1, 5))
    assert total.rows() == rows
    assert len(total) == 3
    assert Counts.decode(total.encode(), "x").rows() == rows
    assert total.encode() == Counts.summed([more, some]).encode()
    assert total.rows(2 * MINUTE_NS) == rows[:2]
    assert total.rows(2 * MINUTE_NS - 1) == rows
    assert total.rows(None, 2 * MINUTE_NS) == rows[2:]
    assert total.rows(2 * MINUTE_NS, 2 * MINUTE_NS + 1) == rows[:1]
    assert Counts.summed([]).rows() == ()


def test_no_changed_byte_is_believed() -> None:
    """Parquet alone does not see every change of a footer: the digest in it does."""
    chance = random.Random(SEED)
    content = parquet.encode_facts(FACTS)
    for at in range(chance.randrange(3), len(content), scale(gate=3, full=1)):
        changed = bytearray(content)
        changed[at] ^= 1 << chance.randrange(8)
        with pytest.raises(Damaged):
            parquet.decode_facts(bytes(changed), "x", {})
    for size in (0, 1, len(content) // 2, len(content) - 1):
        with pytest.raises(Damaged):
            parquet.decode_facts(content[:size], "x", {})


def test_a_file_of_another_table_or_format_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer program may mean something else by the same name."""
    content = parquet.encode_entries(Gap, [])
    with pytest.raises(Damaged):
        parquet.decode_facts(content, "x", {})
    monkeypatch.setattr(parquet, "FORMAT", parquet.FORMAT + 1)
    with pytest.raises(Damaged):
        parquet.decode_entries(Gap, content, "x")


def test_others_read_the_tables_too(tmp_path: Path) -> None:
    """They are there for DuckDB and its like: times with their zone, lists, null."""
    gap = Gap(
        feed="kraken", since=START + 1, until=None, reason="checksum", connection="c", record=3,
        file="raw/x", channel="book", symbols=("A", "B"), expected=1, found=2, ordinal=None,
    )  # fmt: skip
    path = tmp_path / "gaps.parquet"
    path.write_bytes(parquet.encode_entries(Gap, [gap]))
    table = duckdb.read_parquet(str(path))
    found = table.project("epoch_ns(since), until, symbols, ordinal").fetchall()
    assert found == [(START + 1, None, ["A", "B"], None)]


def test_nobody_pays_for_arrow_who_does_not_need_it() -> None:
    """It takes longer to load than `ssmd --help` takes in all; a connector never needs it."""
    modules = "ssmd.cli.root, ssmd.cli.verify, ssmd.cli.importing, ssmd.archive.service"
    program = f"import sys, {modules}, ssmd.connector.service; print('pyarrow' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert found.stdout.strip() == b"False"


@pytest.mark.parametrize(("told", "kept"), [(2**64 - 1, 2**64 - 1), (-(10**50), -(10**38) + 1)])
def test_a_venues_number_has_no_bound(told: int, kept: int) -> None:
    """What is beyond 38 digits is told as the greatest; SQL reads it as a number."""
    gap = Gap(
        feed="kraken", since=1, until=2, reason="sequence", connection="c", record=3, file="f",
        channel="book", symbols=(), expected=told, found=1, ordinal=None,
    )  # fmt: skip
    (found,) = parquet.decode_entries(Gap, parquet.encode_entries(Gap, [gap]), "x")
    assert found == msgspec.structs.replace(gap, expected=kept)
    assert type(found.expected) is int
