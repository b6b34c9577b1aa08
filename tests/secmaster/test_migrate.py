"""The schema goes forward and back, in two steps around a roll-out, once whoever asks how often."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from ssmd.cli.secmaster_migrate import command
from ssmd.model.errors import ConfigError
from ssmd.runtime.clock import SystemClock
from ssmd.secmaster import migrate
from ssmd.secmaster.address import Address
from ssmd.secmaster.database import open_database
from ssmd.secmaster.errors import SchemaMismatch
from tests.secmaster.server import Server, connect

ADDS = """
from alembic import op
revision, down_revision, branch_labels, depends_on = "p0004", "p0003", None, None

def upgrade():
    for table in ("series", "series_version"):
        op.execute(f"ALTER TABLE ssmd.{table} ADD COLUMN note text")
    op.execute("SELECT ssmd.keep_history('series', 'venue, symbol')")

def downgrade():
    for table in ("series", "series_version"):
        op.execute(f"ALTER TABLE ssmd.{table} DROP COLUMN note")
    op.execute("SELECT ssmd.keep_history('series', 'venue, symbol')")
"""
TAKES = """
from alembic import op
revision, down_revision, branch_labels, depends_on = "q0002", "q0001", None, "p0004"

def upgrade():
    for table in ("series", "series_version"):
        op.execute(f"ALTER TABLE ssmd.{table} DROP COLUMN frequency")
    op.execute("SELECT ssmd.keep_history('series', 'venue, symbol')")

def downgrade():
    for table in ("series", "series_version"):
        op.execute(f"ALTER TABLE ssmd.{table} ADD COLUMN frequency text")
    op.execute("SELECT ssmd.keep_history('series', 'venue, symbol')")
"""
FAILS = """
from alembic import op
revision, down_revision, branch_labels, depends_on = "p0004", "p0003", None, None

def upgrade():
    op.execute("CREATE TABLE ssmd.half (id int)")
    op.execute("SELECT no_such_column FROM ssmd.series")
