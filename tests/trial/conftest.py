"""The made-up venue's own tests run where it is a venue: in the copy that the trial makes."""

from pathlib import Path


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Here its name is not known, and importing them would fail."""
    return True if collection_path.name == "atlantis_tests" else None
