"""How a real database stands, told by looking."""

import psycopg
import pytest

from ssmd.secmaster.address import Address
from ssmd.secmaster.errors import DatabaseAway
from ssmd.secmaster.survey import survey
from tests.secmaster.server import Server


async def test_a_database_is_told_of_as_it_stands(server: Server) -> None:
    """Empty, then with our schema, then with a slot that nobody reads; and never its password."""
    empty = server.empty()
    try:
        found = await survey(empty, "ssmd_cdc", timeout_s=10)
        assert (found.schema.is_empty, found.slot) == (True, None)
        assert found.major >= 16
    finally:
        server.drop(empty)
    made = server.migrated()
    slot = "ssmd_survey"
    try:
        with psycopg.connect(made.url, autocommit=True) as connection:
            query = "SELECT pg_create_logical_replication_slot(%s, 'pgoutput')"
            connection.execute(query, (slot,))
        found = await survey(made, slot, timeout_s=10)
        assert (found.schema.is_ready, found.schema.missing) == (True, ())
        assert found.wal_level == "logical"
        assert found.slot is not None
        assert (found.slot.active, found.slot.wal_status) == (False, "reserved")
        assert found.slot.behind_bytes < 1 << 30
        assert (await survey(made, "another", timeout_s=10)).slot is None
        assert ":" not in found.address
    finally:
        server.drop(made)


async def test_a_slot_of_another_database_is_not_ours(server: Server) -> None:
    """Two security masters of one server have slots of the same name only by mistake."""
    one, other = server.migrated(), server.migrated()
    try:
        with psycopg.connect(one.url, autocommit=True) as connection:
            connection.execute("SELECT pg_create_logical_replication_slot('theirs', 'pgoutput')")
        assert (await survey(one, "theirs", timeout_s=10)).slot is not None
        assert (await survey(other, "theirs", timeout_s=10)).slot is None
    finally:
        server.drop(one)
        server.drop(other)


@pytest.mark.parametrize("password", ["wrong-of-the-survey", "zz%25zz"])
async def test_a_database_that_does_not_let_us_in_is_away(server: Server, password: str) -> None:
    """In its own words, which do not hold the password."""
    parts = server.embedded.address.url.partition("@")
    user = parts[0].rpartition(":")[0]
    wrong = Address(f"{user}:{password}{parts[1]}{parts[2]}")
    with pytest.raises(DatabaseAway) as caught:
        await survey(wrong, "x", timeout_s=10)
    assert "password" in caught.value.message
    assert password not in str(caught.value)
