"""Brings a database's schema forward or back: `pre` before new code runs, `post` after the old went."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import msgspec
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, inspect, pool
from sqlalchemy.exc import DBAPIError, OperationalError

from ssmd.model.errors import ConfigError
from ssmd.runtime.unknown import did_you_mean
from ssmd.secmaster import telemetry
from ssmd.secmaster.address import Address
from ssmd.secmaster.errors import DatabaseAway, SchemaMismatch

Phase = Literal["pre", "post", "all"]
BASE: Final = "base"
"""Before the first revision."""
_FOLDER: Final = Path(__file__).parent / "migrations"
_PLACES: tuple[Path, ...] = (_FOLDER / "pre", _FOLDER / "post")
_ADDS: Final = "p"
"""First letter of revisions that are made before new code runs: they only add."""
_LOCK: Final = 5_355_341_420
"""Advisory lock: two services that start together migrate one after the other."""

_PATIENCE_S: Final = 30
"""Longest wait for a table, in seconds: meanwhile all who want it wait behind us."""


class Standing(msgspec.Struct, frozen=True):
    """Where a schema is.

    Attributes:
        revisions: Every revision that was made, in the order of their names.
        missing: Those this version knows that were not.
        foreign: Those that were made and this version does not know.
    """

    revisions: tuple[str, ...]
    missing: tuple[str, ...]
    foreign: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is no schema at all."""
        return not self.revisions and not self.foreign

    @property
    def is_ready(self) -> bool:
        """Whether this version of SSMD can work: all that it needs is there.

        What a newer one added disturbs nobody: old code goes on, and starts again, while new code
        is brought in. What a newer one took away is missing.
        """
        added = all(name.startswith(_ADDS) for name in self.foreign)
        return added and not any(name.startswith(_ADDS) for name in self.missing)

    @property
    def text(self) -> str:
        """For people."""
        return ", ".join((*self.revisions, *self.foreign)) or "nothing"


def standing(address: Address) -> Standing:
    """Where the schema of a database is.

    Raises:
        DatabaseAway: It does not answer.
    """
    with _connected(address) as connection:
        return _standing(connection)


def migrate(
    address: Address, phase: Phase = "all", *, to: str | None = None, back: bool = False
) -> tuple[Standing, Standing]:
    """Bring the schema somewhere; gives where it was and where it is.

    Two that do so at once do it one after the other; the second finds nothing to do.

    Args:
        address: The database.
        phase: Which revisions: those made before new code runs, after old code went, or both.
        to: A revision to stop at, `base` for none at all; None goes to the last.
        back: Whether to go back, which takes tables away, and what they hold.

    Raises:
        DatabaseAway: It does not answer.
        SchemaMismatch: A newer SSMD was here.
        ConfigError: There is no such revision, or the database refuses it.
    """
    with _connected(address) as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({_LOCK})")
        connection.exec_driver_sql(f"SET lock_timeout = '{_PATIENCE_S}s'")
        connection.commit()
        before = _standing(connection)
        if before.foreign:
            raise SchemaMismatch(address.public, before.text, "no more than it knows")
        config = _config(connection)
        try:
            for run, target in _steps(ScriptDirectory.from_config(config), phase, to, back=back):
                run(config, target)
        except (CommandError, DBAPIError) as error:
            words = " ".join(str(getattr(error, "orig", None) or error).split())
            message = f"The schema cannot be brought there: {words[:500]}."
            raise ConfigError(
                message, remedy="Nothing of that revision was kept; see `migrate --help`."
            ) from error
        after = _standing(connection)
    if before != after:
        telemetry.migrated(address.public, before.text, after.text)
    return before, after


def _steps(
    script: ScriptDirectory, phase: Phase, to: str | None, *, back: bool
) -> list[tuple[Callable[[Config, str], None], str]]:
    """What Alembic is to do, branch by branch: forward what adds comes first, back last."""
    remedy = "See `ssmd secmaster migrate --help`."
    if back and to is None:
        raise ConfigError("Say how far back: a revision, or `base`.", remedy=remedy)
    if to == BASE and not back:
        raise ConfigError("`base` lies behind: say `--back` as well.", remedy=remedy)
    branches = ["pre", "post"] if phase == "all" else [phase]
    if to is not None and to != BASE:
        known = {one.revision: one for one in script.walk_revisions()}
        if to not in known:
            message = f"There is no revision {to!r}.{did_you_mean(to, known)}"
            raise ConfigError(message, remedy=f"There are {', '.join(sorted(known))}.")
        branches = [each for each in branches if each in known[to].branch_labels]
        if not branches:
            raise ConfigError(f"The revision {to} is none of phase {phase}.", remedy=remedy)
    if back:
        return [(command.downgrade, f"{each}@{to}") for each in reversed(branches)]
    return [(command.upgrade, f"{each}@{to or 'head'}") for each in branches]


def _standing(connection: Connection) -> Standing:
    script = ScriptDirectory.from_config(_config(connection))
    heads: tuple[str, ...] = ()
    if inspect(connection).has_table("schema_revision", schema="ssmd"):
        options = {"version_table": "schema_revision", "version_table_schema": "ssmd"}
        heads = MigrationContext.configure(connection, opts=options).get_current_heads()
    connection.rollback()
    known = {revision.revision: revision for revision in script.walk_revisions()}
    foreign = sorted(set(heads) - known.keys())
    # A newer one of a branch was made after all of it that we know.
    passed = tuple(name[:1] for name in foreign)
    made = {name for name in known if name.startswith(passed)} if passed else set[str]()
    waiting = [*made, *(head for head in heads if head in known)]
    while waiting:  # Alembic keeps the last ones alone: what they build on was made before them
        name = waiting.pop()
        made.add(name)
        below = (known[name].down_revision, known[name].dependencies)
        waiting += [one for group in below for one in _names(group) if one not in made]
    return Standing(
        revisions=tuple(sorted(made)),
        missing=tuple(sorted(known.keys() - made)),
        foreign=tuple(foreign),
    )


def _names(group: str | list[str] | tuple[str, ...] | None) -> tuple[str, ...]:
    if group is None:
        return ()
    return (group,) if isinstance(group, str) else tuple(group)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(map(str, _PLACES)))
    config.attributes["connection"] = connection
    return config


def _connected(address: Address) -> Connection:
    engine = create_engine(address.alchemy, poolclass=pool.NullPool)
    try:
        return engine.connect()
    except OperationalError as error:
        reason = " ".join(str(error.orig).split())[:300]
        raise DatabaseAway(address.public, reason) from error
