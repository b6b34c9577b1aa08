"""What was judged of the quality of what was recorded: scores, findings, trades compared."""

from typing import Final

from alembic import op

from ssmd.secmaster.migrations import run_sql

revision: Final = "p0002"
down_revision: Final = "p0001"
branch_labels: Final[str | None] = None
depends_on: Final[str | None] = None


def upgrade() -> None:
    """Make the tables."""
    run_sql(op.get_bind(), "0002_quality.sql")


def downgrade() -> None:
    """Take them away, data included."""
    run_sql(op.get_bind(), "0002_back.sql")
