"""Who owns which field (metadata.managedFields), for ordinary writes and for server-side apply.

Source: Kubernetes' reference, Server-Side Apply, and the behaviour of its merge library as that page
describes it: an apply states everything its manager wants; what it stated before and states no
longer goes, unless somebody else owns it; what another owns and this would change is a conflict.
"""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ssmd.sim.kubernetes import fieldset
from ssmd.sim.kubernetes.fieldset import Fields, Undeclared
from ssmd.sim.kubernetes.refusal import Refusal
from ssmd.sim.kubernetes.shapes import Object, Shape

APPLY: Final = "Apply"
UPDATE: Final = "Update"
_UNOWNED: Final = ("apiVersion", "kind")
_UNOWNED_META: Final = (
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "generation",
    "managedFields",
    "resourceVersion",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, and how.

    Attributes:
        name: The field manager.
        operation: Apply or Update.
        version: The apiVersion it writes in.
        subresource: "" for the object itself.
    """

    name: str
    operation: str
    version: str
    subresource: str = ""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes two writes the same manager's: an applier's version does not count."""
        version = "" if self.operation == APPLY else self.version
        return (self.name, self.operation, version, self.subresource)

    def shown(self) -> str:
        """As a conflict's message has it."""
        text = f'"{self.name}"'
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        return text if self.operation == APPLY else f"{text} using {self.version}"


@dataclass(slots=True)
class Owned:
    """What one manager owns.

    Attributes:
        writer: Who.
        time: When that changed last, as objects hold times.
        fields: What.
    """

    writer: Writer
    time: str
    fields: Fields


Managers = dict[tuple[str, str, str, str], Owned]


def stripped(value: Object) -> Object:
    """The object without what nobody owns."""
    result = {key: inner for key, inner in value.items() if key not in _UNOWNED}
    meta = {k: v for k, v in value.get("metadata", {}).items() if k not in _UNOWNED_META}
    result["metadata"] = meta
    if not meta:
        del result["metadata"]
    return result


def read(value: Object) -> Managers:
    """The managers of an object."""
    managers: Managers = {}
    for entry in value.get("metadata", {}).get("managedFields") or ():
        writer = Writer(
            entry["manager"], entry["operation"], entry["apiVersion"], entry.get("subresource", "")
        )
        fields = fieldset.decoded(entry.get("fieldsV1", {}))
        managers[writer.key] = Owned(writer, entry.get("time", ""), fields)
    return managers


def write(value: Object, managers: Managers) -> None:
    """Put the managers into an object; whoever owns nothing is not named."""
    entries: list[Object] = []
    order = sorted(managers.values(), key=lambda each: (each.writer.operation, each.time))
    for owned in order:
        if owned.fields:
            entry: Object = {
                "manager": owned.writer.name,
                "operation": owned.writer.operation,
                "apiVersion": owned.writer.version,
                "time": owned.time,
                "fieldsType": "FieldsV1",
                "fieldsV1": fieldset.encoded(owned.fields),
            }
            if owned.writer.subresource:
                entry["subresource"] = owned.writer.subresource
            entries.append(entry)
    if entries:
        value["metadata"]["managedFields"] = entries
    else:
        value["metadata"].pop("managedFields", None)


def same(old: Object, new: Object) -> bool:
    """Whether two objects differ in nothing but the times of their managers."""
    return _timeless(old) == _timeless(new)


def _timeless(value: Object) -> Object:
    meta = dict(value.get("metadata", {}))
    entries = meta.pop("managedFields", None) or []
    meta["managedFields"] = sorted(
        ({**entry, "time": ""} for entry in entries), key=fieldset.dumped
    )
    return {**value, "metadata": meta}


def updated(shape: Shape, old: Object, new: Object, writer: Writer, now: str) -> None:
    """An ordinary write: what changed becomes the writer's, and nobody else's. Changes `new`.

    Managers are taken from `old`, unless `new` says `managedFields: []`, which forgets them all.
    """
    forget = new.get("metadata", {}).get("managedFields") in ([], [{}])
    managers = {} if forget and old else read(old)
    try:
        changed, removed = fieldset.compared(shape, stripped(old), stripped(new))
    except Undeclared:  # a list whose items cannot be told apart: the checks say so, owners stay
        changed, removed = frozenset(), frozenset()
    if changed or removed:
        _take(managers, writer, changed, removed, now)
        mine = managers.get(writer.key) or Owned(writer, now, frozenset())
        fields = (mine.fields - removed) | changed
        if fields != mine.fields:
            mine = Owned(writer, now, fields)
        managers[writer.key] = mine
    new["metadata"] = dict(new.get("metadata", {}))
    write(new, {} if forget and old and not changed else managers)


def applied(
    shape: Shape, live: Object, config: Object, writer: Writer, *, now: str, force: bool
) -> Object:
    """Server-side apply: the object that comes of it, managers included.

    Raises:
        Refusal: 409, somebody else owns what would change; 400 or 500, the configuration does not
            fit the kind.
    """
    managers = read(live)
    wanted = stripped(config)
    try:
        fields = fieldset.fields_of(shape, wanted)
        merged = fieldset.merged(shape, live, {**config, "metadata": config.get("metadata", {})})
    except Undeclared as error:
        raise _untyped(config, str(error)) from error
    last = managers.get(writer.key)
    changed_time = last is None or last.fields != fields
    managers[writer.key] = Owned(writer, now if changed_time or last is None else last.time, fields)
    if last is not None and last.fields:
        merged = _pruned(shape, merged, last.fields, managers)
    before, after = stripped(live), stripped(merged)
    changed, removed = fieldset.compared(shape, before, after)
    if not force:
        _refuse_conflicts(managers, writer, changed)
    _take(managers, writer, changed, removed, now)
    result: Object = copy.deepcopy(merged)
    result["metadata"] = dict(result.get("metadata", {}))
    write(result, managers)
    return result


def _pruned(shape: Shape, merged: Object, last: Fields, managers: Managers) -> Object:
    """Without what this manager stated before, states no longer, and nobody owns."""
    before = fieldset.named(last)
    all_fields = fieldset.named(fieldset.fields_of(shape, merged))
    pruned = fieldset.without(shape, merged, before)
    owned = fieldset.named(path for each in managers.values() for path in each.fields)
    gone = all_fields - fieldset.named(fieldset.fields_of(shape, pruned)) - owned
    pruned = fieldset.without(shape, merged, gone)
    # What nobody owns stays, unless it was inside of something that goes as a whole.
    gone = (all_fields - fieldset.named(fieldset.fields_of(shape, pruned))) & before
    result: Object = fieldset.without(shape, merged, gone)
    return result


def _take(managers: Managers, writer: Writer, changed: Fields, removed: Fields, now: str) -> None:
    """Nobody else owns what this write changed or removed."""
    for key, owned in list(managers.items()):
        if key == writer.key:
            continue
        left = owned.fields - changed - removed
        if left != owned.fields:
            managers[key] = Owned(owned.writer, now, left)
        if not left:
            del managers[key]


def _refuse_conflicts(managers: Managers, writer: Writer, changed: Fields) -> None:
    """Raise 409 when others own what would change."""
    conflicts = [
        (owned.writer.shown(), path)
        for key, owned in sorted(managers.items())
        if key != writer.key
        for path in owned.fields & changed
    ]
    if not conflicts:
        return
    conflicts.sort(key=lambda each: (each[1], each[0]))
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {who}",
            "field": fieldset.shown(path),
        }
        for who, path in conflicts
    ]
    raise Refusal(409, _told(conflicts), details={"causes": causes})


def _told(conflicts: Iterable[tuple[str, fieldset.Path]]) -> str:
    by_manager: dict[str, list[str]] = {}
    for who, where in sorted(conflicts):
        by_manager.setdefault(who, []).append(fieldset.shown(where))
    count = sum(len(paths) for paths in by_manager.values())
    if count == 1:
        ((who, (path,)),) = by_manager.items()
        return f"Apply failed with 1 conflict: conflict with {who}: {path}"
    told = [
        f"conflicts with {who}:\n" + "\n".join(f"- {path}" for path in paths)
        for who, paths in by_manager.items()
    ]
    return f"Apply failed with {count} conflicts: " + "\n".join(told)


def _untyped(config: Object, why: str) -> Refusal:
    meta = config.get("metadata", {})
    name = f"{meta.get('namespace', '')}/{meta.get('name', '')}"
    version, kind = config.get("apiVersion", ""), config.get("kind", "")
    version = version if "/" in version else f"/{version}"
    message = f"failed to create typed patch object ({name}; {version}, Kind={kind}): {why}"
    return Refusal(500, message, reason="")
