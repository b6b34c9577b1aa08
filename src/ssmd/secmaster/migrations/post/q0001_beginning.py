"""Where the revisions begin that take away what old code still needed: nothing yet."""

from typing import Final

revision: Final = "q0001"
down_revision: Final[str | None] = None
branch_labels: Final = ("post",)
depends_on: Final = "p0001"


def upgrade() -> None:
    """Nothing was there before."""


def downgrade() -> None:
    """Nothing comes back."""
