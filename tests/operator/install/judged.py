"""Judges objects that are to be applied: by Kubernetes' own schemas, and ours."""

import json
from collections.abc import Iterable
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import yaml

from ssmd.operator.names import API_VERSION
from tests.operator.crds.made import complaints

Object = dict[str, Any]
VERSIONS = ("1.29", "1.33", "1.37")
CLUSTER = {
    "Namespace",
    "CustomResourceDefinition",
    "PriorityClass",
    "ClusterRole",
    "ClusterRoleBinding",
}


class Strict(yaml.CSafeLoader):
    """Refuses a key that stands twice, as an API server does."""


def _mapping(loader: Strict, node: yaml.MappingNode) -> Object:
    keys = [loader.construct_object(key) for key, _ in node.value]
    assert len(keys) == len(set(keys)), f"a key stands twice: {keys}"
    return {
        key: loader.construct_object(value, deep=True)
        for key, (_, value) in zip(keys, node.value, strict=True)
    }


Strict.add_constructor("tag:yaml.org,2002:map", _mapping)


def read(text: str) -> list[Object]:
    """The objects of YAML documents."""
    return [each for each in yaml.load_all(text, Loader=Strict) if each is not None]


def plain(objects: Iterable[Any]) -> list[Object]:
    """As they come out of JSON: what is applied."""
    found: list[Object] = json.loads(json.dumps(list(objects)))
    return found


def key(each: Object) -> tuple[str, str, str, str]:
    """What tells an object from all others."""
    about = each["metadata"]
    return each["apiVersion"], each["kind"], about.get("namespace", ""), about["name"]


def judge(objects: Iterable[Object]) -> None:
    """Fail on an object that an API server would refuse, and on one that stands twice."""
    found = list(objects)
    keys = [key(each) for each in found]
    assert len(keys) == len(set(keys)), "an object stands twice"
    for each in found:
        assert ("namespace" in each["metadata"]) is (each["kind"] not in CLUSTER), key(each)
        if each["apiVersion"] == API_VERSION:
            assert complaints(each["kind"], each["spec"]) == [], key(each)
            continue
        for version in VERSIONS:
            kubernetes_validate.validate(each, version, strict=True)
