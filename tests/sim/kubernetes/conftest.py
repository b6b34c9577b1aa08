"""A cluster for each test: our own fake API, or the real one that KUBECONFIG points at."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from ssmd.runtime.clock import SystemClock
from ssmd.sim.kubernetes import FakeApi
from tests.sim.kubernetes.client import Client


@pytest.fixture
async def fake() -> AsyncIterator[FakeApi]:
    """The FAKE API, for what a real one cannot be made to do."""
    async with FakeApi(SystemClock()) as api:
        yield api


@pytest.fixture
async def to_fake(fake: FakeApi) -> AsyncIterator[Client]:
    """A client of the fake API, in a namespace of its own."""
    async with Client(fake.config()) as client:
        yield client


@pytest.fixture
async def cluster() -> AsyncIterator[Client]:
    """A client of the API that these tests are about, in a namespace of its own.

    It is the FAKE API, unless KUBECONFIG names a real one; that must be on this machine, as tests
    may speak to nobody else.
    """
    path = os.environ.get("KUBECONFIG")
    if not path:
        async with FakeApi(SystemClock()) as api, Client(api.config()) as client:
            yield client
        return
    config = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    async with Client(config, real=True) as client:
        body = {"metadata": {"generateName": "ssmd-test-"}}
        made = await client.post("/api/v1/namespaces", body)
        client.namespace = made.meta["name"]
        try:
            yield client
        finally:
            await client.delete(f"/api/v1/namespaces/{client.namespace}")


async def until(check: object, *, tries: int = 400) -> None:
    """Wait until a coroutine function says yes: a real cluster's controllers take a moment."""
    assert callable(check)
    for _ in range(tries):
        if await check():
            return
        await asyncio.sleep(0.05)
    pytest.fail("it did not come to pass")
