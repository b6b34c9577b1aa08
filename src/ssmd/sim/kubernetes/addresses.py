"""Addresses: what object, kind or document a path names, and what a method asks of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ssmd.sim.kubernetes import refusal
from ssmd.sim.kubernetes.kinds import Kind
from ssmd.sim.kubernetes.refusal import Refusal
from ssmd.sim.kubernetes.registry import VERSION, Registry
from ssmd.sim.kubernetes.shapes import Object

_OF_NAMESPACES: Final = {"status", "finalize"}


@dataclass(frozen=True, slots=True)
class Target:
    """An object's address, taken apart."""

    kind: Kind
    namespace: str
    name: str
    subresource: str


def address(registry: Registry, path: str) -> Target | None:
    """The object's address in a path; None if it is no object's.

    Raises:
        Refusal: 404, nobody serves it.
    """
    match path.strip("/").split("/"):
        case ["api", version, *rest] if rest:
            group = ""
        case ["apis", group, version, *rest] if rest:
            pass
        case _:
            return None
    plural, *rest = rest
    namespace = ""
    match rest:
        case [owner, inner, *below_it] if plural == "namespaces" and inner not in _OF_NAMESPACES:
            namespace, plural, rest = owner, inner, below_it
    kind = registry.find(group, version, plural)
    match rest:
        case []:
            name, below = "", ""
        case [name]:
            below = ""
        case [name, below]:
            pass
        case _:
            raise refusal.no_such_path()
    if (namespace and not kind.namespaced) or (name and kind.namespaced and not namespace):
        raise refusal.no_such_path()
    return Target(kind, namespace, name, below)


def discovered(registry: Registry, path: str) -> Object:
    """A discovery document.

    Raises:
        Refusal: 404, there is none.
    """
    match path.strip("/").split("/"):
        case ["version"]:
            return dict(VERSION)
        case ["api"]:
            return registry.versions()
        case ["apis"]:
            return registry.groups()
        case ["api", version]:
            return registry.resources("", version)
        case ["apis", group]:
            return registry.group(group)
        case ["apis", group, version]:
            return registry.resources(group, version)
        case _:
            raise refusal.no_such_path()


def verb_of(method: str, target: Target, query: Mapping[str, str]) -> str:
    """What a request asks for.

    Raises:
        Refusal: 405, nothing that is possible there.
    """
    watch = query.get("watch") in {"true", "1"}
    named = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
    unnamed = {"GET": "watch" if watch else "list", "POST": "create", "DELETE": "deletecollection"}
    verbs = named if target.name else unnamed
    needs = target.kind.namespaced and not target.namespace
    if method not in verbs or (needs and method != "GET"):
        raise Refusal(405, "the server does not allow this method on the requested resource")
    return verbs[method]
