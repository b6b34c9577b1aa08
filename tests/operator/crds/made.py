"""What an API server makes of a resource, and resources to give it."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import cel
import jsonschema
from hypothesis import strategies as st

from ssmd.operator.crds.definitions import resource_schema
from ssmd.operator.names import Kind
from ssmd.sim.kubernetes import structural, validation

Spec = dict[str, Any]
PARTS = re.compile(r"([0-9.]+)([A-Za-z]*)")
POWERS: dict[str, float] = {"": 1, "m": 1e-3} | {
    letter + i: (1024 if i else 1000) ** power
    for power, letter in enumerate(("k", "M", "G", "T", "P"), 1)
    for i in ("", "i")
}
POWERS["Ki"] = POWERS.pop("ki")
SMALLEST: dict[Kind, Spec] = {
    "Connector": {"feed": "north", "environment": "prod"},
    "Archiver": {"environment": "prod", "sources": [{"feed": "north"}]},
    "SecmasterSync": {"environment": "prod", "feeds": ["north"], "schedule": "@daily"},
    "QualityCheck": {
        "environment": "prod",
        "feeds": ["north"],
        "schedule": "15 1 * * *",
        "archive": {"archiver": "main"},
    },
    "Api": {"environment": "prod", "archive": {"archiver": "main"}},
}
"""The least that may be said of each kind."""


def amount(text: str) -> float:
    """An amount as a number, as `quantity` of an API server's CEL compares them."""
    found = PARTS.fullmatch(text)
    assert found
    return float(found[1]) * POWERS[found[2]]


def judge(rule: str, value: object, old: object) -> bool:
    """Judge a rule in CEL, by another's implementation of the language."""
    context = cel.Context(
        variables={"self": value, "oldSelf": old},
        functions={"quantity": amount, "compareTo": lambda a, b: (a > b) - (a < b)},
    )
    return cel.evaluate(rule, context) is True


def taken(kind: Kind, spec: Spec) -> Spec:
    """The spec as it is stored: nulls and unknown fields dropped, defaults filled in."""
    schema = whole(kind)["properties"]["spec"]
    known = structural.pruned(structural.shape_of(schema), without_nulls(spec))
    stored: Spec = structural.defaulted(schema, known)
    return stored


def without_nulls(value: Any) -> Any:  # noqa: ANN401 - a tree of plain values
    """As an API server drops nulls where nothing is nullable."""
    if isinstance(value, dict):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    return [without_nulls(each) for each in value] if isinstance(value, list) else value


def complaints(kind: Kind, spec: Spec, old: Spec | None = None) -> list[str]:
    """What the API server has against a spec: its schema, and its rules."""
    return list(_complaints(kind, taken(kind, spec), None if old is None else taken(kind, old)))


def _complaints(kind: Kind, spec: Spec, old: Spec | None) -> Iterator[str]:
    """Rules are asked when the schema is content: as an API server does."""
    resource = {"spec": spec}
    for error in checker(kind).iter_errors(resource):
        yield f"{error.json_path}: {error.message}"
    found = list(validation.problems(whole(kind), resource, ""))
    if not found:
        before = {} if old is None else {"old": {"spec": old}}
        found = list(validation.problems(whole(kind), resource, "", rule=judge, **before))
    yield from (f"{path}: {message}" for _, message, path in found)


@cache
def whole(kind: Kind) -> Spec:
    """The schema of a kind, for Python's regular expressions: there `$` lets a line's end pass."""
    exact: Spec = json.loads(json.dumps(resource_schema(kind)), object_hook=_exact)
    return exact


def _exact(node: Spec) -> Spec:
    if isinstance(pattern := node.get("pattern"), str):
        return node | {"pattern": pattern.removesuffix("$") + r"\Z"}
    return node


@cache
def checker(kind: Kind) -> jsonschema.Draft7Validator:
    """Another's judge of the same schema."""
    return jsonschema.Draft7Validator(whole(kind))


def _maybe(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Spec]:
    return st.fixed_dictionaries({}, optional=fields)


