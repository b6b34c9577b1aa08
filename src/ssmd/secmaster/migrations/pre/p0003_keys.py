"""Who may ask the HTTP API what: keys, how they were used, and what was done by whom."""

from typing import Final

from alembic import op

from ssmd.secmaster.migrations import run_sql

revision: Final = "p0003"
down_revision: Final = "p0002"
branch_labels: Final[str | None] = None
depends_on: Final[str | None] = None


def upgrade() -> None:
    """Make the tables."""
    run_sql(op.get_bind(), "0003_keys.sql")


def downgrade() -> None:
    """Take them away, data included."""
    run_sql(op.get_bind(), "0003_back.sql")