"""
INSERT = "INSERT INTO series (venue, symbol, title, details, payload) VALUES ('v', %s, 'old', '{}', '{}')"
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.fixture
def empty(server: Server) -> Iterator[Address]:
    """A database with nothing in it."""
    made = server.empty()
    yield made
    server.drop(made)


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes us the next version of SSMD, or this one again."""
    places = migrate._PLACES

    def be(**revisions: str) -> None:
        for name, text in revisions.items():
            (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        more = (tmp_path,) if revisions else ()
        monkeypatch.setattr(migrate, "_PLACES", (*places, *more))

    return be


def relations(address: Address) -> set[str]:
    """All that there is in our schema, and what is published."""
    with connect(address) as session:
        query = (
            "SELECT relname::text FROM pg_class WHERE relnamespace = 'ssmd'::regnamespace UNION ALL"
            " SELECT proname FROM pg_proc WHERE pronamespace = 'ssmd'::regnamespace UNION ALL"
            " SELECT typname FROM pg_type WHERE typnamespace = 'ssmd'::regnamespace UNION ALL"
            " SELECT pubname FROM pg_publication"
        )
        return {name for (name,) in session.execute(query)}


def test_forward_and_back_and_forward_again(empty: Address) -> None:
    """Nothing stays of a schema that was taken away, and it can be made anew."""
    before, after = migrate.migrate(empty)
    assert before.is_empty
    assert (after.revisions, after.missing, after.is_ready) == (
        ("p0001", "p0002", "p0003", "q0001"),
        (),
        True,
    )
    there = relations(empty)
    assert {"instrument_version", "seal", "ssmd", "textrange"} <= there
    with connect(empty) as session:
        session.execute(INSERT, ("s",))
    assert migrate.migrate(empty) == (after, after)
    _, gone = migrate.migrate(empty, to="base", back=True)
    assert gone.is_empty
    assert {name.partition("schema_revision")[0].lstrip("_") for name in relations(empty)} == {""}
    migrate.migrate(empty)
    assert relations(empty) == there


def test_the_two_phases_are_apart(empty: Address) -> None:
    """What takes away waits until it is asked for; what it needs comes with it."""
    _, after = migrate.migrate(empty, "pre")
    assert (after.revisions, after.missing) == (("p0001", "p0002", "p0003"), ("q0001",))
    assert after.is_ready
    _, after = migrate.migrate(empty, "post")
    assert after.missing == ()
    _, after = migrate.migrate(empty, "post", to="base", back=True)
    assert after.revisions == ("p0001", "p0002", "p0003")


def test_a_roll_out_with_old_code_beside_new(
    address: Address, newer: Callable[..., None], tmp_path: Path
) -> None:
    """A column comes while old code writes, and what was known before is told as it was."""

    async def old_code() -> None:
        async with open_database(address.url, tmp_path, SystemClock()) as database:
            async with database.session() as session:
                for _ in range(8):  # often enough that a driver would prepare it
                    await session.execute("SELECT * FROM series")
                await session.commit()
                newer(p0004=ADDS, q0002=TAKES)
                await asyncio.to_thread(migrate.migrate, address, "pre")
                newer()
                await session.execute("SELECT * FROM series")
            async with database.writing("old") as session:
                await session.execute(INSERT, ("b",))
                await session.execute("UPDATE series SET title = 'old too'")

    with connect(address) as session:
        session.execute(INSERT, ("a",))
        (then,) = session.execute("SELECT clock_timestamp()").fetchone() or (None,)
        asyncio.run(old_code())
        standing = migrate.standing(address)
        assert standing.foreign == ("p0004",)
        assert standing.is_ready  # old code starts again, too
        asyncio.run(open_and_close(address, tmp_path))
        session.execute(
            "UPDATE series SET note = 'new', told_from = '2020-01-01' WHERE symbol = 'a'"
        )
        query = "SELECT symbol, title, note FROM series_as_of(%s, %s) ORDER BY 1"
        assert session.execute(query, (then, then)).fetchall() == [("a", "old", None)]
        now = "SELECT symbol, title, note FROM series_as_of(now()) ORDER BY 1"
        assert session.execute(now).fetchall() == [("a", "old too", "new"), ("b", "old too", None)]
        told = "SELECT title, note FROM series_as_of(%s, now())"  # as it is known by now
        assert session.execute(told, (then,)).fetchall() == [("old", "new")]
        newer(p0004=ADDS, q0002=TAKES)
        migrate.migrate(address, "post")
        session.execute("UPDATE series SET title = 'newest'")
        assert session.execute(query, (then, then)).fetchall() == [("a", "old", None)]
        assert session.execute("SELECT * FROM check_history('series')").fetchall() == []
        newer()
        assert not migrate.standing(address).is_ready
        with pytest.raises(SchemaMismatch, match=r"q0002.*newer SSMD"):
            asyncio.run(open_and_close(address, tmp_path))
        newer(p0004=ADDS, q0002=TAKES)
        for to in ("q0001", "p0003"):
            migrate.migrate(address, to=to, back=True)
        assert migrate.standing(address).revisions == ("p0001", "p0002", "p0003", "q0001")
        session.execute("UPDATE series SET title = 'back', frequency = 'daily'")
        assert session.execute("SELECT * FROM check_history('series')").fetchall() == []


async def open_and_close(address: Address, folder: Path) -> None:
    """What code does that starts."""
    async with open_database(address.url, folder, SystemClock()):
        pass


def test_new_code_does_not_start_on_an_old_schema(
    address: Address, newer: Callable[..., None], tmp_path: Path
) -> None:
    """A database that is shared is not migrated by whoever starts first."""
    newer(p0004=ADDS)
    with pytest.raises(
        SchemaMismatch, match=r"at p0001, p0002, p0003, q0001; this version needs p0004.*migrate"
    ):
        asyncio.run(open_and_close(address, tmp_path))
    assert migrate.standing(address).missing == ("p0004",)


def test_a_schema_of_a_newer_version_is_left_alone(
    address: Address, newer: Callable[..., None]
) -> None:
    """An old `migrate`, forward or back, would not know what it does."""
    newer(p0004=ADDS)
    migrate.migrate(address)
    newer()
    for back in (False, True):
        with pytest.raises(SchemaMismatch, match=r"p0004"):
            migrate.migrate(address, to="base" if back else None, back=back)
    newer(p0004=ADDS)
    assert migrate.standing(address).foreign == ()


def test_a_revision_that_fails_leaves_nothing_of_itself(
    address: Address, newer: Callable[..., None]
) -> None:
    """Half a revision is none: it can be mended and made again."""
    newer(p0004=FAILS)
    there = relations(address)
    with pytest.raises(ConfigError, match=r"no_such_column.*Nothing of that revision was kept"):
        migrate.migrate(address)
    assert relations(address) == there
    newer(p0004=ADDS)
    _, after = migrate.migrate(address)
    assert after.missing == ()


async def test_two_who_migrate_at_once_do_it_once(empty: Address, server: Server) -> None:
    """The second waits for the first, and finds nothing to do."""
    with connect(empty) as first:
        first.execute("SELECT pg_advisory_lock(%s)", (migrate._LOCK,))
        both = [asyncio.create_task(asyncio.to_thread(migrate.migrate, empty)) for _ in range(2)]
        with connect(empty) as session:
            while session.execute(WAITING).fetchone() != (2,):
                await asyncio.sleep(0.01)
        first.execute("SELECT pg_advisory_unlock(%s)", (migrate._LOCK,))
        told = await asyncio.gather(*both)
    assert sorted(before.is_empty for before, _ in told) == [False, True]
    assert {after.revisions for _, after in told} == {("p0001", "p0002", "p0003", "q0001")}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"to": "p9"}, r"no revision 'p9'.*p0001"),
        ({"to": "q0001", "phase": "pre"}, "none of phase pre"),
        ({"back": True}, "Say how far back"),
        ({"to": "base"}, "lies behind"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    address: Address, arguments: dict[str, str], words: str
) -> None:
    """A slip of the hand changes nothing."""
    with pytest.raises(ConfigError, match=words):
        migrate.migrate(address, **arguments)  # type: ignore[arg-type]
    assert migrate.standing(address).missing == ()


