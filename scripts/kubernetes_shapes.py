"""Write src/ssmd/sim/kubernetes/shapes.txt: the fields of the kinds the fake API serves.

The facts are Kubernetes' own OpenAPI schemas, read from the package kubernetes-validate (a tool of
the tests). Run it after taking a newer version: `python scripts/kubernetes_shapes.py`.
"""

import json
from importlib import resources
from pathlib import Path
from typing import Any, Final

VERSION: Final = "v1.34.0-local"
TARGET: Final = Path(__file__).parents[1] / "src/ssmd/sim/kubernetes/shapes.txt"
ROOTS: Final = {
    "core.v1": (
        "Namespace ConfigMap Secret Pod Service ServiceAccount PersistentVolumeClaim Event Node"
    ),
    "events.v1": "Event",
    "apps.v1": "Deployment StatefulSet ReplicaSet",
    "autoscaling.v1": "Scale",
    "batch.v1": "Job CronJob",
    "policy.v1": "PodDisruptionBudget",
    "networking.v1": "NetworkPolicy",
    "rbac.v1": "Role RoleBinding ClusterRole ClusterRoleBinding",
    "coordination.v1": "Lease",
    "scheduling.v1": "PriorityClass",
}
HEADER: Final = """\
# Fields of built-in kinds, one type a line; made by scripts/kubernetes_shapes.py from Kubernetes' OpenAPI.
# name*: required. s i n b: string, integer, number, boolean. q: int or string. t u: times. any: anything.
# {T}: map. [T]: list that is one value; [T]set; [T]map(keys, with their defaults). !: one value as a whole.
# ~key: merge key of strategic merge patches, + when keys that are not named go.
"""
KEYS: Final = {"protocol": "protocol=TCP"}  # the one key that may be left out
SCALARS: Final = {"string": "s", "integer": "i", "number": "n", "boolean": "b"}
WHOLE: Final = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "q",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "q",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "any",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "t",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "u",
}
Schema = dict[str, Any]


def short(name: str) -> str:
    """A definition's name without what all have in common; unique among those we serve."""
    parts = name.removeprefix("io.k8s.").split(".")
    return ".".join(parts[-3:])


def written(schema: Schema, definitions: dict[str, Schema], wanted: list[str]) -> str:
    """One field's type; definitions it needs are added to those wanted."""
    atomic = "!" if schema.get("x-kubernetes-map-type") == "atomic" else ""
    if reference := schema.get("$ref"):
        name = reference.rsplit("/", 1)[1]
        if name in WHOLE:
            return WHOLE[name]
        if definitions[name].get("type") == "string":
            return "s"
        wanted.append(name)
        whole = definitions[name].get("x-kubernetes-map-type") == "atomic"
        return short(name) + ("!" if whole else atomic)
    kinds = schema.get("type", "object")
    kind = next(each for each in kinds if each != "null") if isinstance(kinds, list) else kinds
    if kind == "array":
        return _list(schema, definitions, wanted)
    if kind == "object":
        inner = schema.get("additionalProperties")
        return f"{{{written(inner, definitions, wanted)}}}{atomic}" if inner else "any"
    return SCALARS[kind]


def _list(schema: Schema, definitions: dict[str, Schema], wanted: list[str]) -> str:
    text = f"[{written(schema['items'], definitions, wanted)}]"
    how = schema.get("x-kubernetes-list-type", "atomic")
    if how == "map":
        text += f"map({','.join(KEYS.get(k, k) for k in schema['x-kubernetes-list-map-keys'])})"
    elif how == "set":
        text += "set"
    strategy = schema.get("x-kubernetes-patch-strategy", "")
    if "merge" in strategy:
        text += "~" + schema.get("x-kubernetes-patch-merge-key", "")
    return text + ("+" if "retainKeys" in strategy else "")


def shapes() -> str:
    """The whole file."""
    package = resources.files("kubernetes_validate") / "kubernetes-json-schema" / VERSION
    text = (package / "_definitions.json").read_text(encoding="utf-8")
    definitions: dict[str, Schema] = json.loads(text)["$defs"]
    wanted = [
        f"io.k8s.api.{group}.{kind}" for group, kinds in ROOTS.items() for kind in kinds.split()
    ]
    lines: dict[str, str] = {}
    while wanted:
        name = wanted.pop()
        if short(name) in lines:
            continue
        lines[short(name)] = ""
        schema = definitions[name]
        required = set(schema.get("required", ()))
        fields = [
            f"{field}{'*' if field in required else ''}:{written(each, definitions, wanted)}"
            for field, each in sorted(schema.get("properties", {}).items())
        ]
        lines[short(name)] = " ".join([short(name), *fields])
    return HEADER + "\n".join(lines[name] for name in sorted(lines)) + "\n"


if __name__ == "__main__":
    TARGET.write_text(shapes(), encoding="utf-8")
