"""Writes what `deploy` has of the operator's own sources, and docs/reference/crds.md; a test sees that they are current.

python -m scripts.kubernetes
"""

import json
from pathlib import Path
from typing import Any, Final

from scripts import crds_page

from ssmd.cli.operator_manifests import documents
from ssmd.operator import install
from ssmd.operator.crds.definitions import definition, definitions, resource_schema
from ssmd.operator.install_rights import LEADING, RIGHTS, WIDE, rules
from ssmd.operator.names import KINDS, environment_map, feed_map, plural
from ssmd.venues import kraken

FOLDER: Final = Path(__file__).parent.parent / "deploy"
"""Where it is written."""
HEAD: Final = "# Made by `.venv/bin/python -m scripts.kubernetes`; do not edit by hand.\n"
FEED: Final = Path(kraken.__file__).parent / "feed.yaml"
"""The feed of the examples: everything about it is public, and needs no account."""

_CHART: Final = "helm/ssmd"
_EXAMPLE: Final = "kustomize/overlays/example"
_NAME: Final = {"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", "maxLength": 40}
_TEXTS: Final = {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}}


def files() -> dict[str, str]:
    """Every file that is made, by its path from `FOLDER`."""
    made = {
        f"{_CHART}/crds/{plural(kind)}.yaml": HEAD + documents([definition(kind)]) for kind in KINDS
    }
    rights = {
        "rights": rules(RIGHTS),
        "leading": rules(LEADING),
        "wide": rules(WIDE),
    }
    wanted = install.Wanted(create_namespace=True)
    surroundings = [
        each for each in install.manifests(wanted) if each["kind"] != "CustomResourceDefinition"
    ]
    feed = FEED.read_text(encoding="utf-8")
    environment = (FOLDER / "examples/env.yaml").read_text(encoding="utf-8")
    return made | {
        f"{_CHART}/files/rights.yaml": HEAD + documents([rights]),
        f"{_CHART}/values.schema.json": json.dumps(values_schema(), indent=1) + "\n",
        "kustomize/base/crds.yaml": HEAD + documents(definitions()),
        "kustomize/base/operator.yaml": HEAD + documents(surroundings),
        f"{_EXAMPLE}/feed.yaml": feed,
        f"{_EXAMPLE}/env.yaml": environment,
        "examples/config-maps.yaml": config_maps(feed, environment),
    }


def config_maps(feed: str, environment: str) -> str:
    """The feed and the environment of the examples, as the operator finds them."""
    texts = {
        feed_map("kraken"): ("feed.yaml", feed),
        environment_map("prod"): ("env.yaml", environment),
    }
    return HEAD + "---\n".join(
        f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: ssmd\n"
        f"data:\n  {key}: |\n{_indented(text)}"
        for name, (key, text) in texts.items()
    )


def _indented(text: str) -> str:
    return "".join(f"    {line}".rstrip() + "\n" for line in text.splitlines())


def values_schema() -> dict[str, Any]:
    """What the chart's values may be: strict, and each resource by the schema of its kind."""
    flag, text, count = {"type": "boolean"}, {"type": "string"}, {"type": "integer"}
    mapping = {"type": "object", "additionalProperties": text}
    anything = {"type": "object"}
    listed = {"type": "array", "items": anything}
    image = {
        "repository": text | {"minLength": 1},
        "tag": text,
        "pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
        "pullSecrets": {"type": "array", "items": text},
    }
    policy = {
        "enabled": flag,
        "apiServerPorts": {
            "type": "array",
            "minItems": 1,
            "items": count | {"minimum": 1, "maximum": 65_535},
        },
        "egress": listed,
    }
    values = {
        "image": _strict(image),
        "replicas": count | {"minimum": 1, "maximum": 5},
        "clusterWide": flag,
        "serviceAccount": _strict({"annotations": mapping}),
        "priorityClass": _strict({"create": flag, "name": text}),
        "podAnnotations": mapping,
        "podLabels": mapping,
        "env": mapping,
        "resources": anything,
        "nodeSelector": mapping,
        "tolerations": listed,
        "affinity": anything,
        "networkPolicy": _strict(policy),
        "feeds": _TEXTS | {"propertyNames": _NAME},
        "environments": _TEXTS | {"propertyNames": _NAME},
        "connectors": _resources("Connector"),
        "archivers": _resources("Archiver"),
        "secmasterSyncs": _resources("SecmasterSync"),
        "qualityChecks": _resources("QualityCheck"),
        "apis": _resources("Api"),
        "global": anything,
    }
    return {"$schema": "http://json-schema.org/draft-07/schema#", **_strict(values)}


def _strict(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _resources(kind: Any) -> dict[str, Any]:  # noqa: ANN401 - one of KINDS
    spec = resource_schema(kind)["properties"]["spec"]
    return {"type": "object", "additionalProperties": _plain(spec)}


def _plain(schema: Any) -> Any:  # noqa: ANN401 - a schema, or a part of one
    """A structural schema as JSON Schema: strict, and without what only an API server reads."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {
        key: {name: _plain(each) for name, each in value.items()}
        if key == "properties"
        else _plain(value)
        for key, value in schema.items()
        if not key.startswith("x-kubernetes-") and key not in {"format", "default"}
    }
    return found | ({"additionalProperties": False} if "properties" in found else {})


def main() -> None:
    """Write them all, and the page about the kinds."""
    for name, text in files().items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    crds_page.PAGE.write_text(crds_page.page(), encoding="utf-8")


if __name__ == "__main__":
    main()
