"""Who keeps our objects out of a repository, and how it is paused."""

from typing import Any

import pytest

from ssmd.operator.fleet import gitops
from ssmd.operator.fleet.gitops import Keeper, Tool, keepers
from ssmd.operator.names import SCALED_FROM


def kept(
    *, labels: dict[str, str] | None = None, annotations: dict[str, str] | None = None
) -> dict[str, Any]:
    """An object of ours as a tool left it."""
    return {
        "metadata": {
            "namespace": "ssmd",
            "name": "x",
            "labels": labels or {},
            "annotations": annotations or {},
        }
    }


def test_the_tools_marks_are_read() -> None:
    """Each tool writes on what it applies; two objects of one keeper name it once."""
    flux = {
        "kustomize.toolkit.fluxcd.io/name": "apps",
        "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
    }
    found = keepers(
        [
            kept(labels=flux),
            kept(labels=flux),
            kept(labels={"helm.toolkit.fluxcd.io/name": "ssmd"}),
            kept(annotations={"argocd.argoproj.io/tracking-id": "data:apps/Deployment:ssmd/x"}),
            kept(labels={"argocd.argoproj.io/instance": "team_quotes"}),
            kept(),
        ]
    )
    assert found == [
        Keeper("Argo CD Application", "argocd", "data"),
        Keeper("Argo CD Application", "team", "quotes"),
        Keeper("Flux HelmRelease", "ssmd", "ssmd"),
        Keeper("Flux Kustomization", "flux-system", "apps"),
    ]


@pytest.mark.parametrize(
    ("tool", "running", "asleep"),
    [
        ("Flux Kustomization", {}, {"suspend": True}),
        ("Flux HelmRelease", {"suspend": False}, {"suspend": True}),
        (
            "Argo CD Application",
            {"syncPolicy": {"automated": {"prune": True, "selfHeal": True}}},
            {"syncPolicy": {"automated": None}},
        ),
    ],
)
def test_a_keeper_is_suspended_and_goes_on_as_it_was(
    tool: Tool, running: dict[str, Any], asleep: dict[str, Any]
) -> None:
    """What it was is remembered on it; one that was suspended by somebody else stays so."""
    keeper = Keeper(tool, "ops", "x")
    assert not gitops.is_suspended(keeper, {"metadata": {}, "spec": running})
    patch = gitops.suspension(keeper, {"metadata": {}, "spec": running})
    assert patch["spec"] == asleep
    assert gitops.is_suspended(keeper, {"metadata": {}, "spec": asleep})
    later = {"metadata": patch["metadata"], "spec": asleep}
    back = gitops.resumption(keeper, later)
    assert back is not None
    assert back["metadata"]["annotations"] == {SCALED_FROM: None}
    assert not gitops.is_suspended(keeper, back)
    if tool == "Argo CD Application":
        assert back["spec"] == running
    assert gitops.resumption(keeper, {"metadata": {}, "spec": asleep}) is None
