"""FOR RESEARCHERS: what is archived, as frames, tables, books, bars and SQL; `ssmd.open` leads here.

Nothing is imported here that takes time: Polars and DuckDB come with the first `ssmd.open`.
"""

from ssmd.access.errors import Incomplete

__all__ = ["Incomplete"]
