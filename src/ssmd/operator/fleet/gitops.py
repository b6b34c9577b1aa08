"""Who else writes to our objects out of a repository, and how it is asked to pause. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import msgspec

from ssmd.operator.names import SCALED_FROM

Tool = Literal["Flux Kustomization", "Flux HelmRelease", "Argo CD Application"]
_PLACES: Final[dict[Tool, tuple[str, str]]] = {
    "Flux Kustomization": ("kustomize.toolkit.fluxcd.io/v1", "Kustomization"),
    "Flux HelmRelease": ("helm.toolkit.fluxcd.io/v2", "HelmRelease"),
    "Argo CD Application": ("argoproj.io/v1alpha1", "Application"),
}
_FLUX: Final[dict[Tool, str]] = {
    "Flux Kustomization": "kustomize.toolkit.fluxcd.io",
    "Flux HelmRelease": "helm.toolkit.fluxcd.io",
}
_ARGO_INSTANCE: Final = "argocd.argoproj.io/instance"
_ARGO_TRACKING: Final = "argocd.argoproj.io/tracking-id"
_ARGO_NAMESPACE: Final = "argocd"


class Keeper(msgspec.Struct, frozen=True, order=True):
    """One that keeps objects as a repository has them.

    Attributes:
        tool: What it is.
        namespace: Where it is.
        name: Its name.
    """

    tool: Tool
    namespace: str
    name: str

    @property
    def place(self) -> tuple[str, str]:
        """`apiVersion` and `kind`."""
        return _PLACES[self.tool]

    @property
    def text(self) -> str:
        """How a person calls it."""
        return f"{self.tool} {self.namespace}/{self.name}"


def keepers(objects: Iterable[Mapping[str, Any]]) -> list[Keeper]:
    """Who keeps these objects, each once, sorted; what the tools wrote on the objects tells."""
    return sorted({keeper for each in objects for keeper in _of(each)})


def _of(found: Mapping[str, Any]) -> Iterable[Keeper]:
    metadata = found.get("metadata", {})
    labels: Mapping[str, str] = metadata.get("labels") or {}
    annotations: Mapping[str, str] = metadata.get("annotations") or {}
    namespace = str(metadata.get("namespace", ""))
    for tool, prefix in _FLUX.items():
        if name := labels.get(f"{prefix}/name"):
            yield Keeper(tool, labels.get(f"{prefix}/namespace", namespace), name)
    told = annotations.get(_ARGO_TRACKING, "").partition(":")[0] or labels.get(_ARGO_INSTANCE, "")
    if told:
        # An application outside of Argo's own namespace is called `namespace_name`.
        place, _, name = told.rpartition("_")
        yield Keeper("Argo CD Application", place or _ARGO_NAMESPACE, name)


def is_suspended(keeper: Keeper, found: Mapping[str, Any]) -> bool:
    """Whether it leaves our objects alone already."""
    spec = found.get("spec") or {}
    if keeper.tool == "Argo CD Application":
        return not (spec.get("syncPolicy") or {}).get("automated")
    return bool(spec.get("suspend"))


def suspension(keeper: Keeper, found: Mapping[str, Any]) -> dict[str, Any]:
    """The merge patch that makes it pause, and remembers what it was."""
    if keeper.tool == "Argo CD Application":
        automated = ((found.get("spec") or {}).get("syncPolicy") or {}).get("automated") or {}
        remembered = msgspec.json.encode(automated).decode()
        return _patch(remembered, {"syncPolicy": {"automated": None}})
    return _patch("running", {"suspend": True})


def resumption(keeper: Keeper, found: Mapping[str, Any]) -> dict[str, Any] | None:
    """The merge patch that makes it go on; None when it was not us who suspended it."""
    remembered = (found.get("metadata", {}).get("annotations") or {}).get(SCALED_FROM)
    if remembered is None:
        return None
    if keeper.tool == "Argo CD Application":
        return _patch(None, {"syncPolicy": {"automated": msgspec.json.decode(remembered)}})
    return _patch(None, {"suspend": False})


def _patch(remembered: str | None, spec: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"annotations": {SCALED_FROM: remembered}}, "spec": spec}
