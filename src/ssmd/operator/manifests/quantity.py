"""Amounts of bytes, from how Kubernetes writes them and back. Pure."""

from typing import Final

from ssmd.feeds.resources import quantity

MIB: Final = 1 << 20


def number(amount: str) -> int:
    """An amount as a whole number, rounded down: `10Gi` is 10737418240."""
    return int(quantity(amount))


def mebibytes(size: int) -> str:
    """So many bytes, rounded up to whole `Mi`."""
    return f"{-(-size // MIB)}Mi"
