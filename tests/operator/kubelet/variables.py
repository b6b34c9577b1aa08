"""The environment of a container, and what refers to it."""

import re
from collections.abc import Mapping
from typing import Any

from tests.operator.kubelet.api import Object
from tests.operator.kubelet.files import NotThere, Volumes

_REFERENCE = re.compile(r"\$(\$)?\(([A-Za-z_][A-Za-z0-9_]*)\)")


def expanded(text: str, known: Mapping[str, str]) -> str:
    """A text with `$(NAME)` replaced; what nobody knows stays, and `$$(NAME)` is `$(NAME)`."""

    def value(found: re.Match[str]) -> str:
        if found.group(1):
            return found.group(0)[1:]
        return known.get(found.group(2), found.group(0))

    return _REFERENCE.sub(value, text)


async def environment(pod: Object, container: Object, ip: str, volumes: Volumes) -> dict[str, str]:
    """Every variable of a container.

    Raises:
        NotThere: A ConfigMap, a Secret or a key of one is not.
    """
    found: dict[str, str] = {}
    for each in container.get("envFrom", []):
        for kind, reference in (("configmaps", "configMapRef"), ("secrets", "secretRef")):
            if reference in each:
                values = await volumes.read(kind, each[reference]["name"], each[reference])
                prefix = each.get("prefix", "")
                found |= {prefix + name: body.decode() for name, body in values.items()}
    for each in container.get("env", []):
        if "valueFrom" in each:
            value = await _from(each["valueFrom"], pod, ip, volumes)
            if value is not None:
                found[each["name"]] = value
        else:
            found[each["name"]] = expanded(each.get("value", ""), found)
    return found


async def _from(source: Object, pod: Object, ip: str, volumes: Volumes) -> str | None:
    if "fieldRef" in source:
        return _field(source["fieldRef"]["fieldPath"], pod, ip)
    for kind, reference in (("configmaps", "configMapKeyRef"), ("secrets", "secretKeyRef")):
        if reference in source:
            return await _key(kind, source[reference], volumes)
    raise AssertionError(f"the test kubelet does not know {source}")


async def _key(kind: str, reference: Mapping[str, Any], volumes: Volumes) -> str | None:
    values = await volumes.read(kind, reference["name"], reference)
    if reference["key"] in values:
        return values[reference["key"]].decode()
    if reference.get("optional"):
        return None
    raise NotThere(f"couldn't find key {reference['key']} in {kind[:-1]} {reference['name']}")


def _field(path: str, pod: Object, ip: str) -> str:
    fields = {
        "status.podIP": ip,
        "metadata.name": pod["metadata"]["name"],
        "metadata.namespace": pod["metadata"]["namespace"],
        "metadata.uid": pod["metadata"]["uid"],
        "spec.nodeName": pod["spec"]["nodeName"],
    }
    return str(fields[path])
