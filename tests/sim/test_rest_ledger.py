"""The REST ledger: what was answered, provably written first."""

from hashlib import sha256
from pathlib import Path

import pytest

from ssmd.model.errors import Damaged
from ssmd.model.frame import Now
from ssmd.model.simulated import Answer
from ssmd.sim import rest_ledger
from ssmd.sim.rest_ledger import RestLedger

ASKED = ("GET", "main", "/markets")
NOW = Now(7, 1.0)


def written(directory: Path, *bodies: bytes, local: str = "127.0.0.1:9") -> None:
    ledger = RestLedger(directory, local, 5)
    for body in bodies:
        ledger.append(ASKED, [("a", "1"), ("a", "é&=")], Answer(200, body), NOW, gone=False)
    ledger.close()
    ledger.close()


def test_an_answer_is_read_back_with_all_that_tells_it_apart(tmp_path: Path) -> None:
    """Parameters in order, repeated ones too; of the body what proves it."""
    written(tmp_path, b"[]")
    record = rest_ledger.read(tmp_path)
    (answer,) = record.answers
    assert (answer.method, answer.service, answer.path) == ASKED
    assert answer.query == (("a", "1"), ("a", "é&="))
    assert (answer.ts, answer.status, answer.size) == (7, 200, 2)
    assert answer.sha256 == sha256(b"[]").hexdigest()
    assert record.locals == {"127.0.0.1:9"}


def test_a_restarted_server_goes_on_in_the_same_file(tmp_path: Path) -> None:
    """At another address, which is ours as well."""
    written(tmp_path, b"1", b"2")
    written(tmp_path, b"3", local="127.0.0.1:10")
    record = rest_ledger.read(tmp_path)
    assert record.locals == {"127.0.0.1:9", "127.0.0.1:10"}
    assert [answer.sha256 for answer in record.answers] == [
        sha256(body).hexdigest() for body in (b"1", b"2", b"3")
    ]


def test_what_was_not_sent_is_no_answer(tmp_path: Path) -> None:
    """A torn last line, and what was made for a client that had left."""
    ledger = RestLedger(tmp_path, "127.0.0.1:9", 5)
    ledger.append(ASKED, [], Answer(200, b"1"), NOW, gone=True)
    ledger.append(ASKED, [], Answer(200, b"2"), NOW, gone=False)
    ledger.append(ASKED, [], Answer(200, b"3"), NOW, gone=False)
    ledger.close()
    path = tmp_path / rest_ledger.NAME
    path.write_bytes(path.read_bytes()[:-3])
    (answer,) = rest_ledger.read(tmp_path).answers
    assert answer.sha256 == sha256(b"2").hexdigest()


def test_a_damaged_ledger_is_refused_and_none_is_empty(tmp_path: Path) -> None:
    """Evidence with a line missing proves nothing; a venue without REST answered nothing."""
    assert rest_ledger.read(tmp_path).answers == []
    written(tmp_path, b"1")
    with (tmp_path / rest_ledger.NAME).open("ab") as file:
        file.write(b'{"ts":\n')
    with pytest.raises(Damaged, match="no answer"):
        rest_ledger.read(tmp_path)