NAMES = st.sampled_from(["north", "south", "a-1", "x" * 40])
BAD: st.SearchStrategy[Any] = st.sampled_from(
    [None, "", "North", "north\n", "n/x", "-n", 7, True, [], {}, "x" * 300, "é"]
)
NUMBERS = st.sampled_from([0, 1, 5, 10, 65, 1024, 8080, 65_535, 90_000, -1, "5", 1.5, None])
SIZES = st.sampled_from(["10Gi", "1", "500m", "2.5T", "ten", "", "1 Gi", "1Gi\n", None, 7])
TEXTS = st.sampled_from(["", "x", "v1", "Etc/UTC", "a b"])
PLAIN: st.SearchStrategy[Any] = st.sampled_from([{}, {"any": {"thing": [1, "x"]}}, [], "x", None])
FLAGS = st.sampled_from([True, False, None, "true", 1])
PATHS = st.sampled_from(
    ["/keys", "/etc/ssmd/x", "/etc", "/data", "/a/../tmp", "/a:b", "a", "/a\n", None]
)
SOME = st.one_of(NAMES, NAMES, NAMES, BAD)
KEYS = st.sampled_from(["A", "B_1", "cpu"])
VARIABLES = st.sampled_from(["", "A-B", "1A", "_a", "A\n", "A" * 257])
MANY = st.lists(SOME, max_size=3)
WORKLOAD = {
    "image": TEXTS,
    "imagePullPolicy": st.sampled_from(["Always", "Never", "always", None]),
    "imagePullSecrets": MANY,
    "resources": _maybe(
        {
            "requests": st.dictionaries(KEYS, st.one_of(SIZES, NUMBERS), max_size=2),
            "limits": PLAIN,
            "claims": PLAIN,
        }
    ),
    "env": st.dictionaries(st.one_of(KEYS, VARIABLES), TEXTS, max_size=2),
    "envFrom": st.lists(PLAIN, max_size=2),
    "secretEnv": st.lists(
        st.fixed_dictionaries({"name": KEYS, "secret": SOME, "key": SOME}), max_size=3
    ),
    "secretFiles": st.lists(
        st.fixed_dictionaries({"secret": SOME}, optional={"path": PATHS}), max_size=3
    ),
    "podLabels": st.dictionaries(KEYS, SOME, max_size=2),
    "affinity": PLAIN,
    "topologyKey": TEXTS,
    "runAsUser": NUMBERS,
    "terminationGraceS": NUMBERS,
    "network": _maybe({"enabled": FLAGS, "egress": st.lists(PLAIN, max_size=1)}),
    "monitoring": _maybe({"podMonitor": FLAGS, "intervalS": NUMBERS, "labels": PLAIN}),
    "port": NUMBERS,
    "paused": FLAGS,
}
SCHEDULED = WORKLOAD | {
    "environment": SOME,
    "feeds": st.lists(SOME, max_size=3),
    "schedule": st.sampled_from(["@daily", "15 1 * * *", "15 1 * *", "@never", "* * * * *\n"]),
    "timeZone": TEXTS,
    "deadlineS": NUMBERS,
    "keep": NUMBERS,
    "suspend": FLAGS,
}
FIELDS: dict[Kind, dict[str, st.SearchStrategy[Any]]] = {
    "Connector": WORKLOAD
    | {
        "feed": SOME,
        "environment": SOME,
        "categories": MANY,
        "replicas": NUMBERS,
        "spool": _maybe(
            {
                "type": st.sampled_from(["emptyDir", "persistentVolumeClaim", "hostPath"]),
                "size": SIZES,
                "storageClassName": SOME,
            }
        ),
        "rollout": _maybe({"readyS": NUMBERS, "attempts": NUMBERS}),
    },
    "Archiver": WORKLOAD
    | {
        "environment": SOME,
        "sources": st.lists(
            st.fixed_dictionaries(
                {"feed": NAMES},
                optional={
                    "categories": st.lists(NAMES, max_size=2),
                    "stream": TEXTS,
                    "consumer": st.sampled_from(["archive-x", "x", "archive-", None]),
                },
            ),
            max_size=3,
        ),
        "storage": _maybe({"size": SIZES, "existingClaim": SOME, "accessMode": TEXTS}),
        "rotation": PLAIN,
        "keepS": NUMBERS,
        "tables": FLAGS,
        "upload": PLAIN,
    },
    "SecmasterSync": SCHEDULED
    | {
        "mode": st.sampled_from(["auto", "full", "Auto"]),
        "changes": _maybe({"enabled": FLAGS, "replicas": NUMBERS}),
    },
    "QualityCheck": SCHEDULED
    | {
        "archive": _maybe({"archiver": SOME, "claim": SOME}),
        "prometheusUrl": st.sampled_from(["http://p:9090", "ftp://p", "http://p q", "http://é"]),
        "policy": _maybe({"configMap": SOME, "key": SOME}),
        "notify": FLAGS,
    },
    "Api": WORKLOAD
    | {
        "environment": SOME,
        "archive": _maybe({"archiver": SOME, "claim": SOME}),
        "replicas": NUMBERS,
        "address": st.sampled_from(["0.0.0.0", "::", "127.0.0.1", "", None]),  # noqa: S104 - in a pod
        "httpPort": NUMBERS,
        "service": _maybe({"type": st.sampled_from(["NodePort", "None"]), "port": NUMBERS}),
        "clients": st.lists(PLAIN, max_size=2),
        "corsOrigins": st.lists(
            st.sampled_from(["https://a.b", "http://[::1]:9", "https://a/b", "a", "https://a\n"]),
            max_size=3,
        ),
        "identityHeader": st.sampled_from(["X-User", "X User", "1X", None]),
        "trustedProxies": st.lists(
            st.sampled_from(["10.0.0.0/8", "::1", "10.0.0.1\n", "proxy"]), max_size=3
        ),
        "services": st.lists(
            st.fixed_dictionaries(
                {
                    "name": st.sampled_from(["a", "b", ""]),
                    "url": st.sampled_from(
                        ["http://a:8080", "https://[::1]", "http://a@b", "ftp://a", "http://a/b"]
                    ),
                }
            ),
            max_size=3,
        ),
        "watch": FLAGS,
        "limits": PLAIN,
        "live": PLAIN,
        "keys": PLAIN,
    },
}
"""What may stand in each kind, well and ill."""


@st.composite
def specs(draw: st.DrawFn, kind: Kind) -> Spec:
    """The least of a kind with a few more fields, some of them wrong."""
    fields = FIELDS[kind]
    chosen = draw(st.lists(st.sampled_from(sorted(fields)), max_size=3, unique=True))
    return SMALLEST[kind] | {name: draw(fields[name]) for name in chosen}