def test_the_command(empty: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was done is said; data is lost by those alone who say that they mean it."""

    def run(*words: str) -> tuple[int, str, BaseException | None]:
        done = CliRunner().invoke(command, [*words, "--database", empty.url])
        return done.exit_code, done.stdout, done.exception

    monkeypatch.delenv("DATABASE_URL", raising=False)
    code, said, _ = run("--phase", "pre")
    assert (code, "was at nothing, and is at p0001, p0002, p0003" in said) == (0, True)
    _, said, _ = run("--json")
    assert json.loads(said.splitlines()[-1]) == {
        "database": empty.public,
        "before": ["p0001", "p0002", "p0003"],
        "after": ["p0001", "p0002", "p0003", "q0001"],
        "missing": [],
    }
    _, said, _ = run()
    assert "nothing to do" in said
    _, _, error = run("--back", "--to", "base")
    assert isinstance(error, ConfigError)
    assert "--yes" in str(error)
    assert migrate.standing(empty).missing == ()
    _, said, _ = run("--back", "--to", "base", "--yes")
    assert "is at nothing" in said


def test_the_command_takes_the_embedded_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a URL it is the one below --dir."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    done = CliRunner().invoke(command, ["--dir", str(tmp_path), "--json"])
    assert done.exception is None
    assert json.loads(done.stdout.splitlines()[-1])["after"] == ["p0001", "p0002", "p0003", "q0001"]
