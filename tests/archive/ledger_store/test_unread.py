"""A segment that is gone or damaged, with nothing that was gathered of it in time."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ssmd.archive import layout
from ssmd.archive.ledger import store
from ssmd.archive.ledger.absences import absences
from ssmd.archive.ledger.condition import Minutes, conditions
from ssmd.archive.ledger.entries import Entry, Hole, Ledger, Outage
from ssmd.archive.ledger.explain import explain
from ssmd.model.envelope import LEDGER, Envelope
from ssmd.model.records import Acknowledged, Wanted
from ssmd.model.timestamp import SECOND_NS
from tests.archive.ledger_store.made import FEED, HOUR_NS, live, loaded, proved, stored
from tests.archive.made import START, Talk

SYMBOL = "BTC/USD"
MINUTE_NS = 60 * SECOND_NS
BROKE = START + 2 * HOUR_NS + 30 * MINUTE_NS
BACK = BROKE + 5 * MINUTE_NS
Damage = Callable[[Path], object]


def life(talk: Talk, until: int, *, closed: bool = True) -> list[Envelope]:
    """A connection that holds trades, with a frame every twenty seconds."""
    reason = "start" if talk.previous is None else "reconnect"
    said = [talk.opened(reason)]
    said.append(talk.said(LEDGER, Wanted(channel="trade", symbol=SYMBOL, reason=reason)))
    said += talk.frames(1)
    said.append(talk.said(LEDGER, Acknowledged(channel="trade", symbol=SYMBOL, ordinal=0)))
    while talk.ts < until:
        said += talk.frames(1, step_ns=20 * SECOND_NS)
    return [*said, talk.closed()] if closed else said


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three segments of an hour: the second has the end of one connection and the next's wants."""
    root = tmp_path_factory.mktemp("unread") / "a"
    first = Talk(0, START)
    said = life(first, START + HOUR_NS + 10 * MINUTE_NS)
    second = Talk(0, first.ts + SECOND_NS, first.id)
    said += life(second, BROKE)
    third = Talk(0, BACK, second.id)
    said += life(third, START + 3 * HOUR_NS - 10 * MINUTE_NS, closed=False)
    live(root, said, interval_s=3600)
    return root


def removed(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def rotted(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x55
    path.write_bytes(content)


def damaged(sound: Path, tmp_path: Path, number: int, damage: Damage) -> tuple[Path, str]:
    """A copy without a ledger, one segment of which is not what was written."""
    root = Path(shutil.copytree(sound, tmp_path / "a"))
    shutil.rmtree(root / layout.LEDGER)
    path = sorted(root.glob("raw/*/*/*.zst"))[number]
    damage(path)
    return root, str(path.relative_to(root))


def unread(ledger: Ledger) -> list[Hole]:
    return [each for each in ledger.entries if isinstance(each, Hole) and each.reason == "unread"]


def minutes(ledger: Ledger) -> Minutes:
    (found,) = conditions(ledger, START, ledger.until, lambda _: None, [SYMBOL])
    return found


def named(entries: tuple[Entry, ...]) -> list[tuple[object, ...]]:
    """Outages that have a beginning in what happened, apart from how a subscription began."""
    return [
        (each.reason, each.connection, each.since, each.until)
        for each in entries
        if isinstance(each, Outage) and each.since >= BROKE
    ]


@pytest.mark.parametrize("damage", [removed, cut, emptied, rotted])
@pytest.mark.parametrize("number", [0, 1])
def test_what_cannot_be_read_is_unknown(
    number: int, damage: Damage, sound: Path, tmp_path: Path
) -> None:
    """Then, for every connection concerned; before and after, everything is as it was."""
    whole = loaded(sound)
    root, name = damaged(sound, tmp_path, number, damage)
    found = loaded(root)
    assert (found.since, found.until) == (whole.since, whole.until)
    holes = unread(found)
    assert {hole.file for hole in holes} == {name}
    begin, end = START + number * HOUR_NS, START + (number + 1) * HOUR_NS
    assert begin <= min(hole.since for hole in holes) < end
    assert end - 2 * MINUTE_NS < max(hole.until or 0 for hole in holes) <= end
    if damage is not cut:
        assert min(hole.since for hole in holes) < begin + MINUTE_NS
    assert [each for each in found.entries if isinstance(each, Hole)] == holes
    assert {each.kind for each in absences(found) if each.reason == "unread"} == {"hole"}
    known, right = minutes(found), minutes(whole)
    dark = min(hole.since for hole in holes) + MINUTE_NS
    for at in range(START, found.until - MINUTE_NS, MINUTE_NS):
        if dark <= at < end - MINUTE_NS:
            assert known.at(at) == "unknown" or known.at(at) == right.at(at) == "lost"
        elif not begin - MINUTE_NS <= at <= end:
            assert known.at(at) == right.at(at), (at - START) // MINUTE_NS
    assert known.at(BROKE + 2 * MINUTE_NS) == "lost"
    assert named(found.entries) == named(whole.entries)
    sentence = explain(found, SYMBOL, end - 2 * MINUTE_NS, "unknown", ()).sentence
    assert name in sentence


@pytest.mark.parametrize("damage", [removed, cut, rotted])
def test_the_kept_ledger_says_the_same(damage: Damage, sound: Path, tmp_path: Path) -> None:
    """Stored, made again from raw, and read; a rebuild names the segment."""
    root, name = damaged(sound, tmp_path, 1, damage)
    found = loaded(root)
    store.update(root, FEED)
    assert loaded(root) == found
    kept = stored(root)
    proof = proved(root)
    assert proof.ledger.unread == [name]
    assert (proof.ledger.written, proof.ledger.problems) == ([], [])
    assert stored(root) == kept


@pytest.mark.parametrize("damage", [removed, cut, rotted])
def test_what_was_gathered_in_time_is_believed(damage: Damage, sound: Path, tmp_path: Path) -> None:
    """With its facts a segment tells everything it told, whatever became of its bytes."""
    root = Path(shutil.copytree(sound, tmp_path / "a"))
    known = loaded(root)
    damage(sorted(root.glob("raw/*/*/*.zst"))[1])
    (root / layout.day(FEED, "2027-01-15")).unlink()
    assert loaded(root) == known
    assert proved(root).ledger.unread == []


def test_a_twin_that_can_be_read_knows_what_came(sound: Path, tmp_path: Path) -> None:
    """Another writer's connection held it all the time: nothing is unknown."""
    root = Path(shutil.copytree(sound, tmp_path / "a"))
    whole = minutes(loaded(root))
    shutil.rmtree(root / layout.LEDGER)
    gone = sorted(root.glob("raw/*/*/*.zst"))[1]
    twin = Talk(7, START - SECOND_NS)
    (tmp_path / "b").mkdir()
    live(tmp_path / "b" / "x", life(twin, START + 3 * HOUR_NS - 15 * MINUTE_NS), interval_s=3600)
    for path in (tmp_path / "b" / "x" / layout.RAW).rglob("*"):
        if path.is_file():
            target = root / path.relative_to(tmp_path / "b" / "x")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target.with_name(target.name.replace("TEST_", "TWIN_")))
    gone.unlink()
    found = loaded(root)
    assert unread(found)
    at = START + HOUR_NS + 30 * MINUTE_NS
    assert (minutes(found).at(at), whole.at(at)) == ("complete", "complete")
