"""Label and field selectors: which objects a list or a watch is about."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from ssmd.sim.kubernetes import refusal
from ssmd.sim.kubernetes.shapes import Object, Value

Selects = Callable[[Object], bool]

_SPLIT: Final = re.compile(r",(?![^()]*\))")
_SET: Final = re.compile(r"^(?P<key>[^\s!=,()]+)\s+(?P<how>in|notin)\s*\((?P<values>[^()]*)\)$")
_PAIR: Final = re.compile(r"^(?P<key>[^\s!=,()]+)\s*(?P<how>==|=|!=)\s*(?P<value>[^\s!=,()]*)$")
_KEY: Final = re.compile(r"^(?P<not>!?)\s*(?P<key>[^\s!=,()]+)$")
_FIELDS: Final = {
    ("", "pods"): (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "status.phase",
        "status.podIP",
    ),
    ("", "events"): (
        "involvedObject.kind",
        "involvedObject.name",
        "involvedObject.namespace",
        "involvedObject.uid",
        "reason",
        "type",
        "source",
    ),
    ("", "namespaces"): ("status.phase",),
    ("", "secrets"): ("type",),
    ("apps", "replicasets"): ("status.replicas",),
    ("batch", "jobs"): ("status.successful",),
}
_ALWAYS: Final = ("metadata.name", "metadata.namespace")


def by_labels(text: str) -> Selects:
    """A label selector: `a=b,c!=d,e in (f,g),h,!i`.

    Raises:
        Refusal: 400, it cannot be read.
    """
    terms = [_term(part.strip()) for part in _SPLIT.split(text) if part.strip()]

    def selects(value: Object) -> bool:
        labels = value.get("metadata", {}).get("labels") or {}
        return all(term(labels) for term in terms)

    return selects


def _term(text: str) -> Callable[[Mapping[str, str]], bool]:
    if found := _SET.match(text):
        key, values = found["key"], {each.strip() for each in found["values"].split(",")}
        if found["how"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if found := _PAIR.match(text):
        key, value = found["key"], found["value"]
        if found["how"] == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if found := _KEY.match(text):
        key = found["key"]
        if found["not"]:
            return lambda labels: key not in labels
        return lambda labels: key in labels
    message = f'unable to parse requirement: found "{text}"'
    raise refusal.bad_request(message)


def by_fields(text: str, key: tuple[str, str]) -> Selects:
    """A field selector: `metadata.name=a,status.phase!=Running`, of those fields a kind offers.

    Raises:
        Refusal: 400, it cannot be read, or the kind does not offer the field.
    """
    terms: list[tuple[str, bool, str]] = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        found = _PAIR.match(part)
        if found is None:
            raise refusal.bad_request(f"invalid selector: '{part}'; can't understand '{part}'")
        if found["key"] not in (*_ALWAYS, *_FIELDS.get(key, ())):
            raise refusal.bad_request(_unknown(found["key"], key))
        terms.append((found["key"], found["how"] != "!=", found["value"]))

    def selects(value: Object) -> bool:
        return all((_at(value, name) == wanted) is equal for name, equal, wanted in terms)

    return selects


def _unknown(name: str, key: tuple[str, str]) -> str:
    if key in _FIELDS:
        return f"field label not supported: {name}"
    return f'"{name}" is not a known field selector: only "metadata.name", "metadata.namespace"'


def matches(selector: Object, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector (matchLabels, matchExpressions) is true of labels."""
    wanted = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_expressed(each, labels) for each in selector.get("matchExpressions") or ())


def _expressed(term: Object, labels: Mapping[str, str]) -> bool:
    key, values = term["key"], term.get("values") or ()
    match term["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


def _at(value: Value, path: str) -> str:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return "" if value is None else str(value)
