"""Services by which others find out how pods are, whatever their addresses. Pure."""

from collections.abc import Iterable, Mapping

from ssmd.operator.manifests.facts import Manifest, Owner
from ssmd.operator.manifests.owned import metadata
from ssmd.operator.manifests.pod import Port


def service(
    owner: Owner,
    name: str,
    words: Mapping[str, str],
    chosen: Mapping[str, str],
    ports: Iterable[Port],
) -> Manifest:
    """A Service to the health servers of some pods, also of those that are not ready.

    Args:
        owner: Whose pods.
        name: The Service's name.
        words: Its labels of our group.
        chosen: The labels that find the pods.
        ports: Where they tell how they are.
    """
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(owner, name, words),
        "spec": {
            "selector": dict(chosen),
            "publishNotReadyAddresses": True,  # who is not ready says why
            "ports": [
                {
                    "name": port.name,
                    "port": port.number,
                    "targetPort": port.name,
                    "protocol": "TCP",
                }
                for port in ports
            ],
        },
    }
