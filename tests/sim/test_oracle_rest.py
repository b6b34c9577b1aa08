"""The oracle on REST: every answer is archived, declared lost, or missed by a known request."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import msgspec
import pytest

from ssmd.model import records
from ssmd.model.envelope import CONNECTION, LEDGER, REST, SENT, Envelope
from ssmd.model.frame import Now, Opcode
from ssmd.model.simulated import Answer, Emission
from ssmd.model.timestamp import SECOND_NS, connection_id
from ssmd.sim import rest_ledger
from ssmd.sim.ledger import SocketLedger, read
from ssmd.sim.oracle import Conservation, judge
from ssmd.sim.rest_ledger import RestLedger

T0 = 1_800_000_000 * SECOND_NS
LOCAL = "127.0.0.1:9100"
BODIES = (b'[{"a":1}]', b"[]", b"[]", b'{"error":1}')
NAME = connection_id("kraken", "rest", T0, 1)


def answer(directory: Path, *bodies: bytes) -> None:
    """A server that answered these bodies."""
    ledger = RestLedger(directory, LOCAL, T0)
    for body in bodies:
        ledger.append(("GET", "main", "/x"), [], Answer(200, body), Now(T0, 1.0), gone=False)
    ledger.close()


def envelope(
    type_: str, payload: bytes, *, record: int | None = None, ordinal: int | None = None
) -> Envelope:
    return Envelope(
        feed="kraken", category=None, type=type_, symbols=(), connection=NAME, ordinal=ordinal,
        record=record, part=0, parts=1, opcode=Opcode.TEXT, sequence=None, ts_event=None,
        ts_recv=T0, payload=payload,
    )  # fmt: skip


def opened(host: str = LOCAL) -> Envelope:
    payload = records.Opened(
        feed="kraken", venue="kraken", shard="rest", endpoint=f"http://{host}/main", local="",
        peer="", previous=None, reason="start", version="0", host="h",
    )  # fmt: skip
    return envelope(CONNECTION, records.encode(payload), record=0)


def kept(*bodies: bytes | None, host: str = LOCAL) -> list[Envelope]:
    """A connection that asked for these bodies; None stands for an answer that never came."""
    numbers: Iterator[int] = count(1)
    ordinals = count()
    found = [opened(host)]
    for body in bodies:
        request = next(numbers)
        url = b'{"method":"GET","url":"http://%b/main/x?a=b"}' % host.encode()
        found.append(envelope(SENT, url, record=request))
        ordinal = None if body is None else next(ordinals)
        if body is not None:
            found.append(envelope(REST, body, ordinal=ordinal))
        fetched = records.Fetched(
            request=request, ordinal=ordinal, status=200, duration_s=0.1, purpose="discovery"
        )
        found.append(envelope(LEDGER, records.encode(fetched), record=next(numbers)))
    last = next(ordinals) - 1
    number = next(numbers)
    closed = records.Closed(last_ordinal=last, last_record=number, by="connector", reason="x")
    return [*found, envelope(CONNECTION, records.encode(closed), record=number)]


def judged(directory: Path, envelopes: list[Envelope]) -> Conservation:
    return judge(read(directory), envelopes, rest_ledger.read(directory))


def test_answers_that_are_all_archived_are_ok(tmp_path: Path) -> None:
    """In any order: requests overlap; equal bodies count as often as they were sent."""
    answer(tmp_path, *BODIES)
    for envelopes in (kept(*BODIES[::-1]), kept(*BODIES)[::-1]):
        assert judged(tmp_path, envelopes) == Conservation(
            emitted=4, received=4, archived=4, answers=4, connections=1, ok=True, problems=[]
        )


def test_an_answer_nobody_heard_belongs_to_a_request_that_says_so(tmp_path: Path) -> None:
    """A time-out, or a kill between asking and hearing: the request is on record without it."""
    answer(tmp_path, *BODIES)
    timed_out = judged(tmp_path, kept(BODIES[0], BODIES[1], None, BODIES[3]))
    assert (timed_out.ok, timed_out.in_outage, timed_out.archived) == (True, 1, 3)
    killed = kept(*BODIES)
    dead = [e for e in killed[:-1] if e.ordinal != 3][:-1]
    closing = records.Closed(last_ordinal=2, last_record=20, by="recovery", reason="crash")
    found = judged(tmp_path, [*dead, envelope(CONNECTION, records.encode(closing), record=20)])
    assert (found.ok, found.in_outage, found.received) == (True, 1, 3), found.problems


def test_a_declared_body_is_no_hole(tmp_path: Path) -> None:
    """A body that could not be kept, and said so."""
    answer(tmp_path, *BODIES)
    envelopes = [e for e in kept(*BODIES) if e.ordinal != 1]
    lost = records.Lost(ordinals=((1, 1),), reason="oversize")
    found = judged(tmp_path, [*envelopes, envelope(LEDGER, records.encode(lost), record=30)])
    assert (found.ok, found.declared_lost, found.holes, found.in_outage) == (True, 1, 0, 0)


@pytest.mark.parametrize(
    ("damage", "counts", "says"),
    [
        pytest.param(lambda all_: [e for e in all_ if e.ordinal != 1], {"holes": 1},
                     "bodies 1 were received and are neither", id="body missing"),
        pytest.param(lambda _: kept(b"[1]", *BODIES[1:]), {"mismatches": 1, "holes": 0},
                     "bodies 0 are archived and are no answers", id="changed bytes"),
        pytest.param(lambda _: kept(*BODIES, b"[]"), {"mismatches": 1, "received": 5},
                     "bodies 4 are archived and are no answers", id="a body too many"),
        pytest.param(lambda _: kept(*BODIES[:3]), {"holes": 1, "received": 3},
                     "1 REST answers were sent, and no request", id="request not on record"),
        pytest.param(lambda _: [], {"holes": 4, "connections": 0},
                     "4 REST answers were sent, and no request", id="empty archive"),
        pytest.param(lambda all_: all_[:-1], {"received": 4}, "no closing record", id="not closed"),
        pytest.param(lambda all_: [*all_, all_[2]], {"duplicates": 1}, "more than once",
                     id="body twice"),
    ],
)  # fmt: skip
def test_each_way_to_be_wrong_is_found(
    tmp_path: Path,
    damage: Callable[[list[Envelope]], list[Envelope]],
    counts: dict[str, int],
    says: str,
) -> None:
    """One lie at a time, and the sentence names it."""
    answer(tmp_path, *BODIES)
    found = judged(tmp_path, damage(kept(*BODIES)))
    assert not found.ok
    assert any(says in problem for problem in found.problems), found.problems
    assert {key: getattr(found, key) for key in counts} == counts


def test_rest_of_other_venues_is_not_looked_at(tmp_path: Path) -> None:
    """Several simulated venues fill one archive, each with a ledger of its own."""
    answer(tmp_path, *BODIES)
    id_ = connection_id("other", "rest", T0, 2)
    others = [
        msgspec.structs.replace(each, connection=id_)
        for each in kept(b"[9]", host="127.0.0.1:9200")
    ]
    found = judged(tmp_path, kept(*BODIES) + others)
    assert (found.ok, found.connections, found.archived) == (True, 1, 4)


def test_a_rest_connection_declares_no_outage_of_sockets(tmp_path: Path) -> None:
    """What a socket said while only REST was away is missing all the same."""
    answer(tmp_path, *BODIES)
    socket = SocketLedger(tmp_path, "127.0.0.1:9000", "127.0.0.1:5000", T0)
    socket.append([Emission(b"1")], T0 + SECOND_NS)
    socket.close(T0 + 2 * SECOND_NS, "closed")
    found = judged(tmp_path, kept(*BODIES))
    assert (found.ok, found.holes, found.in_outage) == (False, 1, 0)
