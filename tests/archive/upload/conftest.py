"""A disk that needs no time: here nobody cuts the power."""

from collections.abc import Iterator

import pytest

from ssmd.archive import durable


@pytest.fixture(autouse=True)
def quick_disk() -> Iterator[None]:
    """Nothing waits for the disk; names and bytes are written all the same."""
    with durable.use(durable.Device(sync=lambda _handle: None, sync_data=lambda _handle: None)):
        yield
