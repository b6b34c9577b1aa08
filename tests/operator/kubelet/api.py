"""Plain requests to an API server."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml

Object = dict[str, Any]

_MERGE = "application/merge-patch+json"
_GROUPS = {
    "deployments": "/apis/apps/v1",
    "cronjobs": "/apis/batch/v1",
    "jobs": "/apis/batch/v1",
}


class Api:
    """One namespace of an API server, as a node and the controllers see it."""

    def __init__(self, session: aiohttp.ClientSession, server: str, namespace: str) -> None:
        self._session = session
        self._server = server.rstrip("/")
        self.namespace = namespace

    @classmethod
    @asynccontextmanager
    async def open(cls, kubeconfig: Path, namespace: str) -> AsyncIterator["Api"]:
        """The server of a kubeconfig's current context; with a certificate, a token, or nothing."""
        config = yaml.safe_load(kubeconfig.read_text())
        context = _named(config["contexts"], config["current-context"])["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        user = _named(config["users"], context["user"])["user"]
        headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
        connector = aiohttp.TCPConnector(ssl=_tls(cluster, user), limit=32)
        timeout = aiohttp.ClientTimeout(total=20)
        async with aiohttp.ClientSession(
            connector=connector, headers=headers, timeout=timeout
        ) as session:
            yield cls(session, cluster["server"], namespace)

    async def list(self, kind: str) -> list[Object]:
        """Every object of a kind (its plural), in the namespace."""
        found = await self._ask("GET", self._path(kind))
        return [] if found is None else list(found["items"])

    async def get(self, kind: str, name: str) -> Object | None:
        """One object; None when there is none."""
        return await self._ask("GET", self._path(kind, name))

    async def create(self, kind: str, body: Object) -> Object | None:
        """Make an object; None when it was there already."""
        return await self._ask("POST", self._path(kind), body, absent=(404, 409))

    async def status(self, kind: str, name: str, status: Object) -> Object | None:
        """Patch an object's status; None when it has gone."""
        path = f"{self._path(kind, name)}/status"
        return await self._ask("PATCH", path, {"status": status}, content=_MERGE)

    async def merge(self, kind: str, name: str, body: Object) -> Object | None:
        """Patch an object; None when it has gone."""
        return await self._ask("PATCH", self._path(kind, name), body, content=_MERGE)

    async def delete(self, kind: str, name: str, *, grace_s: int | None = None) -> None:
        """Delete an object, or begin to."""
        body: Object = {} if grace_s is None else {"gracePeriodSeconds": grace_s}
        await self._ask(
            "DELETE", self._path(kind, name), {"propagationPolicy": "Background"} | body
        )

    def _path(self, kind: str, name: str = "") -> str:
        group = _GROUPS.get(kind, "/api/v1")
        return f"{group}/namespaces/{self.namespace}/{kind}" + (f"/{name}" if name else "")

    async def _ask(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        *,
        content: str = "application/json",
        absent: tuple[int, ...] = (404,),
    ) -> Object | None:
        async with self._session.request(
            method,
            self._server + path,
            json=body,
            headers={"Content-Type": content} if body is not None else {},
            params={"fieldManager": "test-kubelet"} if method in {"POST", "PATCH"} else {},
        ) as answer:
            if answer.status in absent:
                return None
            if answer.status >= 400:
                raise AssertionError(f"{method} {path}: {answer.status} {await answer.text()}")
            found: Object = await answer.json()
            return found


def _named(items: list[Object], name: str) -> Object:
    return next(item for item in items if item["name"] == name)


def _tls(cluster: Object, user: Object) -> ssl.SSLContext | bool:
    if not cluster["server"].startswith("https"):
        return False
    context = ssl.create_default_context(cafile=cluster.get("certificate-authority"))
    if "client-certificate" in user:
        context.load_cert_chain(user["client-certificate"], user["client-key"])
    return context
