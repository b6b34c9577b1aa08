"""The one door to an API server: plain objects, by their kind."""

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from types import TracebackType
from typing import Any, Final, Literal, Self, cast

import httpx2
from lightkube import AsyncClient
from lightkube.core import resource as registry
from lightkube.core.exceptions import ConfigError as LightkubeConfigError
from lightkube.generic_resource import (
    GenericGlobalResource,
    GenericNamespacedResource,
    create_api_info,
)
from lightkube.types import CascadeType, PatchType

from ssmd.operator import kubeconfig as kubeconfigs
from ssmd.operator import refusals
from ssmd.operator.errors import Absent, NoCluster
from ssmd.operator.kinds import ALL_NAMESPACES, place
from ssmd.operator.names import MANAGER

__all__ = ["ALL_NAMESPACES", "Cluster", "Manifest"]

Manifest = dict[str, Any]
"""An object of the API, as JSON has it."""
Listing = tuple[list[Manifest], str]
"""Objects, and the version of the whole, to watch from."""
_CHUNK: Final = 500
_CONNECT_S: Final = 5.0
_ANSWER_S: Final = 30.0
_WATCH_S: Final = 240
_SCALE: Final = {"apiVersion": "autoscaling/v1", "kind": "Scale"}
"""What the scale subresource of every kind is: it refuses to be called anything else."""


