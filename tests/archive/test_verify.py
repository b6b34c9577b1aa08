"""`verify` proves an archive from its files alone, and names what is wrong."""

import contextlib
import shutil
from pathlib import Path

import msgspec
import pytest

from ssmd.archive import identity, layout, manifest, reader, verify
from ssmd.archive.conservation import Problem, spell
from ssmd.model.envelope import LEDGER
from ssmd.model.errors import Damaged
from ssmd.model.timestamp import SECOND_NS, connection_id
from ssmd.sim.manual_clock import ManualClock
from tests.archive.made import START, Talk, archive, record, sent

STEP = 60 * SECOND_NS


class Built:
    """An archive of one connection over five sealed segments."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.talk = Talk()
        record(root, self.talk.life(74, step_ns=STEP), commits=10)
        self.manifests = sorted(root.glob("raw/*/*/*.manifest.json"))
        self.segments = sorted(root.glob("raw/*/*/*.jsonl.zst"))
        assert len(self.segments) == 5
        (self.head,) = root.glob("writers/*.json")

    def name(self, path: Path) -> str:
        return str(path.relative_to(self.root))

    def ordinals(self, index: int) -> tuple[tuple[int, int], ...]:
        """The frames a segment holds: fifteen a slot."""
        return ((index * 15, min(index * 15 + 14, 73)),)


@pytest.fixture
def built(tmp_path: Path) -> Built:
    """A sound archive."""
    return Built(tmp_path / "archive")


def found(built: Built, **expected: object) -> list[Problem]:
    """The problems with these fields; the archive must not be ok."""
    report = verify.verify(built.root)
    assert not report.ok
    return [
        problem
        for problem in report.problems
        if all(getattr(problem, key) == value for key, value in expected.items())
    ]


def test_a_sound_archive_is_ok(built: Built) -> None:
    """No false alarm; every byte is read, and the progress says so."""
    told: list[tuple[int, int]] = []
    report = verify.verify(built.root, progress=lambda *at: told.append(at))
    assert report.ok
    assert report.problems == []
    assert (report.segments, report.lines, report.frames) == (5, 76, 74)
    assert report.bytes_proved == sum(path.stat().st_size for path in built.segments)
    assert (report.manifest_proved, report.missing) == (0, 0)
    assert told[-1] == (report.bytes_proved, report.bytes_proved)
    assert msgspec.json.decode(msgspec.json.encode(report))["ok"] is True


@pytest.mark.parametrize("index", range(5))
@pytest.mark.parametrize("where", [0.0, 0.01, 0.3, 0.6, 0.9999])
def test_one_flipped_bit_is_found(index: int, where: float, built: Built) -> None:
    """Bit rot, anywhere in any segment."""
    path = built.segments[index]
    content = bytearray(path.read_bytes())
    content[int(len(content) * where)] ^= 1
    path.write_bytes(content)
    (problem,) = found(built, file=built.name(path))
    assert problem.kind == "segment"
    assert problem.connection == built.talk.id
    assert problem.ordinals == built.ordinals(index)
    assert f"{built.talk.id}, ordinals {spell(problem.ordinals)}" in str(problem)
    report = verify.verify(built.root)
    assert (report.manifest_proved, report.manifest_lines) == (len(content), 76 - report.lines)
    assert report.segments == 4
    assert report.missing == 0


def test_a_flip_that_decodes_to_the_same_is_found_too(tmp_path: Path) -> None:
    """The frame's header may lie about its window without harm to a reader: not the same file."""
    record(tmp_path, Talk().life(20))
    (path,) = tmp_path.glob("raw/*/*/*.jsonl.zst")
    sound = path.read_bytes()
    text = list(reader.read(tmp_path))
    same = 0
    for bit in range(8 * 8):
        content = bytearray(sound)
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        assert not verify.verify(tmp_path).ok
        with contextlib.suppress(Damaged):
            same += list(reader.read(tmp_path)) == text
    assert same


