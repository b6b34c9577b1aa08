"""The security master: instruments and what belongs to them, with a history nobody can avoid."""

from typing import Final

from alembic import op

from ssmd.secmaster.migrations import run_sql

revision: Final = "p0001"
down_revision: Final[str | None] = None
branch_labels: Final = ("pre",)
depends_on: Final[str | None] = None

_PARTS: Final = ("changes", "history", "tables", "operation", "sync")


def upgrade() -> None:
    """Make everything."""
    for part in _PARTS:
        run_sql(op.get_bind(), f"0001_{part}.sql")


def downgrade() -> None:
    """Take everything away, data included."""
    run_sql(op.get_bind(), "0001_back.sql")
