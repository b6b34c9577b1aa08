"""An Api's pod as it is rendered, run for real: it answers whoever has a key, and nobody else."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ssmd.feeds.environment import EnvironmentConfig
from ssmd.operator.manifests import api
from ssmd.operator.manifests.facts import Facts, Owner
from ssmd.operator.manifests.owned import claim
from ssmd.operator.spec.parse import parse
from ssmd.runtime import settings
from ssmd.runtime.clock import today
from tests.operator.cluster import CLOCK, Lab, lab
from tests.secmaster.server import running

pytestmark = pytest.mark.e2e
ENVIRONMENT = "name: lab\n"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[str]:
    """Where keys are kept: a real PostgreSQL with our schema."""
    with running(tmp_path / "postgres") as server:
        yield server.migrated().url


def free_port() -> int:
    """A port of this machine that nobody has."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


def rendered(it: Lab, database: str, port: int) -> list[Any]:
    """The objects of an Api; nobody is to collect them, for there is no resource."""
    owner = Owner(kind="Api", name="desk", namespace=it.namespace, uid="none")
    known = Facts(
        owner=owner,
        environment=settings.parse(ENVIRONMENT, EnvironmentConfig, where="env"),
        feeds={},
        digests={},
        image="none",
        today=today(CLOCK),
    )
    spec = parse(
        "Api",
        {
            "environment": "lab",
            "archive": {"claim": "archive"},
            "httpPort": port,
            "env": {"DATABASE_URL": database},
        },
    )
    objects: list[Any] = api.objects(spec, known, "archive", one_node=False)
    held = claim(owner, "archive", size="1Gi", mode="ReadWriteMany", storage_class=None, keep=True)
    for each in objects:
        each["metadata"].pop("ownerReferences", None)
    return [held, *objects]


def made_key(database: str) -> str:
    """A key that may read data, made by the command."""
    words = ["keys", "create", "desk", "--scope", "datasets:read", "--json"]
    argv = [sys.executable, "-m", "ssmd", *words, "--database", database]
    said = subprocess.run(argv, capture_output=True, text=True, check=True)
    return str(json.loads(said.stdout.splitlines()[-1])["token"])


async def test_a_rendered_api_lets_in_who_has_a_key(tmp_path: Path, database: str) -> None:
    """Ready by its own word; open where it is to be open, closed elsewhere; and it ends when asked."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    async with lab(tmp_path) as it, aiohttp.ClientSession() as client:
        for each in rendered(it, database, port):
            await it.cluster.apply(each)
        await it.ready(1, "the API")
        with_key = {"Authorization": f"Bearer {made_key(database)}"}
        for path, headers, status in (
            ("/health", {}, HTTPStatus.OK),
            ("/v1/me", {}, HTTPStatus.UNAUTHORIZED),
            ("/v1/me", {"Authorization": "Bearer nonsense"}, HTTPStatus.UNAUTHORIZED),
            ("/v1/me", with_key, HTTPStatus.OK),
            ("/v1/keys", with_key, HTTPStatus.FORBIDDEN),
        ):
            async with client.get(base + path, headers=headers) as answer:
                assert answer.status == status, (path, await answer.text())
        (pod,) = it.node.pods.values()
        assert not list(it.node.claim("archive").iterdir()), "it wrote where it may only read"
        await it.api.merge("deployments", "desk-api", {"spec": {"replicas": 0}})
        await it.ready(0, "the API to end")
        assert pod.containers[0].restarts == 0
