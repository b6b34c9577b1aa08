"""The schema's revisions: `pre` before new code runs, `post` after old code has gone."""

from importlib import resources

from sqlalchemy import Connection


def run_sql(connection: Connection, name: str) -> None:
    """Run one of the files in `sql/` as it stands: a `%` in it is no parameter."""
    text = (resources.files(__name__) / "sql" / name).read_text(encoding="utf-8")
    connection.execution_options(no_parameters=True).exec_driver_sql(text)
