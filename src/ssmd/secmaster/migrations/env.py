"""How Alembic runs our revisions: in one transaction, in our schema."""

from typing import Final

from alembic import context
from sqlalchemy import Connection, text

SCHEMA: Final = "ssmd"


def run(connection: Connection) -> None:
    """Run what was asked for on a connection that the caller opened."""
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
    connection.commit()
    context.configure(
        connection=connection,
        version_table="schema_revision",
        version_table_schema=SCHEMA,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
