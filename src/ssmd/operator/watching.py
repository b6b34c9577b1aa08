"""Watches the API server, by kopf: whatever it brings is handed on, and nothing is written.

kopf has its own loop in its own thread: it takes over the signals of a main thread, and parses what
others write; neither is to disturb the work.
"""

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import httpx2
import kopf
from lightkube import SingleConfig
from lightkube.config import client_adapter

from ssmd.model.errors import SsmdError
from ssmd.operator.cluster import Manifest
from ssmd.operator.kinds import place
from ssmd.operator.kubeconfig import Target
from ssmd.operator.names import API_VERSION, KINDS, MANAGED_BY, MANAGER
from ssmd.runtime.clock import SystemClock

Sink = Callable[[str, Manifest], None]
"""Takes `ADDED`, `MODIFIED`, `DELETED`, or an empty word for what was there; and the object."""

_OURS: Final = (
    ("apps/v1", "Deployment"),
    ("batch/v1", "Job"),
    ("batch/v1", "CronJob"),
    ("v1", "Pod"),
)
_SERVER_S: Final = 240  # whole: a real API server refuses 240.0
_ANSWER_S: Final = 30.0
_CONNECT_S: Final = 5.0
_CHUNK: Final = 500
_EXIT_S: Final = 5.0
_LINGER_S: Final = 0.25


class WatchEnded(SsmdError):
    """The watch ended without being asked: nothing would be seen any more."""


class _Patience(Iterable[float]):
    """Pauses between tries, in seconds: without end, since a watch that gave up sees nothing more."""

    def __iter__(self) -> Iterator[float]:
        return itertools.chain((0.5, 1.0, 2.0), itertools.repeat(5.0))


class Watch:
    """Everything that is watched; used once."""

    def __init__(self, target: Target, namespaces: Sequence[str], lease: str, sink: Sink) -> None:
        """Make it; nothing is asked yet.

        Args:
            target: The cluster.
            namespaces: The namespaces that are watched; all of them when empty.
            lease: The name of our Lease: of Leases, only that is watched.
            sink: Called in the loop of `run` with everything that comes.
        """
        self._target = target
        self._namespaces = list(namespaces)
        self._lease = lease
        self._sink = sink
        self._stop = threading.Event()

    async def run(self) -> None:
        """Watch until cancelled.

        Raises:
            WatchEnded: kopf gave up.
        """
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[BaseException | None] = loop.create_future()

        def tell(error: BaseException | None) -> None:
            if not ended.done():
                ended.set_result(error)

        def live() -> None:
            error: BaseException | None = None
            try:
                asyncio.run(self._operate(loop))
            except BaseException as raised:  # noqa: BLE001 - a thread that dies is to be heard
                error = raised
            if not loop.is_closed():
                loop.call_soon_threadsafe(tell, error)

        thread = threading.Thread(target=live, name="kopf", daemon=True)
        thread.start()
        try:
            error = await asyncio.shield(ended)
        except asyncio.CancelledError:
            self._stop.set()
            await asyncio.wait((ended,), timeout=_EXIT_S)
            raise
        raise WatchEnded(
            f"The watch of {self._target.where} ended: {error or 'it returned'}.",
            remedy="The log holds its last words; Kubernetes starts the operator again.",
        ) from error

    async def _operate(self, loop: asyncio.AbstractEventLoop) -> None:
        await kopf.operator(
            registry=self._registry(loop),
            settings=self._settings(),
            standalone=True,
            identity=MANAGER,  # type: ignore[arg-type] # its own type is not exported; unused: alone
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
            stop_flag=self._stop,
        )
        # aiohttp closes TLS connections in a later turn of this loop, which ends with this coroutine.
        await SystemClock().sleep(_LINGER_S)  # real: this loop is a thread's own

    def _settings(self) -> kopf.OperatorSettings:
        settings = kopf.OperatorSettings()
        settings.posting.enabled = False
        settings.scanning.disabled = True
        settings.peering.standalone = True
        settings.process.ultimate_exiting_timeout = None
        settings.watching.server_timeout = _SERVER_S
        settings.watching.connect_timeout = _CONNECT_S
        settings.watching.chunk_size = _CHUNK
        settings.networking.request_timeout = _ANSWER_S
        settings.networking.connect_timeout = _CONNECT_S
        settings.networking.error_backoffs = _Patience()
        settings.queueing.error_delays = _Patience()
        for api_version, kind in _OURS:
            at = place(api_version, kind)
            selector = f"{MANAGED_BY}={MANAGER}"
            settings.watching.label_selectors[(at.group, at.plural)] = selector
        settings.watching.field_selectors[("coordination.k8s.io", "leases")] = (
            f"metadata.name={self._lease}"
        )
        return settings

    def _registry(self, loop: asyncio.AbstractEventLoop) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()
        sink = self._sink

        async def seen(event: Any, **_: object) -> None:  # noqa: ANN401 - kopf's own
            loop.call_soon_threadsafe(sink, event["type"] or "", dict(event["object"]))

        def login(**_: object) -> kopf.ConnectionInfo:
            return connection(self._target.config)

        kopf.on.login(registry=registry, retries=5)(login)
        watched = [
            *((API_VERSION, kind) for kind in KINDS),
            *_OURS,
            ("v1", "ConfigMap"),
            ("coordination.k8s.io/v1", "Lease"),
        ]
        for api_version, kind in watched:
            at = place(api_version, kind)
            kopf.on.event(at.group, at.version, at.plural, id=kind, registry=registry)(seen)
        return registry


def connection(config: SingleConfig) -> kopf.ConnectionInfo:
    """The same cluster and credentials, as kopf wants them.

    Raises:
        kopf.TemporaryError: The credentials cannot be fetched now.
    """
    cluster, user = config.cluster, config.user
    paths = {
        "ca_path": cluster.certificate_auth,
        "certificate_path": user.client_cert if user else None,
        "private_key_path": user.client_key if user else None,
    }
    held: dict[str, Any] = {
        key: str(config.abs_file(value)) for key, value in paths.items() if value
    }
    return kopf.ConnectionInfo(
        server=cluster.server,
        ca_data=cluster.certificate_auth_data,
        insecure=cluster.insecure,
        certificate_data=user.client_cert_data if user else None,
        private_key_data=user.client_key_data if user else None,
        default_namespace=config.namespace,
        trust_env=True,
        **_authorization(config),
        **held,
    )


def _authorization(config: SingleConfig) -> dict[str, Any]:
    """What opens the door, fetched anew: tokens age."""
    try:
        auth = client_adapter.user_auth(config.user)
    except Exception as error:
        raise kopf.TemporaryError(str(error), delay=5) from error
    if auth is None:
        return {}
    request = httpx2.Request("GET", config.cluster.server)
    try:
        header = next(auth.sync_auth_flow(request)).headers["Authorization"]
    except (Exception, StopIteration) as error:
        raise kopf.TemporaryError(f"no credentials: {error}", delay=5) from error
    scheme, _, token = header.partition(" ")
    return {"scheme": scheme, "token": token}
