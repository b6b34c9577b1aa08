"""Objects that tests make."""

from ssmd.sim.kubernetes.shapes import Object, Value

__all__ = ["Object", "config_map", "definition", "deployment", "job", "owner", "pod", "thing"]


def config_map(name: str = "a", **data: str) -> Object:
    """A ConfigMap."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def deployment(name: str = "d", **container: Value) -> Object:
    """A Deployment of one container."""
    labels = {"app": name}
    containers = [{"name": "main", "image": "x:1", **container}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        },
    }


def pod(name: str = "p", **spec: Value) -> Object:
    """A Pod of one container that needs no service account."""
    containers = [{"name": "main", "image": "x:1"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": containers, "automountServiceAccountToken": False, **spec},
    }


def job(name: str = "j") -> Object:
    """A Job."""
    spec = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "x:1"}]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"template": {"spec": spec}},
    }


def definition(group: str, schema: Object | None = None, **version: Value) -> Object:
    """A definition of the kind Thing, with a status of its own."""
    inside = schema or {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"things.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "things", "kind": "Thing", "shortNames": ["th"]},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "properties": {
                                "spec": inside,
                                "status": {
                                    "type": "object",
                                    "x-kubernetes-preserve-unknown-fields": True,
                                },
                            },
                        }
                    },
                    "subresources": {"status": {}},
                    **version,
                }
            ],
        },
    }


def thing(group: str, name: str = "t", **spec: Value) -> Object:
    """An object of the kind that `definition` adds."""
    return {
        "apiVersion": f"{group}/v1",
        "kind": "Thing",
        "metadata": {"name": name},
        "spec": spec,
    }


def owner(answer: Object, *, block: bool = False) -> Object:
    """A reference to an owner."""
    return {
        "apiVersion": answer["apiVersion"],
        "kind": answer["kind"],
        "name": answer["metadata"]["name"],
        "uid": answer["metadata"]["uid"],
        "blockOwnerDeletion": block,
    }