@pytest.mark.parametrize("index", range(5))
def test_a_deleted_segment_is_found(index: int, built: Built) -> None:
    """Its manifest stays, and says what it held: manifest-proved is not bytes-proved."""
    path = built.segments[index]
    size = path.stat().st_size
    path.unlink()
    (problem,) = found(built, file=built.name(path))
    assert (problem.connection, problem.ordinals) == (built.talk.id, built.ordinals(index))
    assert "it is gone" in problem.message
    assert verify.verify(built.root).manifest_proved == size


@pytest.mark.parametrize("index", range(5))
def test_a_segment_deleted_with_its_manifest_is_found(index: int, built: Built) -> None:
    """The first, the middle and the last of the chain: the next link, or the head, names it."""
    built.segments[index].unlink()
    built.manifests[index].unlink()
    (problem,) = found(built, kind="deleted")
    assert problem.file == built.name(built.segments[index])
    assert (problem.connection, problem.ordinals) == (built.talk.id, built.ordinals(index))
    if index < 4:  # without the closing record nobody knows where the connection ended
        (hole,) = found(built, kind="hole")
        assert (hole.connection, hole.ordinals) == (built.talk.id, built.ordinals(index))
    report = verify.verify(built.root)
    assert [connection.state for connection in report.connections] == [
        "open" if index == 4 else "failed"
    ]


def test_several_deleted_in_a_row_are_counted(built: Built) -> None:
    """The neighbour names the nearest; the numbers tell of the others."""
    for index in (1, 2, 3):
        built.segments[index].unlink()
        built.manifests[index].unlink()
    texts = [str(problem) for problem in found(built, kind="deleted")]
    assert any(built.name(built.segments[3]) in text for text in texts)
    assert any("number 2 to 3" in text for text in texts)
    (hole,) = found(built, kind="hole")
    assert hole.ordinals == ((15, 59),)


@pytest.mark.parametrize("with_manifest", [False, True])
def test_two_swapped_segments_are_found(with_manifest: bool, built: Built) -> None:
    """Each file must be the one its name says."""
    pairs = [built.segments[1:3]] + ([built.manifests[1:3]] if with_manifest else [])
    for one, other in pairs:
        spare = one.with_suffix(".spare")
        one.rename(spare)
        other.rename(one)
        spare.rename(other)
    problems = found(built, connection=built.talk.id)
    files = {problem.file for problem in problems}
    paths = built.manifests if with_manifest else built.segments
    assert {built.name(paths[1]), built.name(paths[2])} <= files
    assert {problem.ordinals for problem in problems} >= {built.ordinals(1), built.ordinals(2)}


@pytest.mark.parametrize("cut", [1, 50])
def test_a_cut_tail_is_found(cut: int, built: Built) -> None:
    """A sealed file has a size and an end."""
    path = built.segments[2]
    path.write_bytes(path.read_bytes()[:-cut])
    (problem,) = found(built, file=built.name(path))
    assert (problem.connection, problem.ordinals) == (built.talk.id, built.ordinals(2))


def test_a_deleted_head_is_found(built: Built) -> None:
    """Without it the end of the chain could be deleted unseen."""
    built.head.unlink()
    (problem,) = found(built, kind="head")
    assert problem.file == built.name(built.head)
    assert (problem.connection, problem.ordinals) == (built.talk.id, built.ordinals(4))


def test_an_archive_at_work_is_proved_without_false_alarms(tmp_path: Path) -> None:
    """Segments are sealed, renamed and chained while `verify` reads them."""
    talk = Talk()
    stream = sent(talk.life(600, step_ns=STEP))
    made = archive(tmp_path)
    written = 0

    def work(_done: int, _total: int) -> None:
        nonlocal written
        made.append(stream[written : written + 30])
        written += 30
        made.commit()
        made.seal_all()

    made.append(stream[:1])
    made.commit()
    work(0, 0)
    for _ in range(5):
        report = verify.verify(tmp_path, progress=work)
        assert report.ok, report.problems
    made.close()


def test_a_head_that_a_crash_left_behind_is_no_problem(built: Built) -> None:
    """The manifest is written first; the next start mends the head."""
    last = manifest.decode(built.manifests[4].read_bytes(), "x")
    head = manifest.read_head(built.root, last.writer)
    assert head is not None
    manifest.write_head(built.root, msgspec.structs.replace(head, last=last.previous))
    assert verify.verify(built.root).ok
    archive(built.root).close()
    again = manifest.read_head(built.root, last.writer)
    assert again is not None
    assert again.last == head.last


