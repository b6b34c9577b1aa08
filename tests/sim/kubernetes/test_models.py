"""Whatever happens: ownership is what a much simpler model says, and a cut watch loses nothing."""

from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import example, given
from hypothesis import strategies as st

from ssmd.sim.kubernetes import Refusal, fieldset, managed, patching, structural
from ssmd.sim.kubernetes.asked import Asked, User
from ssmd.sim.kubernetes.kinds import builtin_kinds
from ssmd.sim.kubernetes.managed import Writer
from ssmd.sim.kubernetes.reading import Reading, selection, watched
from ssmd.sim.kubernetes.shapes import Object, Shape, builtin
from ssmd.sim.kubernetes.store import Store

MAP = builtin("core.v1.ConfigMap")
KEYED = structural.shape_of(
    {
        "type": "object",
        "properties": {
            "data": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
                "items": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "value": {"type": "string"}},
                },
            }
        },
    }
)
values = st.dictionaries(st.sampled_from("wxyz"), st.sampled_from("123"), max_size=4)
applies = st.tuples(st.just("apply"), st.sampled_from("abc"), values, st.booleans())
updates = st.tuples(st.just("update"), st.sampled_from("mn"), values, st.just(False))
peaceful = st.tuples(st.just("apply"), st.sampled_from("abc"), values, st.just(False))
History = list[tuple[str, str, dict[str, str], bool]]
histories = st.lists(st.one_of(applies, updates), max_size=12)


@dataclass
class Model:
    """A map of single values: who applied what last, and who owns what."""

    data: dict[str, str] = field(default_factory=dict)
    owners: dict[str, set[str]] = field(default_factory=dict)

    def conflicts(self, who: str, wanted: dict[str, str]) -> set[str]:
        """Keys that somebody else owns and that would change."""
        return {
            key
            for key, value in wanted.items()
            if self.data.get(key) != value
            and any(key in keys for other, keys in self.owners.items() if other != who)
        }

    def apply(self, who: str, wanted: dict[str, str]) -> None:
        """What is said is owned; what is said no more goes, unless others own it."""
        before = self.owners.get(who, set())
        self.owners[who] = set(wanted)
        for key in before - wanted.keys():
            if not any(key in keys for keys in self.owners.values()):
                self.data.pop(key, None)
        for key, value in wanted.items():
            self._set(who, key, value)

    def update(self, who: str, wanted: dict[str, str]) -> None:
        """What changed is owned by who changed it; what is gone by nobody."""
        mine = self.owners.setdefault(who, set())
        for key in self.data.keys() - wanted.keys():
            del self.data[key]
            for keys in self.owners.values():
                keys.discard(key)
        for key, value in wanted.items():
            if self.data.get(key) != value:
                mine.add(key)
            self._set(who, key, value)

    def _set(self, who: str, key: str, value: str) -> None:
        if self.data.get(key) != value:
            for other, keys in self.owners.items():
                if other != who:
                    keys.discard(key)
        self.data[key] = value


def as_map(data: dict[str, str]) -> Object:
    """As a ConfigMap has it."""
    return {"metadata": {"name": "a"}, "data": dict(data)}


def as_items(data: dict[str, str]) -> Object:
    """As a keyed list."""
    items = [{"name": key, "value": value} for key, value in data.items()]
    return {"metadata": {"name": "a"}, "data": items}


def data_of(value: Object) -> dict[str, str]:
    """Back from either."""
    data = value.get("data") or {}
    return data if isinstance(data, dict) else {each["name"]: each["value"] for each in data}


def owners_of(value: Object) -> dict[str, set[str]]:
    """Who owns which key, by the object's managedFields."""
    found: dict[str, set[str]] = {}
    for owned in managed.read(value).values():
        keys = {path for path in owned.fields if len(path) > 1}
        if keys:
            found[owned.writer.name] = {_key(path[1]) for path in keys}
    return found


def _key(step: tuple[str, str]) -> str:
    return step[1] if step[0] == "f" else step[1].split('"')[3]


@given(history=histories)
@example(history=[("apply", "a", {}, False), ("apply", "b", {"w": "1"}, False)])
def test_owners_of_a_map_are_those_the_model_has(history: History) -> None:
    """Managers apply and write in any order, with force and without."""
    _judge(MAP, as_map, history)


@given(history=st.lists(peaceful, max_size=12))
@example(history=[("apply", "a", {}, False), ("apply", "b", {"w": "1"}, False)])
def test_owners_of_a_list_are_those_the_model_has(history: History) -> None:
    """The same of items by their keys, as long as nobody forces: an item has fields of its own."""
    _judge(KEYED, as_items, history)


