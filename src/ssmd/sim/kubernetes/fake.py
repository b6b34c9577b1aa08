"""The fake API as a test starts it: a server on the loopback address, and what a test does to it."""

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from ssmd.runtime.clock import Clock
from ssmd.sim.kubernetes.asked import MASTERS, Asked, User
from ssmd.sim.kubernetes.core import Core
from ssmd.sim.kubernetes.faults import Entry, Fault
from ssmd.sim.kubernetes.pipeline import Mutates
from ssmd.sim.kubernetes.pods import Source
from ssmd.sim.kubernetes.server import HOST, Server
from ssmd.sim.kubernetes.shapes import Object
from ssmd.sim.kubernetes.validation import Rule

_HISTORY = 20_000


class FakeApi:
    """A FAKE kube-apiserver: what it keeps is gone when it ends.

    `async with FakeApi(clock) as api: api.kubeconfig(path)`.

    Args:
        clock: Its time: of creation, of timeouts, of latency.
        rbac: Everybody needs a token, and rules that allow what is asked.
        rule: Judges CEL rules of definitions (expression, self, oldSelf); None judges none.
        history: How many changes a watch can go back.
        port: Where to listen; 0 takes a free one.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        rbac: bool = False,
        rule: Rule | None = None,
        history: int = _HISTORY,
        port: int = 0,
    ) -> None:
        self._core = Core(clock, history=history, authorize=rbac, rule=rule)
        self._server = Server(self._core, clock, authorize=rbac)
        self._server.port = port

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._server.stop()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{HOST}:{self._server.port}"

    @property
    def journal(self) -> list[Entry]:
        """Every request since the start, or since a test cleared it."""
        return self._server.journal

    @property
    def watches(self) -> int:
        """How many watches are open."""
        return self._server.watches

    @property
    def version(self) -> int:
        """The counter of changes."""
        return self._core.store.version

    def writes(self, *, changed: bool | None = None) -> list[Entry]:
        """The journal's requests that ask for a change; `changed` chooses those that made one."""
        asked = [entry for entry in self.journal if entry.writes]
        return [entry for entry in asked if changed is None or entry.changed is changed]

    def token(self, user: str, groups: tuple[str, ...] = ()) -> str:
        """A token by which a user is known; `system:serviceaccount:NAMESPACE:NAME` of a pod's."""
        token = secrets.token_hex(16)
        groups = (*groups, "system:authenticated")
        if user.startswith("system:serviceaccount:"):
            namespace = user.split(":")[2]
            groups = (*groups, "system:serviceaccounts", f"system:serviceaccounts:{namespace}")
        self._server.tokens[token] = User(user, groups)
        return token

    def config(self, *, namespace: str = "default", user: str = "", token: str = "") -> Object:
        """A kubeconfig. Without a token it is an administrator's, or the user's that is named."""
        if not token:
            token = self.token(user) if user else self.token("fake-admin", (MASTERS,))
        name = "fake"
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "clusters": [{"name": name, "cluster": {"server": self.url}}],
            "contexts": [
                {"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}
            ],
            "users": [{"name": name, "user": {"token": token}}],
        }

    def kubeconfig(
        self, path: Path, *, namespace: str = "default", user: str = "", token: str = ""
    ) -> Path:
        """Write a kubeconfig to a file; gives the file."""
        config = self.config(namespace=namespace, user=user, token=token)
        path.write_text(json.dumps(config, indent=1), encoding="utf-8")
        return path

    def objects(self, kind: str, namespace: str = "") -> list[Object]:
        """All objects of a kind, by its name (`Deployment`, `apps/Deployment`)."""
        return list(self._core.objects(kind, namespace))

    def get(self, kind: str, name: str, namespace: str = "") -> Object | None:
        """One object; None if it is not there."""
        found = self._core.registry.named(kind)
        return self._core.store.get(found.key, (namespace if found.namespaced else "", name))

    def create(self, value: Object) -> Object:
        """Make an object at once, as an administrator, past HTTP, faults and journal.

        Raises:
            Refusal: It is not acceptable.
        """
        group, _, version = value["apiVersion"].rpartition("/")
        named = self._core.registry.named(f"{group}/{value['kind']}")
        kind = self._core.registry.find(group, version, named.plural)
        namespace = value["metadata"].get("namespace", "default") if kind.namespaced else ""
        user = User("fake-admin", (MASTERS,))
        asked = Asked("create", kind, namespace, "", "", user, body=value, agent="fake-admin")
        made: Object = self._core.answer(asked)[1]
        return made

    def mutate(self, kind: str, function: Mutates) -> Callable[[], None]:
        """Let a webhook change every object of a kind (`*` all) that is written; gives its end."""
        entry = (kind, function)
        self._core.writes.mutators.append(entry)
        return lambda: self._core.writes.mutators.remove(entry)

    def set_log(self, namespace: str, pod: str, text: str, container: str = "") -> None:
        """Say all that a container said so far; without a name the pod's first."""
        found = self.get("Pod", pod, namespace)
        if not container and found is not None:
            container = found["spec"]["containers"][0]["name"]
        self._core.logs.set(namespace, pod, container, text)

    def ask_logs(self, source: Source) -> None:
        """Ask this function (namespace, pod, container) for what containers said."""
        self._core.logs.ask(source)

    def fail_next(
        self,
        code: int,
        count: int = 1,
        *,
        verb: str = "",
        kind: str = "",
        name: str = "",
        retry_after_s: int | None = None,
        done: bool = False,
        after: int = 0,
    ) -> None:
        """Let the next requests that fit be answered with `code`; 0 cuts the connection.

        `verb` may be `write` for any that changes something; with `done` the request is carried out
        and only its answer is lost; `after` spares so many first.
        """
        fault = Fault(code, count, verb, kind, name, retry_after_s, done, after)
        self._server.faults.add(fault)

    def slow(self, delay_s: float) -> None:
        """Answer every later request this much later, in seconds; 0 is normal."""
        self._server.faults.delay_s = delay_s

    def recover(self) -> None:
        """Let nothing fail any more."""
        self._server.faults.clear()

    def expire_history(self, *, as_http: bool = False) -> None:
        """Forget all changes: a watch from before is told 410, in its stream or as HTTP status."""
        self._core.store.expire()
        self._core.reading.expire()
        self._server.gone_as_http = as_http

    def drop_watches(self) -> int:
        """Cut every watch that is open; gives how many."""
        return self._server.drop_watches()

    def bookmark_every(self, seconds: float) -> None:
        """Send bookmarks to quiet watches this often, in seconds."""
        self._server.bookmark_s = seconds

    async def stop(self) -> None:
        """Stop listening; what is kept is kept."""
        await self._server.stop()

    async def start(self) -> None:
        """Listen again on the same port."""
        await self._server.start()

    async def restart(self) -> None:
        """Stop and listen again, as after an API server's restart."""
        await self.stop()
        await self.start()