@pytest.mark.parametrize("content", [b"", b"{}", b'{"format":1}', b"\xff"])
@pytest.mark.parametrize("what", ["manifest", "head"])
def test_a_broken_manifest_or_head_is_found(what: str, content: bytes, built: Built) -> None:
    """The proof's own files are under proof too."""
    path = built.head if what == "head" else built.manifests[2]
    path.write_bytes(content)
    assert found(built, file=built.name(path))


def test_a_manifest_that_lies_is_found(built: Built) -> None:
    """What the lines amount to is counted again."""
    path = built.manifests[4]
    known = manifest.decode(path.read_bytes(), "x")
    lie = msgspec.structs.replace(known.contents, lines=known.contents.lines + 1)
    path.write_bytes(manifest.encode(msgspec.structs.replace(known, contents=lie)))
    kinds = {problem.kind for problem in found(built)}
    assert kinds == {"segment", "head"}


def test_another_archives_segment_is_found(built: Built, tmp_path: Path) -> None:
    """A forged member of the chain does not fit between its neighbours."""
    other = Built(tmp_path / "other")
    foreign = manifest.decode(other.manifests[2].read_bytes(), "x")
    known = manifest.decode(built.manifests[2].read_bytes(), "x")
    forged = msgspec.structs.replace(
        foreign, name=known.name, writer=known.writer, previous=known.previous
    )
    built.manifests[2].write_bytes(manifest.encode(forged))
    shutil.copy(other.segments[2], built.segments[2])
    (problem,) = found(built, kind="chain")
    assert problem.file == built.name(built.manifests[2])


def test_holes_between_commits_are_found(tmp_path: Path) -> None:
    """Received, and neither archived nor declared: frames, records, and parts."""
    talk = Talk()
    life = talk.life(50)
    part = talk.envelope("book", b"[1,", ordinal=30, part=0, parts=2)
    life = [part if each.ordinal == 30 else each for each in life]
    del life[11:14]
    record(tmp_path, [each for each in life if each.record != 0])
    problems = {problem.kind: problem for problem in verify.verify(tmp_path).problems}
    assert problems.keys() == {"hole", "parts", "record_hole"}
    assert problems["hole"].ordinals == ((10, 12),)
    assert problems["parts"].ordinals == ((30, 30),)
    assert problems["record_hole"].records == ((0, 0),)
    assert verify.verify(tmp_path).missing == 4


def test_a_declared_loss_is_no_hole_and_is_counted_apart(tmp_path: Path) -> None:
    """Received = archived + declared lost."""
    talk = Talk()
    life = [talk.opened(), *talk.frames(50)]
    del life[11:21]
    record(tmp_path, [*life, talk.lost((10, 19)), talk.closed()])
    report = verify.verify(tmp_path)
    assert report.ok, report.problems
    (connection,) = report.connections
    assert (connection.received, connection.archived, connection.declared_lost) == (50, 40, 10)


@pytest.mark.parametrize("backwards", [False, True])
def test_what_is_declared_after_the_end_is_closed_once_more(
    backwards: bool, tmp_path: Path
) -> None:
    """A refusal the bus gave late: the later closing record holds, in whatever order they come."""
    talk = Talk()
    life = [talk.opened(), *talk.frames(20)]
    del life[20]
    ends = [talk.closed(), talk.lost((19, 19)), talk.closed()]
    record(tmp_path, [*life, *(reversed(ends) if backwards else ends)])
    report = verify.verify(tmp_path)
    assert report.ok, report.problems


def test_a_loss_that_is_present_is_a_contradiction(tmp_path: Path) -> None:
    """Declared lost and archived cannot both be."""
    talk = Talk()
    record(tmp_path, [talk.opened(), *talk.frames(20), talk.lost((5, 9)), talk.closed()])
    (problem,) = verify.verify(tmp_path).problems
    assert (problem.kind, problem.ordinals) == ("lost_but_present", ((5, 9),))


