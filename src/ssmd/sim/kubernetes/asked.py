"""One request, taken apart: who asks for what of which object."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ssmd.sim.kubernetes import refusal
from ssmd.sim.kubernetes.kinds import Kind
from ssmd.sim.kubernetes.managed import UPDATE, Writer
from ssmd.sim.kubernetes.shapes import Value

MASTERS: Final = "system:masters"


@dataclass(frozen=True, slots=True)
class User:
    """Who asks.

    Attributes:
        name: Such as `system:serviceaccount:NAMESPACE:NAME`.
        groups: Such as `system:masters`, who may do all.
    """

    name: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A request about a kind.

    Attributes:
        verb: get, list, watch, create, update, patch, delete, deletecollection.
        kind: What it is about.
        namespace: "" for the cluster, or for all namespaces.
        name: "" for all of them.
        subresource: "" for the object itself.
        query: Its options.
        body: What was sent, read as JSON; None without.
        media: The media type of what was sent.
        user: Who asks.
        agent: The client's name, the field manager when none is given.
        warnings: What the answer warns of.
    """

    verb: str
    kind: Kind
    namespace: str
    name: str
    subresource: str
    user: User
    query: Mapping[str, str] = field(default_factory=dict)
    body: Value = None
    media: str = "application/json"
    agent: str = ""
    warnings: list[str] = field(default_factory=list)

    @property
    def place(self) -> tuple[str, str]:
        """Where the object is."""
        return (self.namespace, self.name)

    @property
    def dry(self) -> bool:
        """Whether nothing is to be kept.

        Raises:
            Refusal: 422, the option is not known.
        """
        value = self.query.get("dryRun", "")
        if value not in {"", "All"}:
            cause = refusal.unsupported("dryRun", value, ["All"])
            raise refusal.invalid("CreateOptions", "meta.k8s.io", "", [cause])
        return bool(value)

    @property
    def strict(self) -> bool:
        """Whether unknown fields are refused."""
        return self.query.get("fieldValidation") == "Strict"

    def writer(self, operation: str = UPDATE, subresource: str | None = None) -> Writer:
        """Who writes, as managedFields will have it."""
        manager = self.query.get("fieldManager") or self.agent.split("/")[0] or "unknown"
        below = self.subresource if subresource is None else subresource
        return Writer(manager, operation, self.kind.api_version, below)

    def not_found(self) -> refusal.Refusal:
        """404 of this object."""
        return refusal.not_found(self.kind.plural, self.kind.group, self.name)

    def stale(self) -> refusal.Refusal:
        """409 of this object: somebody wrote in between."""
        return refusal.stale(self.kind.plural, self.kind.group, self.name)
