"""Fields of objects: which are ours, and whether anybody changed what we left. Pure."""

import copy
import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

_STEP: Final = re.compile(r"\.([^.\[]+)|\[([^\]]*)\]")
_VOLATILE: Final = ("resourceVersion", "managedFields", "generation", "creationTimestamp")
_OF_CONTROLLERS: Final = ("deployment.kubernetes.io/revision",)


def digest(manifest: Mapping[str, Any]) -> str:
    """A word that is another when anything in an object is."""
    plain = msgspec.json.encode(manifest, order="deterministic")
    return hashlib.sha256(plain).hexdigest()[:32]


def fingerprint(live: Mapping[str, Any]) -> str:
    """A word that is another when anybody changed what an object asks for.

    What its controllers tell of it, and what the API server counts, does not matter.
    """
    metadata = {key: value for key, value in live["metadata"].items() if key not in _VOLATILE}
    if notes := metadata.get("annotations"):
        metadata["annotations"] = {k: v for k, v in notes.items() if k not in _OF_CONTROLLERS}
    rest = {key: value for key, value in live.items() if key not in {"status", "metadata"}}
    return digest({**rest, "metadata": metadata})


def may_be_left(field: str) -> bool:
    """Whether a field may be left to others: how many, and how much, autoscalers decide."""
    return field == ".spec.replicas" or ".resources" in field


def without(manifest: Mapping[str, Any], field: str) -> dict[str, Any]:
    """An object without a field.

    Args:
        manifest: The object.
        field: Where the field is, as the API server writes it:
            `.spec.template.spec.containers[name="connector"].resources`.
    """
    whole = copy.deepcopy(dict(manifest))
    at: Any = whole
    steps = list(_STEP.finditer(field))
    for number, step in enumerate(steps):
        if at is None:
            break
        if step[1] is None:
            at = _item(at, step[2])
            continue
        rest = field[step.start() + 1 :]
        if not isinstance(at, dict):
            break
        if number == len(steps) - 1 or (step[1] not in at and rest in at):
            at.pop(rest, None)  # a key may have dots itself: the rest is the key then
            break
        at = at.get(step[1])
    return whole


def _item(items: object, keys: str) -> object:
    """The item of a list that has these keys: `name="connector"`, or several with commas."""
    if not isinstance(items, list):
        return None
    wanted = dict(pair.split("=", 1) for pair in keys.split(",") if "=" in pair)
    for each in items:
        if isinstance(each, dict) and wanted:
            found = {key: msgspec.json.encode(each.get(key)).decode() for key in wanted}
            if found == wanted:
                return each
    return None
