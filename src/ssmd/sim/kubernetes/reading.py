"""Lists in pages, and what a watch sees of a change."""

import base64
import binascii
import json
from collections import OrderedDict
from typing import Final

from ssmd.sim.kubernetes import refusal, selectors
from ssmd.sim.kubernetes.asked import Asked
from ssmd.sim.kubernetes.selectors import Selects
from ssmd.sim.kubernetes.shapes import Object
from ssmd.sim.kubernetes.store import Change, Store

_SNAPSHOTS: Final = 200
"""How many lists that were not read to their end are remembered."""


class Reading:
    """Reads objects.

    Args:
        store: Where objects are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._snapshots: OrderedDict[str, tuple[int, list[Object]]] = OrderedDict()
        self._next = 0

    def expire(self) -> None:
        """Forget lists that were not read to their end."""
        self._snapshots.clear()

    def page(self, asked: Asked) -> Object:
        """A page of a list, at one version from its first page to its last.

        Raises:
            Refusal: 400, options cannot be read; 410, the list began too long ago; 504, the version
                asked for is not there yet.
        """
        selects = selection(asked)
        limit = _number(asked.query.get("limit", "0"), "limit")
        token = asked.query.get("continue", "")
        if token:
            version, found = self._continued(token)
        else:
            self._reached(asked)
            version = self._store.version
            found = [
                each for each in self._store.all(asked.kind.key, asked.namespace) if selects(each)
            ]
        rest = found[limit:] if limit else []
        page = found[:limit] if limit else found
        meta: Object = {"resourceVersion": str(version)}
        if rest:
            meta["continue"] = self._keep(version, rest)
            meta["remainingItemCount"] = len(rest)
        return {
            "kind": f"{asked.kind.kind}List",
            "apiVersion": asked.kind.api_version,
            "metadata": meta,
            "items": [_item(asked, each) for each in page],
        }

    def initial(self, asked: Asked) -> list[Object]:
        """What a watch that has not seen anything is told first."""
        selects = selection(asked)
        found = self._store.all(asked.kind.key, asked.namespace)
        return [event("ADDED", shown(asked, each)) for each in found if selects(each)]

    def _continued(self, token: str) -> tuple[int, list[Object]]:
        try:
            number = json.loads(base64.urlsafe_b64decode(token))["list"]
        except (binascii.Error, ValueError, KeyError, TypeError) as error:
            raise refusal.bad_request(f"continue key is not valid: {error}") from error
        found = self._snapshots.get(str(number))
        if found is None:
            message = (
                "The provided continue parameter is too old to display a consistent list result. You"
                " must start a new list without the continue parameter."
            )
            raise refusal.Refusal(410, message)
        return found

    def _keep(self, version: int, rest: list[Object]) -> str:
        self._next += 1
        self._snapshots[str(self._next)] = (version, rest)
        while len(self._snapshots) > _SNAPSHOTS:
            self._snapshots.popitem(last=False)
        return base64.urlsafe_b64encode(json.dumps({"list": self._next}).encode()).decode()

    def _reached(self, asked: Asked) -> None:
        version = _number(asked.query.get("resourceVersion") or "0", "resourceVersion")
        if version > self._store.version:
            message = f"Too large resource version: {version}, current: {self._store.version}"
            cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
            details = {"causes": [cause], "retryAfterSeconds": 1}
            raise refusal.Refusal(504, message, details=details)


def watched(asked: Asked, change: Change, selects: Selects) -> Object | None:
    """What a watch is told of a change; None if it is not about what it selects.

    An object that the selector no longer selects is gone for this watch; the reverse is new.
    """
    if change.key != asked.kind.key or (asked.namespace and change.namespace != asked.namespace):
        return None
    before, after = change.old, change.new
    if before is not None and not selects(before):
        before = None
    if after is not None and selects(after):
        return event("ADDED" if before is None else "MODIFIED", shown(asked, after))
    if before is None:
        return None
    meta = {**before["metadata"], "resourceVersion": str(change.version)}
    return event("DELETED", shown(asked, change.last or {**before, "metadata": meta}))


def event(kind: str, value: Object) -> Object:
    """One line of a watch."""
    return {"type": kind, "object": value}


def bookmark(asked: Asked, version: int, *, initial: bool = False) -> Object:
    """A line that says how far a watch is."""
    meta: Object = {"resourceVersion": str(version), "creationTimestamp": None}
    if initial:
        meta["annotations"] = {"k8s.io/initial-events-end": "true"}
    value = {"kind": asked.kind.kind, "apiVersion": asked.kind.api_version, "metadata": meta}
    return event("BOOKMARK", value)


def selection(asked: Asked) -> Selects:
    """What the request's selectors select; a name selects that one.

    Raises:
        Refusal: 400, they cannot be read.
    """
    by_labels = selectors.by_labels(asked.query.get("labelSelector", ""))
    by_fields = selectors.by_fields(asked.query.get("fieldSelector", ""), asked.kind.key)
    name = asked.name

    def selects(value: Object) -> bool:
        named = not name or value["metadata"].get("name") == name
        return named and by_labels(value) and by_fields(value)

    return selects


def shown(asked: Asked, value: Object) -> Object:
    """An object in the version that is asked for."""
    if value.get("apiVersion") == asked.kind.api_version:
        return value
    return {**value, "apiVersion": asked.kind.api_version}


def _item(asked: Asked, value: Object) -> Object:
    """An object in a list; a built-in one says its kind in a list no more."""
    if asked.kind.custom:
        return shown(asked, value)
    return {name: inner for name, inner in value.items() if name not in {"apiVersion", "kind"}}


def _number(text: str, name: str) -> int:
    try:
        number = int(text)
    except ValueError as error:
        raise refusal.bad_request(f"invalid {name}: {text}") from error
    if number < 0:
        raise refusal.bad_request(f"invalid {name}: {text}")
    return number
