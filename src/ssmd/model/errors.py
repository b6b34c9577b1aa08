"""Errors that say what is wrong and what to do.

SsmdError
├── ConfigError      a file, variable or argument is not acceptable (exit code 2)
├── Unavailable      something we depend on is away; doing it again later can succeed
├── Busy             another process owns what we need (exit code 2)
└── Damaged          bytes on disk are not what was written
"""

from typing import ClassVar


class SsmdError(Exception):
    """Something this package refuses to do, with what to do about it."""

    retryable: ClassVar[bool] = False
    """Whether doing the same thing again later can succeed."""

    exit_code: ClassVar[int] = 1
    """What the command line exits with when nobody caught it."""

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} Remedy: {self.remedy}"


class ConfigError(SsmdError):
    """A file, variable or argument is not acceptable."""

    exit_code = 2


class Unavailable(SsmdError):
    """Something we depend on is away."""

    retryable = True


class Busy(SsmdError):
    """Another process owns what we need."""

    exit_code = 2


class Damaged(SsmdError):
    """Bytes on disk are not what was written."""
