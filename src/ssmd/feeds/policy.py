"""Finds the policy by which quality is judged: a file of one's own, or what is shipped."""

from importlib.resources import files
from pathlib import Path
from typing import Final

from ssmd.feeds.quality import QualityPolicy
from ssmd.runtime import settings

_SHIPPED: Final = "quality.yaml"


def load_policy(path: Path | None = None) -> QualityPolicy:
    """The policy in a file, or the one that is shipped.

    Args:
        path: A quality.yaml; None takes the shipped one.

    Raises:
        ConfigError: It is not acceptable.
    """
    if path is not None:
        return settings.load(path, QualityPolicy)
    return settings.parse(shipped_policy(), QualityPolicy, where=_SHIPPED)


def shipped_policy() -> str:
    """The text of the shipped quality.yaml, to begin one's own with."""
    return files("ssmd.feeds").joinpath(_SHIPPED).read_text(encoding="utf-8")
