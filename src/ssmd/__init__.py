"""SSMD records what exchanges say, proves that nothing was lost, and serves it back."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ssmd.access.opening import open_archive as open  # noqa: A004 - `ssmd.open`

__version__ = "0.1.0"
__all__ = ["__version__", "open"]


def __getattr__(name: str) -> object:
    """`ssmd.open` brings Polars and DuckDB with it, which no recording process needs."""
    if name == "open":
        from ssmd.access.opening import open_archive  # noqa: PLC0415 - see above

        return open_archive
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
