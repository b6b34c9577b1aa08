"""A process that dies at its n-th step towards durability."""

import os
from collections.abc import Callable
from typing import Any

import pytest


class Crash(BaseException):
    """The process is dead from here on."""


class Mortal:
    """Kills whoever calls one of the system's durable steps for the n-th time."""

    STEPS = ("fsync", "fdatasync", "rename", "link", "unlink", "mkdir", "write")

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.left = -1
        for name in self.STEPS:
            patch.setattr(os, name, self._wrap(getattr(os, name)))

    def _wrap(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def mortal(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - any system call
            if self.left == 0:
                raise Crash
            self.left -= 1
            return step(*args, **kwargs)

        return mortal
