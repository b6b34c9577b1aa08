"""Who may do what: the rules of Roles and ClusterRoles, as bindings give them; nothing else is allowed.

Source: Kubernetes' documentation, Using RBAC Authorization. Aggregation of cluster roles, and the
check that nobody grants what he does not have, are not here.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from ssmd.sim.kubernetes import refusal
from ssmd.sim.kubernetes.asked import MASTERS, Asked, User
from ssmd.sim.kubernetes.refusal import Refusal
from ssmd.sim.kubernetes.shapes import Object
from ssmd.sim.kubernetes.store import Store

_GROUP: Final = "rbac.authorization.k8s.io"
_BY_NAME: Final = "metadata.name="
_OPEN: Final = ("/version", "/api", "/apis", "/healthz", "/livez", "/readyz", "/openapi")
"""What every user who is known may read: discovery."""


def check(store: Store, asked: Asked) -> None:
    """Raise 403 when no rule allows what is asked."""
    if MASTERS in asked.user.groups or _allowed(store, asked):
        return
    kind = asked.kind
    resource = f"{kind.plural}/{asked.subresource}" if asked.subresource else kind.plural
    where = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
    why = (
        f'User "{asked.user.name}" cannot {asked.verb} resource "{resource}" in API group'
        f' "{kind.group}" {where}'
    )
    raise refusal.forbidden(kind.plural, kind.group, asked.name, why)


def check_path(user: User, path: str) -> None:
    """Raise 403 when the user may not read an address that is no object's."""
    if MASTERS in user.groups:
        return
    known = user.name != "system:anonymous"
    if known and any(path == each or path.startswith(f"{each}/") for each in _OPEN):
        return
    message = f'forbidden: User "{user.name}" cannot get path "{path}"'
    raise Refusal(403, message)


def _allowed(store: Store, asked: Asked) -> bool:
    return any(_allows(rule, asked) for rule in _rules(store, asked))


def _rules(store: Store, asked: Asked) -> Iterator[Object]:
    """The rules that speak of this user here."""
    for binding in store.all((_GROUP, "clusterrolebindings")):
        yield from _bound(store, asked.user, binding, "")
    if asked.namespace:
        for binding in store.all((_GROUP, "rolebindings"), asked.namespace):
            yield from _bound(store, asked.user, binding, asked.namespace)


def _bound(store: Store, user: User, binding: Object, namespace: str) -> Iterator[Object]:
    if not any(_is(subject, user, namespace) for subject in binding.get("subjects") or ()):
        return
    reference = binding["roleRef"]
    plural = "roles" if reference["kind"] == "Role" else "clusterroles"
    place = (namespace if plural == "roles" else "", reference["name"])
    role = store.get((_GROUP, plural), place)
    if role is not None:
        yield from role.get("rules") or ()


def _is(subject: Object, user: User, namespace: str) -> bool:
    match subject["kind"]:
        case "ServiceAccount":
            where = subject.get("namespace", namespace)
            return user.name == f"system:serviceaccount:{where}:{subject['name']}"
        case "Group":
            return subject["name"] in user.groups
        case _:
            return bool(subject["name"] == user.name)


def _allows(rule: Object, asked: Asked) -> bool:
    kind = asked.kind
    resource = f"{kind.plural}/{asked.subresource}" if asked.subresource else kind.plural
    resources = rule.get("resources") or ()
    named = rule.get("resourceNames") or ()
    return (
        _has(rule.get("verbs"), asked.verb)
        and _has(rule.get("apiGroups"), kind.group)
        and (_has(resources, resource) or f"*/{asked.subresource}" in resources)
        and (not named or _meant(asked) in named)
    )


def _meant(asked: Asked) -> str:
    """The one object that is asked for: by name, or by a selector that finds no other."""
    fields = asked.query.get("fieldSelector", "").split(",")
    exact = next((each for each in fields if each.startswith(_BY_NAME)), "")
    return asked.name or exact.removeprefix(_BY_NAME).removeprefix("=")


def _has(words: Sequence[str] | None, word: str) -> bool:
    return words is not None and ("*" in words or word in words)