def test_frames_beyond_the_closing_record_are_found(tmp_path: Path) -> None:
    """The closing record says how many there were."""
    talk = Talk()
    record(tmp_path, [talk.opened(), *talk.frames(20), talk.closed(last=14)])
    (problem,) = verify.verify(tmp_path).problems
    assert (problem.kind, problem.ordinals) == ("beyond_closing", ((15, 19),))


def test_a_frame_that_rests_twice_is_found(tmp_path: Path) -> None:
    """Exactly once, over all segments: two writers of one stream would double it."""
    talk = Talk()
    life = talk.life(20)
    record(tmp_path, life[:15])
    (ident,) = [identity.read(tmp_path)]
    assert ident is not None
    (tmp_path / layout.IDENTITY).write_bytes(
        msgspec.json.encode(msgspec.structs.replace(ident, id="ffffffff"))
    )
    record(tmp_path, life[10:])
    (problem,) = verify.verify(tmp_path).problems
    assert (problem.kind, problem.ordinals) == ("twice", ((9, 13),))
    assert problem.file is not None
    assert "ffffffff" in problem.file


def test_a_connection_without_an_end_is_open_then_unknown(tmp_path: Path) -> None:
    """Never ok: and once it has a successor, nobody will say any more how long it was."""
    first = Talk()
    record(tmp_path / "a", [first.opened(), *first.frames(5)])
    report = verify.verify(tmp_path / "a")
    assert report.ok
    assert [(c.state, c.received) for c in report.connections] == [("open", None)]
    second = Talk(0, ts=START + SECOND_NS, previous=first.id)
    record(tmp_path / "b", [*Talk().life(5)[:-1], *second.life(3)])
    report = verify.verify(tmp_path / "b")
    assert [(c.state, c.successor) for c in report.connections] == [
        ("unknown", second.id),
        ("ok", None),
    ]
    (problem,) = report.problems
    assert (problem.kind, problem.connection) == ("unknown", first.id)
    assert second.id in problem.message


def test_a_planned_reconnect_at_work_is_no_alarm(tmp_path: Path) -> None:
    """While a segment is open the closing record may still be on its way."""
    first = Talk()
    second = Talk(0, ts=START + SECOND_NS, previous=first.id)
    made = archive(tmp_path)
    made.append(sent([first.opened(), *first.frames(5), second.opened("planned")]))
    made.commit()
    report = verify.verify(tmp_path)
    assert report.ok, report.problems
    assert [c.state for c in report.connections] == ["open", "open"]
    assert [segment.lines for segment in report.open_segments] == [7]
    made.close()


@pytest.mark.parametrize(("age_s", "ok"), [(-3600, True), (3600, False)])
def test_a_connection_that_left_no_trace_is_found(age_s: int, ok: bool, tmp_path: Path) -> None:
    """The opening record names its predecessor; one from before the archive began is excused."""
    ghost = connection_id("kraken", 0, START + age_s * SECOND_NS, 1)
    made = archive(tmp_path, ManualClock(START))
    made.append(sent(Talk(previous=ghost).life(3)))
    made.commit()
    made.seal_all()
    made.close()
    report = verify.verify(tmp_path)
    assert report.ok == ok
    assert ok or report.problems[0].connection == ghost


def test_venue_gaps_are_facts_not_problems(tmp_path: Path) -> None:
    """A gap is their loss; a hole is ours."""
    talk = Talk()
    record(
        tmp_path, [talk.opened(), *talk.frames(5), talk.gap(), talk.gap("ETH/USD"), talk.closed()]
    )
    report = verify.verify(tmp_path)
    assert report.ok, report.problems
    assert report.gaps == 2


def test_a_record_we_cannot_read_harms_nothing(tmp_path: Path) -> None:
    """A newer connector may say what this reader does not know."""
    talk = Talk()
    talk.record = 1
    odd = [
        talk.envelope(LEDGER, payload, record=number)
        for number, payload in enumerate([b'{"event":"new"}', b"\xff", b"{}"], 1)
    ]
    talk.record = 0
    opened = talk.opened()
    talk.record = 4
    record(tmp_path, [opened, *odd, talk.closed()])
    assert verify.verify(tmp_path).ok
