"""A bare client of a Kubernetes API, fake or real, so that tests see what is on the wire."""

import base64
import json
import ssl
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import aiohttp

from ssmd.sim.kubernetes.shapes import Object, Value

JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: Value
    headers: Mapping[str, str]

    @property
    def meta(self) -> Object:
        """The object's metadata."""
        meta: Object = self.body["metadata"]
        return meta

    @property
    def version(self) -> str:
        """The object's resourceVersion."""
        return str(self.meta["resourceVersion"])

    @property
    def reason(self) -> str:
        """The Status' reason."""
        return str(self.body.get("reason", ""))

    @property
    def message(self) -> str:
        """The Status' message."""
        return str(self.body.get("message", ""))

    @property
    def causes(self) -> set[tuple[str, str]]:
        """The Status' causes: field and reason."""
        causes = (self.body.get("details") or {}).get("causes") or ()
        return {(cause.get("field", ""), cause["reason"]) for cause in causes}

    @property
    def managers(self) -> dict[str, Object]:
        """Field manager -> fieldsV1; with `/SUBRESOURCE` when it wrote one."""
        entries = self.meta.get("managedFields") or ()
        return {_manager(entry): entry["fieldsV1"] for entry in entries}


def _manager(entry: Object) -> str:
    below = entry.get("subresource")
    return str(entry["manager"]) + (f"/{below}" if below else "")


@dataclass
class Client:
    """Asks a server; `kubeconfig` is one as `kubectl` reads it.

    Attributes:
        namespace: Where tests make what they need.
        real: Whether this is a real API server.
    """

    kubeconfig: Object
    namespace: str = "default"
    real: bool = False
    _session: aiohttp.ClientSession | None = field(default=None, repr=False)

    async def __aenter__(self) -> Self:
        cluster = self.kubeconfig["clusters"][0]["cluster"]
        user = self.kubeconfig["users"][0].get("user", {})
        headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
        connector = aiohttp.TCPConnector(ssl=_tls(cluster, user))
        self._session = aiohttp.ClientSession(
            cluster["server"], headers={**headers, "User-Agent": "tester/1"}, connector=connector
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._session is not None
        await self._session.close()

    async def ask(
        self,
        method: str,
        path: str,
        body: Value = None,
        *,
        media: str = JSON,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request; paths without a leading `/` are below the namespace's `/api/v1`."""
        assert self._session is not None
        data = None if body is None else json.dumps(body)
        sent = {"Content-Type": media, **(headers or {})} if data is not None else (headers or {})
        async with self._session.request(
            method, self.path(path), data=data, params=query or {}, headers=sent
        ) as response:
            text = await response.text()
            told = json.loads(text) if "json" in response.content_type else text
            return Answer(response.status, told, dict(response.headers))

    def path(self, path: str) -> str:
        """The whole path: `configmaps/a`, or `apps/v1:deployments/a`, of the namespace."""
        if path.startswith("/"):
            return path
        group, colon, rest = path.partition(":")
        base = f"/apis/{group}" if colon else "/api/v1"
        return f"{base}/namespaces/{self.namespace}/{rest if colon else path}"

    async def get(self, path: str, **query: str) -> Answer:
        """Read."""
        return await self.ask("GET", path, query=query)

    async def post(self, path: str, body: Value, **query: str) -> Answer:
        """Create."""
        return await self.ask("POST", path, body, query=query)

    async def put(self, path: str, body: Value, **query: str) -> Answer:
        """Replace."""
        return await self.ask("PUT", path, body, query=query)

    async def patch(self, path: str, body: Value, media: str = MERGE, **query: str) -> Answer:
        """Patch."""
        return await self.ask("PATCH", path, body, media=media, query=query)

    async def apply(self, path: str, body: Value, manager: str, **query: str) -> Answer:
        """Server-side apply."""
        query = {"fieldManager": manager, **query}
        return await self.ask("PATCH", path, body, media=APPLY, query=query)

    async def delete(self, path: str, body: Value = None, **query: str) -> Answer:
        """Delete."""
        return await self.ask("DELETE", path, body, query=query)

    async def watch(self, path: str, **query: str) -> AsyncIterator[Object]:
        """The events of a watch; one that is answered with a Status raises it as AssertionError."""
        assert self._session is not None
        params = {"watch": "true", "timeoutSeconds": "20", **query}
        async with self._session.get(self.path(path), params=params) as response:
            assert response.status == 200, await response.text()
            async for line in response.content:
                yield json.loads(line)

    async def events(self, path: str, count: int, **query: str) -> list[Object]:
        """The first events of a watch."""
        found: list[Object] = []
        async for event in self.watch(path, **query):
            found.append(event)
            if len(found) == count:
                break
        return found


def _tls(cluster: Object, user: Object) -> ssl.SSLContext | bool:
    """How a real server is trusted, and knows us."""
    if not cluster["server"].startswith("https"):
        return False
    context = ssl.create_default_context(
        cafile=cluster.get("certificate-authority"),
        cadata=_decoded(cluster.get("certificate-authority-data")),
    )
    if "client-certificate" in user:
        context.load_cert_chain(user["client-certificate"], user["client-key"])
    elif "client-certificate-data" in user:
        with tempfile.TemporaryDirectory() as folder:
            pair = Path(folder) / "pair.pem"
            parts = (user["client-certificate-data"], user["client-key-data"])
            pair.write_text("\n".join(filter(None, map(_decoded, parts))), encoding="utf-8")
            context.load_cert_chain(pair)
    return context


def _decoded(text: str | None) -> str | None:
    return None if text is None else base64.b64decode(text).decode()