class Cluster:
    """An API server, and the namespace that is meant there.

    Every method raises `Absent`, `Conflict`, `Refused`, `NoCluster` or `Unavailable` of
    `operator.errors`. Objects are plain values; those of a list carry no `kind` of their own, so
    it is added. To be used from one event loop.

    Attributes:
        namespace: The namespace that is meant when none is named.
        where: Which kubeconfig and context this is, for people.
        server: The API server's address.
    """

    def __init__(self, target: kubeconfigs.Target, *, manager: str = MANAGER) -> None:
        """Make the client; nothing is asked yet.

        Args:
            target: The cluster.
            manager: Our name as owner of fields.

        Raises:
            NoCluster: Its certificates or credentials cannot be used.
        """
        self.namespace = target.namespace
        self.where = target.where
        self.server = target.config.cluster.server
        self.manager = manager
        try:
            self._client = AsyncClient(
                target.config, timeout=httpx2.Timeout(_ANSWER_S, connect=_CONNECT_S)
            )
        except (LightkubeConfigError, OSError, ValueError) as error:
            raise NoCluster(
                f"{target.where}: its certificates or credentials cannot be used: {error}.",
                remedy="Check the user of this context: `kubectl config view --minify`.",
            ) from error

    @classmethod
    def connect(
        cls,
        kubeconfig: str | None = None,
        context: str | None = None,
        namespace: str | None = None,
        *,
        manager: str = MANAGER,
    ) -> Self:
        """The cluster a kubeconfig and a context mean; in a pod, its own.

        Raises:
            NoCluster: There is none, or it cannot be used.
        """
        return cls(kubeconfigs.find(kubeconfig, context, namespace), manager=manager)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of all connections."""
        await self._client.close()

    async def get(
        self, api_version: str, kind: str, name: str, namespace: str | None = None
    ) -> Manifest:
        """One object.

        Raises:
            Absent: There is none of this name, or no such kind.
        """
        with self._said(f"{kind} {name}"):
            found = await self._client.get(
                _resource(api_version, kind), name, **self._in(api_version, kind, namespace)
            )
        return _plain(found, api_version, kind)

    async def find(
        self, api_version: str, kind: str, name: str, namespace: str | None = None
    ) -> Manifest | None:
        """One object; None when there is none of this name."""
        try:
            return await self.get(api_version, kind, name, namespace)
        except Absent:
            return None

    async def list(
        self,
        api_version: str,
        kind: str,
        *,
        namespace: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> list[Manifest]:
        """All objects of a kind that carry these labels, in one namespace or in all."""
        found, _ = await self.listing(api_version, kind, namespace=namespace, labels=labels)
        return found

    async def listing(
        self,
        api_version: str,
        kind: str,
        *,
        namespace: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Listing:
        """As `list`; and the version of the whole, to watch from."""
        with self._said(f"{kind} objects"):
            answer = self._client.list(
                _resource(api_version, kind),
                **self._in(api_version, kind, namespace),
                chunk_size=_CHUNK,
                labels=dict(labels) if labels else None,
            )
            found = [_plain(each, api_version, kind) async for each in answer]
            return found, answer.resourceVersion

    async def apply(
        self,
        manifest: Mapping[str, Any],
        *,
        force: bool = False,
        dry_run: bool = False,
        subresource: Literal["status"] | None = None,
    ) -> Manifest:
        """Server-side apply: every field of the manifest is ours from now on, and no other is.

        Args:
            manifest: The object; without a namespace it goes to the one that is meant.
            force: Take fields that belong to somebody else.
            dry_run: Have the API server check it, and keep nothing.
            subresource: Apply to the status alone.

        Returns:
            The object as it is now.

        Raises:
            Conflict: Fields belong to somebody else, and are not to be taken.
        """
        return await self._write(manifest, PatchType.APPLY, force, dry_run, subresource)

    async def merge(
        self,
        manifest: Mapping[str, Any],
        *,
        dry_run: bool = False,
        subresource: Literal["status", "scale"] | None = None,
    ) -> Manifest:
        """JSON merge patch: what is named is set, what is null is removed.

        With `metadata.resourceVersion` it is refused (`Conflict`) when the object is another by
        now.
        """
        return await self._write(manifest, PatchType.MERGE, False, dry_run, subresource)

    async def create(self, manifest: Mapping[str, Any], *, dry_run: bool = False) -> Manifest:
        """Make an object that must not be there yet.

        Raises:
            Conflict: It is there.
        """
        api_version, kind, name = _identity(manifest)
        resource = _resource(api_version, kind)
        namespace = self._in(api_version, kind, _namespace(manifest))
        with self._said(f"{kind} {name}"):
            made = await self._client.create(resource(manifest), **namespace, dry_run=dry_run)
        return _plain(made, api_version, kind)

    async def replace(self, manifest: Mapping[str, Any], *, dry_run: bool = False) -> Manifest:
        """Replace the whole object, if `metadata.resourceVersion` is its version still.

        Raises:
            Conflict: Somebody was faster.
        """
        api_version, kind, name = _identity(manifest)
        resource = _resource(api_version, kind)
        namespace = self._in(api_version, kind, _namespace(manifest))
        with self._said(f"{kind} {name}"):
            made = await self._client.replace(
                resource(manifest), name=name, **namespace, dry_run=dry_run
            )
        return _plain(made, api_version, kind)

    async def delete(
        self,
        api_version: str,
        kind: str,
        name: str,
        namespace: str | None = None,
        *,
        cascade: Literal["Background", "Foreground", "Orphan"] = "Background",
        dry_run: bool = False,
    ) -> bool:
        """Ask for the end of an object; finalizers may keep it a while.

        Returns:
            Whether there was one.
        """
        try:
            with self._said(f"{kind} {name}"):
                await self._client.delete(
                    _resource(api_version, kind),
                    name,
                    **self._in(api_version, kind, namespace),
                    cascade=CascadeType(cascade),
                    dry_run=dry_run,
                )
        except Absent:
            return False
        return True

    async def logs(
        self,
        pod: str,
        *,
        container: str | None = None,
        namespace: str | None = None,
        follow: bool = False,
        tail: int | None = None,
        since_s: int | None = None,
    ) -> AsyncIterator[str]:
        """A pod's log, line by line; with `follow`, as long as it runs.

        Args:
            pod: The pod.
            container: Its container; needed when it has several.
            namespace: Its namespace.
            follow: Go on with what comes.
            tail: Only so many lines of the end.
            since_s: Only lines younger than this, in seconds.
        """
        chosen: dict[str, Any] = {
            "namespace": namespace or self.namespace,
            "container": container,
            "since": since_s,
            "newlines": False,
        }
        with self._said(f"the log of Pod {pod}"):
            if follow:  # a refusal of a log that is followed cannot be read: ask once without
                async for _ in self._client.log(pod, tail_lines=1, **chosen):
                    break
            async for line in self._client.log(pod, follow=follow, tail_lines=tail, **chosen):
                yield line

    async def watch(
        self,
        api_version: str,
        kind: str,
        *,
        since: str | None = None,
        namespace: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> AsyncIterator[tuple[str, Manifest]]:
        """Changes (`ADDED`, `MODIFIED`, `DELETED`) of a kind, until something is wrong.

        Args:
            api_version: The API's group and version.
            kind: The kind.
            since: A version that `listing` gave; everything there is comes first when None.
            namespace: The namespace, or all of them.
            labels: Only objects with these labels.

        Raises:
            Expired: `since` is too old: list anew.
        """
        with self._said(f"{kind} objects"):
            async for event, found in self._client.watch(
                _resource(api_version, kind),
                **self._in(api_version, kind, namespace),
                labels=dict(labels) if labels else None,
                resource_version=since,
                server_timeout=_WATCH_S,
            ):
                if event != "BOOKMARK":
                    yield event, _plain(found, api_version, kind)

    async def _write(
        self,
        manifest: Mapping[str, Any],
        how: PatchType,
        force: bool,
        dry_run: bool,
        subresource: str | None,
    ) -> Manifest:
        api_version, kind, name = _identity(manifest)
        resource = _resource(api_version, kind, subresource)
        body = dict(manifest) | (_SCALE if subresource == "scale" else {})
        with self._said(f"{kind} {name}"):
            found = await self._client.patch(
                resource,
                name,
                body,
                **self._in(api_version, kind, _namespace(manifest)),
                patch_type=how,
                field_manager=self.manager,
                force=force,
                dry_run=dry_run,
            )
        return _plain(found, api_version, kind)

    def _in(self, api_version: str, kind: str, namespace: str | None) -> dict[str, Any]:
        if not place(api_version, kind).namespaced:
            return {}
        return {"namespace": namespace or self.namespace}

    @contextlib.contextmanager
    def _said(self, what: str) -> Iterator[None]:
        """Whatever the client raises, in our words."""
        try:
            yield
        except refusals.RAISED as error:
            raise refusals.of(error, what=what, where=f"{self.server}, {self.where}") from error


_RESOURCES: Final[dict[tuple[str, str, str | None], type[Any]]] = {}


def _resource(api_version: str, kind: str, subresource: str | None = None) -> type[Any]:
    """A class as lightkube wants one, of plain values; its own are typed, and forget fields."""
    key = (api_version, kind, subresource)
    if (known := _RESOURCES.get(key)) is None:
        known = _RESOURCES[key] = _made(api_version, kind, subresource)
    return known


def _made(api_version: str, kind: str, subresource: str | None) -> type[Any]:
    at = place(api_version, kind)
    info = create_api_info(at.group, at.version, at.kind, at.plural)
    if subresource is not None:
        info = registry.ApiInfo(
            resource=info.resource,
            parent=info.resource,
            plural=at.plural,
            verbs=["get", "patch", "put"],
            action=subresource,
        )
    base: type[Any] = GenericNamespacedResource if at.namespaced else GenericGlobalResource
    return type(kind, (base,), {"_api_info": info})


def _plain(found: object, api_version: str, kind: str) -> Manifest:
    return {**cast("Manifest", found), "apiVersion": api_version, "kind": kind}


def _identity(manifest: Mapping[str, Any]) -> tuple[str, str, str]:
    return manifest["apiVersion"], manifest["kind"], manifest["metadata"]["name"]


def _namespace(manifest: Mapping[str, Any]) -> str | None:
    found: str | None = manifest["metadata"].get("namespace")
    return found
