"""The API without its HTTP: a request in, an object out, everything in turn."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from http import HTTPStatus
from typing import Final

from ssmd.runtime.clock import Clock
from ssmd.sim.kubernetes import rbac, refusal, scale
from ssmd.sim.kubernetes.asked import MASTERS, Asked, User
from ssmd.sim.kubernetes.patching import APPLY
from ssmd.sim.kubernetes.pods import Logs
from ssmd.sim.kubernetes.reading import Reading, selection, shown
from ssmd.sim.kubernetes.registry import Registry
from ssmd.sim.kubernetes.removal import Removal
from ssmd.sim.kubernetes.shapes import Object, Value
from ssmd.sim.kubernetes.store import Store
from ssmd.sim.kubernetes.validation import Rule
from ssmd.sim.kubernetes.writes import Writes

Answer = tuple[int, Value]
"""HTTP status, and an object, or text."""

SYSTEM: Final = User("system:apiserver", (MASTERS,))
_NAMESPACES: Final = ("default", "kube-system", "kube-public", "kube-node-lease")


class Core:
    """Everything that is kept, and the verbs.

    Args:
        clock: The time.
        history: How many changes a watch can go back.
        authorize: Whether rules are asked; without, everybody may do all.
        rule: Judges CEL rules of definitions.
    """

    def __init__(self, clock: Clock, *, history: int, authorize: bool, rule: Rule | None) -> None:
        self.store = Store(history)
        self.registry = Registry()
        self.writes = Writes(self.store, self.registry, clock, rule)
        self.removal = Removal(self.store, self.registry, self.writes)
        self.reading = Reading(self.store)
        self.logs = Logs()
        self._authorize = authorize
        for name in _NAMESPACES:
            self._found(name)

    def answer(self, asked: Asked) -> Answer:
        """Do what is asked, watching excepted.

        Raises:
            Refusal: It is refused.
        """
        self.permit(asked)
        verbs: dict[str, Callable[[Asked], Answer]] = {
            "get": self._get,
            "list": self._list,
            "create": self._create,
            "update": self._change,
            "patch": self._change,
            "delete": self._delete,
            "deletecollection": self._delete_all,
        }
        return verbs[asked.verb](asked)

    def permit(self, asked: Asked) -> None:
        """Raise 403 or 404 when the user may not, or the object has no such part."""
        if self._authorize:
            rbac.check(self.store, asked)
        if asked.subresource and asked.subresource not in asked.kind.subresources():
            raise refusal.no_such_path()

    def _get(self, asked: Asked) -> Answer:
        value = self.writes.existing(asked)
        if asked.subresource == "log":
            return HTTPStatus.OK, self.logs.read(asked, value)
        if asked.subresource == "scale":
            return HTTPStatus.OK, scale.read(asked, value)
        return HTTPStatus.OK, shown(asked, value)

    def _list(self, asked: Asked) -> Answer:
        return HTTPStatus.OK, self.reading.page(asked)

    def _create(self, asked: Asked) -> Answer:
        if asked.subresource:
            raise _not_allowed()
        value = self.writes.create(asked)
        if not asked.dry:
            self.removal.settle(asked.kind, value)
        return HTTPStatus.CREATED, shown(asked, value)

    def _change(self, asked: Asked) -> Answer:
        if asked.subresource == "log":
            raise _not_allowed()
        if asked.subresource == "scale":
            return HTTPStatus.OK, scale.write(asked, self.writes)
        new = asked.media == APPLY and not asked.subresource  # no part makes the whole
        new = new and self.store.get(asked.kind.key, asked.place) is None
        if new and self._authorize:
            rbac.check(self.store, replace(asked, verb="create"))
        value = self.writes.patch(asked) if asked.verb == "patch" else self.writes.update(asked)
        if not asked.dry:
            self.removal.settle(asked.kind, value)
        return HTTPStatus.CREATED if new else HTTPStatus.OK, shown(asked, value)

    def _delete(self, asked: Asked) -> Answer:
        if asked.subresource:
            raise _not_allowed()
        value, gone = self.removal.delete(asked)
        if not gone or asked.kind.key == ("", "pods"):
            return HTTPStatus.OK, shown(asked, value)
        meta = value["metadata"]
        details = {"name": meta["name"], "kind": asked.kind.plural, "uid": meta["uid"]}
        if asked.kind.group:
            details["group"] = asked.kind.group
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        return HTTPStatus.OK, {**status, "details": details}

    def _delete_all(self, asked: Asked) -> Answer:
        selects = selection(asked)
        found = [v for v in self.store.all(asked.kind.key, asked.namespace) if selects(v)]
        for value in found:
            meta = value["metadata"]
            where, name = meta.get("namespace", ""), meta["name"]
            one = Asked(
                "delete",
                asked.kind,
                where,
                name,
                "",
                asked.user,
                query=asked.query,
                body=asked.body,
            )
            if self.store.get(asked.kind.key, one.place) is not None:  # not collected meanwhile
                self.removal.delete(one)
        meta = {"resourceVersion": str(self.store.version)}
        kind = f"{asked.kind.kind}List"
        items = [shown(asked, value) for value in found]
        told: Object = {"kind": kind, "apiVersion": asked.kind.api_version, "metadata": meta}
        return HTTPStatus.OK, {**told, "items": items}

    def objects(self, name: str, namespace: str = "") -> Iterator[Object]:
        """All objects of a kind, by its name."""
        yield from self.store.all(self.registry.named(name).key, namespace)

    def _found(self, name: str) -> None:
        """A namespace that every cluster has."""
        kind = self.registry.named("Namespace")
        body = {"metadata": {"name": name}}
        self.writes.create(Asked("create", kind, "", "", "", SYSTEM, body=body, agent="fake-api"))


def _not_allowed() -> refusal.Refusal:
    return refusal.Refusal(405, "the server does not allow this method on the requested resource")