def _judge(shape: Shape, made: Callable[[dict[str, str]], Object], history: History) -> None:
    live = made({})
    model = Model()
    for how, who, wanted, force in history:
        writer = Writer(who, how.capitalize(), "v1")
        if how == "update":
            new = {**made(wanted), "metadata": {"name": "a"}}
            managed.updated(shape, live, new, writer, "now")
            model.update(who, wanted)
            live = new
        else:
            conflicts = set() if force else model.conflicts(who, wanted)
            try:
                live = managed.applied(shape, live, made(wanted), writer, now="now", force=force)
            except Refusal as refused:
                named = {cause["field"] for cause in refused.details["causes"]}
                assert conflicts
                assert all(any(key in each for each in named) for key in conflicts)
                continue
            assert not conflicts
            model.apply(who, wanted)
        assert data_of(live) == model.data
        assert owners_of(live) == {name: keys for name, keys in model.owners.items() if keys}


@given(history=histories)
def test_applying_again_is_nothing(history: History) -> None:
    """Whatever was before: the second of two equal applies changes neither values nor owners."""
    live = as_map({})
    for _, who, wanted, _ in history:
        writer = Writer(who, "Apply", "v1")
        once = managed.applied(MAP, live, as_map(wanted), writer, now="1", force=True)
        again = managed.applied(MAP, once, as_map(wanted), writer, now="2", force=False)
        assert managed.same(once, again)
        live = once


json_values = st.recursive(
    st.one_of(st.booleans(), st.integers(0, 3), st.sampled_from("ab")),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("xyz"), inner, max_size=3)
    ),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from("xyz"), json_values, max_size=3)
ANYTHING = Shape("object", open=True)


@given(value=objects)
def test_fields_are_written_and_read_back(value: Object) -> None:
    """fieldsV1 holds what it was made of."""
    fields = fieldset.fields_of(ANYTHING, value)
    assert fieldset.decoded(fieldset.encoded(fields)) == fields


@given(live=objects, applied=objects)
def test_a_merge_holds_what_is_applied_and_keeps_the_rest(live: Object, applied: Object) -> None:
    """Every leaf that is applied is there; no path of before is gone that is not in its way."""
    merged = fieldset.merged(ANYTHING, live, applied)
    leaves = {path for path, inner in fieldset.leaves(ANYTHING, applied) if inner is not dict}
    written, removed = fieldset.compared(ANYTHING, merged, applied)
    assert not leaves & written
    assert fieldset.merged(ANYTHING, merged, applied) == merged
    untouched = {k: v for k, v in live.items() if k not in applied}
    assert {k: merged[k] for k in untouched} == untouched
    assert {path[0][1] for path in removed} <= live.keys()


@given(value=objects, patch=objects)
def test_a_merge_patch_done_twice_is_done_once(value: Object, patch: Object) -> None:
    """And what it does not name stays."""
    once = patching.merge(value, patch)
    assert patching.merge(once, patch) == once
    assert all(once[key] == value[key] for key in value.keys() - patch.keys())


steps = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(["put", "drop"]), st.sampled_from("12")),
    max_size=25,
)


@given(history=steps, cuts=st.lists(st.integers(0, 25), max_size=4), selector=st.booleans())
def test_a_watch_that_is_cut_anywhere_sees_it_all(
    history: list[tuple[str, str, str]], cuts: list[int], selector: bool
) -> None:
    """A list, then watches that go on where the last was cut: the same objects as a list at the end."""
    store = Store(1000)
    kind = next(each for each in builtin_kinds() if each.kind == "ConfigMap")
    query = {"labelSelector": "t=1"} if selector else {}
    asked = Asked("watch", kind, "n", "", "", User("u"), query=query)
    selects, reading = selection(asked), Reading(store)
    begun: int | None = None
    seen: dict[str, Object] = {}
    version = 0
    for number, (name, how, label) in enumerate(history):
        if begun is None and number == min(cuts, default=0):
            begun = number
            page = reading.page(asked)
            version = int(page["metadata"]["resourceVersion"])
            seen = {each["metadata"]["name"]: each for each in page["items"]}
        _step(store, name, how, label)
        if begun is not None and number in cuts:
            version = _follow(store, asked, version, seen, selects)
    if begun is None:
        return
    _follow(store, asked, version, seen, selects)
    final = {each["metadata"]["name"]: each for each in reading.page(asked)["items"]}
    assert {n: e["metadata"] for n, e in seen.items()} == {
        n: e["metadata"] for n, e in final.items()
    }


def _step(store: Store, name: str, how: str, label: str) -> None:
    key, place = ("", "configmaps"), ("n", name)
    if how == "put":
        meta = {"name": name, "namespace": "n", "uid": name, "labels": {"t": label}}
        store.put(key, place, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})
    elif store.get(key, place) is not None:
        store.drop(key, place)


def _follow(
    store: Store, asked: Asked, version: int, seen: dict[str, Object], selects: object
) -> int:
    """Read what a watch would tell; gives how far it came. Every event must fit what was seen."""
    assert callable(selects)
    for change in store.since(version):
        event = watched(asked, change, selects)
        version = change.version
        if event is None:
            continue
        meta = event["object"]["metadata"]
        assert int(meta["resourceVersion"]) == change.version
        known = meta["name"] in seen
        assert {"ADDED": not known, "MODIFIED": known, "DELETED": known}[event["type"]]
        seen[meta["name"]] = event["object"]
        if event["type"] == "DELETED":
            del seen[meta["name"]]
    return version
