"""The CustomResourceDefinitions. Pure."""

from typing import Any, Final

import msgspec

from ssmd.feeds.schema import meaning
from ssmd.operator.crds import schema
from ssmd.operator.names import GROUP, KINDS, VERSION, Kind, plural
from ssmd.operator.spec.kinds import SPECS, STATUSES

Definition = dict[str, Any]
"""A CustomResourceDefinition, as it is applied."""


class Column(msgspec.Struct, frozen=True):
    """A column of `kubectl get`.

    Attributes:
        name: Its head.
        path: Where its value is.
        type: What kind of value; a `date` is shown as an age.
        wide: Whether only `-o wide` shows it.
    """

    name: str
    path: str
    type: str = "string"
    wide: bool = False

    def plain(self) -> dict[str, object]:
        """As it is applied."""
        column: dict[str, object] = {"name": self.name, "type": self.type, "jsonPath": self.path}
        return column | ({"priority": 1} if self.wide else {})


def _condition(name: str) -> Column:
    return Column(name, f'.status.conditions[?(@.type=="{name}")].status')


_PHASE: Final = Column("Phase", ".status.phase")
_MESSAGES: Final = Column("Messages", ".status.messages", "integer")
_LAST_MESSAGE: Final = Column("Last message", ".status.lastMessageTime", "date")
_AGE: Final = Column("Age", ".metadata.creationTimestamp", "date")
_ENVIRONMENT: Final = Column("Environment", ".spec.environment", wide=True)
_SCHEDULED: Final = (
    Column("Schedule", ".spec.schedule"),
    Column("Suspend", ".spec.suspend", "boolean"),
    Column("Last", ".status.lastScheduleTime", "date"),
)

SHORT_NAMES: Final[dict[Kind, tuple[str, ...]]] = {
    "Connector": ("conn", "ssmdconn"),
    "Archiver": ("arch", "ssmdarch"),
    "SecmasterSync": ("sms",),
    "QualityCheck": ("qc",),
    "Api": ("ssmdapi",),
}
"""What may be typed instead of the kind."""
COLUMNS: Final[dict[Kind, tuple[Column, ...]]] = {
    "Connector": (
        Column("Feed", ".spec.feed"),
        _PHASE,
        _condition("Ready"),
        _condition("Connected"),
        _MESSAGES,
        _LAST_MESSAGE,
        Column("Replicas", ".spec.replicas", "integer", wide=True),
        _ENVIRONMENT,
        _AGE,
    ),
    "Archiver": (
        _PHASE,
        _condition("Ready"),
        _MESSAGES,
        Column("Last message", ".status.lastMessageTime", "date", wide=True),
        Column("Claim", ".status.claim", wide=True),
        _ENVIRONMENT,
        _AGE,
    ),
    "SecmasterSync": (
        *_SCHEDULED,
        Column("Result", ".status.lastResult"),
        Column("Phase", ".status.phase", wide=True),
        _ENVIRONMENT,
        _AGE,
    ),
    "QualityCheck": (
        *_SCHEDULED,
        Column("Grade", ".status.grade"),
        Column("Score", ".status.score", "number"),
        Column("Phase", ".status.phase", wide=True),
        _ENVIRONMENT,
        _AGE,
    ),
    "Api": (
        _PHASE,
        _condition("Ready"),
        Column("Replicas", ".status.readyReplicas", "integer"),
        Column("URL", ".status.url"),
        Column("Claim", ".status.claim", wide=True),
        _ENVIRONMENT,
        _AGE,
    ),
}
"""What `kubectl get` shows."""
_SCALED: Final[frozenset[Kind]] = frozenset({"Connector", "Api"})
"""What `kubectl scale` and autoscalers may change."""
_SCALE: Final = {
    "specReplicasPath": ".spec.replicas",
    "statusReplicasPath": ".status.replicas",
    "labelSelectorPath": ".status.selector",
}


def definitions() -> list[Definition]:
    """Every CustomResourceDefinition, in the order of `KINDS`."""
    return [definition(kind) for kind in KINDS]


def definition(kind: Kind) -> Definition:
    """The CustomResourceDefinition of a kind: one version, served and stored."""
    subresources: dict[str, object] = {"status": {}}
    if kind in _SCALED:
        subresources["scale"] = _SCALE
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural(kind)}.{GROUP}",
            "labels": {"app.kubernetes.io/name": "ssmd"},
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural(kind),
                "singular": kind.lower(),
                "shortNames": list(SHORT_NAMES[kind]),
                "categories": ["ssmd"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": resource_schema(kind)},
                    "subresources": subresources,
                    "additionalPrinterColumns": [each.plain() for each in COLUMNS[kind]],
                }
            ],
        },
    }


def resource_schema(kind: Kind) -> schema.Schema:
    """The schema of a whole resource."""
    return {
        "type": "object",
        "description": meaning(SPECS[kind]),
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": "The group, and its version."},
            "kind": {"type": "string", "description": "The kind of this resource."},
            "metadata": {"type": "object"},
            "spec": schema.of(SPECS[kind]) | {"description": "What is wanted."},
            "status": schema.of(STATUSES[kind])
            | {"description": "How it is; the operator's word."},
        },
    }
